"""What an encoder-decoder writes for people: descriptions of a run, and the model card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from elman import kernels
from elman.tasks.descriptions import (
    LEVEL_NOUNS,
    describe_size,
    describe_training,
    describe_validation_set,
    items_per_second,
    scores_row,
)
from elman.tasks.descriptions import model_card as card_of
from elman.text import Vocabulary
from elman.text.sides import RESERVED

from .config import Seq2SeqRun, SideConfig
from .corpus import Seq2SeqCorpus
from .predictor import Seq2SeqPredictor

SPEED_SOURCES = 1000  # predicted at once to measure the speed


def describe_run(config: Seq2SeqRun, corpus: Seq2SeqCorpus) -> Iterator[str]:
    """Yield the data, the model and the training in one line each."""
    model, text = config.model, corpus.text
    validation_set = describe_validation_set(corpus, f"{corpus.valid_set.count:,} sources")
    yield (
        f"training set: {corpus.train_set.count:,} pairs; {validation_set}; "
        f"sources: {_num_tokens(corpus.source_vocabulary):,} different {LEVEL_NOUNS[text.source.level]}; "
        f"targets: {_num_tokens(corpus.target_vocabulary):,} different {LEVEL_NOUNS[text.target.level]}"
    )
    yield (
        f"encoder {model.encoder_described}; decoder {model.decoder_described}; embedding {model.embedding_size}, "
        f"dropout {model.dropout:g}, label smoothing {model.label_smoothing:g}"
    )
    yield describe_training(config.training, "pairs")


def summary(metrics: dict[str, Any]) -> str:
    """Return the metrics on one line."""
    return (
        f"{metrics['exact_match']:.2%} of {metrics['count']:,} sources correct, "
        f"token error rate {metrics['token_error_rate']:.4f}"
    )


def next_commands(run: str) -> str:
    """Return what a user may do next with a run."""
    return f"elman predict {run} sources.txt   or   elman predict {run} sources.txt --beam 5 --n-best 3"


def measure_speed(predictor: Seq2SeqPredictor, corpus: Seq2SeqCorpus) -> str:
    """Return how many sources a second are predicted here."""
    sources = [pair.source for pair in corpus.valid()[:SPEED_SOURCES]]
    rate = items_per_second(lambda: len(predictor.predict(sources)))
    threads = kernels.get_num_threads()
    conditions = f"{len(sources):,} at once, {threads} thread{'s' * (threads > 1)}"
    return f"{rate:,.0f} sources a second, greedy search, {conditions}, where it was trained"


def model_card(predictor: Seq2SeqPredictor, valid: dict[str, Any], corpus: Seq2SeqCorpus, speed: str) -> str:
    """Return the text of the model folder's README.md."""
    config, text = predictor.config, predictor.text
    scores = [
        (name.replace("_", " "), f"{value:.4f} nats per token" if name == "loss" else f"{value:.4f}")
        for name, value in valid.items()
        if isinstance(value, float)
    ]
    return card_of(
        title="Sequence to sequence",
        summary=f"Turns a sequence of {LEVEL_NOUNS[text.source.level]} into a sequence of "
        f"{LEVEL_NOUNS[text.target.level]}.",
        rows=[
            ("encoder", config.encoder_described),
            ("decoder", config.decoder_described),
            ("size", describe_size(predictor.num_parameters)),
            ("speed", speed),
            ("source", _side(text.source, predictor.source_vocabulary)),
            ("target", _side(text.target, predictor.target_vocabulary)),
            ("training set", f"{corpus.train_set.count:,} pairs"),
            (scores_row(corpus), f"{valid['count']:,} sources, greedy search"),
            *scores,
        ],
        tables="",
        sources=corpus.sources,
        commands=["elman predict FOLDER sources.txt", "elman evaluate FOLDER pairs.tsv"],
        code='print(model.predict(["..."]))\nprint(model.n_best(["..."], beam=5))',
        limits="It knows only what its pairs contain, and predicts a target for every source.",
    )


def _side(side: SideConfig, vocabulary: Vocabulary) -> str:
    return f"{side.level} level, {_num_tokens(vocabulary):,} tokens in the vocabulary, normalization: {side.normalize}"


def _num_tokens(vocabulary: Vocabulary) -> int:
    """Return the number of tokens without the reserved ones."""
    return len(vocabulary) - len(RESERVED)
