"""The language model's recipe: texts in, one after another, to a corpus of ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from elman.config import Values
from elman.data.encodings import Notify
from elman.data.readers import MemoryText, TextSource
from elman.experiment.config import LanguageModelRun, resolve
from elman.runtime import LanguageModelPredictor
from elman.tasks.card import language_model_card
from elman.tasks.language_model.corpus import Corpus
from elman.tasks.language_model.defaults import operations_per_token
from elman.tasks.language_model.preparation import NOUNS, prepare
from elman.tasks.language_model.training import LanguageModelTask
from elman.tasks.spec import Opened, Sources, told_budget, told_machine
from elman.training.machine import most_per_second

SPEED_TOKENS = 500  # generated to measure how fast


class LanguageModelRecipe:
    """A Recipe."""

    task = "lm"
    run = LanguageModelRun

    def resolve(self, given: Values, data: Corpus | None, flops: float) -> LanguageModelRun:
        size = {} if data is None else {"tokens": data.train.tokens, "vocabulary": len(data.vocabulary)}
        return resolve(given, **size, flops=flops)

    def opened(self, path: str | Path, encoding: str | None, notify: Notify) -> TextSource:
        return TextSource(path, encoding=encoding, notify=notify)

    def prepare(self, folder: Path, given: Values, sources: Sources, notify: Notify) -> Corpus:
        early = resolve(given)
        data = early.data
        return prepare(
            folder,
            _texts(sources.train),
            data,
            valid=_texts(sources.valid),
            valid_fraction=data.valid_fraction,
            min_frequency=data.min_frequency,
            vocabulary_size=data.vocabulary_size,
            seed=early.seed,
        )

    def open(self, folder: Path) -> Corpus:
        return Corpus.open(folder)

    def build(self, config: LanguageModelRun, data: Corpus) -> LanguageModelTask:
        training = config.training
        return LanguageModelTask(
            data,
            config.model,
            config.data.text,
            batch_size=training.batch_size,
            bptt_steps=config.bptt_steps,
            stream=config.data.stream,
            seed=config.seed,
            reset_probability=config.data.reset_probability,
            validate_tokens=training.validate_tokens or None,
        )

    def operations(self, config: LanguageModelRun, data: Corpus, batch: Any, counted: int) -> float:
        cell, hidden, embedding = config.model.cell, config.model.hidden_sizes[0], config.model.embedding_size
        return counted * operations_per_token(cell, hidden, embedding, len(data.vocabulary))

    def evaluate(self, predictor: LanguageModelPredictor, data: Corpus) -> dict[str, Any]:
        return predictor.evaluate(data.ids("valid"))

    def speed(self, predictor: LanguageModelPredictor, data: Corpus) -> str:
        generated = most_per_second(lambda: sum(1 for _ in predictor.stream(max_tokens=SPEED_TOKENS, seed=0)))
        return f"{generated:,.0f} tokens a second generated, one after the other, where it was trained"

    def card(self, predictor: LanguageModelPredictor, valid: dict[str, Any], data: Corpus, speed: str) -> str:
        return language_model_card(predictor, valid, data, speed)

    def told(self, config: LanguageModelRun, data: Corpus) -> Iterator[str]:
        model, training = config.model, config.training
        noun = NOUNS[config.data.level]
        yield (
            f"{data.train.tokens:,} {noun} to train on, {data.valid.tokens:,} held out, "
            f"{len(data.vocabulary):,} different"
        )
        if data.train.unknown or data.valid.unknown:
            yield (
                f"<unk> stands for {data.train.unknown:,} rare {noun} of the training text and for "
                f"{data.valid.unknown:,} of the held-out part"
            )
        sizes = "-".join(map(str, model.hidden_sizes))
        yield (
            f"{model.cell} {sizes}, embedding {model.embedding_size}, dropout {model.dropout:g}; batches of "
            f"{training.batch_size} x {training.bptt_steps}; {training.optimizer} at {training.learning_rate:g}; "
            f"{told_machine(training)}; {told_budget(training)}"
        )


def _texts(sources: Sequence[Opened]) -> list[TextSource | MemoryText]:
    """The sources that are texts: a language model is given no others."""
    return [source for source in sources if isinstance(source, TextSource | MemoryText)]
