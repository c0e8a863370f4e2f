"""elman data: data sets by name. Only `fetch` may use the network."""

from __future__ import annotations

from typing import Annotated

import typer

from elman.errors import DataError

from .console import say

app = typer.Typer(help="List, download and locate data sets by name.", no_args_is_help=True, rich_markup_mode=None)

_INSTALL_COMMANDS = {"download": "elman data fetch {}", "package": 'pip install "elman[data]"'}

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a data set; `elman data list` shows them.")]


@app.command("list")
def list_() -> None:
    """List the data sets: tasks, whether each is available or how to get it, licence and content."""
    from elman.data import datasets
    from elman.data.catalogue import DATA_SETS

    for name, data_set in DATA_SETS.items():
        try:
            state = "available" if datasets.is_available(name) else _INSTALL_COMMANDS[data_set.origin].format(name)
        except DataError:
            state = f"damaged; see: elman data path {name}"
        print(f"{name:<17}{', '.join(data_set.tasks):<14}{state:<36}{data_set.licence:<15}{data_set.summary}")


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
