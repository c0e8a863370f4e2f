"""Random inputs of a self-test, as C writes them and as the predictor takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.data.batches.token_characters import MAX_CHARACTERS
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.forecaster.predictor import ForecasterPredictor
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.tagger.predictor import TaggerPredictor

from . import literals
from .literals import C_TYPES, Array

UNKNOWN = "\u2603"  # a snowman: a token that hardly any model knows

TokenPredictor = ClassifierPredictor | TaggerPredictor


@dataclass(frozen=True)
class Inputs:
    """The definitions of the inputs in C, and the expression of input number {t}, or of the inputs from {t} on."""

    definitions: list[str]
    item: str
    several: str


def random_inputs(
    predictor: Any, prefix: str, count: int, rng: np.random.Generator
) -> tuple[Inputs, Callable[[int, int], Any]]:
    """Return random inputs in C, and the function that returns those from one number to another in Python."""
    if isinstance(predictor, LanguageModelPredictor):
        ids = rng.integers(0, len(predictor.vocabulary), count)
        definition = define_array("stream_inputs", ids.astype(np.int32), "int")
        return Inputs([definition], "stream_inputs[{t}]", "stream_inputs + {t}"), lambda first, last: ids[first:last]
    if isinstance(predictor, ForecasterPredictor):
        rows = _random_rows(predictor, count, rng)
        C = rows.shape[1]
        definition = "\n".join(
            [f"static const double stream_inputs[{rows.size}] = {{", *literals.wrapped(_numbers_or_nan(rows)), "};"]
        )
        item = f"stream_inputs + {{t}} * {C}"
        return Inputs([definition], item, item), lambda first, last: rows[first:last]
    tokens = random_tokens(predictor, count, rng)
    inputs = token_inputs(predictor, tokens, "stream", prefix)
    return inputs, lambda first, last: tokens[first:last]


def _numbers_or_nan(rows: Array) -> list[str]:
    return ["NAN" if np.isnan(value) else literals.number(value) for value in rows.ravel().tolist()]


def _random_rows(predictor: ForecasterPredictor, count: int, rng: np.random.Generator) -> Array:
    """Return rows about the mean of the training set, of which some values are missing."""
    scales, config = predictor.scales, predictor.config
    z = np.array(scales.mean) + np.array(scales.scale) * rng.standard_normal((count, len(scales.mean)))
    K = len(scales.targets)
    if scales.units:
        unit = list(scales.units.values())[-1]
        z[:, :K] = z[:, :K] * np.array(unit.scale) + np.array(unit.mean)
    if config.logarithm:
        z[:, :K] = np.exp(z[:, :K])
    z[rng.random(z.shape) < 0.1] = np.nan
    return z


def random_tokens(predictor: TokenPredictor, count: int, rng: np.random.Generator) -> list[str]:
    """Return tokens of the vocabulary, and some that are unknown."""
    vocabulary = predictor.vocabulary if isinstance(predictor, ClassifierPredictor) else predictor.words
    return [UNKNOWN if rng.random() < 0.1 else vocabulary.tokens[n] for n in rng.integers(0, len(vocabulary), count)]


def token_inputs(predictor: TokenPredictor, tokens: Sequence[str], name: str, prefix: str) -> Inputs:
    """Return the definitions of tokens: their numbers, or structs with those of their characters."""
    vocabulary = predictor.vocabulary if isinstance(predictor, ClassifierPredictor) else predictor.words
    words = [vocabulary[predictor.text.word(token)] for token in tokens]
    if not predictor.config.character_size:
        definition = define_array(f"{name}_inputs", np.array(words, np.int32), "int")
        return Inputs([definition], f"{name}_inputs[{{t}}]", f"{name}_inputs + {{t}}")
    characters = [predictor.characters.encode(token[:MAX_CHARACTERS]) for token in tokens]
    begins = np.cumsum([0, *(len(one) for one in characters)])
    rows = [
        f"{{{word}, {name}_characters + {begin}, {len(one)}}}"
        for word, begin, one in zip(words, begins, characters, strict=False)
    ]
    definitions = [
        define_array(f"{name}_characters", np.concatenate([*characters, [0]]).astype(np.int32), "int"),
        "\n".join([f"static const {prefix}_token {name}_inputs[{len(rows)}] = {{", *literals.wrapped(rows), "};"]),
    ]
    return Inputs(definitions, f"{name}_inputs + {{t}}", f"{name}_inputs + {{t}}")


def define_array(name: str, array: Array, kind: str = "") -> str:
    """Return the definition of a constant array; kind is its type in C, if it is not that of the array."""
    rows = literals.wrapped(literals.numbers(array))
    return "\n".join([f"static const {kind or C_TYPES[array.dtype]} {name}[{array.size}] = {{", *rows, "};"])
