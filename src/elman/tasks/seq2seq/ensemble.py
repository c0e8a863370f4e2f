"""An ensemble: the targets that one or several encoder-decoders predict together.

At every step, the probabilities of the members are averaged: p(y) = 1/n sum over members m of p_m(y). The search uses
them as training has left them; the probability of a predicted target is computed afterwards from calibrated ones
(predictor.py). The members must have the same target vocabulary; each tokenizes the sources by itself. A single model
is an ensemble of one member.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from elman.data.batches.buckets import length_buckets
from elman.data.batches.padded import pad_sources
from elman.decoding import Hypothesis, Prefixes, search
from elman.errors import ConfigError
from elman.metrics import Mean
from elman.models.calibration import Calibration
from elman.models.stack import State
from elman.models.text_arguments import require_full_texts
from elman.text import END, START, UNKNOWN, Vocabulary
from elman.text.sides import SideCodec

from . import evaluation
from .config import MAX_LENGTH_PENALTY, Seq2SeqTextConfig
from .evaluation import PairItem
from .readers import Pair

ROWS = 512  # hypotheses in one batch of the search
BATCH_TOKENS = 1 << 16  # of the sources of a batch, with padding, times the beam
CALIBRATED_ROWS = 64  # hypotheses whose probabilities are calibrated at once

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted target.

    score, by which the search ranks targets, is the log probability in nats before calibration, divided by
    (tokens + 1) ** length_penalty.
    """

    text: str
    score: float
    log_probability: float  # of the target, given the source; calibrated
    finished: bool  # False if the target was cut, much longer than any target in the training set

    @property
    def probability(self) -> float:
        """p(target | source), the product of the probabilities of its tokens and of its end; of a cut one, no end."""
        return math.exp(self.log_probability)


class EncoderDecoder(Protocol):
    """What an ensemble needs of a member."""

    task: ClassVar[str]
    text: Seq2SeqTextConfig
    target_vocabulary: Vocabulary
    source_codec: SideCodec
    target_codec: SideCodec
    calibration: Calibration

    def encode(self, ids: Ids, lengths: Ids) -> tuple[State, State]:
        """Return the first state of the decoder and the context of sources (B, S) of these lengths (B,)."""

    def step(self, tokens: Ids, state: State, context: State) -> tuple[Array, State]:
        """Return the log probabilities (N, V) of the next tokens after tokens (N,), and the next state."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> Mean:
        """Return the loss of targets."""

    def token_log_probabilities(self, sources: Sequence[str], targets: Sequence[Ids]) -> Array:
        """Return calibrated log probabilities (B, T + 1) of target ids and the end token after them."""


class Ensemble:
    """Models that predict together."""

    def __init__(self, members: Sequence[EncoderDecoder]) -> None:
        """Take one or more models; a member with other target tokens than the first is a ConfigError."""
        self._members = list(members)
        first = self._members[0]
        for number, other in enumerate(self._members[1:], start=2):
            if other.task != first.task:
                hint = "Name runs of `elman train seq2seq`"
                raise ConfigError(f"member {number} of the ensemble is a model of another task", hint=hint)
            same_tokens = other.target_vocabulary.tokens == first.target_vocabulary.tokens
            if not same_tokens or other.text.target != first.text.target:
                hint = "Train all members on the same file with the same level of targets; vary the seed"
                raise ConfigError(f"member {number} of the ensemble has other target tokens than the first", hint=hint)

    def predict(self, sources: Iterable[str], *, beam: int = 1, length_penalty: float = 1.0) -> list[list[Prediction]]:
        """Return up to `beam` targets of each source, best first. A beam of 1 is greedy search."""
        sources = require_full_texts(sources, "source")
        predictions: list[list[Prediction]] = [[]] * len(sources)
        for rows, hypotheses in self._searches(sources, beam, length_penalty):
            log_p = iter(self._log_probabilities([sources[row] for row in rows], hypotheses))
            for row, best in zip(rows, hypotheses, strict=True):
                predictions[row] = [self._prediction(hypothesis, next(log_p)) for hypothesis in best]
        return predictions

    def texts(self, sources: Iterable[str], *, beam: int = 1, length_penalty: float = 1.0) -> list[str]:
        """Return the text of the best target of each source: `predict` without the probabilities, which take time."""
        sources = require_full_texts(sources, "source")
        texts = [""] * len(sources)
        for rows, hypotheses in self._searches(sources, beam, length_penalty):
            for row, best in zip(rows, hypotheses, strict=True):
                texts[row] = self._members[0].target_codec.decode(best[0].ids)
        return texts

    def _searches(
        self, sources: Sequence[str], beam: int, length_penalty: float
    ) -> Iterator[tuple[list[int], list[list[Hypothesis]]]]:
        """Yield the rows of sources of similar length, and their hypotheses."""
        _check_search(beam, length_penalty)
        lengths = [len(source.encode()) + 1 for source in sources]  # at least the number of tokens
        for rows in length_buckets(lengths, BATCH_TOKENS // beam, max(1, ROWS // beam)):
            yield rows, self.search([sources[row] for row in rows], beam, length_penalty)

    def _log_probabilities(self, sources: Sequence[str], hypotheses: Sequence[Sequence[Hypothesis]]) -> list[float]:
        """Return the calibrated log probabilities of the hypotheses of all sources, one after the other."""
        pairs = [(source, one) for source, best in zip(sources, hypotheses, strict=True) for one in best]
        if all(member.calibration.temperature == 1.0 for member in self._members):
            return [hypothesis.log_probability for _, hypothesis in pairs]
        log_probabilities: list[float] = []
        for first in range(0, len(pairs), CALIBRATED_ROWS):
            rows = pairs[first : first + CALIBRATED_ROWS]
            targets = [np.array(hypothesis.ids, np.int64) for _, hypothesis in rows]
            of_members = [
                member.token_log_probabilities([source for source, _ in rows], targets) for member in self._members
            ]
            log_p = np.logaddexp.reduce(of_members) - np.log(len(of_members))
            lengths = [len(hypothesis.ids) + hypothesis.finished for _, hypothesis in rows]  # a cut target has no end
            log_probabilities += [float(row[:length].sum()) for row, length in zip(log_p, lengths, strict=True)]
        return log_probabilities

    def measure(self, pairs: Sequence[Pair], *, beam: int = 1) -> dict[str, float]:
        """Return exact match and error rates, and the loss of a single model."""
        return evaluation.measure(pairs, self._model(beam))

    def evaluate(self, examples: Iterable[Pair] | Iterable[PairItem], *, beam: int = 1) -> dict[str, Any]:
        """Return exact match, error rates, and the loss of a single model; BLEU and chrF if sacrebleu is installed."""
        return evaluation.evaluate(examples, self._model(beam))

    def _model(self, beam: int) -> evaluation.Model:
        first = self._members[0]
        return evaluation.Model(
            source_side=first.text.source,
            target_tokens=first.target_codec.tokens,
            predict=lambda sources: [best for best, *_ in self.predict(sources, beam=beam)],
            texts=lambda sources: self.texts(sources, beam=beam),
            score=first.score if len(self._members) == 1 else None,
        )

    def search(
        self, sources: list[str], beam: int, length_penalty: float, levels: list[Prefixes] | None = None
    ) -> list[list[Hypothesis]]:
        """Return up to `beam` hypotheses of each source, in one batch; `levels` receives the prefixes of the search."""
        _check_search(beam, length_penalty)
        state: State = {}
        context: State = {}
        max_lengths = np.zeros(len(sources), np.int64)
        for number, member in enumerate(self._members):
            ids, lengths = pad_sources([member.source_codec.encode(source) for source in sources])
            own_state, own_context = member.encode(ids, lengths)
            state |= _prefixed(number, own_state)
            context |= _prefixed(number, own_context)
            longest = [member.text.longest_target(int(length) - 1) for length in lengths]  # without the end token
            max_lengths = np.maximum(max_lengths, longest)
        vocabulary = self._members[0].target_vocabulary
        return search(
            self._step,
            state,
            context,
            start=vocabulary[START],
            end=vocabulary[END],
            max_lengths=max_lengths,
            beam=beam,
            length_penalty=length_penalty,
            forbidden=(vocabulary[UNKNOWN], vocabulary[START]),
            levels=levels,
        )

    def _step(self, tokens: Ids, state: State, context: State) -> tuple[Array, State]:
        """Return the log of the mean of the members' probabilities (N, V), and the next states of all members."""
        state_next: State = {}
        log_ps = []
        for number, member in enumerate(self._members):
            log_p, own_state = member.step(tokens, _of_member(number, state), _of_member(number, context))
            log_ps.append(log_p)
            state_next |= _prefixed(number, own_state)
        if len(log_ps) == 1:
            return log_ps[0], state_next
        return np.logaddexp.reduce(log_ps) - np.log(len(log_ps)), state_next

    def _prediction(self, hypothesis: Hypothesis, log_probability: float) -> Prediction:
        text = self._members[0].target_codec.decode(hypothesis.ids)
        return Prediction(text, hypothesis.score, log_probability, hypothesis.finished)


def _check_search(beam: int, length_penalty: float) -> None:
    if beam < 1:
        raise ConfigError(f"beam: given {beam}; expected 1 or more")
    if not 0.0 <= length_penalty <= MAX_LENGTH_PENALTY:
        raise ConfigError(f"length_penalty: given {length_penalty}; expected 0 to {MAX_LENGTH_PENALTY:g}")


def _prefixed(number: int, arrays: State) -> State:
    return {f"{number}.{name}": array for name, array in arrays.items()}


def _of_member(number: int, arrays: State) -> State:
    prefix = f"{number}."
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
