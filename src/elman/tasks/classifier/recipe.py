"""The classifier's recipe: files of texts and labels in, to a labelled corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from elman.config import Values
from elman.data.encodings import Notify
from elman.data.readers import TextSource
from elman.errors import ConfigError
from elman.experiment.config import ClassifierRun, resolve_classifier
from elman.tasks.card import NOUNS, classifier_card
from elman.tasks.classifier.corpus import LabelledCorpus
from elman.tasks.classifier.defaults import LabelDataConfig, operations_per_token
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.classifier.preparation import prepare_labelled
from elman.tasks.classifier.readers import ClassFolder, Labelled, MemoryLabelled, read_labelled
from elman.tasks.classifier.training import ClassifierTask, LabelledBatch
from elman.tasks.spec import Opened, Sources, told_budget, told_machine
from elman.training.machine import most_per_second

SPEED_TEXTS = 500  # classified at once to measure how fast


class ClassifierRecipe:
    """A Recipe."""

    task = "classify"
    run = ClassifierRun

    def resolve(self, given: Values, data: LabelledCorpus | None, flops: float) -> ClassifierRun:
        if data is None:
            return resolve_classifier(given, flops=flops)
        part = data.train_part
        return resolve_classifier(given, texts=part.count, tokens=part.tokens, text=data.text, flops=flops)

    def opened(self, path: str | Path, encoding: str | None, notify: Notify) -> TextSource | ClassFolder:
        if Path(path).is_dir():
            return ClassFolder(Path(path), encoding=encoding, notify=notify)
        return TextSource(path, encoding=encoding, notify=notify)

    def prepare(self, folder: Path, given: Values, sources: Sources, notify: Notify) -> LabelledCorpus:
        if sources.targets or sources.valid_targets:
            raise ConfigError("target files are for sequence to sequence, given for a classifier")
        data = resolve_classifier(given).data
        everything = (*sources.train, *sources.valid)
        return prepare_labelled(
            folder,
            _labelled(sources.train, data),
            level=data.level,
            normalize=data.normalize,
            valid=_labelled(sources.valid, data) if sources.valid else None,
            valid_fraction=data.valid_fraction,
            min_frequency=data.min_frequency,
            vocabulary_size=data.vocabulary_size,
            seed=data.split_seed,
            records=lambda: [source.record for source in everything],
            notify=notify,
        )

    def open(self, folder: Path) -> LabelledCorpus:
        return LabelledCorpus.open(folder)

    def build(self, config: ClassifierRun, data: LabelledCorpus) -> ClassifierTask:
        return ClassifierTask(data, config.model, batch_size=config.training.batch_size, seed=config.seed)

    def operations(self, config: ClassifierRun, data: LabelledCorpus, batch: LabelledBatch, counted: int) -> float:
        return operations_per_token(config.model.model_dump(exclude_none=True)) * float(batch.tokens.lengths.sum())

    def evaluate(self, predictor: ClassifierPredictor, data: LabelledCorpus) -> dict[str, Any]:
        return predictor.evaluate(data.valid())

    def speed(self, predictor: ClassifierPredictor, data: LabelledCorpus) -> str:
        texts = [example.text for example in data.valid()[:SPEED_TEXTS]]
        return f"{most_per_second(lambda: len(predictor.predict(texts))):,.0f} texts a second, where it was trained"

    def card(self, predictor: ClassifierPredictor, valid: dict[str, Any], data: LabelledCorpus, speed: str) -> str:
        return classifier_card(predictor, valid, data, speed)

    def told(self, config: ClassifierRun, data: LabelledCorpus) -> Iterator[str]:
        model, training, part = config.model, config.training, data.train_part
        noun = NOUNS[data.text.level]
        yield (
            f"{part.count:,} texts of {part.tokens:,} {noun} to train on, {data.valid_part.count:,} held out; "
            f"{len(data.vocabulary):,} different {noun}, {len(data.labels):,} labels"
        )
        ways = "both ways" if model.bidirectional else "one way"
        yield (
            f"{model.num_layers} x {model.cell} {model.hidden_size}, {ways}, pooling {model.pooling}, of "
            f"{model.reading_told}; dropout {model.dropout:g}"
        )
        yield (
            f"batches of {training.batch_size} texts; {training.optimizer} at {training.learning_rate:g}; "
            f"{told_machine(training)}; {told_budget(training)}"
        )


def _labelled(sources: Sequence[Opened], data: LabelDataConfig) -> Iterator[Labelled]:
    for source in sources:
        if isinstance(source, ClassFolder | MemoryLabelled):
            yield from source.labelled()
        elif isinstance(source, TextSource):
            yield from read_labelled(source, columns=data.where_they_stand(), format=data.format)
