"""elman push: a model folder goes to the Hugging Face hub."""

from __future__ import annotations

from typing import Annotated

import typer

from .console import print_json, say
from .options import Json, Run


def push(
    run: Run,
    repository: Annotated[str, typer.Argument(metavar="USER/MODEL", help="Repository on the Hugging Face hub.")],
    private: Annotated[bool, typer.Option("--private", help="Create the repository as a private one.")] = False,
    revision: Annotated[str | None, typer.Option(metavar="BRANCH", help="Branch.  [default: main]")] = None,
    as_json: Json = False,
) -> None:
    """Upload a model folder to the Hugging Face hub; `hf://USER/MODEL` in the place of RUN reads it again."""
    from elman.checkpoint.hub import parse_address, push_model
    from elman.tasks.loading import load, model_folder

    load(run)  # a damaged model is not uploaded
    url = push_model(model_folder(run), repository, private=private, revision=revision)
    address = str(parse_address(repository if repository.startswith("hf:") else f"hf://{repository}"))
    if as_json:
        print_json({"repository": repository, "address": address, "url": url})
        return
    say(f"uploaded: {url}")
    print(address)
