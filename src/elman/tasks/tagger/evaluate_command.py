"""The metrics of a tagger on tagged sentences, and its table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.console import say
from elman.cli.evaluate.held_out import data_of

if TYPE_CHECKING:
    from elman.runtime import TaggerPredictor
    from elman.tasks.tagger.corpus import TaggedSentence

MOST_TAGS_SHOWN = 60  # on a terminal; --json has all


def measured(predictor: TaggerPredictor, run: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of the files that the options name, or of the run's held-out part."""
    from elman.tasks.tagger.corpus import TaggedCorpus
    from elman.text.spans import first_break

    data: list[str] | None = options["data"]
    if not data:
        return predictor.evaluate(TaggedCorpus.open(data_of(run)).valid())
    examples = list(_tagged(data, options, predictor.labels))
    scheme = predictor.config.scheme
    if broken := sum(first_break(each.tags, scheme) is not None for each in examples):
        say(f"{broken:,} of {len(examples):,} sentences have tags that are not {scheme.upper()}")
    return predictor.evaluate(examples)


def print_tables(metrics: dict[str, Any]) -> None:
    """Print F1 of each tag."""
    from rich.cells import cell_len, set_cell_size  # a Chinese character is two cells wide

    shown = list(metrics["f1"].items())[:MOST_TAGS_SHOWN]
    width = max(cell_len(label) for label in ["tag", *(label for label, _ in shown)]) + 2
    print(f"\n{set_cell_size('tag', width)}{'f1':>7}")
    for label, f1 in shown:
        print(f"{set_cell_size(label, width)}{'' if f1 is None else format(f1, '.4f'):>7}")
    if left := len(metrics["f1"]) - len(shown):
        print(f"and {left:,} more")


def _tagged(paths: list[str], options: dict[str, Any], labels: tuple[str, ...]) -> Iterator[TaggedSentence]:
    from elman.config import validated
    from elman.data.records import shown_names
    from elman.errors import DataError
    from elman.tasks.tagger.corpus import TaggedSentence
    from elman.tasks.tagger.defaults import TagDataConfig
    from elman.tasks.tagger.readers import read_any

    known = set(labels)
    reading = {"token_column": options["words"], "tag_column": options["column"], "format": options["format"]}
    how = validated(TagDataConfig, {key: value for key, value in reading.items() if value is not None})
    columns, encoding = how.where_they_stand(), options["encoding"]
    for path in paths:
        for each in read_any(path, columns=columns, format=how.format, encoding=encoding, notify=say):
            for index, tag in enumerate(each.tags):
                if tag not in known:
                    hint = f"expected one of {shown_names(labels)}; --column names another column"
                    raise DataError(f"the model knows no tag {tag!r}", hint=hint, where=each.where(index))
            yield TaggedSentence(each.tokens, each.tags)
