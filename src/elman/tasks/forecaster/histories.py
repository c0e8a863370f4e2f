"""Histories that a predictor is given, as series with the columns of its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elman.config import Values
from elman.data.readers.excerpts import list_names
from elman.data.readers.numbers import LARGEST
from elman.data.sources import located
from elman.errors import DataError
from elman.tasks.python_messages import python_names, warn_of_caution

from .config import ForecasterReaderConfig, ForecasterRun
from .memory import check_real
from .readers import MemorySeries, open_source
from .scales import Scales
from .series import Series

History = Series | Sequence[Series] | Any  # Any: a path, or what MemorySeries takes: an array, a DataFrame, columns


def series_of(history: History, scales: Scales) -> list[Series]:
    """Return a history as series with the columns of the model; a missing column is a DataError."""
    targets, inputs = scales.targets, scales.inputs
    if isinstance(history, Series):
        history = [history]
    if isinstance(history, Sequence) and history and all(isinstance(one, Series) for one in history):
        return _checked(history, scales)
    if isinstance(history, str | Path):
        reader = ForecasterReaderConfig(**reader_values(scales))
        return _checked(list(open_source(located(history), reader, _warn).examples()), scales)
    if hasattr(history, "columns") or hasattr(history, "keys"):
        reader = ForecasterReaderConfig(**reader_values(scales))
        source = MemorySeries(history, names=(*targets, *inputs), reader=reader, notify=_warn)
        return _checked(list(source.examples()), scales)
    check_real(history)
    if isinstance(history, np.ma.MaskedArray):
        history = np.ma.filled(history.astype(np.float64), np.nan)
    table = np.asarray(history, np.float64)  # without names, the columns are those of the model in their order
    table = table.reshape(len(table), -1 if table.size else 1)
    if table.size and table.shape[1] != len(targets) + len(inputs):
        names = ", ".join((*targets, *inputs))
        raise DataError(f"an array of {table.shape[1]} columns; expected {len(targets) + len(inputs)}: {names}")
    too_large = (np.abs(table) > LARGEST).any(1)
    if too_large.any():
        row = int(too_large.argmax())
        problem = f"row {row} has {table[row].tolist()}; expected numbers between -{LARGEST:g} and {LARGEST:g}"
        raise DataError(problem, hint="A missing value is NaN")
    return [Series(targets, inputs, table)]


def _warn(message: str) -> None:
    """Warn of choices that change what is read."""
    warn_of_caution(message, python_names(ForecasterRun, ()))


def _checked(histories: Sequence[Series], scales: Scales) -> list[Series]:
    """Return series if they have the columns of the model; several are a DataError for a model of one."""
    targets, inputs = scales.targets, scales.inputs
    for one in histories:
        if (one.targets, one.inputs) != (targets, inputs):
            columns = ", ".join((*one.targets, *one.inputs))
            raise DataError(f"a series of {columns}; expected {', '.join((*targets, *inputs))}")
    if len(histories) > 1 and not scales.series:
        names = list_names([one.label for one in histories])
        problem = f"has {len(histories):,} series ({names}); expected one, as in the training set"
        raise DataError(problem, hint="Give the rows of one series, or train a model of several")
    return list(histories)


def reader_values(scales: Scales) -> Values:
    """Return the reader options with which a table is read: the columns of the model, and its usual notation."""
    return {
        "targets": scales.targets,
        "inputs": scales.inputs,
        "date": scales.date,
        "series": scales.series,
        "columns_required": False,
        "usual_date_format": scales.date_format,
        "usual_decimal": scales.decimal,
    }
