"""The trace of a sentence through a tagger: models/trace.py says what is in every trace.

    arrays   emissions (T, C): scores of the tags of each token; probabilities (T, C), given the whole sentence
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

from elman.data.readers.excerpts import list_names
from elman.errors import ConfigError
from elman.models.recorder import recording
from elman.models.replay import replay
from elman.models.stack import Stack
from elman.models.trace import Trace, add_norms_by_lag, layer_traces, stack_derivatives

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
AXIS = "tokens"


@dataclass(frozen=True, slots=True)
class Model:
    """What a trace needs of a tagger: its predictions, the loss of labels, its layers, and V (C, N)."""

    predict: Callable[[Sequence[list[str]]], list[list[str]]]
    predict_proba: Callable[[Sequence[list[str]]], list[Array]]
    loss: Callable[[Array, Ids, Ids], float]  # of emissions (1, T, C), lengths (1,) and labels (1, T)
    stack: Stack
    V: Array
    labels: tuple[str, ...]


def trace_sentence(model: Model, tokens: list[str], tags: Sequence[str] | None, *, gradients: bool) -> Trace:
    """Return the trace of a sentence; the objective is -log p of the tags, by default of the predicted ones."""
    if not tokens:
        raise ConfigError("a sentence without tokens; expected one token or more to trace")
    with recording() as recorder:
        (probabilities,) = model.predict_proba([tokens])
    emissions = recorder.last("emissions")
    steps = replay(model.stack, recorder.runs_of(model.stack))
    (decisions,) = model.predict([tokens])
    target = list(decisions if tags is None else tags)
    ids = label_ids(target, len(tokens), model.labels)
    loss = model.loss(emissions, np.array([len(tokens)]), ids[None])
    facts: dict[str, Any] = {"labels": list(model.labels), "decisions": decisions, "target": target, "loss": loss}
    derivatives = None
    if gradients:
        d_emissions = probabilities.copy()
        d_emissions[np.arange(len(ids)), ids] -= 1.0
        d_outputs = d_emissions @ model.V
        derivatives, _ = stack_derivatives(steps, d_outputs)
        add_norms_by_lag(steps, d_outputs, derivatives)
        facts["objective"] = "-log p of the target tags"
    return Trace(
        task="tag",
        input=" ".join(tokens),
        axes={AXIS: tokens},
        layers=tuple(layer_traces(steps, AXIS, derivatives)),
        arrays={"emissions": emissions[0], "probabilities": probabilities},
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
