"""Sealed folders: what is written is read, what was changed is found, and a write that is cut off changes nothing."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.checkpoint import sealed
from elman.checkpoint.sealed import (
    json_bytes,
    parse_json,
    parse_tensors,
    read_sealed,
    recover,
    replace_file,
    tensor_bytes,
    write_sealed,
)
from elman.errors import ModelError, ResourceError

NAMES = ("numbers", "words.txt")
OLD = {"numbers": bytes(range(200)), "words.txt": b"old words\n"}
NEW = {"numbers": bytes(range(100, 256)), "words.txt": b"new words, and more of them\n"}


class Killed(BaseException):
    """The process ends here."""


def cut_at(monkeypatch: pytest.MonkeyPatch, n: int, error: Callable[[], BaseException]) -> list[str]:
    """Let the n-th call (from 0) that touches the disk fail; return the names of the calls made."""
    calls: list[str] = []

    def guarded(name: str, real: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            calls.append(name)
            if len(calls) == n + 1:
                raise error()
            return real(*arguments, **keywords)

        return call

    monkeypatch.setattr(os, "fsync", guarded("fsync", os.fsync))
    for name in ("rename", "replace", "mkdir", "open"):
        monkeypatch.setattr(Path, name, guarded(name, getattr(Path, name)))
    return calls


def number_of_calls(write: Callable[[], None]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        calls = cut_at(patch, 1_000_000, Killed)
        write()
    return len(calls)


def cut_write(write: Callable[[], None], n: int, error: Callable[[], BaseException], expected: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        cut_at(patch, n, error)
        with pytest.raises(expected) as caught:
            write()
    return caught.value


def leftovers(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.parent.iterdir() if entry.name != folder.name)


def test_what_is_written_is_read_with_the_optional_files_that_are_there(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a", OLD)
    assert read_sealed(tmp_path / "a", NAMES) == OLD
    assert read_sealed(tmp_path / "a", ("numbers",), optional=("words.txt", "absent")) == OLD
    assert leftovers(tmp_path / "a") == []


def test_writing_again_replaces_the_folder_whole(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a", {**OLD, "extra": b"gone"}, loose={"card": b"gone"})
    write_sealed(tmp_path / "a", NEW)
    assert sorted(entry.name for entry in (tmp_path / "a").iterdir()) == ["manifest.json", *NAMES]
    assert read_sealed(tmp_path / "a", NAMES) == NEW


def test_every_single_bit_flip_in_every_file_and_in_the_manifest_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    write_sealed(folder, OLD)
    for name in (*NAMES, "manifest.json"):
        content = (folder / name).read_bytes()
        for position in range(len(content)):
            for bit in (0, 3, 5, 7):
                flipped = bytearray(content)
                flipped[position] ^= 1 << bit
                (folder / name).write_bytes(flipped)
                with pytest.raises(ModelError):
                    read_sealed(folder, NAMES)
        (folder / name).write_bytes(content)
    assert read_sealed(folder, NAMES) == OLD


def test_the_error_names_the_damaged_file(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a", OLD)
    (tmp_path / "a" / "words.txt").write_bytes(b"old wordz\n")
    with pytest.raises(ModelError) as caught:
        read_sealed(tmp_path / "a", NAMES)
    where = tmp_path / "a" / "words.txt"
    hint = "the folder is damaged: copy it again, or train again"
    assert str(caught.value) == f"{where}: differs from what was written; {hint}"
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + " ",
        lambda text: text.replace('": ', '":  '),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: json.dumps(json.loads(text)),
        lambda text: json.dumps({**json.loads(text), "note": 1}, indent=1, sort_keys=True) + "\n",
        lambda text: text.replace('"size": 10', '"size": 10.0'),
        lambda text: text.replace('"size": 10', '"size": "10"'),
    ],
    ids=["space", "wider", "no-end", "crlf", "compact", "note", "float", "string"],
)
def test_a_manifest_has_one_serialisation(tmp_path: Path, change: Callable[[str], str]) -> None:
    write_sealed(tmp_path / "a", OLD)
    manifest = tmp_path / "a" / "manifest.json"
    changed = change(manifest.read_bytes().decode())
    assert changed.encode() != manifest.read_bytes()
    manifest.write_bytes(changed.encode())
    with pytest.raises(ModelError, match=r"manifest\.json: differs from what was written"):
        read_sealed(tmp_path / "a", NAMES)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"files": 3}',
        b'{"files": {"a": 1}}',
        b'{"files": {"a": {}}}',
        b"\xff",
        b"[" * 50_000,
    ],
    ids=["empty", "{}", "[]", "null", "number", "entry", "no-size", "no-utf8", "deep"],
)
def test_what_is_no_manifest_is_told_so(tmp_path: Path, content: bytes) -> None:
    write_sealed(tmp_path / "a", OLD)
    (tmp_path / "a" / "manifest.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"manifest\.json: is not a manifest"):
        read_sealed(tmp_path / "a", NAMES)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a", OLD)
    (tmp_path / "a" / "numbers").unlink()
    with pytest.raises(ModelError, match="numbers: no such file; copy the whole folder again, or train again"):
        read_sealed(tmp_path / "a", NAMES)


def test_a_renamed_file_is_missing(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a", OLD)
    (tmp_path / "a" / "numbers").rename(tmp_path / "a" / "figures")
    with pytest.raises(ModelError, match="numbers: no such file"):
        read_sealed(tmp_path / "a", NAMES)


def test_a_file_that_the_reader_does_not_know_is_refused(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a", {**OLD, "more": b"x"})
    with pytest.raises(ModelError, match="names unknown files: more"):
        read_sealed(tmp_path / "a", NAMES)


def test_a_file_that_the_manifest_lacks_is_told(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a", {"numbers": b"1"})
    with pytest.raises(ModelError, match=r"manifest\.json: lacks words\.txt"):
        read_sealed(tmp_path / "a", NAMES)


def test_a_manifest_cannot_name_a_file_outside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    write_sealed(tmp_path / "a", OLD)
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_bytes())
    manifest["files"]["../secret"] = {"sha256": "0" * 64, "size": 6}
    (tmp_path / "a" / "manifest.json").write_bytes(json_bytes(manifest))
    with pytest.raises(ModelError, match=r"names unknown files: \.\./secret"):
        read_sealed(tmp_path / "a", NAMES)


def test_a_longer_or_shorter_file_is_told_by_its_size_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sealed(tmp_path / "a", OLD)
    (tmp_path / "a" / "words.txt").write_bytes(b"old words\n" * 100)
    read: list[str] = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or real(path))
    with pytest.raises(ModelError, match=r"words\.txt: has 1,000 bytes, expected 10"):
        read_sealed(tmp_path / "a", NAMES)
    assert "words.txt" not in read


def test_a_huge_manifest_is_not_read(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a", OLD)
    with (tmp_path / "a" / "manifest.json").open("ab") as stream:
        stream.truncate(1 << 21)
    with pytest.raises(ModelError, match="has 2,097,152 bytes, which no manifest of ours has"):
        read_sealed(tmp_path / "a", NAMES)


def test_loose_files_may_be_edited_and_removed(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a", OLD, loose={"card": b"mine"})
    (tmp_path / "a" / "card").write_bytes(b"yours")
    assert read_sealed(tmp_path / "a", NAMES) == OLD
    (tmp_path / "a" / "card").unlink()
    assert read_sealed(tmp_path / "a", NAMES) == OLD


def test_a_first_write_cut_off_anywhere_leaves_nothing_or_everything_and_the_next_succeeds(tmp_path: Path) -> None:
    total = number_of_calls(lambda: write_sealed(tmp_path / "counted", NEW))
    assert total > 8
    outcomes = []
    for n in range(total):
        folder = tmp_path / f"first-{n}" / "a"
        folder.parent.mkdir()
        cut_write(lambda folder=folder: write_sealed(folder, NEW), n, Killed, Killed)
        outcomes.append(folder.exists())
        if folder.exists():
            assert read_sealed(folder, NAMES) == NEW
        write_sealed(folder, NEW)
        assert read_sealed(folder, NAMES) == NEW
        assert leftovers(folder) == []
    assert outcomes == sorted(outcomes), "the folder appears at one moment"
    assert not outcomes[0]
    assert outcomes[-1]


@pytest.mark.parametrize(
    "error", [Killed, lambda: OSError(errno.ENOSPC, "No space left on device")], ids=["kill", "full"]
)
def test_a_write_cut_off_anywhere_leaves_the_old_or_the_new_and_never_a_mixture(
    tmp_path: Path, error: Callable[[], BaseException]
) -> None:
    write_sealed(tmp_path / "counted", OLD)
    total = number_of_calls(lambda: write_sealed(tmp_path / "counted", NEW))
    outcomes = []
    for n in range(total):
        folder = tmp_path / f"again-{n}" / "a"
        write_sealed(folder, OLD)
        cut_write(lambda folder=folder: write_sealed(folder, NEW), n, error, (Killed, ResourceError))
        found = read_sealed(folder, NAMES)
        assert found in (OLD, NEW)
        outcomes.append(found == NEW)
        write_sealed(folder, NEW)
        assert read_sealed(folder, NAMES) == NEW
        assert leftovers(folder) == []
    assert outcomes == sorted(outcomes)
    assert not outcomes[0]
    assert outcomes[-1]


def test_a_kill_between_the_two_renames_leaves_the_old_folder_readable_and_recoverable(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    write_sealed(folder, OLD)
    folder.rename(tmp_path / ".a.old")
    (tmp_path / ".a.new").mkdir()
    (tmp_path / ".a.new" / "numbers").write_bytes(b"half")
    assert read_sealed(folder, NAMES) == OLD
    assert not folder.exists(), "reading writes nothing"
    recover(folder)
    assert read_sealed(folder, NAMES) == OLD
    assert leftovers(folder) == []


def test_a_full_disk_is_told_leaves_the_old_content_and_no_temporary_folder(tmp_path: Path) -> None:
    write_sealed(tmp_path / "counted", OLD)
    total = number_of_calls(lambda: write_sealed(tmp_path / "counted", NEW))
    shutil.rmtree(tmp_path / "counted")
    folder = tmp_path / "a"
    for n in range(total - 1):  # the last call comes after the rename
        write_sealed(folder, OLD)
        error = cut_write(
            lambda: write_sealed(folder, NEW),
            n,
            lambda: OSError(errno.ENOSPC, "No space left on device"),
            ResourceError,
        )
        hint = "free some space; what was written before is intact: `elman resume` goes on from it"
        assert str(error) == f"{folder}: the disk is full; {hint}"
        assert error.exit_code == 6
        assert read_sealed(folder, NAMES) == OLD
        assert leftovers(folder) == []


def test_a_read_only_disk_is_told(tmp_path: Path) -> None:
    error = cut_write(
        lambda: write_sealed(tmp_path / "a", OLD),
        0,
        lambda: OSError(errno.EROFS, "Read-only file system"),
        ResourceError,
    )
    assert str(error) == f"{tmp_path / 'a'}: may not be written: Read-only file system"


def test_every_file_and_the_folder_reach_the_disk_before_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def recorded(descriptor: int) -> None:
        events.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    monkeypatch.setattr(Path, "rename", lambda path, target: events.append("renamed") or rename(path, target))
    write_sealed(tmp_path / "a", OLD)
    assert events == [*NAMES, "manifest.json", ".a.new", "renamed", tmp_path.name]


def test_a_reader_of_a_replaced_file_sees_the_old_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "last"
    total = number_of_calls(lambda: replace_file(tmp_path / "counted", b"new"))
    for n in range(total):
        replace_file(path, b"old")
        cut_write(lambda: replace_file(path, b"new"), n, Killed, Killed)
        assert path.read_bytes() == (b"new" if n == total - 1 else b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert not (tmp_path / "last.new").exists()


def test_tensors_come_back_with_their_names_types_shapes_and_bits() -> None:
    rng = np.random.default_rng(0)
    tensors = {
        "matrix": rng.standard_normal((3, 4)).astype(np.float32),
        "transposed": rng.standard_normal((3, 4)).astype(np.float32).T,
        "number": np.float32(7.5).reshape(()),
        "bytes": rng.integers(0, 255, 17).astype(np.uint8),
        "empty": np.zeros((0, 3), np.float32),
        "special": np.array([np.nan, np.inf, -0.0, 1e-45], np.float32),
    }
    found = parse_tensors(tensor_bytes(tensors), Path("x"))
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape, name
        assert found[name].tobytes() == np.asarray(tensor, order="C").tobytes()


class Bomb:
    """Unpickled, it goes off."""

    def __reduce__(self) -> Any:
        return (Path("/tmp/elman-bomb-went-off").touch, ())


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Bomb()),
        b"",
        b"\0" * 8,
        b"\xff" * 64,
        (1 << 62).to_bytes(8, "little") + b"{}",
        b"not tensors at all",
    ],
    ids=["pickle", "empty", "zeros", "ones", "endless", "text"],
)
def test_what_is_no_safetensors_file_is_refused_and_never_unpickled(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"weights: is not a safetensors file \("):
        parse_tensors(content, Path("weights"))
    assert not Path("/tmp/elman-bomb-went-off").exists()


@pytest.mark.parametrize(
    ("content", "told"), [(b"{", "is not JSON"), (b"[1]", "holds no JSON object"), (b"\xff", "is not JSON")]
)
def test_json_that_is_no_object_is_told(content: bytes, told: str) -> None:
    with pytest.raises(ModelError, match=f"state.json: {told}"):
        parse_json(content, Path("state.json"))


def test_json_has_one_serialisation_whatever_the_order_of_its_keys() -> None:
    assert json_bytes({"b": 1, "a": {"d": "é", "c": [1]}}) == json_bytes({"a": {"c": [1], "d": "é"}, "b": 1})
    assert parse_json(json_bytes({"a": "é", "b": 0.1}), Path("x")) == {"a": "é", "b": 0.1}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_holds_no_number_that_other_readers_refuse(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_bytes({"loss": number})


def test_the_module_does_not_know_pickle() -> None:
    assert "pickle" not in Path(sealed.__file__).read_text("utf-8").replace("unpickled", "").replace("no pickle", "")


def test_a_relative_folder_is_written_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_sealed(Path("model"), OLD)
    write_sealed(Path("model"), NEW)
    assert read_sealed(Path("model"), NAMES) == NEW
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_the_current_folder_is_read_by_its_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sealed(tmp_path / "model", OLD)
    monkeypatch.chdir(tmp_path / "model")
    recover(Path())
    assert read_sealed(Path(), NAMES) == OLD
