"""The panel that follows a training: its lines and its table are the numbers of metrics.jsonl."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman

from .charts import assert_line, assert_lines, lines
from .pages import accessibility_problems
from .panels import panel_page

pytestmark = pytest.mark.web

Records = list[dict[str, Any]]
LEFT = 64.0  # of a chart, in pixels
FIGURES = [f".figure >> nth={i}" for i in range(4)]
HIGHER_IS_BETTER = ("accuracy", "macro_f1")


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    with panel_page(browser) as page:
        yield page


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the metrics.jsonl of short runs of two tasks."""
    folder = tmp_path_factory.mktemp("runs")
    book = folder / "book.txt"
    book.write_text("The time traveller spoke. His grey eyes shone and twinkled.\n" * 20, "utf-8")
    settings: dict[str, Any] = {"steps": 60, "threads": 1, "verbose": False}
    config = {"training": {"log_every_steps": 5, "validate_every_steps": 12}}
    lm = elman.LanguageModel(hidden_size=8, config=config, **settings)
    lm.fit(book, run=folder / "lm")
    texts = [f"{word} {other}" for word in ("fine", "great", "poor", "sad") for other in ("film", "book", "plot")] * 4
    labels = ["good" if text[0] in "fg" else "<b>bad" for text in texts]
    classifier = elman.Classifier(config=config, **settings)
    classifier.fit(texts, labels, run=folder / "classifier")
    return {name: (folder / name / "metrics.jsonl").read_text("utf-8") for name in ("lm", "classifier")}


def records_of(text: str) -> Records:
    return [json.loads(line) for line in text.splitlines()]


def points(records: Records, name: str, group: str | None = None) -> tuple[list[int], list[float]]:
    """Return the steps and values of a metric."""
    points = [
        (record["step"], values[name])
        for record in records
        if name in (values := record if group is None else record.get(group, {}))
    ]
    return [step for step, _ in points], [value for _, value in points]


def show(page: Any, runs: Mapping[str, str], language: str = "en") -> list[dict[str, Any]]:
    """Show runs whose files are read at once; return the damaged lines."""
    parts = {name: [text] for name, text in runs.items()}
    damaged: list[dict[str, Any]] = page.evaluate(
        "([parts, language]) => panels.showTraining(parts, language)", [parts, language]
    )
    return damaged


def show_records(page: Any, runs: Mapping[str, Records]) -> None:
    """Show records, in which a number may be NaN or infinite."""
    page.evaluate("(runs) => panels.showRecords(runs)", runs)


def figures(page: Any) -> list[str]:
    """Return the titles of the figures that are visible."""
    titles: list[str] = page.evaluate(
        "[...document.querySelectorAll('.figure:not([hidden]) h3')].map((title) => title.textContent)"
    )
    return titles


def table(page: Any) -> list[list[str]]:
    cells: list[list[str]] = page.evaluate(
        "[...document.querySelectorAll('.best tr')].map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    return cells


def test_the_lines_of_one_run_are_its_records(page: Any, runs: dict[str, str]) -> None:
    assert show(page, {"lm": runs["lm"]}) == []
    records = records_of(runs["lm"])
    assert figures(page) == [
        "Training and validation loss",
        "Validation: perplexity",
        "Learning rate",
        "Norm of the gradient",
    ]
    losses = lines(page, FIGURES[0])
    both = [points(records, "loss"), points(records, "loss", "valid")]
    assert [len(steps) for steps, _ in both] == [12, 5]
    assert_lines(losses, both)
    for figure, (name, group) in {1: ("perplexity", "valid"), 2: ("learning_rate", None)}.items():
        assert_line(lines(page, FIGURES[figure])[0][0], *points(records, name, group))
    assert len(lines(page, FIGURES[3])[0][0]) == 12


def test_the_table_has_the_best_values(page: Any, runs: dict[str, str]) -> None:
    show(page, runs)
    rows = table(page)
    assert rows[0] == ["Run", "loss", "perplexity", "accuracy", "macro F1"]
    for row in rows[1:]:
        for metric, cell in zip(("loss", "perplexity", "accuracy", "macro_f1"), row[1:], strict=True):
            steps, values = points(records_of(runs[row[0]]), metric, "valid")
            if not values:
                assert cell == "–"
                continue
            best = max(values) if metric in HIGHER_IS_BETTER else min(values)
            value, step = re.fullmatch(r"(\S+) \(step (\d+)\)", cell).groups()  # type: ignore[union-attr]
            assert float(value) == pytest.approx(best, rel=1e-3)
            assert int(step) == steps[values.index(best)]


def test_several_runs_are_compared(page: Any, runs: dict[str, str]) -> None:
    show(page, {**runs, "half": "".join(runs["lm"].splitlines(keepends=True)[:9])})
    assert figures(page)[:2] == ["Training loss", "Validation: loss"]
    shown = lines(page, FIGURES[0])
    assert_lines(shown[:2], [points(records_of(text), "loss") for text in (runs["lm"], runs["classifier"])])
    assert shown[2][0] == shown[0][0][: len(shown[2][0])]
    strokes = page.evaluate(
        "[...document.querySelectorAll('.figure')[0].querySelectorAll('path')]"
        ".map((path) => [path.getAttribute('stroke'), path.getAttribute('stroke-dasharray')])"
    )
    for kind in zip(*strokes, strict=True):
        assert len(set(kind)) == 3, "colours and dashes distinguish the runs"


def test_twenty_runs_have_different_strokes(page: Any) -> None:
    show_records(page, {f"run {i}": [{"step": 1, "loss": float(i)}, {"step": 2, "loss": 0.0}] for i in range(20)})
    strokes = page.evaluate(
        "[...document.querySelectorAll('.figure')[0].querySelectorAll('path')]"
        ".map((path) => path.getAttribute('stroke') + path.getAttribute('stroke-dasharray'))"
    )
    assert len(set(strokes)) == 20


def test_the_reader_chooses_the_metric(page: Any, runs: dict[str, str]) -> None:
    show(page, runs)
    assert page.evaluate("[...document.querySelector('select').options].map((o) => o.text)") == [
        "loss",
        "perplexity",
        "accuracy",
        "macro F1",
    ]
    page.select_option("select", "accuracy")
    assert figures(page)[1] == "Validation: accuracy"
    assert "Higher is better." in page.text_content(".figure:nth-of-type(2) .help")
    assert_line(lines(page, FIGURES[1])[1][0], *points(records_of(runs["classifier"]), "accuracy", "valid"))
    show(page, {"lm": runs["lm"]})
    assert figures(page)[1] == "Validation: perplexity", "the run does not have the chosen one"
    show(page, runs)
    assert figures(page)[1] == "Validation: accuracy"
    page.evaluate("panels.chooseMetric(null)")
    assert figures(page)[1] == "Validation: loss"


def test_a_sample_is_text(page: Any) -> None:
    samples = ["first", "<img src=x onerror=alert(1)></pre><script>alert(2)</script>\nend"]
    show_records(page, {"a": [{"step": i, "valid": {"loss": 1.0}, "sample": text} for i, text in enumerate(samples)]})
    assert page.text_content(".sample pre") == samples[1]
    assert page.text_content(".sample .help") == "a, step 1"
    assert page.query_selector("main script, main img") is None


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_file_is_read_while_it_grows(page: Any, runs: dict[str, str], size: int) -> None:
    show(page, runs)
    expected = page.inner_html("main")
    parts = {name: [text[i : i + size] for i in range(0, len(text), size)] for name, text in runs.items()}
    if size == 1:
        parts = {name: [*texts[:200], "".join(texts[200:])] for name, texts in parts.items()}
    assert page.evaluate("(parts) => panels.showTraining(parts)", parts) == []
    assert page.inner_html("main") == expected


def test_half_a_line_waits(page: Any) -> None:
    assert (
        page.evaluate('panels.showTraining({ a: [\'{"step": 1, "loss": 2}\\n{"step": 2, "lo\', \'ss": 1}\'] })') == []
    )
    assert page.evaluate("document.querySelectorAll('.figure circle').length") == 1
    assert (
        page.evaluate('panels.showTraining({ a: [\'{"step": 1, "loss": 2}\\n{"step": 2, "lo\', \'ss": 1}\\n\'] })')
        == []
    )
    assert page.evaluate("document.querySelectorAll('.figure circle').length") == 0


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[1]",
        "null",
        "3",
        '{"loss": 1}',
        '{"step": "1"}',
        '{"step": 1.5}',
        '{"step": -1}',
        '{"step": null}',
        '{"step": 1, "loss": NaN}',
        '{"step": 1, "loss": "1"}',
        '{"step": 1, "valid": [1]}',
        '{"step": 1, "valid": {"loss": "1"}}',
        '{"step": 1, "sample": 1}',
        '{"step": 1} {"step": 2}',
    ],
)
def test_a_damaged_line_is_reported(page: Any, line: str) -> None:
    text = f'{{"step": 1, "loss": 2}}\n{line}\n{{"step": 2, "loss": null, "more": [1]}}\n{{"step": 3, "loss": 2}}\n'
    assert show(page, {"a": text}) == [{"number": 2, "text": line}]
    assert page.evaluate("document.querySelectorAll('.figure circle').length") == 2, "the other lines are shown"


@pytest.mark.parametrize("number", [None, math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_a_gap(page: Any, number: float | None) -> None:
    losses = [5.0, 4.0, number, 3.0, number, 1.0, 2.0]
    records = [{"step": 10 * i, "loss": loss, "valid": {"loss": loss}} for i, loss in enumerate(losses)]
    show_records(page, {"a": records})
    pieces = lines(page, FIGURES[0])[0]
    assert [len(piece) for piece in pieces] == [2, 1, 2]
    finite = [(record["step"], loss) for record, loss in zip(records, losses, strict=True) if loss in (1, 2, 3, 4, 5)]
    assert_line([point for piece in pieces for point in piece], *map(list, zip(*finite, strict=True)))
    assert table(page)[1] == ["a", "1 (step 50)"]
    show_records(page, {"a": [{"step": 1, "loss": number, "valid": {"loss": number}}]})
    assert table(page)[1] == ["a", "–"]


def test_after_a_rollback_the_later_points_are_gone(page: Any) -> None:
    before = [{"step": 10 * i, "loss": 9.0, "valid": {"loss": 9.0}, "sample": f"{i}"} for i in range(1, 8)]
    returned = {"step": 40, "rolled_back": "loss nan at step 75"}
    after = [{"step": 10 * i, "loss": 1.0} for i in range(5, 8)]
    show_records(page, {"a": [*before, returned, *after]})
    training, validation = lines(page, FIGURES[0])
    assert [len(training[0]), len(validation[0])] == [7, 4]
    assert page.text_content("[role=status]") == ("a: training diverged and returned to step 40. loss nan at step 75")
    assert page.query_selector(".sample pre") is None, "it was of a later step"


def test_a_rollback_is_noted_once(page: Any) -> None:
    records = [{"step": 4, "loss": 1.0}, {"step": 2, "rolled_back": "loss nan"}, *({"step": i} for i in range(3, 6))]
    assert page.evaluate("(parts) => panels.showTraining({ a: parts })", [json.dumps(r) + "\n" for r in records]) == []
    assert page.locator("[role=status] p").count() == 1


@pytest.mark.parametrize(("metric", "best"), [("loss", 1), ("perplexity", 1), ("accuracy", 2), ("exact_match", 2)])
def test_the_best_value_is_the_lowest_or_the_highest(page: Any, metric: str, best: int) -> None:
    values = [0.5, 0.25, 0.75, 0.25, 0.75]  # of the first step that has it
    show_records(page, {"a": [{"step": i, "valid": {metric: value}} for i, value in enumerate(values)]})
    assert table(page)[1] == ["a", f"{values[best]} (step {best})"]


@pytest.mark.parametrize("norms", [[1.0, 2.0, 10.0], [0.1, 100.0, 1.0, 10.0]])
def test_norms_of_more_than_a_decade_have_a_logarithmic_axis(page: Any, norms: list[float]) -> None:
    show_records(page, {"a": [{"step": step, "gradient_norm": norm} for step, norm in enumerate(norms)]})
    is_logarithmic = max(norms) > 10 * min(norms)
    numbers = np.log(norms).tolist() if is_logarithmic else norms
    assert_line(lines(page, FIGURES[3])[0][0], range(len(norms)), numbers)


def test_the_axis_begins_at_the_first_step(page: Any) -> None:
    show_records(page, {"a": [{"step": step, "loss": 1.0} for step in (1000, 1500)], "b": []})
    assert lines(page, FIGURES[0])[0][0][0][0] == pytest.approx(LEFT)
    ticks = page.evaluate(
        "[...document.querySelectorAll('.figure text[text-anchor=middle]')].map((t) => t.textContent)"
    )
    assert {"1000", "1100", "1500"} <= set(ticks)


def test_a_record_takes_the_place_of_one_of_the_same_step(page: Any) -> None:
    show_records(page, {"a": [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 9.0}, {"step": 2, "loss": 2.0}]})
    assert_line(lines(page, FIGURES[0])[0][0], [1, 2], [1.0, 2.0])


def test_without_log_records_the_training_loss_is_that_of_the_validations(page: Any) -> None:
    show_records(page, {"a": [{"step": i, "train": {"loss": 3.0 - i}, "valid": {"loss": 1.0}} for i in range(3)]})
    assert len(lines(page, FIGURES[0])[0][0]) == 3


def test_a_thinned_line_keeps_its_peaks_and_its_gaps(page: Any, rng: np.random.Generator) -> None:
    count = 20_000
    losses: list[float | None] = rng.normal(size=count).tolist()
    losses[5000], losses[12_345] = 50.0, -50.0
    losses[7000:7400] = [None] * 400
    show_records(page, {"a": [{"step": i, "loss": loss} for i, loss in enumerate(losses)]})
    pieces = lines(page, FIGURES[0])[0]
    assert len(pieces) == 2, "the gap stays"
    points = [point for piece in pieces for point in piece]
    assert 1500 < len(points) < 4 * 600
    right = max(x for x, _ in points)
    for place, extreme in ((5000, min), (12_345, max)):
        x, _ = extreme(points, key=lambda point: point[1])
        assert x == pytest.approx(LEFT + place * (right - LEFT) / (count - 1), abs=0.01)


@pytest.mark.parametrize("count", [0, 1, 80, 81, 500])
def test_a_column_keeps_its_first_lowest_highest_and_last_point(
    page: Any, rng: np.random.Generator, count: int
) -> None:
    columns = np.sort(rng.integers(0, 20, count))
    values = [
        None if missing else float(value)
        for value, missing in zip(rng.integers(0, 9, count), rng.random(count) < 0.1, strict=True)
    ]
    indices = page.evaluate("([values, columns]) => panels.thinned(values, columns, 20)", [values, columns.tolist()])
    expected = set(range(count)) if count <= 4 * 20 else set()
    for column in np.unique(columns) if count > 4 * 20 else ():
        inside = np.flatnonzero(columns == column).tolist()
        present = {value: i for i in reversed(inside) if (value := values[i]) is not None}
        expected |= {inside[0], inside[-1], *[i for i in inside if values[i] is None][:1]}
        expected |= {present[extreme(present)] for extreme in (min, max) if present}
    assert indices == sorted(expected)


def test_a_call_is_cheap(page: Any) -> None:
    runs = {
        f"run {r}": [
            json.dumps({"step": 50 * i, "loss": 3 - i / 1000, "gradient_norm": 1 + i % 7}) + "\n" for i in range(1000)
        ]
        for r in range(4)
    }
    show(page, {name: "".join(text) for name, text in runs.items()})
    milliseconds = page.evaluate("panels.timeTraining(20)")
    assert milliseconds < 60, "two charts of four lines; about 10 ms on a laptop"


def test_a_picture_is_saved(page: Any, runs: dict[str, str]) -> None:
    show(page, {"lm": runs["lm"]})
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            page.click(f"[aria-label='Save: Learning rate, {kind}']")
        assert download.value.suggested_filename == f"training-learning-rate.{kind.lower()}"
        assert Path(download.value.path()).read_bytes().startswith(start)


def test_nothing_to_show_is_said(page: Any) -> None:
    for runs in ({}, {"a": ""}):
        show(page, runs)
        assert figures(page) == []
        assert "There are no records yet." in page.inner_text("main")


@pytest.mark.parametrize(("language", "scheme", "width"), [("en", "dark", 1280), ("zh", "light", 360)])
def test_everybody_can_read_the_panel(
    browser: Any, runs: dict[str, str], language: str, scheme: str, width: int
) -> None:
    names = {"a run with a long name, as people give them": runs["lm"], "分类器": runs["classifier"]}
    with panel_page(browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        for shown in ({"lm": runs["lm"]}, names):
            show(page, shown, language)
            assert accessibility_problems(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
