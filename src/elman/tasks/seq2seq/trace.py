"""The trace of a pair through an encoder-decoder: models/trace.py says what is in every trace.

    axes     source: its tokens and </s>; target: the token that each step of the decoder predicts; vocabulary: of the
             target
    arrays   log_probabilities and probabilities (T, V) of each step, loss (T,): -log p of its token, in nats;
             attention (T, S), and attentional_output (T, H), of a model with attention
    facts    inputs: the token that each step reads; decisions: the most probable token of each step; loss: the sum;
             hypotheses: targets of the search, best first, with scores; tree: the prefixes of a beam search;
             objective: what is differentiated

Without a target that is given, the target is the best one of greedy or beam search, and the numbers are those of the
search itself: of the row of the beam that the hypothesis had at each step. A node of the tree is a prefix that was
extended: its last token, the node it extends, its log probability; `best` marks those of the best hypothesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from elman.data.batches.padded import pad_sources
from elman.decoding import Hypothesis, Prefixes, search_tree
from elman.models.recorder import Recorder, recording
from elman.models.replay import StackSteps, replay
from elman.models.text_arguments import require_texts
from elman.models.trace import VOCABULARY, LayerTrace, Trace, check_trace_size, layer_traces, norms_by_lag
from elman.text import END, START
from elman.text.sides import SideCodec

from .derivatives import DecodedDerivatives, DecodedSteps, Layers, derivatives
from .numpy_network import NumpyNetwork

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
SOURCE, TARGET = "source", "target"


class Search(Protocol):
    """Ensemble.search."""

    def __call__(
        self, sources: list[str], beam: int, length_penalty: float, levels: list[Prefixes] | None = None
    ) -> list[list[Hypothesis]]: ...


@dataclass(frozen=True, slots=True)
class Model:
    """What a trace needs of an encoder-decoder."""

    network: NumpyNetwork
    search: Search
    source: SideCodec
    target: SideCodec


@dataclass(frozen=True, slots=True)
class _Path:
    """A target (T,), with the end token if it has one; its row of the beam at each step; what a search found."""

    ids: Ids
    rows: list[int]
    facts: dict[str, Any]


def trace_pair(
    model: Model, source: str, target: str | None, beam: int, length_penalty: float, *, gradients: bool
) -> Trace:
    """Return the trace of a source and a target, by default the predicted one."""
    (source,) = require_texts([source])
    check_trace_size(model.network.encoder, len(model.source.tokens(source)))
    with recording() as recorder:
        path = _searched(model, source, beam, length_penalty) if target is None else _read(model, source, target)
    decoded = _decoded(model.network, recorder, path)
    log_p = _rows_of(recorder.arrays["log_probabilities"], path.rows)
    loss = -np.take_along_axis(log_p, path.ids[:, None], 1)[:, 0]
    tokens = model.target.vocabulary.tokens
    facts: dict[str, Any] = {
        "inputs": [tokens[i] for i in (model.target.vocabulary[START], *path.ids[:-1])],
        "decisions": [tokens[i] for i in log_p.argmax(1)],
        "loss": float(loss.sum(dtype=np.float64)),
        "loss_tokens": len(loss),
        **path.facts,
    }
    gradient = None
    if gradients:
        gradient = _all_derivatives(model.network, decoded, log_p, path.ids)
        facts["objective"] = "the sum of the losses of the target tokens"
    stacks = [decoded.encoder, decoded.decoder, *([decoded.upper] if decoded.upper else [])]
    arrays = {"log_probabilities": log_p, "probabilities": np.exp(log_p), "loss": loss}
    if decoded.attention is not None:
        arrays |= {"attention": decoded.attention, "attentional_output": decoded.h}
    return Trace(
        task="seq2seq",
        input=source,
        axes={
            SOURCE: [*model.source.tokens(source), END],
            TARGET: [tokens[i] for i in path.ids],
            VOCABULARY: list(tokens),
        },
        layers=tuple(_layers(decoded, gradient)),
        arrays=arrays,
        facts=facts,
        exact=all(steps.exact for steps in stacks),
        step_error=max(steps.step_error for steps in stacks),
    )


def _searched(model: Model, source: str, beam: int, length_penalty: float) -> _Path:
    """Search, and return the best target."""
    levels: list[Prefixes] = []
    (hypotheses,) = model.search([source], beam, length_penalty, levels)
    best = hypotheses[0]
    end = [model.target.vocabulary[END]] * best.finished
    ids = np.array([*best.ids, *end], np.int64)
    rows = [_row(levels[t], best.ids[:t]) if levels else 0 for t in range(len(ids))]
    facts: dict[str, Any] = {
        "hypotheses": [
            {
                "text": model.target.decode(hypothesis.ids),
                "tokens": model.target.vocabulary.decode(hypothesis.ids),
                "score": hypothesis.score,
                "log_probability": hypothesis.log_probability,
                "finished": hypothesis.finished,
            }
            for hypothesis in hypotheses
        ]
    }
    if levels:
        facts["tree"] = search_tree(levels, hypotheses, model.target.vocabulary.tokens)
    return _Path(ids, rows, facts)


def _row(level: Prefixes, ids: Sequence[int]) -> int:
    """Return the row of a prefix at its level."""
    (matches,) = np.nonzero((level.ids[0, :, 1:] == np.array(ids, np.int64)).all(1) & level.active[0])
    return int(matches[0])


def _read(model: Model, source: str, target: str) -> _Path:
    """Read a target that is given, token by token."""
    (target,) = require_texts([target])
    vocabulary = model.target.vocabulary
    ids = np.array([*model.target.encode(target), vocabulary[END]], np.int64)
    state, context = model.network.encode(*pad_sources([model.source.encode(source)]))
    for token in (vocabulary[START], *ids[:-1]):
        _, state = model.network.step(np.array([token]), state, context)
    return _Path(ids, [0] * len(ids), {})


def _rows_of(arrays: Sequence[Array], rows: Sequence[int]) -> Array:
    """Return row rows[t] of array t for each step."""
    return np.stack([array[row] for array, row in zip(arrays, rows, strict=False)])


def _decoded(network: NumpyNetwork, recorder: Recorder, path: _Path) -> DecodedSteps:
    """Return what the model computed for the target; a search may have taken more steps than its best target has."""
    T = len(path.ids)
    encoder = replay(network.encoder, recorder.runs_of(network.encoder))
    decoder = replay(network.decoder, recorder.runs_of(network.decoder)[:T], path.rows)
    upper = None if network.upper is None else replay(network.upper, recorder.runs_of(network.upper)[:T], path.rows)
    if network.attention is None:
        return DecodedSteps(encoder, decoder, upper, None, None, decoder.outputs)
    attention = _rows_of([weights[0] for weights in recorder.arrays["attention"]], path.rows)
    h = _rows_of([outputs[:, 0] for outputs in recorder.arrays["attentional_output"]], path.rows)
    return DecodedSteps(encoder, decoder, upper, recorder.last("encoder_outputs")[0], attention, h)


def _all_derivatives(network: NumpyNetwork, decoded: DecodedSteps, log_p: Array, ids: Ids) -> DecodedDerivatives:
    """Return the derivatives of the sum of the losses, and the decoder's norms by lag of the last token's loss."""
    d_logits = np.exp(log_p)
    d_logits[np.arange(len(ids)), ids] -= 1.0
    decoded_derivatives = derivatives(network, decoded, d_logits)
    d_logits[:-1] = 0.0
    last = derivatives(network, decoded, d_logits)
    for layers, of_last in ((decoded_derivatives.decoder, last.decoder), (decoded_derivatives.upper, last.upper)):
        for layer, layer_of_last in zip(layers, of_last, strict=True):
            layer[0]["norm_by_lag"] = norms_by_lag(layer_of_last[0]["d_h"], len(ids) - 1)
    return decoded_derivatives


def _layers(decoded: DecodedSteps, gradient: DecodedDerivatives | None) -> list[LayerTrace]:
    def traces(steps: StackSteps | None, axis: str, layers: Layers | None) -> list[LayerTrace]:
        return [] if steps is None else layer_traces(steps, axis, layers)

    return [
        *traces(decoded.encoder, SOURCE, gradient.encoder if gradient else None),
        *traces(decoded.decoder, TARGET, gradient.decoder if gradient else None),
        *traces(decoded.upper, TARGET, gradient.upper if gradient else None),
    ]
