"""Encoder-decoders that write together: what one or several of them predict for many sources.

Several average their distributions at every step, p(y) = 1/n sum over models of p_m(y), and so have to write the same
tokens; they may read their sources each in its own way. One model is an ensemble of one.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from elman.data.padded import pad_sources
from elman.decoding import Hypothesis, search
from elman.errors import ConfigError, DataError
from elman.metrics import sequence_scores, translation_scores
from elman.models.stack import State
from elman.models.text_arguments import listed
from elman.tasks.seq2seq.corpus import Example, grouped
from elman.tasks.seq2seq.readers import MemoryPairs
from elman.text import END, START, UNKNOWN

if TYPE_CHECKING:
    from elman.tasks.seq2seq.predictor import Seq2SeqPredictor

ROWS = 512  # hypotheses that are grown at a time

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
Given = tuple[str, str | Sequence[str]]  # a source, and one target or several


@dataclass(frozen=True, slots=True)
class Prediction:
    """A target that was written. score is the log probability in nats over (tokens + 1) to the length penalty."""

    text: str
    score: float
    log_probability: float
    finished: bool  # False where it was cut, much longer than any target in training


class Ensemble:
    """Models that write together."""

    def __init__(self, members: Sequence[Seq2SeqPredictor]) -> None:
        """Take one or more models of one target vocabulary; others are a ConfigError."""
        self._members = list(members)
        first = self._members[0]
        for number, other in enumerate(self._members[1:], start=2):
            if other.task != first.task:
                hint = "name runs that were trained by `elman train seq2seq`"
                raise ConfigError(f"member {number} of the ensemble is a model of another kind", hint=hint)
            if (other.target_vocabulary.tokens, other.sides.target) != (
                first.target_vocabulary.tokens,
                first.sides.target,
            ):
                hint = "train all members on the same file with the same --target-level: vary --seed"
                raise ConfigError(f"member {number} of the ensemble writes other tokens than the first", hint=hint)

    def predict(self, sources: Iterable[str], *, beam: int = 1, length_penalty: float = 1.0) -> list[list[Prediction]]:
        """Return up to `beam` targets of each source, best first. A beam of one is greedy."""
        if beam < 1:
            raise ConfigError(f"beam: given {beam}, expected 1 or more")
        if not 0.0 <= length_penalty < math.inf:
            raise ConfigError(f"length_penalty: given {length_penalty}, expected 0 or more")
        sources = listed(sources)
        order = sorted(range(len(sources)), key=lambda row: len(sources[row]))  # so that little is padded
        found: list[list[Prediction]] = [[]] * len(sources)
        size = max(1, ROWS // beam)
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            for row, hypotheses in zip(
                rows, self._search([sources[row] for row in rows], beam, length_penalty), strict=True
            ):
                found[row] = [self._told(each) for each in hypotheses]
        return found

    def measure(self, examples: Sequence[Example], *, beam: int = 1) -> dict[str, float]:
        """Return how the predictions agree with any of the references; of one model, the loss of the first ones too."""
        return self._measured(examples, self._written(examples, beam))

    def evaluate(self, examples: Iterable[Example] | Iterable[Given], *, beam: int = 1) -> dict[str, Any]:
        """Return what measure does and, where sacrebleu is installed, BLEU and chrF."""
        examples = self._examples(examples)
        if not examples:
            raise DataError("no pairs to score, expected at least one", hint="give SOURCE TAB TARGET a line")
        found = self._written(examples, beam)
        metrics = {"task": "seq2seq", "count": len(examples), **self._measured(examples, found)}
        with contextlib.suppress(ModuleNotFoundError):
            metrics |= translation_scores(found, [example.targets for example in examples])
        return metrics

    def _examples(self, given: Iterable[Example] | Iterable[Given]) -> list[Example]:
        """Examples as they are, or made of pairs: a source that comes again has further references."""
        items: list[Any] = list(given)
        if all(isinstance(item, Example) for item in items):
            return items
        return list(grouped(MemoryPairs(items).pairs(), self._members[0].sides.source))

    def _written(self, examples: Sequence[Example], beam: int) -> list[str]:
        return [best.text for best, *_ in self.predict([example.source for example in examples], beam=beam)]

    def _measured(self, examples: Sequence[Example], found: Sequence[str]) -> dict[str, float]:
        first = self._members[0]
        tokens = first.target_codec.tokens
        scores = sequence_scores(
            [tokens(text) for text in found], [[tokens(text) for text in example.targets] for example in examples]
        )
        pairs = [(example.source, example.targets[0]) for example in examples]
        loss = {"loss": first.score(pairs).value} if len(self._members) == 1 else {}
        return {
            **loss,
            "exact_match": scores.exact_match,
            "sequence_error_rate": scores.sequence_error_rate,
            "token_error_rate": scores.token_error_rate,
        }

    def _search(self, sources: list[str], beam: int, length_penalty: float) -> list[list[Hypothesis]]:
        state: State = {}
        context: State = {}
        longest = np.zeros(len(sources), np.int64)
        for number, member in enumerate(self._members):
            ids, lengths = pad_sources([member.source_codec.encode(source) for source in sources])
            own_state, own_context = member.encode(ids, lengths)
            state |= _prefixed(number, own_state)
            context |= _prefixed(number, own_context)
            longest = np.maximum(longest, [member.sides.longest_target(int(length) - 1) for length in lengths])
        vocabulary = self._members[0].target_vocabulary
        return search(
            self._step,
            state,
            context,
            start=vocabulary[START],
            end=vocabulary[END],
            max_lengths=longest,
            beam=beam,
            length_penalty=length_penalty,
            forbidden=(vocabulary[UNKNOWN], vocabulary[START]),
        )

    def _step(self, tokens: Ids, state: State, context: State) -> tuple[Array, State]:
        """Return the logarithm of the members' mean distribution (N, V), and their states."""
        after: State = {}
        told = []
        for number, member in enumerate(self._members):
            log_p, own = member.step(tokens, _of(number, state), _of(number, context))
            told.append(log_p)
            after |= _prefixed(number, own)
        if len(told) == 1:
            return told[0], after
        return np.logaddexp.reduce(told) - np.log(len(told)), after

    def _told(self, hypothesis: Hypothesis) -> Prediction:
        text = self._members[0].target_codec.decode(hypothesis.ids)
        return Prediction(text, hypothesis.score, hypothesis.log_probability, hypothesis.finished)


def _prefixed(number: int, arrays: State) -> State:
    return {f"{number}.{name}": array for name, array in arrays.items()}


def _of(number: int, arrays: State) -> State:
    prefix = f"{number}."
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
