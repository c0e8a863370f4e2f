"""Checksummed folders: reading returns what was written, detects any change, and survives an interrupted write."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint.checksummed_folder import read_folder, recover_folder, write_folder
from elman.checkpoint.durable_files import replace_file
from elman.checkpoint.serialization import json_bytes
from elman.errors import ModelError, ResourceError

NAMES = ("numbers", "words.txt")
OLD = {"numbers": bytes(range(200)), "words.txt": b"old words\n"}
NEW = {"numbers": bytes(range(100, 256)), "words.txt": b"new words, and more of them\n"}


class Killed(BaseException):
    """Stands for the end of the process."""


def fail_at(monkeypatch: pytest.MonkeyPatch, n: int, error: Callable[[], BaseException]) -> list[str]:
    """Let the n-th call (from 0) that writes to the disk fail; return the list of calls, which grows."""
    calls: list[str] = []

    def counted(name: str, real: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            calls.append(name)
            if len(calls) == n + 1:
                raise error()
            return real(*arguments, **keywords)

        return call

    monkeypatch.setattr(os, "fsync", counted("fsync", os.fsync))
    for name in ("rename", "replace", "mkdir", "open"):
        monkeypatch.setattr(Path, name, counted(name, getattr(Path, name)))
    return calls


def count_calls(write: Callable[[], None]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        calls = fail_at(patch, 1_000_000, Killed)
        write()
    return len(calls)


def interrupt_write(write: Callable[[], None], n: int, error: Callable[[], BaseException], expected: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        fail_at(patch, n, error)
        with pytest.raises(expected) as caught:
            write()
    return caught.value


def siblings(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.parent.iterdir() if entry.name != folder.name)


def test_reading_returns_the_files_and_existing_optional_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", OLD)
    assert read_folder(tmp_path / "a", NAMES) == OLD
    assert read_folder(tmp_path / "a", ("numbers",), optional=("words.txt", "absent")) == OLD
    assert siblings(tmp_path / "a") == []


def test_writing_again_replaces_the_whole_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", {**OLD, "extra": b"gone"}, editable={"card": b"gone"})
    write_folder(tmp_path / "a", NEW)
    assert sorted(entry.name for entry in (tmp_path / "a").iterdir()) == ["manifest.json", *NAMES]
    assert read_folder(tmp_path / "a", NAMES) == NEW


def test_every_bit_flip_in_a_file_or_the_manifest_is_detected(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    write_folder(folder, OLD)
    for name in (*NAMES, "manifest.json"):
        content = (folder / name).read_bytes()
        for position in range(len(content)):
            for bit in (0, 3, 5, 7):
                flipped = bytearray(content)
                flipped[position] ^= 1 << bit
                (folder / name).write_bytes(flipped)
                with pytest.raises(ModelError):
                    read_folder(folder, NAMES)
        (folder / name).write_bytes(content)
    assert read_folder(folder, NAMES) == OLD


def test_the_error_names_the_damaged_file(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", OLD)
    (tmp_path / "a" / "words.txt").write_bytes(b"old wordz\n")
    with pytest.raises(ModelError) as caught:
        read_folder(tmp_path / "a", NAMES)
    where = tmp_path / "a" / "words.txt"
    hint = "The folder is damaged: copy it again, or train again"
    assert str(caught.value) == f"{where}: the file differs from what was written. {hint}"
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
def test_a_manifest_has_only_one_valid_serialization(tmp_path: Path, change: Callable[[str], str]) -> None:
    write_folder(tmp_path / "a", OLD)
    manifest = tmp_path / "a" / "manifest.json"
    changed = change(manifest.read_bytes().decode())
    assert changed.encode() != manifest.read_bytes()
    manifest.write_bytes(changed.encode())
    with pytest.raises(ModelError, match=r"manifest\.json: the file differs from what was written"):
        read_folder(tmp_path / "a", NAMES)


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
def test_content_that_is_not_a_manifest_raises_an_error(tmp_path: Path, content: bytes) -> None:
    write_folder(tmp_path / "a", OLD)
    (tmp_path / "a" / "manifest.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"manifest\.json: the file is not a manifest"):
        read_folder(tmp_path / "a", NAMES)


def test_a_missing_file_raises_an_error(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", OLD)
    (tmp_path / "a" / "numbers").unlink()
    with pytest.raises(ModelError, match=r"numbers: no such file\. Copy the whole folder again, or train again$"):
        read_folder(tmp_path / "a", NAMES)


def test_a_renamed_file_is_missing(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", OLD)
    (tmp_path / "a" / "numbers").rename(tmp_path / "a" / "figures")
    with pytest.raises(ModelError, match="numbers: no such file"):
        read_folder(tmp_path / "a", NAMES)


def test_an_unknown_file_in_the_manifest_raises_an_error(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", {**OLD, "more": b"x"})
    with pytest.raises(ModelError, match="the manifest lists unknown files: more"):
        read_folder(tmp_path / "a", NAMES)


def test_a_required_file_that_the_manifest_omits_raises_an_error(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", {"numbers": b"1"})
    with pytest.raises(ModelError, match=r"manifest\.json: the manifest does not list words\.txt"):
        read_folder(tmp_path / "a", NAMES)


def test_a_manifest_cannot_name_a_file_outside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    write_folder(tmp_path / "a", OLD)
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_bytes())
    manifest["files"]["../secret"] = {"sha256": "0" * 64, "size": 6}
    (tmp_path / "a" / "manifest.json").write_bytes(json_bytes(manifest))
    with pytest.raises(ModelError, match=r"the manifest lists unknown files: \.\./secret"):
        read_folder(tmp_path / "a", NAMES)


def test_a_file_of_another_size_raises_an_error_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "a", OLD)
    (tmp_path / "a" / "words.txt").write_bytes(b"old words\n" * 100)
    read: list[int] = []
    os_read = os.read

    def recorded(descriptor: int, size: int) -> bytes:
        read.append(size)
        return os_read(descriptor, size)

    monkeypatch.setattr(os, "read", recorded)
    with pytest.raises(ModelError, match=r"words\.txt: the file has 1,000 bytes; expected 10"):
        read_folder(tmp_path / "a", NAMES)
    assert read
    assert 1000 not in read


def test_a_huge_manifest_is_not_read(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", OLD)
    with (tmp_path / "a" / "manifest.json").open("ab") as stream:
        stream.truncate(1 << 21)
    with pytest.raises(ModelError, match="the file has 2,097,152 bytes; expected at most 1,048,576"):
        read_folder(tmp_path / "a", NAMES)


def test_editable_files_may_be_changed_and_removed(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", OLD, editable={"card": b"mine"})
    (tmp_path / "a" / "card").write_bytes(b"yours")
    assert read_folder(tmp_path / "a", NAMES) == OLD
    (tmp_path / "a" / "card").unlink()
    assert read_folder(tmp_path / "a", NAMES) == OLD


def test_a_first_write_interrupted_anywhere_leaves_nothing_or_everything_and_the_next_succeeds(tmp_path: Path) -> None:
    total = count_calls(lambda: write_folder(tmp_path / "counted", NEW))
    assert total > 8
    outcomes = []
    for n in range(total):
        folder = tmp_path / f"first-{n}" / "a"
        folder.parent.mkdir()
        interrupt_write(partial(write_folder, folder, NEW), n, Killed, Killed)
        outcomes.append(folder.exists())
        if folder.exists():
            assert read_folder(folder, NAMES) == NEW
        write_folder(folder, NEW)
        assert read_folder(folder, NAMES) == NEW
        assert siblings(folder) == []
    assert outcomes == sorted(outcomes), "the folder appears at once"
    assert not outcomes[0]
    assert outcomes[-1]


@pytest.mark.parametrize(
    "error", [Killed, lambda: OSError(errno.ENOSPC, "No space left on device")], ids=["kill", "full"]
)
def test_a_write_interrupted_anywhere_leaves_the_old_or_the_new_content_and_never_a_mixture(
    tmp_path: Path, error: Callable[[], BaseException]
) -> None:
    write_folder(tmp_path / "counted", OLD)
    total = count_calls(lambda: write_folder(tmp_path / "counted", NEW))
    outcomes = []
    for n in range(total):
        folder = tmp_path / f"again-{n}" / "a"
        write_folder(folder, OLD)
        interrupt_write(partial(write_folder, folder, NEW), n, error, (Killed, ResourceError))
        files = read_folder(folder, NAMES)
        assert files in (OLD, NEW)
        outcomes.append(files == NEW)
        write_folder(folder, NEW)
        assert read_folder(folder, NAMES) == NEW
        assert siblings(folder) == []
    assert outcomes == sorted(outcomes)
    assert not outcomes[0]
    assert outcomes[-1]


def test_a_kill_between_the_two_renames_leaves_the_old_folder_readable_and_recoverable(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    write_folder(folder, OLD)
    folder.rename(tmp_path / ".a.old")
    (tmp_path / ".a.new").mkdir()
    (tmp_path / ".a.new" / "numbers").write_bytes(b"half")
    assert read_folder(folder, NAMES) == OLD
    assert not folder.exists(), "reading writes nothing"
    recover_folder(folder)
    assert read_folder(folder, NAMES) == OLD
    assert siblings(folder) == []


def test_a_full_disk_raises_an_error_and_leaves_the_old_content_and_no_temporary_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "counted", OLD)
    total = count_calls(lambda: write_folder(tmp_path / "counted", NEW))
    shutil.rmtree(tmp_path / "counted")
    folder = tmp_path / "a"
    for n in range(total - 1):  # the last call comes after the rename
        write_folder(folder, OLD)
        error = interrupt_write(
            lambda: write_folder(folder, NEW),
            n,
            lambda: OSError(errno.ENOSPC, "No space left on device"),
            ResourceError,
        )
        hint = "Free some space, then continue with `elman resume RUN`; all checkpoints are intact"
        assert str(error) == f"{folder}: the disk is full. {hint}"
        assert error.exit_code == 6
        assert read_folder(folder, NAMES) == OLD
        assert siblings(folder) == []


def test_a_read_only_disk_raises_an_error(tmp_path: Path) -> None:
    error = interrupt_write(
        lambda: write_folder(tmp_path / "a", OLD),
        0,
        lambda: OSError(errno.EROFS, "Read-only file system"),
        ResourceError,
    )
    assert (
        str(error)
        == f"{tmp_path / 'a'}: cannot write: Read-only file system. Check the permissions, or choose another folder"
    )


def test_every_file_and_the_folder_are_synced_before_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def recorded_fsync(descriptor: int) -> None:
        events.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def recorded_rename(path: Path, target: Path) -> Path:
        events.append("renamed")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "rename", recorded_rename)
    write_folder(tmp_path / "a", OLD)
    assert events == [*NAMES, "manifest.json", ".a.new", "renamed", tmp_path.name]


def test_a_reader_of_a_replaced_file_sees_the_old_or_the_new_content(tmp_path: Path) -> None:
    path = tmp_path / "last"
    total = count_calls(lambda: replace_file(tmp_path / "counted", b"new"))
    for n in range(total):
        replace_file(path, b"old")
        interrupt_write(lambda: replace_file(path, b"new"), n, Killed, Killed)
        assert path.read_bytes() == (b"new" if n == total - 1 else b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert not (tmp_path / "last.new").exists()


def test_a_relative_folder_is_written_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(Path("model"), OLD)
    write_folder(Path("model"), NEW)
    assert read_folder(Path("model"), NAMES) == NEW
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_the_current_folder_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "model", OLD)
    monkeypatch.chdir(tmp_path / "model")
    recover_folder(Path())
    assert read_folder(Path(), NAMES) == OLD


def test_names_and_sizes_of_a_manifest_are_shown_on_one_short_line(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", OLD)
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_bytes())
    names = [f"{n}\n\x1b[2J" + "x" * 10_000 for n in range(9)]
    more = {**manifest["files"], **{name: {"size": 1} for name in names}}
    (tmp_path / "a" / "manifest.json").write_text(json.dumps({**manifest, "files": more}))
    with pytest.raises(ModelError, match="the manifest lists unknown files: ") as caught:
        read_folder(tmp_path / "a", NAMES)
    assert str(caught.value).isprintable()
    assert len(caught.value.message) < 1000
    more = {**manifest["files"], "words.txt": {"size": 10**4000}}
    (tmp_path / "a" / "manifest.json").write_text(json.dumps({**manifest, "files": more}))
    with pytest.raises(ModelError, match=r"manifest\.json: the file is not a manifest"):
        read_folder(tmp_path / "a", NAMES)
