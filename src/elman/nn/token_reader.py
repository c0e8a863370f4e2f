"""Tokens to what layers read: each one's word, looked up, and its characters, read both ways.

runtime/token_reader.py is the same at prediction, with the layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from elman.data.spelled import Spelling, TokenBatch

from .dropout import dropout
from .encoder import Encoder, start_embedding


class TokenReader(nn.Module):
    """Words by their embedding, characters by a recurrent layer; `characters` is None where they are not read."""

    def __init__(
        self,
        cell: str,
        activation: str,
        words: int,
        embedding_size: int,
        *,
        characters: int = 0,
        character_embedding_size: int = 0,
        character_size: int = 0,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(words, embedding_size)
        self.characters: Encoder | None = None
        if character_size:
            self.characters = Encoder(
                cell, activation, characters, character_embedding_size, [character_size], bidirectional=True
            )

    def forward(self, tokens: TokenBatch, rate: float, rng: torch.Generator) -> PackedSequence:
        """Return what is read of each token, (I,), a share of it dropped."""
        device = self.words.weight.device
        lengths = torch.from_numpy(tokens.lengths)
        packed = pack_padded_sequence(torch.from_numpy(tokens.words.T.copy()).to(device), lengths)
        x = dropout(self.words(packed.data), rate, rng)
        if self.characters is not None:
            assert tokens.spelling is not None
            places = pack_padded_sequence(torch.from_numpy(tokens.spelling.places.T.copy()).to(device), lengths).data
            spelled = _spelled(self.characters, tokens.spelling, device, rng)[places]
            x = torch.cat([x, dropout(spelled, rate, rng)], 1)
        return packed._replace(data=x)

    @torch.no_grad()
    def start(self) -> None:
        """Give it the weights that training starts from."""
        start_embedding(self.words)
        if self.characters is not None:
            self.characters.start()


def _spelled(encoder: Encoder, spelling: Spelling, device: torch.device, rng: torch.Generator) -> Tensor:
    """The last outputs (U, 2 H) of the characters of each form, forwards and backwards."""
    ids = torch.from_numpy(spelling.characters.T.copy()).to(device)
    _, states = encoder(pack_padded_sequence(ids, torch.from_numpy(spelling.lengths)), 0.0, rng)
    spelled: Tensor = states[-1][0].transpose(0, 1).flatten(1)
    return spelled
