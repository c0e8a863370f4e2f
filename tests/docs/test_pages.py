"""The pages of the site: each in both languages and in one section, with numbers that are computed, not copied."""

from __future__ import annotations

import dataclasses
import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from website import derivations, executed
from website.contents import DOCS, HOW_TO, LANGUAGES, SECTIONS, arrange, written_pages
from website.docstrings import as_markdown, as_restructured_text
from website.lab_pages import as_paragraphs, is_current
from website.lab_pages import page as lab_page
from website.run_lab import RECORD, hash_file, record_lab

from elman.labs import load_lab
from elman.labs.bptt import SRN
from elman.labs.explanation import chinese_file, explain
from elman.labs.lab import Settings
from tests.scripts import load_script

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
THEORY = ("bptt", "lstm", "gru", "six-grus", "perplexity", "gradient-clipping", "initialisation", "truncation")


def test_every_page_is_there_in_both_languages_and_in_one_section() -> None:
    english, chinese = (written_pages(language) for language in LANGUAGES)
    assert english == chinese
    members = [name for _, pages in arrange(english) for name in pages]
    assert sorted(members) == [name for name in english if name != "index"]


def test_every_page_that_a_section_names_exists() -> None:
    names = {page for section in SECTIONS for page in section.pages if "*" not in page}
    assert names - set(written_pages("en")) == {"api"}, "which is generated"


def test_a_new_page_has_a_section_without_being_named() -> None:
    arranged = dict(arrange(["guide", "new", "exercises", "theory/new", "theory/bptt"]))
    section_of = {name: section for section, names in arranged.items() for name in names}
    assert section_of["new"] is HOW_TO
    assert section_of["exercises"].title.en == "Labs and exercises"
    assert section_of["theory/new"] is section_of["theory/bptt"]
    assert arranged[section_of["theory/bptt"]] == ["theory/bptt", "theory/new"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_between_pages_lead_to_files(language: str) -> None:
    for path in (DOCS / language).rglob("*.md"):
        for address in LINK.findall(CODE.sub("", path.read_text("utf-8"))):
            assert "://" in address or (path.parent / address).exists(), (path, address)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", THEORY)
def test_the_numbers_of_a_page_of_theory_are_those_that_are_computed(name: str, language: Any) -> None:
    path = DOCS / language / executed.FOLDER / f"{name}.md"
    text = path.read_text("utf-8")
    assert executed.update_page(text, str(path), language) == text, "run `make docs-pages`"


def test_the_pictures_of_the_architecture_are_those_of_the_code() -> None:
    generate = load_script(DOCS / "generate_architecture.py")
    for path, text in generate.pages():
        assert path.read_text("utf-8") == text, "run `make docs-pages`"
    torch_users = {part.name for part in generate.parts("en") if generate.imports_torch(part.name)}
    assert torch_users == {"nn/", "training/", "experiment/", "tasks/"}


def test_a_wrong_derivation_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong_backward(**values: Any) -> dict[str, Any]:
        right = SRN.backward(**values)
        return right | {"d_h_prev": values["U"] @ right["d_u"]}  # without the transpose

    monkeypatch.setitem(derivations.CELLS, "SRN", SRN._replace(backward=wrong_backward))
    derivations.computed_steps.cache_clear()
    with pytest.raises(derivations.WrongGradientError, match=r"SRN: dL/d.* by hand differs from finite differences"):
        derivations.derivation("SRN", "gradients", "en")
    derivations.computed_steps.cache_clear()


def test_a_table_has_the_numbers_of_each_step_in_the_order_of_the_computation() -> None:
    steps = derivations.computed_steps("SRN")[0]
    row = next(line for line in derivations.derivation("SRN", "backward", "en").splitlines() if "`d_y = " in line)
    shown = [float(number.replace("−", "-")) for number in re.findall(r"[−\d.]+\d{4}", row)]
    np.testing.assert_allclose(shown, [float(steps[t]["d_y"][0]) for t in (2, 1, 0)], atol=5.1e-5)


@pytest.mark.parametrize(
    ("equation", "latex"),
    [
        ("u_t = U h_(t-1) + b_hh", r"u_t = U h_{t-1} + b_{hh}"),
        (
            "dL/dh_t = V^T dL/dy_t + d_h_next",
            r"\frac{\partial L}{\partial h_t} = V^\top \frac{\partial L}{\partial y_t} + \mathtt{d\_h\_next}",
        ),
        ("h_t = o_t * tanh(c_t)", r"h_t = o_t \circ \tanh(c_t)"),
        ("dL/da_i = dL/dc_t * i_t (1 - i_t)", None),
    ],
)
def test_equations_of_the_labs_become_latex(equation: str, latex: str | None) -> None:
    converted = derivations.as_latex(equation)
    assert latex is None or converted == latex
    assert "dL/d" not in converted
    assert " * " not in converted


PAGE = "```python\nx = 2\nprint(x * 3)\n```\n\n```text\nold\n```\n\n```python\nprint(x)  # x is kept\n```\n\nEnd\n"


def test_what_snippets_print_replaces_the_text_below_them() -> None:
    updated = executed.update_page(PAGE, "page", "en")
    assert re.findall(r"```text\n(.*)\n```", updated) == ["6", "2"]
    assert updated.endswith("```\n\nEnd\n")
    assert executed.update_page(updated, "page", "en") == updated


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_code_of_the_page_on_layers_runs(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The assertions in it hold."""
    pytest.importorskip("torch")
    snippets = re.findall(r"```python\n(.*?)```", (DOCS / language / "layers.md").read_text("utf-8"), re.DOTALL)
    assert len(snippets) == 3
    for snippet in snippets:
        with warnings.catch_warnings():
            exec(snippet, {"__name__": "__main__"})
    assert "torch.ao.nn.quantized.dynamic.modules.rnn" in capsys.readouterr().out


def test_text_after_a_snippet_that_prints_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="page: this snippet prints nothing; expected no block of text after it"):
        executed.update_page("```python\nx = 2\n```\n\n```text\n2\n```\n", "page", "en")


DOCSTRING = """A cell: r * (U_n h), `x_t` and file:line.

    h' = tanh(a * b)
        deeper

    second_block_

- first item
  goes on
- second *item*
"""


def test_docstrings_become_markdown_and_restructured_text() -> None:
    assert as_markdown(DOCSTRING) == (
        "A cell: r \\* (U\\_n h), `x_t` and file:line.\n\n"
        "```text\nh' = tanh(a * b)\n    deeper\n\nsecond_block_\n```\n\n"
        "- first item goes on\n\n- second \\*item\\*\n"
    )
    assert as_restructured_text(DOCSTRING) == [
        "A cell: r \\* (U_n h), ``x_t`` and file\\:line.",
        "",
        ".. code-block:: text",
        "",
        "   h' = tanh(a * b)",
        "       deeper",
        "",
        "   second_block_",
        "",
        "- first item goes on",
        "",
        "- second \\*item\\*",
    ]


def test_a_lab_runs_again_only_if_one_of_its_files_has_changed(tmp_path: Path) -> None:
    source = tmp_path / "lab.py"
    source.write_text("x = 1\n", "utf-8")
    assert not is_current(tmp_path)
    (tmp_path / RECORD).write_text(json.dumps({"files": {str(source): hash_file(source)}}), "utf-8")
    assert is_current(tmp_path)
    source.write_text("x = 2\n", "utf-8")
    assert not is_current(tmp_path)
    source.unlink()
    assert not is_current(tmp_path)


def test_explanations_of_an_output_are_paragraphs_and_its_numbers_are_as_printed() -> None:
    output = "L* is 1:\n    t   h_t\n    1   0.5\n  ✓ h_1 = 0.5\n\n- x_t < 1\n2. and y"
    block = "```text\n    t   h_t\n    1   0.5\n  ✓ h_1 = 0.5\n```"
    assert as_paragraphs(output) == f"L\\* is 1:\n\n{block}\n\n\\- x\\_t \\< 1\n\n2\\. and y"


def test_a_lab_runs_again_if_its_chinese_explanation_has_changed(tmp_path: Path) -> None:
    """The notebook that it writes has the explanation in it."""
    record = record_lab("srn-linear", Settings(smoke=True), tmp_path)
    path = chinese_file(load_lab("srn-linear"))
    assert record["files"][str(path)] == hash_file(path)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_a_lab_has_its_texts_output_claims_figure_and_source(language: Any) -> None:
    lab = dataclasses.replace(load_lab("srn-tanh"), seconds=0.5)
    name = {"en": "a\\_b", "zh": "甲\\_乙"}
    claim = {"name": {"en": "a_b", "zh": "甲_乙"}, "computed": "1 | 2", "expected": "3", "passed": True}
    output = {"en": "    first\n    second", "zh": "    第一行\n    第二行"}
    pieces = [{"text": output}, {"figure": "srn-tanh-network"}]
    text = lab_page(lab, {"skipped": None, "pieces": pieces, "claims": [claim]}, language, smoke=True)
    assert text.startswith(f"# {lab.title.in_language(language)}\n\n{lab.claim.in_language(language)}\n")
    for part in (
        "作业8",
        {"en": "\\< 1 s", "zh": "\\< 1 秒"}[language],
        f"## {'Explanation' if language == 'en' else '说明'}\n\n{as_markdown(explain(lab, language))}\n",
        "`--scale smoke`",
        f"```text\n{output[language]}\n```",
        f"| {name[language]} | 1 \\| 2 | 3 |",
    ):
        assert part in text
    assert "(files/srn-tanh-network.png)" in text
    assert "LAB = Lab(" in text
    skipped = lab_page(
        lab, {"skipped": {"en": "no text", "zh": "没有文本"}, "pieces": [], "claims": []}, language, smoke=False
    )
    assert {"en": "no text", "zh": "没有文本"}[language] in skipped
    assert "smoke" not in skipped.split("```python")[0]
