"""Compare the speed of two installations of elman, in order to find slowdowns of a few per cent after a change.

    python benchmarks/compare_installations.py OLD_PYTHON NEW_PYTHON
    python benchmarks/compare_installations.py OLD_PYTHON NEW_PYTHON --cells lstm --hidden 64,256 --threads 1 --json

OLD_PYTHON and NEW_PYTHON are the Python interpreters of two environments in which elman is installed with torch. Each
runs in a worker process and times elman's own layers, without peers: the forward and backward pass of `elman bench
train` (kind train) and the step with batch size 1 of `elman bench step` (kind step). A round measures every point
(kind, cell, hidden size, threads) in one installation and directly afterwards in the other, and the order changes from
round to round, so that other load on the machine affects both. The result of a point is the median over all rounds of
the ratio new / old; a ratio below 1 means that the new installation is slower. Workers are restarted several times,
because the placement of a process in memory changes its speed by some per cent.

Points that are slower by more than --tolerance are measured again with as many rounds. The exit code is 1 if a point is
still slower, otherwise 0. A slower point whose 95 % interval contains 1 is marked as uncertain: repeat the measurement
on an idle machine. With two interpreters of the same installation, all ratios must be close to 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

WORKER = "worker"  # the argument that turns a process of this file into a worker
KINDS = ("train", "step")
BATCH_SIZE, LENGTH, INPUT_SIZE = 32, 35, 64  # of kind train; the same as in `elman bench train`
PAUSE_SECONDS = 0.03  # idle threads of the other worker keep spinning for a while
CHUNK_SECONDS = 0.002  # calls are timed in chunks of about this length
SIGNIFICANCE = 0.05
BUSY_LOAD = 0.5  # load average above which another process uses a considerable part of a core


class Point(NamedTuple):
    """What is timed: a kind of measurement of one cell and hidden size, on a number of threads."""

    kind: str
    cell: str
    hidden_size: int
    threads: int

    @property
    def tokens(self) -> int:
        """Number of tokens that one call processes."""
        return BATCH_SIZE * LENGTH if self.kind == "train" else 1

    def __str__(self) -> str:
        return f"{self.kind} {self.cell} {self.hidden_size} threads {self.threads}"


@dataclass
class Result:
    """The durations of one call of a point in both installations, one value per round."""

    point: Point
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"old": [], "new": []})

    @property
    def ratios(self) -> list[float]:
        """Speed of the new installation divided by the speed of the old one, in each round."""
        return [old / new for old, new in zip(self.seconds["old"], self.seconds["new"], strict=True)]

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def interval_contains_1(self) -> bool:
        """Whether the measurement does not show which installation is faster."""
        low, high = confidence_interval(self.ratios)
        return low <= 1 <= high

    @property
    def tokens_per_second(self) -> dict[str, float]:
        """Median speed of each installation."""
        return {side: self.point.tokens / statistics.median(values) for side, values in self.seconds.items()}

    def as_json(self) -> dict[str, Any]:
        """Return the result with the keys of `--json`."""
        return {
            "name": str(self.point),
            "kind": self.point.kind,
            "cell": self.point.cell,
            "hidden": self.point.hidden_size,
            "threads": self.point.threads,
            "tokens_per_second": self.tokens_per_second,
            "ratio": self.ratio,
            "interval": confidence_interval(self.ratios),
            "significant": not self.interval_contains_1,
        }


def confidence_interval(values: Sequence[float]) -> list[float]:
    """Return a 95 % confidence interval of the median from order statistics; the range for less than six values."""
    ordered, num_dropped, probability = sorted(values), 0, 0.5 ** len(values)
    while 2 * probability <= SIGNIFICANCE and 2 * (num_dropped + 1) < len(ordered):
        num_dropped += 1
        probability += math.comb(len(ordered), num_dropped) * 0.5 ** len(ordered)
    num_dropped = max(0, num_dropped - 1)
    return [ordered[num_dropped], ordered[-1 - num_dropped]]


# The worker: runs in one of the two installations, and uses only the parts of elman.bench that both of them have.


def work() -> None:
    """Read points from stdin, and write the seconds of one call to stdout, both as lines of JSON."""
    import torch

    import elman
    from elman import kernels
    from elman.version import version

    description = {
        "elman": version(),
        "folder": str(Path(elman.__file__).parent),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "kernels": kernels.instruction_set(),
    }
    print(json.dumps(description), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        point = Point(*request["point"])
        torch.set_num_threads(point.threads)
        print(json.dumps(time_call(make_call(point), request["seconds"])), flush=True)


def make_call(point: Point) -> Callable[[], object]:
    """Return the function to time, on newly allocated weights and inputs."""
    from elman.bench import layers, steppers

    if point.kind == "train":
        shape = layers.Shape(point.cell, point.hidden_size, BATCH_SIZE, LENGTH, INPUT_SIZE)
        return layers.LAYERS["elman"](layers.Problem.random(shape)).run
    problem = steppers.StepProblem.random(point.cell, point.hidden_size, max(1, point.hidden_size // 4))
    return steppers.STEPPERS["elman"](problem).run


def time_call(call: Callable[[], object], seconds: float) -> float:
    """Measure for some seconds, and return the shortest duration of a call.

    Other processes make some calls slower and none faster, so the minimum is more stable than the median.
    """
    call()
    start = time.perf_counter()
    call()
    calls_per_chunk = max(1, int(CHUNK_SECONDS / max(time.perf_counter() - start, 1e-7)))
    durations: list[float] = []
    end = time.perf_counter() + seconds
    while not durations or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(calls_per_chunk):
            call()
        durations.append((time.perf_counter() - start) / calls_per_chunk)
    return min(durations)


# The main process: starts the workers and compares their answers.


class Worker:
    """A process of one installation that times points on request."""

    def __init__(self, python: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.process = subprocess.Popen(
            [python, __file__, WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.python = python
        self.description: dict[str, Any] = self._answer()

    def time(self, point: Point, seconds: float) -> float:
        """Return the seconds of one call."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"point": point, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        return float(self._answer())

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()  # a worker ends at the end of its stdin

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            hint = "Its error message is above. Install elman with torch in its environment."
            raise SystemExit(f"The worker of {self.python} has stopped; expected a measurement. {hint}")
        return json.loads(line)


@contextmanager
def worker_pair(old_python: str, new_python: str) -> Iterator[dict[str, Worker]]:
    """Start one worker for each installation, and stop both afterwards."""
    workers: dict[str, Worker] = {}
    try:
        for side, python in (("old", old_python), ("new", new_python)):
            workers[side] = Worker(python)
        yield workers
    finally:
        for worker in workers.values():
            worker.stop()


def measure(results: Sequence[Result], arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Add --rounds measurements to every result, and return the descriptions of the two installations."""
    num_pairs = min(arguments.restarts, arguments.rounds)
    descriptions: dict[str, dict[str, Any]] = {}
    for index in range(num_pairs):
        with worker_pair(arguments.old_python, arguments.new_python) as workers:
            descriptions = {side: worker.description for side, worker in workers.items()}
            for number in range(index, arguments.rounds, num_pairs):
                order = ("old", "new") if number // num_pairs % 2 == 0 else ("new", "old")
                measure_round(results, {side: workers[side] for side in order}, arguments.seconds)
    return descriptions


def measure_round(results: Sequence[Result], workers: Mapping[str, Worker], seconds: float) -> None:
    """Time every point once in each installation, in the order of `workers`, and add the durations to the results."""
    for result, (side, worker) in itertools.product(results, workers.items()):
        time.sleep(PAUSE_SECONDS)
        result.seconds[side].append(worker.time(result.point, seconds))


def summarize(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return the geometric mean and the smallest ratio for each kind and number of threads."""
    summaries = []
    for kind, threads in dict.fromkeys((result.point.kind, result.point.threads) for result in results):
        group = [result for result in results if (result.point.kind, result.point.threads) == (kind, threads)]
        smallest = min(group, key=lambda result: result.ratio)
        mean = statistics.geometric_mean(result.ratio for result in group)
        summary = {"kind": kind, "threads": threads, "geometric_mean": mean}
        summaries.append({**summary, "smallest": {"ratio": smallest.ratio, "at": str(smallest.point)}})
    return summaries


def main() -> int:
    """Measure all points and print the ratios; return 1 if a point is slower than the tolerance allows."""
    arguments = parse_arguments()
    points = list(all_points(arguments))
    load = os.getloadavg()[0]
    duration = 2 * arguments.rounds * len(points) * (arguments.seconds + 2 * PAUSE_SECONDS)
    print(f"{len(points)} points, about {duration / 60:.1f} minutes; load average {load:.2f}", file=sys.stderr)
    if load > BUSY_LOAD:
        print("warning: another job is running on this machine; the ratios will be less exact", file=sys.stderr)
    results = [Result(point) for point in points]
    descriptions = measure(results, arguments)
    suspects = slower_than_allowed(results, arguments.tolerance)
    if suspects:
        print(f"measuring {len(suspects)} slower point{'s' * (len(suspects) != 1)} again", file=sys.stderr)
        measure(suspects, arguments)
    report = {
        "installations": descriptions,
        "load": {"before": load, "after": os.getloadavg()[0]},
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "tolerance": arguments.tolerance,
        "rows": [result.as_json() for result in results],
        "summary": summarize(results),
        "slower": [str(result.point) for result in slower_than_allowed(results, arguments.tolerance)],
    }
    print(json.dumps(report)) if arguments.json else print_report(report)
    return 1 if report["slower"] else 0


def print_report(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    for side, description in report["installations"].items():
        print(f"{side}: " + ", ".join(f"{name} {value}" for name, value in description.items()))
    print(f"load average {report['load']['before']:.2f} before, {report['load']['after']:.2f} after")
    print(f"{'':<28}{'old tokens/s':>14}{'new tokens/s':>14}{'new / old':>11}   95 % interval")
    for row in report["rows"]:
        speeds, (low, high) = row["tokens_per_second"], row["interval"]
        mark = (
            ("   slower" if row["significant"] else "   slower, uncertain") if row["name"] in report["slower"] else ""
        )
        print(f"{row['name']:<28}{speeds['old']:>14,.0f}{speeds['new']:>14,.0f}{row['ratio']:>11.3f}", end="")
        print(f"   {low:.3f} to {high:.3f}{mark}")
    for summary in report["summary"]:
        smallest = summary["smallest"]
        print(
            f"{summary['kind']}, {summary['threads']} thread{'s' * (summary['threads'] != 1)}: "
            f"geometric mean {summary['geometric_mean']:.3f}, ",
            end="",
        )
        print(f"smallest {smallest['ratio']:.3f} ({smallest['at']})")
    print(
        f"{len(report['slower'])} point{'s' * (len(report['slower']) != 1)} slower "
        f"by more than {report['tolerance']:.0%}"
    )


def slower_than_allowed(results: Sequence[Result], tolerance: float) -> list[Result]:
    """Return the results whose ratio is below 1 by more than the tolerance."""
    return [result for result in results if result.ratio < 1 - tolerance]


def all_points(arguments: argparse.Namespace) -> Iterator[Point]:
    """Yield the points to measure; a step runs on one thread."""
    for kind in arguments.kinds:
        thread_counts = arguments.threads if kind == "train" else [1]
        for threads, cell, hidden_size in itertools.product(thread_counts, arguments.cells, arguments.hidden):
            yield Point(kind, cell, hidden_size, threads)


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line."""

    def names(text: str) -> list[str]:
        return text.split(",")

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old_python", metavar="OLD_PYTHON", help="Python interpreter of the old installation")
    parser.add_argument("new_python", metavar="NEW_PYTHON", help="Python interpreter of the new installation")
    parser.add_argument("--kinds", type=names, default=list(KINDS), help="train, step or both")
    parser.add_argument("--cells", type=names, default=["rnn", "gru", "lstm"])
    parser.add_argument("--hidden", type=numbers, default=[64, 128, 256, 512], help="hidden sizes")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="numbers of threads of kind train")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=0.3, help="measuring time per point, round and installation")
    parser.add_argument("--restarts", type=int, default=3, help="number of processes per installation")
    parser.add_argument("--tolerance", type=float, default=0.03, help="allowed slowdown, as a share")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:] == [WORKER]:
        work()
    else:
        sys.exit(main())
