"""The trace of a sentence through a tagger: models/trace.py says what is in every trace.

    arrays   emissions (T, C): scores of the tags of each token; probabilities (T, C), given the whole sentence;
             attribution (T,), if it was asked for: models/attribution.py
    facts    labels: the tags; decisions: the predicted tags; loss: -log p of the target tags, in nats;
             objective and target: what is differentiated

With a conditional random field, p is of all tags together, and the probabilities are its marginals. The layer over the
characters of words is not traced; its results are a part of x of the first layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells.readout import softmax
from elman.data.readers.excerpts import list_names
from elman.errors import ConfigError
from elman.models.attribution import Head, token_index, traced_attribution
from elman.models.crf import ConditionalRandomField
from elman.models.recorder import recording
from elman.models.replay import replay
from elman.models.stack import Stack
from elman.models.trace import Trace, add_norms_by_lag, check_trace_size, layer_traces, stack_derivatives

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
AXIS = "tokens"
EXCLUDED_SCORE = -1e9  # far below that of a forbidden transition


@dataclass(frozen=True, slots=True)
class Model:
    """What a trace needs of a tagger: its predictions, the loss of labels, its layers, and V (C, N)."""

    predict: Callable[[Sequence[list[str]]], list[list[str]]]
    predict_proba: Callable[[Sequence[list[str]]], list[Array]]
    loss: Callable[[Array, Ids, Ids], float]  # of emissions (1, T, C), lengths (1,) and labels (1, T)
    stack: Stack
    V: Array
    b: Array
    crf: ConditionalRandomField | None
    labels: tuple[str, ...]

    def head(self, labels: Ids, position: int) -> Head:
        """Return log p of the label at a position as a function of the outputs of the layers.

        With a CRF: log Z of the paths with this label at the position, minus log Z of all paths.
        """
        label = labels[position]

        def log_p(outputs: Array) -> tuple[float, Array]:
            emissions = outputs @ self.V.T + self.b
            fixed = emissions.copy()
            fixed[position] = EXCLUDED_SCORE
            fixed[position, label] = emissions[position, label]
            value = self._log_partition(fixed) - self._log_partition(emissions)
            d_emissions = self._marginals(fixed) - self._marginals(emissions)
            return value, d_emissions @ self.V

        return log_p

    def _log_partition(self, emissions: Array) -> float:
        if self.crf is None:
            largest = emissions.max(1)
            return float((np.log(np.exp(emissions - largest[:, None]).sum(1)) + largest).sum())
        return float(self.crf.log_partition(emissions[None], np.array([len(emissions)]))[0])

    def _marginals(self, emissions: Array) -> Array:
        if self.crf is None:
            return softmax(emissions)
        return np.asarray(self.crf.marginals(emissions[None], np.array([len(emissions)]))[0])


def trace_sentence(
    model: Model,
    tokens: list[str],
    tags: Sequence[str] | None,
    *,
    gradients: bool,
    attribution: str | None,
    position: int | None,
) -> Trace:
    """Return the trace of a sentence; the objective is -log p of the tags, by default of the predicted ones."""
    if not tokens:
        raise ConfigError("a sentence without tokens; expected one token or more to trace")
    check_trace_size(model.stack, len(tokens), 2 * len(model.labels))
    with recording() as recorder:
        (probabilities,) = model.predict_proba([tokens])
    emissions = recorder.last("emissions")
    steps = replay(model.stack, recorder.runs_of(model.stack))
    (decisions,) = model.predict([tokens])
    target = list(decisions if tags is None else tags)
    ids = label_ids(target, len(tokens), model.labels)
    loss = model.loss(emissions, np.array([len(tokens)]), ids[None])
    facts: dict[str, Any] = {
        "labels": list(model.labels),
        "decisions": decisions,
        "target": target,
        "loss": loss,
        "loss_tokens": len(tokens),
    }
    derivatives = None
    if gradients:
        d_emissions = probabilities.copy()
        d_emissions[np.arange(len(ids)), ids] -= 1.0
        d_outputs = d_emissions @ model.V
        derivatives, _ = stack_derivatives(steps, d_outputs)
        add_norms_by_lag(steps, d_outputs, derivatives)
        facts["objective"] = "-log p of the target tags"
    attributed: dict[str, Array] = {}
    if attribution is not None:
        index = token_index(position, 1, len(tokens))
        x, of = steps.layers[0][0].x, f"log p({target[index]})"
        head = model.head(ids, index)
        attributed, fact = traced_attribution(model.stack, x, head, attribution, of, position=index + 1)
        facts |= fact
    return Trace(
        task="tag",
        input=" ".join(tokens),
        axes={AXIS: tokens},
        layers=tuple(layer_traces(steps, AXIS, derivatives)),
        arrays={"emissions": emissions[0], "probabilities": probabilities, **attributed},
        facts=facts,
        exact=steps.exact,
        step_error=steps.step_error,
    )


def label_ids(tags: Sequence[str], count: int, labels: tuple[str, ...]) -> Ids:
    """Return the numbers (T,) of the tags of `count` tokens; others are a ConfigError."""
    if len(tags) != count:
        raise ConfigError(f"tags: given {len(tags)}; expected {count}, one for each token")
    for tag in tags:
        if tag not in labels:
            raise ConfigError(f"the model does not know the tag {tag!r}; expected one of {list_names(labels)}")
    return np.array([labels.index(tag) for tag in tags], np.int64)
