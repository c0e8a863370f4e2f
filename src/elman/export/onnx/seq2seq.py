"""An encoder-decoder as two graphs: the encoder of a source, and one step of the decoder (tasks/seq2seq).

FILE.encoder.onnx
    inputs    tokens (batch, source) int64, with the end token; lengths (batch,) int64, which count it
    outputs   the first state of the decoder and the context, under the names of the inputs of the other graph
FILE.step.onnx
    inputs    tokens (rows,) int64: the last target tokens, at first <s>; the state (rows, ...); the context
              (batch, ...): lengths, and with attention encoder_outputs and keys
    outputs   log_probabilities (rows, V) of the next tokens, and the next state

rows are K for each source, next to each other: 1 for greedy decoding, the hypotheses for a beam search. Search is the
caller's; the state of a hypothesis is a row. As in the predictor, the step uses no temperature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from elman.models.stack import Stack, State
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.text import END

from .exported import (
    LEAST_LOG_PROBABILITY,
    NEXT,
    Case,
    Check,
    Export,
    next_state,
    padded,
    ragged_lengths,
    state_notes,
)
from .graph import FLOAT, INT64, Array, Graph, Value
from .recurrent import States, check_cell, lengths_of, run_stack, zero_states

ENCODER, STEP = "encoder", "step"
STEPS, ROWS = 3, 2  # of the cases: steps of the decoder, and rows for each source in some of them
LOG_P = "log_probabilities"


def export_seq2seq(predictor: Seq2SeqPredictor) -> Export:
    """Return the graphs of an encoder-decoder."""
    config = predictor.config
    check_cell(config.build_cell("encoder"))
    check_cell(config.build_cell("decoder"))
    state, context = predictor.encode(np.array([[predictor.source_vocabulary[END]]]), np.array([1]))
    graphs = {ENCODER: _encoder(predictor, state), STEP: _step(predictor, state)}
    V, S = len(predictor.target_vocabulary), len(predictor.source_vocabulary)

    def cases(batch_size: int, length: int, rng: np.random.Generator) -> Iterator[Case]:
        """Yield the encoder's case, and those of some steps of the decoder."""
        lengths = ragged_lengths(batch_size, length, rng, shortest=1)
        ids = padded([rng.integers(0, S, size) for size in lengths], length)
        outputs_of: Callable[[Any], dict[str, Array]] = partial(_encoded, ids, lengths)
        yield Case(ENCODER, {"tokens": ids, "lengths": lengths}, outputs_of(predictor), outputs_of)
        state, context = predictor.encode(ids, lengths)
        rows = ROWS if length % 2 else 1
        state = {name: np.repeat(array, rows, axis=0) for name, array in state.items()}
        for number in range(STEPS):
            if number and "position" in state:
                state["position"] = state["position"] + rng.integers(0, length + 1, len(state["position"]))
            tokens = rng.integers(0, V, batch_size * rows)
            outputs_of = partial(_stepped, tokens, state, context)
            expected = outputs_of(predictor)
            checks = {LOG_P: Check(least=LEAST_LOG_PROBABILITY, has_choice=True)}
            yield Case(STEP, {"tokens": tokens, **state, **context}, expected, outputs_of, checks)
            state = {name: expected[NEXT + name] for name in state}

    notes = {"state": state_notes(state), "context": list(context), "longest_ratio": predictor.text.longest_ratio}
    return Export(predictor, graphs, cases, notes)


def _encoded(ids: Array, lengths: Array, predictor: Seq2SeqPredictor) -> dict[str, Array]:
    """Return the outputs of the encoder."""
    state, context = predictor.encode(ids, lengths)
    return {**state, **{name: array for name, array in context.items() if name != "lengths"}}


def _stepped(tokens: Array, state: State, context: State, predictor: Seq2SeqPredictor) -> dict[str, Array]:
    """Return the outputs of a step."""
    log_p, after = predictor.step(tokens, state, context)
    return {LOG_P: log_p, **next_state(after)}


def _encoder(predictor: Seq2SeqPredictor, state: State) -> Graph:
    """Return the graph of the encoder: NumpyNetwork.encode."""
    config, tensors = predictor.config, predictor.tensors
    H = config.hidden_size
    graph = Graph(ENCODER)
    tokens = graph.input("tokens", INT64, ("batch", "source"))
    lengths = graph.input("lengths", INT64, ("batch",))
    batch_size, num_steps = graph.size(tokens, 0), graph.size(tokens, 1)
    rows = lengths_of(graph, lengths, num_steps)
    stack = Stack(
        config.build_cell("encoder"),
        tensors,
        config.embedding_size,
        [config.encoder_size] * config.num_layers,
        prefix="encoder.",
        bidirectional=config.bidirectional,
    )
    x = graph.gather(graph.constant(tensors["encoder.embedding.weight"]), graph.transpose(tokens, 1, 0))
    outputs, last = run_stack(graph, stack, x, zero_states(graph, stack, batch_size), rows)
    values: States = {
        f"decoder.layers.{layer}.{name}": _bridged(graph, predictor, layer, name, last, encoder_state)
        for layer, name, encoder_state in config.bridges
    }
    if config.aligned_input:
        values["position"] = graph.full(0, INT64, batch_size)
    if config.input_feeding:
        values["attentional_output"] = graph.full(0.0, FLOAT, batch_size, H)
    for name, array in state.items():
        graph.output(name, values[name], ("batch", *array.shape[1:]))
    if config.attention != "none":
        m = outputs
        if config.encoder_output_size != H:
            m = graph.linear(m, tensors["memory.weight"])
        keys = m if config.attention == "dot" else graph.linear(m, tensors["attention.key.weight"])
        for name, value in (("encoder_outputs", m), ("keys", keys)):
            graph.output(name, graph.transpose(value, 1, 0, 2), ("batch", "source", H))
    return graph


def _bridged(
    graph: Graph, predictor: Seq2SeqPredictor, layer: int, name: str, last: States, encoder_state: str
) -> Value:
    """Return the first state of a layer of the decoder from the last states of the encoder."""
    config, tensors = predictor.config, predictor.tensors
    if config.bridge == "copy":
        return last[f"encoder.{encoder_state}"]
    endings = ("", "_reverse")[: config.num_directions]
    states = graph.concat([last[f"encoder.{encoder_state}{ending}"] for ending in endings], 1)
    weights = f"bridge.{layer}_{name}"
    first = graph.linear_rows(states, tensors[f"{weights}.weight"], tensors[f"{weights}.bias"])
    return graph.tanh(first) if name == "h" else first


def _step(predictor: Seq2SeqPredictor, state: State) -> Graph:
    """Return the graph of one step of the decoder: NumpyNetwork.step."""
    config, tensors = predictor.config, predictor.tensors
    H, L = config.hidden_size, config.num_decoder_layers
    graph = Graph(STEP)
    tokens = graph.input("tokens", INT64, ("rows",))
    states = {name: graph.input(name, str(array.dtype), ("rows", *array.shape[1:])) for name, array in state.items()}
    attention = _Attention(graph, predictor) if config.attention != "none" else None
    if attention is None:
        graph.input("lengths", INT64, ("batch",))  # so that every model has the same context
    after: States = {}
    x = graph.gather(graph.constant(tensors["decoder.embedding.weight"]), tokens)
    if attention is not None and config.aligned_input:
        x = graph.concat([x, attention.aligned(states["position"])], 1)
        after["position"] = states["position"] + 1
    if config.input_feeding:
        x = graph.concat([x, states["attentional_output"]], 1)
    lower = 1 if config.attention_layer == "first" else L
    cell = config.build_cell("decoder")
    decoder = Stack(cell, tensors, config.decoder_input_size, [H] * lower, prefix="decoder.")
    s, final = run_stack(graph, decoder, graph.unsqueeze(x, 0), states, None)
    top = s = graph.squeeze(s, 0)
    after |= final
    if attention is not None:
        c = attention.contexts(s)
        if lower < L:
            upper = Stack(cell, tensors, 2 * H, [H] * (L - lower), prefix="decoder.", first=lower)
            top, final = run_stack(graph, upper, graph.unsqueeze(graph.concat([s, c], 1), 0), states, None)
            top = graph.squeeze(top, 0)
            after |= final
        top = graph.tanh(
            graph.linear_rows(graph.concat([c, top], 1), tensors["combine.weight"], tensors["combine.bias"])
        )
        if config.input_feeding:
            after["attentional_output"] = top
    logits = graph.linear_rows(top, tensors["readout.weight"], tensors["readout.bias"])
    log_p = logits - graph.log_sum_exp(logits)
    graph.output(LOG_P, log_p, ("rows", len(predictor.target_vocabulary)))
    for name, array in state.items():
        graph.output(NEXT + name, after[name], ("rows", *array.shape[1:]))
    return graph


class _Attention:
    """The context of the step graph, and attention to it: models/attention.py."""

    def __init__(self, graph: Graph, predictor: Seq2SeqPredictor) -> None:
        self._graph, self._tensors, self._kind = graph, predictor.tensors, predictor.config.attention
        self._size = H = predictor.config.hidden_size
        self._lengths = graph.input("lengths", INT64, ("batch",))
        self._m = graph.input("encoder_outputs", FLOAT, ("batch", "source", H))
        self._keys = graph.input("keys", FLOAT, ("batch", "source", H))
        self._sources = graph.size(self._m, 0)

    def contexts(self, s: Value) -> Value:
        """Return the context vectors (rows, H) of queries (rows, H)."""
        graph = self._graph
        queries = graph.reshape(s, self._sources, -1, self._size)
        if self._kind == "additive":
            projected = graph.linear(queries, self._tensors["attention.query.weight"])
            hidden = graph.tanh(graph.unsqueeze(projected, 2) + graph.unsqueeze(self._keys, 1))
            e = graph.squeeze(hidden @ graph.constant(self._tensors["attention.score"][:, None]), 3)
        else:
            e = queries @ graph.transpose(self._keys, 0, 2, 1)
        places = graph.range(graph.size(self._m, 1))
        inside = graph.unsqueeze(places, 0, 1) < graph.unsqueeze(self._lengths, 1, 2)
        e = graph.where(inside, e, graph.constant(np.float32(-np.inf)))
        a = graph.op("Softmax", e, axis=-1)
        return graph.reshape(a @ self._m, -1, self._size)

    def aligned(self, position: Value) -> Value:
        """Return the encoder outputs (rows, H) at positions (rows,), zero after the end of a source."""
        graph = self._graph
        positions = graph.reshape(position, self._sources, -1)
        last = graph.size(self._m, 1) - graph.ids(1)
        places = graph.unsqueeze(graph.op("Min", positions, last), 2)
        outputs = graph.op("GatherND", self._m, places, batch_dims=1)
        inside = graph.unsqueeze(positions < graph.unsqueeze(self._lengths, 1), 2)
        aligned = graph.where(inside, outputs, graph.constant(np.float32(0)))
        return graph.reshape(aligned, -1, self._size)
