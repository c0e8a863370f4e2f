"""elman data: data sets by name. Only `fetch` may use the network."""

from __future__ import annotations

from typing import Annotated

import typer

from elman.errors import DataError

from .console import say

app = typer.Typer(help="Data sets by name, and where they lie.", no_args_is_help=True, rich_markup_mode=None)

_HOW = {"download": "elman data fetch {}", "packaged": 'pip install "elman[data]"'}

Name = Annotated[str, typer.Argument(metavar="NAME", help="See `elman data list`.")]


@app.command("list")
def list_() -> None:
    """List the data sets, and which of them are here."""
    from elman.data import named

    for name, data_set in named.DATA_SETS.items():
        try:
            here = "here" if named.is_here(name) else _HOW[data_set.how].format(name)
        except DataError:
            here = "damaged: elman data path says where"
        print(f"{name:<17}{', '.join(data_set.tasks):<14}{here:<36}{data_set.summary}")


@app.command("fetch")
def fetch(name: Name) -> None:
    """Download or make a data set, and print its path."""
    from elman.data import named

    print(named.fetch(name, notify=say))


@app.command("path")
def path(name: Name) -> None:
    """Print the path of a data set; what needs no network is made."""
    from elman.data import named

    print(named.path(name))
