"""A language model as ONNX: token ids to the logits after each of them, with the state in and out.

inputs    tokens (batch, time) int64, lengths (batch,) int64, and the state
outputs   logits (batch, time, V), zero behind the end of a row, and the next state
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from elman.models.stack import Stack, State
from elman.tasks.language_model.predictor import LanguageModelPredictor

from .exported import Case, Check, Export, next_state, padded, ragged_lengths, state_inputs, state_notes, state_outputs
from .graph import INT64, Array, Graph
from .recurrent import check_cell, lengths_of, run_stack

SHORT = 16  # tokens


def export_language_model(predictor: LanguageModelPredictor) -> Export:
    """Return the graph of a language model."""
    config, tensors, state = predictor.config, predictor.tensors, predictor.initial_state(1)
    check_cell(config.build_cell())
    stack = Stack(config.build_cell(), tensors, config.embedding_size, config.hidden_sizes)
    graph = Graph("model")
    tokens = graph.input("tokens", INT64, ("batch", "time"))
    lengths = graph.input("lengths", INT64, ("batch",))
    states = state_inputs(graph, state)
    rows = lengths_of(graph, lengths, graph.size(tokens, 1))
    embedding = tensors["embedding.weight"]
    x = graph.gather(graph.constant(embedding), graph.transpose(tokens, 1, 0))
    outputs, final = run_stack(graph, stack, x, states, rows)
    V = embedding if config.tie_weights else tensors["readout.weight"]
    logits = graph.linear(graph.transpose(outputs, 1, 0, 2), V, tensors["readout.bias"])
    logits = graph.where(graph.transpose(rows.inside, 1, 0, 2), logits, graph.constant(np.float32(0)))
    graph.output("logits", logits, ("batch", "time", len(V)))
    state_outputs(graph, final, state)

    def cases(batch_size: int, length: int, rng: np.random.Generator) -> Iterator[Case]:
        """Yield two chunks: the second one goes on from the state after the first."""
        before = predictor.initial_state(batch_size)
        for longest in (length, max(1, length // 2)):
            sizes = ragged_lengths(batch_size, longest, rng)
            ids = _random_ids(predictor, batch_size, longest, before, rng)
            chunks = [row[:size] for row, size in zip(ids, sizes, strict=True)]
            logits, after = predictor.run(chunks, before)
            yield Case(
                "",
                {"tokens": padded(chunks, longest), "lengths": sizes, **before},
                {"logits": logits, **next_state(after)},
                partial(_outputs_of, chunks, before),
                {"logits": Check(has_choice=True)},
            )
            before = after

    return Export(predictor, {"": graph}, cases, {"state": state_notes(state)})


def _outputs_of(chunks: Sequence[Array], state: State, predictor: LanguageModelPredictor) -> dict[str, Array]:
    logits, after = predictor.run(chunks, state)
    return {"logits": logits, **next_state(after)}


def _random_ids(
    predictor: LanguageModelPredictor, batch_size: int, length: int, state: State, rng: np.random.Generator
) -> Array:
    """Return random token ids (B, T); long ones are drawn from the model.

    A trained model amplifies rounding on texts without any sense, so that a comparison there says less.
    """
    V = len(predictor.vocabulary)
    ids = rng.integers(0, V, (batch_size, length))
    if length < SHORT:
        return ids
    for t in range(1, length):
        logits, state = predictor.step(ids[:, t - 1], state)
        ids[:, t] = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    return ids
