"""elman generate: a language model continues a text. Needs no torch."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from elman.errors import ConfigError

from .console import print_json, say
from .options import Json, Run


def generate(
    run: Run,
    prompt: Annotated[str, typer.Option(help="The text to continue.")] = "",
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens to add.")] = 300,
    temperature: Annotated[float, typer.Option(help="0 is greedy; lower is safer, higher is wilder.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="Choose among the K likeliest.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Choose among the likeliest that reach P together.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed gives the same text.")] = None,
    suggest: Annotated[int | None, typer.Option(metavar="K", help="Print the K likeliest next words instead.")] = None,
    as_json: Json = False,
) -> None:
    """Continue a text, as it is made; or suggest next words."""
    from elman.tasks.loading import load
    from elman.tasks.spec import task_spec
    from elman.text.terminal import replace_control_characters

    prompt = prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    predictor = load(run)
    spec = task_spec(predictor.task)
    if not spec.generates:
        problem = f"RUN is a {spec.title}; 'generate' needs a language model"
        raise ConfigError(problem, hint=f"Use 'elman predict {run} FILE'")
    unknown = predictor.codec.unknown_tokens(prompt)
    if unknown:
        say(f"the model does not know {', '.join(map(repr, unknown[:10]))}{' ...' if len(unknown) > 10 else ''}")
    if suggest is not None:
        _print_suggestions(predictor.suggest(prompt, suggest), prompt, as_json=as_json)
        return
    pieces = predictor.stream(
        prompt, max_tokens=max_tokens, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed
    )
    if as_json:
        print_json({"prompt": prompt, "text": prompt + "".join(pieces), "seed": seed})
        return
    to_text = replace_control_characters if sys.stdout.isatty() else str
    sys.stdout.write(prompt)
    for piece in pieces:
        sys.stdout.write(to_text(piece))
        sys.stdout.flush()
    sys.stdout.write("\n")


def _print_suggestions(words: list[tuple[str, float]], prompt: str, *, as_json: bool) -> None:
    if as_json:
        suggestions = [{"word": word, "probability": probability} for word, probability in words]
        print_json({"prompt": prompt, "suggestions": suggestions})
        return
    for word, probability in words:
        print(f"{word}\t{probability:.4f}")
