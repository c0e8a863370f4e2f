"""Measure the peak memory of training on a large text: `python benchmarks/memory.py --gigabytes 1`.

The command writes a text of random sentences, trains on it in a separate process for some updates, and prints the peak
resident memory of that process and the size of the model. The text is deleted afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def write_text(path: Path, size: int) -> None:
    """Write lines of random words with about `size` bytes in total."""
    rng = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = ["".join(letters[rng.geometric(0.12, rng.integers(2, 9)) % 26]) for _ in range(5000)]
    block = "".join(" ".join(words[i] for i in rng.zipf(1.3, 12) % 5000) + ".\n" for _ in range(20_000)).encode()
    with path.open("wb") as stream:
        for _ in range(size // len(block) + 1):
            stream.write(block)


def main() -> None:
    """Print the peak resident memory of one training process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--stream", default="random", help="random or sequential; random reads the whole text")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        write_text(text, int(arguments.gigabytes * 1e9))
        command = [sys.executable, "-m", "elman", "train", "lm", str(text), "-o", f"{folder}/run", "--json"]
        command += ["--steps", str(arguments.steps), "--stream", arguments.stream, "--threads", "1", "--hidden", "128"]
        start = time.monotonic()
        process = subprocess.run(command, check=True, capture_output=True, text=True)
        result = json.loads(process.stdout.splitlines()[-1])
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
        weights = (Path(result["model"]) / "model.safetensors").stat().st_size / 1e6
        print(f"text {text.stat().st_size / 1e9:.2f} GB, {arguments.stream} stream, {result['steps']} updates")
        print(f"seconds {time.monotonic() - start:.0f}, of which {result['seconds']:.0f} training; ", end="")
        print(f"load {os.getloadavg()[0]:.2f}")
        print(f"peak resident memory {peak:.0f} MB (model {weights:.1f} MB)")


if __name__ == "__main__":
    main()
