"""The layout of training files: what their first lines show beside the options that a user gives.

It is a part of the model folder, so that `elman predict` reads inputs as the training files were read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from elman.config import Config


class Layout(Config):
    """The layout of files. The defaults stand for what is not known."""

    format: str | None = None  # such as table, jsonl or lexicon; `folder` and `parallel` stand for plain lines
    columns: tuple[str, ...] = ()  # the names of the columns of a table that has no header
    row: Literal["token", "sentence"] | None = None  # what a row of a table of sentences holds

    @classmethod
    def common(cls, layouts: Sequence[Self]) -> Self:
        """Return the values that all layouts have."""
        first = layouts[0].model_dump() if layouts else {}
        return cls(
            **{name: value for name, value in first.items() if all(getattr(one, name) == value for one in layouts)}
        )


UNKNOWN = Layout()
