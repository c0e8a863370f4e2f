"""Every architecture of every task is equal to its predictor; a graph with a wrong convention is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from elman.cells import GRU, LSTM
from elman.errors import ElmanError
from elman.export import export
from elman.export.onnx import (
    TASKS,
    classifier,
    crf,
    forecaster,
    history_encoders,
    pooling,
    recurrent,
    seq2seq,
    tagger,
    verification,
)
from elman.export.onnx.exported import TOLERANCE, Case, Check
from elman.export.onnx.verification import PAIRS, run_session, session_of, verify
from elman.tasks.language_model.predictor import LanguageModelPredictor
from tests.export.models import MODELS
from tests.tasks.language_model import models as language_model

Patch = pytest.MonkeyPatch
FEW_PAIRS = ((1, 1), (3, 2), (5, 7), (2, 16))


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_of_every_architecture_is_equal_to_the_predictor(name: str) -> None:
    predictor = MODELS[name]()
    exported = TASKS[predictor.task](predictor)
    result = verify(exported, exported.contents(), FEW_PAIRS)
    assert result.pairs == len(FEW_PAIRS)
    assert result.numbers > 0
    assert result.largest_difference < 1e-5  # float32, over at most 32 steps


def test_all_pairs_are_different_and_some_rows_end_early(tmp_path: Path) -> None:
    result = export(MODELS["lm-gru"](), tmp_path / "model.onnx").details["verification"]
    assert result["pairs"] == len(set(PAIRS)) == 12
    cases = [case for batch, length in PAIRS for case in _cases("lm-gru", batch, length)]
    lengths = [case.inputs["lengths"] for case in cases]
    assert sum(len(set(of_case.tolist())) > 1 for of_case in lengths) >= 12
    assert any((of_case == 0).any() for of_case in lengths)


def _cases(name: str, batch_size: int, length: int) -> list[Any]:
    predictor = MODELS[name]()
    return list(TASKS[predictor.task](predictor).cases(batch_size, length, np.random.default_rng(0)))


def wrong_gru(patch: Patch) -> None:
    patch.setattr(recurrent, "LINEAR_BEFORE_RESET", 0)


def wrong_order(cell: type[Any], order: tuple[int, ...], patch: Patch) -> None:
    node_of = recurrent._node_of

    def reordered(of: Any) -> tuple[str, tuple[int, ...], dict[str, Any]]:
        operator, usual, attributes = node_of(of)
        return operator, order if isinstance(of, cell) else usual, attributes

    patch.setattr(recurrent, "_node_of", reordered)


def no_lengths(patch: Patch) -> None:
    run_layer = recurrent._run_layer
    patch.setattr(recurrent, "_run_layer", lambda *arguments: cast("Any", run_layer)(*arguments[:-1], None))


def no_last_scores(patch: Patch) -> None:
    patch.setattr(tagger, "best_paths", lambda graph, e, lengths, scores: _paths_without_end(graph, e, lengths, scores))


def _paths_without_end(graph: Any, e: Any, lengths: Any, scores: Any) -> Any:
    return crf.best_paths(graph, e, lengths, scores._replace(end=np.zeros_like(scores.end)))


def mean_over_all(patch: Patch) -> None:
    patch.setattr(classifier, "pool", lambda *arguments: pooling.pool(*arguments) * 1.01)


def wrong_lag(patch: Patch) -> None:
    patch.setattr(
        forecaster, "_references", lambda graph, predictor, line: forecaster_references(graph, predictor, line) * 1.001
    )


forecaster_references = forecaster._references


def crossing(patch: Patch) -> None:
    patch.setattr(history_encoders, "_sums_from_median", lambda count, median: np.eye(count))


def no_tanh_bridge(patch: Patch) -> None:
    bridged = seq2seq._bridged
    patch.setattr(seq2seq, "_bridged", lambda graph, *rest: graph.relu(bridged(graph, *rest)))


FAULTS: dict[str, tuple[str, Callable[[Patch], None]]] = {
    "the reset gate before the product": ("lm-gru", wrong_gru),
    "the reset gate before the product, in both directions": ("classify-mean", wrong_gru),
    "GRU gates in our order": ("lm-gru", partial(wrong_order, GRU, (0, 1, 2))),
    "LSTM gates in our order": ("lm-lstm", partial(wrong_order, LSTM, (0, 1, 2, 3))),
    "no lengths": ("classify-last", no_lengths),
    "no lengths in a Scan": ("classify-min_gru", no_lengths),
    "scores of last tags": ("tag-crf", no_last_scores),
    "pooling": ("classify-mean", mean_over_all),
    "references": ("forecast-lstm", wrong_lag),
    "quantiles that are not summed": ("forecast-narx", crossing),
    "the bridge": ("seq2seq-dot", no_tanh_bridge),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_graph_is_refused_and_nothing_is_written(fault: str, tmp_path: Path, monkeypatch: Patch) -> None:
    name, plant = FAULTS[fault]
    predictor = MODELS[name]()
    plant(monkeypatch)
    with pytest.raises(ElmanError, match=r"^the graph (differs|predicts) .*No file was written") as caught:
        export(predictor, tmp_path / "model.onnx")
    assert " for batch " in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_the_refusal_names_the_largest_difference_and_where_it_is() -> None:
    exported = TASKS["lm"](language_model.tiny_predictor("gru"))
    other = TASKS["lm"](language_model.tiny_predictor("gru", seed=1)).contents()
    rng, differences = np.random.default_rng(0), {}
    for batch_size, length in FEW_PAIRS:
        for case in exported.cases(batch_size, length, rng):
            given, expected = run_session(session_of(other[""]), case.inputs)["next.layers.0.h"], case.expected
            difference = float(np.abs(given - expected["next.layers.0.h"]).max())  # of numbers below 1
            differences[difference] = f"'next.layers.0.h' for batch {batch_size} and length {length}"
    states = replace(exported, cases=lambda *arguments: map(_without_logits, exported.cases(*arguments)))
    with pytest.raises(ElmanError) as caught:
        verify(states, other, FEW_PAIRS, seed=0)
    largest = max(differences)
    problem = f"the graph differs from the model by {largest:.3g} in {differences[largest]}; expected at most 1e-05"
    assert (caught.value.code, caught.value.message) == ("failed", problem)


def _without_logits(case: Case) -> Case:
    return replace(case, expected={name: array for name, array in case.expected.items() if name != "logits"})


def test_biases_of_the_wrong_side_of_a_gru_are_refused() -> None:
    predictor = language_model.tiny_predictor("gru")
    names = {"layers.0.bias_ih_l0": "layers.0.bias_hh_l0", "layers.0.bias_hh_l0": "layers.0.bias_ih_l0"}
    swapped = {name: predictor.tensors[names.get(name, name)] for name in predictor.tensors}
    other = LanguageModelPredictor(predictor.config, predictor.text, predictor.vocabulary, swapped)
    with pytest.raises(ElmanError, match=r"^the graph "):
        verify(TASKS["lm"](predictor), TASKS["lm"](other).contents(), FEW_PAIRS)


def test_a_graph_that_onnxruntime_cannot_run_is_an_error() -> None:
    exported = TASKS["lm"](MODELS["lm-gru"]())
    wrong = replace(exported, cases=lambda *arguments: map(_with_large_ids, exported.cases(*arguments)))
    with pytest.raises(ElmanError, match=r"^onnxruntime cannot run the graph: .*Gather"):
        verify(wrong, exported.contents(), [(1, 3)])


def _with_large_ids(case: Case) -> Case:
    return replace(case, inputs={**case.inputs, "tokens": np.full_like(case.inputs["tokens"], 10_000)})


@pytest.mark.parametrize(
    ("actual", "expected", "message"),
    [
        (np.zeros((2, 3), "f4"), np.zeros((2, 4), "f4"), r"returns \(2, 3\) float32 as 'y' for .*; expected \(2, 4\)"),
        (np.zeros((2, 3)), np.zeros((2, 3), "f4"), r"returns \(2, 3\) float64 as .*; expected \(2, 3\) float32"),
        (np.full((2, 3), np.nan, "f4"), np.zeros((2, 3), "f4"), "differs from the model by inf in 'y'"),
    ],
)
def test_shapes_and_types_are_compared(actual: Any, expected: Any, message: str, monkeypatch: Patch) -> None:
    exported = TASKS["lm"](MODELS["lm-gru"]())
    case = Case("", {}, {"y": expected}, lambda model: {"y": expected})
    monkeypatch.setattr(verification, "run_session", lambda session, inputs: {"y": actual})
    with pytest.raises(ElmanError, match=message):
        verify(replace(exported, cases=lambda *arguments: iter([case])), exported.contents(), [(1, 1)])


def test_equally_good_choices_are_ties_and_not_differences(monkeypatch: Patch) -> None:
    exported = TASKS["lm"](MODELS["lm-gru"]())
    expected = np.array([[0.5, 0.5 - 1e-7]], "f4")
    case = Case("", {}, {"y": expected}, lambda model: {"y": expected}, {"y": Check(has_choice=True)})
    monkeypatch.setattr(verification, "run_session", lambda session, inputs: {"y": expected[:, ::-1]})
    result = verify(replace(exported, cases=lambda *arguments: iter([case])), exported.contents(), [(1, 1)])
    assert (result.choices, result.ties) == (1, 1)


def chaotic_predictor(cell: str) -> LanguageModelPredictor:
    """A language model whose states depend strongly on those far before: rounding grows from step to step."""
    predictor = language_model.tiny_predictor(cell, seed=2)
    larger = {name: array * np.float32(4 if "weight_hh" in name else 1) for name, array in predictor.tensors.items()}
    return predictor.with_tensors(larger)


@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh"])
def test_a_model_that_amplifies_rounding_is_exported_and_its_own_rounding_is_reported(cell: str) -> None:
    predictor = chaotic_predictor(cell)
    exported = TASKS["lm"](predictor)
    result = verify(exported, exported.contents())
    if result.largest_difference > TOLERANCE:
        assert result.rounding is not None
        assert result.largest_difference <= 10 * result.rounding
    else:
        assert result.rounding is None


def test_a_wrong_graph_of_a_model_that_amplifies_rounding_is_refused(monkeypatch: Patch) -> None:
    exported = TASKS["lm"](chaotic_predictor("gru"))
    wrong_gru(monkeypatch)
    contents = TASKS["lm"](chaotic_predictor("gru")).contents()
    for pairs in (PAIRS, [(1, 2)]):
        with pytest.raises(ElmanError, match=r"^the graph differs"):
            verify(exported, contents, pairs)


@pytest.mark.parametrize(("difference", "change", "is_refused"), [
    (1e-5, 0.0, False), (1.2e-5, 0.0, True), (5e-5, 4e-6, True), (5e-5, 6e-6, False),
    (0.2, 1.0, True), (0.09, 1.0, False),
])  # fmt: skip
def test_a_difference_is_at_most_that_of_ten_roundings(
    difference: float, change: float, is_refused: bool, monkeypatch: Patch
) -> None:
    exported = TASKS["lm"](MODELS["lm-gru"]())
    y = np.zeros((1, 1))
    case = Case("", {}, {"y": y}, lambda model: {"y": y + change})
    monkeypatch.setattr(verification, "run_session", lambda session, inputs: {"y": y + difference})
    wrong = replace(exported, cases=lambda *arguments: iter([case]))
    if is_refused:
        with pytest.raises(ElmanError, match=rf"differs from the model by {difference:g} "):
            verify(wrong, exported.contents(), [(1, 1)])
    else:
        result = verify(wrong, exported.contents(), [(1, 1)])
        assert result.rounding == (change if difference > TOLERANCE else None)


def test_the_last_bit_of_every_weight_changes_and_nothing_else() -> None:
    predictor = language_model.tiny_predictor("gru")
    for copy in verification._Rounding(predictor)._changed():
        assert copy.configs() == predictor.configs()
        for name, array in predictor.tensors.items():
            changed = copy.tensors[name]
            assert changed.dtype == array.dtype
            assert (changed != array).mean() > 0.2
            np.testing.assert_array_max_ulp(changed, array, 2)


def test_tags_that_are_as_probable_are_ties() -> None:
    predictor = MODELS["tag-plain"]()
    (case,) = TASKS["tag"](predictor).cases(1, 1, np.random.default_rng(0))
    is_same = case.checks["tags"].is_same
    assert is_same is not None
    best = case.expected["tags"]
    gap = float(np.sort(case.expected["emissions"][0, 0])[-2:] @ [-1, 1])
    second = np.argsort(case.expected["emissions"][0])[:, -2:-1]
    assert is_same(best, best, 1e-5)
    assert not is_same(second, best, 1e-5)
    assert is_same(second, best, gap)
    assert not is_same(np.full_like(best, -1), best, 100.0)
