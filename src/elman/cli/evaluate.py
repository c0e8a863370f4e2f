"""elman evaluate: the metrics of a model, on data of the user's or on the run's own held-out part. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.config import validated
from elman.errors import ConfigError, DataError

from .console import print_json, say
from .options import Json, Run, numbers

if TYPE_CHECKING:
    from elman.runtime import LanguageModelPredictor, Seq2SeqPredictor

OF_PAIRS = ("beam", "columns", "format", "target_file", "ensemble")  # options that are about sources and targets
OF_DATA = ("encoding", "columns", "format", "target_file")  # options that say how DATA is read


def evaluate(
    run: Run,
    data: Annotated[list[str] | None, typer.Argument(metavar="[DATA]...", help="Files.  [the held-out part]")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text.")] = None,
    beam: Annotated[int | None, typer.Option(min=1, help="seq2seq: hypotheses kept; 1 is greedy.  [1]")] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="S,T", help="seq2seq: columns.  [1,2; more are references]")
    ] = None,
    format: Annotated[str | None, typer.Option(metavar="NAME", help="seq2seq: tsv or jsonl.  [auto]")] = None,  # noqa: A002
    target_file: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="seq2seq: the targets, where DATA holds sources alone.")
    ] = None,
    ensemble: Annotated[
        list[Path] | None, typer.Option(metavar="RUN", help="seq2seq: average with this model too; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a model: perplexity of a text, error rates of pairs."""
    options = locals()
    from elman.runtime import load

    predictor = load(run)
    if predictor.task == "lm" and (flag := _first_given(OF_PAIRS, options)):
        raise ConfigError(f"{flag} is for seq2seq, given a language model")
    if not data and (flag := _first_given(OF_DATA, options)):
        raise ConfigError(f"{flag} says how DATA is read, and none is given", hint=f"elman evaluate {run} DATA")
    try:
        if predictor.task == "lm":
            metrics = _of_text(predictor, run, data, encoding)
        else:
            metrics = _of_pairs(predictor, run, options)
    except DataError as error:
        raise DataError(error.message, hint=error.hint, where=error.where or ", ".join(data or [str(run)])) from None
    if as_json:
        print_json(metrics)
        return
    for name, value in metrics.items():
        print(f"{name:<20}{value:,.4f}" if isinstance(value, float) else f"{name:<20}{value}")


def _first_given(names: tuple[str, ...], options: dict[str, Any]) -> str | None:
    """The flag of the first of these options that is given."""
    return next((f"--{name.replace('_', '-')}" for name in names if options[name] is not None), None)


def _of_text(
    predictor: LanguageModelPredictor, run: Path, data: list[str] | None, encoding: str | None
) -> dict[str, Any]:
    from elman.data.corpus import Corpus

    metrics = predictor.evaluate(_texts(data, encoding) if data else Corpus.open(_data_of(run)).ids("valid"))
    if metrics["unknown"]:
        say(f"{metrics['unknown']:,} of {metrics['count']:,} tokens are unknown to the model")
    return metrics


def _of_pairs(predictor: Seq2SeqPredictor, run: Path, options: dict[str, Any]) -> dict[str, Any]:
    from elman.data.pair_corpus import PairCorpus, grouped
    from elman.runtime import Ensemble, load

    data = options["data"]
    examples = (
        grouped(_pairs(data, options), predictor.sides.source) if data else PairCorpus.open(_data_of(run)).valid()
    )
    others = [load(path) for path in options["ensemble"] or ()]
    if not data:
        _check_held_out(run, options["ensemble"] or ())
    return Ensemble([predictor, *others]).evaluate(examples, beam=options["beam"] or 1)


def _check_held_out(run: Path, others: Iterable[Path]) -> None:
    """Say which members of an ensemble held out other sources than the run: they may know what is scored."""
    from elman.checkpoint import is_run_folder
    from elman.data.pair_corpus import PairCorpus

    held_out = {example.source for example in PairCorpus.open(_data_of(run)).valid()}
    for other in others:
        same = is_run_folder(other) and {each.source for each in PairCorpus.open(other / "data").valid()} == held_out
        if not same:
            say(f"{other} may have been trained on some of what is scored: it is not known to have held out the same")


def _texts(paths: list[str], encoding: str | None) -> Iterator[str]:
    from elman.data.readers import TextSource

    for path in paths:
        yield from TextSource(path, encoding=encoding, notify=say).blocks()


def _pairs(paths: list[str], options: dict[str, Any]) -> Iterator[Any]:
    from itertools import zip_longest

    from elman.data.pairs import read_pairs
    from elman.data.readers import TextSource
    from elman.tasks.seq2seq_config import PairDataConfig

    def opened(path: str) -> TextSource:
        return TextSource(path, encoding=options["encoding"], notify=say)

    reading = {"columns": numbers(options["columns"]), "format": options["format"] or "auto"}
    how = validated(PairDataConfig, reading)
    for path, target in zip_longest(paths, options["target_file"] or ()):
        if path is None:
            raise ConfigError("--target-file: given more files than DATA", hint="one a file of sources")
        yield from read_pairs(
            opened(path), columns=how.columns, format=how.format, target=opened(target) if target else None
        )


def _data_of(run: Path) -> Path:
    """Where the run's own held-out part lies."""
    from elman.checkpoint import is_run_folder

    if not is_run_folder(run):
        hint = f"give data: elman evaluate {run} FILE"
        raise ConfigError("a model folder has no held-out part of its own", hint=hint, where=str(run))
    return run / "data"
