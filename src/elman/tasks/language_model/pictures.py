"""The picture of a language model: how often its most probable next tokens are right, by their probability."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from elman.cells import readout
from elman.errors import DataError
from elman.figures.style import Draw
from elman.figures.training import reliability
from elman.models.stack import State
from elman.text import TextCodec

from .corpus import LanguageModelCorpus

Ids = npt.NDArray[np.int64]
TOKENS = 4000  # of the text that are predicted, from its beginning


class Model(Protocol):
    """What the picture needs of a predictor."""

    codec: TextCodec

    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state before any token."""

    def step(self, inputs: Ids, state: State) -> tuple[npt.NDArray[Any], State]:
        """Return the logits of the next tokens, and the next state."""


def of_validation_set(model: Model, corpus: LanguageModelCorpus) -> dict[str, Draw]:
    """Return the picture of the validation set of a run."""
    tokens = corpus.ids("valid")
    return _drawings(model, tokens.rows([0], min(TOKENS + 1, len(tokens)))[0].astype(np.int64))


def of_examples(model: Model, examples: Iterable[str]) -> dict[str, Draw]:
    """Return the picture of a text, of which several are read as one."""
    texts = [examples] if isinstance(examples, str) else examples
    ids = np.concatenate([np.empty(0, np.int64), *(model.codec.encode(text) for text in texts)])
    return _drawings(model, ids[: TOKENS + 1])


def _drawings(model: Model, ids: Ids) -> dict[str, Draw]:
    if len(ids) < 2:
        raise DataError(f"{len(ids)} tokens to draw; expected at least 2", hint="Give more text")
    state, probabilities, correct = model.initial_state(), [], []
    for token, following in itertools.pairwise(ids):
        logits, state = model.step(np.array([token]), state)
        p = readout.softmax(logits[0].astype(np.float64))
        probabilities.append(p.max())
        correct.append(p.argmax() == following)
    return {"reliability": reliability(np.array(probabilities), np.array(correct))}
