"""Measure the start-up times of elman: compile the environment with `python -m compileall`, then run on an idle machine

    python benchmarks/start_up.py RUN

RUN is a language model. The times are medians of several processes, from the start of the process to the first byte on
stdout, for `import elman`, `elman --help` and `elman generate`. torch cannot be imported in these processes.
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


def seconds_to_first_byte(command: list[str], environment: dict[str, str]) -> float:
    """Return the seconds from the start of a process to its first byte on stdout; the process then runs to its end."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        assert process.stdout is not None
        first_byte = process.stdout.read(1)
        seconds = time.perf_counter() - start
        process.stdout.read()
    if not first_byte or process.returncode:
        raise SystemExit(f"{' '.join(command)} failed; expected output on stdout and exit code 0.")
    return seconds


def main() -> None:
    """Print the median start-up times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run folder or model folder of a language model")
    parser.add_argument("--repeats", type=int, default=9, help="processes per command")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "torch.py").write_text("raise ImportError('torch is disabled in this benchmark')\n")
        path = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path}
        elman = [sys.executable, "-m", "elman"]
        commands = {
            "python without imports": [sys.executable, "-c", "print(1)"],
            "import elman": [sys.executable, "-c", "import elman; print(1)"],
            "elman --help": [*elman, "--help"],
            "elman generate, first character": [*elman, "generate", arguments.run, "--max-tokens", "100"],
            "elman generate, echo of the prompt": [*elman, "generate", arguments.run, "--prompt", "The"],
        }
        print(f"load average {os.getloadavg()[0]:.2f}; medians of {arguments.repeats} processes")
        for name, command in commands.items():
            times = [seconds_to_first_byte(command, environment) for _ in range(arguments.repeats)]
            print(f"{statistics.median(times):6.3f} s  ({min(times):.3f} to {max(times):.3f})  {name}")


if __name__ == "__main__":
    main()
