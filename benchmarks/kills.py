"""Kill training at random moments, resume it, and compare the models: `python benchmarks/kills.py TEXT --kills 20`.

One run goes through undisturbed; each of the others is killed with SIGKILL at a random moment of its life (while it
starts, reads, trains, validates, saves), resumed, and must end with the same bytes: the SHA-256 of every file of the
model folder but the card, and of metrics.jsonl.
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


def digest(run: Path) -> str:
    """Return one hash of everything that must not differ."""
    files = [run / "metrics.jsonl", *sorted(p for p in (run / "model").iterdir() if p.name != "README.md")]
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()


def main() -> None:
    """Print where each run was killed and the hash that it ended with."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    options = ["--steps", str(arguments.steps), "--threads", "1", "--hidden", "64", "--dropout", "0.2"]
    options += ["--checkpoint-every", "25", "--validate-every", "60"]
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        train = [*ELMAN, "train", "lm", arguments.text, *options]
        began = time.monotonic()
        subprocess.run([*train, "-o", f"{folder}/whole"], check=True, stderr=subprocess.DEVNULL)
        life = time.monotonic() - began
        expected = digest(Path(folder) / "whole")
        print(f"undisturbed, {life:.1f} s: model {expected}")
        same = 0
        for number in range(arguments.kills):
            run = Path(folder) / f"killed-{number}"
            process = subprocess.Popen([*train, "-o", str(run)], stderr=subprocess.DEVNULL, start_new_session=True)
            moment = rng.uniform(0.0, life)
            time.sleep(moment)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            last = (run / "last").read_text().strip() if (run / "last").exists() else "before the first checkpoint"
            again = [*ELMAN, "resume", str(run)] if (run / "request.json").exists() else [*train, "-o", str(run)]
            subprocess.run(again, check=True, stderr=subprocess.DEVNULL)
            found = digest(run)
            same += found == expected
            print(f"killed at {moment:5.1f} s ({last}): model {found}", flush=True)
    print(f"{same} of {arguments.kills} identical")
    sys.exit(same != arguments.kills)


if __name__ == "__main__":
    main()
