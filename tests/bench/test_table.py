"""What was measured as text, as JSON and as a picture."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from elman.bench import plot, table, train
from elman.bench.limit import Product, Read
from elman.bench.machine import Machine
from elman.bench.report import Report
from elman.errors import ConfigError, ElmanError

from .rows import BLOCK, ONE, step_row, train_row

TWO = Product(n=512, threads=2, library="numpy", gflops=150.0)
ROWS = [train_row(0.01, 0.02), train_row(0.01, 0.005, cell="gru"), train_row(0.005, 0.02, threads=2, limit=TWO)]
RATES: list[Product | Read] = [ONE, Product(1024, 1, "numpy", 70.0), TWO, BLOCK, Read(1 << 20, "numpy", 40.0)]


def text(tables: Sequence[Any]) -> list[list[str]]:
    """The words of each line."""
    console = Console(file=io.StringIO(), width=160)
    for each in tables:
        console.print(each)
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_the_table_of_training_has_every_row_and_what_follows_from_it() -> None:
    lines = text(table.train_tables(ROWS, [ONE, TWO]))
    assert ["lstm", "64", "112,000", "22.0", "56,000", "11.0", "2.00", "28%"] in lines
    assert ["gru", "64", "112,000", "16.5", "224,000", "33.0", "0.50", "21%"] in lines
    assert ["lstm", "64", "224,000", "44.0", "56,000", "11.0", "4.00", "29%"] in lines
    told = [" ".join(line) for line in lines]
    assert "Forward + backward of one layer on 1 thread: B 32, T 35, I 64, float32" in told
    assert "Forward + backward of one layer on 2 threads: B 32, T 35, I 64, float32" in told
    assert "limit: 80.0 GFLOP/s on 1 thread (torch, n 1024)" in told
    assert "1 thread: elman / torch 1.00 (geometric mean of 2), smallest 0.50 (gru 64)" in told
    assert told[-1] == "2 threads: elman / torch 4.00 (one row), smallest 4.00 (lstm 64)"


def test_a_row_without_a_limit_has_no_share() -> None:
    assert text(table.train_tables([train_row(0.01, 0.02, limit=None)], []))[3][-1] == "-"


def test_the_table_of_steps() -> None:
    lines = text(table.step_tables([step_row(10e-6, 100e-6)]))
    assert ["lstm", "128", "32", "10.0", "100.0", "10.00", "0.33", "32.8", "64.0", "51%"] in lines


def test_the_tables_of_the_limit() -> None:
    lines = text(table.limit_tables(RATES, table.best(RATES)))
    assert ["1", "1024", "torch", "80.0"] in lines
    assert ["1.05", "numpy", "40.0"] in lines
    assert ["limit:", "64.0", "GB/s", "for", "0.33", "MB", "(elman)"] in lines


def test_a_report_is_one_json_object_with_the_keys_of_the_contract() -> None:
    machine = Machine("a processor", 2, 0.1, "avx2", "passive", {"elman": "0.1.0"})
    told = Report("train", machine, [1, 2], [ONE, TWO], ROWS, train.summaries(ROWS)).as_json()
    told = json.loads(json.dumps(told))
    assert set(told) == {"bench", "machine", "threads", "limit", "rows", "summary"}
    assert set(told["machine"]) == {"processor", "threads", "load", "kernels", "wait_policy", "versions"}
    assert told["limit"][0] == {"what": "product", "n": 1024, "threads": 1, "library": "torch", "gflops": 80.0}
    keys = ["cell", "hidden", "batch_size", "length", "inputs", "threads", "tokens_per_second", "gflops", "ratios"]
    assert list(told["rows"][0]) == [*keys, "share"]
    assert set(told["summary"][0]) == {"threads", "peer", "geometric_mean", "smallest"}
    keys = ["cell", "hidden", "inputs", "microseconds", "ratios", "weight_bytes", "gigabytes_per_second", "share"]
    assert list(step_row(1e-5, 1e-4).as_json()) == keys


def test_a_busy_machine_is_one_whose_load_is_above_a_half() -> None:
    assert Machine("", 2, 0.6, "", "", {}).busy
    assert not Machine("", 2, 0.5, "", "", {}).busy
    assert not Machine("", 2, None, "", "", {}).busy


def test_a_panel_of_training_is_a_cell_on_some_threads() -> None:
    panels = plot.train_panels(ROWS)
    assert [panel.title for panel in panels] == ["lstm, 1 thread", "gru, 1 thread", "lstm, 2 threads"]
    first = panels[0]
    assert (first.groups, first.unit, first.limits) == (["64"], "GFLOP/s", [80.0])
    assert first.series == {"elman": [ROWS[0].gflops["elman"]], "torch": [ROWS[0].gflops["torch"]]}


def test_a_series_has_a_gap_where_nothing_was_measured() -> None:
    products, _, reads = plot.limit_panels(RATES)
    assert products.series == {"torch": [80.0], "numpy": [70.0]}
    assert reads.groups == ["0.33", "1.05"]
    assert reads.series == {"elman": [64.0, None], "numpy": [None, 40.0]}


@pytest.mark.parametrize("suffix", plot.FORMATS)
def test_pictures_are_drawn(suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    panels = [*plot.train_panels(ROWS), *plot.step_panels([step_row(1e-5, 1e-4)]), *plot.limit_panels(RATES)]
    path = tmp_path / f"speed{suffix}"
    plot.check_plot(path)
    plot.draw(panels, path)
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)


def test_what_could_not_be_drawn_is_told_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plot.check_plot(None)
    with pytest.raises(ConfigError, match=r"expected a name that ends in \.png, \.svg, \.pdf"):
        plot.check_plot(tmp_path / "speed.jpg")
    with pytest.raises(ConfigError, match="no such folder; mkdir -p"):
        plot.check_plot(tmp_path / "none" / "speed.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ElmanError) as caught:
        plot.check_plot(tmp_path / "speed.png")
    assert str(caught.value) == 'a plot needs matplotlib, which is not installed; pip install "elman[plot]"'
