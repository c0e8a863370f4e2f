"""The tagger's recipe: files of tagged sentences in, to a tagged corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from elman.config import Values
from elman.data.encodings import Notify
from elman.data.readers import TextSource
from elman.errors import ConfigError
from elman.experiment.config import TaggerRun, resolve_tagger
from elman.tasks.card import tagger_card
from elman.tasks.spec import Opened, Sources, told_budget, told_machine
from elman.tasks.tagger.corpus import TaggedCorpus
from elman.tasks.tagger.defaults import TagDataConfig, operations_per_token
from elman.tasks.tagger.predictor import TaggerPredictor
from elman.tasks.tagger.preparation import prepare_tagged
from elman.tasks.tagger.readers import MemoryTagged, Tagged, read_tagged
from elman.tasks.tagger.training import TaggedBatch, TaggerTask
from elman.training.machine import most_per_second

SPEED_SENTENCES = 500  # tagged at once to measure how fast


class TaggerRecipe:
    """A Recipe."""

    task = "tag"
    run = TaggerRun

    def resolve(self, given: Values, data: TaggedCorpus | None, flops: float) -> TaggerRun:
        if data is None:
            return resolve_tagger(given, flops=flops)
        part = data.train_part
        size = {"sentences": part.count, "tokens": part.tokens, "labels": len(data.labels)}
        return resolve_tagger(given, **size, level=data.text.level, scheme=data.scheme, flops=flops)

    def opened(self, path: str | Path, encoding: str | None, notify: Notify) -> TextSource:
        return TextSource(path, encoding=encoding, notify=notify)

    def prepare(self, folder: Path, given: Values, sources: Sources, notify: Notify) -> TaggedCorpus:
        if sources.targets or sources.valid_targets:
            raise ConfigError("target files are for sequence to sequence, given for a tagger")
        data = resolve_tagger(given).data
        everything = (*sources.train, *sources.valid)
        return prepare_tagged(
            folder,
            _tagged(sources.train, data),
            level=data.level,
            normalize=data.normalize,
            valid=_tagged(sources.valid, data) if sources.valid else None,
            valid_fraction=data.valid_fraction,
            min_frequency=data.min_frequency,
            vocabulary_size=data.vocabulary_size,
            seed=data.split_seed,
            records=lambda: [source.record for source in everything],
            notify=notify,
        )

    def open(self, folder: Path) -> TaggedCorpus:
        return TaggedCorpus.open(folder)

    def build(self, config: TaggerRun, data: TaggedCorpus) -> TaggerTask:
        return TaggerTask(data, config.model, batch_size=config.training.batch_size, seed=config.seed)

    def operations(self, config: TaggerRun, data: TaggedCorpus, batch: TaggedBatch, counted: int) -> float:
        return operations_per_token(config.model.model_dump(exclude_none=True), len(data.labels)) * counted

    def evaluate(self, predictor: TaggerPredictor, data: TaggedCorpus) -> dict[str, Any]:
        return predictor.evaluate(data.valid())

    def speed(self, predictor: TaggerPredictor, data: TaggedCorpus) -> str:
        sentences = [each.tokens for each in data.valid()[:SPEED_SENTENCES]]
        tokens = sum(map(len, sentences))

        def tag() -> int:
            predictor.predict(sentences)
            return tokens

        return f"{most_per_second(tag):,.0f} tokens/s, where it was trained"

    def card(self, predictor: TaggerPredictor, valid: dict[str, Any], data: TaggedCorpus, speed: str) -> str:
        return tagger_card(predictor, valid, data, speed)

    def told(self, config: TaggerRun, data: TaggedCorpus) -> Iterator[str]:
        model, training, part = config.model, config.training, data.train_part
        yield (
            f"{part.count:,} sentences of {part.tokens:,} tokens to train on, {data.valid_part.count:,} held out; "
            f"{len(data.words):,} different words, {len(data.labels):,} tags"
        )
        ways = "both ways" if model.bidirectional else "one way"
        together = ", tags chosen together" if model.crf else ""
        yield (
            f"{model.num_layers} x {model.cell} {model.hidden_size}, {ways}, of {model.reading_told}{together}; "
            f"dropout {model.dropout:g}"
        )
        yield (
            f"batches of {training.batch_size} sentences; {training.optimizer} at {training.learning_rate:g}; "
            f"{told_machine(training)}; {told_budget(training)}"
        )


def _tagged(sources: Sequence[Opened], data: TagDataConfig) -> Iterator[Tagged]:
    for source in sources:
        if isinstance(source, MemoryTagged):
            yield from source.tagged()
        elif isinstance(source, TextSource):
            yield from read_tagged(source, columns=data.where_they_stand(), format=data.format)
