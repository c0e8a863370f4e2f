"""Tokens to vectors: the embedding of each token's word, and a bidirectional encoding of its characters.

models/token_encoder.py computes the same at prediction, and the layers above.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from elman.data.batches.token_characters import TokenBatch, TokenCharacters

from .dropout import dropout
from .encoder import Encoder, initialize_embedding


class TokenEncoder(nn.Module):
    """Words by their embedding, characters by a recurrent layer; `characters` is None where only words are used."""

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
        """Return the vector (I,) of each token, after dropout."""
        device = self.words.weight.device
        lengths = torch.from_numpy(tokens.lengths)
        packed = pack_padded_sequence(torch.from_numpy(tokens.words.T.copy()).to(device), lengths)
        x = dropout(self.words(packed.data), rate, rng)
        if self.characters is not None:
            assert tokens.characters is not None
            positions = pack_padded_sequence(
                torch.from_numpy(tokens.characters.token_index.T.copy()).to(device), lengths
            ).data
            encoded = _encode_characters(self.characters, tokens.characters, device, rng)[positions]
            x = torch.cat([x, dropout(encoded, rate, rng)], 1)
        return packed._replace(data=x)

    @torch.no_grad()
    def initialize(self) -> None:
        """Set the weights that training starts from."""
        initialize_embedding(self.words)
        if self.characters is not None:
            self.characters.initialize()


def _encode_characters(
    encoder: Encoder, characters: TokenCharacters, device: torch.device, rng: torch.Generator
) -> Tensor:
    """Return the last outputs (U, 2 H) for the characters of each of U different tokens, in both directions."""
    ids = torch.from_numpy(characters.ids.T.copy()).to(device)
    _, states = encoder(pack_padded_sequence(ids, torch.from_numpy(characters.lengths)), 0.0, rng)
    encoded: Tensor = states[-1][0].transpose(0, 1).flatten(1)
    return encoded
