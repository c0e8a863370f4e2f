"""The vocabulary: tokens to ids and ids to tokens.

Id 0 is `<unk>`, for unknown tokens. Then come the reserved tokens, and then tokens by descending frequency, those of
equal frequency by first appearance (Zhang et al., Dive into Deep Learning, 9.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

UNKNOWN = "<unk>"
START, END = "<s>", "</s>"  # of a target sequence; reserved tokens of encoder-decoder models
START_ID, END_ID = 1, 2


class Vocabulary:
    """An immutable list of distinct tokens, beginning with `<unk>`."""

    def __init__(self, tokens: Sequence[str]) -> None:
        """Create a vocabulary from all tokens in the order of their ids."""
        self.tokens = tuple(tokens)
        self._id_of = {token: number for number, token in enumerate(self.tokens)}
        if not self.tokens or self.tokens[0] != UNKNOWN:
            raise ValueError(f"the vocabulary begins with {self.tokens[:1]}; expected {UNKNOWN!r}")
        if len(self._id_of) != len(self.tokens):
            num_duplicates = len(self.tokens) - len(self._id_of)
            raise ValueError(f"the vocabulary contains {num_duplicates} duplicates; expected distinct tokens")

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[str, int],
        *,
        min_frequency: int = 1,
        max_size: int | None = None,
        reserved: Iterable[str] = (),
    ) -> Vocabulary:
        """Return the vocabulary of tokens with these counts, which are in the order of first appearance.

        Tokens rarer than min_frequency are omitted, and so are the rarest beyond max_size, which counts `<unk>` and the
        reserved tokens, too.
        """
        head = dict.fromkeys((UNKNOWN, *reserved))
        frequent = [token for token, n in counts.items() if n >= max(1, min_frequency) and token not in head]
        frequent.sort(
            key=counts.__getitem__, reverse=True
        )  # stable, also in reverse: equal counts stay in the order of appearance
        return cls((*head, *frequent)[:max_size])

    @classmethod
    def from_tokens(cls, tokens: Iterable[str], *, min_frequency: int = 1) -> Vocabulary:
        """Return the vocabulary of a text's tokens, reading them once."""
        counts: dict[str, int] = {}
        for token in tokens:
            counts[token] = counts.get(token, 0) + 1
        return cls.from_counts(counts, min_frequency=min_frequency)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._id_of

    def __getitem__(self, token: str) -> int:
        """Return the token's id; 0 for an unknown token."""
        return self._id_of.get(token, 0)

    def encode(self, tokens: Iterable[str]) -> npt.NDArray[np.int64]:
        """Return the ids of the tokens."""
        return np.array([self._id_of.get(token, 0) for token in tokens], np.int64)

    def decode(self, ids: Iterable[Any]) -> list[str]:
        """Return the tokens of the ids."""
        return [self.tokens[number] for number in ids]
