"""The trace of a text through a language model: models/trace.py says what is in every trace.

    arrays   ids (T,), logits and probabilities (T, V) of the next token after each token; loss (T-1,): loss[t] is
             -log p(token t+1 | tokens 0..t), in nats
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
from elman.models.recorder import recording
from elman.models.replay import replay
from elman.models.stack import Stack, State
from elman.models.trace import Trace, add_norms_by_lag, layer_traces, stack_derivatives

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
AXIS = "tokens"


@dataclass(frozen=True, slots=True)
class Model:
    """What a trace needs of a language model: its step, its layers, and V (vocabulary, H) of its readout."""

    step: Callable[[Ids, State], tuple[Array, State]]
    stack: Stack
    V: Array
    vocabulary: Sequence[str]


def trace_text(model: Model, text: str, ids: Ids, *, gradients: bool) -> Trace:
    """Return the trace of a text, whose tokens have these ids (T,)."""
    if gradients and len(ids) < 2:
        raise ConfigError(f"a text of {len(ids)} token; expected two or more, of which the second has a loss")
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
    }
    if gradients:
        _, _, d_logits = readout.softmax_cross_entropy(logits[:-1], ids[1:])
        d_outputs = np.zeros_like(steps.outputs)
        d_outputs[:-1] = d_logits @ model.V
        derivatives, _ = stack_derivatives(steps, d_outputs)
        add_norms_by_lag(steps, d_outputs, derivatives)
        facts["objective"] = "the sum of the losses of all tokens after the first"
    return Trace(
        task="lm",
        input=text,
        axes={AXIS: [model.vocabulary[token] for token in ids]},
        layers=tuple(layer_traces(steps, AXIS, derivatives)),
        arrays={"ids": ids, "logits": logits, "probabilities": readout.softmax(logits), "loss": loss},
        facts=facts,
        exact=steps.exact,
        step_error=steps.step_error,
    )
