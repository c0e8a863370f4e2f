"""The checks of a built site find what is wrong, and a site that is built at smoke scale passes them."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import check_browser
import pytest
from check_site import problems_of
from website import sources

needs_sphinx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("sphinx", "myst_parser", "furo")),
    reason="Sphinx is not installed",
)
needs_chromium = pytest.mark.skipif(not any(map(shutil.which, check_browser.NAMES)), reason="Chromium is not installed")
HEAD = (
    '<meta name="viewport" content="width=device-width">'
    '<link rel="stylesheet" href="../style.css"><link rel="alternate" href="https://example.org/">'
)


def write_site(folder: Path, body: str = "", style: str = "body {}") -> Path:
    """A site of one page in each language; the English one has the body."""
    for language, text in (("en", body), ("zh", "")):
        (folder / language).mkdir(parents=True)
        (folder / language / "index.html").write_text(f"<html><head>{HEAD}</head>{text}</html>", "utf-8")
    (folder / "style.css").write_text(style, "utf-8")
    return folder


def test_a_good_site_has_no_problems(tmp_path: Path) -> None:
    body = (
        '<p id="here"></p><a href="#here"></a><a href="../zh/index.html"></a><a href="https://example.org/"></a>'
        '<img src="data:image/png;base64,AA=="><script>const address = "https://example.org";</script>'
    )
    assert problems_of(write_site(tmp_path, body, "a { background: url(data:x) }")) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="none.html"></a>', "link to none.html, which does not exist"),
        ('<a href="../zh/index.html#none"></a>', "link to ../zh/index.html#none: the page has no such anchor"),
        ('<a href="#none"></a>', "link to #none: the page has no such anchor"),
        ('<a href="../../outside.html"></a>', "link to ../../outside.html, which is not in the folder of the site"),
        ('<script src="https://example.org/x.js"></script>', "loads https://example.org/x.js; expected a file"),
        ('<link rel="preload" href="//example.org/x.woff2">', "loads //example.org/x.woff2; expected a file"),
        ('<img srcset="https://example.org/x.png 2x">', "loads https://example.org/x.png; expected a file"),
        ('<img src="none.png">', "loads none.png, which does not exist"),
        ("<p style=\"background: url('http://example.org/x')\"></p>", "loads http://example.org/x; expected a file"),
        ("<style>@import 'https://example.org/x.css';</style>", "loads https://example.org/x.css; expected a file"),
        ('<script>fetch("https://example.org/x")</script>', "loads https://example.org/x; expected a file"),
    ],
)
def test_a_problem_of_a_page_is_found(body: str, problem: str, tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", body)
    (tmp_path / "outside.html").touch()
    (found,) = problems_of(site)
    assert found.startswith(f"en/index.html: {problem}")


def test_problems_of_files_and_missing_pages_are_found(tmp_path: Path) -> None:
    site = write_site(tmp_path, style="@font-face { src: url(https://example.org/f.woff2) }")
    (site / "en" / "more.html").write_text("<html></html>", "utf-8")
    (site / "x.js").write_text("fetch('https://example.org/x')", "utf-8")
    assert problems_of(site) == [
        "style.css: loads https://example.org/f.woff2; expected a file of the site",
        "x.js: requests https://example.org/x",
        "en/more.html: not in zh",
    ]
    assert problems_of(tmp_path / "none") == [f"{tmp_path / 'none'}: no pages; expected a built site"]


def test_commands_of_labs_become_links_outside_of_blocks() -> None:
    text = "`elman lab bptt` and `elman lab none`\n```bash\nelman lab bptt # `elman lab bptt`\n```\n"
    linked = sources._link_labs(text, "../")
    assert linked == text.replace("`elman lab bptt` and", "[`elman lab bptt`](../labs/bptt.md) and")
    chinese = "见 `elman lab bptt --lang zh`。"
    assert sources._link_labs(chinese, "") == "见 [`elman lab bptt --lang zh`](labs/bptt.md)。"


def test_chinese_lines_are_joined_without_a_space() -> None:
    joined = sources.BREAK.sub(
        lambda match: match["code"] or "", "第一行，\n第二行\nabc\n\n```\n甲\n乙\n```\n- 项\n- 项\n"
    )
    assert joined == "第一行，第二行\nabc\n\n```\n甲\n乙\n```\n- 项\n- 项\n"


@needs_sphinx
def test_chinese_text_is_cut_into_characters_and_pairs() -> None:
    from website.extension import BigramSearch

    search = BigramSearch({})
    assert search.split("用LSTM 梯度裁剪") == ["用", "LSTM", "梯", "度", "裁", "剪", "梯度", "度裁", "裁剪"]
    assert search.stem("Networks") == "network"


@needs_chromium
@pytest.mark.slow
def test_the_browser_sees_requests_errors_and_wide_pages(tmp_path: Path) -> None:
    wide = '<img src="http://localhost:9/x.png"><div style="width: 900px">x</div><script>throw Error("wrong")</script>'
    site = write_site(tmp_path, wide)
    with check_browser.Browser() as browser:
        problems = check_browser.check_pages(browser, site)
    phone = [problem for problem in problems if problem.startswith("en/index.html (phone)")]
    assert len(phone) < len(problems)
    for part in ("requests http://localhost:9/x.png", "exception: Error: wrong", "pixels wide; expected at most 390"):
        assert any(part in problem for problem in phone), (part, problems)
    assert not any(problem.startswith("zh") for problem in problems)


@needs_sphinx
@pytest.mark.slow
def test_a_site_at_smoke_scale_is_built_and_has_no_problems(tmp_path: Path) -> None:
    from build_site import build_site

    site = build_site(tmp_path, "smoke")
    assert problems_of(site) == []
    if any(map(shutil.which, check_browser.NAMES)):
        assert check_browser.problems_in_browser(site) == []
