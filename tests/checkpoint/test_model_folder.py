"""The model folder: reading returns what was written, and every problem is one clear error."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint import FORMAT_VERSION, ModelFolder, read_model, write_model
from elman.checkpoint.checksummed_folder import write_folder
from elman.checkpoint.serialization import json_bytes, tensor_bytes
from elman.errors import ConfigError, ModelError

CONFIG = {"task": "lm", "model": {"hidden_size": [3]}}
TENSORS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(2, np.float32)}
VOCABULARIES = {"tokens": ["<unk>", "a", "\n", "中", '"']}


def model(**changes: Any) -> ModelFolder:
    return ModelFolder(
        **{"config": CONFIG, "tensors": TENSORS, "vocabularies": VOCABULARIES, "card": "# card\n", **changes}
    )


def test_reading_returns_the_model_that_was_written(tmp_path: Path) -> None:
    write_model(tmp_path / "m", model())
    read = read_model(tmp_path / "m")
    assert read.config == {**CONFIG, "format": FORMAT_VERSION}
    assert read.vocabularies == VOCABULARIES
    assert read.card == "# card\n"
    assert {name: tensor.tobytes() for name, tensor in read.tensors.items()} == {
        name: tensor.tobytes() for name, tensor in TENSORS.items()
    }


def test_the_same_model_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    write_model(tmp_path / "m", model())
    reordered = dict(reversed(CONFIG.items())), dict(reversed(TENSORS.items()))
    write_model(tmp_path / "n", model(config=reordered[0], tensors=reordered[1]))
    assert {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "n").iterdir()
    }


def test_a_task_without_a_vocabulary_has_no_vocabulary_file(tmp_path: Path) -> None:
    write_model(tmp_path / "m", model(vocabularies={}))
    assert not (tmp_path / "m" / "vocabulary.json").exists()
    assert read_model(tmp_path / "m").vocabularies == {}


def test_every_file_but_the_card_is_in_the_manifest(tmp_path: Path) -> None:
    write_model(tmp_path / "m", model())
    for name in ("config.json", "model.safetensors", "vocabulary.json", "manifest.json"):
        content = (tmp_path / "m" / name).read_bytes()
        for position in range(0, len(content), 7):
            changed = bytearray(content)
            changed[position] ^= 4
            (tmp_path / "m" / name).write_bytes(changed)
            with pytest.raises(ModelError) as caught:
                read_model(tmp_path / "m")
            assert str(tmp_path / "m" / name) in str(caught.value) or name == "manifest.json"
        (tmp_path / "m" / name).write_bytes(content)
    (tmp_path / "m" / "README.md").write_text("mine", "utf-8")
    assert read_model(tmp_path / "m").card == "mine"


def test_the_card_may_be_removed_or_invalid(tmp_path: Path) -> None:
    write_model(tmp_path / "m", model())
    (tmp_path / "m" / "README.md").write_bytes(b"\xff caf\xe9")
    assert read_model(tmp_path / "m").card == "\ufffd caf\ufffd"
    (tmp_path / "m" / "README.md").write_bytes(b"x" * (1 << 20) + b"x")
    assert read_model(tmp_path / "m").card == ""
    (tmp_path / "m" / "README.md").unlink()
    assert read_model(tmp_path / "m").card == ""


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocabulary.json", "manifest.json"])
def test_a_missing_file_raises_an_error(tmp_path: Path, name: str) -> None:
    write_model(tmp_path / "m", model())
    (tmp_path / "m" / name).unlink()
    with pytest.raises(ModelError) as caught:
        read_model(tmp_path / "m")
    assert str(caught.value) == f"{tmp_path / 'm' / name}: no such file. Copy the whole folder again, or train again"


def test_a_folder_of_other_files_is_not_a_model_folder(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(ModelError) as caught:
        read_model(tmp_path)
    assert str(caught.value) == f"{tmp_path}: not a model folder; expected config.json and model.safetensors in it"


@pytest.mark.parametrize(("version", "has_hint"), [(3, True), (None, False), ("1", False)])
def test_another_format_version_raises_an_error(tmp_path: Path, version: Any, has_hint: bool) -> None:
    files = {"config.json": json_bytes({**CONFIG, "format": version}), "model.safetensors": tensor_bytes(TENSORS)}
    write_folder(tmp_path / "m", files)
    with pytest.raises(ModelError, match=f"format version {version!r}; expected 1 or 2") as caught:
        read_model(tmp_path / "m")
    assert ("Install the version of elman that wrote the model" in str(caught.value)) == has_hint


@pytest.mark.parametrize(
    "tensor",
    [
        np.array([1.0, np.nan], np.float32),
        np.array([np.inf], np.float32),
        np.zeros(2, np.float64),
        np.zeros(2, np.int64),
    ],
    ids=["nan", "inf", "float64", "int64"],
)
def test_weights_that_are_not_finite_float32_raise_an_error(tmp_path: Path, tensor: Any) -> None:
    write_model(tmp_path / "m", model(tensors={**TENSORS, "bad": tensor}))
    with pytest.raises(ModelError, match=r"model\.safetensors: bad is not an array of finite float32 numbers"):
        read_model(tmp_path / "m")


@pytest.mark.parametrize("tokens", ["abc", {"a": 1}, [1, 2], ["a", None]])
def test_a_vocabulary_that_is_not_a_list_of_tokens_raises_an_error(tmp_path: Path, tokens: Any) -> None:
    write_model(tmp_path / "m", model(vocabularies={"tokens": tokens}))
    with pytest.raises(ModelError, match=r"vocabulary\.json: 'tokens' is not a list of tokens"):
        read_model(tmp_path / "m")


class Bomb:
    """An object that fails the test when it is unpickled."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("a model file was unpickled",))


def test_a_pickle_instead_of_weights_raises_an_error_even_with_a_valid_manifest(tmp_path: Path) -> None:
    files = {"config.json": json_bytes({**CONFIG, "format": FORMAT_VERSION}), "model.safetensors": pickle.dumps(Bomb())}
    write_folder(tmp_path / "m", files)
    with pytest.raises(ModelError, match=r"model\.safetensors: the file is not in the safetensors format"):
        read_model(tmp_path / "m")


# Existing files at the target


@pytest.mark.parametrize("existing", ["nothing", "an empty folder", "a model"])
def test_a_model_replaces_nothing_an_empty_folder_or_another_model(tmp_path: Path, existing: str) -> None:
    if existing == "an empty folder":
        (tmp_path / "m").mkdir()
    if existing == "a model":
        write_model(tmp_path / "m", model(card="# an older card\n", vocabularies={}))
    write_model(tmp_path / "m", model())
    read = read_model(tmp_path / "m")
    assert (read.card, read.vocabularies) == ("# card\n", VOCABULARIES)
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    write_model(tmp_path / "m", model())
    for name in ("thesis.tex", "a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / "m" / name).write_bytes(b"x")
    before = {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()}
    with pytest.raises(ConfigError) as caught:
        write_model(tmp_path / "m", model(card="# another\n"))
    assert str(caught.value) == (
        f"{tmp_path / 'm'}: the folder contains other files (a.jpg, b.jpg, c.jpg), so it is not replaced. "
        "Choose a new folder"
    )
    assert {p.name: p.read_bytes() for p in (tmp_path / "m").iterdir()} == before


def test_a_file_at_the_target_raises_an_error_and_does_not_change(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x")
    with pytest.raises(ConfigError) as caught:
        write_model(tmp_path / "m", model())
    assert str(caught.value) == f"{tmp_path / 'm'}: this is a file; expected a new folder. Choose another name"
    assert (tmp_path / "m").read_bytes() == b"x"


def test_with_replace_a_folder_is_replaced_regardless_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "half-written").write_bytes(b"x")
    write_model(tmp_path / "m", model(), replace=True)
    assert not (tmp_path / "m" / "half-written").exists()
    assert read_model(tmp_path / "m").card == "# card\n"


def test_a_model_is_written_to_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        write_model(Path("model"), model())
    assert read_model(Path("model")).card == "# card\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_a_vocabulary_for_which_the_weights_are_too_small_is_refused(tmp_path: Path) -> None:
    tokens = [f"{n:x}" for n in range(400_000)]
    write_model(tmp_path / "small", ModelFolder({"task": "lm"}, {"w": np.ones(4, np.float32)}, {"tokens": tokens}))
    with pytest.raises(ModelError, match=r"vocabulary\.json: the JSON would take up to \d+ MB of memory"):
        read_model(tmp_path / "small")
    weights = {"w": np.ones((400_000, 16), np.float32)}
    write_model(tmp_path / "large", ModelFolder({"task": "lm"}, weights, {"tokens": tokens}))
    assert len(read_model(tmp_path / "large").vocabularies["tokens"]) == 400_000


def test_the_fingerprint_is_that_of_the_weights_on_the_disk(tmp_path: Path) -> None:
    write_model(tmp_path / "a", ModelFolder({"task": "lm"}, {"w": np.ones(3, np.float32)}, {}))
    digest = hashlib.sha256((tmp_path / "a" / "model.safetensors").read_bytes()).hexdigest()
    assert read_model(tmp_path / "a").fingerprint == digest
