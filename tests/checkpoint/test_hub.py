"""Model folders on the hub, against a fake of it on this machine: download, cache, revisions, upload, errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.checkpoint.hub import MAX_BYTES, download_model, is_hub_address, parse_address, push_model
from elman.errors import ConfigError, ElmanError, ModelError

from ..tasks.language_model.models import tiny_predictor
from .hub_server import FakeHub, running_hub

pytest.importorskip("huggingface_hub")

NAME = "user/model"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A running fake hub and an empty cache."""
    import huggingface_hub.constants as constants

    fake = FakeHub()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub(fake) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield fake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_predictor().save(tmp_path / "model", card="# a model\n")
    return tmp_path / "model"


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_is_uploaded_and_loaded_again(hub: FakeHub, folder: Path) -> None:
    url = push_model(folder, NAME, token="hf_of_a_test")
    assert url.endswith(hub.sha(NAME, "main"))
    assert hub.repositories[NAME]["main"] == files_of(folder)
    model, original = elman.load(f"hf://{NAME}"), elman.load(folder)
    assert model.generate("abc", max_tokens=20, seed=0) == original.generate("abc", max_tokens=20, seed=0)
    assert model.card == "# a model\n"


def test_only_the_files_of_a_model_folder_are_fetched_and_sent(hub: FakeHub, folder: Path) -> None:
    hub.commit(NAME, {**files_of(folder), "modeling.py": b"raise SystemExit", "other/model.safetensors": b"0"})
    loaded = download_model(f"hf://{NAME}")
    assert sorted(path.name for path in loaded.iterdir()) == sorted(files_of(folder))
    assert not [line for line in hub.requests if "modeling.py" in line or "other/" in line]
    (folder / "notes.txt").write_text("private")
    push_model(folder, "user/second", token="hf_of_a_test")
    assert "notes.txt" not in hub.repositories["user/second"]["main"]


def test_a_revision_is_that_model(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    tiny_predictor(seed=1).save(tmp_path / "newer")
    old = hub.commit(NAME, files_of(folder))
    hub.commit(NAME, files_of(tmp_path / "newer"))
    hub.commit(NAME, files_of(folder), "v1")
    tensors = [elman.load(f"hf://{NAME}{end}").tensors["readout.bias"] for end in ("", "@v1", f"@{old}")]
    assert not np.array_equal(tensors[0], tensors[1])
    np.testing.assert_array_equal(tensors[1], tensors[2])
    with pytest.raises(
        ModelError, match=r"the repository has no revision 'v2'. Leave out @REVISION for the newest one"
    ):
        elman.load(f"hf://{NAME}@v2")


def test_what_is_in_the_cache_is_not_fetched_again_and_serves_without_a_network(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.commit(NAME, files_of(folder))
    first = download_model(f"hf://{NAME}")
    before = len([line for line in hub.requests if "GET" in line and "/resolve/" in line])
    assert before == len(files_of(folder))
    assert download_model(f"hf://{NAME}") == first
    assert len([line for line in hub.requests if "GET" in line and "/resolve/" in line]) == before
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # a port at which nothing listens
    assert download_model(f"hf://{NAME}") == first
    with pytest.raises(ElmanError, match="the hub cannot be reached, and the model is not in the cache"):
        download_model("hf://user/another")


def test_offline_mode_makes_no_request(hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as constants

    hub.commit(NAME, files_of(folder))
    first = download_model(f"hf://{NAME}")
    count = len(hub.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert download_model(f"hf://{NAME}") == first
    with pytest.raises(ElmanError, match="the hub cannot be reached, and the model is not in the cache"):
        download_model("hf://user/another")
    assert len(hub.requests) == count


def test_a_file_that_is_too_large_is_not_fetched(hub: FakeHub, folder: Path) -> None:
    hub.commit(NAME, files_of(folder))
    hub.declared_sizes = {"config.json": MAX_BYTES["config.json"] + 1}
    with pytest.raises(ModelError, match=r"config\.json has 1,048,577 bytes; expected at most 1,048,576 bytes"):
        elman.load(f"hf://{NAME}")
    assert not [line for line in hub.requests if "/resolve/" in line]


def test_a_damaged_model_on_the_hub_is_refused(hub: FakeHub, folder: Path) -> None:
    files = files_of(folder)
    files["model.safetensors"] = files["model.safetensors"][:-1] + b"\x07"
    hub.commit(NAME, files)
    with pytest.raises(ModelError, match="the file differs from what was written"):
        elman.load(f"hf://{NAME}")


def test_other_repositories_are_refused(hub: FakeHub, folder: Path) -> None:
    with pytest.raises(ModelError, match="hf://user/none: no such repository on the hub"):
        elman.load("hf://user/none")
    hub.commit(NAME, {"pytorch_model.bin": b"0", "config.json": b"{}"})
    with pytest.raises(ModelError, match=r"the repository lacks manifest\.json, model\.safetensors; expected a model"):
        elman.load(f"hf://{NAME}")
    with pytest.raises(ModelError, match="not a model folder"):
        push_model(folder.parent, NAME)


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "no such repository|the hub refused the request"), (403, "the hub refused the request"), (500, "HTTP 500")],
)
def test_answers_of_the_hub_are_errors(hub: FakeHub, folder: Path, status: int, message: str) -> None:
    hub.status = status
    with pytest.raises(ElmanError, match=message):
        push_model(folder, NAME, token="hf_of_a_test")


@pytest.mark.parametrize("address", ["hf://model", "hf://a/b/c", "hf://", "hf:///model", "hf://a b/c"])
def test_malformed_addresses(address: str) -> None:
    assert is_hub_address(address)
    with pytest.raises(ConfigError, match=r"expected hf://USER/MODEL or hf://USER/MODEL@REVISION"):
        parse_address(address)
    with pytest.raises(ConfigError, match="expected hf://USER/MODEL"):
        elman.load(address)


def test_addresses(tmp_path: Path) -> None:
    assert parse_address(Path("hf://user/model@v1")) == ("user/model", "v1")  # the command line makes a path of it
    assert parse_address("hf://user/model") == ("user/model", None)
    assert not is_hub_address(tmp_path)
    with pytest.raises(ConfigError, match="the name of the repository is not valid"):
        download_model("hf://user/mo..del", cache=tmp_path)


def test_the_command_uploads_a_model(hub: FakeHub, folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from ..cli.conftest import run_command

    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    done = run_command(monkeypatch, capsys, "push", folder, NAME, "--json")
    assert done.code == 0
    assert done.json["address"] == f"hf://{NAME}"
    generated = run_command(monkeypatch, capsys, "generate", f"hf://{NAME}", "--prompt", "ab", "--max-tokens", 3)
    assert generated.code == 0
    assert generated.out.startswith("ab")
