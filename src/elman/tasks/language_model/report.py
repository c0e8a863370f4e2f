"""What a language model writes for people: descriptions of a run, and the model card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from elman.tasks.descriptions import (
    LEVEL_NOUNS,
    describe_size,
    describe_training,
    describe_validation_set,
    items_per_second,
    scores_row,
)
from elman.tasks.descriptions import model_card as card_of

from .config import LanguageModelRun
from .corpus import LanguageModelCorpus
from .predictor import LanguageModelPredictor

SPEED_TOKENS = 500  # generated to measure the speed


def describe_run(config: LanguageModelRun, corpus: LanguageModelCorpus) -> Iterator[str]:
    """Yield the data, the model and the training in one line each."""
    model, train, valid = config.model, corpus.train_set, corpus.valid_set
    noun = LEVEL_NOUNS[config.data.level]
    yield (
        f"training set: {train.tokens:,} {noun}; {describe_validation_set(corpus, f'{valid.tokens:,} {noun}')}; "
        f"{len(corpus.vocabulary):,} different {noun}"
    )
    if train.unknown or valid.unknown:
        yield (
            f"<unk> replaces {train.unknown:,} rare {noun} of the training set and {valid.unknown:,} of the "
            f"validation set"
        )
    sizes = "-".join(map(str, model.hidden_sizes))
    yield f"{model.cell} {sizes}, embedding {model.embedding_size}, dropout {model.dropout:g}"
    yield describe_training(config.training, f"x {config.training.bptt_steps} {noun}")


def summary(metrics: dict[str, Any]) -> str:
    """Return the metrics on one line."""
    return (
        f"loss {metrics['loss']:.4f} nats, perplexity {metrics['perplexity']:.3f}, "
        f"{metrics['bits_per_character']:.3f} bits per character"
    )


def next_commands(run: str) -> str:
    """Return what a user may do next with a run."""
    return f'elman generate {run} --prompt "..."   or   elman generate {run} --prompt "..." --suggest 3'


def measure_speed(predictor: LanguageModelPredictor, corpus: LanguageModelCorpus) -> str:
    """Return how many tokens a second are generated here."""
    rate = items_per_second(lambda: sum(1 for _ in predictor.stream(max_tokens=SPEED_TOKENS, seed=0)))
    return f"{rate:,.0f} tokens a second, generated one by one, where it was trained"


def model_card(
    predictor: LanguageModelPredictor, valid: dict[str, Any], corpus: LanguageModelCorpus, speed: str
) -> str:
    """Return the text of the model folder's README.md."""
    config, text = predictor.config, predictor.text
    sizes = ", ".join(map(str, config.hidden_sizes))
    return card_of(
        title="Language model",
        summary=f"Continues text and suggests next words, one {text.level} at a time.",
        rows=[
            ("cell", f"{config.cell}, hidden {sizes}, embedding {config.embedding_size}"),
            ("size", describe_size(predictor.num_parameters)),
            ("speed", speed),
            (
                "text",
                f"{text.level} level, {len(predictor.vocabulary):,} tokens in the vocabulary, "
                f"normalization: {text.normalize}",
            ),
            ("training set", f"{corpus.train_set.tokens:,} tokens"),
            (
                scores_row(corpus),
                f"{corpus.valid_set.tokens:,} tokens, {valid['count']:,} of them predicted: "
                f"loss {valid['loss']:.4f} nats per token, perplexity "
                f"{valid['perplexity']:.3f}, {valid['bits_per_character']:.4f} bits per character",
            ),
        ],
        tables="",
        sources=corpus.sources,
        commands=[
            'elman generate FOLDER --prompt "..." --max-tokens 300 --temperature 0.7',
            'elman generate FOLDER --prompt "..." --suggest 3',
            "elman evaluate FOLDER other.txt",
        ],
        code='print(model.generate("...", max_tokens=300, temperature=0.7))',
        limits="It knows only the text that it was trained on, and repeats parts of it.",
    )
