"""The page of the studio: what it shows is what the run folders hold, and what it is told to do is done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import RunFolder
from elman.inspect import trace_json
from tests.serve.studios import TOKEN, RunningStudio, running, write_run
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model
from tests.tasks.seq2seq.models import tiny_predictor as tiny_encoder_decoder

from .pages import accessibility_problems, visit

pytestmark = pytest.mark.web

NARROW, WIDE = 360, 1280
HOSTILE = "<img src=x onerror=alert(1)></script>"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/book"), tiny_language_model("lstm"))
    write_run(Path("runs/other"), tiny_language_model("lstm"), steps=60, finished=False)
    tiny_classifier().save(Path("runs/labels"))
    tiny_encoder_decoder().save(Path("runs/pairs"))
    Path("runs/text.txt").write_text("the time traveller smiled\n" * 300)
    Path("runs/empty.txt").write_text("")
    return Path("runs")


@pytest.fixture
def studio(folder: Path) -> Iterator[RunningStudio]:
    with running([folder]) as studio:
        yield studio


@contextmanager
def open_page(browser: Any, studio: RunningStudio, fragment: str = "lang=en", **options: Any) -> Iterator[Any]:
    with visit(browser, f"{studio.url}#{fragment}", **options) as page:
        page.wait_for_selector("#list tbody tr")
        yield page


def row(page: Any, name: str) -> list[str]:
    """Return the texts of the cells of a row."""
    texts: list[str] = page.locator(f'#list tr:has(th:text-is("{name}")) td').all_inner_texts()
    return texts


def wait_for_row(page: Any, name: str, text: str) -> None:
    page.wait_for_selector(f'#list tr:has(th:text-is("{name}")):has-text("{text}")', timeout=60_000)


def shown_trace(page: Any) -> Any:
    return page.frame_locator("#frame")


def test_the_list_is_that_of_the_folders(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio) as page:
        names = page.locator("#list tbody th").all_inner_texts()
        assert names == ["runs/book", "runs/other", "runs/labels", "runs/pairs"]
        cells = row(page, "runs/book")
        assert cells[1:6] == [
            "language model",
            "finished",
            "100",
            "10 s",
            "loss 2.5, perplexity 12.2 (update 100)",
        ]
        assert row(page, "runs/other")[2] == "stopped"
        assert row(page, "runs/labels")[1:3] == ["classifier", "model folder"]


def test_curves_grow_while_a_run_is_watched(browser: Any, studio: RunningStudio, folder: Path) -> None:
    with open_page(browser, studio) as page:
        assert page.locator("#training").is_hidden()
        page.check("text=runs/book >> xpath=.. >> input[type=checkbox]")
        page.wait_for_selector("#panel table")
        before = page.locator("#panel svg").first.inner_html()
        assert "run=runs%2Fbook" in page.url
        run = RunFolder.open(folder / "book")
        wait_for_row(page, "runs/book", "training")
        for step in range(110, 200, 10):
            run.append_record("metrics.jsonl", {"step": step, "loss": 1.0, "gradient_norm": 1.0})
        run.append_record("metrics.jsonl", {"step": 200, "train": {}, "valid": {"loss": 0.75}, "sample": HOSTILE})
        with (folder / "book/metrics.jsonl").open("a") as stream:
            stream.write("damaged\n")
        page.wait_for_selector("#panel pre")
        assert page.locator("#panel pre").inner_text() == HOSTILE
        assert page.locator("#panel svg").first.inner_html() != before
        assert "0.75 (step 200)" in page.locator("#panel .best").inner_text()
        assert page.locator("#damaged").inner_text().endswith("damaged lines, which are left out: 22")
        run.unlock()


def test_two_runs_are_compared_and_the_address_brings_them_back(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio, "lang=en&run=runs%2Fbook&run=runs%2Fother") as page:
        page.wait_for_selector("#panel .best tr:nth-of-type(3)")
        assert "Training loss" in page.locator("#panel h3").first.inner_text()
        legend = page.locator("#panel svg").first.text_content()
        assert "runs/book" in legend
        assert "runs/other" in legend
        page.reload()
        page.wait_for_selector("#panel .best tr:nth-of-type(3)")


def test_a_run_of_the_address_that_does_not_exist_is_reported(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio, "lang=zh&run=runs%2Fgone&run=runs%2Fbook") as page:
        page.wait_for_selector("#panel table")
        assert page.locator("#problem").inner_text() == "studio 的文件夹中没有这些运行：runs/gone"
        assert "gone" not in page.url
        assert page.is_checked('[aria-label="Show the curves of runs/book"], [aria-label="显示 runs/book 的曲线"]')


def test_the_trace_of_an_input_is_that_of_the_model(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio, "lang=en&model=runs%2Fbook&input=abcab") as page:
        page.click("#look-button")
        frame = shown_trace(page)
        frame.locator("#text span").nth(4).wait_for()
        assert page.locator("#look-state").inner_text() == "The trace of runs/book is below."
        trace = tiny_language_model("lstm").trace("abcab")
        value = frame.locator("#value").inner_text().split(": ")[1]
        assert float(value) == pytest.approx(float(trace.layers[0]["h"][0, 0]), rel=1e-3)
        with page.expect_download() as download:
            page.click("#save-trace")
        assert json.loads(Path(download.value.path()).read_text()) == json.loads(trace_json(trace))
        with page.expect_download() as download:
            page.click("#save-page")
        assert b"Inside the network" in Path(download.value.path()).read_bytes()
        page.click("#language")
        frame.locator("text=English").wait_for()
        page.fill("#input", "")
        page.click("#look-button")
        page.wait_for_selector("#look-problem:not(:empty)")
        assert page.locator("#look-problem").inner_text() == "输入为空；应为一段文本。请输入文本。"


def test_a_hostile_text_is_shown_as_text(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio, "lang=en&model=runs%2Flabels") as page:
        page.select_option("#model", "runs/labels")
        page.fill("#input", HOSTILE)
        page.click("#look-button")
        frame = shown_trace(page)
        frame.locator("#text span").nth(3).wait_for()
        tokens = tiny_classifier().trace(HOSTILE).axes["tokens"]
        assert [text.replace("\xa0", " ") for text in frame.locator("#text span").all_text_contents()] == tokens
        assert frame.locator("img").count() == 0


def test_a_text_is_generated_first(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio, "lang=en&model=runs%2Fbook&input=ab") as page:
        page.click("#generation summary")
        page.fill("#max-tokens", "30")
        page.click("#generate")
        shown_trace(page).locator("#text span").nth(20).wait_for()
        expected = tiny_language_model("lstm").generate("ab", max_tokens=30, temperature=0.7, seed=1)
        assert page.input_value("#input") == expected


def test_a_wrong_number_is_explained_and_stays_so(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio, "lang=zh&model=runs%2Fpairs&input=ab") as page:
        page.click("#look-options summary")
        page.fill("#beam", "0")
        page.click("#look-button")
        assert page.locator("#look-problem").inner_text() == "束搜索的假设数：给出的是 0，应为 1 到 100 之间的整数。"
        page.select_option("#model", "runs/book")  # which has no beam search
        page.click("#generation summary")
        page.fill("#max-tokens", "")
        page.click("#generate")
        assert page.locator("#look-problem").inner_text() == "词元数：给出的是 –，应为 1 到 5,000 之间的整数。"
        assert page.locator("#frame").is_hidden()
        page.click("#look-button")
        shown_trace(page).locator("#text span").first.wait_for()
        page.evaluate("document.getElementById('input').value = 'x'.repeat(1_000_001)")
        page.click("#look-button")
        assert page.locator("#look-problem").inner_text() == "输入有 1,000,001 个字符；应不超过 1,000,000 个。"


def test_a_long_text_is_windowed_and_the_page_says_so(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio, "lang=en&model=runs%2Fbook") as page:
        page.evaluate("document.getElementById('input').value = 'abc '.repeat(25_000)")
        page.click("#look-button")
        page.wait_for_selector("#look-state:has-text('The input has 100,000 characters. The trace shows the first')")


def test_a_damaged_run_is_a_line_of_the_list(browser: Any, studio: RunningStudio, folder: Path) -> None:
    (folder / "book/timing.jsonl").write_text('{"step": "x", "seconds": []}\n')
    with open_page(browser, studio) as page:
        assert row(page, "runs/book")[2].startswith("damaged")
        assert "ValueError" in page.locator("#list pre").first.text_content()
        assert row(page, "runs/other")[2] == "stopped"


def test_a_training_that_is_stopped_at_once_has_not_failed(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio) as page:
        page.select_option("#data", "runs/text.txt")
        page.fill("#name", "new")
        page.click("#new button[type=submit]")
        page.click('[aria-label="Stop: runs/new"]')
        wait_for_row(page, "runs/new", "stopped")


def test_a_training_that_is_killed_while_it_is_watched(browser: Any, studio: RunningStudio, folder: Path) -> None:
    with open_page(browser, studio) as page:
        page.select_option("#data", "runs/text.txt")
        page.fill("#name", "new")
        page.fill("#minutes", "5")
        page.click("#new button[type=submit]")
        wait_for_row(page, "runs/new", "training")
        page.check('[aria-label="Show the curves of runs/new"]')
        studio.studio.trainings._processes["runs/new"].popen.kill()
        wait_for_row(page, "runs/new", "failed")
        assert page.locator('[aria-label="Resume: runs/new"]').is_visible()


def test_only_the_fields_of_the_task_are_shown(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio) as page:
        page.click("#look-options summary")
        page.select_option("#model", "runs/pairs")
        assert page.locator("#beam-field").is_visible()
        for field in ("attribution", "position", "data"):
            assert page.locator(f"#{field}-field").is_hidden()
        page.select_option("#model", "runs/labels")
        assert page.locator("#target-field label").inner_text() == "Label whose loss is traced"
        assert page.locator("#beam-field").is_hidden()


def test_a_training_is_started_and_stopped_on_the_page(browser: Any, studio: RunningStudio, folder: Path) -> None:
    with open_page(browser, studio) as page:
        page.select_option("#data", "runs/text.txt")
        assert page.input_value("#name") == "text"
        page.fill("#name", "new")
        page.fill("#minutes", "5")
        page.click("text=More options")
        page.fill("#option-model-hidden_size", "8")
        page.fill("#option-training-threads", "1")
        page.click("#new button[type=submit]")
        page.wait_for_selector("#new-state:has-text('runs/new has been started')")
        wait_for_row(page, "runs/new", "training")
        page.click('[aria-label="Stop: runs/new"]')
        wait_for_row(page, "runs/new", "stopped")
        assert "hidden_size = [\n    8,\n]" in (folder / "new/config.toml").read_text()
        page.click('[aria-label="Resume: runs/new"]')
        wait_for_row(page, "runs/new", "training")
        page.click('[aria-label="Stop: runs/new"]')
        wait_for_row(page, "runs/new", "stopped")


def test_a_training_that_fails_shows_its_messages(browser: Any, studio: RunningStudio) -> None:
    with open_page(browser, studio) as page:
        page.select_option("#data", "runs/empty.txt")
        page.click("#new button[type=submit]")
        wait_for_row(page, "runs/empty", "failed")
        page.click("text=Messages >> visible=true")
        assert "empty.txt: is empty; expected text" in page.locator("#list pre >> visible=true").inner_text()


def test_a_data_file_is_added(browser: Any, studio: RunningStudio, folder: Path) -> None:
    with open_page(browser, studio) as page:
        content = "诗\n".encode() * 1000
        page.set_input_files("#upload", {"name": "唐诗.txt", "mimeType": "text/plain", "buffer": content})
        page.wait_for_selector("#new-state:has-text('唐诗.txt is stored')")
        assert (folder / "唐诗.txt").read_bytes() == content
        assert page.input_value("#data") == "runs/唐诗.txt"
        assert page.input_value("#name") == "唐诗"


def test_a_run_that_is_deleted_while_it_is_watched(browser: Any, studio: RunningStudio, folder: Path) -> None:
    with open_page(browser, studio, "lang=en&run=runs%2Fbook") as page:
        page.wait_for_selector("#panel table")
        shutil.rmtree(folder / "book")
        page.wait_for_selector("#list:not(:has-text('runs/book'))")


def test_the_end_of_the_studio_is_reported(browser: Any, folder: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    with running([folder]) as studio:
        page.goto(f"{studio.url}#lang=en")
        page.wait_for_selector("#list tbody tr")
    page.wait_for_selector("#problem:has-text('The studio does not answer')")
    page.click("#language")
    page.wait_for_selector("#problem:has-text('studio 没有应答')")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_accessibility_and_width(browser: Any, studio: RunningStudio, language: str, scheme: Any) -> None:
    fragment = f"lang={language}&run=runs%2Fbook&run=runs%2Fother&model=runs%2Fbook&input=abc"
    with open_page(browser, studio, fragment, color_scheme=scheme, viewport={"width": WIDE, "height": 900}) as page:
        page.wait_for_selector("#panel table")
        for summary in page.locator("summary >> visible=true").all():
            summary.click()
        page.wait_for_selector("#train-options input")
        assert accessibility_problems(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.set_viewport_size({"width": NARROW, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_keyboard_is_enough_and_keeps_its_place(browser: Any, studio: RunningStudio, folder: Path) -> None:
    with open_page(browser, studio) as page:
        page.focus("#language")
        for _ in range(3):
            page.keyboard.press("Tab")
        focused = "document.activeElement.getAttribute('aria-label')"
        labels = []
        for _ in range(12):
            labels.append(page.evaluate(focused))
            page.keyboard.press("Tab")
        assert "Look inside: runs/book" in labels
        page.focus('[aria-label="Show the curves of runs/book"]')
        page.keyboard.press("Space")
        page.wait_for_selector("#panel table")
        run = RunFolder.open(folder / "book")  # the row changes, and the list is sent again
        wait_for_row(page, "runs/book", "training")
        run.unlock()
        assert page.evaluate(focused) == "Show the curves of runs/book"


def test_a_page_of_another_site_cannot_use_the_studio(browser: Any, studio: RunningStudio) -> None:
    """A hostile page knows the port, and even the token: the browser does not let it read, and the studio refuses."""
    context = browser.new_context()
    context.route(
        "http://evil.example/*",
        lambda route: route.fulfill(content_type="text/html", body="<p>evil</p><div id=a></div>"),
    )
    page = context.new_page()
    page.goto("http://evil.example/")
    base = f"http://127.0.0.1:{studio.port}"
    script = """async ([url, options]) => {
        try { return (await fetch(url, options)).status; } catch { return 'refused'; }
    }"""
    text = {"Content-Type": "text/plain"}
    for path, options in [
        (f"/api/options?token={TOKEN}", {}),
        (f"/api/stop?token={TOKEN}", {"method": "POST", "body": "{}", "headers": text}),
        (f"/api/files?folder=runs&name=evil.txt&token={TOKEN}", {"method": "POST", "body": "x", "mode": "no-cors"}),
        (f"/api/trace?token={TOKEN}", {"method": "POST", "body": "{}", "headers": {"X-Elman-Token": TOKEN}}),
    ]:
        assert page.evaluate(script, [base + path, options]) in ("refused", 0)
    page.set_content(f'<iframe src="{studio.url}"></iframe>')
    page.wait_for_timeout(500)
    assert page.frames[-1].locator("#list").count() == 0  # refused, as every request of another site
    assert [entry.name for entry in studio.studio.folders.entries() if "evil" in entry.name] == []
    context.close()
