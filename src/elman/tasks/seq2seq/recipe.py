"""The encoder-decoder's recipe: files of pairs in, to ids of both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from elman import kernels
from elman.config import Values
from elman.data.encodings import Notify
from elman.data.readers import TextSource
from elman.errors import ConfigError
from elman.experiment.config import Seq2SeqRun, resolve_seq2seq
from elman.tasks.card import NOUNS, seq2seq_card
from elman.tasks.seq2seq.config import SidesConfig
from elman.tasks.seq2seq.corpus import PairCorpus, SideConfig
from elman.tasks.seq2seq.defaults import PairDataConfig, level_of, operations_per_token
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.tasks.seq2seq.preparation import prepare_pairs
from elman.tasks.seq2seq.readers import MemoryPairs, Pair, read_pairs, refuse_extra_targets
from elman.tasks.seq2seq.training import Seq2SeqTask
from elman.tasks.spec import Opened, Sources, told_budget, told_machine
from elman.text.sides import RESERVED
from elman.training.machine import most_per_second

SPEED_SOURCES = 1000  # predicted at once to measure how fast


class Seq2SeqRecipe:
    """A Recipe."""

    task = "seq2seq"
    run = Seq2SeqRun

    def resolve(self, given: Values, data: PairCorpus | None, flops: float) -> Seq2SeqRun:
        if data is None:
            return resolve_seq2seq(given, flops=flops)
        config = resolve_seq2seq(
            given,
            pairs=data.train_part.count,
            source_tokens=data.train_part.source.tokens,
            target_tokens=data.train_part.target.tokens,
            vocabulary=len(data.target_vocabulary),
            flops=flops,
        )
        levels = {"source_level": data.source_side.level, "target_level": data.target_side.level}
        return config.model_copy(update={"data": config.data.model_copy(update=levels)})

    def opened(self, path: str | Path, encoding: str | None, notify: Notify) -> TextSource:
        return TextSource(path, encoding=encoding, notify=notify)

    def prepare(self, folder: Path, given: Values, sources: Sources, notify: Notify) -> PairCorpus:
        data = resolve_seq2seq(given).data
        train = list(_training_pairs(sources.train, sources.targets, data))
        valid = list(_pairs(sources.valid, sources.valid_targets, data))
        source_level = data.source_level or level_of(pair.source for pair in train)
        target_level = data.target_level or level_of(pair.targets[0] for pair in train)
        everything = (*sources.train, *sources.targets, *sources.valid, *sources.valid_targets)
        return prepare_pairs(
            folder,
            train,
            SideConfig(level=source_level, normalize=data.normalize),
            SideConfig(level=target_level, normalize=data.normalize),
            valid=valid if sources.valid else None,
            valid_fraction=data.valid_fraction,
            min_frequency=data.min_frequency,
            vocabulary_size=data.vocabulary_size,
            seed=data.split_seed,
            records=lambda: [source.record for source in everything],
            notify=notify,
        )

    def open(self, folder: Path) -> PairCorpus:
        return PairCorpus.open(folder)

    def build(self, config: Seq2SeqRun, data: PairCorpus) -> Seq2SeqTask:
        training = config.training
        return Seq2SeqTask(
            data,
            config.model,
            SidesConfig(source=data.source_side, target=data.target_side, longest_ratio=data.longest_ratio),
            batch_size=training.batch_size,
            seed=config.seed,
            validate_tokens=training.validate_tokens or None,
        )

    def operations(self, config: Seq2SeqRun, data: PairCorpus, batch: Any, counted: int) -> float:
        part = data.train_part
        return counted * operations_per_token(
            config.model.model_dump(exclude_none=True),
            part.source.tokens / part.target.tokens,
            len(data.target_vocabulary),
        )

    def evaluate(self, predictor: Seq2SeqPredictor, data: PairCorpus) -> dict[str, Any]:
        return predictor.evaluate(data.valid())

    def speed(self, predictor: Seq2SeqPredictor, data: PairCorpus) -> str:
        sources = [example.source for example in data.valid()[:SPEED_SOURCES]]
        predicted = most_per_second(lambda: len(predictor.predict(sources)))
        threads = kernels.get_num_threads()
        many = f"{len(sources):,} at once, {threads} thread{'s' * (threads > 1)}"
        return f"{predicted:,.0f} sources a second, greedy, {many}, where it was trained"

    def card(self, predictor: Seq2SeqPredictor, valid: dict[str, Any], data: PairCorpus, speed: str) -> str:
        return seq2seq_card(predictor, valid, data, speed)

    def told(self, config: Seq2SeqRun, data: PairCorpus) -> Iterator[str]:
        model, training = config.model, config.training
        sides = [
            f"{name} by {NOUNS[side.level]}, {len(vocabulary) - len(RESERVED):,} different"
            for name, side, vocabulary in (
                ("sources", data.source_side, data.source_vocabulary),
                ("targets", data.target_side, data.target_vocabulary),
            )
        ]
        held_out = f"{data.valid_part.count:,} sources held out"
        yield f"{data.train_part.count:,} pairs to train on, {held_out}; {'; '.join(sides)}"
        ways = "both ways" if model.bidirectional else "one way"
        yield (
            f"encoder {model.num_layers} x {model.cell} {model.encoder_size}, {ways}; decoder "
            f"{model.num_decoder_layers} x {model.decoder_cell_name} {model.hidden_size}; "
            f"attention {model.attention_told}; embedding {model.embedding_size}, "
            f"dropout {model.dropout:g}, label smoothing {model.label_smoothing:g}"
        )
        yield (
            f"batches of {training.batch_size} pairs; {training.optimizer} at {training.learning_rate:g}; "
            f"{told_machine(training)}; {told_budget(training)}"
        )


def _training_pairs(sources: Sequence[Opened], targets: Sequence[Opened], data: PairDataConfig) -> Iterator[Pair]:
    found = _pairs(sources, targets, data)
    return found if data.extra_targets else refuse_extra_targets(found)


def _pairs(sources: Sequence[Opened], targets: Sequence[Opened], data: PairDataConfig) -> Iterator[Pair]:
    """The pairs of all sources, each with the target file of its place where there are such."""
    if len(targets) > len(sources):
        raise ConfigError(
            f"target files: given {len(targets)} for {len(sources)} of sources", hint="one for each, in one order"
        )
    for source, target in zip_longest(sources, targets):
        if isinstance(source, MemoryPairs):
            yield from source.pairs()  # with both sides in them
        elif isinstance(source, TextSource):
            beside = target if isinstance(target, TextSource) else None
            yield from read_pairs(source, columns=data.columns, format=data.format, target=beside)
