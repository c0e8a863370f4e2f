"""The derivatives of an encoder-decoder, for traces: from the losses of the target tokens back to the source.

The decoder's steps go backward one by one, because attention and input feeding connect them outside of its layers; the
layers' part is cells/unroll.py. Forward, with the symbols of numpy_network.py, a target token t is

    x_t = [embedding[y_(t-1)]; m_t; h~_(t-1)]     m_t: aligned input; h~: input feeding
    s_t = decoder(x_t)      c_t = a_t m      top_t = s_t, or upper([s_t; c_t])      h~_t = tanh(W [c_t; top_t] + b)

and the lines of `decoder_derivatives` are the reverse. Training uses torch instead (network.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells import unroll
from elman.models.matrix import dense
from elman.models.replay import StackSteps
from elman.models.trace import named_derivatives, stack_derivatives

from .numpy_network import NumpyNetwork

Array = npt.NDArray[Any]
Layers = list[list[dict[str, Array]]]  # [layer][direction], derivatives by name
StateGradient = unroll.StackState | None


@dataclass(frozen=True, slots=True)
class DecodedSteps:
    """What a prediction computed: the layers, encoder outputs m (S, H), attention weights (T, S), h~ (T, H)."""

    encoder: StackSteps
    decoder: StackSteps
    upper: StackSteps | None
    m: Array | None
    attention: Array | None
    h: Array


@dataclass(slots=True)
class _StackBackward:
    """A stack of one direction that goes backward step by step, from the last to the first."""

    steps: StackSteps
    d_state: StateGradient = None
    by_step: list[Layers] = field(default_factory=list)

    def step(self, t: int, d_output: Array) -> Array:
        """Return d_x (I,) of step t from d_output (H,)."""
        gradients = unroll.backward(
            self.steps.tape(slice(t, t + 1)), d_output[None, None], self.d_state, with_steps=True
        )
        assert gradients.steps is not None
        self.d_state = gradients.state
        self.by_step.insert(
            0,
            [
                [named_derivatives(self.steps.cell, one.parameters.W, d) for one, d in zip(layer, ds, strict=True)]
                for layer, ds in zip(self.steps.layers, gradients.steps, strict=True)
            ],
        )
        return np.asarray(gradients.x[0, 0])

    def joined(self) -> Layers:
        """Return the derivatives of all steps, [layer][direction]."""
        first = self.by_step[0]
        return [
            [
                {name: np.concatenate([step[i][d][name] for step in self.by_step]) for name in first[i][d]}
                for d in range(len(first[i]))
            ]
            for i in range(len(first))
        ]


@dataclass(frozen=True, slots=True)
class DecodedDerivatives:
    """The derivatives in the layers of the encoder, of the decoder up to attention, and of the layers above it."""

    encoder: Layers
    decoder: Layers
    upper: Layers


def derivatives(network: NumpyNetwork, decoded: DecodedSteps, d_logits: Array) -> DecodedDerivatives:
    """Return the derivatives in all layers, from those with respect to the logits (T, V)."""
    decoder = _StackBackward(decoded.decoder)
    upper = None if decoded.upper is None else _StackBackward(decoded.upper)
    d_m = None if decoded.m is None else np.zeros_like(decoded.m)
    H, E = network.config.hidden_size, network.config.embedding_size
    d_h_next = np.zeros(H, d_logits.dtype)  # by input feeding
    for t in range(len(d_logits) - 1, -1, -1):
        d_top, d_c = _combined_backward(network, decoded.h[t], d_logits[t] @ dense(network.V) + d_h_next)
        if upper is not None:
            d_input = upper.step(t, d_top)
            d_top, d_c = d_input[:H], d_c + d_input[H:]
        d_s = d_top
        if network.attention is not None and decoded.m is not None and decoded.attention is not None:
            d_weights = decoded.m @ d_c
            query = decoded.decoder.outputs[t : t + 1]
            d_query, d_of_scores = network.attention.backward(d_weights[None], query, decoded.m)
            d_s = d_s + d_query[0]
            assert d_m is not None
            d_m += np.outer(decoded.attention[t], d_c) + d_of_scores
        d_x = decoder.step(t, d_s)
        if network.config.aligned_input and d_m is not None and t < len(d_m):
            d_m[t] += d_x[E : E + H]
        if network.config.input_feeding:
            d_h_next = d_x[-H:]
    d_outputs = np.zeros_like(decoded.encoder.outputs)
    if d_m is not None:
        d_outputs += d_m if network.projection is None else d_m @ dense(network.projection)
    d_final = _bridges_backward(network, decoded, [decoder, *([upper] if upper else [])])
    encoder, _ = stack_derivatives(decoded.encoder, d_outputs, d_final)
    return DecodedDerivatives(encoder, decoder.joined(), upper.joined() if upper else [])


def _combined_backward(network: NumpyNetwork, h: Array, d_h: Array) -> tuple[Array, Array]:
    """Return the derivatives with respect to top_t and c_t of h~_t = tanh(W [c_t; top_t] + b)."""
    if network.combine is None:
        return d_h, np.zeros_like(d_h)
    H = len(h)
    d = (d_h * (1.0 - h * h)) @ dense(network.combine)
    return d[H:], d[:H]


def _bridges_backward(network: NumpyNetwork, decoded: DecodedSteps, stacks: list[_StackBackward]) -> unroll.StackState:
    """Return the derivatives with respect to the last states of the encoder, through the first ones of the decoder."""
    config, encoder = network.config, decoded.encoder
    d_final = {
        (index, direction, name): np.zeros_like(one.states[name][:1])
        for index, layer in enumerate(encoder.layers)
        for direction, one in enumerate(layer)
        for name in encoder.cell.states
    }
    layers = [
        (one[0], d[0]) for stack in stacks for one, d in zip(stack.steps.layers, stack.d_state or (), strict=True)
    ]
    for layer, name, encoder_state in config.bridges:
        one, d_initial = layers[layer]
        number = list(decoded.decoder.cell.states).index(name)
        d, value = d_initial[number], one.initial[number]
        _, index, of_encoder = encoder_state.split(".")
        if config.bridge == "copy":
            d_final[int(index), 0, of_encoder] += d
            continue
        W, _ = network.bridges[layer, name]
        d_last = (d * (1.0 - value * value) if name == "h" else d) @ dense(W)
        for direction, part in enumerate(np.split(d_last, config.num_directions, axis=1)):
            d_final[int(index), direction, of_encoder] += part
    return tuple(
        tuple(
            tuple(d_final[index, direction, name] for name in encoder.cell.states)
            for direction in range(len(encoder.layers[index]))
        )
        for index in range(len(encoder.layers))
    )
