"""Tables as text, read as the command line reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from elman.errors import DataError
from elman.tasks.forecaster.config import ForecasterReaderConfig
from elman.tasks.forecaster.readers import open_source
from elman.tasks.forecaster.series import Series


def csv_of(header: str, rows: Sequence[Sequence[Any]]) -> str:
    return header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


def read_all(folder: Path, content: str, messages: list[str] | None = None, **options: Any) -> list[Series]:
    """Return the series of a table, and collect the messages."""
    path = folder / "table.csv"
    path.write_text(content, "utf-8")
    found: list[str] = []
    series = list(open_source(path, ForecasterReaderConfig(**options), found.append).examples())
    if messages is not None:
        messages += [message.replace(str(path), "FILE") for message in found]
    return series


def error_of(folder: Path, content: str, **options: Any) -> str:
    with pytest.raises(DataError) as raised:
        read_all(folder, content, **options)
    return str(raised.value).replace(str(folder / "table.csv"), "FILE")
