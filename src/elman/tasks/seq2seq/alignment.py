"""An alignment: how strongly each target token of a pair uses each source token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Alignment:
    """The attention weights (target tokens, source tokens) of a pair; both sides end with </s>. Rows sum to one."""

    source: list[str]
    target: list[str]
    attention_weights: Array
