"""Quantized models of all tasks: near the float32 model, the same in every process, traced, never quantized twice."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman import kernels
from elman.cells import quantized as int8
from elman.checkpoint.weight_formats import BFLOAT16, from_bfloat16, to_bfloat16
from elman.errors import ConfigError
from elman.models.matrix import Int8Matrix
from elman.models.quantization import is_matrix, quantize_tensors
from elman.tasks.classifier.readers import LabelledText
from tests.tasks.classifier import models as classifier
from tests.tasks.forecaster import models as forecaster
from tests.tasks.language_model import models as language_model
from tests.tasks.seq2seq import models as seq2seq
from tests.tasks.tagger import models as tagger

from .streaming_models import MODELS as CAUSAL
from .streaming_models import random_inputs

MODELS: dict[str, Callable[[], Any]] = {
    **{f"lm-{name}": partial(language_model.tiny_predictor, name) for name in language_model.ARCHITECTURES},
    **{f"classify-{name}": partial(classifier.tiny_predictor, name) for name in classifier.ARCHITECTURES},
    **{f"tag-{name}": partial(tagger.tiny_predictor, name) for name in tagger.ARCHITECTURES},
    **{f"seq2seq-{name}": partial(seq2seq.tiny_predictor, name) for name in seq2seq.ARCHITECTURES},
    **{f"forecast-{name}": partial(forecaster.tiny_predictor, name) for name in forecaster.ARCHITECTURES},
}
FLOAT32_CELLS = ("layer_norm_lstm", "min_gru", "reset_before_gru")  # whose int8 weights are unpacked

every_model = pytest.mark.parametrize("name", MODELS)


def numbers(model: Any) -> np.ndarray:
    """Return what a model computes, as one array of log probabilities, logits or forecasts."""
    if model.task == "lm":
        outputs, _ = model.run([np.arange(8) % len(model.vocabulary)], model.initial_state(1))
        return np.asarray(outputs)
    if model.task == "classify":
        return np.asarray(model.log_probabilities([text for text, _ in classifier.EXAMPLES]))
    if model.task == "tag":
        return np.concatenate(model.predict_proba([tokens for tokens, _ in tagger.EXAMPLES]))
    if model.task == "seq2seq":
        codec = model.target_codec
        sources, targets = zip(*seq2seq.PAIRS, strict=True)
        return np.asarray(model.token_log_probabilities(sources, [codec.encode(target) for target in targets]))
    inputs = random_inputs(model, 40, np.random.default_rng(0))
    return np.asarray(np.nan_to_num(model.run([inputs], model.initial_state(1))[0]))


@every_model
def test_an_int8_model_is_near_the_float32_model(name: str) -> None:
    """Each product has an error of about one part in 254 of its largest terms, and these tiny models sum few."""
    model = MODELS[name]()
    before, after = numbers(model), numbers(model.quantized())
    assert before.shape == after.shape
    assert not np.array_equal(before, after)
    assert np.abs(before - after).mean() < 0.08 * max(1.0, np.abs(before).mean())


@every_model
@pytest.mark.parametrize("weights", ["int8", "bfloat16"])
def test_a_folder_a_copy_and_a_pickle_predict_the_same_bits(name: str, weights: str, tmp_path: Path) -> None:
    model = MODELS[name]().quantized(weights)
    assert model.weights_type == weights
    expected = numbers(model).tobytes()
    model.save(tmp_path / "m")
    loaded = elman.load(tmp_path / "m")
    assert numbers(loaded).tobytes() == expected
    assert numbers(pickle.loads(pickle.dumps(loaded))).tobytes() == expected
    assert (loaded.weights_type, loaded.num_parameters) == (weights, MODELS[name]().num_parameters)
    assert loaded.fingerprint == model.fingerprint != MODELS[name]().fingerprint


@every_model
def test_a_bfloat16_model_computes_in_float32_with_rounded_weights(name: str) -> None:
    model = MODELS[name]()
    rounded = {
        name: from_bfloat16(to_bfloat16(array))
        if is_matrix(name, array) and name not in model.float32_inputs
        else array
        for name, array in model.tensors.items()
    }
    content = model._content()
    content = type(content)(content.config, rounded, content.vocabularies, content.card)
    assert numbers(model.quantized("bfloat16")).tobytes() == numbers(type(model).from_folder(content, Path())).tobytes()


@every_model
def test_every_matrix_is_quantized_but_those_of_few_inputs(name: str) -> None:
    model = MODELS[name]()
    int8_model = model.quantized()
    stay = {name for name, array in int8_model.tensors.items() if array.dtype == np.float32 and ".scale" not in name}
    for weight in stay:
        others = ("bias", "score", "later", "crf.", "gain", "peephole", "shift", ".U_")  # U_: of reset_before_gru
        assert model.tensors[weight].ndim == 1 or weight in model.float32_inputs or any(x in weight for x in others)
    few_inputs = {"forecast-tdnn": {"hidden.0.weight"}, "forecast-lstm": {"layers.0.weight_ih_l0"}}
    assert few_inputs.get(name, set()) <= stay
    bfloat16 = model.quantized("bfloat16")
    assert {name for name, array in bfloat16.tensors.items() if array.dtype == BFLOAT16} == set(model.tensors) - stay


@pytest.mark.skipif(not kernels.available(), reason="no kernels")
@every_model
def test_the_kernels_and_numpy_give_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of everything but attention and pooling, which NumPy computes in both cases, from the same bits."""
    model = MODELS[name]().quantized()
    by_kernels = numbers(model)
    if any(cell in str(model.configs()["model"]) for cell in FLOAT32_CELLS):
        return
    monkeypatch.setattr(kernels, "available", lambda: False)
    assert numbers(MODELS[name]().quantized()).tobytes() == by_kernels.tobytes()


@pytest.mark.parametrize("name", CAUSAL)
def test_steps_chunks_and_other_streams_change_no_bit(name: str) -> None:
    if any(cell in name for cell in FLOAT32_CELLS):
        pytest.skip("computed in float32, whose products are near to each other")
    model: Any = CAUSAL[name]().quantized()
    rng = np.random.default_rng(1)
    inputs, other = random_inputs(model, 12, rng), random_inputs(model, 5, rng)
    expected, state = model.run([inputs], model.initial_state(1))
    beside, _ = model.run([other, inputs], model.initial_state(2))
    if model.task == "lm":
        assert beside[1].tobytes() == expected[0].tobytes()
        logits, stepped = [], model.initial_state(1)
        for token in inputs:
            row, stepped = model.step(np.array([token]), stepped)
            logits.append(row)
        assert np.concatenate(logits).tobytes() == expected[0].tobytes()
        assert {key: value.tobytes() for key, value in stepped.items()} == {
            key: value.tobytes() for key, value in state.items()
        }
    np.testing.assert_allclose(beside[1], expected[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("lm-")])
def test_a_trace_repeats_an_int8_model_to_the_bit(name: str) -> None:
    model = MODELS[name]().quantized()
    trace = model.trace("abcab", gradients=True, attribution="gradient_x_input")
    assert trace.exact
    assert all(np.isfinite(layer["d_h"]).all() and layer["d_h"].any() for layer in trace.layers)
    before = MODELS[name]().trace("abcab", gradients=True)
    np.testing.assert_allclose(trace.layers[0]["d_h"], before.layers[0]["d_h"], atol=0.3)


@pytest.mark.parametrize("name", ["classify-last", "classify-attention", "tag-crf", "forecast-lstm"])
def test_the_other_tasks_are_traced_too(name: str) -> None:
    model = MODELS[name]().quantized()
    inputs: Any = {"classify": "abc", "tag": ("Ann", "left", "the", "city")}.get(model.task)
    if model.task == "forecast":
        inputs = forecaster_history(model)
    assert model.trace(inputs, gradients=True).exact


def forecaster_history(model: Any) -> dict[str, np.ndarray]:
    rows = np.random.default_rng(2).uniform(1.0, 9.0, (40, len(model.scales.mean)))
    return dict(zip((*model.scales.targets, *model.scales.inputs), rows.T, strict=True))


def test_an_encoder_decoder_is_traced_searched_and_joins_an_ensemble() -> None:
    before, after = seq2seq.tiny_predictor("dot"), seq2seq.tiny_predictor("dot").quantized()
    assert after.trace("abc", gradients=True).exact
    assert len(after.n_best(["abc", "你好"], beam=3)[1]) == 3
    assert after.ensemble_with([before]).predict(["abc"])[0][0].text


def test_calibration_divides_the_scales_of_an_int8_readout() -> None:
    model = classifier.tiny_predictor("last").quantized()
    calibrated = model.calibrated([LabelledText(text, label) for text, label in classifier.EXAMPLES])
    assert calibrated.calibration.temperature != model.calibration.temperature == 1.0
    assert calibrated.weights_type == "int8"
    hot = classifier.tiny_predictor("last", temperature=2.0).quantized()
    logits, halved = (np.asarray(m.log_probabilities(["abc"])) for m in (model, hot))
    assert (halved[0, 0] - halved[0, 1]) * 2 == pytest.approx(logits[0, 0] - logits[0, 1], rel=1e-5)


def test_a_quantized_model_is_not_quantized_again_and_other_types_are_refused() -> None:
    model = language_model.tiny_predictor()
    with pytest.raises(ConfigError, match="the weights of the model are int8; expected float32"):
        model.quantized().quantized("bfloat16")
    with pytest.raises(ConfigError, match="weights: given 'int4'; expected int8 or bfloat16"):
        model.quantized("int4")


def test_matrices_are_known_by_name_and_shape() -> None:
    square = np.ones((4, 4), np.float32)
    names = [
        "embedding.weight",
        "layers.0.weight_ih_l0",
        "encoder.layers.1.weight_hh_l0_reverse",
        "attention.key.weight",
    ]
    assert all(is_matrix(name, square) for name in names)
    assert not any(is_matrix(name, square) for name in ("crf.transitions", "later", "layers.0.bias_ih_l0"))
    assert not any(is_matrix("readout.weight", array) for array in (square[0], square[:0], np.ones((2, 2, 2), "f4")))
    assert not is_matrix("readout.weight", np.ones((1, (1 << 17) + 1), np.float32))
    kept = quantize_tensors({"a.weight": square, "b.weight": square}, "int8", keep=["a.weight"])
    assert {name: array.dtype for name, array in kept.items()} == {
        "a.weight": np.float32, "b.weight": np.int8, "b.weight.scale": np.float32,
    }  # fmt: skip


def test_an_int8_matrix_without_int8_recurrent_weights_is_unpacked() -> None:
    """A folder of another program may mix them."""
    model = language_model.tiny_predictor("lstm")
    mixed = dict(model.quantized().tensors)
    name = "layers.0.weight_hh_l0"
    mixed[name] = int8.QuantizedMatrix(mixed[name], mixed.pop(f"{name}.scale")).dense()
    content = model._content()
    content = type(content)(content.config, mixed, content.vocabularies, content.card)
    half = type(model).from_folder(content, Path())
    assert half._stack.quantized is None
    assert isinstance(half._V, Int8Matrix)
    np.testing.assert_allclose(numbers(half), numbers(model), atol=0.3)
