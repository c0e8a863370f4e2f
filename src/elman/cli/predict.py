"""elman evaluate, elman generate: what needs no torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.errors import ConfigError, DataError

from .console import print_json, printable, say
from .train import Json

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or a model folder.")]


def evaluate(
    run: Run,
    data: Annotated[list[str] | None, typer.Argument(metavar="[DATA]...", help="Texts.  [the held-out part]")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text.")] = None,
    as_json: Json = False,
) -> None:
    """Measure a model: loss, perplexity and bits per character of a text."""
    from elman.runtime import load

    predictor = load(run)
    try:
        metrics = predictor.evaluate(_texts(data, encoding) if data else _held_out(run))
    except DataError as error:
        raise DataError(error.message, hint=error.hint, where=error.where or ", ".join(data or [str(run)])) from None
    if metrics["unknown"]:
        say(f"{metrics['unknown']:,} of {metrics['count']:,} tokens are unknown to the model")
    if as_json:
        print_json(metrics)
        return
    for name, value in metrics.items():
        print(f"{name:<20}{value:,.4f}" if isinstance(value, float) else f"{name:<20}{value}")


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
    from elman.runtime import load

    prompt = prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    predictor = load(run)
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
    shown = printable if sys.stdout.isatty() else str
    sys.stdout.write(prompt)
    for piece in pieces:
        sys.stdout.write(shown(piece))
        sys.stdout.flush()
    sys.stdout.write("\n")


def _print_suggestions(words: list[tuple[str, float]], prompt: str, *, as_json: bool) -> None:
    if as_json:
        told = [{"word": word, "probability": probability} for word, probability in words]
        print_json({"prompt": prompt, "suggestions": told})
        return
    for word, probability in words:
        print(f"{word}\t{probability:.4f}")


def _texts(paths: list[str], encoding: str | None) -> Iterator[str]:
    from elman.data.readers import TextSource

    for path in paths:
        yield from TextSource(path, encoding=encoding, notify=say).blocks()


def _held_out(run: Path) -> Any:
    """The run's own held-out part."""
    from elman.checkpoint import is_run_folder

    if not is_run_folder(run):
        hint = f"give a text: elman evaluate {run} FILE"
        raise ConfigError("a model folder has no held-out part of its own", hint=hint, where=str(run))
    from elman.data.corpus import Corpus

    return Corpus.open(run / "data").ids("valid")
