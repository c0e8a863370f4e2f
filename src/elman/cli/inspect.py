"""elman inspect: what happens inside a network on one input. elman plot: the pictures of a run. Neither needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from elman.shell import quote
from elman.translations import current_language

from .console import print_json, say
from .options import Json, Run


def inspect_command(
    run: Run,
    input: Annotated[  # noqa: A002 - the name in the help
        str,
        typer.Argument(metavar="INPUT", help="A text, not the name of a file; for a forecaster, the file of a series."),
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="Write the trace: safetensors and JSON.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="DIR", help="Write its pictures, PNG and SVG.")] = None,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one HTML file that shows the trace in a browser.")
    ] = None,
    gradients: Annotated[bool, typer.Option("--gradients", help="Trace derivatives, too.")] = False,
    target: Annotated[
        str | None,
        typer.Option(help="Label, tags or target text whose loss is traced.  [default: what the model predicts]"),
    ] = None,
    beam: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Hypotheses of the search for a target.  [default: 1]")
    ] = None,
    attribution: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            help="How much each token contributes to a log probability: integrated_gradients, gradient_x_input or "
            "leave_one_out.",
        ),
    ] = None,
    position: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Token whose log probability, or that of its tag, is attributed; the first one is 1.  [default: the "
            "last]",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what happens inside a model on one input: states, gates, attention, decisions, derivatives."""
    from elman.checkpoint.durable_files import check_output_file
    from elman.figures.style import check_figure_folder, write_figures
    from elman.inspect import summarize, trace_drawings, write_trace, write_trace_page
    from elman.inspect.summary import summary_lines
    from elman.inspect.trace_arguments import read_series, trace_arguments
    from elman.inspect.trace_folder import check_trace_folder
    from elman.tasks.loading import load

    predictor = load(run)
    given = {"target": target, "beam": beam, "attribution": attribution, "position": position}
    options = trace_arguments(predictor, given, "--")
    if out is not None:
        check_trace_folder(out)
    if plot is not None:
        check_figure_folder(plot, "--plot")
    if page is not None:
        check_output_file(page, "--page")
    if predictor.task != "forecast" and _is_file(input):
        say(f"{input}: INPUT is read as a text, although a file has this name")
        say(f'To trace what is in the file: elman inspect {quote(run)} "$(cat {quote(input)})"')
    is_series = predictor.task == "forecast"
    source = read_series(predictor, input, say) if is_series else _characters(input)
    trace = predictor.trace(source, gradients=gradients, **options)
    if out is not None:
        write_trace(trace, out)
        say(str(out))
    if page is not None:
        write_trace_page(trace, page)
        say(str(page))
    pictures = []
    if plot is not None:
        pictures = write_figures(plot, trace_drawings(trace), current_language(), say)
        for path in pictures:
            say(str(path))
    if as_json:
        written = {
            "trace": None if out is None else str(out),
            "page": None if page is None else str(page),
            "pictures": list(map(str, pictures)),
        }
        print_json({**summarize(trace), **written})
        return
    for line in summary_lines(trace):
        print(line)


def plot_command(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="A run folder; or several of one task, to compare them.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The folder for the pictures.")],
    as_json: Json = False,
) -> None:
    """Draw a run: training curves, gradient norms, confusion matrix, reliability, forecast; or compare several."""
    from elman.figures.style import check_figure_folder, write_figures
    from elman.inspect import compared, comparison_drawings, run_drawings

    check_figure_folder(out, "--out")
    described: dict[str, Any]
    if len(runs) == 1:
        drawings, described = run_drawings(runs[0]), {"run": str(runs[0])}
    else:
        summaries = compared(runs)
        drawings = comparison_drawings(summaries)
        described = {"runs": [summary.as_json for summary in summaries]}
        for run in summaries:
            say(f"{run.name}: lowest validation loss {run.best_loss:.4f} at step {run.best_step:,} of {run.steps:,}")
    paths = write_figures(out, drawings, current_language(), say)
    if as_json:
        print_json({**described, "pictures": list(map(str, paths))})
        return
    for path in paths:
        print(path)


def _is_file(text: str) -> bool:
    """Return whether a text is the path of a file; a long text is none."""
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _characters(argument: str) -> str:
    """Return a text of the command line with replacements for bytes that are no characters."""
    return argument.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
