"""The measurements as text, as JSON and as a figure."""

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
from elman.bench.limit import ProductRate, ReadRate
from elman.bench.machine import Machine
from elman.bench.report import Report
from elman.errors import ConfigError, ElmanError
from elman.figures.style import NO_CHINESE_FONT
from elman.translations import use_language

from .rows import BLOCK, ONE_THREAD, step_row, train_row

TWO_THREADS = ProductRate(n=512, threads=2, library="numpy", gflops=150.0)
ROWS = [
    train_row(0.01, 0.02),
    train_row(0.01, 0.005, cell="gru"),
    train_row(0.005, 0.02, threads=2, limit=TWO_THREADS),
]
RATES: list[ProductRate | ReadRate] = [
    ONE_THREAD,
    ProductRate(1024, 1, "numpy", 70.0),
    TWO_THREADS,
    BLOCK,
    ReadRate(1 << 20, "numpy", 40.0),
]


def words_by_line(tables: Sequence[Any]) -> list[list[str]]:
    """The words of each line."""
    console = Console(file=io.StringIO(), width=160)
    for block in tables:
        console.print(block)
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_the_training_table_has_every_row_its_rates_and_the_summaries() -> None:
    lines = words_by_line(table.train_tables(ROWS, [ONE_THREAD, TWO_THREADS]))
    assert ["lstm", "64", "112,000", "22.0", "56,000", "11.0", "2.00", "28%"] in lines
    assert ["gru", "64", "112,000", "16.5", "224,000", "33.0", "0.50", "21%"] in lines
    assert ["lstm", "64", "224,000", "44.0", "56,000", "11.0", "4.00", "29%"] in lines
    joined = [" ".join(line) for line in lines]
    assert "Forward + backward of one layer on 1 thread: B 32, T 35, I 64, float32" in joined
    assert "Forward + backward of one layer on 2 threads: B 32, T 35, I 64, float32" in joined
    assert "limit: 80.0 GFLOP/s on 1 thread (torch, n 1024)" in joined
    assert "1 thread: elman / torch 1.00 (geometric mean of 2), smallest 0.50 (gru 64)" in joined
    assert joined[-1] == "2 threads: elman / torch 4.00 (one row), smallest 4.00 (lstm 64)"


def test_a_row_without_a_limit_has_no_share() -> None:
    assert words_by_line(table.train_tables([train_row(0.01, 0.02, limit=None)], []))[3][-1] == "-"


def test_the_step_table() -> None:
    lines = words_by_line(table.step_tables([step_row(10e-6, 100e-6)]))
    assert ["lstm", "128", "32", "10.0", "100.0", "10.00", "0.33", "32.8", "64.0", "51%"] in lines


def test_the_limit_tables() -> None:
    lines = words_by_line(table.limit_tables(RATES, table.best_rates(RATES)))
    assert ["1", "1024", "torch", "80.0"] in lines
    assert ["1.05", "numpy", "40.0"] in lines
    assert ["limit:", "64.0", "GB/s", "for", "0.33", "MB", "(elman)"] in lines


def test_a_report_is_one_json_object_with_documented_keys() -> None:
    machine = Machine("a processor", 2, 0.1, "avx2", "passive", {"elman": "0.1.0"})
    report = Report("train", machine, [1, 2], [ONE_THREAD, TWO_THREADS], ROWS, train.summarize(ROWS)).as_json()
    report = json.loads(json.dumps(report))
    assert set(report) == {"bench", "machine", "threads", "limit", "rows", "summary"}
    assert set(report["machine"]) == {"processor", "threads", "load", "kernels", "wait_policy", "versions"}
    assert report["limit"][0] == {"what": "product", "n": 1024, "threads": 1, "library": "torch", "gflops": 80.0}
    keys = ["cell", "hidden", "batch_size", "length", "inputs", "threads", "tokens_per_second", "gflops", "ratios"]
    assert list(report["rows"][0]) == [*keys, "share"]
    assert set(report["summary"][0]) == {"threads", "peer", "geometric_mean", "smallest"}
    keys = ["cell", "hidden", "inputs", "microseconds", "ratios", "weight_bytes", "gigabytes_per_second", "share"]
    assert list(step_row(1e-5, 1e-4).as_json()) == keys


def test_a_machine_is_busy_if_its_load_is_above_a_half() -> None:
    assert Machine("", 2, 0.6, "", "", {}).busy
    assert not Machine("", 2, 0.5, "", "", {}).busy
    assert not Machine("", 2, None, "", "", {}).busy


def test_there_is_a_training_panel_for_each_cell_and_thread_count() -> None:
    panels = plot.train_panels(ROWS)
    assert [panel.title.en for panel in panels] == ["lstm, 1 thread", "gru, 1 thread", "lstm, 2 threads"]
    first = panels[0]
    assert (first.groups, first.unit, first.limits) == (["64"], "GFLOP/s", [80.0])
    assert first.series == {"elman": [ROWS[0].gflops["elman"]], "torch": [ROWS[0].gflops["torch"]]}


def test_a_series_has_no_value_for_a_missing_measurement() -> None:
    products, _, reads = plot.limit_panels(RATES)
    assert products.series == {"torch": [80.0], "numpy": [70.0]}
    assert reads.groups == ["0.33", "1.05"]
    assert reads.series == {"elman": [64.0, None], "numpy": [None, 40.0]}


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_figures_are_written(suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    panels = [*plot.train_panels(ROWS), *plot.step_panels([step_row(1e-5, 1e-4)]), *plot.limit_panels(RATES)]
    path = tmp_path / f"speed{suffix}"
    plot.check_plot(path)
    plot.draw(panels, path, pytest.fail)
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize(("fonts", "drawn_language"), [(["DejaVu Sans"], "zh"), ([], "en")])
def test_labels_are_in_the_language_of_the_command_if_there_is_a_font(
    fonts: list[str], drawn_language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    languages, messages = list[str](), list[str]()
    monkeypatch.setattr("elman.figures.style.chinese_fonts", lambda: fonts)
    monkeypatch.setattr(plot, "write_figure", lambda paths, draw, language: languages.append(language))
    with use_language("zh"):
        plot.draw(plot.train_panels(ROWS), Path("speed.png"), messages.append)
    assert languages == [drawn_language]
    assert messages == ([] if fonts else [NO_CHINESE_FONT])


def test_a_figure_that_cannot_be_written_raises_an_error_in_advance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plot.check_plot(None)
    with pytest.raises(ConfigError, match=r"expected a name that ends in \.png, \.svg, \.pdf"):
        plot.check_plot(tmp_path / "speed.jpg")
    with pytest.raises(ConfigError, match=r"the folder does not exist\. Create it: mkdir -p"):
        plot.check_plot(tmp_path / "missing" / "speed.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ElmanError) as caught:
        plot.check_plot(tmp_path / "speed.png")
    assert str(caught.value) == 'a plot needs matplotlib, which is not installed. Install it: pip install "elman[plot]"'
