"""The network of an encoder-decoder in NumPy, for predictions and traces; network.py has the same for training.

    m, s_0     = encoder(source </s>)             outputs, projected to H if they have another size; last states through
                                                  the bridge: tanh(W h + b) for h, W c + b for c
    s_t        = decoder(embedding[y_(t-1)], s_(t-1))        y_0 = <s>
    h~_t       = tanh(W [c_t; s_t] + b)           c_t = attention(s_t, m); without attention, h~_t = s_t
    p(y_t)     = softmax(V h~_t + b)              until </s>

Encoder-decoder: Sutskever et al. (2014). Attention and the attentional output h~: Luong et al. (2015), equations 3 and
5. Three options change the decoder:

    input feeding      s_t also depends on h~_(t-1): Luong et al. (2015), section 3.3
    attention_layer    with `first`, attention uses the outputs of the first layer, and the layers above it read
                       [s_t; c_t]: Wu et al. (2016), section 3
    aligned input      s_t also depends on m_t, the encoder output of source token t, which is zero after the end of the
                       source: similar to Gu et al. (2018), section 3.1

The encoder stops at the length of each source, and padding has the attention weight 0, so padding has no effect.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.cells.readout import log_softmax
from elman.checkpoint import Tensors
from elman.data.batches.padded import IGNORE_INDEX
from elman.models.attention import Attention, projected
from elman.models.matrix import Int8Matrix, Matrix, divided, look_up, product, take, take_matrix
from elman.models.recorder import note
from elman.models.stack import Stack, State

from .config import Seq2SeqConfig

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


class NumpyNetwork:
    """The layers of an encoder-decoder. `upper` are the layers of the decoder above attention, if there are any."""

    def __init__(
        self,
        config: Seq2SeqConfig,
        source_size: int,
        target_size: int,
        tensors: Tensors,
    ) -> None:
        """Take weights by name, for vocabularies of these sizes; a shape that does not fit is a ModelError."""
        self.config = config
        E, H, M = config.embedding_size, config.hidden_size, config.encoder_output_size
        self.encoder = Stack(
            config.build_cell("encoder"),
            tensors,
            E,
            [config.encoder_size] * config.num_layers,
            take_matrix(tensors, "encoder.embedding.weight", (source_size, E)),
            prefix="encoder.",
            bidirectional=config.bidirectional,
        )
        self.embedding = take_matrix(tensors, "decoder.embedding.weight", (target_size, E))
        self.decoder, self.upper = self._decoder_stacks(tensors)
        self.bridges: dict[tuple[int, str], tuple[Matrix, Array]] = {}
        for layer, state, _ in config.bridges if config.bridge == "linear" else ():
            name = f"bridge.{layer}_{state}"
            bias = take(tensors, f"{name}.bias", (H,))
            self.bridges[layer, state] = take_matrix(tensors, f"{name}.weight", (H, M)), bias
        has_attention = config.attention != "none"
        self.attention = Attention(config.attention, tensors, H) if config.attention != "none" else None
        self.projection = take_matrix(tensors, "memory.weight", (H, M)) if has_attention and M != H else None
        self.combine = take_matrix(tensors, "combine.weight", (H, 2 * H)) if has_attention else None
        self.combine_bias = take(tensors, "combine.bias", (H,)) if has_attention else None
        self.V = take_matrix(tensors, "readout.weight", (target_size, H))
        self.b = take(tensors, "readout.bias", (target_size,))

    def _decoder_stacks(self, tensors: Tensors) -> tuple[Stack, Stack | None]:
        """Return the layers up to attention, and the layers above it, if there are any."""
        config = self.config
        cell, H, L = config.build_cell("decoder"), config.hidden_size, config.num_decoder_layers
        lower = 1 if config.attention_layer == "first" else L
        embedding = self.embedding if config.decoder_input_size == config.embedding_size else None
        decoder = Stack(cell, tensors, config.decoder_input_size, [H] * lower, embedding, prefix="decoder.")
        if lower == L:
            return decoder, None
        return decoder, Stack(cell, tensors, 2 * H, [H] * (L - lower), prefix="decoder.", first=lower)

    def encode(self, ids: Ids, lengths: Ids) -> tuple[State, State]:
        """Return the first state of the decoder and the context, B rows each, of sources (B, S) of these lengths (B,).

        The context does not change while a target is decoded: encoder outputs, keys and lengths.
        """
        outputs, last = self.encoder.run(ids, self.encoder.initial_state(len(ids)), lengths)
        state = {
            f"decoder.layers.{layer}.{name}": self._bridged(layer, name, last, encoder_state)
            for layer, name, encoder_state in self.config.bridges
        }
        if self.config.aligned_input:
            state["position"] = np.zeros(len(ids), np.int64)
        if self.config.input_feeding:
            state["attentional_output"] = np.zeros((len(ids), self.config.hidden_size), self.V.dtype)
        context: State = {"lengths": lengths}
        if self.attention is not None:
            m = outputs if self.projection is None else projected(outputs, self.projection)
            note("encoder_outputs", m)
            context |= {"encoder_outputs": m, "keys": self.attention.keys(m)}
        return state, context

    def _bridged(self, layer: int, name: str, last: State, encoder_state: str) -> Array:
        if self.config.bridge == "copy":
            return last[f"encoder.{encoder_state}"]
        endings = ("", "_reverse")[: self.config.num_directions]
        W, b = self.bridges[layer, name]
        states = np.concatenate([last[f"encoder.{encoder_state}{ending}"] for ending in endings], axis=1)
        state: Array = product(states, W) + b
        return np.tanh(state) if name == "h" else state

    def step(self, tokens: Ids, state: State, context: State) -> tuple[Array, State]:
        """Return the log probabilities (B*K, V) of the next tokens after tokens (B*K,), and the next state.

        The K rows of each of the context's B sources are next to each other.
        """
        _, h, state = self.decode(tokens[:, None], state, context)
        log_p = log_softmax(product(h[:, 0], self.V) + self.b)
        note("log_probabilities", log_p)
        return log_p, state

    def decode(self, tokens: Ids, state: State, context: State) -> tuple[Array, Array, State]:
        """Return the queries s and the attentional outputs h~, both (B*K, T, H), and the next state."""
        if self.config.input_feeding and tokens.shape[1] != 1:
            return self._decode_step_by_step(tokens, state, context)
        x = tokens
        state_next: State = {}
        if self.config.aligned_input:
            x = np.concatenate([look_up(self.embedding, tokens), self._aligned(tokens.shape, state, context)], axis=-1)
            state_next["position"] = state["position"] + tokens.shape[1]
        if self.config.input_feeding:
            embedded = look_up(self.embedding, tokens) if x is tokens else x
            x = np.concatenate([embedded, state["attentional_output"][:, None]], axis=-1)
        s, states = self.decoder.run(x, state)
        state_next |= states
        c = self._context_vectors(s, context)
        top = s
        if self.upper is not None and c is not None:
            top, states = self.upper.run(np.concatenate([s, c], axis=-1), state)
            state_next |= states
        h = self._combined(top, c)
        if self.config.input_feeding:
            state_next["attentional_output"] = h[:, 0]
        return s, h, state_next

    def _decode_step_by_step(self, tokens: Ids, state: State, context: State) -> tuple[Array, Array, State]:
        steps = []
        for column in tokens.T:
            s, h, state = self.decode(column[:, None], state, context)
            steps.append((s, h))
        s, h = (np.concatenate(arrays, axis=1) for arrays in zip(*steps, strict=True))
        return s, h, state

    def _aligned(self, shape: tuple[int, ...], state: State, context: State) -> Array:
        """Return the encoder outputs (B*K, T, H) at the next T positions, zero after the end of a source."""
        m, lengths = context["encoder_outputs"], context["lengths"]
        rows = np.repeat(np.arange(len(m)), shape[0] // len(m))[:, None]
        positions = state["position"][:, None] + np.arange(shape[1])
        aligned: Array = m[rows, np.minimum(positions, m.shape[1] - 1)]
        return np.where((positions < lengths[rows])[..., None], aligned, 0)

    def _context_vectors(self, s: Array, context: State) -> Array | None:
        """Return the context vectors (B*K, T, H) of queries (B*K, T, H); None for a model without attention."""
        if self.attention is None:
            return None
        keys, m = context["keys"], context["encoder_outputs"]
        return self.attention.contexts(s.reshape(len(keys), -1, s.shape[-1]), keys, m, context["lengths"]).reshape(
            s.shape
        )

    def _combined(self, s: Array, c: Array | None) -> Array:
        if self.combine is None or c is None:
            return s
        h: Array = np.tanh(projected(np.concatenate([c, s], axis=-1), self.combine) + self.combine_bias)
        note("attentional_output", h)
        return h

    def attention_weights(self, s: Array, context: State) -> Array:
        """Return the attention weights (B, K*T, S) of queries (B*K, T, H)."""
        assert self.attention is not None
        B, _, H = context["keys"].shape
        return self.attention.weights(s.reshape(B, -1, H), context["keys"], context["lengths"])

    def loss(self, h: Array, targets: Ids, temperature: float) -> float:
        """Return the summed cross-entropy in nats of target tokens (B, T) from attentional outputs (B, T, H).

        The logits are divided by the temperature of calibration.
        """
        V, b = divided(self.V, temperature), self.b / temperature
        is_token = targets != IGNORE_INDEX
        if not kernels.available() or isinstance(V, Int8Matrix):
            log_p = log_softmax(product(h[is_token], V) + b)
            return -float(np.take_along_axis(log_p, targets[is_token][:, None], -1).sum(dtype=np.float64))
        V, b = np.ascontiguousarray(V), np.ascontiguousarray(b)
        x = np.ascontiguousarray(h.reshape(-1, V.shape[1]))
        return float(kernels.cross_entropy(x, V, b, targets.ravel()).sum())
