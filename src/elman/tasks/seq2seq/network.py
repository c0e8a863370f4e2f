"""The torch module of an encoder-decoder.

    m, s_0 = encoder(source </s>)                  padding is packed away
    s      = decoder(<s> target)                   all steps at once
    h~     = tanh(W [attention(s, m); s] + b)      s without attention
    logits = V h~ + b

numpy_network.py defines all parts and computes the same without torch; the weights have its names.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

import elman.nn
from elman.data.batches.padded import IGNORE_INDEX, PairBatch

from .config import Seq2SeqConfig

States = list[Tensor]  # of a layer: h, or h and c, each (1, B, H)


class Seq2SeqTensors:
    """A batch of pairs as tensors, time first. The lengths stay on the CPU, as pack_padded_sequence requires."""

    def __init__(self, batch: PairBatch, device: torch.device) -> None:
        self.sources = torch.from_numpy(batch.source.T.copy()).to(device)
        self.source_lengths = torch.from_numpy(batch.source_lengths)
        self.target_inputs = torch.from_numpy(batch.target_inputs.T.copy()).to(device)
        self.targets = torch.from_numpy(batch.targets.T.copy()).to(device)


class Decoder(nn.Module):
    """Embedding and recurrent layers of the targets."""

    def __init__(self, config: Seq2SeqConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, config.embedding_size)
        H, L, cell = config.hidden_size, config.num_decoder_layers, (config.decoder_cell_name, config.activation)
        self.lower = 1 if config.attention_layer == "first" else L  # layers up to attention
        self.layers = elman.nn.recurrent_layers(*cell, config.decoder_input_size, [H] * self.lower)
        self.layers.extend(elman.nn.recurrent_layers(*cell, 2 * H, [H] * (L - self.lower)))

    def forward(
        self, x: Tensor, state: list[States], rate: float, rng: torch.Generator, *, above_attention: bool = False
    ) -> tuple[Tensor, list[States]]:
        """Return the outputs (T, B, H) and the last states of the layers up to attention, or of the layers above it.

        x (T, B, I): inputs of the first of these layers. state: first states of all layers. rate: dropout probability.
        """
        part = slice(self.lower, None) if above_attention else slice(self.lower)
        last = []
        for layer, first in zip(self.layers[part], state[part], strict=True):
            x, final = layer(x, first[0] if len(first) == 1 else tuple(first))
            x = elman.nn.dropout(x, rate, rng)
            last.append(elman.nn.as_states(final))
        return x, last


class Seq2SeqNetwork(nn.Module):
    """Encoder, bridge, decoder, attention and readout, with their initial weights."""

    def __init__(self, config: Seq2SeqConfig, source_vocabulary: int, target_vocabulary: int) -> None:
        super().__init__()
        self.config = config
        H, M = config.hidden_size, config.encoder_output_size
        self.encoder = elman.nn.Encoder(
            config.cell,
            config.activation,
            source_vocabulary,
            config.embedding_size,
            [config.encoder_size] * config.num_layers,
            bidirectional=config.bidirectional,
        )
        self.decoder = Decoder(config, target_vocabulary)
        bridges = config.bridges if config.bridge == "linear" else []
        self.bridge = nn.ModuleDict({f"{layer}_{state}": nn.Linear(M, H) for layer, state, _ in bridges})
        self.attention = elman.nn.Attention(config.attention, H) if config.attention != "none" else None
        if self.attention is not None:
            self.combine = nn.Linear(2 * H, H)
        self.memory = nn.Linear(M, H, bias=False) if self.attention is not None and M != H else None
        self.readout = nn.Linear(H, target_vocabulary)
        self._initialize()

    @torch.no_grad()
    def _initialize(self) -> None:
        self.encoder.initialize()
        elman.nn.initialize_embedding(self.decoder.embedding)
        elman.nn.initialize_recurrent(self.decoder.layers)
        nn.init.zeros_(self.readout.bias)

    def forward(self, batch: Seq2SeqTensors, rng: torch.Generator, sampled_share: float = 0.0) -> Tensor:
        """Return the sum of the losses of all target tokens.

        sampled_share: the share of the decoder's inputs that are replaced by its own predictions.
        """
        m, state = self._encode(batch, rng)
        inputs = batch.target_inputs
        if sampled_share:
            with torch.no_grad():
                predictions = self.readout(self._decode(inputs, batch, m, state, rng)).argmax(-1)
            shifted = torch.cat([inputs[:1], predictions[:-1]])
            replaced = torch.empty(inputs.shape, device=inputs.device).bernoulli_(sampled_share, generator=rng)
            inputs = torch.where(replaced.bool(), shifted, inputs)
        h = self._decode(inputs, batch, m, state, rng).flatten(0, 1)
        targets = batch.targets.flatten()
        loss = elman.nn.cross_entropy(h, self.readout.weight, self.readout.bias, targets)
        smoothing = self.config.label_smoothing if self.training else 0.0
        return loss + smoothing * self._logits_above_mean(h, targets) if smoothing else loss

    def logits(self, batch: Seq2SeqTensors, rng: torch.Generator) -> Tensor:
        """Return logits (T, B, V)."""
        m, state = self._encode(batch, rng)
        logits: Tensor = self.readout(self._decode(batch.target_inputs, batch, m, state, rng))
        return logits

    @property
    def _dropout(self) -> float:
        return self.config.dropout if self.training else 0.0

    def _encode(self, batch: Seq2SeqTensors, rng: torch.Generator) -> tuple[Tensor, list[States]]:
        """Return the encoder outputs m (B, S, H) and the first states of the decoder."""
        packed = pack_padded_sequence(batch.sources, batch.source_lengths)
        outputs, last = self.encoder(packed, self._dropout, rng)
        names = self.config.build_cell("encoder").states
        encoder_states = {
            f"layers.{i}.{name}": state
            for i, states in enumerate(last)
            for name, state in zip(names, states, strict=True)
        }
        first: list[States] = [[] for _ in range(self.config.num_decoder_layers)]
        for layer, name, encoder_state in self.config.bridges:
            state = encoder_states[encoder_state]
            if self.config.bridge == "linear":
                state = self.bridge[f"{layer}_{name}"](state.transpose(0, 1).flatten(1))[None]
                state = torch.tanh(state) if name == "h" else state
            first[layer].append(state)
        m = outputs if self.memory is None else self.memory(outputs)
        return m.transpose(0, 1), first

    def _decode(
        self, inputs: Tensor, batch: Seq2SeqTensors, m: Tensor, state: list[States], rng: torch.Generator
    ) -> Tensor:
        """Return the attentional outputs h~ (T, B, H) for inputs (T, B)."""
        x = elman.nn.dropout(self.decoder.embedding(inputs), self._dropout, rng)
        if self.config.aligned_input:
            x = torch.cat([x, _first_steps(m.transpose(0, 1), len(x))], -1)
        if self.config.input_feeding:
            return self._decode_step_by_step(x, batch, m, state, rng)
        s: Tensor = self.decoder(x, state, self._dropout, rng)[0]
        if self.attention is None:
            return s
        c = self._context_vectors(s, batch, m)
        if self.config.attention_layer == "first":
            s, _ = self.decoder(torch.cat([s, c], -1), state, self._dropout, rng, above_attention=True)
        return self._combined(s, c, rng)

    def _decode_step_by_step(
        self, x: Tensor, batch: Seq2SeqTensors, m: Tensor, state: list[States], rng: torch.Generator
    ) -> Tensor:
        """Return the attentional outputs (T, B, H), each of which is an input of the next step."""
        h = x.new_zeros(x.shape[1], self.config.hidden_size)
        steps = []
        for x_t in x:
            s, state = self.decoder(torch.cat([x_t, h], -1)[None], state, self._dropout, rng)
            h = self._combined(s, self._context_vectors(s, batch, m), rng)[0]
            steps.append(h)
        return torch.stack(steps)

    def _context_vectors(self, s: Tensor, batch: Seq2SeqTensors, m: Tensor) -> Tensor:
        """Return the context vectors (T, B, H) of queries (T, B, H)."""
        lengths = batch.source_lengths.to(s.device)
        assert self.attention is not None
        c: Tensor = self.attention(s.transpose(0, 1), m, lengths)
        return c.transpose(0, 1)

    def _combined(self, s: Tensor, c: Tensor, rng: torch.Generator) -> Tensor:
        h = torch.tanh(self.combine(torch.cat([c, s], -1)))
        return elman.nn.dropout(h, self._dropout, rng)

    def _logits_above_mean(self, h: Tensor, targets: Tensor) -> Tensor:
        """Return the sum over targets (N,) of the target's logit minus the mean of all logits."""
        is_token = targets != IGNORE_INDEX
        h, targets = h[is_token], targets[is_token]
        V, b = self.readout.weight, self.readout.bias
        return (h * (F.embedding(targets, V) - V.mean(0))).sum() + (b[targets] - b.mean()).sum()


def _first_steps(x: Tensor, steps: int) -> Tensor:
    """Return the first steps of x (S, B, H), with zeros after the end of x."""
    return x[:steps] if steps <= len(x) else F.pad(x, (0, 0, 0, 0, 0, steps - len(x)))
