"""elman import: what is printed, the JSON object, and exit codes."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from elman.export.weights.parity import PAIRS

from .conftest import Command, only_json


@pytest.fixture
def state_dict(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    modules = nn.ModuleDict({"emb": nn.Embedding(4, 3), "rnn": nn.GRU(3, 5), "out": nn.Linear(5, 4)})
    torch.save(modules.state_dict(), tmp_path / "theirs.pt")
    return tmp_path / "theirs.pt"


def test_what_was_mapped_and_compared_is_printed(command: Command, state_dict: Path, tmp_path: Path) -> None:
    done = command("import", state_dict, "--cell", "gru", "-o", tmp_path / "ours.safetensors")
    assert done.code == 0
    lines = done.out.splitlines()
    assert "layers.0.weight_hh_l0\trnn.weight_hh_l0" in lines
    assert len(lines) == 7 + len(PAIRS)
    assert [line.split("\t")[0] for line in lines[7:]] == [f"{b} x {t}" for b, t in PAIRS]
    assert "compared with PyTorch, version 2" in done.err
    assert f"written: {tmp_path / 'ours.safetensors'}" in done.err


def test_the_json_object_has_the_parity_report(command: Command, state_dict: Path, tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text(json.dumps(["<unk>", "a", "b", "c"]))
    done = command("import", state_dict, "-o", tmp_path / "model", "--vocabulary", tmp_path / "tokens.json", "--json")
    report = only_json(done.out)
    assert report["task"] == "lm"
    assert report["cell"] == "gru"
    assert report["hidden_size"] == [5]
    assert len(report["parity"]["shapes"]) == len(PAIRS)
    assert report["parity"]["largest_difference"] <= report["parity"]["tolerance"] == 1e-5
    generated = command("generate", tmp_path / "model", "--prompt", "ab", "--max-tokens", "3", "--seed", "0")
    assert generated.code == 0
    assert generated.out.startswith("ab")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--cell", "lstm"], 2, "--cell lstm: the weights have 3 gates, those of gru"),
        (["--cell", "gur"], 2, "unknown cell 'gur'"),
        (["--map", "embedding.weight"], 2, "--map 'embedding.weight'; expected OURS=THEIRS"),
        (["--map", "embedding.weight=x"], 2, "--map embedding.weight=x: the file has no 'x'; it has emb.weight"),
        (["--layers", "lstm"], 2, "--layers lstm: the file has the recurrent layers rnn"),
        (["--task", "forecast"], 2, "--task 'forecast'; expected one of lm, classify, tag"),
        (["--activation", "relu"], 2, "--activation relu: given for the cell gru; expected the cell elman"),
    ],
)
def test_options_that_do_not_fit_the_file(
    command: Command, state_dict: Path, tmp_path: Path, options: list[str], code: int, message: str
) -> None:
    done = command("import", state_dict, "-o", tmp_path / "ours.safetensors", *options)
    assert done.code == code
    assert message in done.err
    assert not (tmp_path / "ours.safetensors").exists()


def test_a_folder_needs_a_vocabulary_that_fits(command: Command, state_dict: Path, tmp_path: Path) -> None:
    done = command("import", state_dict, "-o", tmp_path / "model")
    assert done.code == 2
    assert "a model folder needs a vocabulary; expected --vocabulary" in done.err
    (tmp_path / "tokens.json").write_text(json.dumps(["a", "b"]))
    done = command("import", state_dict, "-o", tmp_path / "model", "--vocabulary", tmp_path / "tokens.json")
    assert done.code == 2
    assert "--vocabulary: 2 tokens; expected 4, as many as the embedding has rows" in done.err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("name", ["weights.bin", "weights.pt", "weights.onnx", "weights.keras", "weights.h5"])
def test_files_that_hold_no_weights(command: Command, tmp_path: Path, name: str) -> None:
    out = tmp_path / "ours.safetensors"
    assert command("import", tmp_path / name, "-o", out).code == (2 if name.endswith(".bin") else 4)
    (tmp_path / name).write_bytes(b"\x00weights" * 20)
    done = command("import", tmp_path / name, "-o", out)
    assert done.code == (2 if name.endswith(".bin") else 4)
    assert len(done.err.splitlines()) == 1
