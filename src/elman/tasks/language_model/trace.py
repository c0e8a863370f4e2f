"""The trace of a text through a language model: models/trace.py says what is in every trace.

    arrays   ids (T,), logits and probabilities (T, V) of the next token after each token; loss (T-1,): loss[t] is
             -log p(token t+1 | tokens 0..t), in nats; attribution (T,), if it was asked for: models/attribution.py
    facts    decisions: the most probable next token after each token; loss: the sum; objective: what is differentiated

The text goes through the model token by token, by the function `step` with which the model generates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells import readout
from elman.errors import ConfigError
from elman.models.attribution import Head, token_index, traced_attribution
from elman.models.recorder import recording
from elman.models.replay import replay
from elman.models.stack import Stack, State
from elman.models.trace import VOCABULARY, Trace, add_norms_by_lag, check_trace_size, layer_traces, stack_derivatives

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
AXIS = "tokens"


@dataclass(frozen=True, slots=True)
class Model:
    """What a trace needs of a language model: its step, its layers, and V (vocabulary, H) of its readout."""

    step: Callable[[Ids, State], tuple[Array, State]]
    stack: Stack
    V: Array
    b: Array
    vocabulary: Sequence[str]

    def head(self, ids: Ids, position: int) -> Head:
        """Return log p of the token at a position as a function of the outputs of the layers."""

        def log_p(outputs: Array) -> tuple[float, Array]:
            log_probabilities = readout.log_softmax(self.V @ outputs[position - 1] + self.b)
            d_logits = -np.exp(log_probabilities)
            d_logits[ids[position]] += 1.0
            d_outputs = np.zeros_like(outputs)
            d_outputs[position - 1] = d_logits @ self.V
            return float(log_probabilities[ids[position]]), d_outputs

        return log_p


def trace_text(
    model: Model, text: str, ids: Ids, *, gradients: bool, attribution: str | None, position: int | None
) -> Trace:
    """Return the trace of a text, whose tokens have these ids (T,); the attribution is that of one position."""
    if gradients and len(ids) < 2:
        raise ConfigError(f"a text of {len(ids)} token; expected two or more, of which the second has a loss")
    check_trace_size(model.stack, len(ids), 2 * len(model.vocabulary))
    rows, state = [], model.stack.initial_state(1)
    with recording() as recorder:
        for token in ids:
            logits, state = model.step(np.array([token]), state)
            rows.append(logits[0])
    logits = np.stack(rows)
    steps = replay(model.stack, recorder.runs_of(model.stack))
    loss = -np.take_along_axis(readout.log_softmax(logits[:-1]), ids[1:, None], 1)[:, 0]
    derivatives = None
    facts: dict[str, Any] = {
        "decisions": [model.vocabulary[token] for token in logits.argmax(1)],
        "loss": float(loss.sum(dtype=np.float64)),
        "loss_tokens": len(loss),
    }
    if gradients:
        _, _, d_logits = readout.softmax_cross_entropy(logits[:-1], ids[1:])
        d_outputs = np.zeros_like(steps.outputs)
        d_outputs[:-1] = d_logits @ model.V
        derivatives, _ = stack_derivatives(steps, d_outputs)
        add_norms_by_lag(steps, d_outputs, derivatives)
        facts["objective"] = "the sum of the losses of all tokens after the first"
    attributed: dict[str, Array] = {}
    if attribution is not None:
        index = token_index(position, 2, len(ids))
        x, of = steps.layers[0][0].x, f"log p({model.vocabulary[ids[index]]})"
        head = model.head(ids, index)
        attributed, fact = traced_attribution(model.stack, x, head, attribution, of, position=index + 1)
        facts |= fact
    return Trace(
        task="lm",
        input=text,
        axes={AXIS: [model.vocabulary[token] for token in ids], VOCABULARY: list(model.vocabulary)},
        layers=tuple(layer_traces(steps, AXIS, derivatives)),
        arrays={"ids": ids, "logits": logits, "probabilities": readout.softmax(logits), "loss": loss, **attributed},
        facts=facts,
        exact=steps.exact,
        step_error=steps.step_error,
    )
