"""Loading a model folder: the same predictions bit for bit, one clear error for a damaged folder, and no torch."""

import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.checkpoint import read_model, write_model
from elman.checkpoint.checksummed_folder import write_folder
from elman.checkpoint.serialization import json_bytes, parse_json, tensor_bytes
from elman.errors import ModelError
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.loading import load
from elman.tasks.spec import TASKS
from tests.tasks.language_model.models import ARCHITECTURES, tiny_predictor

FILES = ("config.json", "manifest.json", "model.safetensors", "vocabulary.json")
DAMAGED = "The folder is damaged: copy it again, or train again"
RESUME = """
import json, pathlib, elman, numpy
model = elman.load(sys.argv[1])
logits, _ = model.step(numpy.array([2]), model.state_from_bytes(pathlib.Path(sys.argv[2]).read_bytes()))
result = {"text": model.generate("ab", seed=1), "words": model.suggest("ab ", 2)}
result["metrics"] = model.evaluate(["abba cad"])
print(json.dumps({**result, "logits": logits.tobytes().hex()}))
"""


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Power cuts are tested in tests/checkpoint."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_predictor().save(tmp_path / "model", card="# A card\n")
    return tmp_path / "model"


def load_error(path: Path) -> ModelError:
    with pytest.raises(ModelError) as raised:
        load(path)
    assert raised.value.exit_code == 4
    return raised.value


def reseal(folder: Path, **changed: bytes) -> None:
    """Write the folder again with other contents and a valid manifest: a hostile folder, not a damaged one."""
    contents = {name: (folder / name).read_bytes() for name in FILES if name != "manifest.json"}
    names = {"config": "config.json", "weights": "model.safetensors", "vocabulary": "vocabulary.json"}
    write_folder(folder, {**contents, **{names[key]: content for key, content in changed.items()}})


def reconfigure(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    config = parse_json((folder / "config.json").read_bytes(), folder)
    change(config)
    reseal(folder, config=json_bytes(config))


def without_torch(code: str, *arguments: str) -> str:
    """Return what a new interpreter prints in which torch cannot be imported."""
    code = f"import sys\nsys.modules['torch'] = None\n{code}"
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Whole folders


@pytest.mark.parametrize("level", ["char", "word", "byte"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_saved_and_loaded_model_predicts_the_same_bit_for_bit(architecture: str, level: str, tmp_path: Path) -> None:
    before = tiny_predictor(architecture, level)
    before.save(tmp_path / "model")
    after = load(tmp_path / "model")
    assert (after.config, after.text, after.vocabulary.tokens) == (before.config, before.text, before.vocabulary.tokens)
    ids = before.prompt_ids("the time, abba 你好")
    a, b = (predictor.read(ids, predictor.initial_state())[0] for predictor in (before, after))
    assert a.tobytes() == b.tobytes()
    assert after.generate("the ", max_tokens=20, seed=0) == before.generate("the ", max_tokens=20, seed=0)
    assert after.evaluate(["the time"]) == before.evaluate(["the time"])


@pytest.mark.parametrize("text", [{"byte_fallback": True}, {"normalize": "lower"}, {"normalize": "textbook"}])
def test_the_text_config_is_saved_too(text: dict[str, Any], tmp_path: Path) -> None:
    tiny_predictor(**text).save(tmp_path / "model")
    assert load(tmp_path / "model").text.model_dump() == {
        "level": "char",
        "normalize": "none",
        "byte_fallback": False,
        **text,
    }


def test_saving_a_loaded_model_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    load(folder).save(tmp_path / "again")
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_the_card_is_the_old_one_or_a_new_one(folder: Path) -> None:
    assert load(folder).card == "# A card\n"
    load(folder).save(folder, card="# Another\n")
    assert (folder / "README.md").read_text("utf-8") == "# Another\n"


def test_a_card_may_be_edited_or_deleted(folder: Path) -> None:
    (folder / "README.md").write_text("An edited card", "utf-8")
    assert load(folder).card == "An edited card"
    (folder / "README.md").unlink()
    assert load(folder).card == ""


def test_loading_a_run_folder_returns_its_best_model(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text("{}", "utf-8")
    assert load(tmp_path).generate("a", seed=0) == load(folder).generate("a", seed=0)


def test_elman_load_takes_a_str(folder: Path) -> None:
    assert isinstance(elman.load(str(folder)), LanguageModelPredictor)


# Without torch


def test_a_model_loads_and_resumes_a_state_in_a_process_without_torch(folder: Path, tmp_path: Path) -> None:
    predictor = load(folder)
    _, state = predictor.read(predictor.prompt_ids("abba"), predictor.initial_state())
    (tmp_path / "state").write_bytes(predictor.state_to_bytes(state))
    result = json.loads(without_torch(RESUME, str(folder), str(tmp_path / "state")))
    assert result["logits"] == predictor.step(np.array([2]), state)[0].tobytes().hex()
    assert result["text"] == predictor.generate("ab", seed=1)
    assert [tuple(word) for word in result["words"]] == predictor.suggest("ab ", 2)
    assert result["metrics"] == predictor.evaluate(["abba cad"])


# Paths that are not models


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    assert (
        str(load_error(tmp_path / "none"))
        == f"{tmp_path / 'none'}: no such folder. Give a run folder or a model folder"
    )


def test_a_file_instead_of_a_folder_is_an_error(folder: Path) -> None:
    path = folder / "README.md"
    assert (
        str(load_error(path)) == f"{path}: the path is a file; expected a folder. Give a run folder or a model folder"
    )


def test_a_folder_of_other_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"\xff\xd8")
    expected = f"{tmp_path}: not a model folder; expected config.json and model.safetensors in it"
    assert str(load_error(tmp_path)) == expected


def test_the_error_for_a_run_without_a_model_names_the_command_that_completes_it(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text("{}", "utf-8")
    hint = f"Wait for its first validation, or continue with `elman resume {tmp_path}`"
    assert str(load_error(tmp_path)) == f"{tmp_path}: the run has no model yet. {hint}"


# Damage


@pytest.mark.parametrize("name", FILES)
def test_the_error_names_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    error = load_error(folder)
    assert error.where == str(folder / name)
    assert error.message == "no such file"


@pytest.mark.parametrize("name", FILES)
def test_the_error_names_an_empty_file(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    assert load_error(folder).where == str(folder / name)


@pytest.mark.parametrize("name", FILES)
def test_the_error_names_the_file_of_a_flipped_bit(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    positions = {0, 1, len(content) // 2, len(content) - 1, *range(0, len(content), max(1, len(content) // 40))}
    assert len(positions) > 20
    for position in positions:
        for bit in (0, 5):
            damaged = bytearray(content)
            damaged[position] ^= 1 << bit
            (folder / name).write_bytes(damaged)
            where = Path(load_error(folder).where or "")
            # if the manifest was changed, nothing tells whether it or the file is misshapen
            assert where.parent == folder
            assert where.name in (FILES if name == "manifest.json" else (name,))
    (folder / name).write_bytes(content)
    load(folder)  # without the flip, there is no error


@pytest.mark.parametrize("name", FILES)
def test_the_error_names_a_truncated_file(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    assert load_error(folder).where == str(folder / name)


def test_the_error_names_a_file_of_another_model(folder: Path, tmp_path: Path) -> None:
    tiny_predictor(seed=1).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", folder / "model.safetensors")
    error = load_error(folder)
    assert (error.where, error.message) == (str(folder / "model.safetensors"), "the file differs from what was written")


# Hostile folders, whose checksums are right


def test_the_error_for_a_newer_format_says_what_to_install(folder: Path) -> None:
    reconfigure(folder, lambda config: config.update(format=3))
    expected = "format version 3; expected 1 or 2. Install the version of elman that wrote the model"
    assert str(load_error(folder)) == f"{folder / 'config.json'}: {expected}"


@pytest.mark.parametrize("value", ["1", None, [1]])
def test_a_format_that_is_not_a_number_is_an_error(folder: Path, value: Any) -> None:
    reconfigure(folder, lambda config: config.update(format=value))
    assert str(load_error(folder)) == f"{folder / 'config.json'}: format version {value!r}; expected 1 or 2"


@pytest.mark.parametrize("value", ["poetry", None, ["lm"], {"lm": 1}])
def test_the_error_for_an_unknown_task_lists_the_tasks(folder: Path, value: Any) -> None:
    reconfigure(folder, lambda config: config.update(task=value))
    assert str(load_error(folder)) == f"{folder / 'config.json'}: has task {value!r}; expected {', '.join(TASKS)}"


def test_the_error_for_an_unknown_key_names_the_file(folder: Path) -> None:
    reconfigure(folder, lambda config: config["model"].update(hiden_size=3))
    error = load_error(folder)
    assert error.where == str(folder / "config.json")
    assert error.message.startswith("hiden_size: unknown key (did you mean 'hidden_size'?)")


@pytest.mark.parametrize(
    ("change", "beginning"),
    [
        (
            lambda config: config["model"].update(cell="gur"),
            "has cell 'gur', which is not registered; expected one of elman, gru",
        ),
        (lambda config: config["model"].update(hidden_size=[5, 0]), "hidden_size: given 0; expected"),
        (
            lambda config: config["model"].update(hidden_size=[5, 4, 3]),
            "hidden_size: given 3 sizes for 2 layers; expected one",
        ),
        (lambda config: config["model"].pop("embedding_size"), "embedding_size: missing"),
        (lambda config: config["text"].update(level="line"), "level: given 'line'; expected char, word or byte"),
        (
            lambda config: config["text"].update(level="word", byte_fallback=True),
            "byte_fallback: given with level 'word'",
        ),
        (lambda config: config.update(model=None), "config: given None; expected a table of keys"),
        (lambda config: config.update(text=[]), "config: given []; expected a table of keys"),
    ],
)
def test_the_error_for_an_invalid_config_names_the_file(folder: Path, change: Any, beginning: str) -> None:
    reconfigure(folder, change)
    error = load_error(folder)
    assert error.where == str(folder / "config.json")
    assert error.message.startswith(beginning)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda config: config["model"].update(hidden_size=[10**9], num_layers=1), "layers.0.weight_ih_l0"),
        (lambda config: config["model"].update(hidden_size=[5, 10**18]), "layers.1.weight_ih_l0"),
        (lambda config: config["model"].update(hidden_size=[5], num_layers=10**7), "num_layers"),
        (lambda config: config["model"].update(embedding_size=10**12), "embedding.weight"),
    ],
)
def test_sizes_that_exceed_the_memory_are_an_error_before_any_allocation(folder: Path, change: Any, named: str) -> None:
    reconfigure(folder, change)
    tracemalloc.start()
    error = load_error(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert named in error.message
    assert peak < 4e6  # bytes; the folder has ten thousand


@pytest.mark.parametrize("architecture", ["tanh", "gru", "lstm_tied"])
def test_every_weight_must_have_the_shape_of_the_config(architecture: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    predictor = tiny_predictor(architecture)
    predictor.save(folder)
    for name, tensor in predictor.tensors.items():
        for misshapen in (tensor[1:], tensor[..., None], tensor.T if tensor.ndim == 2 else tensor[None]):
            if misshapen.shape == tensor.shape:
                continue
            reseal(folder, weights=tensor_bytes({**predictor.tensors, name: misshapen}))
            expected = f"{name!r} has shape {misshapen.shape}; expected {tensor.shape}. {DAMAGED}"
            assert str(load_error(folder)) == f"{folder / 'model.safetensors'}: {expected}"
        reseal(folder, weights=tensor_bytes({n: t for n, t in predictor.tensors.items() if n != name}))
        expected = f"lacks the weights {name!r}. {DAMAGED}"
        assert str(load_error(folder)) == f"{folder / 'model.safetensors'}: {expected}"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_error_for_weights_that_are_not_finite_names_them(folder: Path, value: float) -> None:
    tensors = read_model(folder).tensors
    tensors["readout.bias"][3] = value
    reseal(folder, weights=tensor_bytes(tensors))
    assert (
        str(load_error(folder))
        == f"{folder / 'model.safetensors'}: readout.bias is not an array of finite float32 numbers"
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32])
def test_the_error_for_weights_of_another_type_names_them(folder: Path, dtype: Any) -> None:
    tensors = read_model(folder).tensors
    tensors["readout.bias"] = tensors["readout.bias"].astype(dtype)
    reseal(folder, weights=tensor_bytes(tensors))
    assert (
        str(load_error(folder))
        == f"{folder / 'model.safetensors'}: readout.bias is not an array of finite float32 numbers"
    )


@pytest.mark.parametrize("content", [b"", b"{}", b"\x08\0\0\0\0\0\0\0{}      ", b"\xff" * 64])
def test_a_file_of_weights_in_another_format_is_an_error(folder: Path, content: bytes) -> None:
    reseal(folder, weights=content)
    assert load_error(folder).where == str(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "the file is not JSON"),
        (b"[]", "the file does not hold a JSON object"),
        (b'{"tokens": ["<unk>", 3]}', "'tokens' is not a list of tokens"),
        (b'{"tokens": "<unk>"}', "'tokens' is not a list of tokens"),
        (b'{"tokens": ["a", "b"]}', "the vocabulary begins with ('a',); expected '<unk>'"),
        (b'{"tokens": ["<unk>", "a", "a"]}', "the vocabulary contains 1 duplicates; expected distinct tokens"),
        (b"{}", "the vocabulary begins with (); expected '<unk>'"),
    ],
)
def test_an_invalid_vocabulary_is_an_error(folder: Path, content: bytes, message: str) -> None:
    reseal(folder, vocabulary=content)
    error = load_error(folder)
    assert (error.where, error.message) == (str(folder / "vocabulary.json"), message)


def test_a_vocabulary_whose_size_differs_from_the_weights_is_an_error(folder: Path) -> None:
    reseal(folder, vocabulary=json_bytes({"tokens": ["<unk>", "a"]}))
    error = load_error(folder)
    assert error.where == str(folder / "model.safetensors")
    assert error.message == "'embedding.weight' has shape (13, 3); expected (2, 3)"


def test_a_model_folder_written_by_write_model_can_be_loaded(folder: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "copy", read_model(folder))
    assert load(tmp_path / "copy").generate("a", seed=0) == load(folder).generate("a", seed=0)
