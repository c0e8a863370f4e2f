"""Open thousands of damaged files: model folders of all tasks, traces and states of streams, and run folders.

    python benchmarks/damaged_files.py --cases 10000 --save damaged
    python benchmarks/damaged_files.py lm state --cases 100
    python benchmarks/damaged_files.py --case lm:1234 --save damaged

A file from a stranger may be wrong, but it cannot hurt. Each case damages an intact folder: bits are flipped, values of
config.json are exchanged, headers lie about lengths, links lead outside (the kinds are in damage/), with the checksums
as they were or made to fit the damage. The folder is then opened by a process of its own, and used once, if it can be
opened. What must hold of every case:

    no crash, and no error but elman's; the command refuses a folder that cannot be opened, by exit code 4 and one line
    at most one second of the processor to open the folder, and one to use it; a millisecond more for each array
    at most twice the size of the folder + 50 MB of memory
    no program is run, no connection is made, no file outside the folder is opened, and none is written

A case that breaks one of these rules is printed with its seed, by which --case repeats it, and --save keeps its folder.
The exit code is 1 if there is one. Linux only: memory is measured by /proc.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from damage.content import Content, write_folder
from damage.formats import FORMATS, delete
from damage.worker import Result, Worker, running

from elman import kernels
from elman.bench.arguments import at_least, some_of

INTACT = "none"
SECRET = b"a file outside of the folder"


@dataclass
class Row:
    """A line of the table: the cases of a kind of damage, and what became of them."""

    format: str
    damage: str
    cases: int = 0
    refused: int = 0
    loaded: int = 0
    failed: int = 0
    seconds: float = 0.0  # the longest
    memory: int = 0  # the largest

    def count(self, result: Result) -> None:
        """Add a case."""
        self.cases += 1
        setattr(self, result.outcome, getattr(self, result.outcome) + 1)
        self.seconds = max(self.seconds, result.seconds)
        self.memory = max(self.memory, result.memory)


def damaged_content(name: str, number: int) -> tuple[str, Content]:
    """Return the kind of damage and the damaged content of a case, which depend on nothing else."""
    form, rng = FORMATS[name], random.Random(f"{name}:{number}")
    if number < form.bases:  # they must be opened, or else nothing is tried by the others
        return INTACT, intact(name, number).copy()
    content = intact(name, rng.randrange(form.bases)).copy()
    kinds = list(form.kinds)
    (kind,) = rng.choices(kinds, [form.kinds[kind].weight for kind in kinds])
    form.kinds[kind].function(content, rng)
    is_fit = rng.random() < 0.6
    if is_fit:
        form.fit(content)
    return kind + ", checksums fit" * is_fit, content


@cache
def intact(name: str, number: int) -> Content:
    """Return an intact folder of a format, by its number."""
    return FORMATS[name].intact(number)


def run_case(worker: Worker, name: str, number: int, place: Path, save: Path | None) -> tuple[str, str, Result]:
    """Return the kind of damage, what it is, and what happened; save the folder of a case that fails."""
    kind, content = damaged_content(name, number)
    path, outside = place / "folder", place / "outside"
    write_folder(content, path, outside)
    result = worker.run(name, path, content, command=True)
    if kind == INTACT and (result.outcome != "loaded" or result.message):
        result = Result("failed", f"the folder is intact, and was not used: {result.problem} {result.message}")
    executed = [mark for mark in (path / "executed", outside / "executed", Path("executed")) if mark.exists()]
    if executed or (outside / "secret").read_bytes() != SECRET:
        result = Result("failed", "code of the folder was run, or a file outside was written")
    delete(path)
    if save is not None and result.outcome == "failed":
        write_folder(content, save / f"{name}-{number}", outside)
    return kind, content.note, result


def run_cases(names: list[str], numbers: range, save: Path | None) -> Iterator[tuple[str, int, str, str, Result]]:
    """Run the cases of formats, and yield the results."""
    kernels.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        (place / "outside").mkdir()
        (place / "outside" / "secret").write_bytes(SECRET)
        (place / "inputs").mkdir()
        (place / "inputs" / "texts.txt").write_text("the time\n")
        (place / "inputs" / "series.csv").write_text("a,b,c\n" + "1,2,3\n" * 40)
        for name in names:
            for number in range(FORMATS[name].bases):
                intact(name, number)  # before the process is forked
            with running(place / "inputs") as worker:
                for number in numbers:
                    yield name, number, *run_case(worker, name, number, place, save)


def table(rows: list[Row]) -> list[str]:
    """Return the lines of the table, a sum for each format last."""
    lines = [
        f"{'format':10} {'damage':36} {'cases':>7} {'refused':>8} {'loaded':>7} {'failed':>7} {'seconds':>8} {'MB':>5}"
    ]
    for row in rows:
        numbers = (
            f"{row.cases:7,} {row.refused:8,} {row.loaded:7,} {row.failed:7,} {row.seconds:8.2f} {row.memory >> 20:5,}"
        )
        lines.append(f"{row.format:10} {row.damage:36} {numbers}")
    return lines


def summed(rows: list[Row]) -> list[Row]:
    """Return the rows in the order of their names, and the sum of each format after its own."""
    result = []
    for name in dict.fromkeys(row.format for row in rows):
        own = sorted((row for row in rows if row.format == name), key=lambda row: row.damage)
        total = Row(name, "all")
        for row in own:
            for count in ("cases", "refused", "loaded", "failed"):
                setattr(total, count, getattr(total, count) + getattr(row, count))
            total.seconds, total.memory = max(total.seconds, row.seconds), max(total.memory, row.memory)
        result += [*own, total]
    return result


def main() -> int:
    """Run the cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", help=f"{', '.join(FORMATS)}; all by default")
    parser.add_argument("--cases", type=at_least(1), default=10_000, help="cases of each format")
    parser.add_argument("--first", type=at_least(0), default=0, help="number of the first case")
    parser.add_argument("--case", metavar="FORMAT:NUMBER", help="repeat one case")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep the folders of cases that fail")
    parser.add_argument("--json", action="store_true", help="print the table as one JSON object")
    arguments = parser.parse_args()
    names = some_of(FORMATS)(",".join(arguments.formats)) if arguments.formats else list(FORMATS)
    numbers = range(arguments.first, arguments.first + arguments.cases)
    if arguments.case:
        name, _, number = arguments.case.partition(":")
        names, numbers = [name], range(int(number), int(number) + 1)
    rows: dict[tuple[str, str], Row] = {}
    failures: list[dict[str, Any]] = []
    begin = time.perf_counter()
    for name, number, kind, note, result in run_cases(names, numbers, arguments.save):
        rows.setdefault((name, kind), Row(name, kind)).count(result)
        if result.outcome == "failed":
            failures.append({"case": f"{name}:{number}", "damage": kind, "note": note, "problem": result.problem})
            print(f"{name}:{number}  {kind}  {note}\n    {result.problem}", file=sys.stderr, flush=True)
        elif arguments.case:
            print(f"{name}:{number}  {kind}  {note}\n    {result.outcome}: {result.message}", file=sys.stderr)
    seconds = time.perf_counter() - begin
    ordered = summed(list(rows.values()))
    if arguments.json:
        print(json.dumps({"rows": [vars(row) for row in ordered], "failures": failures, "seconds": round(seconds, 1)}))
    else:
        print("\n".join(table(ordered)))
        print(
            f"{sum(row.cases for row in rows.values()):,} cases in {seconds:,.0f} seconds, {len(failures):,} failures"
        )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
