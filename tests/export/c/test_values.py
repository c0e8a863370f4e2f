"""Exported C gives what the predictor gives: outputs, states, labels, tags and targets, at lengths from 1 to 200.

Outputs may differ by 1e-6, relative to the largest expected number if that is above 1: sums of float32 in another
order. A log probability below -80 is compared as -80 (models/crf.py).
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.export.c import export_c
from elman.export.c.self_test import LEAST, TOLERANCE, greedy_target
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from tests.export.models import MODELS
from tests.models.streaming_models import random_inputs

from .libraries import COMPILERS, Library, compile_c, largest_difference

pytestmark = pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang")

LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 50, 199, 200)
REPRESENTATIVE = (
    *("lm-lstm_two_layers", "classify-words_unidirectional", "classify-attention", "tag-crf_unidirectional"),
    *("forecast-narx", "forecast-several-series", "seq2seq-aligned_deep"),
)
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g")


def compiler_of(name: str, turn: int = 0) -> str:
    """Return one compiler for half of the models, and the other one for the rest."""
    return COMPILERS[(list(MODELS).index(name) + turn) % len(COMPILERS)]


def is_causal(model: Any) -> bool:
    return model.task in ("lm", "forecast") or (model.task != "seq2seq" and not model.config.bidirectional)


def check_streams(model: Any, library: Library, length: int, rng: np.random.Generator) -> None:
    inputs = random_inputs(model, length, rng)
    names = {"series": ["B"]} if "several" in library.source.parent.name else {}
    state, memory = model.initial_state(1, **names), library.initial_state(*([1] if names else []))
    assert library.to_bytes(memory) == model.state_to_bytes(state)
    expected, state = model.run([inputs], state)
    actual = library.run(inputs, memory, one_by_one=length % 2 == 0)
    assert largest_difference(np.maximum(actual, LEAST), np.maximum(expected[0], LEAST)) <= TOLERANCE
    after = model.state_from_bytes(library.to_bytes(memory))
    for name, array in state.items():
        known = np.isfinite(array)
        assert largest_difference(np.where(known, after[name], 0), np.where(known, array, 0)) <= TOLERANCE


def check_sequences(model: Any, library: Library, length: int, rng: np.random.Generator) -> None:
    if model.task == "seq2seq":
        ids = rng.integers(0, len(model.source_vocabulary), length)
        ids[(ids == 1) | (ids == 2)] = 0
        target, log_p = np.zeros(model.text.longest_target(length), np.intc), np.zeros(1)
        count = library.call("predict", ids.astype(np.intc), length, target, log_p)
        expected_target, expected_log_p = greedy_target(model, ids)
        assert target[:count].tolist() == expected_target
        assert log_p[0] == pytest.approx(expected_log_p, rel=TOLERANCE, abs=TOLERANCE)
        return
    tokens = random_inputs(model, length, rng)
    if model.task == "classify":
        probabilities = np.zeros(len(model.labels), np.float32)
        assert library.predict(tokens, probabilities) == 0
        assert largest_difference(probabilities, model.log_probabilities_of_tokens([tokens])[0]) <= TOLERANCE
    else:
        tags = np.zeros(length, np.intc)
        assert library.predict(tokens, tags) == 0
        assert [model.labels[tag] for tag in tags] == model.predict([tokens])[0]


def check(name: str, folder: Path, lengths: tuple[int, ...]) -> None:
    model, rng = MODELS[name](), np.random.default_rng(len(name))
    reads_sequences = model.task in ("tag", "seq2seq") or not is_causal(model)
    folder = folder / name
    folder.mkdir()
    library = Library(model, folder, compiler=compiler_of(name), max_length=max(lengths) if reads_sequences else None)
    for length in lengths:
        if is_causal(model):
            check_streams(model, library, length, rng)
        if reads_sequences:
            check_sequences(model, library, length, rng)


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_outputs_and_states_are_those_of_the_predictor(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, (1, 2, 9, 40))


@pytest.mark.integration
@pytest.mark.parametrize("name", MODELS)
def test_every_model_gives_what_its_predictor_gives(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, LENGTHS)


@pytest.mark.integration
@pytest.mark.parametrize("name", MODELS)
def test_the_self_test_of_every_model_passes_under_sanitizers(name: str, tmp_path: Path) -> None:
    run_self_test(name, tmp_path)


def test_the_self_test_passes_and_prints_the_difference(tmp_path: Path) -> None:
    run_self_test("tag-crf_unidirectional", tmp_path)


def run_self_test(name: str, folder: Path) -> None:
    export_c(MODELS[name](), folder / "model.c", self_test=True)
    program = folder / "model_test"
    compile_c(compiler_of(name, 1), *SANITIZERS, folder / "model.c", folder / "model_test.c", "-lm", "-o", program)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("model: passed, largest difference ")


def test_the_self_test_fails_where_a_weight_differs(tmp_path: Path) -> None:
    model = MODELS["lm-gru"]()
    export_c(model, tmp_path / "model.c", self_test=True)
    source = (tmp_path / "model.c").read_text("utf-8")
    first, rest = source.split("readout_bias[", 1)
    line = rest.split("\n")[1]
    number = line.split(",")[0].strip()
    (tmp_path / "model.c").write_text(f"{first}readout_bias[{rest.replace(number, '0x1p-3f', 1)}", "utf-8")
    program = tmp_path / "model_test"
    compile_c(COMPILERS[0], tmp_path / "model.c", tmp_path / "model_test.c", "-lm", "-o", program)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the largest difference is too large\nmodel: failed" in done.stdout


def test_a_series_of_one_column_without_levels(tmp_path: Path) -> None:
    from elman.tasks.forecaster.predictor import ForecasterPredictor
    from elman.tasks.forecaster.scales import Scales
    from elman.tasks.forecaster.series import Series
    from tests.tasks.forecaster.models import series_of, tiny_config

    config = tiny_config("elman", levels=False, quantiles=(0.5,), horizon=2)
    scales = Scales.measure([Series(("a",), (), series_of(40).values[:, :1])], config)
    rng = np.random.default_rng(0)
    shapes = {"weight_ih": (5, 1), "weight_hh": (5, 5), "bias_ih": (5,), "bias_hh": (5,)}
    tensors = {f"layers.0.{name}_l0": rng.normal(size=shape).astype("f4") for name, shape in shapes.items()}
    tensors |= {"readout.weight": rng.normal(size=(2, 5)).astype("f4"), "readout.bias": np.ones(2, "f4")}
    model = ForecasterPredictor(config, scales, tensors)
    check_streams(model, Library(model, tmp_path, compiler=COMPILERS[0]), 20, rng)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [("lm-gru", [0, 99]), ("lm-gru", [-1]), ("classify-max_unidirectional", [0, 9]), ("forecast-gru", [[-1.0, 2, 3]])],
)
def test_an_input_that_the_model_cannot_read_is_refused(name: str, inputs: Any, tmp_path: Path) -> None:
    library = Library(MODELS[name](), tmp_path, compiler=COMPILERS[0])
    rows = np.array(inputs, np.float64 if name.startswith("forecast") else np.intc)
    assert library.call("run", library.initial_state(), rows, len(rows), None) == -1


def test_a_sequence_that_is_empty_or_too_long_is_refused(tmp_path: Path) -> None:
    library = Library(MODELS["classify-max"](), tmp_path, compiler=COMPILERS[0], max_length=3)
    log_p, ids = np.zeros(3, np.float32), np.zeros(4, np.intc)
    assert [library.call("predict", ids, length, log_p) for length in (0, 1, 3, 4, -1)] == [-2, 0, 0, -2, -2]


@pytest.mark.parametrize("ratio", [0.3, 2.5, 1e6])
def test_a_target_that_never_ends_is_cut_where_elman_cuts_it(ratio: float, tmp_path: Path) -> None:
    model = MODELS["seq2seq-no_attention"]()
    bias = np.array(model.tensors["readout.bias"])
    bias[2] = -1e3  # the end
    text = model.text.model_copy(update={"longest_ratio": ratio})
    parts = model.config, text, model.source_vocabulary, model.target_vocabulary
    endless = Seq2SeqPredictor(*parts, {**model.tensors, "readout.bias": bias})
    library = Library(endless, tmp_path, compiler=COMPILERS[0], max_length=4)
    for length in (1, 4):
        target = np.zeros(endless.text.longest_target(4), np.intc)
        count = library.call("predict", np.full(length, 3, np.intc), length, target, None)
        assert count == endless.text.longest_target(length)
        assert f"MODEL_MAX_TARGET {len(target)} " in library.source.with_suffix(".h").read_text()


def test_outputs_that_are_not_needed_are_not_computed(tmp_path: Path) -> None:
    model = MODELS["lm-gru"]()
    library = Library(model, tmp_path, compiler=COMPILERS[0])
    state, other = library.initial_state(), library.initial_state()
    ids = np.array([3, 1, 4], np.intc)
    assert library.call("run", state, ids, 3, None) == 0
    library.run(ids, other)
    assert library.to_bytes(state) == library.to_bytes(other)
