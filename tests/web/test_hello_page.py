"""The page "From hello to ohlol": every loss, output and probability that it shows is that of elman.cells."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from .charts import heat_map_shares
from .exchange import MODULES
from .pages import accessibility_problems, site, visit
from .test_text_mapper import Reference

pytestmark = pytest.mark.web

NO_VECTORS = "WebAssembly.validate = () => false;"
FINISHED = "/finished|完成/.test(document.querySelector('#state').textContent)"
CHINESE = {"source": "红豆生南国", "target": "国南生豆红"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with site() as address:
        yield f"{address}/hello.html"


@contextmanager
def open_page(browser: Any, address: str, values: dict[str, Any] | None = None, **options: Any) -> Iterator[Any]:
    values = {"lang": "en", **(values or {})}
    with visit(browser, f"{address}#{urlencode(values)}", **options) as page:
        page.wait_for_function("document.querySelector('#train').textContent !== ''")
        if "trained" in values:
            page.wait_for_function(FINISHED)
        yield page


def saved(page: Any) -> dict[str, Any]:
    """Return the numbers that the page saves."""
    with page.expect_download() as download:
        page.click("#save")
    content = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert isinstance(content, dict)
    return content


def rows(page: Any, table: str) -> list[list[str]]:
    """Return the texts of a table, without its caption and its head."""
    script = "id => [...document.querySelectorAll(`#${id} tr`)].map((r) => [...r.children].map((c) => c.textContent))"
    result = page.evaluate(script, table)
    assert isinstance(result, list)
    return result[1:]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cell": "gru", "logits": "linear", "hidden": 6, "seed": 4, "rate": 0.05},
        {**CHINESE, "cell": "lstm", "optimizer": "sgd", "rate": 0.7},
        {"source": "a b<b", "target": "<a bb", "logits": "linear", "hidden": 3, "rate": 0.2},
    ],
)
def test_the_numbers_of_the_page_are_those_of_python(browser: Any, address: str, changes: dict[str, Any]) -> None:
    source, target = changes.get("source", "hello"), changes.get("target", "ohlol")
    with open_page(browser, address, {**changes, "other": source[::-1]}) as page:
        initial = np.array(saved(page)["weights"])
        page.click("#train")
        page.wait_for_function(FINISHED)
        content = saved(page)
        epochs, steps, size = rows(page, "epoch-table"), rows(page, "step-table"), page.text_content("#size")
        wrong = page.evaluate(
            "[...document.querySelectorAll('#epoch-table tr')].map((r) => r.querySelectorAll('.wrong').length)"
        )[1:]
        other = page.text_content("#other-output .text")
        frames = page.eval_on_selector_all(
            "#probabilities rect[fill=none]", "all => all.map((r) => [r.getAttribute('x'), r.getAttribute('y')])"
        )
        shares = heat_map_shares(page, "#probabilities", len({*source, *target}), len(source))
    settings, characters = content["settings"], "".join(content["characters"])
    assert characters == "".join(sorted({*source, *target}))
    assert settings["hidden"] == (changes["hidden"] if "logits" in changes else len(characters))
    assert settings["hasLinear"] == ("logits" in changes)
    assert settings["optimizer"] == changes.get("optimizer", "adam")
    expected = Reference(initial, characters, settings)
    losses, outputs = [], []
    for _ in range(16):
        epoch, final = expected.evaluate(source, target), expected.flat.copy()
        losses.append(epoch.losses.sum())
        outputs.append(expected.output(epoch.probabilities))
        expected.update(source, target)
    np.testing.assert_allclose(content["weights"], final, 1e-9, 1e-9)
    np.testing.assert_allclose([entry["loss"] for entry in content["epochs"]], losses, 1e-9)
    errors = [sum(a != b for a, b in zip(output, target, strict=True)) for output in outputs]
    assert epochs == [
        [f"{index}", f"{loss:.4f}", output.replace(" ", "␣"), f"{len(target) - count} of {len(target)}"]
        for index, (loss, output, count) in enumerate(zip(losses, outputs, errors, strict=True))
    ]
    assert wrong == errors
    of_targets = np.exp(-epoch.losses)
    assert [row[1:4] for row in steps] == [
        [character.replace(" ", "␣") for character in triple]
        for triple in zip(source, target, outputs[-1], strict=True)
    ]
    np.testing.assert_allclose([float(row[4].replace("−", "-")) for row in steps], of_targets, 6e-4)
    np.testing.assert_allclose([float(row[5].replace("−", "-")) for row in steps], epoch.losses, 6e-3)
    expected.flat[...] = final
    assert other == expected.output(expected.evaluate(source[::-1], target).probabilities).replace(" ", "␣")
    assert f"{len(final)} parameters, {len(characters)} different characters." in size
    bound = len(target) * math.log1p((len(characters) - 1) * math.exp(-2.0))
    assert (f"= {bound:.4f}. A linear layer removes this bound." in size) == ("logits" not in changes)
    np.testing.assert_allclose(shares, epoch.probabilities.T, atol=1 / 200)
    corners = [(90.0 + 32 * t, 26.0 + 20 * characters.index(c)) for t, c in enumerate(target)]  # pixels
    assert [(float(x), float(y)) for x, y in frames] == corners, "the target of each step is framed"


def test_the_first_training_ends_with_ohlol(browser: Any, address: str) -> None:
    with open_page(browser, address) as page:
        assert page.text_content("#state").startswith("The weights are random.")
        assert page.text_content("#ambiguous").startswith(
            "“l” is read several times, and its targets are different: l, o."
        )
        page.click("#train")
        page.wait_for_function(FINISHED)
        assert rows(page, "epoch-table")[-1][2] == "ohlol"
        assert page.text_content("#size").startswith("40 parameters, 4 different characters.")
        legend = page.eval_on_selector_all("#loss svg text", "texts => texts.map((text) => text.textContent)")
        assert "lower bound" in legend


def test_epochs_one_by_one_and_a_link(browser: Any, address: str) -> None:
    with open_page(browser, address, {"seed": 3, "epochs": 5}) as page:
        first = saved(page)
        assert page.is_disabled("#epoch")
        for count in (1, 2):
            page.click("#one")
            assert page.text_content("#state") == "The training has stopped."
            assert len(saved(page)["epochs"]) == count + 1
        assert page.text_content("#train") == "Continue"
        page.click("#train")
        page.wait_for_function(FINISHED)
        assert len(saved(page)["epochs"]) == 6
        page.click("#train")
        page.wait_for_function("document.querySelectorAll('#epoch-table tr').length === 12")
        page.fill("#epoch", "4")
        assert page.text_content("label[for=epoch]").endswith(": 4")
        content, steps, shown = saved(page), rows(page, "step-table"), page.url
        loss = sum(float(row[5]) for row in steps)
        assert loss == pytest.approx(content["epochs"][4]["loss"], rel=1e-3)
        page.click("#again")
        assert saved(page) == first
    with visit(browser, shown) as page:
        page.wait_for_function(FINISHED)
        assert saved(page) == content, "a link reproduces the training"
        assert rows(page, "step-table") == steps, "and the epoch that is shown"


def test_a_long_training_shows_some_epochs(browser: Any, address: str) -> None:
    with open_page(browser, address, {"logits": "linear", "trained": 130}) as page:
        shown = [int(row[0]) for row in rows(page, "epoch-table")]
        assert shown == [*range(0, 130, 3), 130]
        assert page.evaluate("(table => table.scrollTop > 0)(document.querySelector('#epoch-table'))")
    with open_page(browser, address, {"trained": 5000, "source": "a", "target": "a"}) as page:
        assert len(saved(page)["epochs"]) == 2001
        assert page.is_disabled("#train")
        assert page.is_disabled("#one")


def test_a_change_starts_again(browser: Any, address: str) -> None:
    with open_page(browser, address, {"trained": 3}) as page:
        for name, value in [("source", "hallo"), ("rate", "0.2"), ("seed", "9"), ("target", "ollah")]:
            page.click("#one")
            page.fill(f"#{name}", value)
            assert len(saved(page)["epochs"]) == 1
        for name, value in [("cell", "lstm"), ("logits", "linear"), ("optimizer", "sgd")]:
            page.click("#one")
            page.select_option(f"#{name}", value)
            assert len(saved(page)["epochs"]) == 1
        assert page.is_visible("#hidden")
        page.click("#example-chinese")
        assert saved(page)["characters"] == sorted(set("红豆生南国"))
        assert page.text_content("#ambiguous") == "", "every character is read once"
        page.click("#example-next")
        assert page.text_content("#ambiguous").startswith("“l” is read several times")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("source", "", "输入：给出的是空文本，应为 1 到 32 个字符。"),
        ("target", "x" * 33, "目标：给出了 33 个字符，应为 1 到 32 个。"),
        ("source", "😀你好", "输入与目标：给出了 3 个和 5 个字符，两者应当等长"),
        ("rate", "-1", "学习率：给出的是 -1，应为 0 到 100 之间的数。"),
        ("epochs", "0", "轮数：给出的是 0，应为 1 到 1,000 之间的整数。"),
        ("seed", "1.5", "随机种子：给出的是 1.5，应为 0 到 4,294,967,295 之间的整数。"),
    ],
)
def test_wrong_fields_are_reported(browser: Any, address: str, name: str, value: str, message: str) -> None:
    with open_page(browser, address, {"lang": "zh"}) as page:
        before = page.input_value(f"#{name}")
        page.fill(f"#{name}", value)
        assert page.text_content("#problem").startswith(message)
        if name != "epochs":
            assert not page.is_visible("#results")
            assert page.is_disabled("#train")
        page.fill(f"#{name}", before)
        assert page.text_content("#problem") == ""
        page.click("#train")
        page.wait_for_function(FINISHED)


def test_hidden_units_count_only_with_a_linear_layer(browser: Any, address: str) -> None:
    with open_page(browser, address, {"logits": "linear"}) as page:
        page.fill("#hidden", "65")
        assert page.text_content("#problem") == "Hidden units: given 65; expected a whole number from 1 to 64."
        page.select_option("#logits", "state")
        assert page.text_content("#problem") == ""
        assert not page.is_visible("#hidden")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "Input that was not trained: given an empty text; expected 1 to 32 characters."),
        ("hexy", "Input that was not trained: given x y; expected only characters of the trained texts: e h l o"),
        ("h" * 33, "Input that was not trained: given 33 characters; expected 1 to 32."),
    ],
)
def test_a_text_that_the_network_cannot_read(browser: Any, address: str, value: str, message: str) -> None:
    with open_page(browser, address) as page:
        page.fill("#other", value)
        assert page.text_content("#other-problem") == message
        assert page.text_content("#other-output") == ""
        page.fill("#other", "he")
        assert page.text_content("#other-problem") == ""
        assert len(page.text_content("#other-output .text")) == 2


def test_a_wrong_address_gives_the_first_network(browser: Any, address: str) -> None:
    with visit(browser, f"{address}#lang=en&cell=rnn&rate=x&seed=-3&trained=no&shown=no&logits=none") as page:
        assert [page.input_value(f"#{name}") for name in ("cell", "rate", "seed", "logits")] == [
            *("elman", "0.1", "1", "state")
        ]
        assert len(saved(page)["epochs"]) == 1


def test_a_browser_that_cannot_run_the_kernels_is_reported(browser: Any, address: str) -> None:
    with visit(browser, f"{address}#lang=en", script=NO_VECTORS) as page:
        page.wait_for_function("document.querySelector('#problem').textContent !== ''")
        assert page.text_content("#problem").startswith("This browser cannot run the kernels")


@pytest.mark.parametrize(("language", "scheme", "width"), [("en", "dark", 1200), ("zh", "light", 360)])
def test_everybody_can_read_the_page(browser: Any, language: str, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    values = {"lang": language, "trained": 15, "logits": "linear", **(CHINESE if language == "zh" else {})}
    with open_page(browser, (MODULES / "hello.html").as_uri(), values, **options) as page:
        assert accessibility_problems(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
