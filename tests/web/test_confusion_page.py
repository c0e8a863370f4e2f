"""The page of a confusion matrix: its cells and examples are those of the data, and all texts are shown as text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.inspect import write_confusion_page
from elman.inspect.confusion import tabulate
from elman.tasks.spec import Decision

from .charts import pixels
from .exchange import MODULES
from .pages import accessibility_problems, visit

pytestmark = pytest.mark.web

LABELS = ("cold", "hot", "中", "<b>&\"'\x07")
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "line\nend\tbell\x07 escape\x1b[31m delete\x7f c1\x9b",
    "left \u202eright \u2066isolate",
    "half of a pair \ud800.",
    "{count} &amp; &lt; 'quote' \"double\"",
]
SHOWN = [
    *HOSTILE[:2],
    "line⏎end␉bell␇ escape␛[31m delete␡ c1\ufffd",
    "left \ufffdright \ufffdisolate",
    "half of a pair \ufffd.",
    HOSTILE[5],
]


def confusion_data(count: int = 60) -> dict[str, Any]:
    """Return a matrix of texts, with the hostile ones in the cell of the last label that is taken for the first."""
    rng = np.random.default_rng(1)
    numbers = zip(rng.integers(0, 3, count), rng.integers(0, 3, count), rng.random(count), strict=True)
    items = [Decision(LABELS[i], LABELS[j], 0.5 * float(p), f"text {n}") for n, (i, j, p) in enumerate(numbers)]
    items += [
        Decision(LABELS[3], LABELS[0], 0.9 - i / 100, text, place=f"data.tsv:{i}") for i, text in enumerate(HOSTILE)
    ]
    return tabulate(items, LABELS, "classify")


@contextmanager
def open_page(browser: Any, folder: Path, data: dict[str, Any], fragment: str = "", **options: Any) -> Iterator[Any]:
    path = folder / "confusion.html"
    write_confusion_page(data, path)
    fragment = fragment if "lang=" in fragment else f"lang=en&{fragment}"
    with visit(browser, f"{path.as_uri()}#{fragment}", **options) as page:
        page.wait_for_selector(".examples table", state="attached")
        yield page


def examples(page: Any) -> list[list[str]]:
    """Return the rows of the examples."""
    rows: list[list[str]] = page.evaluate(
        "[...document.querySelectorAll('.examples tr')].slice(1).map((row) => [...row.cells].map((c) => c.textContent))"
    )
    return rows


def visible(text: str) -> str:
    """Return a label as the page shows it."""
    return text.replace("\x07", "␇")


def selected(page: Any) -> tuple[int, int]:
    """Return the row and column of the selected cell: of the fields, which the address repeats."""
    row, column = (
        int(value) for value in page.evaluate("[...document.querySelectorAll('select')].map((s) => s.value)")
    )
    assert page.evaluate("location.hash").endswith(f"true={row + 1}&predicted={column + 1}")
    return row, column


def test_every_cell_lists_its_examples(browser: Any, tmp_path: Path) -> None:
    data = confusion_data()
    examples_of = {(cell["row"], cell["column"]): cell["examples"] for cell in data["cells"]}
    with open_page(browser, tmp_path, data) as page:
        texts = page.evaluate("[...document.querySelectorAll('.picture text')].map((t) => t.textContent)")
        counts = np.array(data["counts"])
        assert [text for text in texts if text.isdigit()] == [str(count) for count in counts.ravel() if count]
        correct, count = data["correct"], data["count"]
        summary = f"{count} texts; {correct} predicted labels are right ({100 * correct / count:.1f} %)."
        assert page.text_content(".confusion-panel p") == summary
        for row in range(4):
            for column in range(4):
                page.select_option("select >> nth=0", str(row))
                page.select_option("select >> nth=1", str(column))
                assert selected(page) == (row, column)
                total, inside = counts[row].sum(), counts[row, column]
                names = visible(LABELS[row]), visible(LABELS[column])
                status = page.text_content("[role=status]")
                assert status.startswith(
                    f"True label {names[0]}, predicted {names[1]}: {inside} of {total} texts "
                    f"with this true label ({100 * inside / total:.1f} %)."
                )
                shown = examples(page)
                expected = examples_of.get((row, column), [])
                assert page.is_visible(".examples") == bool(expected)
                assert [row[1:4] for row in shown] == [
                    [visible(e["expected"]), e["predicted"], f"{e['probability']:.4f}"] for e in expected
                ]
                if row < 3:
                    assert [row[0] for row in shown] == [e["text"] for e in expected]


def test_the_colour_of_a_cell_is_its_share_of_the_row(browser: Any, tmp_path: Path) -> None:
    ground, full = np.array((255, 255, 255)), np.array((0x0B, 0x5F, 0xA5))
    data = confusion_data()
    counts = np.array(data["counts"])
    shares = counts / counts.sum(1, keepdims=True)
    with open_page(browser, tmp_path, data, color_scheme="light") as page:
        cell_colours = pixels(page, ".picture", 4, 4)
        texts = page.evaluate(
            "[...document.querySelectorAll('.picture text')].map((t) => [t.textContent, t.getAttribute('fill')])"
        )
    np.testing.assert_allclose(cell_colours, ground + (full - ground) * shares[..., None], atol=1.01)
    colours = [fill for text, fill in texts if text == "" or text.isdigit()]
    assert colours == ["#ffffff" if share > 0.55 else "#1b1f24" for share in shares.ravel()]
    assert len(set(colours)) == 2, "a dark cell has a light number"


def test_hostile_texts_are_text(browser: Any, tmp_path: Path) -> None:
    with open_page(browser, tmp_path, confusion_data(), "true=4&predicted=1") as page:
        rows = examples(page)
        assert [row[0] for row in rows] == SHOWN
        assert [row[4] for row in rows] == [f"data.tsv:{i}" for i in range(len(HOSTILE))]
        assert rows[0][1] == "<b>&\"'␇"
        assert page.query_selector("main img, main b, main script:not([type])") is None
        assert "<b>&\"'␇" in page.evaluate("[...document.querySelectorAll('.picture text')].map((t) => t.textContent)")
        for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
            with page.expect_download() as download:
                page.click(f"[aria-label='Save: Confusion matrix, {kind}']")
            assert Path(download.value.path()).read_bytes().startswith(start)


def test_click_keys_and_buttons_select_a_cell(browser: Any, tmp_path: Path) -> None:
    data = confusion_data()
    counts = np.array(data["counts"]) * (1 - np.eye(4, dtype=int))
    with open_page(browser, tmp_path, data) as page:
        order = sorted(np.ndindex(4, 4), key=lambda cell: -counts[cell])
        assert selected(page) == order[0], "the most wrong predictions"
        buttons = page.query_selector_all(".largest button")
        assert len(buttons) == min(8, np.count_nonzero(counts))
        buttons[2].click()
        assert selected(page) == order[2]
        assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
        frames = page.evaluate(
            "[...document.querySelectorAll('.picture rect[stroke-width]')].map((r) => r.getBBox().y)"
        )
        assert len(frames) == 1
        image = page.query_selector(".picture image").bounding_box()
        for cell in ((0, 0), (1, 2), (3, 3)):
            x, y = ((i + 0.5) / 4 * image[side] for i, side in zip(cell[::-1], ("width", "height"), strict=True))
            page.mouse.click(image["x"] + x, image["y"] + y)
            assert selected(page) == cell
        page.focus(".picture")
        for key, cell in (("Up", (2, 3)), ("Left", (2, 2)), ("Down", (3, 2)), ("Down", (3, 2)), ("Right", (3, 3))):
            page.keyboard.press(f"Arrow{key}")
            assert selected(page) == cell
        address = page.url
        page.click("#language")
        assert page.text_content("h3") == "混淆矩阵"
        assert selected(page) == (3, 3)
    with open_page(browser, tmp_path, data, address.split("#")[1]) as page:
        assert selected(page) == (3, 3)


@pytest.mark.parametrize("fragment", ["true=9&predicted=1", "true=x&predicted=", "true=1.5&predicted=1", "true=0"])
def test_a_cell_that_does_not_exist_is_not_selected(browser: Any, tmp_path: Path, fragment: str) -> None:
    with open_page(browser, tmp_path, confusion_data()) as page:
        first = selected(page)
    with open_page(browser, tmp_path, confusion_data(), fragment) as page:
        assert selected(page) == first


def test_a_long_cell_and_many_labels_are_described(browser: Any, tmp_path: Path) -> None:
    names = [f"label {i}" for i in range(50)]
    items = [Decision(names[i % 50], names[i % 7], i / 1000, "text") for i in range(700)]
    items += [Decision(names[0], names[1], 0.99, "last")] * 30
    with open_page(browser, tmp_path, tabulate(items, names, "classify")) as page:
        assert (
            "The 40 most frequent labels have a row and a column of their own; 10 others share one row and one column"
            in page.inner_text("main")
        )
        assert page.text_content("[role=status]").endswith("The 20 with the highest probability are listed.")
        assert len(examples(page)) == 20
        page.select_option("select >> nth=0", label="other labels")
        page.select_option("select >> nth=1", label="label 3")
        assert {row[1] for row in examples(page)} <= set(names)
        assert page.query_selector(".picture text[fill='#ffffff']") is None, "no counts in small cells"


def test_tokens_are_marked_in_their_sentence(browser: Any, tmp_path: Path) -> None:
    items = [Decision("N", "V", 0.7, "saw", "the <i>", "</i> is sharp"), Decision("V", "V", 0.8, "alone")]
    with open_page(browser, tmp_path, tabulate(items, ("N", "V"), "tag")) as page:
        assert examples(page)[0][0] == "the <i> saw </i> is sharp"
        assert page.text_content(".examples mark") == "saw"
        assert page.text_content(".examples th") == "Token"


def test_labels_may_have_the_names_of_what_javascript_objects_have(browser: Any, tmp_path: Path) -> None:
    names = ("constructor", "__proto__", "toString")
    items = [Decision(label, label, 0.9, label) for label in names]
    with open_page(browser, tmp_path, tabulate(items, names, "classify"), "true=2&predicted=2") as page:
        options = page.evaluate("[...document.querySelector('select').options].map((option) => option.textContent)")
        assert options == list(names)
        assert examples(page)[0][:2] == ["__proto__", "__proto__"]


def many_labels(count: int, rare: int) -> list[Decision]:
    """Return right predictions of frequent labels, and one of each of the `rare` ones, which are the last."""
    frequent = [f"label {i}" for i in range(count - rare)] * 2
    return [Decision(label, label, 1.0, "text") for label in [*frequent, *(f"rare {i}" for i in range(rare))]]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_errors_between_other_labels_are_not_called_right(browser: Any, tmp_path: Path, language: str) -> None:
    messages = {
        "en": "The wrong predictions are all between labels of the row and column “other labels”.",
        "zh": "错误的预测都在“其他标签”所含的标签之间。",
    }
    items = [*many_labels(42, 2), Decision("rare 0", "rare 1", 0.5, "text")]
    names = list(dict.fromkeys(item.expected for item in items))
    data = tabulate(items, names, "classify")
    assert data["correct"] == data["count"] - 1
    with open_page(browser, tmp_path, data, f"lang={language}") as page:
        assert page.text_content(".largest p") == messages[language]
    data = tabulate(items[:-1], names, "classify")
    with open_page(browser, tmp_path, data) as page:
        assert page.text_content(".largest p") == "All predictions are right."


def test_one_other_label_is_singular(browser: Any, tmp_path: Path) -> None:
    items = many_labels(41, 1)
    names = list(dict.fromkeys(item.expected for item in items))
    with open_page(browser, tmp_path, tabulate(items, names, "classify")) as page:
        assert page.text_content(".confusion-panel .help") == (
            "The 40 most frequent labels have a row and a column of their own; "
            "the row and the column “other labels” are those of one more label."
        )


def test_right_predictions_only(browser: Any, tmp_path: Path) -> None:
    with open_page(browser, tmp_path, tabulate([Decision("a", "a", 1.0, "x")], ("a",), "classify")) as page:
        assert selected(page) == (0, 0)
        assert "All predictions are right." in page.inner_text(".largest")


@pytest.mark.parametrize(
    ("content", "english", "chinese"),
    [
        (
            "",
            "There are no predictions in this page. Write a page that has them: "
            "elman evaluate RUN DATA --page FILE.html",
            "本页里没有预测。请写出带预测的网页：elman evaluate RUN DATA --page FILE.html",
        ),
        (
            '{"format": 2}',
            "The data in this page cannot be read: format 2; expected 1",
            "无法读取本页里的数据：format 2; expected 1",
        ),
    ],
)
def test_a_page_without_data_says_so(browser: Any, tmp_path: Path, content: str, english: str, chinese: str) -> None:
    page_text = (MODULES / "confusion.html").read_text("utf-8").replace('id="confusion">', f'id="confusion">{content}')
    (tmp_path / "page.html").write_text(page_text, "utf-8")
    with visit(browser, f"{(tmp_path / 'page.html').as_uri()}#lang=en") as page:
        assert page.text_content("#problem") == english
        page.click("#language")
        assert page.text_content("#problem") == chinese


@pytest.mark.parametrize(("language", "scheme", "width"), [("en", "dark", 1280), ("zh", "light", 360)])
def test_everybody_can_read_the_page(browser: Any, tmp_path: Path, language: str, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with open_page(browser, tmp_path, confusion_data(), f"lang={language}&true=4&predicted=1", **options) as page:
        assert accessibility_problems(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
