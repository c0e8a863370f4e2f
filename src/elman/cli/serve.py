"""elman serve: models over HTTP, for other programs."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.errors import ConfigError

from .console import print_json, show
from .options import Json, Quiet

if TYPE_CHECKING:
    from elman.serve.api.served_models import ServedModels

TOKEN_VARIABLE = "ELMAN_TOKEN"
MIN_TOKEN = 16  # characters


def serve(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Run folders or model folders; NAME=RUN names a model in addresses.",
            show_default=False,
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on. Others than those of this machine need a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 is a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with the token that requests must have.  [default: the variable ELMAN_TOKEN, or none]",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Name that the header Host may have, too; repeatable.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that serve.")] = 1,
    threads: Annotated[int, typer.Option(min=1, max=1_024, help="CPU threads of each process.")] = 1,
    max_body: Annotated[int | None, typer.Option(min=1, metavar="BYTES", help="Limit of a request.")] = None,
    max_requests: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Requests that wait for a model, in each process.")
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(min=0.1, max=86_400.0, metavar="SECONDS", help="Limit of an answer.")
    ] = None,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Write a line of JSON to stderr for each answer.")] = True,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Serve models over HTTP: predictions, generated text, streams, metrics."""
    from elman.serve.api.limits import Limits
    from elman.serve.api.workers import Settings
    from elman.serve.api.workers import serve as serve_models

    limits = Limits()
    limits = replace(
        limits,
        body_bytes=max_body or limits.body_bytes,
        waiting=max_requests or limits.waiting,
        request_seconds=deadline or limits.request_seconds,
    )
    token = _token(token_file)
    settings = Settings(host, port, token, tuple(allow_host or ()), workers, threads, log and not quiet, limits)

    def announce(port: int, models: ServedModels) -> None:
        url = f"http://{'[' + host + ']' if ':' in host else host}:{port}"
        names = [model.name for model in models]
        if as_json:
            print_json({"url": url, "port": port, "models": names})
            sys.stdout.flush()
            return
        print(url, flush=True)
        if not quiet:
            for model in models:
                show(f"{model.name}: {model.spec.title}, {model.predictor.num_parameters:,} parameters")
            show(f"{url}/docs lists the addresses. Ctrl-C ends the service.")

    raise typer.Exit(serve_models(runs, settings, announce))


def _token(file: Path | None) -> str | None:
    """Return the token that requests must have."""
    if file is None:
        token, where = os.environ.get(TOKEN_VARIABLE), TOKEN_VARIABLE
        if token is None:
            return None
    else:
        where = str(file)
        try:
            token = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            raise ConfigError(f"--token-file: the file cannot be read: {reason}", where=where) from None
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        problem = f"the token: given {len(token)} characters; expected 16 or more letters, digits and signs of ASCII"
        hint = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(24))'"
        raise ConfigError(problem, hint=hint, where=where)
    return token
