"""The tree of a beam search, in the example of Dive into Deep Learning, section 10.8."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from elman.decoding import Prefixes, search, search_tree
from elman.labs.beam import END, EXAMPLE, SYMBOLS, example_step

NAMES = (*SYMBOLS, "start")


def tree(*, end: int | None) -> dict[str, dict[str, Any]]:
    """Return the nodes of a beam of 2 by their sequence of tokens."""
    levels: list[Prefixes] = []
    options: dict[str, Any] = {"start": -1, "end": END, "max_lengths": np.array([4]), "beam": 2, "levels": levels}
    [hypotheses] = search(example_step, {"prefix": np.full((1, 4), -1)}, {}, **options)
    nodes = search_tree(levels, hypotheses, NAMES, end=end)
    paths: list[str] = []
    for node in nodes:
        paths.append("" if node["parent"] is None else f"{paths[node['parent']]}{node['token']}")
        assert node["depth"] == (0 if node["parent"] is None else nodes[node["parent"]]["depth"] + 1)
    return dict(zip(paths, nodes, strict=True))


def test_a_node_has_the_log_probability_of_its_prefix() -> None:
    nodes = tree(end=None)
    assert {"", "A", "AB", "AC", "ABC", "ACB"} <= set(nodes)
    for path in ("A", "AB", "AC", "ABC", "ACB"):
        p = math.prod(EXAMPLE[path[:t]][SYMBOLS.index(symbol)] for t, symbol in enumerate(path))
        assert math.isclose(math.exp(nodes[path]["log_probability"]), p, rel_tol=1e-12)
    assert [path for path, node in nodes.items() if node["best"]] == ["", "A", "AC", "ACB"]


def test_with_the_end_token_finished_hypotheses_are_nodes() -> None:
    nodes = tree(end=END)
    assert [path for path, node in nodes.items() if node["token"] == "end"] == ["ACBend", "ABCend"]
    assert math.isclose(math.exp(nodes["ACBend"]["log_probability"]), 0.054, rel_tol=1e-12)
    assert [path for path, node in nodes.items() if node["best"]][-1] == "ACBend"
    assert set(tree(end=None)) == {path for path in nodes if not path.endswith("end")}
