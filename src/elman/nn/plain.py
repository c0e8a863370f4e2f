"""Trained models as modules of torch.nn alone, for predictors' `to_torch` (export/torch_modules.py).

They have no layer of elman and no convention of its own: batch first, numbers of tokens in, logits out. Parameters have
the names of the model folder, so `load_state_dict` takes model.safetensors. torch.jit.script compiles them; what it
saves runs without elman.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

LAYERS: dict[str, type[nn.RNN | nn.GRU | nn.LSTM]] = {"elman": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class PlainLayers(nn.Sequential):
    """Recurrent layers over padded sequences. nn.Sequential, because torch.jit.script compiles a loop over one."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """Return the outputs (B, T, D*H) of x (B, T, I), of which lengths (B,) count; zeros behind them."""
        total = x.shape[1]
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        for layer in self:
            packed, _ = layer(packed)
        outputs, _ = pad_packed_sequence(packed, batch_first=True, total_length=total)
        return outputs


def plain_layers(
    cell: str, activation: str, input_size: int, hidden_sizes: Sequence[int], *, bidirectional: bool = False
) -> PlainLayers:
    """Return one module of torch.nn for each layer, batch first."""
    layers = PlainLayers()
    for hidden_size in hidden_sizes:
        if cell == "elman":
            layer: nn.Module = nn.RNN(
                input_size, hidden_size, nonlinearity=activation, batch_first=True, bidirectional=bidirectional
            )
        else:
            layer = LAYERS[cell](input_size, hidden_size, batch_first=True, bidirectional=bidirectional)
        layers.append(layer)
        input_size = hidden_size * (2 if bidirectional else 1)
    return layers


class PlainLanguageModel(nn.Module):
    """Embedding, RNN or GRU layers, and readout. A state is a list of (1, B, H), one for each layer."""

    def __init__(self, embedding: nn.Embedding, layers: PlainLayers, readout: nn.Linear) -> None:
        super().__init__()
        self.embedding, self.layers, self.readout = embedding, layers, readout

    def forward(self, ids: Tensor, state: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """Return logits (B, T, V) of the tokens after ids (B, T), and the next state; state None is zeros."""
        x = self.embedding(ids)
        state_next: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            x, h = layer(x) if state is None else layer(x, state[number])
            state_next.append(h)
        return self.readout(x), state_next


class PlainLSTMLanguageModel(nn.Module):
    """Embedding, LSTM layers, and readout. A state is a list of pairs (1, B, H), h and c, one for each layer."""

    def __init__(self, embedding: nn.Embedding, layers: PlainLayers, readout: nn.Linear) -> None:
        super().__init__()
        self.embedding, self.layers, self.readout = embedding, layers, readout

    def forward(
        self, ids: Tensor, state: list[tuple[Tensor, Tensor]] | None = None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return logits (B, T, V) of the tokens after ids (B, T), and the next state; state None is zeros."""
        x = self.embedding(ids)
        state_next: list[tuple[Tensor, Tensor]] = []
        for number, layer in enumerate(self.layers):
            x, pair = layer(x) if state is None else layer(x, state[number])
            state_next.append(pair)
        return self.readout(x), state_next


class PlainCharacters(nn.Module):
    """A layer over the characters of a token, in both directions."""

    def __init__(self, embedding: nn.Embedding, layers: PlainLayers) -> None:
        super().__init__()
        self.embedding, self.layers = embedding, layers

    def forward(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """Return the last outputs (N, 2 H) for characters (N, S); zeros for a length of 0."""
        outputs = self.layers(self.embedding(characters), lengths.clamp(min=1))
        return _last_outputs(outputs, lengths.clamp(min=1), 2) * (lengths > 0).to(outputs.dtype).unsqueeze(1)


class PlainTokens(nn.Module):
    """The embedding of words."""

    def __init__(self, words: nn.Embedding) -> None:
        super().__init__()
        self.words = words

    def forward(self, words: Tensor) -> Tensor:
        """Return (B, T, E)."""
        return torch.as_tensor(self.words(words))


class PlainTokensWithCharacters(nn.Module):
    """The embedding of words, and the last outputs of the layer over their characters."""

    def __init__(self, words: nn.Embedding, characters: PlainCharacters) -> None:
        super().__init__()
        self.words, self.characters = words, characters

    def forward(self, words: Tensor, characters: Tensor, character_lengths: Tensor) -> Tensor:
        """Return (B, T, E + 2 H) from words (B, T), characters (B, T, S) and their counts (B, T)."""
        encoded = self.characters(characters.flatten(0, 1), character_lengths.flatten())
        return torch.cat([self.words(words), encoded.reshape(words.shape[0], words.shape[1], -1)], dim=-1)


class PlainPooling(nn.Module):
    """last, mean, max: one vector (B, N) from the outputs (B, T, N)."""

    def __init__(self, kind: str, num_directions: int) -> None:
        super().__init__()
        self.kind, self.num_directions = kind, num_directions

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return (B, N)."""
        inside = _inside(outputs, lengths)
        if self.kind == "last":
            return _last_outputs(outputs, lengths, self.num_directions)
        if self.kind == "mean":
            return (outputs * inside).sum(1) / lengths.to(outputs.dtype).unsqueeze(1)
        return outputs.masked_fill(~inside, float("-inf")).amax(1)


class PlainAttentionPooling(nn.Module):
    """The mean of the outputs (B, T, N) with the weights softmax(score . tanh(key h))."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.key = nn.Linear(size, size)
        self.score = nn.Parameter(torch.empty(size))

    def forward(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Return (B, N)."""
        e = torch.tanh(self.key(outputs)) @ self.score
        weights = e.masked_fill(~_inside(outputs, lengths).squeeze(2), float("-inf")).softmax(1)
        return (weights.unsqueeze(2) * outputs).sum(1)


class PlainTransitions(nn.Module):
    """The scores of a conditional random field: transitions (C, C), from row to column, start and end (C,)."""

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.empty(num_labels, num_labels))
        self.start = nn.Parameter(torch.empty(num_labels))
        self.end = nn.Parameter(torch.empty(num_labels))


class PlainClassifier(nn.Module):
    """Tokens, recurrent layers, pooling and readout: log probabilities (B, C) of the labels."""

    def __init__(
        self, tokens: nn.Module, layers: PlainLayers, pooling: nn.Module, readout: nn.Linear, temperature: float
    ) -> None:
        super().__init__()
        self.tokens, self.layers, self.pooling, self.readout = tokens, layers, pooling, readout
        self.temperature = temperature

    def read(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return log probabilities (B, C) from encoded tokens (B, T, I)."""
        outputs = self.layers(x, lengths)
        logits = self.readout(self.pooling(outputs, lengths))
        return torch.log_softmax(logits / self.temperature, dim=-1)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Return log probabilities (B, C) for the numbers of tokens (B, T), of which lengths (B,) count."""
        return self.read(self.tokens(words), lengths)


class PlainClassifierWithCharacters(PlainClassifier):
    """A classifier whose tokens are words with a layer over their characters."""

    def forward(self, words: Tensor, lengths: Tensor, characters: Tensor, character_lengths: Tensor) -> Tensor:  # type: ignore[override]
        """Return log probabilities (B, C); characters (B, T, S), of which character_lengths (B, T) count."""
        return self.read(self.tokens(words, characters, character_lengths), lengths)


class PlainTagger(nn.Module):
    """Tokens, recurrent layers and readout: emissions (B, T, C); `crf` has the scores of transitions or is None."""

    def __init__(
        self, tokens: nn.Module, layers: PlainLayers, readout: nn.Linear, crf: PlainTransitions | None = None
    ) -> None:
        super().__init__()
        self.tokens, self.layers, self.readout, self.crf = tokens, layers, readout, crf

    def read(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return emissions (B, T, C) from encoded tokens (B, T, I)."""
        return torch.as_tensor(self.readout(self.layers(x, lengths)))

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Return emissions (B, T, C) for the numbers of words (B, T), of which lengths (B,) count."""
        return self.read(self.tokens(words), lengths)


class PlainTaggerWithCharacters(PlainTagger):
    """A tagger whose tokens are words with a layer over their characters."""

    def forward(self, words: Tensor, lengths: Tensor, characters: Tensor, character_lengths: Tensor) -> Tensor:  # type: ignore[override]
        """Return emissions (B, T, C); characters (B, T, S), of which character_lengths (B, T) count."""
        return self.read(self.tokens(words, characters, character_lengths), lengths)


def _inside(outputs: Tensor, lengths: Tensor) -> Tensor:
    """Return which steps count, (B, T, 1)."""
    steps = torch.arange(outputs.shape[1], device=outputs.device)
    return (steps.unsqueeze(0) < lengths.unsqueeze(1)).unsqueeze(2)


def _last_outputs(outputs: Tensor, lengths: Tensor, num_directions: int) -> Tensor:
    """Return the output of each direction after its last step (B, D*H)."""
    size = outputs.shape[2] // num_directions
    rows = torch.arange(outputs.shape[0], device=outputs.device)
    last = outputs[rows, lengths - 1, :size]
    return last if num_directions == 1 else torch.cat([last, outputs[:, 0, size:]], dim=1)
