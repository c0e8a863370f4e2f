"""Sphinx's configuration, for both languages: the environment variable ELMAN_DOCS_LANGUAGE is en or zh."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import elman

other_languages = {"en": ("zh", "中文", "切换到中文"), "zh": ("en", "English", "Switch to English")}
page_language = os.environ["ELMAN_DOCS_LANGUAGE"]

project = "elman"
version = release = elman.__version__
author = "The elman authors"
language = {"en": "en", "zh": "zh_CN"}[page_language]

extensions = ["myst_parser", "sphinx.ext.autodoc", "website.extension"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
suppress_warnings = [
    "myst.header",  # a generated page may begin its sections at any level
    "misc.highlighting_failure",  # JSON with ... in it
]
nitpicky = False

autodoc_typehints = "signature"
autodoc_inherit_docstrings = False  # those of torch are written for its own site
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_type_aliases = {"npt.ArrayLike": "npt.ArrayLike", "Array": "Array"}  # not what they stand for
add_module_names = False
toc_object_entries_show_parents = "hide"
maximum_signature_line_length = 88
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = {"en": "elman", "zh": "elman 循环神经网络"}[page_language]
html_static_path = ["static"]
html_extra_path = [str(page) for page in Path(elman.__file__).parent.glob("web/*.html")]
html_css_files = ["site.css"]
html_search_language = "bigrams"
html_search_scorer = str(Path(__file__).parent / "scorer.js")
html_math_renderer = "katex"
html_show_search_summary = False  # which would fetch pages, and a browser does not fetch from a folder: see search.js
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_domain_indices = False
html_last_updated_fmt = None
templates_path = ["templates"]
pygments_style = "tango"
pygments_dark_style = "monokai"
code, name, tooltip = other_languages[page_language]
# The theme has no Chinese translation of its own words.
words = {
    "en": ("Next", "Previous", "On this page", "Back to top", "Skip to content"),
    "zh": ("下一页", "上一页", "本页内容", "回到顶部", "跳到正文"),
}[page_language]
word_names = ("next", "previous", "on_this_page", "back_to_top", "skip_to_content")
html_context = {
    "other_code": code,
    "other_name": name,
    "other_tooltip": tooltip,
    "words": dict(zip(word_names, words, strict=True)),
}
