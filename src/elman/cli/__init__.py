"""The command line: arguments in, calls out. Data on stdout, messages on stderr, an exit code for each kind of failure.

One file a group of commands; heavy imports are inside the commands, so that --help is quick and torch-free commands
stay torch-free.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from elman import shell

from . import (
    bench,
    data,
    demo,
    doctor,
    export,
    generate,
    import_weights,
    inspect,
    lab,
    push,
    quantize,
    serve,
    studio,
    train,
    versions,
)
from .console import run_app
from .groups import LazyCommand, LazyGroup


def _evaluate(summary: str) -> Any:
    from .evaluate import make_evaluate_command

    return make_evaluate_command(summary)


def _predict(summary: str) -> Any:
    from .predict import make_predict_command

    return make_predict_command(summary)


LAZY_COMMANDS = {
    "evaluate": LazyCommand(
        _evaluate, "Measure a model: perplexity of a text, error rates of pairs, accuracy of labels."
    ),
    "predict": LazyCommand(_predict, "Predict for each line of a file, or for a whole series."),
}


ORDER = (  # of use
    *("demo", "train", "resume", "evaluate", "predict", "generate", "plot", "inspect", "studio", "serve"),
    *("export", "quantize", "import", "push", "versions", "rollback", "data", "lab", "bench", "doctor"),
)


class Commands(LazyGroup):
    """The commands of elman. Those whose options the tasks declare are made when they are run."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands in the order of use."""
        return sorted(super().list_commands(ctx), key=ORDER.index)

    def lazy_commands(self) -> dict[str, LazyCommand]:
        """Return the commands `evaluate` and `predict`."""
        return LAZY_COMMANDS


app = typer.Typer(
    cls=Commands,
    name="elman",
    help="Small recurrent sequence models: train on your own file, use without PyTorch.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},  # of all commands, which inherit it
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(train.app, name="train")
app.command("resume")(train.resume)
app.command("versions")(versions.versions)
app.command("rollback")(versions.rollback)
app.command("generate")(generate.generate)
app.add_typer(data.app, name="data")
app.command("inspect")(inspect.inspect_command)
app.command("plot")(inspect.plot_command)
app.command("quantize")(quantize.quantize_command)
app.command("studio")(studio.studio)
app.command("serve")(serve.serve)
app.command("export")(export.export_command)
app.command("import")(import_weights.import_command)
app.command("push")(push.push)
app.command("lab")(lab.lab_command)
app.add_typer(bench.app, name="bench")
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
    imports: Annotated[
        list[str] | None,
        typer.Option(
            shell.IMPORT_FLAG,
            metavar="FILE.py",
            help="Run a Python file, or import a module, before the command, such as one with a cell; repeatable.",
        ),
    ] = None,
) -> None:
    if imports:
        from .imports import import_all

        import_all(imports)
    if version:
        from elman.version import version as installed

        typer.echo(installed())
        raise typer.Exit


def main() -> int:
    """Run the command line; return the exit code."""
    return run_app(app)


__all__ = ["app", "main"]
