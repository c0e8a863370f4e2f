"""elman data: data sets by name, and the vocabulary of a text. Only `fetch` may use the network."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from elman.config import Values
from elman.errors import DataError
from elman.translations import pad, translate

from .console import print_json, say
from .groups import LazyCommand, LazyGroup
from .options import Json, make_command, parameter_of, parameters_of

VOCABULARY_OPTIONS = (  # of `elman train lm`
    *("level", "normalize", "byte_fallback", "encoding"),
    *("valid_fraction", "min_frequency", "vocabulary_size"),
)


class DataGroup(LazyGroup):
    """The sub-commands of `elman data`."""

    def lazy_commands(self) -> dict[str, LazyCommand]:
        """Return the command whose options are those of a language model."""
        summary = "Print the vocabulary that `elman train lm` builds from a text, with counts."
        return {"vocabulary": LazyCommand(_make_vocabulary_command, summary)}


app = typer.Typer(
    cls=DataGroup,
    help="List, download and locate data sets by name; count the vocabulary of a text.",
    no_args_is_help=True,
    rich_markup_mode=None,
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


def _make_vocabulary_command(summary: str) -> Any:
    from elman.options import options_of
    from elman.tasks.language_model.config import LanguageModelDataConfig

    options = {option.key: option for option in options_of(LanguageModelDataConfig)}
    parameters = [parameter_of([options[key]], options[key].help) for key in VOCABULARY_OPTIONS]
    first, last = parameters_of(_first_parameters), parameters_of(_last_options)
    return make_command("vocabulary", summary, [*first, *parameters, *last], _vocabulary)


def _first_parameters(
    data: Annotated[
        list[str], typer.Argument(metavar="DATA...", help="Text files (.gz too), -, or the name of a data set.")
    ],
) -> None:
    """Declare the argument."""


def _last_options(
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Tokens in the table, the most frequent first.")] = 20,
    as_json: Json = False,
) -> None:
    """Declare the options that training does not have."""


def _vocabulary(arguments: Values) -> None:
    """Count the tokens of texts as training does."""
    from elman.data.sources import located
    from elman.tasks.language_model.config import LanguageModelDataConfig
    from elman.tasks.language_model.readers import open_source
    from elman.tasks.language_model.vocabulary_report import report_lines, vocabulary_figures

    from .task_options import config_from

    config = config_from(LanguageModelDataConfig, arguments)
    sources = [open_source(located(source), config, say) for source in arguments["data"]]
    figures = vocabulary_figures(sources, config, say)
    if arguments["as_json"]:
        print_json({**config.text.model_dump(mode="json"), **figures.as_json()})
        return
    for line in report_lines(figures, config, arguments["top"]):
        print(line)
