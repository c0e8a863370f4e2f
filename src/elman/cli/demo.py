"""elman demo: a two-minute tour on a text that every Python installation contains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from elman.shell import quote

from .console import show, stderr_console
from .options import Quiet

PROMPT = "The class "
DEMO_RUN = Path("runs/demo")


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="RUN", help="Run folder to create.")] = DEMO_RUN,
    minutes: Annotated[float, typer.Option(min=0.01, help="Training time in minutes.")] = 1.0,
    quiet: Quiet = False,
) -> None:
    """Train a small language model on Python's own manual for a minute, then generate text with it."""
    from elman.experiment import train
    from elman.tasks.loading import load
    from elman.training.displays import display_on

    say = (lambda message: None) if quiet else show
    say(f"A character model of Python's language reference is trained for {minutes:g} minute{'s' * (minutes != 1)}.\n")
    settings: dict[str, Any] = {"training": {"minutes": minutes}}
    result = train(["python-docs"], out, settings, display_on(stderr_console(), quiet=quiet), overwrite=out == DEMO_RUN)
    predictor = load(out)
    perplexity, num_characters = result["valid"]["perplexity"], len(predictor.vocabulary)
    say(
        f"\nThe perplexity on the validation set is {perplexity:.2f}: the model is as uncertain about the next\n"
        f"character as if it chose between that many equally likely ones. It knows {num_characters} characters.\n"
        "It now generates text, one character at a time, without PyTorch:\n"
    )
    print(predictor.generate(PROMPT, max_tokens=400, temperature=0.7, seed=1))
    words = ", ".join(f"{word} ({p:.0%})" for word, p in predictor.suggest("the value of the ", 3))
    say(f"\nThe most likely words after 'the value of the' are: {words}.")
    run = quote(out)
    say(
        f"\nThe run is in {out}, the model in {result['model']}. Try next:\n"
        f'  elman generate {run} --prompt "An exception is" --temperature 0.5\n'
        f"  elman train lm YOUR_FILE.txt -o runs/mine\n"
        f"  elman evaluate {run}"
    )
