"""The other columns of the data in the file of `elman evaluate --errors`, such as the number of a text.

They keep their names, unless the file has a column of that name itself: then `probability` of the data is
`data_probability`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

from elman.data.readers.tables import unused_names

PREFIX = "data_"

Columns = Mapping[str, Any]


class Example(Protocol):
    """An example of data."""

    @property
    def other_columns(self) -> Columns | None:
        """The columns of its row that the task does not read."""


def other_columns_reader(examples: Iterable[Example], own: Collection[str]) -> Callable[[Example], Columns]:
    """Return a function that returns the other columns of an example: all that any of the examples has.

    own are the names of the task's columns.
    """
    names = list(dict.fromkeys(name for example in examples for name in example.other_columns or ()))
    names_in_file = unused_names((PREFIX + name if name in own else name for name in names), own)

    def read(example: Example) -> Columns:
        columns = example.other_columns or {}
        return {shown: columns.get(name) for name, shown in zip(names, names_in_file, strict=True)}

    return read
