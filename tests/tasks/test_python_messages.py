"""Errors in Python name no flags, and errors of the command line name no arguments of Python."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import elman
from elman.errors import ElmanError
from elman.tasks.python_messages import in_python, python_names
from elman.tasks.spec import TASKS, task_spec

SOURCE = Path(__file__).parent.parent.parent / "src" / "elman"
KINDS: tuple[Any, ...] = (elman.LanguageModel, elman.Classifier, elman.Tagger, elman.Seq2Seq, elman.Forecaster)
ESTIMATORS: dict[str, Any] = {kind.task: kind for kind in KINDS}
FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-o\b)")
# Only the command line comes here, or these are commands that are printed for a user to run.
OF_COMMAND_LINE = (
    *("cli/", "labs/", "bench/", "inspect/", "serve/", "translations/", "export/"),
    *("*/answers.py", "*/inputs.py", "*/report.py"),
    *("checkpoint/model_info.py", "experiment/replacement.py", "*/comparison.py"),  # of `elman train --replace`
)
EXEMPT = {
    "config.py",  # the syntax of --set
    "options.py",  # how flags are written
    "shell.py",  # commands as they are typed
    "*/errors.py",  # of `elman evaluate --errors`
    "tasks/classifier/thresholds.py",  # --threshold of `elman predict` and `elman evaluate`
    "tasks/python_messages.py",
    "tasks/forecaster/evaluation.py",  # --context and --from of `elman evaluate`
}
PREDICTORS = ("predictor.py", "ensemble.py", "trace.py", "arguments.py", "estimator.py", "pictures.py")


def texts(path: Path) -> list[str]:
    """Return the texts in a module that may be shown: all but docstrings, flags of options and names of arguments."""
    tree = ast.parse(path.read_text("utf-8"))
    hidden: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            hidden.add(id(node.value))
        if isinstance(node, ast.keyword) and node.arg in ("flag", "help", "automatic", "data_help"):
            hidden |= {id(part) for part in ast.walk(node.value)}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node.value for node in nodes if id(node) not in hidden and isinstance(node.value, str)]


def shared_modules() -> list[Path]:
    def is_shared(path: Path) -> bool:
        name = path.relative_to(SOURCE).as_posix()
        patterns = (*OF_COMMAND_LINE, *EXEMPT)
        return not any(name.startswith(p) or Path(name).match(p) for p in patterns)

    return [path for path in sorted(SOURCE.rglob("*.py")) if is_shared(path)]


def names_of(task: str) -> dict[str, str]:
    parameters = inspect.signature(ESTIMATORS[task]).parameters
    return python_names(task_spec(task).run_config, parameters)


def test_every_flag_in_a_message_has_a_name_in_python() -> None:
    folders = {TASKS[task].package.rpartition(".")[2]: task for task in TASKS if task in ESTIMATORS}
    found, wrong = 0, []
    for path in shared_modules():
        folder = path.relative_to(SOURCE).parts[1] if len(path.relative_to(SOURCE).parts) > 2 else ""
        tasks = [folders[folder]] if folder in folders else list(ESTIMATORS)
        for text in filter(FLAG.search, texts(path)):
            found += 1
            translated = [in_python(text, names_of(task)) for task in tasks]
            if all(FLAG.search(message) for message in translated):
                wrong.append(f"{path.relative_to(SOURCE)}: {text!r} -> {translated[0]!r}")
    assert found > 40
    assert wrong == []


def test_predictors_and_estimators_name_no_flags() -> None:
    """They are used from Python without `fit`, which puts the names of Python into messages."""
    modules = [path for path in shared_modules() if path.name in PREDICTORS or "nn" in path.relative_to(SOURCE).parts]
    assert len(modules) > 25
    assert [(path.name, text) for path in modules for text in texts(path) if FLAG.search(text)] == []


ARGUMENT = re.compile(r"\b[a-z_]+=(True|False|None|[\d\[\"'(])|\b(fit|predict|load)\(|frame\[|elman\.load|\brun=")


def test_the_command_line_names_no_arguments_of_python() -> None:
    """What Python callers hold in memory never comes from the command line, nor do calls of estimators."""
    of_python = {"arguments.py", "estimator.py", "estimator_display.py", "text_arguments.py", "python_messages.py"}
    of_python |= {"bench", "labs", "translations", "report.py", "nn"}  # a model card shows code, on purpose
    of_python |= {"weights"}  # names options of Keras and calls of other libraries
    modules = [path for path in sorted(SOURCE.rglob("*.py")) if not of_python & {*path.relative_to(SOURCE).parts}]
    hits = [(path.name, text) for path in modules for text in texts(path) if ARGUMENT.search(text)]
    allowed = ("For example: --set ", "round,pad=", "\n```\n\n```python", '"?sep=')  # a key, a style, a model card, CSV
    assert [hit for hit in hits if not hit[1].startswith(allowed)] == []


@pytest.mark.parametrize(
    ("error", "model", "arguments"),
    [
        (
            "Name another column with data.text_column; .* data.header=False data.columns",
            elman.Classifier(),
            ("x.csv",),
        ),
        ("Name what to forecast with targets", elman.Forecaster(), ({"a": [1.0, 2.0] * 9, "b": [2.0, 3.0] * 9},)),
        ("Use data.extra_targets to train on all of them", elman.Seq2Seq(), ([("a", ["B", "C"])] * 12,)),
        ("Give more rows, or a smaller horizon", elman.Forecaster(horizon=99, season=1), ([1.0, 2.0, 3.0] * 20,)),
        ("the folder already exists. .*replace it with overwrite=True, or choose another run", elman.Tagger(), ()),
    ],
)
def test_errors_of_fit_are_in_the_words_of_python(
    error: str, model: Any, arguments: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    if not arguments:
        pairs = [(["a", "b"], ["X", "Y"])] * 4
        model.set_params(run="run", steps=1, threads=1, hidden_size=4, verbose=False).fit(pairs)
        arguments = (pairs,)
    with pytest.raises(ElmanError, match=error) as caught:
        model.set_params(verbose=False).fit(*arguments)
    assert not FLAG.search(str(caught.value))
    assert str(caught.value).endswith(caught.value.explanation)


def test_a_flag_is_replaced_as_a_whole() -> None:
    names = names_of("classify")
    assert in_python("--text and --label", names) == "data.text_column and data.label_column"
    assert in_python("Try --lr 0.1, or --hidden 5", names) == "Try training.learning_rate 0.1, or hidden_size 5"
    assert in_python("--no-bidirectional, or a well--known -o", names) == "bidirectional=False, or a well--known run"
    assert in_python("--unheard-of", names) == "--unheard-of"
