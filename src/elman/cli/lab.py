"""elman lab: the textbook's experiments. Lists them, runs them, and checks what they claim."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from elman.errors import ConfigError, missing_package_error
from elman.translations import Language, current_language, translate
from elman.translations.columns import pad

from .console import print_json, say
from .options import Json

if TYPE_CHECKING:
    from elman.labs.lab import Lab, Outcome, Settings

DURATION_WIDTH = 7  # of a column of the list

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Labs, by name or alias such as 作业8.")]
Check = Annotated[bool, typer.Option("--check", help="Check the claims (of all labs, if no NAME is given), quietly.")]
Figures = Annotated[Path | None, typer.Option(metavar="DIR", help="Write the figures of the labs, PNG and SVG.")]
Notebook = Annotated[
    Path | None, typer.Option(metavar="FILE.ipynb", help="Write labs as a notebook, one after the other.")
]
Exercise = Annotated[
    Path | None, typer.Option("--exercise", metavar="FILE", help="Write an exercise to fill in: FILE.py or FILE.ipynb.")
]
Grade = Annotated[Path | None, typer.Option("--grade", metavar="FILE", help="Grade a file of an exercise.")]
Key = Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Write the solution of an exercise.")]
Scale = Annotated[
    Literal["full", "smoke"], typer.Option(help="smoke: a fraction of lab training, to see that it runs.")
]
Seeds = Annotated[int | None, typer.Option(min=1, metavar="N", help="Seeds, where a claim is about several.")]
TextFile = Annotated[
    str | None, typer.Option("--text", metavar="FILE", help="Your own text, for labs that read a book.")
]
Pack = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write the site, all labs as notebooks, and data sets into a folder.")
]


def lab_command(
    names: Names = None,
    check: Check = False,
    figures: Figures = None,
    notebook: Notebook = None,
    exercise: Exercise = None,
    grade: Grade = None,
    key: Key = None,
    scale: Scale = "full",
    seeds: Seeds = None,
    text: TextFile = None,
    pack: Pack = None,
    as_json: Json = False,
) -> None:
    """Run the textbook's experiments, and write and grade exercises; without NAME, list them."""
    from elman.labs import LABS, find_labs
    from elman.labs.checking import check_labs
    from elman.labs.lab import Settings

    language, settings = current_language(), Settings(scale == "smoke", seeds, text)
    if pack is not None:
        others: dict[str, object] = {
            "NAME": names,
            "--check": check,
            "--figures": figures,
            "--notebook": notebook,
            "--json": as_json,
        }
        others |= {"--exercise": exercise, "--grade": grade, "--key": key, "--text": text}
        _write_pack(pack, [flag for flag, value in others.items() if value])
        return
    if exercise is not None or grade is not None or key is not None:
        from .exercises import run_exercise

        files = {"--exercise": exercise, "--grade": grade, "--key": key}
        others = {"--check": check, "--figures": figures, "--notebook": notebook, "--text": text}
        run_exercise(names or [], files, others, language, as_json=as_json)
        return
    if not names and not check:
        for flag, value in (("--figures", figures), ("--notebook", notebook), ("--text", text)):
            if value is not None:
                raise ConfigError(f"{flag}: given without NAME; expected labs", hint="List all labs with `elman lab`")
        _list(language, as_json=as_json)
        return
    labs = find_labs(names or LABS)
    if text is not None:
        _check_text(text, labs)
    if notebook is not None:
        if figures is not None or check:
            other = "--figures" if figures is not None else "--check"
            raise ConfigError(
                f"given --notebook and {other}; expected one of them", hint="Run the command once with each"
            )
        _write_notebook(notebook, labs, settings, language)
        return
    quiet = check or as_json

    def show(lab: Lab, outcome: Outcome) -> None:
        if check and not as_json:
            _print_outcome(lab, outcome, language)

    if quiet and figures is None:
        results = check_labs(labs, settings, show=show)
    else:
        results = {}
        for lab in labs:
            results[lab.name] = _run(lab, settings, language, figures, quiet=quiet)
            show(lab, results[lab.name])
    failed = [name for name, outcome in results.items() if not outcome.passed]
    if as_json:
        print_json({name: outcome.as_json() for name, outcome in results.items()})
    if failed:
        raise typer.Exit(1)


def _run(lab: Lab, settings: Settings, language: Language, figures: Path | None, *, quiet: bool) -> Outcome:
    from elman.labs.lab import Report, run_lab

    report = Report(settings)
    if figures is not None:
        report.save_figure = _figure_writer(figures, lab.name, language)
    if not quiet:
        report.write = lambda line: print(line.in_language(language), flush=True)
        _print_head(lab, language)
    outcome = run_lab(lab, report)
    if settings.seeds is not None and not report.has_seeds:
        say(f"--seeds: {lab.name} has no statistical claims; its seeds are fixed in its source")
    if not quiet:
        print()
    return outcome


def _check_text(path: str, labs: Sequence[Lab]) -> None:
    """Raise an error for a text that cannot be read or that no lab would read, before any lab runs."""
    from elman.labs import LABS, load_lab
    from elman.labs.texts import read_own_text

    if not any(lab.reads_text for lab in labs):
        readers = [name for name in LABS if load_lab(name).reads_text]
        names = ", ".join(lab.name for lab in labs)
        raise ConfigError(f"--text: given for {names}; expected a lab that reads a text: {', '.join(readers)}")
    read_own_text(path)


def _write_notebook(path: Path, labs: Sequence[Lab], settings: Settings, language: Language) -> None:
    from elman.checkpoint import check_output_file, translate_disk_errors
    from elman.labs.notebook import notebook_text

    if path.suffix != ".ipynb":
        raise ConfigError(f"--notebook: given {path}; expected a name that ends in .ipynb")
    check_output_file(path, "--notebook", new=True)
    with translate_disk_errors(path):
        path.write_text(notebook_text(labs, settings, language), encoding="utf-8")
    say(str(path))


def _write_pack(folder: Path, other_flags: list[str]) -> None:
    from elman.checkpoint import translate_disk_errors
    from elman.labs.pack import find_site, write_pack

    if other_flags:
        raise ConfigError(f"--pack: given with {', '.join(other_flags)}; expected no other option")
    with translate_disk_errors(folder):
        write_pack(folder, find_site(), say)


def _figure_writer(folder: Path, name: str, language: Language) -> Any:
    from elman.labs.figures import figure_writer

    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--figures: {folder} is a file; expected a folder", hint="Choose another name")
    try:
        return figure_writer(folder, name, language, say)
    except ModuleNotFoundError as error:
        raise missing_package_error(error) or error from None


def _list(language: Language, *, as_json: bool) -> None:
    from elman.labs import ALIASES, CHAPTERS, LABS, load_lab
    from elman.labs.exercises import EXERCISES, load_exercise
    from elman.labs.lab import format_duration

    labs = [load_lab(name) for name in LABS]
    if as_json:
        listing = {
            lab.name: {"title": lab.title.in_language(language), "chapter": lab.chapter, "seconds": lab.seconds}
            for lab in labs
        }
        exercises = {name: {"title": load_exercise(name).title.in_language(language)} for name in EXERCISES}
        aliases = {alias: list(members) for alias, members in ALIASES.items()}
        print_json({"labs": listing, "aliases": aliases, "exercises": exercises})
        return
    width = max(map(len, LABS))
    for chapter, title in CHAPTERS.items():
        print(title.in_language(language))
        for lab in labs:
            if lab.chapter == chapter:
                duration = pad(format_duration(lab.seconds).in_language(language), DURATION_WIDTH, right=True)
                print(f"  {lab.name:<{width}}  {duration}  {lab.title.in_language(language)}")
    print()
    for alias, members in ALIASES.items():
        print(f"  {alias}: {', '.join(members)}")
    print()
    print(translate("Exercises (elman lab NAME --exercise FILE, then --grade FILE)"))
    for name in EXERCISES:
        print(f"  {name:<{width}}  {load_exercise(name).title.in_language(language)}")


def _print_head(lab: Lab, language: Language) -> None:
    print(f"{lab.name}: {lab.title.in_language(language)}")
    print(lab.claim.in_language(language))
    print(f"[{lab.source.in_language(language)}]")
    print(flush=True)


def _print_outcome(lab: Lab, outcome: Outcome, language: Language) -> None:
    from elman.labs.lab import Text, format_value

    if outcome.skipped is not None:
        words = Text("skipped", "已跳过").in_language(language)
        print(f"- {lab.name}  {words}: {outcome.skipped.in_language(language)}", flush=True)
        return
    print(f"{'✓' if outcome.passed else '✗'} {lab.name}  {outcome.seconds:.1f} s", flush=True)
    for claim in outcome.claims:
        if not claim.passed:
            expected = f"{'' if claim.relation == '=' else claim.relation} {format_value(claim.expected)}".strip()
            words = Text("expected", "期望").in_language(language)
            print(f"    {claim.name.in_language(language)} = {format_value(claim.computed)}; {words} {expected}")
