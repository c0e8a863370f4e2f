"""The page that shows a trace: its numbers are those of the trace, for all tasks; damaged files are reported."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from elman.cells.readout import softmax
from elman.inspect import trace_json, write_trace_page
from elman.models.trace import LayerTrace, Trace
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.forecaster.models import series_of
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model
from tests.tasks.seq2seq.models import tiny_predictor as tiny_encoder_decoder
from tests.tasks.tagger.models import tiny_predictor as tiny_tagger

from .charts import assert_lines, lines, pixels
from .exchange import MODULES
from .pages import accessibility_problems, visit

pytestmark = pytest.mark.web

TEXT = 'ab\n"cab" de dab'
NARROW, WIDE = 390, 1200


def with_nan(trace: Trace) -> Trace:
    """Return a trace with a number that is none, and an infinite loss."""
    h = trace.layers[0]["h"].copy()
    h[2, 0] = np.nan
    layer = replace(trace.layers[0], arrays={**trace.layers[0].arrays, "h": h})
    return replace(trace, layers=(layer, *trace.layers[1:]), facts={**trace.facts, "loss": np.inf})


def rounded(trace: Trace) -> Trace:
    """Return a trace in which some tokens have the same h."""
    layers = [replace(layer, arrays={**layer.arrays, "h": layer["h"].round(1)}) for layer in trace.layers]
    return replace(trace, layers=tuple(layers))


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    lm = tiny_language_model("lstm")
    return {
        "lm": lm.trace(TEXT, gradients=True, attribution="leave_one_out"),
        "any characters": rounded(replace(lm.trace(TEXT), axes={"tokens": list(TEXT)})),
        "long": lm.trace("abcde " * 400),
        "two tokens": lm.trace("ab"),
        "not a number": with_nan(lm.trace(TEXT)),
        "one token": lm.trace("a"),
        "names of JavaScript": replace(lm.trace("abc"), axes={"tokens": ["constructor", "__proto__", "toString"]}),
        "control character": replace(lm.trace(TEXT), axes={"tokens": list(TEXT.replace("b", "\f"))}),
        "classify": tiny_classifier("attention").trace("fed", gradients=True),
        "tag": tiny_tagger("crf").trace(["Ann", "left"], gradients=True),
        "seq2seq": tiny_encoder_decoder("general").trace("dab", beam=3, gradients=True),
        "forecast": tiny_forecaster("lstm").trace(series_of()),
        "tdnn": tiny_forecaster("tdnn").trace(series_of()),
    }


@pytest.fixture(scope="module")
def folder(traces: dict[str, Trace], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traces")
    for name, trace in traces.items():
        write_trace_page(trace, folder / f"{name}.html")
    return folder


@contextmanager
def open_page(browser: Any, path: Path, fragment: str = "", **options: Any) -> Iterator[Any]:
    fragment = fragment if "lang=" in fragment else f"lang=en&{fragment}"
    with visit(browser, f"{path.as_uri()}#{fragment}", **options) as page:
        yield page


def token_values(page: Any) -> list[float | None]:
    """Return the numbers by which the text is coloured."""
    labels = page.evaluate("[...document.querySelectorAll('[data-token]')].map((e) => e.getAttribute('aria-label'))")
    texts = [label.rsplit(": ", 1)[1] for label in labels]
    return [None if text == "no value" else float(text) for text in texts]


@pytest.mark.parametrize("name", ["lm", "classify", "tag", "seq2seq", "forecast"])
def test_the_text_has_the_numbers_of_every_array(
    browser: Any, folder: Path, traces: dict[str, Trace], name: str
) -> None:
    trace = traces[name]
    with open_page(browser, folder / f"{name}.html", "unit=2") as page:
        for number, layer in enumerate(trace.layers):
            page.select_option("#layer", str(number))
            arrays = page.evaluate("[...document.querySelector('#array').options].map((option) => option.value)")
            assert {"h", *(f"gate.{gate}" for gate in layer.gates if gate != "h")} <= set(arrays)
            for array in set(arrays) - {"attribution", "loss"}:
                page.select_option("#array", array)
                np.testing.assert_allclose(np.array(token_values(page), float), layer[array][:, 1], 1e-3)
            tokens = page.evaluate("document.querySelectorAll('[data-token]').length")
            assert tokens == len(trace.axes[layer.axis])


def test_the_colours_of_the_text_are_those_of_its_numbers(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    h = traces["lm"].layers[0]["h"][:, 1]
    with open_page(browser, folder / "lm.html", "array=h&unit=2") as page:
        styles = page.evaluate("[...document.querySelectorAll('[data-token]')].map((e) => e.getAttribute('style'))")
    for style, share in zip(styles, h / np.abs(h).max(), strict=True):
        colour = "--negative" if share < 0 else "--positive"
        strength = f"background: color-mix(in srgb, var({colour}) {np.floor(55 * abs(share) + 0.5):.0f}%, transparent)"
        assert style == (strength if abs(share) > 0.02 else "")


def test_losses_and_attributions_belong_to_their_tokens(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    with open_page(browser, folder / "lm.html", "array=loss") as page:
        first, *losses = token_values(page)
        assert first is None
        np.testing.assert_allclose(np.array(losses, float), traces["lm"]["loss"], 1e-3)
        assert page.is_disabled("#unit")
        assert page.is_hidden("#search")
        page.select_option("#array", "attribution")
        np.testing.assert_allclose(np.array(token_values(page), float), traces["lm"]["attribution"], 1e-3)
    with open_page(browser, folder / "seq2seq.html", f"array=loss&layer={len(traces['seq2seq'].layers)}") as page:
        np.testing.assert_allclose(np.array(token_values(page), float), traces["seq2seq"]["loss"], 1e-3)


def assert_unit_lines(page: Any, layer: LayerTrace, names: list[str], units: list[int], part: slice) -> None:
    """Compare the lines of gates and of states with the arrays of a layer."""
    gates = [name for name in names if name in layer.gates and name not in layer.states]
    states = [name for name in names if name in layer.states]
    for title, arrays in (("Gates", [f"gate.{name}" for name in gates]), ("States", states)):
        figure = page.locator("#unit-lines .figure", has=page.get_by_role("heading", name=title, exact=True))
        assert figure.is_visible() == bool(arrays)
        if arrays:
            values = [layer[name][part, unit].tolist() for name in arrays for unit in units]
            selector = f"#unit-lines .figure:has(h3:text-is('{title}'))"
            assert_lines(lines(page, selector), [(range(len(numbers)), numbers) for numbers in values])


@pytest.mark.parametrize("name", ["lm", "classify", "tag", "seq2seq", "forecast"])
def test_gates_and_states_are_lines(browser: Any, folder: Path, traces: dict[str, Trace], name: str) -> None:
    with open_page(browser, folder / f"{name}.html", "unit=2") as page:
        for number, layer in enumerate(traces[name].layers):
            page.select_option("#layer", str(number))
            names = [*[gate for gate in layer.gates if gate not in layer.states], *layer.states]
            assert page.evaluate("[...document.querySelectorAll('#lines input')].map((box) => box.value)") == names
            assert_unit_lines(page, layer, names, [1], slice(None))
            dashes = page.evaluate(
                "[...document.querySelector('#unit-lines .figure:not([hidden])').querySelectorAll('path')]"
                ".map((path) => path.getAttribute('stroke-dasharray'))"
            )
            assert len(set(dashes)) == len(dashes), "dashes distinguish the lines of one unit"


def test_the_reader_chooses_units_and_lines(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    layer = traces["lm"].layers[0]
    assert layer.gates == ("i", "f", "g", "o")
    with open_page(browser, folder / "lm.html", "array=h&unit=2") as page:
        page.fill("#units", "3, 1")
        assert_unit_lines(page, layer, ["i", "f", "g", "o", "h", "c"], [2, 0], slice(None))
        for box in ("i", "g", "h"):
            page.uncheck(f"#lines input[value={box}]")
        assert_unit_lines(page, layer, ["f", "o", "c"], [2, 0], slice(None))
        strokes = page.evaluate(
            "[...document.querySelectorAll('#unit-lines .figure path')].slice(0, 4)"
            ".map((path) => [path.getAttribute('stroke'), path.getAttribute('stroke-dasharray')])"
        )
        colours, dashes = ([stroke[i] for stroke in strokes] for i in (0, 1))
        assert colours[0] == colours[1] != colours[2] == colours[3], "a gate has a colour"
        assert dashes[0] == dashes[2] != dashes[1] == dashes[3], "a unit has its dashes"
        address = page.url
        page.fill("#units", "")
        page.fill("#unit", "4")
        assert_unit_lines(page, layer, ["f", "o", "c"], [3], slice(None))
        for box in ("f", "o", "c"):
            page.uncheck(f"#lines input[value={box}]")
        assert_unit_lines(page, layer, [], [3], slice(None))
        nothing = page.url
    with open_page(browser, folder / "lm.html", address.split("#")[1]) as page:
        assert page.input_value("#units") == "3, 1"
        assert_unit_lines(page, layer, ["f", "o", "c"], [2, 0], slice(None))
    with open_page(browser, folder / "lm.html", nothing.split("#")[1]) as page:
        assert_unit_lines(page, layer, [], [3], slice(None))
    with open_page(browser, folder / "seq2seq.html", "lines=i,f") as page:  # of another cell
        assert page.locator("#lines input:checked").count() == len(traces["seq2seq"].layers[0].gates) + 1


@pytest.mark.parametrize("units", ["0", "99", "1.5", "x", "1, 2, 3, 4, 5", "-1", ",", "1;x"])
def test_units_that_do_not_exist_are_reported(browser: Any, folder: Path, traces: dict[str, Trace], units: str) -> None:
    H = traces["lm"].layers[0]["h"].shape[1]
    with open_page(browser, folder / "lm.html") as page:
        page.fill("#units", units)
        message = f"Units: given {units}; expected up to 4 whole numbers from 1 to {H}, such as 3, 7."
        assert page.text_content("#units-problem") == message
        page.click("#language")
        assert page.text_content("#units-problem").startswith(f"单元：给出的是 {units}，应为 1 到 {H} 之间的整数")
        page.fill("#units", "1，2")
        assert page.text_content("#units-problem") == ""
        assert page.locator("#unit-lines .figure:visible").count() == 2


def test_the_axis_of_the_lines_has_the_tokens(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    tokens = traces["any characters"].axes["tokens"]
    with open_page(browser, folder / "any characters.html", "token=4") as page:
        texts = page.evaluate(
            "[...document.querySelectorAll('#unit-lines svg')[0].querySelectorAll('text')].map((t) => t.textContent)"
        )
        shown = ["⏎" if token == "\n" else "␣" if token == " " else token for token in tokens]
        assert any(texts[i : i + len(shown)] == shown for i in range(len(texts)))
        chart = page.locator("#unit-lines .picture svg").first
        ((gate, *_),) = lines(page, "#unit-lines .figure >> nth=0")[:1]
        mark = "#unit-lines .picture svg >> nth=0 >> line[stroke-width='1']"
        assert float(page.get_attribute(mark, "x1")) == pytest.approx(gate[3][0], abs=1e-2)
        chart.click(position={"x": gate[7][0] + 2, "y": 100})
        assert "token=8" in page.url
        chart.click(position={"x": 5, "y": 100})
        assert "token=1&" in page.url
    with open_page(browser, folder / "long.html", "token=1500") as page:
        layer = traces["long"].layers[0]
        part = slice(1000, 2000)
        assert_unit_lines(page, layer, [*layer.gates, *layer.states], [0], part)
        positions = page.evaluate(
            "[...document.querySelectorAll('#unit-lines svg')[0].querySelectorAll('text[text-anchor=middle]')]"
            ".filter((t) => t.getAttribute('y') === '274').map((t) => t.getBBox()).map((b) => [b.x, b.x + b.width])"
        )
        assert len(positions) > 10
        assert all(before[1] < after[0] for before, after in pairwise(positions))
        page.locator("#unit-lines .picture svg").first.click(position={"x": 5, "y": 100})
        assert "token=1001&" in page.url


@pytest.mark.parametrize("temperature", [0, 0.5, 1, 2])
def test_the_next_tokens_at_a_temperature(
    browser: Any, folder: Path, traces: dict[str, Trace], temperature: float
) -> None:
    trace, token = traces["lm"], 4
    with open_page(browser, folder / "lm.html", f"temperature={temperature}&token={token + 1}") as page:
        rows = page.evaluate(
            "[...document.querySelectorAll('.candidates tr')].map((row) => [...row.children].map((c) => c.textContent))"
        )
    logits = trace["logits"][token].astype(float)
    expected = softmax(logits / temperature) if temperature else np.eye(len(logits))[logits.argmax()]
    vocabulary = trace.axes["vocabulary"]
    names = [{"⏎": "\n", "␣": " ", "∅": ""}.get(row[0], row[0]) for row in rows]
    probabilities = [float(row[2]) for row in rows]
    np.testing.assert_allclose(probabilities, [expected[vocabulary.index(name)] for name in names], atol=6e-5)
    np.testing.assert_allclose(probabilities[:10], np.sort(expected)[::-1][:10], atol=6e-5)
    assert [name for name, row in zip(names, rows, strict=True) if row[3]] == [trace.axes["tokens"][token + 1]]


@pytest.mark.parametrize(
    ("feature", "own", "marked"),
    [
        ("lineEnds", "", [c == "\n" for c in TEXT]),
        ("spaces", "", [c.isspace() for c in TEXT]),
        ("quotes", "", [3 <= i < 7 for i in range(len(TEXT))]),
        ("own", "ac", [c in "ac" for c in TEXT]),
    ],
)
def test_units_are_ranked_as_scikit_learn_does(
    browser: Any, folder: Path, traces: dict[str, Trace], feature: str, own: str, marked: list[bool]
) -> None:
    h = traces["any characters"].layers[0]["h"]
    areas = [float(roc_auc_score(marked, h[:, unit])) for unit in range(h.shape[1])]
    with open_page(browser, folder / "any characters.html", f"array=h&feature={feature}&own={own}") as page:
        buttons = page.evaluate("[...document.querySelectorAll('#found button')].map((button) => button.textContent)")
        first = page.get_attribute("#found button", "data-unit")
        page.click("#found button")
        assert page.input_value("#unit") == str(int(first) + 1)
    for text in buttons:
        unit, area = text.removeprefix("unit ").split(": ")
        assert float(area) == pytest.approx(areas[int(unit) - 1], abs=6e-4)
    assert int(first) in np.flatnonzero(np.isclose(np.abs(np.array(areas) - 0.5), np.abs(np.array(areas) - 0.5).max()))


def test_a_heat_map_has_the_colours_of_its_numbers(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    """From white to blue for positive numbers, to orange for negative ones."""
    ground, positive, negative = (np.array(c) for c in ((255, 255, 255), (0x0B, 0x5F, 0xA5), (0xC2, 0x57, 0x0C)))
    h = traces["lm"].layers[0]["h"].T
    with open_page(browser, folder / "lm.html", "array=h", color_scheme="light") as page:
        colours = pixels(page, "#figures section:nth-child(1)", *h.shape)
    share = (h / np.abs(h).max())[..., None]
    expected = ground + (np.where(share < 0, negative, positive) - ground) * np.abs(share)
    np.testing.assert_allclose(colours, expected, atol=1.01)
    attention = traces["seq2seq"]["attention"]
    with open_page(browser, folder / "seq2seq.html", color_scheme="light") as page:
        colours = pixels(page, "#figures section:nth-child(3)", *attention.shape)
    np.testing.assert_allclose(colours, ground + (positive - ground) * attention[..., None], atol=1.01)


def test_a_click_on_the_heat_map_selects_unit_and_token(browser: Any, folder: Path) -> None:
    with open_page(browser, folder / "lm.html", "array=h") as page:
        image = page.locator("#figures section:nth-child(1) image")
        box = image.bounding_box()
        rows, columns = page.evaluate(
            "[Number(document.querySelector('#unit').max), document.querySelectorAll('[data-token]').length]"
        )
        image.click(position={"x": box["width"] * 5.5 / columns, "y": box["height"] * 2.5 / rows})
        assert page.input_value("#unit") == "3"
        assert page.get_attribute("[aria-selected=true]", "data-token") == "5"


STATES = ["All units over time", "States in two principal components"]
FIGURES = {
    "lm": [*STATES, "The gradient by lag"],
    "classify": [*STATES, "The decision, token by token", "The gradient by lag"],
    "tag": [*STATES, "Tags", "The gradient by lag"],
    "seq2seq": [*STATES, "Attention", "The beam search", "The gradient by lag"],
    "forecast": [*STATES, "Forecast"],
    "tdnn": ["Forecast"],
}


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_task_has_its_figures(browser: Any, folder: Path, name: str) -> None:
    with open_page(browser, folder / f"{name}.html") as page:
        shown = page.evaluate(
            "[...document.querySelectorAll('#figures section')].filter((s) => !s.hidden)"
            ".map((s) => s.querySelector('h3').textContent)"
        )
        assert shown == FIGURES[name]
        texts = page.evaluate("[...document.querySelectorAll('#figures text')].map((text) => text.textContent)")
        assert not any("undefined" in text or "NaN" in text for text in texts)


def test_principal_components_are_those_of_numpy(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    """Up to the sign of an axis, and to the linear scales of the picture."""
    h = traces["lm"].layers[0]["h"].astype(float)
    U, s, _ = np.linalg.svd(h - h.mean(0), full_matrices=False)
    with open_page(browser, folder / "lm.html", "array=h") as page:
        section = "#figures section:nth-child(2)"
        line = page.get_attribute(f"{section} polyline", "points")
        labels = page.evaluate(
            "selector => [...document.querySelectorAll(selector + ' text')].slice(-2).map((text) => text.textContent)",
            section,
        )
    points = np.array([point.split(",") for point in line.split()], float)
    for axis in range(2):
        correlation = np.corrcoef(points[:, axis], U[:, axis])[0, 1]
        assert abs(correlation) == pytest.approx(1, abs=1e-5)
    assert labels == [f"{axis + 1}: {100 * share:.0f} %" for axis, share in enumerate((s**2 / (s**2).sum())[:2])]


def test_the_tree_of_a_beam_search(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    tree = traces["seq2seq"].facts["tree"]
    with open_page(browser, folder / "seq2seq.html") as page:
        section = "#figures section:nth-child(4)"
        texts = page.evaluate(
            "selector => [...document.querySelectorAll(selector + ' text')].map((t) => [t.textContent, "
            "Number(t.getAttribute('x')), Number(t.getAttribute('y')), t.getAttribute('font-weight')])",
            section,
        )
        lines = page.evaluate("selector => document.querySelectorAll(selector + ' path').length", section)
    tokens, scores = texts[::2], texts[1::2]
    assert lines == len(tree) - 1
    assert [float(text) for text, *_ in scores] == [round(node["log_probability"], 3) for node in tree]
    for node, (token, x, _, weight) in zip(tree, tokens, strict=True):
        assert token == node["token"] or token in "⏎␣∅"
        assert x == 34 + 84 * node["depth"]
        assert (weight == "700") == node["best"]
    places = [(x, y) for _, x, y, _ in tokens]
    assert len(set(places)) == len(places), "no two nodes are in the same place"
    assert len({y for (_, _, y, weight) in tokens if weight == "700"}) == 1, "the best path is straight"


def test_a_forecast_has_the_dates_of_its_rows(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    trace = traces["forecast"]
    rows = trace.axes["rows"]
    with open_page(browser, folder / "forecast.html") as page:
        texts = page.evaluate(
            "[...document.querySelectorAll('#figures section:nth-child(3) text')].map((t) => t.textContent)"
        )
    future = trace.facts["dates"] or [str(len(rows) + step) for step in range(len(trace["median"]))]
    assert {*texts} & {*rows[-60:]}
    assert {*texts} & {*future} or len(future) < 10


def test_the_decisions_of_a_tagger_are_framed(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    with open_page(browser, folder / "tag.html") as page:
        frames = page.evaluate(
            "document.querySelectorAll('#figures section:nth-child(3) rect[stroke-width=\"2\"]').length"
        )
    assert frames == len(traces["tag"].facts["decisions"])


def test_a_long_text_is_shown_in_parts(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    with open_page(browser, folder / "long.html", "token=1500&array=h") as page:
        assert page.text_content("#part-place") == "Tokens 1,001 to 2,000 of 2,400"
        np.testing.assert_allclose(
            np.array(token_values(page), float), traces["long"].layers[0]["h"][1000:2000, 0], 1e-3
        )
        page.click("#part-after")
        assert page.text_content("#part-place") == "Tokens 2,001 to 2,400 of 2,400"
        page.click("#part-after")  # there is none
        assert page.get_attribute("[aria-selected=true]", "data-token") == "2399"
        page.click("#part-before")
        assert page.get_attribute("[aria-selected=true]", "data-token") == "1999"


def test_the_text_works_with_the_keyboard(browser: Any, folder: Path) -> None:
    with open_page(browser, folder / "lm.html") as page:
        page.focus(".coloured-text")
        walk = []
        for key in ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft"]:
            page.keyboard.press(key)
            walk.append(int(page.get_attribute("[aria-selected=true]", "data-token")))
        last = len(TEXT) - 1
        assert walk == [1, 2, 1, last, last, 0, 0]
        assert page.get_attribute(".coloured-text", "aria-activedescendant") == "token-0"


def test_the_address_keeps_what_was_chosen(browser: Any, folder: Path) -> None:
    with open_page(browser, folder / "lm.html") as page:
        page.select_option("#array", "gate.f")
        page.fill("#unit", "3")
        page.click("[data-token='6']")
        page.fill("#temperature", "0.5")
        address = page.url
    with visit(browser, address) as page:
        assert page.input_value("#array") == "gate.f"
        assert page.input_value("#unit") == "3"
        assert page.get_attribute("[aria-selected=true]", "data-token") == "6"
        assert page.input_value("#temperature") == "0.5"
    for wrong in ("layer=9&unit=99&token=999", "layer=x&unit=-1&token=1.5&temperature=x&array=y&feature=z"):
        with open_page(browser, folder / "lm.html", wrong) as page:
            assert page.is_visible("[aria-selected=true]")


def test_pictures_are_saved(browser: Any, folder: Path) -> None:
    with open_page(browser, folder / "lm.html") as page:
        for number, name in ((1, "states"), (2, "components"), (3, "gradient-by-lag")):
            with page.expect_download() as download:
                page.click(f"#figures section:nth-child({number}) button:text-is('SVG')")
            assert download.value.suggested_filename == f"{name}.svg"
            svg = ElementTree.fromstring(Path(download.value.path()).read_text("utf-8"))
            with page.expect_download() as download:
                page.click(f"#figures section:nth-child({number}) button:text-is('PNG')")
            png = Path(download.value.path()).read_bytes()
            width, height = struct.unpack(">II", png[16:24])
            assert width == pytest.approx(3 * float(svg.get("width", "")), abs=3)
            assert height == pytest.approx(3 * float(svg.get("height", "")), abs=3)


def test_only_a_notebook_around_the_page_may_change_the_trace(browser: Any, folder: Path) -> None:
    with open_page(browser, folder / "lm.html") as page:
        page.evaluate("window.postMessage({ trace: '{}', language: 'zh' }, '*')")
        page.wait_for_timeout(100)
        assert page.text_content("#problem") == ""
        assert page.text_content("h1") == "Inside the network"


def test_a_number_that_is_none_leaves_the_others(browser: Any, folder: Path, traces: dict[str, Trace]) -> None:
    with open_page(browser, folder / "not a number.html", "array=h&unit=1&feature=spaces") as page:
        assert page.locator("#found button").count() > 0
        h = traces["not a number"].layers[0]["h"]
        np.testing.assert_allclose(np.array(token_values(page), float), h[:, 0], 1e-3)
        colours = pixels(page, "#figures section:nth-child(1)", *h.T.shape)
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) > 10, "the picture is not blank"


def test_two_tokens_have_one_component(browser: Any, folder: Path) -> None:
    with open_page(browser, folder / "two tokens.html", "array=h") as page:
        texts = page.evaluate(
            "[...document.querySelectorAll('#figures section:nth-child(2) text')].map((t) => t.textContent)"
        )
    assert texts[-2:] == ["1: 100 %", "2: 0 %"]


def test_one_token_has_one_label(browser: Any, folder: Path) -> None:
    with open_page(browser, folder / "one token.html") as page:
        chart = page.locator("#unit-lines .picture svg").first
        labels = chart.evaluate(
            "(svg) => [...svg.querySelectorAll('text[text-anchor=middle][y=\"274\"]')].map((t) => t.textContent)"
        )
        assert labels == ["a"]
        chart.click(position={"x": 500, "y": 100})
        assert "token=1&" in page.url


def test_tokens_may_have_the_names_of_what_javascript_objects_have(browser: Any, folder: Path) -> None:
    with open_page(browser, folder / "names of JavaScript.html") as page:
        tokens = page.evaluate("[...document.querySelectorAll('[data-token]')].map((e) => e.textContent)")
        assert tokens == ["constructor", "__proto__", "toString"]


def test_a_source_has_no_loss(browser: Any, folder: Path) -> None:
    with open_page(browser, folder / "seq2seq.html", "layer=1&array=loss") as page:
        assert "loss" not in page.evaluate("[...document.querySelector('#array').options].map((o) => o.value)")


def test_a_saved_picture_has_no_control_characters(browser: Any, folder: Path) -> None:
    with open_page(browser, folder / "control character.html", "array=h") as page:
        with page.expect_download() as download:
            page.click("#figures section:nth-child(1) button:text-is('SVG')")
        assert "␌" in "".join(ElementTree.parse(download.value.path()).getroot().itertext())


def upload(page: Any, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.click("#open")
    chooser.value.set_files(path)
    page.wait_for_function("document.querySelector('#file').value === ''")


def test_a_trace_is_opened_from_a_file(browser: Any, traces: dict[str, Trace], tmp_path: Path) -> None:
    (tmp_path / "trace.json").write_text(trace_json(traces["tag"]), "utf-8")
    with open_page(browser, MODULES / "trace.html") as page:
        assert page.text_content("#problem").startswith("There is no trace in this page.")
        assert page.is_hidden("#content")
        upload(page, tmp_path / "trace.json")
        page.wait_for_selector("#content:not([hidden])")
        assert page.text_content("#problem") == ""
        assert page.text_content("#about").startswith("tagger, ")


DAMAGED = {
    "no JSON": "{",
    "not an object": "[1]",
    "another version": '{"format": 2, "layers": []}',
    "no layers": '{"format": 1}',
    "the description in a trace folder": '{"format": 1, "layers": [], "arrays": ["logits"]}',
    "cut off": None,
    "too few labels": None,
}


@pytest.mark.parametrize("damage", list(DAMAGED))
def test_a_damaged_file_is_reported(
    browser: Any, folder: Path, traces: dict[str, Trace], tmp_path: Path, damage: str
) -> None:
    content = DAMAGED[damage]
    if content is None:
        whole = trace_json(traces["tag"])
        content = (
            whole.replace('"shape": [2, ', '"shape": [3, ', 1) if damage == "cut off" else whole.replace('"Ann", ', "")
        )
        assert content != whole
    (tmp_path / "trace.json").write_text(content, "utf-8")
    with open_page(browser, folder / "lm.html", "lang=zh") as page:
        upload(page, tmp_path / "trace.json")
        page.wait_for_function("document.querySelector('#problem').textContent !== ''")
        assert page.text_content("#problem").startswith("trace.json 不是本页能读的记录：")
        assert page.is_visible(".coloured-text"), "the trace before it is still there"


@pytest.mark.parametrize(("language", "scheme", "width"), [("en", "dark", WIDE), ("zh", "light", NARROW)])
@pytest.mark.parametrize("name", ["lm", "tag", "seq2seq"])
def test_everybody_can_read_the_page(
    browser: Any, folder: Path, name: str, language: str, scheme: str, width: int
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with open_page(browser, folder / f"{name}.html", f"lang={language}", **options) as page:
        assert accessibility_problems(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
