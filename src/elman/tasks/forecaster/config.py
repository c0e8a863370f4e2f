"""The options of a forecaster: which columns are read, its sizes, and what `predict` and `evaluate` do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import PositiveInt, field_validator, model_validator

from elman.cells import Cell, create
from elman.config import Config
from elman.data.corpora.config import ReaderConfig, valid_fraction_option
from elman.data.readers.date_patterns import DatePattern
from elman.models.cell_name import CELL_HELP, CellName
from elman.options import AUTOMATIC, option
from elman.tasks.spec import DataConfig, RunConfig
from elman.training.config import SequenceTrainingConfig

MEDIAN = 0.5
DECIMAL_MARKS = {"point": ".", "comma": ","}


class NotationConfig(ReaderConfig):
    """How dates and numbers are written in a table."""

    date_format: str | None = option(
        None,
        flag="--date-format",
        metavar="FORMAT",
        help="Format of the dates, as in strptime: %d.%m.%Y %H:%M; %q is a quarter",
        automatic="from the dates",
    )
    day_first: bool | None = option(
        None,
        flag="--day-first",
        negative_flag="--month-first",
        help="Order of day and month in dates such as 01/02/2020",
        automatic="from the dates",
    )
    decimal: Literal["point", "comma"] | None = option(
        None, flag="--decimal", metavar="MARK", help="Decimal mark of the numbers", automatic="from the numbers"
    )

    @field_validator("date_format")
    @classmethod
    def _date_format_has_known_directives(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                DatePattern(value)
            except ValueError as error:
                raise ValueError(f"given {value!r}, where {error} is unknown; expected a format of strptime") from None
        return value


class ForecasterReaderConfig(NotationConfig):
    """Which columns of a table are read."""

    targets: tuple[str, ...] | None = option(
        None,
        flag="--target",
        metavar="NAME[,NAME...]",
        help="Columns to forecast",
        automatic="the only column of numbers",
    )
    inputs: tuple[str, ...] = option(
        (), flag="--inputs", metavar="NAME[,NAME...]", help="Columns that help to forecast", automatic="none"
    )
    date: str | None = option(
        None, flag="--date", help="Column of the dates", automatic="the column that looks like dates"
    )

    series: tuple[str, ...] = option(
        (),
        flag="--series",
        metavar="NAME[,NAME...]",
        help="Columns that name the series of a row, in a table of several series",
        automatic="from the dates that come again",
    )

    columns_required: bool = option(True, help="Report an error if the columns of dates and series are not there")
    usual_date_format: str | None = option(None, help="Format of dates that fit several formats")
    usual_decimal: str | None = option(None, help="Decimal mark of numbers that fit both")

    @field_validator("targets", "inputs", "series", mode="before")
    @classmethod
    def _one_name_is_a_list_of_one(cls, value: Any) -> Any:
        if isinstance(value, str):
            return (value,)
        return tuple(map(str, value)) if isinstance(value, list | tuple) else value


class ForecasterDataConfig(ForecasterReaderConfig, DataConfig):
    """How a series is read and split."""

    valid_fraction: float | None = valid_fraction_option(
        "Share of the rows in the validation set, from the end",
        "0.1, at least two horizons; 0 for fewer than four horizons",
    )


MAX_SEASON_NUMBERS = 1 << 20  # rows of a season times columns; a forecaster keeps a season of the past


class ForecasterConfig(Config):
    """The sizes of a forecaster. Options marked (training) do not change predictions."""

    memory: Literal["recurrent", "tdnn", "narx"] = option(
        "recurrent", flag="--memory", metavar="KIND", help="History encoder"
    )
    cell: CellName = option("gru", flag="--cell", help=f"{CELL_HELP}; for the recurrent history encoder")
    activation: Literal["tanh", "relu"] = option(
        "tanh", help="Activation of the elman cell, and of the hidden layers of tdnn and narx"
    )
    delays: PositiveInt = option(
        flag="--delays",
        help="Rows that tdnn and narx read; rows before the first forecast of a recurrent encoder",
        automatic=AUTOMATIC,
    )
    hidden_size: PositiveInt = option(flag="--hidden", help="Hidden units of each layer", automatic=AUTOMATIC)
    num_layers: int = option(1, ge=1, le=100, flag="--layers", help="Hidden layers of the history encoder")
    horizon: PositiveInt = option(flag="--horizon", help="Rows to forecast", automatic="a season, or 12")
    season: PositiveInt = option(
        1, flag="--season", help="Rows in a season; 1 means no season", automatic="from the dates"
    )
    reference: Literal["last", "season"] = option(
        "last",
        help="The value whose difference to the future is modelled: the last one, or one season before",
        automatic="the one with smaller errors on the training set",
    )
    logarithm: bool = option(False, help="Model the logarithms of the targets", automatic=AUTOMATIC)
    levels: bool = option(True, help="Read the levels of the targets beside their differences", automatic=AUTOMATIC)
    quantiles: tuple[float, ...] = option(
        (0.1, 0.5, 0.9), flag="--quantiles", metavar="Q,...", help="Quantiles to forecast, with 0.5 among them"
    )
    dropout: float = option(
        0.0, ge=0.0, lt=1.0, flag="--dropout", metavar="P", help="(training) Dropout probability", automatic="0.1"
    )

    @model_validator(mode="after")
    def _quantiles_rise(self) -> Self:
        rising = all(0.0 < q < 1.0 for q in self.quantiles) and sorted(set(self.quantiles)) == list(self.quantiles)
        if not rising or MEDIAN not in self.quantiles:
            quantiles = list(self.quantiles)
            raise ValueError(f"quantiles: given {quantiles}; expected rising numbers between 0 and 1, including 0.5")
        return self

    @model_validator(mode="after")
    def _a_seasonal_reference_needs_a_season(self) -> Self:
        if self.reference == "season" and self.season < 2:
            raise ValueError("reference: given season; expected last where season is 1")
        return self

    @property
    def median(self) -> int:
        """The index of the median among the quantiles."""
        return self.quantiles.index(MEDIAN)

    @property
    def lead(self) -> int:
        """The rows before row t from which the features of row t are computed: differences reach one season back."""
        return self.season

    @property
    def lag(self) -> int:
        """The rows from a reference to the value one row ahead for which it is the reference."""
        return self.season if self.reference == "season" else 1

    @property
    def history_rows(self) -> int:
        """The rows that a forecast needs before it: the delays, and the season of its reference."""
        return max(self.delays, self.lag)

    def build_cell(self) -> Cell:
        """Return the cell of all layers."""
        return create(self.cell, self.activation)


class ForecasterRun(RunConfig):
    """What config.toml of a forecaster's run folder holds."""

    task: Literal["forecast"] = "forecast"
    data: ForecasterDataConfig
    model: ForecasterConfig
    training: SequenceTrainingConfig


class PredictOptions(NotationConfig):
    """The options of `elman predict` for a forecaster, which reads the columns that it was trained on."""

    plot: Path | None = option(
        None, flag="--plot", metavar="FILE.png", help="Draw the series, the forecast and its prediction interval"
    )


class EvaluateOptions(Config):
    """The options of `elman evaluate` for a forecaster."""

    context: PositiveInt | None = option(
        None, flag="--context", help="Use the first N rows as history only, and do not score them"
    )
    from_date: str | None = option(
        None, flag="--from", metavar="DATE", help="Use the rows before this date as history only"
    )
