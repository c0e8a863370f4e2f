"""The page that trains a character model: what it computes, what it says to bad input, and who can use it."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman

from .exchange import MODULES, decoded
from .pages import accessibility_problems, site, visit

pytestmark = pytest.mark.web

TEXT = "the quick brown fox jumps over the lazy dog.\n" * 40
TRAINED = "/^(Done|完成)/.test(document.querySelector('#state').textContent)"
SETTINGS = "units=24&seed=4&temperature=0.8&length=150&draw=7"


NO_VECTORS = """
  const Original = Blob;
  window.Blob = class extends Original {
    constructor(parts, options) { super(["WebAssembly.validate = () => false;", ...parts], options); }
  };
"""  # as if the worker ran in an older browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with site() as address:
        yield f"{address}/character-model.html"


@contextmanager
def open_page(browser: Any, address: str, fragment: str = "lang=en", **options: Any) -> Iterator[Any]:
    with visit(browser, f"{address}#{fragment}", **options) as page:
        yield page


def train(page: Any, text: str = TEXT) -> None:
    page.evaluate("text => (document.querySelector('#text').value = text)", text)  # `fill` is slow for a long text
    page.click("#train")
    page.wait_for_function(TRAINED)


def generate(page: Any, prompt: str) -> str:
    before = page.text_content("#output")
    page.fill("#prompt", prompt)
    page.click("#generate")
    page.wait_for_function("before => document.querySelector('#output').textContent !== before", arg=before)
    return str(page.text_content("#output"))


def save(page: Any, folder: Path) -> Path:
    """Save the model, and return its folder."""
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "my-model.zip"
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        archive.extractall(folder)
    return folder / "my-model"


@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
def test_a_saved_model_generates_the_text_of_the_page(browser: Any, address: str, cell: str, tmp_path: Path) -> None:
    with open_page(browser, address, f"lang=en&steps=80&cell={cell}&{SETTINGS}") as page:
        train(page)
        text = generate(page, "the ")
        save(page, tmp_path)
        program, *arguments = shlex.split(page.text_content("#save-command").replace("...", "the "))
    assert program == "elman"
    command = [sys.executable, "-m", "elman", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.removesuffix("\n") == text.removesuffix("\n")
    assert len(text) == 154


@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
def test_a_trace_of_the_page_is_that_of_the_saved_model(browser: Any, address: str, cell: str, tmp_path: Path) -> None:
    with open_page(browser, address, f"lang=zh&steps=60&layers=2&cell={cell}&{SETTINGS}") as page:
        train(page, TEXT + "</script>\n" * 20)  # which must not end the script with the trace
        text = generate(page, "</script>the ")
        with page.expect_popup() as popup:
            page.click("#inspect")
        inside = popup.value
        inside.wait_for_selector("#content:not([hidden])")
        trace = decoded(json.loads(inside.text_content("#trace")))
        inside.select_option("#array", "gate.r" if cell == "gru" else "h")
        inside.fill("#unit", "3")
        shown = inside.get_attribute("[data-token='7']", "aria-label")
        model = elman.load(save(page, tmp_path))
    expected = model.trace(text)
    assert trace["axes"] == expected.axes
    assert set(trace["arrays"]) == {"logits", "loss"}
    for name, array in trace["arrays"].items():
        np.testing.assert_allclose(array, expected[name], 1e-4, 1e-5, err_msg=name)
    for layer_shown, layer in zip(trace["layers"], expected.layers, strict=True):
        assert (layer_shown["cell"], tuple(layer_shown["gates"])) == (layer.cell, layer.gates)
        assert {"h", *(f"gate.{gate}" for gate in layer.gates)} <= set(layer_shown["arrays"])
        for name, array in layer_shown["arrays"].items():
            np.testing.assert_allclose(array, layer[name], 1e-4, 1e-5, err_msg=name)
    number = expected.layers[0]["gate.r" if cell == "gru" else "h"][7, 2]
    assert float(shown.split("：")[1]) == pytest.approx(number, rel=1e-3)


def test_without_a_text_there_is_nothing_to_look_at(browser: Any, address: str) -> None:
    with open_page(browser, address, f"lang=en&steps=5&{SETTINGS}") as page:
        train(page)
        page.evaluate("() => { document.querySelector('#sample').textContent = ''; }")
        page.click("#inspect")
        assert len(page.context.pages) == 1
        assert len(generate(page, "the ")) == 154, "the model is still there"


def test_where_no_window_is_allowed_the_trace_is_saved(browser: Any, address: str) -> None:
    with visit(browser, f"{address}#lang=en&steps=5&{SETTINGS}", script="window.open = () => null;") as page:
        train(page)
        with page.expect_download() as download:
            page.click("#inspect")
        assert download.value.suggested_filename == "trace.html"
        assert '"task":"lm"' in Path(download.value.path()).read_text("utf-8")


def test_the_same_steps_and_seed_give_the_same_text(browser: Any, address: str) -> None:
    texts = []
    for _ in range(2):
        with open_page(browser, address, f"lang=en&steps=60&{SETTINGS}") as page:
            train(page)
            texts.append(generate(page, "fox"))
    assert texts[0] == texts[1]
    with open_page(browser, address, f"lang=en&steps=60&{SETTINGS}") as page:
        page.fill("#seed", "5")
        train(page)
        assert generate(page, "fox") != texts[0]


def test_a_second_training_replaces_the_first_one(browser: Any, address: str) -> None:
    with open_page(browser, address, f"lang=en&minutes=5&{SETTINGS}") as page:
        page.fill("#text", TEXT)
        page.click("#train")
        page.wait_for_function("document.querySelector('#progress').value > 0")
        page.fill("#text", "床前明月光，疑是地上霜。\n" * 20)
        page.fill("#minutes", "0.1")
        page.click("#train")
        page.wait_for_function("document.querySelector('#state').textContent.startsWith('Done')")
        assert set(generate(page, "明")) <= set("床前明月光，疑是地上霜。\n")
        assert page.is_disabled("#pause")


def test_the_page_opens_from_a_disk(browser: Any, address: str) -> None:
    texts = []
    for place in (address, (MODULES / "character-model.html").as_uri()):
        with open_page(browser, place, f"lang=en&steps=30&{SETTINGS}") as page:
            train(page)
            texts.append(generate(page, "the "))
    assert texts[0] == texts[1]


def test_chinese_text_is_learned(browser: Any, address: str, tmp_path: Path) -> None:
    with open_page(browser, address, f"lang=zh&steps=150&{SETTINGS}") as page:
        train(page, "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n" * 20)
        text = generate(page, "床前")
        state = page.text_content("#state")
        model = elman.load(save(page, tmp_path))
    assert text.startswith("床前明月光，疑是地上霜。举头望明月")
    assert model.generate("床前", max_tokens=150, temperature=0.8, seed=7) == text
    assert re.fullmatch(r"完成：[\d.]+ 秒内更新了 150 次，每秒 [\d,]+ 个字符。", state)


def test_the_loss_on_the_page_is_that_of_the_saved_model(browser: Any, address: str, tmp_path: Path) -> None:
    with open_page(browser, address, "lang=en&steps=300&units=64") as page:
        text = page.input_value("#text")
        train(page, text)
        note = page.text_content("#note")
        model = elman.load(save(page, tmp_path))
    shown = re.fullmatch(r"Using the weights of update (\d+), .*: ([\d.]+) nats\.", note)
    assert shown is not None
    assert int(shown[1]) < 250, "the text is so short that it is soon learned by heart"
    held_out = text[int(0.9 * len(text)) :]
    assert f"{model.evaluate([held_out])['loss']:.3f}" == shown[2]


def test_a_training_pauses_and_continues(browser: Any, address: str) -> None:
    with open_page(browser, address, f"lang=en&minutes=0.1&{SETTINGS}") as page:
        page.fill("#text", TEXT)
        page.click("#train")
        page.wait_for_function("document.querySelector('#progress').value > 0.1")
        page.click("#pause")
        page.wait_for_function("document.querySelector('#state').textContent.startsWith('Paused')")
        state = page.text_content("#state")
        assert len(generate(page, "the")) == 153  # a paused model writes
        page.wait_for_timeout(300)
        assert page.text_content("#state") == state
        assert page.text_content("#pause") == "Continue"
        page.click("#pause")
        page.wait_for_function(TRAINED)
        assert page.text_content("#state").startswith("Done: ")


BAD_INPUT = {
    "no text": ({"#text": ""}, "There is no text. Paste one, or choose an example."),
    "short text": ({"#text": "too short"}, "The text has 9 characters; at least 20 are needed."),
    "no units": ({"#units": ""}, "Hidden units: given –; expected a number from 1 to 512."),
    "half a unit": ({"#units": "1.5"}, "Hidden units: given 1.5; expected a number from 1 to 512."),
    "too many layers": ({"#layers": "9"}, "Layers: given 9; expected a number from 1 to 4."),
    "no time": ({"#minutes": "0"}, "Minutes of training: given 0; expected a number from 0.1 to 600."),
}


@pytest.mark.parametrize("case", list(BAD_INPUT))
def test_bad_input_is_refused_in_words(browser: Any, address: str, case: str) -> None:
    values, message = BAD_INPUT[case]
    with open_page(browser, address) as page:
        for field, value in values.items():
            page.fill(field, value)
        page.click("#train")
        assert page.text_content("#problem") == message
        assert page.evaluate("document.activeElement.id") == next(iter(values)).lstrip("#")
        assert page.is_disabled("#pause")


def test_a_wrong_address_gives_the_first_values(browser: Any, address: str) -> None:
    with open_page(browser, address, "lang=en&cell=none&units=x&minutes=&prompt=1") as page:
        values = [page.input_value(f"#{name}") for name in ("cell", "units", "minutes", "prompt")]
        assert values == ["lstm", "128", "1", "1"]


def test_a_wrong_temperature_is_refused(browser: Any, address: str) -> None:
    with open_page(browser, address, f"lang=zh&steps=5&{SETTINGS}") as page:
        train(page)
        page.fill("#temperature", "-1")
        page.click("#generate")
        assert page.text_content("#generate-problem") == "温度：给出的是 -1，应为 0 到 5 之间的数。"


def test_unknown_characters_of_a_beginning_are_named(browser: Any, address: str) -> None:
    with open_page(browser, address, f"lang=en&steps=5&{SETTINGS}") as page:
        train(page)
        assert generate(page, "the 狐 fox 狐!").startswith("the 狐 fox 狐!")
        expected = "These characters are not in the text that the network has learned from: 狐 !"
        assert page.text_content("#unknown") == expected


def test_a_text_of_100_000_characters_is_learned(browser: Any, address: str) -> None:
    with open_page(browser, address, f"lang=en&steps=5&{SETTINGS}") as page:
        train(page, TEXT * 56)
        assert page.text_content("#data").startswith("90,720 characters for training, 10,080 for validation")


FILES = {
    "utf-8": ("茶 tea\r\n" * 9).encode(),
    "gb18030": ("茶 tea\r\n" * 9).encode("gb18030"),
}


@pytest.mark.parametrize("encoding", list(FILES))
def test_a_file_is_opened(browser: Any, address: str, encoding: str) -> None:
    with open_page(browser, address) as page:
        page.set_input_files("#file", {"name": "tea.txt", "mimeType": "text/plain", "buffer": FILES[encoding]})
        page.wait_for_function("document.querySelector('#text').value.startsWith('茶')")
        page.wait_for_function("document.querySelector('#text-size').textContent === '54 characters, 6 distinct'")


def test_a_file_that_is_no_text_is_refused(browser: Any, address: str) -> None:
    with open_page(browser, address) as page:
        before = page.input_value("#text")
        file = {"name": "photo.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"}
        page.set_input_files("#file", file)
        page.wait_for_function("document.querySelector('#problem').textContent !== ''")
        assert page.text_content("#problem") == "photo.png is not a text in UTF-8 or GB18030."
        assert page.input_value("#text") == before


def test_a_browser_that_cannot_run_the_kernels_is_told(browser: Any, address: str) -> None:
    with open_page(browser, address, "lang=en&steps=5", script=NO_VECTORS) as page:
        page.click("#train")
        page.wait_for_function("document.querySelector('#problem').textContent !== ''")
        assert page.text_content("#problem").startswith("This browser cannot run the kernels")
        assert page.text_content("#state") == "Not trained yet."
        assert page.is_disabled("#generate")
        assert page.is_disabled("#pause")


def test_the_fields_are_kept_in_the_address(browser: Any, address: str) -> None:
    with open_page(browser, address) as page:
        page.select_option("#cell", "gru")
        page.fill("#units", "48")
        page.fill("#prompt", "a&b 你")
        page.click("#language")
        link = page.url
    with visit(browser, link) as page:
        assert page.input_value("#cell") == "gru"
        assert page.input_value("#units") == "48"
        assert page.input_value("#prompt") == "a&b 你"
        assert page.text_content("h1") == "在网页里训练字符模型"
        assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_the_page_works_with_the_keyboard_alone(browser: Any, address: str) -> None:
    with open_page(browser, address, f"lang=en&minutes=0.1&{SETTINGS}") as page:
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id"))
            if reached[-1] == "train":
                break
        assert reached[:5] == ["language", "text", "example-en", "example-zh", "open"]
        assert reached[-6:] == ["cell", "units", "layers", "minutes", "seed", "train"]
        page.keyboard.press("Enter")
        page.wait_for_function(TRAINED)
        page.focus("#prompt")
        page.keyboard.type("Shall")
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('#output').textContent.startsWith('Shall')")


APPEARANCES = [("en", "light", 1200), ("zh", "dark", 1200), ("zh", "light", 390), ("en", "dark", 390)]


@pytest.mark.parametrize(("language", "scheme", "width"), APPEARANCES)
def test_everybody_can_read_the_page(browser: Any, address: str, language: str, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with open_page(browser, address, f"lang={language}&steps=20&{SETTINGS}", **options) as page:
        train(page)
        generate(page, "the")
        assert accessibility_problems(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
