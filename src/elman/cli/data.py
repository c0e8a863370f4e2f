"""elman data: data sets by name. Only `fetch` may use the network."""

from __future__ import annotations

from typing import Annotated

import typer

from elman.errors import DataError
from elman.translations import pad, translate

from .console import say
from .groups import Group

app = typer.Typer(
    cls=Group, help="List, download and locate data sets by name.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a data set; `elman data list` shows them.")]


@app.command("list")
def list_() -> None:
    """List the data sets: tasks, whether each is available or how to get it, licence and content."""
    from elman.data import datasets
    from elman.data.catalogue import DATA_SETS

    for name, data_set in DATA_SETS.items():
        try:
            available = datasets.is_available(name)
            state = translate("available", "words") if available else datasets.command_to_get(name)
        except DataError:
            state = translate(f"damaged; see: elman data path {name}")
        row = f"{name:<17}{', '.join(data_set.tasks):<14}{pad(state, 36)}{pad(translate(data_set.licence), 15)}"
        print(f"{row}{translate(data_set.summary)}")


@app.command("fetch")
def fetch(name: Name) -> None:
    """Download or generate a data set, and print its path."""
    from elman.data import datasets

    print(datasets.fetch(name, notify=say))


@app.command("path")
def path(name: Name) -> None:
    """Print the path of a data set. Data sets that need no download are created first."""
    from elman.data import datasets

    print(datasets.local_path(name))
