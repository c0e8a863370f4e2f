"""The files that describe the project: they exist, they can be parsed, and they run only commands that exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
WORKFLOW = ".github/workflows/ci.yml"
RELEASE = ".github/workflows/release.yml"
HOOKS = ".pre-commit-config.yaml"
ISSUE_FORMS = [".github/ISSUE_TEMPLATE/bug_report.yml", ".github/ISSUE_TEMPLATE/feature_request.yml"]
YAML_FILES = ["CITATION.cff", HOOKS, WORKFLOW, RELEASE, *ISSUE_FORMS]
MARKDOWN_FILES = [
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "README.md",
    "README.zh-CN.md",
    "SECURITY.md",
    ".github/pull_request_template.md",
]
FILES_THAT_RUN_MAKE = [WORKFLOW, HOOKS, ".ci/run", ".github/pull_request_template.md", "CONTRIBUTING.md", "README.md"]
CHANGELOG_SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]  # those of Keep a Changelog


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def parse_yaml(name: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.safe_load(read(name))


def make_targets() -> set[str]:
    """The targets of the Makefile that are commands."""
    (line,) = re.findall(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)
    return {target for target in line.split() if re.search(rf"^{re.escape(target)}:", read("Makefile"), re.MULTILINE)}


def targets_called_by(text: str) -> set[str]:
    """The words after `make` where it starts a command: in a code span, a code block, a `run:` or an `entry:`."""
    commands = re.findall(r"(?:^ *|`|run: |entry: )make ([a-z][a-z -]*)", text, re.MULTILINE)
    return {word for command in commands for word in command.split()}


@pytest.mark.parametrize("name", [*YAML_FILES, *MARKDOWN_FILES, "LICENSE"])
def test_the_file_exists_and_is_not_empty(name: str) -> None:
    assert read(name).strip()


@pytest.mark.parametrize("name", YAML_FILES)
def test_a_yaml_file_holds_one_mapping_and_no_tabs(name: str) -> None:
    assert "\t" not in read(name)
    assert isinstance(parse_yaml(name), dict)


@pytest.mark.parametrize("name", FILES_THAT_RUN_MAKE)
def test_every_make_target_that_a_file_calls_exists(name: str) -> None:
    called = targets_called_by(read(name))
    assert called, f"{name} calls no make target: the pattern of this test no longer finds them"
    assert called <= make_targets()


def test_the_workflow_runs_all_checks_of_a_contribution() -> None:
    checks = {"check", "test", "test-integration", "test-web", "test-without-kernels"}
    assert targets_called_by(read(WORKFLOW)) == checks
    assert targets_called_by(read(".ci/run")) == checks


def test_the_workflow_installs_the_oldest_python_that_elman_supports() -> None:
    versions = re.findall(r'python-version: "(.*)"', read(WORKFLOW))
    assert {f">={version}" for version in versions} == {pyproject()["requires-python"]}


def test_pre_commit_uses_local_hooks_only() -> None:
    assert re.findall(r"^ *- repo: (.*)$", read(HOOKS), re.MULTILINE) == ["local"]
    entries = re.findall(r"^ *entry: (\S+)", read(HOOKS), re.MULTILINE)
    assert entries
    assert set(entries) <= {"make", ".venv/bin/ruff"}
    assert set(re.findall(r"^ *language: (.*)$", read(HOOKS), re.MULTILINE)) == {"system"}


@pytest.mark.parametrize("name", ISSUE_FORMS)
def test_an_issue_form_has_the_keys_that_are_required(name: str) -> None:
    form = parse_yaml(name)
    assert {"name", "description", "body"} <= form.keys()
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    names = [field["id"] for field in fields]
    assert len(set(names)) == len(names)
    assert all(field["attributes"]["label"] for field in fields)


def test_the_citation_has_the_keys_that_cff_requires_and_agrees_with_pyproject() -> None:
    citation, project = parse_yaml("CITATION.cff"), pyproject()
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in project["authors"]]
    assert (citation["title"], citation["version"]) == (project["name"], project["version"])
    assert citation["license"] == project["license"]
    assert citation["keywords"] == project["keywords"]


def test_the_changelog_is_ordered_by_version_and_kind_of_change() -> None:
    headings = re.findall(r"^(##+) (.*)$", read("CHANGELOG.md"), re.MULTILINE)
    versions = [text for level, text in headings if level == "##"]
    assert versions[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", version) for version in versions[1:])
    assert {text for level, text in headings if level == "###"} <= set(CHANGELOG_SECTIONS)


def pyproject() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads(read("pyproject.toml"))["project"]
    return project


def test_every_folder_of_tests_that_the_makefile_names_exists() -> None:
    named = set(re.findall(r"(?<![\w/])(?:tests|src|benchmarks|docs)/[\w/.-]+", read("Makefile")))
    assert "tests/kernels" in named
    sources = sorted(name for name in named if not name.startswith("docs/_build"))
    assert [name for name in sources if not (ROOT / name).exists()] == []
