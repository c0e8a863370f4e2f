"""How many sources a second an encoder-decoder turns into targets, greedily and by a beam.

    python benchmarks/predictions.py RUN sources.txt --beam 1 5 --threads 2

The whole file is predicted at once, as `elman predict` does it in chunks of thousands; the median of some readings.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

from elman import kernels
from elman.runtime import load


def main() -> None:
    """Print the rate of each beam."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("sources", type=Path, help="a source a line; what follows a tab is left out")
    parser.add_argument("--beam", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--threads", type=int, default=kernels.get_num_threads())
    parser.add_argument("--readings", type=int, default=3)
    given = parser.parse_args()
    kernels.set_num_threads(given.threads)
    model = load(given.run)
    lines = given.sources.read_text("utf-8").splitlines()
    sources = [source for line in lines if (source := line.split("\t")[0].strip())]
    model.predict(sources[:500])
    for beam in given.beam:
        rates = []
        for _ in range(given.readings):
            began = time.perf_counter()
            model.predict(sources, beam=beam)
            rates.append(len(sources) / (time.perf_counter() - began))
        print(
            f"beam {beam}: {statistics.median(rates):,.0f} sources a second ({min(rates):,.0f} to {max(rates):,.0f}); "
            f"{model.num_parameters:,} weights, {given.threads} threads, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
