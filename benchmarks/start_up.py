"""Start-up times of what a user waits for: `python -m compileall` the environment first, then on an idle machine
`python benchmarks/start_up.py RUN`. Medians of several processes each.

    import elman                    in Python
    elman --help                    the command line
    elman generate, first character from the start of the process to the first byte on stdout, torch made unimportable
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 9


def seconds_to_first_byte(command: list[str], environment: dict[str, str]) -> float:
    """Start a process and wait for the first byte that it prints; let it end."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        seconds = time.perf_counter() - began
        process.stdout.read()
    if not first or process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return seconds


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "torch.py").write_text("raise ImportError('torch is made unimportable here')\n")
        environment = {**os.environ, "PYTHONPATH": folder}
        python, tool = sys.executable, str(Path(sys.executable).with_name("elman"))
        commands = {
            "python, nothing else": [python, "-c", "print(1)"],
            "import elman": [python, "-c", "import elman; print(1)"],
            "elman --help": [tool, "--help"],
            "elman generate, first character": [tool, "generate", arguments.run, "--max-tokens", "100"],
            "the same with a prompt echoed after load": [tool, "generate", arguments.run, "--prompt", "The"],
        }
        print(f"load {os.getloadavg()[0]:.2f}; medians of {REPEATS} processes")
        for name, command in commands.items():
            times = [seconds_to_first_byte(command, environment) for _ in range(REPEATS)]
            print(f"{statistics.median(times):6.3f} s  ({min(times):.3f} to {max(times):.3f})  {name}")


if __name__ == "__main__":
    main()
