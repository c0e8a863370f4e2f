"""The trace of a text through a classifier: models/trace.py says what is in every trace.

    arrays   pooled (N,), pooling_weights (T,) of attention pooling, logits, log_probabilities and probabilities (C,),
             after_each (T+1, C): log probabilities before the first token and after every token; logits are divided
             by the temperature of calibration
             attribution (T,), if it was asked for: models/attribution.py
    facts    labels: the classes; label: the most probable one; decisions: the most probable one after every token;
             loss: -log p(target) in nats; objective and target: what is differentiated

The layer over the characters of words is not traced; its results are a part of x of the first layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells.readout import log_softmax
from elman.data.readers.excerpts import list_names
from elman.errors import ConfigError
from elman.models.attribution import Head, traced_attribution
from elman.models.pooling import Pooling
from elman.models.recorder import recording
from elman.models.replay import replay
from elman.models.stack import Stack
from elman.models.trace import Trace, add_norms_by_lag, check_trace_size, layer_traces, stack_derivatives

Array = npt.NDArray[Any]
AXIS = "tokens"


@dataclass(frozen=True, slots=True)
class Model:
    """What a trace needs of a classifier: predictions of texts and after each token, its layers, V (C, N)."""

    log_probabilities: Callable[[Sequence[str]], Array]
    after_each: Callable[[Sequence[str]], Array]
    stack: Stack
    pooling: Pooling
    V: Array
    b: Array
    labels: tuple[str, ...]

    def head(self, target: int) -> Head:
        """Return log p of a label as a function of the outputs of the layers."""
        D = len(self.stack.endings)

        def log_p(outputs: Array) -> tuple[float, Array]:
            H = outputs.shape[1] // D
            last = np.concatenate([outputs[-1, :H], outputs[0, H:]])
            (pooled,) = self.pooling(outputs[None], last[None], np.array([len(outputs)]))
            log_probabilities = log_softmax(self.V @ pooled + self.b)
            d_logits = -np.exp(log_probabilities)
            d_logits[target] += 1.0
            return float(log_probabilities[target]), self.pooling.backward(d_logits @ self.V, outputs, D)

        return log_p


def trace_text(
    model: Model, text: str, tokens: list[str], label: str | None, *, gradients: bool, attribution: str | None
) -> Trace:
    """Return the trace of a text; the objective is -log p of the label, by default of the most probable one."""
    if not tokens:
        raise ConfigError("a text without tokens; expected one token or more to trace")
    if label is not None and label not in model.labels:
        raise ConfigError(f"the model does not know the label {label!r}; expected one of {list_names(model.labels)}")
    check_trace_size(model.stack, len(tokens), len(model.labels))
    with recording() as recorder:
        (log_p,) = model.log_probabilities([text])
    steps = replay(model.stack, recorder.runs_of(model.stack))
    target = int(log_p.argmax()) if label is None else model.labels.index(label)
    after_each = model.after_each(tokens)
    derivatives = None
    facts: dict[str, Any] = {
        "labels": list(model.labels),
        "label": model.labels[log_p.argmax()],
        "decisions": [model.labels[i] for i in after_each[1:].argmax(1)],
        "target": model.labels[target],
        "loss": -float(log_p[target]),
    }
    if gradients:
        d_logits = np.exp(log_p)
        d_logits[target] -= 1.0
        d_outputs = model.pooling.backward(d_logits @ model.V, steps.outputs, len(model.stack.endings))
        derivatives, _ = stack_derivatives(steps, d_outputs)
        add_norms_by_lag(steps, d_outputs, derivatives)
        facts["objective"] = f"-log p({model.labels[target]})"
    attributed: dict[str, Array] = {}
    if attribution is not None:
        x, of = steps.layers[0][0].x, f"log p({model.labels[target]})"
        attributed, fact = traced_attribution(model.stack, x, model.head(target), attribution, of)
        facts |= fact
    weights = model.pooling.weights(steps.outputs)
    return Trace(
        task="classify",
        input=text,
        axes={AXIS: tokens},
        layers=tuple(layer_traces(steps, AXIS, derivatives)),
        arrays={
            "pooled": recorder.last("pooled")[0],
            **({} if weights is None else {"pooling_weights": weights}),
            "logits": recorder.last("logits")[0],
            "log_probabilities": log_p,
            "probabilities": np.exp(log_p),
            "after_each": after_each,
            **attributed,
        },
        facts=facts,
        exact=steps.exact,
        step_error=steps.step_error,
    )
