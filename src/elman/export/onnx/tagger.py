"""A tagger as ONNX: tokens, and for words their characters, to the most probable tags of sentences.

inputs    those of token_inputs.py; a model of one direction also has its state
outputs   emissions (batch, time, C), zero behind the end of a row
          tags (batch, time) int64, of the tokens of this call as a whole sentence; -1 behind the end
          of a model of one direction, log_probabilities (batch, time, C) of the tag of each token, given the tokens
          so far, zero behind the end of a row, and the next state
          with a conditional random field, crf.transitions (C, C), crf.start (C,) and crf.end (C,), masked for the
          scheme of the tags, for programs that decode the emissions themselves
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from elman.data.batches.token_characters import MAX_CHARACTERS
from elman.models.stack import State
from elman.tasks.tagger.predictor import CRF_STATE, TaggerPredictor

from .crf import best_paths, filtered
from .exported import (
    LEAST_LOG_PROBABILITY,
    NEXT,
    Case,
    Check,
    Export,
    next_state,
    padded,
    ragged_lengths,
    state_inputs,
    state_notes,
    state_outputs,
)
from .graph import Array, Graph
from .token_inputs import TokenSampler, encode_tokens

EMISSIONS, TAGS, LOG_P = "emissions", "tags", "log_probabilities"


def export_tagger(predictor: TaggerPredictor) -> Export:
    """Return the graph of a tagger."""
    config, tensors, C = predictor.config, predictor.tensors, len(predictor.labels)
    state: State = {} if config.bidirectional else predictor.initial_state(1)
    scores = predictor.transition_scores
    graph = Graph("model")
    zero, none = graph.constant(np.float32(0)), graph.constant(np.array(-1, np.int64))
    states = state_inputs(graph, state)
    encoded = encode_tokens(graph, config, tensors, states or None)
    lengths, after = encoded.lengths, encoded.states
    e = graph.linear(encoded.outputs, tensors["readout.weight"], tensors["readout.bias"])
    if scores is None:
        log_p = e - graph.log_sum_exp(e)
        tags = graph.where(graph.squeeze(lengths.inside, 2), graph.argmax(e, 2), none)
    else:
        tags = best_paths(graph, e, lengths, scores)
        if state:
            log_p, after[CRF_STATE] = filtered(graph, e, lengths, scores, states[CRF_STATE])
    emissions = graph.transpose(graph.where(lengths.inside, e, zero), 1, 0, 2)
    graph.output(EMISSIONS, emissions, ("batch", "time", C))
    graph.output(TAGS, graph.transpose(tags, 1, 0), ("batch", "time"))
    if state:
        by_token = graph.transpose(graph.where(lengths.inside, log_p, zero), 1, 0, 2)
        graph.output(LOG_P, by_token, ("batch", "time", C))
        state_outputs(graph, after, state)
    if scores is not None:
        for name, array in scores._asdict().items():
            graph.output(f"crf.{name}", graph.constant(array), array.shape)
    sampler = TokenSampler(config, predictor.words, predictor.characters, predictor.text.word)

    def cases(batch_size: int, length: int, rng: np.random.Generator) -> Iterator[Case]:
        """Yield a batch of whole sentences, and for a model of one direction another chunk of each."""
        before = predictor.initial_state(batch_size) if state else {}
        for number in range(2 if state else 1):
            lists = sampler.tokens(ragged_lengths(batch_size, length, rng), rng)
            outputs_of = partial(_outputs_of, lists, length, before, number == 0)
            expected = outputs_of(predictor)
            checks = {
                TAGS: Check(is_same=partial(_are_as_probable, predictor, lists), follows_from=EMISSIONS),
                LOG_P: Check(least=LEAST_LOG_PROBABILITY, has_choice=True),
                NEXT + CRF_STATE: Check(least=LEAST_LOG_PROBABILITY),
            }
            yield Case("", {**sampler.inputs(lists, length), **before}, expected, outputs_of, checks)
            before = {name: expected[NEXT + name] for name in before}

    notes = {"max_characters": MAX_CHARACTERS} if config.character_size else {}
    return Export(predictor, {"": graph}, cases, {"state": state_notes(state), **notes})


def _outputs_of(
    lists: Sequence[list[str]],
    longest: int,
    state: State,
    is_first: bool,
    predictor: TaggerPredictor,
) -> dict[str, Array]:
    """Return the outputs for a chunk of each sentence.

    Emissions and tags are those of whole sentences, so they are known for the first chunk only.
    """
    outputs: dict[str, Array] = {}
    if is_first:
        number_of = {label: number for number, label in enumerate(predictor.labels)}
        paths = [np.array([number_of[tag] for tag in tags], np.int64) for tags in predictor.predict(lists)]
        outputs = {EMISSIONS: padded(predictor.emissions(lists), longest), TAGS: padded(paths, longest, -1)}
    if predictor.transition_scores is not None:
        outputs |= {f"crf.{name}": array for name, array in predictor.transition_scores._asdict().items()}
    if state:
        log_p, after = predictor.run(lists, state)
        outputs |= {LOG_P: log_p, **next_state(after)}
    return outputs


def _are_as_probable(
    predictor: TaggerPredictor, lists: Sequence[list[str]], actual: Array, expected: Array, tolerance: float
) -> bool:
    """Return whether paths (B, T) are the expected ones, or are as probable, to the rounding of a whole sentence."""
    for tokens, path, best in zip(lists, actual, expected, strict=True):
        if (path[len(tokens) :] != -1).any() or not np.isin(path[: len(tokens)], range(len(predictor.labels))).all():
            return False
        if (path != best).any():
            of_path, of_best = (
                predictor.log_probabilities([tokens], [[predictor.labels[i] for i in ids[: len(tokens)]]])[0]
                for ids in (path, best)
            )
            if of_best - of_path > 2 * tolerance * len(tokens):
                return False
    return True
