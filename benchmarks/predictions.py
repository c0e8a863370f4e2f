"""Measure how many sources per second a sequence-to-sequence model predicts, with greedy and with beam search.

    python benchmarks/predictions.py RUN sources.txt --beam 1 5 --threads 2

The whole file is predicted in one call. `elman predict` does the same with chunks of thousands of sources. The result
is the median of several repetitions.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

from elman import kernels
from elman.bench.arguments import at_least
from elman.tasks.loading import load


def main() -> None:
    """Print the speed for each beam width."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("sources", type=Path, help="a file with one source per line; text after a tab is ignored")
    parser.add_argument("--beam", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--threads", type=at_least(1), default=kernels.get_num_threads())
    parser.add_argument("--repeats", type=at_least(1), default=3)
    arguments = parser.parse_args()
    kernels.set_num_threads(arguments.threads)
    model = load(arguments.run)
    lines = arguments.sources.read_text("utf-8").splitlines()
    sources = [source for line in lines if (source := line.split("\t")[0].strip())]
    model.predict(sources[:500])
    for beam in arguments.beam:
        rates = []
        for _ in range(arguments.repeats):
            start = time.perf_counter()
            model.predict(sources, beam=beam)
            rates.append(len(sources) / (time.perf_counter() - start))
        print(
            f"beam {beam}: {statistics.median(rates):,.0f} sources/s ({min(rates):,.0f} to {max(rates):,.0f}); "
            f"{model.num_parameters:,} weights, {arguments.threads} threads, load average {os.getloadavg()[0]:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
