"""The page that shows every number of a small network: what it shows, what it lets one change, and who can use it."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from elman import cells
from elman.cells.activations import Array

from .exchange import MODULES, ROOT, decoded
from .pages import accessibility_problems, site, visit
from .test_small_network import reference

pytestmark = pytest.mark.web

EXAMPLES = ["srn-linear", "srn-tanh", "srn-distinct", "gru", "lstm"]
SELECTED = '#panel [aria-current="true"]'
EXPLANATIONS = """
  () => {
    const text = (name) => document.querySelector(`#panel ${name}`)?.textContent ?? null;
    const explained = [];
    const names = ["output", ".explanation h3", ".numeric", ".code code", ".code small", ".finite"];
    for (let before = null; before !== text("output"); ) {
      before = text("output");
      explained.push(names.map(text));
      document.querySelector("#panel button[aria-label='Next number']").click();
    }
    return explained;
  }
"""  # of all numbers, one after another
NO_VECTORS = "WebAssembly.validate = () => false;"
DIGITS = 5e-3  # of numbers with an exponent, which have three
GIVEN = ("x", "targets", "h_initial", "c_initial", "W", "U", "b_ih", "b_hh", "V", "b_y")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with site() as address:
        yield f"{address}/step-through.html"


@contextmanager
def open_page(browser: Any, address: str, fragment: str = "", **options: Any) -> Iterator[Any]:
    fragment = fragment if "lang=" in fragment else f"lang=en&{fragment}"
    with visit(browser, f"{address}#{fragment}", **options) as page:
        page.wait_for_selector("#panel svg g.number")
        yield page


def number(text: str) -> float:
    """Return a number of the page."""
    return float(text.strip("()").replace("−", "-").replace("∞", "inf"))


def shown(page: Any, name: str) -> list[float]:
    """Return the numbers of an array in the picture."""
    texts = page.evaluate(
        "name => [...document.querySelectorAll('#panel svg g.number')]"
        ".filter((g) => g.dataset.key.split(':')[0] === name).map((g) => g.querySelector('text').textContent)",
        name,
    )
    return [number(text) for text in texts]


def select(page: Any, key: str) -> None:
    page.click(f'#panel [data-key="{key}"]')


def full(page: Any) -> float:
    """Return the selected number with all its digits."""
    return number(page.text_content("#panel .explanation h3").split(" = ")[-1])


def saved(page: Any, button: str) -> bytes:
    """Return the file that a button saves."""
    with page.expect_download() as download:
        page.click(f"#panel button:has-text('{button}')")
    return Path(download.value.path()).read_bytes()


def trace_of(page: Any) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return all arrays of the trace that the page saves, and the trace."""
    trace = decoded(json.loads(saved(page, "Save the numbers")))
    return trace["layers"][0]["arrays"] | trace["arrays"], trace


def test_the_textbook_numbers(browser: Any, address: str) -> None:
    with open_page(browser, address) as page:
        assert shown(page, "h") == [2, 2, 6, 6, 16, 16]
        assert shown(page, "y") == [4, 4, 12, 12, 32, 32]
    outputs = [1.9280551601516338, 1.9984510891336251, 1.9999753470497836]
    with open_page(browser, address, "example=srn-tanh") as page:
        for step, output in enumerate(outputs):
            select(page, f"y:{step}:1")
            assert full(page) == pytest.approx(output, rel=1e-15)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_number_on_the_page_is_that_of_python(browser: Any, address: str, example: str) -> None:
    with open_page(browser, address, f"example={example}&derivatives=1") as page:
        arrays, trace = trace_of(page)
        pictured = {name: shown(page, name) for name in ("x", "h", "y", "loss", "d_x", "d_h", "d_y")}
        tables = page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('#panel [data-edit]')]"
            ".map((input) => [input.dataset.edit, input.valueAsNumber]))"
        )
        buttons = page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('#panel td [data-key]')]"
            ".map((button) => [button.dataset.key, button.textContent]))"
        )
    name = trace["layers"][0]["cell"]
    cell = cells.Elman(trace["facts"]["activation"]) if name == "elman" else cells.create(name)
    given = {key: arrays[key] for key in GIVEN if key in arrays}
    layer, readout = reference(cell, given)
    expected = layer | readout
    for key, array in expected.items():
        np.testing.assert_allclose(arrays[key], array, 1e-12, 1e-12, err_msg=key)
    for key, numbers in pictured.items():
        np.testing.assert_allclose(numbers, (expected | given)[key].ravel(), DIGITS, err_msg=key)
    for key, value in tables.items():
        array_name, *index = key.split(":")
        assert given[array_name][tuple(map(int, index))] == value
    assert len(tables) == sum(array.size for array in given.values())
    for key, text in buttons.items():
        array_name, *index = key.split(":")
        value, tick = text.split()
        assert number(value) == pytest.approx(expected[array_name][tuple(map(int, index))], rel=DIGITS)
        assert tick == "✓", key


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_number_is_explained(browser: Any, address: str, example: str) -> None:
    with open_page(browser, address, f"example={example}") as page:
        explained = page.evaluate(EXPLANATIONS)
    for place, (position, value, result, code, where, finite) in enumerate(explained, start=1):
        assert position == f"Number {place} of {len(explained)}"
        assert number(result.split("=")[-1]) == pytest.approx(number(value.split(" = ")[-1]), rel=DIGITS)
        file, row = re.findall(r"(\S+\.py), line (\d+)", where)[0]
        assert (ROOT / file).read_text("utf-8").splitlines()[int(row) - 1].strip() == code
        assert finite is None or "✓ equal to the derivative" in finite
    assert explained[-1][-1] is not None, "the last numbers are derivatives"


def test_where_a_function_has_no_derivative_the_finite_difference_differs(browser: Any, address: str) -> None:
    """relu at 0: its derivative is taken as 0, and the finite difference is the mean of both sides, -1/2."""
    sizes = "cell=elman&activation=relu&T=1&I=1&H=1&O=1&bias=0"
    values = "x=0&targets=1&h_initial=0&W=1&U=1&V=1"
    with open_page(browser, address, f"{sizes}&{values}&derivatives=1&selected=d_x:0:0") as page:
        assert full(page) == 0
        assert "✗ differs from the derivative by 0.5" in page.text_content("#panel .finite")
        assert page.text_content('[data-key="d_x:0:0"]:is(button)') == "0"


def test_the_rounding_of_a_large_loss_is_no_difference(browser: Any, address: str) -> None:
    with open_page(browser, address, "derivatives=1&selected=d_x:2:0") as page:
        page.fill('[data-edit="targets:0:0"]', "100000")
        page.press('[data-edit="targets:0:0"]', "Enter")
        assert "✓" in page.text_content("#panel .finite")


def test_a_derivative_in_the_address_is_shown(browser: Any, address: str) -> None:
    with open_page(browser, address, "selected=d_h:0:0") as page:
        assert page.is_checked("#panel input[type=checkbox] >> nth=0")
        assert page.get_attribute(SELECTED, "data-key") == "d_h:0:0"


def test_the_numbers_of_an_equation_lead_to_others(browser: Any, address: str) -> None:
    with open_page(browser, address, "selected=y:2:0") as page:
        assert page.text_content("#panel .numeric") == "= 1 · 16 + 1 · 16= 32"
        page.click("#panel .numeric button >> nth=1")
        assert page.get_attribute(SELECTED, "data-key") == "h:2:0"
        page.click("#panel .numeric button")
        assert page.text_content("#panel .numeric") == "= 1 · 2 + 1 · 2 + 1 · 6 + 1 · 6= 16"
        page.click("#panel .numeric button")
        assert page.text_content("#panel .explanation").endswith("This number is given. It can be changed below.")


@pytest.mark.parametrize(
    ("selected", "lines", "boxes"),
    [("y:2:0", 2, {"h:2:0", "h:2:1"}), ("d_h:1:0", 4, {"d_y:1:0", "d_y:1:1", "d_sum:2:0", "d_sum:2:1"})],
)
def test_what_a_number_comes_from_is_marked(
    browser: Any, address: str, selected: str, lines: int, boxes: set[str]
) -> None:
    with open_page(browser, address, f"derivatives=1&selected={selected}") as page:
        assert page.locator("#panel svg .line.used").count() == lines
        marked = page.evaluate(
            "[...document.querySelectorAll('#panel svg .box.used')].map((box) => box.closest('g').dataset.key)"
        )
        assert set(marked) == boxes
        weights = page.evaluate("[...document.querySelectorAll('#panel input.used')].map((i) => i.dataset.edit)")
        assert set(weights) == ({"V:0:0", "V:0:1"} if selected == "y:2:0" else {"V:0:0", "V:1:0", "U:0:0", "U:1:0"})


def test_a_changed_weight_changes_everything_that_follows(browser: Any, address: str) -> None:
    with open_page(browser, address, "selected=h:2:0&derivatives=1") as page:
        page.fill('[data-edit="U:0:1"]', "0.5")
        page.press('[data-edit="U:0:1"]', "Tab")
        # h1 = 2, 2; h2 = 2 + 2 + 1, 2 + 2 + 2; h3 = 4 + 5 + 3, 4 + 5 + 6
        assert shown(page, "h") == [2, 2, 5, 6, 12, 15]
        assert page.evaluate("document.querySelector('#example').value") == ""
        assert page.evaluate("document.activeElement.closest('td') !== null"), "the focus stays in the table"
        page.fill('[data-edit="x:0:0"]', "-3")
        page.press('[data-edit="x:0:0"]', "Enter")
        assert shown(page, "h")[:2] == [-2, -2]
        changed = page.url
        page.fill('[data-edit="x:0:0"]', "")
        page.press('[data-edit="x:0:0"]', "Enter")
        assert (
            page.text_content("#panel [role=alert]:not(:empty)") == "input, step 1, unit 1: given –; expected a number."
        )
        assert shown(page, "h")[:2] == [-2, -2]
    with visit(browser, changed) as page:
        page.wait_for_selector("#panel svg g.number")
        assert shown(page, "h")[:2] == [-2, -2]
        assert page.input_value('[data-edit="U:0:1"]') == "0.5"
        assert page.get_attribute(SELECTED, "data-key") == "h:2:0"


def test_another_example_has_its_own_numbers(browser: Any, address: str) -> None:
    with open_page(browser, address) as page:
        assert page.input_value('[data-edit="U:0:1"]') == "1"
        page.select_option("#example", "srn-distinct")
        arrays, _ = trace_of(page)
        assert float(page.input_value('[data-edit="U:0:1"]')) == arrays["U"][0, 1] != 1


@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
def test_sizes_change_and_numbers_stay(browser: Any, address: str, cell: str) -> None:
    example = {"elman": "srn-distinct"}.get(cell, cell)
    with open_page(browser, address, f"example={example}") as page:
        before, _ = trace_of(page)
        for name, size in {"T": "8", "I": "4", "H": "4", "O": "4"}.items():
            page.select_option(f"#{name}", size)
        page.check("#bias")
        after, trace = trace_of(page)
        page.reload()
        page.wait_for_selector("#panel svg g.number")
        again, _ = trace_of(page)
    H = before["h"].shape[1]
    assert after["x"].shape == (8, 4)
    np.testing.assert_array_equal(after["x"][:3, :2], before["x"])
    gates = [array["U"].reshape(-1, array["h"].shape[1], array["h"].shape[1]) for array in (before, after)]
    np.testing.assert_array_equal(gates[1][:, :H, :H], gates[0])
    assert "b_ih" in after
    for key, array in after.items():
        np.testing.assert_array_equal(again[key], array)
    layer, _ = reference(
        cells.Elman("tanh") if cell == "elman" else cells.create(cell),
        {key: after[key] for key in GIVEN if key in after},
    )
    np.testing.assert_allclose(after["d_W"], layer["d_W"], 1e-12, 1e-12)
    assert trace["layers"][0]["cell"] == cell


def test_what_is_not_computed_yet_can_be_hidden(browser: Any, address: str) -> None:
    with open_page(browser, address, "hide=1&selected=sum:1:1&derivatives=1") as page:
        texts = page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('#panel svg g.number')]"
            ".map((g) => [g.dataset.key, [g.querySelector('text').textContent, g.getAttribute('aria-label')]]))"
        )
        assert texts["sum:1:1"][0] == "6"
        assert texts["x:2:0"][0] == "2"
        assert texts["h:1:0"] == ["·", "hidden state, step 2, unit 1: not computed yet"]
        assert texts["d_h:0:0"][0] == "·"
        assert page.text_content("#panel .loss") == "", "the loss is computed last"
        page.click("#panel button[aria-label='Next number']")
        assert page.text_content(f"{SELECTED} text") == "6"
        assert page.get_attribute(SELECTED, "data-key") == "h:1:0"


def test_the_picture_works_with_the_keyboard_alone(browser: Any, address: str) -> None:
    with open_page(browser, address, "example=lstm") as page:
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('svg') !== null"):
                break
        walk = []
        for key in ["ArrowRight", "ArrowRight", "ArrowUp", "ArrowDown", "End", "Home", "ArrowLeft"]:
            page.keyboard.press(key)
            walk.append(page.get_attribute(SELECTED, "data-key"))
        assert walk == ["gate.i:0:1", "gate.f:0:0", "gate.g:0:0", "gate.f:0:0", "d_b_y:0", "gate.i:0:0", "gate.i:0:0"]
        assert page.evaluate("document.activeElement.dataset.key") == "gate.i:0:0"
        for _ in range(3):  # an equation that scrolls sideways stops the focus, too
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('.numeric') !== null"):
                break
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # the second number of the equation
        assert page.text_content("#panel .words") == "input, step 1, unit 1"


def test_pictures_are_saved(browser: Any, address: str) -> None:
    with open_page(browser, address, "derivatives=1&selected=d_h:1:0") as page:
        svg = ElementTree.fromstring(saved(page, "Save as SVG"))
        texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
        assert {"1024", "t = 3", "0"} <= set(texts)
        png = saved(page, "Save as PNG")
        assert png.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", png[16:24])
        assert width == 3 * float(svg.get("width", ""))
        assert height == pytest.approx(3 * float(svg.get("height", "")), abs=1)
        tikz = saved(page, "Save as TikZ").decode()
    assert tikz.count("\\node[") == 2 + 3 * (2 + 2 + 2 + 2 + 1)
    assert tikz.count("\\draw[->]") == 3 * (2 * 4 + 2 + 4 + 2)
    assert "\\node[number] (loss-2) at" in tikz
    heights = {name: float(y) for name, y in re.findall(r"\((\S+)\) at \([\d.]+, ([\d.]+)\)", tikz)}
    assert heights["x-0-0"] < heights["sum-0-0"] < heights["h-0-0"] < heights["y-0-0"] < heights["loss-0"]
    assert "{$1024$}" in tikz
    assert all(f"{{${label}$}};" in tikz for label in ("x", "s", "h", "y", "\\ell", "t = 0", "t = 3"))
    assert tikz.count("{") == tikz.count("}")


def test_the_page_opens_from_a_disk(browser: Any) -> None:
    with open_page(browser, (MODULES / "step-through.html").as_uri()) as page:
        assert shown(page, "y") == [4, 4, 12, 12, 32, 32]


@pytest.mark.parametrize(
    "fragment",
    ["example=none", "cell=rnn&T=1", "cell=gru&T=9&I=1&H=1&O=1", "cell=elman&T=1&I=1&H=1&O=1&x=1,2", "cell=elman&T=x"],
)
def test_a_wrong_address_is_reported(browser: Any, address: str, fragment: str) -> None:
    with open_page(browser, address, f"lang=zh&{fragment}") as page:
        assert page.text_content("#problem") == "本页网址描述的网络无法显示，现在显示的是第一个示例。"
        assert shown(page, "y") == [4, 4, 12, 12, 32, 32]
        page.click("#language")
        assert page.text_content("#problem").startswith("The address of this page describes no network")
        page.select_option("#example", "gru")
        assert page.text_content("#problem") == ""


def test_a_wrong_number_to_select_is_ignored(browser: Any, address: str) -> None:
    for wrong in ("d_a:0:0", "tanh_c:0:0", "h:9:9", "nothing", "h:0", "h:0:0:0", "finite.d_h:0:0:x", ""):
        with open_page(browser, address, f"selected={wrong}") as page:
            assert page.get_attribute(SELECTED, "data-key") == "sum:0:0"


def test_a_network_that_explodes_is_reported(browser: Any, address: str) -> None:
    with open_page(browser, address, "derivatives=1&selected=d_U:0:0") as page:
        page.fill('[data-edit="U:0:0"]', "1e300")
        page.press('[data-edit="U:0:0"]', "Enter")
        assert page.text_content("#panel [role=alert]:not(:empty)").startswith("Some numbers are NaN or infinite")
        assert "NaN or infinite: nothing to compare" in page.text_content("#panel .finite")
        page.fill('[data-edit="U:0:0"]', "1")
        page.press('[data-edit="U:0:0"]', "Enter")
        assert page.query_selector("#panel [role=alert]:not(:empty)") is None


def test_a_browser_that_cannot_run_the_kernels_is_reported(browser: Any, address: str) -> None:
    with visit(browser, f"{address}#lang=zh", script=NO_VECTORS) as page:
        page.wait_for_function("document.querySelector('#problem').textContent !== ''")
        assert page.text_content("#problem").startswith("这个浏览器无法运行内核")


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("en", "light", 1200), ("zh", "dark", 1200), ("zh", "light", 390), ("en", "dark", 390)],
)
def test_everybody_can_read_the_page(browser: Any, address: str, language: str, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    fragment = f"lang={language}&example=lstm&derivatives=1&selected=d_c:1:0"
    with open_page(browser, address, fragment, **options) as page:
        assert accessibility_problems(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        words = page.text_content("#panel .words")
        assert (
            words
            == {
                "en": "derivative of the loss with respect to: cell state, step 2, unit 1",
                "zh": "损失对以下数的导数：单元状态，时间步 2，第 1 个单元",
            }[language]
        )
        box = page.query_selector(SELECTED).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width, "the selected number is in sight"
