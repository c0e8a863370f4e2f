"""The tree of a beam search: its prefixes as nodes, for people to read and to draw.

A node has token, parent (the number of a node before it, or None), depth, log_probability and best, which is true on
the path of the best hypothesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .search import Hypothesis, Prefixes

Node = dict[str, Any]


def search_tree(
    levels: Sequence[Prefixes], hypotheses: Sequence[Hypothesis], tokens: Sequence[str], *, end: int | None = None
) -> list[Node]:
    """Return the nodes of a beam search of one source: the prefixes that it kept, level by level.

    levels are those that `search` appends, and the first of the hypotheses is the best. tokens are the names of the
    ids. With the id of the end token, each finished hypothesis ends in a node, too.
    """
    best = hypotheses[0]
    nodes: list[Node] = []
    number: dict[tuple[int, ...], int] = {}

    def add(ids: tuple[int, ...], token: int, log_probability: float, *, on_best_path: bool) -> None:
        number[ids] = len(nodes)
        nodes.append(
            {
                "parent": number[ids[:-1]] if ids else None,
                "depth": len(ids),
                "token": tokens[token],
                "log_probability": log_probability,
                "best": on_best_path,
            }
        )

    for depth, level in enumerate(levels):
        for row in np.flatnonzero(level.active[0]):
            ids = tuple(level.ids[0, row, 1:].tolist())
            log_probability = float(level.log_probabilities[0, row])
            add(ids, level.ids[0, row, -1], log_probability, on_best_path=ids == best.ids[:depth])
        for hypothesis in hypotheses:
            if end is not None and hypothesis.finished and len(hypothesis.ids) + 1 == depth:
                add((*hypothesis.ids, end), end, hypothesis.log_probability, on_best_path=hypothesis is best)
    return nodes
