"""A classifier as ONNX: tokens, and for words their characters, to calibrated log probabilities of the labels.

inputs    those of token_inputs.py; a model of one direction also has its state
outputs   log_probabilities (batch, C) of the text, or of all tokens so far
          of a model of one direction, log_probabilities_by_token (batch, time, C) after each token, zero behind the end
          of a row, and the next state

The temperature of the calibration is in the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from elman.data.batches.token_characters import MAX_CHARACTERS
from elman.models.stack import State
from elman.tasks.classifier.predictor import ClassifierPredictor

from .exported import (
    LEAST_LOG_PROBABILITY,
    NEXT,
    Case,
    Check,
    Export,
    next_state,
    ragged_lengths,
    state_inputs,
    state_notes,
    state_outputs,
)
from .graph import Array, Graph, Value
from .pooling import pool, pool_stream
from .token_inputs import TokenSampler, encode_tokens

CHECK = Check(least=LEAST_LOG_PROBABILITY, has_choice=True)
WHOLE, BY_TOKEN = "log_probabilities", "log_probabilities_by_token"


def export_classifier(predictor: ClassifierPredictor) -> Export:
    """Return the graph of a classifier."""
    config, tensors, C = predictor.config, predictor.tensors, len(predictor.labels)
    temperature = np.float32(predictor.calibration.temperature)
    V, b = (tensors[f"readout.{name}"] / temperature for name in ("weight", "bias"))
    state: State = {} if config.bidirectional else predictor.initial_state(1)
    graph = Graph("model")

    def log_probabilities(logits: Value) -> Value:
        return logits - graph.log_sum_exp(logits)

    states = state_inputs(graph, state)
    encoded = encode_tokens(graph, config, tensors, states or None)
    if config.bidirectional:
        pooled = pool(graph, config.pooling, tensors, encoded)
        graph.output(WHOLE, log_probabilities(graph.linear_rows(pooled, V, b)), ("batch", C))
    else:
        by_token, pooled, after = pool_stream(graph, config.pooling, tensors, encoded, states, config.output_size)
        graph.output(WHOLE, log_probabilities(graph.linear_rows(pooled, V, b)), ("batch", C))
        log_p = log_probabilities(graph.linear(by_token, V, b))
        log_p = graph.where(encoded.lengths.inside, log_p, graph.constant(np.float32(0)))
        graph.output(BY_TOKEN, graph.transpose(log_p, 1, 0, 2), ("batch", "time", C))
        state_outputs(graph, {**states, **after, **encoded.states}, state)
    sampler = TokenSampler(config, predictor.vocabulary, predictor.characters, predictor.text.word)

    def cases(batch_size: int, length: int, rng: np.random.Generator) -> Iterator[Case]:
        """Yield a batch of whole texts, and for a model of one direction another chunk of each."""
        lists = sampler.tokens(ragged_lengths(batch_size, length, rng), rng)
        if config.bidirectional:
            outputs_of = partial(_whole_texts, lists)
            yield Case("", sampler.inputs(lists, length), outputs_of(predictor), outputs_of, {WHOLE: CHECK})
            return
        earlier: Sequence[list[str]] = [[]] * batch_size
        before = predictor.initial_state(batch_size)
        for _ in range(2):
            outputs_of = partial(_chunks, lists, earlier, before)
            expected = outputs_of(predictor)
            longest = max(len(tokens) + len(chunk) for tokens, chunk in zip(earlier, lists, strict=True))
            sums = Check(unit=max(1, longest))  # over this many tokens
            checks = {WHOLE: CHECK, BY_TOKEN: CHECK, NEXT + "pooling.sum": sums}
            yield Case("", {**sampler.inputs(lists, length), **before}, expected, outputs_of, checks)
            earlier = [[*tokens, *chunk] for tokens, chunk in zip(earlier, lists, strict=True)]
            before = {name: expected[NEXT + name] for name in before}
            lists = sampler.tokens(ragged_lengths(batch_size, length, rng), rng)

    notes = {"max_characters": MAX_CHARACTERS} if config.character_size else {}
    return Export(predictor, {"": graph}, cases, {"state": state_notes(state), **notes})


def _whole_texts(lists: Sequence[list[str]], predictor: ClassifierPredictor) -> dict[str, Array]:
    """Return the outputs for whole texts."""
    return {WHOLE: predictor.log_probabilities_of_tokens(lists)}


def _chunks(
    lists: Sequence[list[str]], earlier: Sequence[list[str]], state: State, predictor: ClassifierPredictor
) -> dict[str, Array]:
    """Return the outputs for a chunk of each text after the tokens before it."""
    log_p, after = predictor.run(lists, state)
    texts = [[*tokens, *chunk] for tokens, chunk in zip(earlier, lists, strict=True)]
    return {WHOLE: predictor.log_probabilities_of_tokens(texts), BY_TOKEN: log_p, **next_state(after)}
