"""The metrics of an encoder-decoder, or of several, on pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.console import say
from elman.cli.evaluate.held_out import data_of
from elman.cli.options import numbers
from elman.config import validated
from elman.errors import ConfigError

if TYPE_CHECKING:
    from elman.runtime import Seq2SeqPredictor


def measured(predictor: Seq2SeqPredictor, run: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of the files that the options name, or of the run's held-out part."""
    from elman.runtime import Ensemble, load
    from elman.tasks.seq2seq.corpus import PairCorpus, grouped

    data = options["data"]
    examples = grouped(_pairs(data, options), predictor.sides.source) if data else PairCorpus.open(data_of(run)).valid()
    others = [load(path) for path in options["ensemble"] or ()]
    if not data:
        _check_held_out(run, options["ensemble"] or ())
    return Ensemble([predictor, *others]).evaluate(examples, beam=options["beam"] or 1)


def _check_held_out(run: Path, others: Iterable[Path]) -> None:
    """Say which members of an ensemble held out other sources than the run: they may know what is scored."""
    from elman.checkpoint import is_run_folder
    from elman.tasks.seq2seq.corpus import PairCorpus

    held_out = {example.source for example in PairCorpus.open(data_of(run)).valid()}
    for other in others:
        same = is_run_folder(other) and {each.source for each in PairCorpus.open(other / "data").valid()} == held_out
        if not same:
            say(f"{other} may have been trained on some of what is scored: it is not known to have held out the same")


def _pairs(paths: list[str], options: dict[str, Any]) -> Iterator[Any]:
    from itertools import zip_longest

    from elman.data.readers import TextSource
    from elman.tasks.seq2seq.defaults import PairDataConfig
    from elman.tasks.seq2seq.readers import read_pairs

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
