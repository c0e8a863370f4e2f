"""The files: versions, names, shapes, metadata, and the same bytes for the same model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.export import export
from elman.export.onnx import TASKS
from tests.export.models import MODELS
from tests.tasks.forecaster import models as forecaster
from tests.tasks.language_model import models as language_model

ONE_OF_EACH_TASK = ["lm-lstm_two_layers", "classify-words", "tag-crf", "seq2seq-feeding_deep", "forecast-narx"]


def exported(name: str) -> dict[str, Any]:
    """The models of the files of a predictor, by their suffixes."""
    import onnx

    predictor = MODELS[name]()
    contents = TASKS[predictor.task](predictor).contents()
    return {suffix: onnx.load_from_string(content) for suffix, content in contents.items()}


def properties(model: Any) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def ports(values: Any) -> dict[str, list[Any]]:
    """The names and shapes of inputs or outputs; an axis of any size is its name."""
    return {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in values
    }


@pytest.mark.parametrize("name", ONE_OF_EACH_TASK)
def test_every_file_states_its_versions_and_what_it_was_made_of(name: str) -> None:
    predictor = MODELS[name]()
    for suffix, model in exported(name).items():
        assert model.ir_version == 7
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 13)]
        assert model.producer_name == "elman"
        given = properties(model)
        assert (given["elman.task"], given["elman.graph"]) == (predictor.task, suffix or "model")
        assert (given["elman.opset"], given["elman.ir_version"]) == ("13", "7")
        assert given["elman.fingerprint"] == predictor.fingerprint
        assert json.loads(given["elman.vocabularies"]) == {k: list(v) for k, v in predictor.vocabularies().items()}
        configs = predictor.configs()
        for part, values in json.loads(given["elman.config"]).items():
            assert values == configs[part].model_dump(mode="json")


def test_config_has_normalization_calibration_and_scales() -> None:
    configs = {
        name: json.loads(properties(exported(name)[""])["elman.config"]) for name in ("classify-words", "tag-crf")
    }
    assert configs["classify-words"]["text"] == {"level": "word", "normalize": "lower"}
    assert configs["classify-words"]["calibration"] == {"temperature": 0.7}
    assert configs["tag-crf"]["text"]["normalize"] == "lower"
    scales = json.loads(properties(exported("forecast-narx")[""])["elman.config"])["series"]
    assert scales["mean"] == list(MODELS["forecast-narx"]().scales.mean)


@pytest.mark.parametrize(
    "name", ["lm-lstm_two_layers", "classify-words_unidirectional", "tag-crf_unidirectional", "forecast-tdnn"]
)
def test_state_entries_have_the_names_and_shapes_of_the_predictor(name: str) -> None:
    state = MODELS[name]().initial_state(1)
    (model,) = exported(name).values()
    inputs, outputs = ports(model.graph.input), ports(model.graph.output)
    for entry, array in state.items():
        assert inputs[entry] == outputs[f"next.{entry}"] == ["batch", *array.shape[1:]]
    described = json.loads(properties(model)["elman.state"])
    assert [entry["name"] for entry in described] == list(state)
    for entry in described:
        array = np.full((1, *entry["shape"]), float(entry["initial"]), entry["type"])
        np.testing.assert_array_equal(array, state[entry["name"]])
        assert array.dtype == state[entry["name"]].dtype


def test_batch_and_time_have_any_size_and_nothing_else_has() -> None:
    inputs = ports(exported("lm-gru")[""].graph.input)
    assert inputs == {"tokens": ["batch", "time"], "lengths": ["batch"], "layers.0.h": ["batch", 5]}
    (model,) = exported("classify-words").values()
    assert ports(model.graph.input) == {
        "tokens": ["batch", "time"],
        "lengths": ["batch"],
        "characters": ["batch", "time", "width"],
        "character_lengths": ["batch", "time"],
    }
    assert ports(model.graph.output) == {"log_probabilities": ["batch", 3]}


def test_the_outputs_of_the_encoder_are_the_inputs_of_the_step() -> None:
    models = exported("seq2seq-aligned_feeding")
    made, read = ports(models["encoder"].graph.output), ports(models["step"].graph.input)
    assert made.keys() | {"lengths", "tokens"} == read.keys()
    context = json.loads(properties(models["step"])["elman.context"])
    assert set(context) == {"lengths", "encoder_outputs", "keys"}


def test_a_gru_is_one_node_with_the_convention_of_pytorch() -> None:
    import onnx

    (node,) = [node for node in exported("lm-gru")[""].graph.node if node.op_type == "GRU"]
    attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    assert attributes["linear_before_reset"] == 1
    assert attributes["direction"] == b"forward"


def test_tied_weights_are_stored_once() -> None:
    sizes = {}
    for tied in (True, False):
        architecture = language_model.ARCHITECTURES["lstm_tied"] | {"tie_weights": tied}
        language_model.ARCHITECTURES["test"] = architecture
        predictor = language_model.tiny_predictor("test", tokens=("<unk>", *map(str, range(999))))
        del language_model.ARCHITECTURES["test"]
        sizes[tied] = len(TASKS["lm"](predictor).contents()[""])
    assert sizes[False] - sizes[True] >= 4 * 1000 * 4


def test_a_model_gives_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("tag-crf", "forecast-narx"):
        export(MODELS[name](), tmp_path / "a.onnx")
        export(MODELS[name](), tmp_path / "b.onnx")
        assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_values_are_float64_so_that_large_numbers_keep_their_digits() -> None:
    import onnx

    model = forecaster.tiny_predictor("lstm")
    (graph,) = [one.graph for one in map(onnx.load_from_string, TASKS["forecast"](model).contents().values())]
    types = {value.name: value.type.tensor_type.elem_type for value in [*graph.input, *graph.output]}
    assert types["values"] == types["quantiles"] == onnx.TensorProto.DOUBLE
