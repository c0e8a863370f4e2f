"""elman demo: the two-minute tour, on text that every Python brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .console import stderr_console

PROMPT = "The class "
DEMO_RUN = Path("runs/demo")


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="RUN", help="Where.")] = DEMO_RUN,
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes to train.")] = 1.0,
) -> None:
    """Train on Python's own manual for a minute, watch it learn, let it write."""
    from elman.experiment import train
    from elman.tasks.spec import load
    from elman.training.progress import ConsoleDisplay

    console = stderr_console()

    def tell(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    tell(f"elman demo: a character model of Python's language reference, trained for {minutes:g} minutes.\n")
    given: dict[str, Any] = {"training": {"minutes": minutes}}
    result = train(["python-docs"], out, given, ConsoleDisplay(console), overwrite=out == DEMO_RUN)
    valid = result["valid"]
    tell(
        f"\nOn text it has never seen its perplexity is {valid['perplexity']:.2f}: before each character it hesitates "
        f"between about that many of {_symbols(out)}.\nIt writes, one character at a time, without PyTorch:\n"
    )
    predictor = load(out)
    print(predictor.generate(PROMPT, max_tokens=400, temperature=0.7, seed=1))
    likely = ", ".join(f"{word} ({p:.0%})" for word, p in predictor.suggest("the value of the ", 3))
    tell(f"\nAfter 'the value of the' it would suggest: {likely}.")
    tell(
        f"\nThe run is in {out}, the model in {result['model']}. Try next:\n"
        f'  elman generate {out} --prompt "An exception is" --temperature 0.5\n'
        f"  elman train lm YOUR_FILE.txt -o runs/mine\n"
        f"  elman evaluate {out}"
    )


def _symbols(run: Path) -> int:
    from elman.tasks.spec import load

    return len(load(run).vocabulary)
