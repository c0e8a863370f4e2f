"""Files that Keras 3 has made (keras_files/make.py), with the outputs of Keras itself; and what is refused."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import elman
from elman.errors import ConfigError, ModelError
from elman.export.weights import ImportOptions, import_file
from elman.export.weights.importing import read_source
from elman.export.weights.parity import PAIRS

from .conftest import KERAS_FILES

CELLS = {"simple_rnn": "elman", "lstm": "lstm", "gru_reset_after": "gru", "gru_reset_before": "reset_before_gru"}
with zipfile.ZipFile(KERAS_FILES) as _archive:
    FILES = sorted(name for name in _archive.namelist() if not name.endswith(".npz"))


@pytest.mark.parametrize("name", FILES)
def test_the_imported_weights_are_equal_to_keras(tmp_path: Path, keras_files: Path, name: str) -> None:
    model = name.split(".")[0]
    cell = next((cell for prefix, cell in CELLS.items() if name.startswith(prefix)), "lstm")
    cell = "reset_before_gru" if model == "gru_without_bias" else cell
    options = ImportOptions(cell=cell, examples=keras_files / f"{model}.npz")
    result = import_file(keras_files / name, tmp_path / "ours.safetensors", options)
    assert result.examples == np.load(keras_files / f"{model}.npz")["outputs"].size
    assert [(c.batch_size, c.length) for c in result.parity.comparisons] == list(PAIRS)
    assert result.parity.reference == "the equations of Keras by NumPy"


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith(".weights.h5")])
def test_the_reference_is_equal_to_keras(keras_files: Path, name: str) -> None:
    """The equations that the imported weights are compared with, against the outputs of Keras."""
    source = read_source(keras_files / name, ImportOptions())
    examples = np.load(keras_files / f"{name.split('.')[0]}.npz")
    # Keras computed in float32, the reference in float64
    np.testing.assert_allclose(source.reference.run(examples["inputs"]), examples["outputs"], rtol=0, atol=5e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_language_models_and_classifiers(tmp_path: Path, keras_files: Path, cell: str) -> None:
    tokens = list("abcdefghijk")
    (tmp_path / "tokens.json").write_text(json.dumps(tokens))
    (tmp_path / "labels.json").write_text(json.dumps(list("wxyz")))
    path = keras_files / f"{cell}_language_model.keras"
    import_file(path, tmp_path / "lm", ImportOptions(vocabulary=tmp_path / "tokens.json"))
    model, examples = elman.load(tmp_path / "lm"), np.load(path.with_suffix(".npz"))
    order = np.array([model.vocabulary[token] for token in tokens])
    logits, _ = model.run(list(order[examples["inputs"]]), model.initial_state(3))
    np.testing.assert_allclose(logits[..., order], examples["outputs"], rtol=0, atol=1e-5)

    options = ImportOptions(task="classify", vocabulary=tmp_path / "tokens.json", labels=tmp_path / "labels.json")
    path = keras_files / f"{cell}_classifier.keras"
    import_file(path, tmp_path / "classifier", options)
    examples = np.load(path.with_suffix(".npz"))
    texts = ["".join(tokens[i] for i in row) for row in examples["inputs"].tolist()]
    np.testing.assert_allclose(elman.load(tmp_path / "classifier").predict_proba(texts), examples["outputs"], atol=1e-5)
    with pytest.raises(ModelError, match=r"the file computes outputs after the last step of each direction; expected"):
        import_file(path, tmp_path / "tagger", ImportOptions(**{**vars_of(options), "task": "tag"}))


def vars_of(options: ImportOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in options.__dataclass_fields__}


@pytest.mark.parametrize(("kind", "order"), [("GRU", (0, 1, 2)), ("LSTM", (0, 2, 1, 3))])
def test_a_planted_wrong_order_of_gates_is_refused(
    tmp_path: Path, keras_files: Path, monkeypatch: pytest.MonkeyPatch, kind: str, order: tuple[int, ...]
) -> None:
    from elman.export.weights import keras_files as module

    monkeypatch.setitem(module.GATE_ORDER, kind, order)
    name = {"GRU": "gru_reset_after", "LSTM": "lstm"}[kind]
    with pytest.raises(ModelError, match=r"the imported weights differ from the equations of Keras by NumPy by"):
        import_file(keras_files / f"{name}_language_model.keras", tmp_path / "ours.safetensors")
    assert not (tmp_path / "ours.safetensors").exists()


def changed(path: Path, out: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a .keras file whose config is changed."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w") as new:
        config = json.loads(archive.read("config.json"))
        change(config)
        new.writestr("config.json", json.dumps(config))
        new.writestr("model.weights.h5", archive.read("model.weights.h5"))
    return out


def recurrent(config: dict[str, Any]) -> dict[str, Any]:
    """The config of the first recurrent layer."""
    layers: list[dict[str, Any]] = config["config"]["layers"]
    return next(layer["config"] for layer in layers if layer["class_name"] in ("GRU", "LSTM"))


def set_option(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        recurrent(config)[name] = value

    return change


def set_class(place: int, name: str) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        config["config"]["layers"][place]["class_name"] = name

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_option("reset_after", False), r"has a bias \(2, 15\); expected \(15,\) of a GRU with reset_after=False"),
        (set_option("activation", "relu"), "has the activations relu and sigmoid; expected tanh and sigmoid"),
        (set_option("recurrent_activation", "hard_sigmoid"), "has the activations tanh and hard_sigmoid; expected"),
        (set_option("go_backwards", True), "has go_backwards=True; expected False"),
        (set_option("return_sequences", False), "below another one has return_sequences=False; expected True"),
        (set_class(3, "Lambda"), "the model has the layer Lambda"),
        (set_class(3, "Dense"), "lacks|has the arrays none; expected kernel|stands after a Dense layer"),
        (lambda config: config.clear(), "the config of the model is not that of Keras"),
        (lambda config: config.update(class_name="MyModel"), "the model is a MyModel; expected a Sequential or"),
    ],
)
def test_models_that_elman_does_not_have_are_refused(
    tmp_path: Path, keras_files: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = changed(keras_files / "gru_reset_after_language_model.keras", tmp_path / "a.keras", change)
    with pytest.raises(ModelError, match=message):
        import_file(path, tmp_path / "ours.safetensors")


def test_a_functional_model_that_is_no_chain_is_refused(tmp_path: Path, keras_files: Path) -> None:
    def skip_a_layer(config: dict[str, Any]) -> None:
        layers = config["config"]["layers"]
        layers[2]["inbound_nodes"] = layers[1]["inbound_nodes"]

    path = changed(keras_files / "functional.keras", tmp_path / "a.keras", skip_a_layer)
    with pytest.raises(ModelError, match=r"reads input_layer.*; expected a chain of layers"):
        import_file(path, tmp_path / "ours.safetensors")


def test_weights_alone_do_not_show_the_form_of_a_gru_without_bias(tmp_path: Path, keras_files: Path) -> None:
    path = keras_files / "gru_without_bias.weights.h5"
    with pytest.raises(ConfigError, match=r"has no bias, which would show its reset_after"):
        import_file(path, tmp_path / "ours.safetensors")
    for cell in ("gru", "reset_before_gru"):
        result = import_file(path, tmp_path / "ours.safetensors", ImportOptions(cell=cell))
        assert result.source.weights.cell == cell


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(ModelError, match=r"the file is not in the HDF5 format"):
        import_file(tmp_path / "a.h5", tmp_path / "ours.safetensors")
    (tmp_path / "a.keras").write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"the file is not a \.keras archive"):
        import_file(tmp_path / "a.keras", tmp_path / "ours.safetensors")


def test_arrays_that_unpack_to_more_than_the_file_may_hold_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("lstm/kernel", (1 << 25, 2), "f4", fillvalue=0.0, compression="gzip")
    (tmp_path / "a.h5").write_bytes(buffer.getvalue())
    assert len(buffer.getvalue()) < 1 << 20
    with pytest.raises(ModelError, match=r"the arrays are larger than a file of this size may hold"):
        import_file(tmp_path / "a.h5", tmp_path / "ours.safetensors")


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.zeros((3, 8), "f4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["lstm/kernel"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/kernel")
        file["lstm/recurrent_kernel"] = np.zeros((2, 8), "f4")
    with pytest.raises(ModelError, match=r"the file has no recurrent layers"):
        import_file(tmp_path / "a.h5", tmp_path / "ours.safetensors")
