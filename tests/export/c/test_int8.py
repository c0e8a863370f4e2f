"""Models with int8 weights in C: layers and products to the bit; elsewhere, exponentials are rounded differently."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.export.c import export_c
from tests.export.models import MODELS
from tests.models.streaming_models import random_inputs
from tests.tasks.classifier.models import tiny_predictor

from .libraries import COMPILERS, Library, compile_c, largest_difference
from .test_values import SANITIZERS, is_causal

pytestmark = pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang")

CAUSAL = [name for name in MODELS if name.split("-")[0] in ("lm", "classify", "tag", "forecast")]
REPRESENTATIVE = ("lm-lstm_two_layers", "lm-gru", "classify-words_unidirectional", "forecast-elman", "tag-words")
INT8_CELLS = ("elman", "gru", "lstm")


def int8_model(name: str) -> Any:
    return MODELS[name]().quantized("int8")


def compiled(name: str, model: Any, folder: Path) -> Library:
    needs_length = model.task == "tag" or not is_causal(model)
    compiler = COMPILERS[list(MODELS).index(name) % len(COMPILERS)]
    return Library(model, folder, compiler=compiler, max_length=60 if needs_length else None)


def check(name: str, folder: Path) -> None:
    model, rng = int8_model(name), np.random.default_rng(0)
    library = compiled(name, model, folder)
    for length in (1, 2, 9, 60):
        inputs = random_inputs(model, length, rng)
        if is_causal(model):
            names = {"series": ["B"]} if "several" in name else {}
            memory, state = library.initial_state(*([1] if names else [])), model.initial_state(1, **names)
            expected, state = model.run([inputs], state)
            actual, back = library.run(inputs, memory), model.state_from_bytes(library.to_bytes(memory))
            if model.task == "lm" and model.config.cell in INT8_CELLS:
                np.testing.assert_array_equal(actual, expected[0])
            assert largest_difference(np.maximum(actual, -80), np.maximum(expected[0], -80)) <= 1e-6
            if getattr(model.config, "memory", "recurrent") == "recurrent" and model.config.cell in INT8_CELLS:
                layers = [key for key in state if key.startswith("layers.")]
                assert {key: back[key].tobytes() for key in layers} == {key: state[key].tobytes() for key in layers}
        if model.task == "tag":
            tags = np.zeros(length, np.intc)
            assert library.predict(inputs, tags) == 0
            assert [model.labels[tag] for tag in tags] == model.predict([inputs])[0]
        elif not is_causal(model):
            log_p = np.zeros(len(model.labels), np.float32)
            assert library.predict(inputs, log_p) == 0
            assert largest_difference(log_p, model.log_probabilities_of_tokens([inputs])[0]) <= 1e-6


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_states_and_logits_are_those_of_the_kernels_to_the_bit(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


def run_self_test(name: str, folder: Path, weights: str = "int8") -> None:
    export_c(MODELS[name]().quantized(weights), folder / "model.c", self_test=True)
    program, compiler = folder / "model_test", COMPILERS[(list(MODELS).index(name) + 1) % len(COMPILERS)]
    compile_c(compiler, *SANITIZERS, folder / "model.c", folder / "model_test.c", "-lm", "-o", program)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize(
    ("name", "weights"), [("lm-lstm_tied", "int8"), ("seq2seq-aligned", "int8"), ("lm-gru", "bfloat16")]
)
def test_the_self_test_of_smaller_weights_passes(name: str, weights: str, tmp_path: Path) -> None:
    run_self_test(name, tmp_path, weights)


def test_the_constants_of_an_int8_model_are_a_quarter_or_so(tmp_path: Path) -> None:
    model = tiny_predictor("max", embedding_size=64, hidden_size=64)
    sizes = [
        export_c(one, tmp_path / "model.c", max_length=9).details["constant_bytes"]
        for one in (model, model.quantized("int8"), model.quantized("bfloat16"))
    ]
    assert sizes[1] < 0.3 * sizes[0]
    assert sizes[2] == sizes[0]


@pytest.mark.integration
@pytest.mark.parametrize("name", MODELS)
def test_the_self_test_of_every_int8_model_passes_under_sanitizers(name: str, tmp_path: Path) -> None:
    run_self_test(name, tmp_path)


@pytest.mark.integration
@pytest.mark.parametrize("name", CAUSAL)
def test_every_int8_model_gives_what_its_predictor_gives(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)
