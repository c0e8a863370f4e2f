"""Kill training at random moments, resume it, and compare the models: `python benchmarks/kills.py TEXT --kills 20`.

One run is never interrupted. Every other run is killed with SIGKILL at a random moment (during start-up, reading,
training, validation or saving) and resumed. It must end with the same bytes: the SHA-256 of metrics.jsonl and of every
file of the model folder except the model card.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ELMAN = [sys.executable, "-m", "elman"]
OPTIONS = ["--threads", "1", "--hidden", "64", "--dropout", "0.2", "--checkpoint-every", "25", "--validate-every", "60"]


def digest(run: Path) -> str:
    """Return one hash of all files that must be identical."""
    files = [run / "metrics.jsonl", *sorted(p for p in (run / "model").iterdir() if p.name != "README.md")]
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()


def kill_after(seconds: float, train: list[str], run: Path) -> str:
    """Train into `run`, kill the process after some seconds, and return the name of its last checkpoint."""
    process = subprocess.Popen([*train, "-o", str(run)], stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return (run / "last").read_text().strip() if (run / "last").exists() else "before the first checkpoint"


def resume(train: list[str], run: Path) -> None:
    """Resume a killed run, or start it again if it was killed before it wrote its request."""
    command = [*ELMAN, "resume", str(run)] if (run / "request.json").exists() else [*train, "-o", str(run)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def main() -> None:
    """Print for each run when it was killed and the hash of its model; exit with 1 if a hash differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", help="text file to train on")
    parser.add_argument("--kills", type=int, default=20, help="number of killed runs")
    parser.add_argument("--steps", type=int, default=300, help="updates per run")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    train = [*ELMAN, "train", "lm", arguments.text, "--steps", str(arguments.steps), *OPTIONS]
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        subprocess.run([*train, "-o", f"{folder}/whole"], check=True, stderr=subprocess.DEVNULL)
        duration = time.monotonic() - start
        expected = digest(Path(folder) / "whole")
        print(f"without interruption, {duration:.1f} s: model {expected}")
        num_identical = 0
        for number in range(arguments.kills):
            run, moment = Path(folder) / f"killed-{number}", rng.uniform(0.0, duration)
            last_checkpoint = kill_after(moment, train, run)
            resume(train, run)
            actual = digest(run)
            num_identical += actual == expected
            print(f"killed at {moment:5.1f} s ({last_checkpoint}): model {actual}", flush=True)
    print(f"{num_identical} of {arguments.kills} identical")
    sys.exit(num_identical != arguments.kills)


if __name__ == "__main__":
    main()
