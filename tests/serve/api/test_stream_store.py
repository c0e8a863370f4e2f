"""The states of streams on disk: read and replaced under a lock, counted, and removed when they are not used."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from elman.serve.api.stream_store import BusyStreamError, NoSuchStreamError, StreamStore, TooManyStreamsError


def store_in(folder: Path, max_streams: int = 10, max_seconds: float = 60.0) -> StreamStore:
    return StreamStore(folder / "streams", max_streams=max_streams, max_seconds=max_seconds)


def test_a_state_is_read_and_replaced_by_any_process_that_shares_the_folder(tmp_path: Path) -> None:
    first, second = store_in(tmp_path), store_in(tmp_path)
    name = first.open(b"one")
    with second.locked(name) as state:
        assert state == b"one"
        second.replace(name, b"twotwo")
    with first.locked(name) as state:
        assert state == b"twotwo"
    assert second.close(name) == b"twotwo"
    assert list((tmp_path / "streams").iterdir()) == []


def test_a_stream_reads_one_request_at_a_time(tmp_path: Path) -> None:
    store, name = store_in(tmp_path), ""
    name = store.open(b"one")
    with store.locked(name), pytest.raises(BusyStreamError), store_in(tmp_path).locked(name):
        pass
    with store.locked(name) as state:  # it was unlocked
        assert state == b"one"


def test_what_was_replaced_before_the_lock_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_in(tmp_path)
    name = store.open(b"old")
    flock, changes = fcntl.flock, [b"new"]

    def replaced_meanwhile(descriptor: int, operation: int) -> None:
        if changes:
            store.replace(name, changes.pop())
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", replaced_meanwhile)
    with store.locked(name) as state:
        assert state == b"new"


def test_no_update_is_lost_by_many_threads(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    name = store.open(b"0")
    done: list[int] = []

    def add() -> None:
        while len(done) < 200:
            try:
                with store.locked(name) as state:
                    store.replace(name, str(int(state) + 1).encode())
                    done.append(1)
            except BusyStreamError:
                time.sleep(0.0005)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.close(name) == str(len(done)).encode()


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "x" * 22 + "/", "A" * 21, "A" * 22, "../" + "A" * 19, "A" * 21 + "\0"]
)
def test_other_names_are_no_streams(tmp_path: Path, name: str) -> None:
    store = store_in(tmp_path)
    store.open(b"one")
    for use in (store.close, lambda name: store.locked(name).__enter__()):
        with pytest.raises(NoSuchStreamError):
            use(name)


def test_there_is_a_largest_number_of_streams(tmp_path: Path) -> None:
    store = store_in(tmp_path, max_streams=2)
    first = store.open(b"")
    store.open(b"")
    with pytest.raises(TooManyStreamsError, match="2 streams are open, which is the limit"):
        store.open(b"")
    store.close(first)
    store.open(b"")
    assert len(store) == 2


def test_streams_that_are_not_used_are_removed(tmp_path: Path) -> None:
    store = store_in(tmp_path, max_seconds=100.0)
    old, used, locked = (store.open(b"") for _ in range(3))
    for name, age in ((old, 101), (used, 99), (locked, 101)):
        os.utime(tmp_path / "streams" / name, (time.time() - age,) * 2)
    with store.locked(locked):
        store.remove_idle()
    assert {path.name for path in (tmp_path / "streams").iterdir()} == {used, locked}


def test_a_folder_that_was_removed_is_made_again(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    lost = store.open(b"one")
    shutil.rmtree(tmp_path / "streams")
    store.remove_idle()
    with pytest.raises(NoSuchStreamError):
        store.close(lost)
    name = store.open(b"two")
    assert store.close(name) == b"two"
