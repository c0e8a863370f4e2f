"""metrics.jsonl, followed: whatever it is written in and wherever it is cut, the records are those of the file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from elman.serve import record_file
from elman.serve.record_file import RecordFile


def read_all(file: RecordFile, known: list[dict[str, Any]]) -> list[int]:
    """Read until nothing is new, as a page does; return the damaged lines."""
    damaged: list[int] = []
    while True:
        new = file.read_new()
        if new.is_restart:
            known.clear()
            damaged.clear()
        known += new.records
        damaged += new.damaged
        if not (new.records or new.damaged or new.is_restart):
            return damaged


def test_a_missing_file_has_no_records(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "metrics.jsonl")
    assert file.read_new() == ([], [], False)
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    assert file.read_new() == ([{"step": 1}], [], False)
    (tmp_path / "metrics.jsonl").unlink()
    assert file.read_new().is_restart


def test_a_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    file = RecordFile(path)
    path.write_bytes('{"step": 1, "sample": "诗'.encode()[:-1])
    assert file.read_new() == ([], [], False)
    path.write_text('{"step": 1, "sample": "诗"}\n', "utf-8")
    assert file.read_new() == ([{"step": 1, "sample": "诗"}], [], False)


def test_damaged_lines_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\nnonsense\n{"step": 2, "loss": NaN}\n[1]\n{"loss": 1}\n\xff\n{"step": 3}\n')
    assert RecordFile(path).read_new() == ([{"step": 1}, {"step": 3}], [2, 3, 4, 5, 6], False)


def test_a_long_file_arrives_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"step": step, "sample": "x" * 1000}) for step in range(3000)]
    path.write_text("\n".join(lines) + "\n")
    file, parts = RecordFile(path), []
    while records := file.read_new().records:
        parts.append(len(records))
    assert sum(parts) == 3000
    assert max(parts) <= record_file.MAX_READ / 1000


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 40), st.floats(0, 1)), max_size=12), st.randoms())
def test_a_resumed_run_is_read_as_its_file_is(tmp_path_factory: Any, changes: Any, random: Any) -> None:
    path = tmp_path_factory.mktemp("run") / "metrics.jsonl"
    file, known = RecordFile(path), []  # type: tuple[RecordFile, list[dict[str, Any]]]
    lines: list[bytes] = []
    for number, dropped, cut in changes:
        del lines[len(lines) - min(dropped, len(lines)) :]  # a resumed training cuts the file to its checkpoint
        lines += [json.dumps({"step": random.randrange(10**6)}).encode() + b"\n" for _ in range(number)]
        content = b"".join(lines)
        path.write_bytes(content[: len(content) - int(cut * len(lines[-1]))])  # a line that is only begun
        read_all(file, known)
        complete = path.read_bytes().split(b"\n")[:-1]
        assert known == [json.loads(line) for line in complete]


def test_deep_json_is_a_damaged_line_and_a_pipe_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("[" * 100_000 + '\n{"step": 1}\n')
    new = RecordFile(path).read_new()
    assert (new.records, new.damaged) == ([{"step": 1}], [1])
    path.unlink()
    os.mkfifo(path)
    assert RecordFile(path).read_new().records == []
