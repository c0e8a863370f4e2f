"""What the site needs beside Sphinx and the theme: equations by KaTeX, search in Chinese, the language switch."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

from website.docstrings import as_restructured_text

CHINESE_RUN = re.compile(r"[\u3400-\u9fff]+|(?:(?![\u3400-\u9fff])\w)+")
SUMMARY_LENGTH = 160  # characters of the first paragraph that a search result shows


class BigramSearch(SearchEnglish):  # type: ignore[misc]  # Sphinx need not be installed for a check of types
    """Search for English words by their stems and for Chinese text by pairs of characters.

    Chinese has no spaces between words. 梯度裁剪 is indexed as 梯度, 度裁 and 裁剪, and as its four characters. The
    query is cut into the same pairs, so every phrase of a page is found, whether a dictionary has it or not.
    """

    lang = "bigrams"
    js_splitter_code = """
function splitQuery(query) {
  const runs = query.match(/[\\u3400-\\u9fff]+|(?:(?![\\u3400-\\u9fff])[\\p{L}\\p{N}_])+/gu) || [];
  return runs.flatMap((run) => {
    if (run.length < 2 || !/[\\u3400-\\u9fff]/.test(run)) return [run];
    return Array.from({ length: run.length - 1 }, (_, i) => run.slice(i, i + 2));
  });
}
"""

    def split(self, text: str) -> list[str]:
        """Return the words of a text: English words, and single characters and pairs of Chinese."""
        words = []
        for run in CHINESE_RUN.findall(text):
            if "\u3400" <= run[0] <= "\u9fff":
                words += [*run, *(run[i : i + 2] for i in range(len(run) - 1))]
            else:
                words.append(run)
        return words


def render_inline(translator: Any, node: nodes.Element) -> None:
    """Write an equation within a line, for static/equations.js to typeset."""
    translator.body.append(translator.starttag(node, "span", "", CLASS="math notranslate"))
    translator.body.append(translator.encode(node.astext()) + "</span>")
    raise nodes.SkipNode


def render_block(translator: Any, node: nodes.Element) -> None:
    """Write an equation on lines of its own."""
    translator.body.append(translator.starttag(node, "div", "", CLASS="math notranslate"))
    translator.body.append(translator.encode(node.astext()) + "</div>\n")
    raise nodes.SkipNode


def rewrite_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn the plain text of a docstring into reStructuredText; drop those of Python's own classes."""
    if what == "data" or "".join(lines).startswith("Alias for field number"):
        lines.clear()
        return
    lines[:] = [*as_restructured_text("\n".join(lines)), ""]


def first_paragraph(document: nodes.document) -> str:
    """Return the beginning of a page's text, for the results of a search."""
    for node in document.findall(nodes.paragraph):
        text = str(node.astext()).replace("\n", " ")
        return text if len(text) <= SUMMARY_LENGTH else text[:SUMMARY_LENGTH].rsplit(" ", 1)[0] + " …"
    return ""


def record_summary(app: Sphinx, document: nodes.document) -> None:
    """Keep the beginning of a page as it is read."""
    summaries = app.env.metadata[app.env.docname]
    summaries["summary"] = first_paragraph(document)


def write_summaries(app: Sphinx, error: Exception | None) -> None:
    """Write the beginnings of all pages into a script, because pages opened from a folder cannot fetch each other."""
    if error is None and app.builder.format == "html":
        summaries = {name: app.env.metadata[name].get("summary", "") for name in sorted(app.env.found_docs)}
        text = f"window.pageSummaries = {json.dumps(summaries, ensure_ascii=False)};\n"
        (Path(app.outdir) / "_static" / "summaries.js").write_text(text, "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it with Sphinx."""
    app.add_search_language(BigramSearch)
    app.add_html_math_renderer("katex", (render_inline, None), (render_block, None))
    app.connect("autodoc-process-docstring", rewrite_docstring)
    app.connect("doctree-read", record_summary)
    app.connect("build-finished", write_summaries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
