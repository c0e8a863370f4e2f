"""The page "Train the adder": what it trains, shows and saves is what the lab and elman.cells compute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.labs import adder, digits

from .charts import heat_map_shares
from .exchange import MODULES
from .pages import accessibility_problems, site, visit
from .test_adder import Reference, Weights, all_sums, run

pytestmark = pytest.mark.web

NO_VECTORS = "WebAssembly.validate = () => false;"
FINISHED = "/finished|完成/.test(document.querySelector('#state').textContent)"
FAST = "hidden=8&rate=1"  # learns in a few hundred updates


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with site() as address:
        yield f"{address}/adder.html"


@contextmanager
def open_page(browser: Any, address: str, fragment: str = "", **options: Any) -> Iterator[Any]:
    fragment = fragment if "lang=" in fragment else f"lang=en&{fragment}"
    with visit(browser, f"{address}#{fragment}", **options) as page:
        page.wait_for_selector("#unit-table td", state="attached")
        if "trained=" in fragment:
            page.wait_for_function(FINISHED)
        yield page


def saved(page: Any) -> dict[str, Any]:
    """Return the numbers that the page saves."""
    with page.expect_download() as download:
        page.click("#save")
    content = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert isinstance(content, dict)
    return content


def weights_of(content: dict[str, Any]) -> Weights:
    hidden = content["settings"]["hidden"]
    arrays = content["weights"]
    return Weights(np.reshape(arrays["W"], (hidden, 2)), np.reshape(arrays["U"], (hidden, -1)), np.array([arrays["V"]]))


def rows(page: Any, table: str) -> list[list[str]]:
    """Return the texts of a table, without its caption."""
    script = "id => [...document.querySelectorAll(`#${id} tr`)].map((r) => [...r.children].map((c) => c.textContent))"
    result = page.evaluate(script, table)
    assert isinstance(result, list)
    return result


def numbers(texts: list[str]) -> list[float]:
    return [float(text.replace("−", "-").replace(",", "").removesuffix(" %")) for text in texts]


def test_the_training_prints_what_the_source_prints(browser: Any, address: str) -> None:
    with open_page(browser, address) as page:
        assert page.text_content("#state") == "The weights are random."
        page.click("#train")
        page.wait_for_function(FINISHED)
        content, printed = saved(page), rows(page, "printed-table")
        progress, shown = page.text_content("#progress"), rows(page, "long-table")
    expected = [
        [
            f"{update}",
            f"{error:.8f}",
            f"{answer:08b}",
            f"{a} + {b}",
            f"{a + b}",
            f"{answer}",
            "✓" if a + b == answer else "✗",
        ]
        for update, error, a, b, answer in adder.EXPECTED
    ]
    assert printed[1:] == expected
    assert adder.count_exact(*(weights := weights_of(content))[:2], weights.V) == 128**2
    assert progress == "Updates so far: 10,000. Exact: 16,384 of all 16,384 sums of two numbers from 0 to 127 (100 %)."
    assert [row[3] for row in shown[1:]] == ["100 %"] * 4, "the network adds longer numbers, too"
    assert len(content["shares"]) == 21
    assert content["loss"]["every"] * len(content["loss"]["points"]) in range(10_000 - 31, 10_001)


def test_the_numbers_of_the_page_are_those_of_python(browser: Any, address: str) -> None:
    expected = Reference(seed=3, hidden=8, rate=1.0, batch=2)
    for _ in range(600):
        expected.update()
    with open_page(browser, address, f"{FAST}&seed=3&batch=2&trained=600&a=0b1011&b=117&digits=16&speed=50") as page:
        content = saved(page)
        texts = {name: page.text_content(f"#{name}") for name in ("progress", "last", "carry-unit", "answer")}
        tables = {name: rows(page, f"{name}-table") for name in ("digit", "unit", "chain", "long")}
        labels = page.eval_on_selector_all("#units svg text", "texts => texts.map((text) => text.textContent)")
        frames = page.eval_on_selector_all(
            "#units rect[fill=none]", "all => all.map((frame) => frame.getAttribute('x'))"
        )
        shares = heat_map_shares(page, "#units", 10, 16)
        assert page.locator("#digit-table .wrong").count() == sum(text == "✗" for text in tables["digit"][-1])
    for array, other in zip(weights_of(content), expected.weights, strict=True):
        np.testing.assert_allclose(array, other, 1e-9, 1e-9)
    outputs, h = run(expected.weights, all_sums())
    exact = ((outputs > 0.5) == digits.add(all_sums())).all(axis=1)
    percent = np.floor(1000 * exact.mean()) / 10
    assert f"Updates so far: 600. Exact: {exact.sum():,} of all 16,384 sums" in texts["progress"]
    assert texts["progress"].endswith(f"({percent:.1f} %).")
    assert texts["last"].endswith(f"Sum of |y − target| over the digits: {expected.errors[-1]:.4f}.")
    carry = digits.carries(all_sums()).ravel()
    correlations = np.array([np.corrcoef(unit, carry)[0, 1] for unit in h.reshape(-1, 8).T])
    best = int(np.abs(correlations).argmax())
    assert texts["carry-unit"].startswith(f"Unit {best + 1} follows the carry best: over all 131,072 steps")
    level = "high" if correlations[best] > 0.0 else "low"
    assert f"It is {level} when there is a carry." in texts["carry-unit"]
    assert ("No single unit clearly stores the carry" in texts["carry-unit"]) == (abs(correlations[best]) < 0.9)
    shown = numbers([row[1] for row in tables["unit"][1:]])
    np.testing.assert_allclose(shown, sorted(correlations, key=lambda r: -abs(r))[:3], 1e-3)
    assert sum(numbers([row[1] for row in tables["chain"][1:]])) == 128**2
    assert sum(numbers([row[2] for row in tables["chain"][1:]])) == exact.sum()
    for _, total, right, share in map(numbers, tables["chain"][1:]):
        assert share == np.floor(1000 * right / total) / 10, "100 % is shown only if all are exact"
    assert [row[0] for row in tables["long"][1:]] == ["16", "32", "64", "256"]
    x = np.array([[(0b1011 >> t & 1, 117 >> t & 1) for t in range(16)]], float)
    y, states = run(expected.weights, x)
    np.testing.assert_allclose(content["sum"]["h"], states.ravel(), 1e-9)
    assert numbers(tables["digit"][5][1:]) == pytest.approx(y[0], abs=5.1e-4)
    carries = digits.carries(x)[0].astype(int)
    assert numbers(tables["digit"][3][1:]) == [0, *carries[:-1]]
    assert numbers(tables["digit"][4][1:]) == digits.add(x)[0].tolist()
    answer = sum(int(digit) << t for t, digit in enumerate(y[0] > 0.5))
    wrong = bin(answer ^ 128).count("1")
    verdict = {0: "right", 1: "one digit is wrong"}.get(wrong, f"{wrong} of 16 digits are wrong")
    assert texts["answer"] == f"11 + 117 = 128. The network gives {answer:,}: {verdict}."
    assert f"▶ unit {best + 1}" in labels
    assert [label for label in labels if "+" in label] == [f"{a:.0f}+{b:.0f}" for a, b in x[0]]
    np.testing.assert_allclose(shares, np.vstack([carries, states[0].T, y[0]]), atol=1 / 200)
    first, width = 90, 32  # pixels: where the columns begin, and how wide they are
    assert [(float(x) - first) / width for x in frames] == np.flatnonzero(carries).tolist()


def test_the_curves_have_axes_of_updates(browser: Any, address: str) -> None:
    ticks_script = """id => [...document.querySelectorAll(`#${id} svg text[text-anchor=middle]:not([transform])`)]
        .map((text) => [text.textContent, Number(text.getAttribute("x"))]).filter(([text]) => /^[0-9]+$/.test(text))"""
    line_script = """id => document.querySelector(`#${id} svg path`).getAttribute("d").slice(1).split("L")
        .map((point) => point.split(",").map(Number))"""
    with open_page(browser, address, f"{FAST}&seed=3&batch=2&trained=1100") as page:
        content = saved(page)
        ticks = {name: page.evaluate(ticks_script, name) for name in ("loss", "accuracy")}
        lines = {name: page.evaluate(line_script, name) for name in ("loss", "accuracy")}
        ends = {
            name: float(page.locator(f"#{name} svg line").first.get_attribute("x2")) for name in ("loss", "accuracy")
        }
    left, bottom, top = 64, 256, 12  # pixels of the axes
    points, every = content["loss"]["points"], content["loss"]["every"]
    for name, first, last in (("loss", every, every * len(points)), ("accuracy", 0, 1000)):
        assert len(ticks[name]) >= 2
        right = ends[name]  # which depends on the width of the legend
        for text, x in ticks[name]:
            assert x == pytest.approx(left + (right - left) * (int(text) - first) / (last - first), abs=0.01)
    expected = [
        [left + (right - left) * i / 2, bottom - (bottom - top) * share] for i, share in enumerate(content["shares"])
    ]
    np.testing.assert_allclose(lines["accuracy"], expected, atol=0.01)
    losses = np.array([y for _, y in lines["loss"]])
    assert np.corrcoef(losses, points)[0, 1] == pytest.approx(-1.0, abs=1e-6)


def test_training_stops_goes_on_and_starts_again(browser: Any, address: str) -> None:
    with open_page(browser, address, f"{FAST}&seed=1&speed=50&updates=300") as page:
        first = saved(page)["weights"]
        page.click("#one")
        assert page.text_content("#progress").startswith("Updates so far: 1. Exact")
        page.click("#train")
        assert page.text_content("#train") == "Stop"
        page.wait_for_function("!document.querySelector('#progress').textContent.startsWith('Updates so far: 1.')")
        assert page.is_visible("#long-running")
        page.click("#train")
        stopped = saved(page)
        assert 1 < stopped["updates"] < 300
        assert page.text_content("#state") == "The training has stopped."
        assert page.is_visible("#long-table")
        page.select_option("#speed", "fastest")
        page.click("#train")
        page.wait_for_function(FINISHED)
        assert page.text_content("#train") == "Continue"
        content = saved(page)
        address_now = page.url
        page.click("#train")
        page.wait_for_function("document.querySelector('#progress').textContent.startsWith('Updates so far: 600.')")
        page.click("#again")
        assert saved(page)["weights"] == first
        assert page.text_content("#train") == "Train"
        page.fill("#seed", "2")
        assert saved(page)["weights"] != first
    assert content["updates"] == 300
    with visit(browser, address_now) as page:
        page.wait_for_function(FINISHED)
        assert saved(page) == content, "a link reproduces the training"


def test_slow_training_has_the_speed_of_the_field(browser: Any, address: str) -> None:
    with open_page(browser, address, f"{FAST}&speed=5&updates=4") as page:
        start = page.evaluate("performance.now()")
        page.click("#train")
        page.wait_for_function(FINISHED)
        assert page.evaluate("performance.now()") - start > 500, "the first update is made at once, then 5 a second"


def updates(page: Any) -> int:
    """Return the updates so far."""
    return int(page.text_content("#progress").split("Updates so far: ")[1].split(".")[0].replace(",", ""))


def test_a_lower_speed_has_an_effect_at_once(browser: Any, address: str) -> None:
    with open_page(browser, address, "speed=fastest&updates=1000000") as page:
        page.click("#train")
        page.wait_for_function("document.querySelector('#progress').textContent.includes(' 1,')")
        page.select_option("#speed", "5")
        page.wait_for_timeout(300)
        before = updates(page)
        page.wait_for_timeout(600)
        assert before < updates(page) <= before + 5


CLOCK = """
  const now = performance.now.bind(performance);
  window.skipped = 0;
  performance.now = () => now() + window.skipped;
"""


def test_a_tab_that_was_hidden_does_not_catch_up(browser: Any, address: str) -> None:
    with open_page(browser, address, "speed=50&updates=10000", script=CLOCK) as page:
        page.click("#train")
        page.evaluate("window.skipped = 60000")
        page.wait_for_timeout(1000)
        assert 20 < updates(page) < 200, "of one second at most, and not the 3,000 of a minute"


def test_training_does_not_depend_on_the_precision_of_the_clock(browser: Any, address: str) -> None:
    with open_page(browser, address, f"{FAST}&updates=30", script="performance.now = () => 1000;") as page:
        page.click("#train")
        page.wait_for_function(FINISHED)
        assert updates(page) == 30


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a", "128", "第一个数：给出的是 128，应为 0 到 127 之间的整数，用十进制，或在 0b 之后用二进制。"),
        ("a", "-1", "第一个数：给出的是 -1，应为 0 到 127"),
        ("b", "", "第二个数：给出的是 –，应为 0 到 127"),
        ("b", "0b12", "第二个数：给出的是 0b12，应为 0 到 127"),
        ("b", "1.5", "第二个数：给出的是 1.5，应为 0 到 127"),
    ],
)
def test_a_number_that_cannot_be_added(browser: Any, address: str, name: str, value: str, message: str) -> None:
    with open_page(browser, address, "lang=zh") as page:
        page.fill(f"#{name}", value)
        assert page.text_content("#sum-problem").startswith(message)
        assert not page.is_visible("#digit-table")
        page.fill(f"#{name}", "127")
        assert page.text_content("#sum-problem") == ""
        assert page.is_visible("#digit-table")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("hidden", "33", "Hidden units: given 33; expected a whole number from 1 to 32."),
        ("batch", "1.5", "Sums for each update: given 1.5; expected a whole number from 1 to 256."),
        ("seed", "", "Random seed: given –; expected a whole number from 0 to 4,294,967,295."),
        ("rate", "-1", "Learning rate: given -1; expected a number from 0 to 100."),
    ],
)
def test_a_wrong_number_is_reported(browser: Any, address: str, name: str, value: str, expected: str) -> None:
    with open_page(browser, address, "") as page:
        page.fill(f"#{name}", value)
        assert page.text_content("#problem") == expected
        page.click("#train")
        assert page.text_content("#train") == "Train", "nothing is trained with a wrong number"
        page.click("#one")
        assert page.text_content("#progress").startswith("Updates so far: 0.")
        page.fill(f"#{name}", "2")
        assert page.text_content("#problem") == ""


def test_buttons_enter_numbers(browser: Any, address: str) -> None:
    with open_page(browser, address, "digits=64&a=9223372036854775807&b=1&sorted=1") as page:
        assert page.text_content("#answer").startswith("9,223,372,036,854,775,807 + 1 = 9,223,372,036,854,775,808.")
        page.select_option("#digits", "32")
        assert "from 0 to 2,147,483,647" in page.text_content("#sum-problem")
        page.click("#longest")
        assert (page.input_value("#a"), page.input_value("#b")) == ("1", "2147483647")
        assert page.text_content("#answer").startswith("1 + 2,147,483,647 = 2,147,483,648.")
        page.click("#random")
        assert page.text_content("#sum-problem") == ""
        labels = page.eval_on_selector_all("#units svg text", "texts => texts.map((text) => text.textContent)")
        assert labels[1].startswith("▶ unit"), "the sorted units begin with the one that follows the carry best"
        page.uncheck("#sorted")
        labels = page.eval_on_selector_all("#units svg text", "texts => texts.map((text) => text.textContent)")
        assert [label.removeprefix("▶ ") for label in labels[1:17]] == [f"unit {unit}" for unit in range(1, 17)]


def test_a_wrong_address_gives_the_network_of_the_lab(browser: Any, address: str) -> None:
    with visit(browser, f"{address}#lang=en&hidden=0&rate=x&trained=-4&digits=9") as page:
        assert [page.input_value(f"#{name}") for name in ("hidden", "rate", "digits")] == ["16", "0.1", "8"]
        assert saved(page)["updates"] == 0


def test_a_browser_that_cannot_run_the_kernels_is_reported(browser: Any, address: str) -> None:
    with visit(browser, f"{address}#lang=en", script=NO_VECTORS) as page:
        page.wait_for_function("document.querySelector('#problem').textContent !== ''")
        assert page.text_content("#problem").startswith("This browser cannot run the kernels")


@pytest.mark.parametrize(("language", "scheme", "width"), [("en", "dark", 1200), ("zh", "light", 360)])
def test_everybody_can_read_the_page(browser: Any, language: str, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    fragment = f"lang={language}&{FAST}&trained=300&digits=64"
    with open_page(browser, (MODULES / "adder.html").as_uri(), fragment, **options) as page:
        assert accessibility_problems(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
