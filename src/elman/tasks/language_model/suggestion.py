"""Suggestion: the most probable next words after a prompt, as a keyboard shows them.

A prompt that ends inside a word has that word completed. If tokens are words, the next token is the word; among
completions, the probabilities of the words that begin with the given letters sum to 1. If tokens are characters or
bytes, the words are searched for (decoding/suggestion.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells import readout
from elman.decoding import WordTokens, suggest
from elman.decoding.generation import Step
from elman.models.stack import State
from elman.text import NORMALIZERS, TextCodec
from elman.text.words import is_word, starts_inside_word, word_tokens

Read = Callable[[str], tuple[npt.NDArray[Any], State]]  # a prompt to the logits (V,) of the next token, and the state

Words = list[tuple[str, float]]


def suggest_words(prompt: str, k: int, codec: TextCodec, read: Read) -> Words:
    """Return up to k words with their probabilities, from a model whose tokens are words."""
    prompt, vocabulary = NORMALIZERS[codec.normalize].prompt(prompt), codec.vocabulary
    begun = starts_inside_word(prompt)
    stem = prompt[begun:]
    logits, _ = read(prompt[:begun])
    possible = np.array([is_word(token) and token.startswith(stem) for token in vocabulary.tokens])
    if not possible.any():
        return []
    z = logits.astype(np.float64)
    p = np.where(possible, readout.softmax(np.where(possible, z, -np.inf) if stem else z), 0.0)
    order = np.argsort(-p, kind="stable")[:k]
    return [(vocabulary.tokens[token], float(p[token])) for token in order if p[token] > 0.0]


def search_words(prompt: str, k: int, codec: TextCodec, read: Read, step: Step) -> Words:
    """Return up to k words with their probabilities, from a model whose tokens are characters or bytes."""
    parts = word_tokens(codec.vocabulary.tokens)
    stem = prompt[starts_inside_word(prompt) :]
    logits, state = read(prompt)
    tokens = WordTokens(inside=parts.inside, whole=parts.whole)
    words = suggest(step, logits, state, tokens, k, inside_word=bool(stem))
    return [(stem + codec.decode(ids), probability) for ids, probability in words]
