"""The page "Attention learns to reverse a sequence": it learns, and elman gives its numbers from the saved model."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.cells.activations import Array

from .exchange import MODULES
from .pages import accessibility_problems, site, visit
from .test_character_model_page import NO_VECTORS

pytestmark = pytest.mark.web

SEQUENCE = "40917365"
SMALL = "units=16&longest=5&rate=0.005&updates=60"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with site() as address:
        yield f"{address}/attention.html"


@contextmanager
def open_page(browser: Any, address: str, fragment: str = "", **options: Any) -> Iterator[Any]:
    fragment = fragment if "lang=" in fragment else f"lang=en&{fragment}"
    with visit(browser, f"{address}#{fragment}", **options) as page:
        page.wait_for_selector("#attention svg")
        yield page


def train(page: Any) -> None:
    page.click("#train")
    wait_for_end(page)


def wait_for_end(page: Any) -> None:
    page.wait_for_function("/fresh sequences are|全对的占/.test(document.querySelector('#state').textContent)")


# Chromium refuses downloads that follow each other quickly, so this takes the content of the file from the page.
READ_NUMBERS = """async () => {
  const [createUrl, click] = [URL.createObjectURL, HTMLAnchorElement.prototype.click];
  let file = null;
  URL.createObjectURL = (blob) => createUrl((file = blob));
  HTMLAnchorElement.prototype.click = () => {};
  document.querySelector("#save-numbers").click();
  [URL.createObjectURL, HTMLAnchorElement.prototype.click] = [createUrl, click];
  return JSON.parse(await file.text());
}"""


def numbers(page: Any) -> dict[str, Any]:
    """Return the numbers that the page saves."""
    page.wait_for_selector("#save-numbers:not([disabled])")
    content: dict[str, Any] = page.evaluate(READ_NUMBERS)
    return content


def matrix(content: dict[str, Any]) -> Array:
    """Return the attention weights that are shown."""
    weights = np.array(content["shown"]["reversal"]["weights"])
    return weights.reshape(len(content["shown"]["source"]) + 1, -1)


def load_model(page: Any, folder: Path) -> Any:
    """Return the model that the page saves."""
    with page.expect_download() as download:
        page.click("#save")
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(folder)
    return elman.load(folder / "my-reversal")


def select_moment(page: Any, moment: int) -> None:
    page.evaluate(
        "(value) => { const s = document.querySelector('#moment');"
        "s.value = value; s.dispatchEvent(new Event('input')); }",
        str(moment),
    )
    wait_for_view(page, f"shown && shown.moment === {moment}")


def wait_for_view(page: Any, condition: str) -> None:
    """Wait until the saved numbers fulfil a condition on `shown`."""
    for _ in range(300):
        page.wait_for_timeout(10)
        if page.evaluate(f"(shown) => Boolean({condition})", numbers(page)["shown"]):
            return
    raise AssertionError(condition)


def table(page: Any) -> list[list[str]]:
    rows: list[list[str]] = page.evaluate(
        "[...document.querySelectorAll('#table tr')].map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    return rows


def test_attention_becomes_the_anti_diagonal(browser: Any, address: str) -> None:
    with open_page(browser, address, "updates=500") as page:
        untrained = matrix(numbers(page))[:8].argmax(1)
        assert page.is_hidden("#training")
        train(page)
        content = numbers(page)
        text = page.text_content("#diagonal")
        state = page.text_content("#state")
        select_moment(page, 0)
        first = numbers(page)
    expected = np.arange(8)[::-1]
    np.testing.assert_array_equal(matrix(first)[:8].argmax(1), untrained, "the slider shows the first weights")
    assert (untrained == expected).mean() <= 0.375
    weights = matrix(content)[:8]
    on = int((weights.argmax(1) == expected).sum())
    assert on >= 6
    assert weights[np.arange(8), expected].mean() > 0.6
    assert text == diagonal_text(weights)
    moments = content["moments"]
    assert [moment["update"] for moment in moments] == [*range(0, 500, 13), 500]
    assert (moments[0]["exact"], moments[0]["trainingLoss"]) == (0, None)
    last = moments[-1]
    assert last["exact"] > 0.9
    assert last["loss"] < 0.1 < moments[0]["loss"]
    assert re.match(r"500 updates in \d+\.\d s\. Loss ", state)
    assert f" {100 * last['exact']:.1f} % of fresh sequences are reversed" in state
    assert float(state.split("Loss ")[1].split()[0]) == pytest.approx(last["loss"], rel=1e-3)


def diagonal_text(weights: Array) -> str:
    """Return what the page says about the weights (T, T + 1) of T symbols."""
    size = len(weights)
    places, expected = weights.argmax(1), np.arange(size)[::-1]
    on, right = (int((places == expected + shift).sum()) for shift in (0, 1))
    mean = weights[range(size), expected].mean()
    return (
        f"The largest weight is on the anti-diagonal in {on} of {size} rows, and one column to the right of it in "
        f"{right}. The mean weight on the anti-diagonal is {mean:.3f}."
    )


@pytest.mark.parametrize(
    "fragment", ["updates=300", "cell=lstm&directions=1&symbols=26&sequence=attention&updates=200"]
)
def test_numbers_of_every_moment_are_those_of_elman(browser: Any, address: str, tmp_path: Path, fragment: str) -> None:
    with open_page(browser, address, fragment) as page:
        page.click("summary")
        train(page)
        last = len(numbers(page)["moments"]) - 1
        for moment in (last, 0, last // 3):
            select_moment(page, moment)
            content = numbers(page)
            source = "".join(content["tokens"][token] for token in content["shown"]["source"])
            assert source == page.input_value("#sequence").upper()
            assert f"After {content['moments'][moment]['update']} updates" == page.text_content("#moment-label")
            model = load_model(page, tmp_path / str(moment))
            alignment = model.align(source, source[::-1])
            np.testing.assert_allclose(matrix(content), alignment.attention_weights, 1e-4, 1e-6)
            loss = model.score([(source, source[::-1])]).value
            assert content["shown"]["reversal"]["loss"] == pytest.approx(loss, rel=1e-5)
            written = model.predict([source])[0]
            assert page.text_content("#written") == (written or "–")
            verdict = "Correct." if written == source[::-1] else f"Wrong; expected {source[::-1]}."
            assert page.text_content("#verdict") == verdict
            assert page.text_content("#diagonal") == diagonal_text(matrix(content)[: len(source)])
            head, *rows = table(page)
            assert head[1:] == alignment.source == [*source, "</s>"]
            assert [row[0] for row in rows] == alignment.target
            shown = np.array([[float(cell) for cell in row[1:]] for row in rows])
            np.testing.assert_allclose(shown, matrix(content), atol=5.01e-4)


def test_an_untrained_network_writes_what_elman_predicts(browser: Any, address: str, tmp_path: Path) -> None:
    """An untrained network would often write `<unk>` or `<s>`, which `elman predict` never writes."""
    with open_page(browser, address, "units=16&symbols=2&sequence=0110") as page:
        for seed in range(1, 9):
            page.fill("#seed", str(seed))
            wait_for_view(page, "shown !== null")
            model = load_model(page, tmp_path / str(seed))
            assert page.text_content("#written") == (model.predict(["0110"])[0] or "–")


def test_the_reader_types_a_sequence(browser: Any, address: str) -> None:
    with open_page(browser, address, SMALL) as page:
        train(page)
        page.fill("#sequence", "0123456789012")
        wait_for_view(page, "shown.source.length === 13")
        content = numbers(page)
        assert matrix(content).shape == (14, 14)
        np.testing.assert_allclose(matrix(content).sum(1), 1, 1e-5)
        assert page.text_content("#save-command") == "echo 0123456789012 | elman predict my-reversal"
        page.fill("#sequence", "012; rm 1")
        assert page.is_hidden("#command")
        assert page.text_content("#save-command") == ""
        page.fill("#sequence", " 0121 ")
        assert page.is_visible("#command")
        assert page.text_content("#save-command") == "echo 0121 | elman predict my-reversal"
        page.fill("#symbols", "26")
        page.fill("#sequence", "0121")
        wait_for_view(page, "shown.source.length === 4")
        page.click("#random")
        wait_for_view(page, "shown.source.length === 5")
        assert re.fullmatch(r"\d{5}", page.input_value("#sequence"))
        with page.expect_download() as download:
            page.click("#attention button >> text=SVG")
        assert "<image" in Path(download.value.path()).read_text("utf-8")
        with page.expect_download() as download:
            page.click("#save-numbers")
        assert json.loads(Path(download.value.path()).read_text("utf-8")) == numbers(page)


WRONG_SEQUENCES = {
    "12a": "序列：给出了符号 A，应为 0 – 9。",
    "": "序列：没有给出符号，应为 1 到 40 个符号（0 – 9）。",
    "1" * 41: "序列：给出了 41 个符号，应为 1 到 40 个。",
}


def test_a_wrong_sequence_is_refused(browser: Any, address: str) -> None:
    with open_page(browser, address, "lang=zh") as page:
        for sequence, message in WRONG_SEQUENCES.items():
            page.fill("#sequence", sequence)
            assert page.text_content("#sequence-problem") == message
        page.fill("#sequence", " 1234 ")
        assert page.text_content("#sequence-problem") == ""
        wait_for_view(page, "shown.source.join() === '4,5,6,7'")


WRONG_FIELDS = {  # a wrong value, a right one, and what is wrong
    "units": ("33", "32", "Hidden units: given 33; expected an even number from 2 to 128."),
    "rate": ("0", "1", "Learning rate: given 0; expected a number from 0.00001 to 1."),
    "symbols": ("1.5", "10", "Different symbols: given 1.5; expected a whole number from 2 to 26."),
    "seed": ("", "1", "Random seed: given –; expected a whole number from 0 to 4,294,967,290."),
    "shortest": ("9", "8", "Shortest sequence: given 9; expected at most the longest one, 8."),
}


def test_a_wrong_field_is_refused(browser: Any, address: str) -> None:
    with open_page(browser, address) as page:
        for name, (wrong, right, message) in WRONG_FIELDS.items():
            before = numbers(page)["options"]
            page.fill(f"#{name}", wrong)
            assert page.text_content("#problem") == message
            page.click("#train")
            assert numbers(page)["options"] == before, "nothing has started"
            page.fill(f"#{name}", right)
            assert page.text_content("#problem") == ""
            wait_for_view(page, "shown !== null")


def stop_after_a_moment(page: Any) -> int:
    """Stop the training after its next validation, and return the number of updates."""
    moments = len(numbers(page)["moments"])
    page.wait_for_function(f"document.querySelector('#moment').max >= {moments}")
    assert page.text_content("#stop") == "Stop"
    page.click("#stop")
    wait_for_end(page)
    assert page.text_content("#stop") == "Continue"
    update: int = numbers(page)["moments"][-1]["update"]
    return update


def test_a_training_stops_and_goes_on(browser: Any, address: str, tmp_path: Path) -> None:
    """The weights do not depend on the stops."""
    with open_page(browser, address, "longest=5&units=8&updates=20000") as page:
        page.click("#train")
        first = stop_after_a_moment(page)
        page.wait_for_timeout(60)
        assert numbers(page)["moments"][-1]["update"] == first
        page.click("#stop")
        second = stop_after_a_moment(page)
        assert 0 < first < second < 20000
        load_model(page, tmp_path / "stopped")
        page.fill("#updates", str(second))
        train(page)
        assert [numbers(page)["moments"][i]["update"] for i in (0, -1)] == [0, second]
        load_model(page, tmp_path / "at once")
        page.fill("#updates", "40")
        page.click("#stop")
        page.wait_for_function(f"document.querySelector('#state').textContent.startsWith('{second + 40:,} updates in')")
    folders = [tmp_path / name / "my-reversal/model.safetensors" for name in ("stopped", "at once")]
    assert folders[0].read_bytes() == folders[1].read_bytes()


def test_changed_fields_start_a_new_network(browser: Any, address: str) -> None:
    with open_page(browser, address, SMALL) as page:
        first = matrix(numbers(page))
        page.fill("#seed", "2")
        wait_for_view(page, "shown !== null")
        assert not np.allclose(matrix(numbers(page)), first), "an untrained network is made again"
        train(page)
        assert page.text_content("#note") == ""
        trained = numbers(page)
        page.fill("#seed", "3")
        assert page.text_content("#note") == "Train starts a new network with the changed fields."
        assert numbers(page) == trained
        train(page)
        assert page.text_content("#note") == ""
        assert numbers(page)["options"]["seed"] == 3
        assert len(numbers(page)["moments"]) == len(trained["moments"])
        clicks = "document.querySelector('#train').click();" * 2
        assert page.evaluate(f"{clicks} document.querySelector('#stop').textContent") == "Stop"
        wait_for_end(page)
        assert len(numbers(page)["moments"]) == len(trained["moments"])


def test_a_restart_during_a_training_changes_nothing(browser: Any, address: str) -> None:
    with open_page(browser, address, SMALL) as page:
        train(page)
        expected = numbers(page)
        page.fill("#updates", "20000")
        page.click("#train")
        page.wait_for_function("/^Update/.test(document.querySelector('#state').textContent)")
        page.fill("#updates", "60")
        train(page)
        assert numbers(page)["moments"] == expected["moments"]
        assert matrix(numbers(page)).tolist() == matrix(expected).tolist()


def test_training_can_start_before_the_kernels_are_loaded(browser: Any, address: str) -> None:
    script = "addEventListener('DOMContentLoaded', () => document.querySelector('#train').click());"
    with open_page(browser, address, SMALL, script=script) as page:
        wait_for_end(page)
        assert numbers(page)["moments"][-1]["update"] == 60


def test_other_lengths_are_tried(browser: Any, address: str) -> None:
    with open_page(browser, address, "updates=500&longest=6") as page:
        assert page.is_hidden("#lengths")
        train(page)
        page.click("#measure")
        page.wait_for_selector("#lengths svg")
        content, text = numbers(page), page.text_content("#lengths-text")
    shares = content["lengths"]["shares"]
    assert len(shares) == 12
    assert np.mean(shares[3:6]) > 0.8
    trained, shorter = (f"{100 * np.mean(part):.1f} %" for part in (shares[3:6], shares[:3]))
    start = f"Lengths 4 to 6 of the training: {trained} without an error. Shorter ones: {shorter}. "
    failing = next((length for length, share in enumerate(shares, 1) if length > 6 and share < 0.5), None)
    seventh = f"Length 7: {100 * shares[6]:.1f} %. "
    end = (
        "At least half are without an error up to length 12."
        if failing is None
        else f"From length {failing} on, fewer than half are without an error."
    )
    assert text == start + seventh + end


# Measures the lengths, looks at the first moment meanwhile, and returns what has been shown in which order.
MEASURE_AND_LOOK = """async () => {
  const [measure, moment] = ["#measure", "#moment"].map((id) => document.querySelector(id));
  const shown = [];
  const until = async (name, condition) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
    shown.push([name, measure.disabled]);
  };
  measure.click();
  const state = [measure.disabled, document.querySelector("#measure-state").textContent];
  const before = document.querySelector("#diagonal").textContent;
  [moment.value] = ["0"];
  moment.dispatchEvent(new Event("input"));
  await Promise.all([
    until("attention", () => document.querySelector("#diagonal").textContent !== before),
    until("lengths", () => !measure.disabled),
  ]);
  return [...state, shown, measure.disabled, document.querySelector("#measure-state").textContent];
}"""


def test_the_page_answers_while_lengths_are_tried(browser: Any, address: str) -> None:
    with open_page(browser, address, "updates=200&shortest=1&longest=20&units=64&rate=0.005") as page:
        train(page)
        page.click("#measure")
        page.wait_for_selector("#lengths svg")
        alone = numbers(page)["lengths"]
        assert 0 < sum(alone["shares"]) < len(alone["shares"]) == 40
        observed = page.evaluate(MEASURE_AND_LOOK)
        assert observed == [True, "Trying the lengths 1 to 40.", [["attention", True], ["lengths", False]], False, ""]
        assert numbers(page)["lengths"] == alone, "the other weights have changed nothing"


def test_a_new_network_ends_the_trial_of_lengths(browser: Any, address: str) -> None:
    with open_page(browser, address, "shortest=1&longest=20&units=64") as page:
        page.evaluate(
            "document.querySelector('#measure').click(); const seed = document.querySelector('#seed');"
            "seed.value = '2'; seed.dispatchEvent(new Event('input'))"
        )
        assert page.text_content("#measure-state") == ""
        page.wait_for_selector("#measure:not([disabled])")
        page.wait_for_timeout(100)
        assert numbers(page)["lengths"] is None


def test_the_moment_is_selected_by_keys(browser: Any, address: str) -> None:
    with open_page(browser, address, SMALL) as page:
        train(page)
        moments = numbers(page)["moments"]
        page.focus("#moment")
        page.keyboard.press("ArrowLeft")
        before_last = f"After {moments[-2]['update']} updates"
        assert page.text_content("#moment-label") == before_last
        assert page.get_attribute("#moment", "aria-valuetext") == before_last
        wait_for_view(page, f"shown.moment === {len(moments) - 2}")
        page.focus("#moment")
        page.keyboard.press("Home")
        assert page.text_content("#moment-label") == "After 0 updates"
        wait_for_view(page, "shown.moment === 0")


def test_the_address_keeps_the_fields(browser: Any, address: str) -> None:
    with open_page(browser, address, "cell=transformer&units=many") as page:
        assert (page.input_value("#cell"), page.input_value("#units")) == ("elman", "32")
        page.select_option("#cell", "gru")
        page.select_option("#directions", "1")
        page.fill("#sequence", "777")
        address_now = page.evaluate("location.href")
    with visit(browser, address_now) as page:
        page.wait_for_selector("#attention svg")
        assert (page.input_value("#cell"), page.input_value("#directions")) == ("gru", "1")
        assert numbers(page)["shown"]["source"] == [10, 10, 10]


def test_nothing_is_prepared_with_a_wrong_address(browser: Any, address: str) -> None:
    with visit(browser, f"{address}#lang=en&units=33") as page:
        assert page.text_content("#problem") == WRONG_FIELDS["units"][2]
        assert page.text_content("#state") == ""
        page.fill("#units", "32")
        page.wait_for_selector("#attention svg")


def test_a_browser_that_cannot_run_the_kernels_is_reported(browser: Any, address: str) -> None:
    with visit(browser, f"{address}#lang=en", script=NO_VECTORS) as page:
        page.wait_for_function("document.querySelector('#problem').textContent !== ''")
        assert page.text_content("#problem").startswith("This browser cannot run the kernels")
        assert page.is_disabled("#save")
        page.click("#language")
        assert page.text_content("#problem").startswith("这个浏览器无法运行内核")


@pytest.mark.parametrize(("language", "scheme", "width"), [("en", "dark", 1200), ("zh", "light", 360)])
def test_everybody_can_read_the_page(browser: Any, language: str, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    file = (MODULES / "attention.html").as_uri()
    with open_page(browser, file, f"lang={language}&{SMALL}", **options) as page:
        train(page)
        page.click("summary")
        page.click("#measure")
        page.wait_for_selector("#lengths svg")
        assert accessibility_problems(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.click("#language")
        assert page.evaluate("document.documentElement.lang") == ("zh-CN" if language == "en" else "en")
        assert ("全对的占" in page.text_content("#state")) == (language == "en"), "the network stays"
