"""What all estimators have in common: scikit-learn's conventions, copies in other processes, Ctrl-C, fine-tuning."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.checkpoint import is_run_folder
from elman.errors import ConfigError, DataError, Interrupted, NotFittedError
from elman.tasks import estimator
from elman.training.progress import SilentDisplay

from .estimator_cases import CASES, LABELS, SENTENCES, SERIES, TAGS, TEXTS, same

every_task = pytest.mark.parametrize("name", CASES)
COMMON = {"minutes", "epochs", "steps", "threads", "config", "seed", "run", "overwrite", "warm_start", "verbose"}


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    """One trained estimator of each task, which tests read and never change."""
    return {name: case.fitted() for name, case in CASES.items()}


# Parameters


@every_task
def test_the_constructor_stores_its_parameters_and_nothing_else(name: str) -> None:
    from sklearn.base import clone

    model = CASES[name].new()
    assert vars(model) == model.get_params()
    assert set(model.get_params()) >= COMMON
    assert all(model.get_params()[key] is value for key, value in CASES[name].parameters.items())
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(seed=3, hidden_size=4) is model
    assert (model.seed, model.hidden_size) == (3, 4)
    with pytest.raises(ConfigError, match=r"unknown parameter 'depth'\. Choose one of "):
        model.set_params(seed=9, depth=2)
    assert model.seed == 3, "a mistake changes nothing"


@every_task
def test_repr_shows_the_parameters_that_are_not_defaults(name: str) -> None:
    kind = CASES[name].kind
    assert repr(kind()) == f"{kind.__name__}()"
    assert repr(kind(hidden_size=8, verbose=False)) == f"{kind.__name__}(hidden_size=8, verbose=False)"
    assert repr(kind(run="a", seed=0)) == f"{kind.__name__}(run='a')"


def test_a_notebook_shows_parameters_and_metrics_as_a_table(fitted: dict[str, Any]) -> None:
    new = elman.Classifier(level="<b>")
    assert "Classifier</b> (not fitted)" in new._repr_html_()
    assert "<td>&#x27;&lt;b&gt;&#x27;</td>" in new._repr_html_()
    html = fitted["classify"]._repr_html_()
    assert "(fitted)" in html
    assert "<th>steps</th><td>3</td>" in html
    accuracy = fitted["classify"].result_["valid"]["accuracy"]
    assert f"<th>validation: accuracy</th><td>{accuracy:.4g}</td>" in html


# fit


@every_task
def test_fit_returns_the_estimator_with_history_and_result(name: str, fitted: dict[str, Any]) -> None:
    model = fitted[name]
    assert isinstance(model, CASES[name].kind), "fit returns self"
    assert model.result_["steps"] == 3
    validations = [record["valid"] for record in model.history_ if "valid" in record]
    assert validations
    assert all(np.isfinite(record["loss"]) for record in validations)
    assert vars(model).keys() - model.get_params().keys() >= {"history_", "result_"}


def test_the_run_folder_and_the_threads_are_parameters(tmp_path: Path) -> None:
    model = CASES["lm"].fitted(run=tmp_path / "run")
    assert is_run_folder(tmp_path / "run")
    assert model.result_["run"] == str(tmp_path / "run")
    assert "threads = 1" in (tmp_path / "run" / "config.toml").read_text()
    with pytest.raises(ConfigError, match="the folder already exists"):
        model.fit(*CASES["lm"].arguments)
    model.set_params(overwrite=True).fit(*CASES["lm"].arguments)


@every_task
def test_before_fit_the_error_is_the_one_of_scikit_learn(name: str) -> None:
    from sklearn.exceptions import NotFittedError as ScikitLearnError
    from sklearn.utils.validation import check_is_fitted

    model = CASES[name].new()
    with pytest.raises(ScikitLearnError) as caught:
        CASES[name].predict(model)
    assert str(caught.value) == "the model is not trained yet. Call fit first, or use elman.load"
    assert isinstance(caught.value, NotFittedError)
    assert isinstance(caught.value, ConfigError)
    copied = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(copied, ScikitLearnError)
    assert str(copied) == str(caught.value)
    with pytest.raises(ScikitLearnError):
        check_is_fitted(model)
    assert not hasattr(model, "predictor")
    assert not hasattr(model, "classes_")


WITHOUT_SCIKIT_LEARN = """
import sys
sys.modules["sklearn"] = None
import elman
try:
    elman.Classifier().predict(["a"])
except ValueError as error:
    print(isinstance(error, AttributeError), isinstance(error, elman.ElmanError), error)
print(repr(elman.Tagger(crf=True)), "numpy" in sys.modules)
"""


def test_scikit_learn_is_not_needed() -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT_SCIKIT_LEARN]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    first, second = done.stdout.splitlines()
    assert first == "True True the model is not trained yet. Call fit first, or use elman.load"
    assert second.startswith("Tagger(crf=True)")


# Copies


@every_task
def test_copies_predict_the_same_to_the_last_bit(name: str, fitted: dict[str, Any]) -> None:
    import io

    import joblib

    case, model = CASES[name], fitted[name]
    assert pickle.loads(pickle.dumps(case.new())).get_params() == case.new().get_params()
    expected = case.predict(model)  # by now, the weights are packed for the kernels
    stream = io.BytesIO()
    joblib.dump(model, stream)
    stream.seek(0)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), joblib.load(stream)):
        assert other.get_params() == model.get_params()
        assert (other.history_, other.result_) == (model.history_, model.result_)
        assert same(case.predict(other), expected)
        assert same(case.predict(pickle.loads(pickle.dumps(other))), expected), "a copy of a copy"


@every_task
def test_loaded_models_are_copied_too(name: str, fitted: dict[str, Any], tmp_path: Path) -> None:
    fitted[name].save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    for other in (pickle.loads(pickle.dumps(loaded)), copy.deepcopy(loaded)):
        other.save(tmp_path / "copy")
        for file in (tmp_path / "model").iterdir():
            assert (tmp_path / "copy" / file.name).read_bytes() == file.read_bytes(), file.name


def predictions(models: dict[str, Any]) -> dict[str, Any]:
    return {name: CASES[name].predict(model) for name, model in models.items()}


def test_a_process_that_is_spawned_predicts_the_same(fitted: dict[str, Any]) -> None:
    expected = predictions(fitted)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (answer,) = pool.map(predictions, [fitted])
    assert [name for name in CASES if not same(answer[name], expected[name])] == []


# Arguments


def test_what_predict_takes_is_checked_as_fit_checks_it(fitted: dict[str, Any]) -> None:
    import pandas

    frame = pandas.DataFrame({"review": TEXTS, "label": LABELS})
    message = r'given a DataFrame with the columns review, label; expected one column\. .*frame\["review"\]'
    for name in ("classify", "tag", "seq2seq"):
        with pytest.raises(ConfigError, match=message):
            fitted[name].predict(frame)
    with pytest.raises(ConfigError, match=message):
        fitted["classify"].predict_proba(frame)
    with pytest.raises(ConfigError, match="given a DataFrame"):
        fitted["classify"].fit(frame, frame["label"])
    assert fitted["classify"].predict(frame["review"]).shape == (len(TEXTS),)


@pytest.mark.parametrize(("name", "noun"), [("classify", "text"), ("seq2seq", "source")])
def test_an_empty_text_is_an_error_as_on_the_command_line(name: str, noun: str, fitted: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"item 1 is empty; expected a {noun}"):
        fitted[name].predict(["cat", " "])
    assert same(fitted[name].predict([" cat1\n"]), fitted[name].predict(["cat1"])), "as files are read"


@every_task
def test_an_estimator_and_a_loaded_model_evaluate_the_same_things(
    name: str, fitted: dict[str, Any], tmp_path: Path
) -> None:
    fitted[name].save(tmp_path / "model")
    loaded, path = elman.load(tmp_path / "model"), tmp_path / "data"
    arguments = CASES[name].arguments
    forms: list[tuple[Any, ...]] = [arguments, (path,), (str(path),)]
    if name == "lm":
        path.write_text("".join(f"{line}\n" for line in arguments[0]))
    elif name == "classify":
        path.write_text("text,label\n" + "".join(f"{a},{b}\n" for a, b in zip(TEXTS, LABELS, strict=True)))
        forms += [(list(zip(TEXTS, LABELS, strict=True)),), (np.array(TEXTS), np.array(LABELS))]
    elif name == "tag":
        rows = zip(SENTENCES, TAGS, strict=True)
        path.write_text("\n".join("".join(f"{a} {b}\n" for a, b in zip(*row, strict=True)) for row in rows))
        forms += [(list(zip(SENTENCES, TAGS, strict=True)),)]
    elif name == "seq2seq":
        path.write_text("".join(f"{a}\t{b}\n" for a, b in arguments[0]))
        forms += [tuple(zip(*arguments[0], strict=True))]
    else:
        path.write_text("value\n" + "".join(f"{value}\n" for value in SERIES))
    results = [model.evaluate(*form) for form in forms for model in (fitted[name], loaded)]
    assert [number for number, result in enumerate(results) if result != results[0]] == []


def test_prompts_and_numbers_of_tokens_are_checked(fitted: dict[str, Any]) -> None:
    model: Any = fitted["lm"]
    for use in (model.generate, model.stream, model.suggest):
        with pytest.raises(DataError, match="the prompt is None; expected text"):
            use(None)
    with pytest.raises(ConfigError, match="max_tokens: given -3; expected a whole number, 0 or more"):
        model.generate("a", max_tokens=-3)
    with pytest.raises(DataError, match=r"no text\.txt: no such file\. A str is a path; give texts as a list"):
        fitted["lm"].predictor.evaluate("no text.txt")


# Ctrl-C


class CtrlC(SilentDisplay):
    """A display that presses Ctrl-C at the first step."""

    pressed = 0

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        CtrlC.pressed += 1
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    CtrlC.pressed = 0
    monkeypatch.setattr(estimator, "display_for", lambda **_: CtrlC())


@every_task
def test_ctrl_c_before_the_first_validation_keeps_the_model_as_it_is(name: str, ctrl_c: None, tmp_path: Path) -> None:
    case, run = CASES[name], tmp_path / "run"
    model = case.new(steps=200)
    with pytest.raises(KeyboardInterrupt) as caught:
        model.fit(*case.arguments)
    assert isinstance(caught.value, Interrupted)
    assert not isinstance(caught.value, Exception)
    assert str(caught.value).startswith("stopped at step 1. The model so far is kept.")
    assert model.result_ == {}
    with pytest.raises(Interrupted, match="elman resume"):
        case.new(steps=200).fit(*case.arguments, run=run)
    assert same(case.predict(model), case.predict(elman.load(run))), "the run folder has the same model"


def test_ctrl_c_stops_a_cross_validation(ctrl_c: None) -> None:
    from sklearn.model_selection import cross_val_score

    with pytest.raises(KeyboardInterrupt):
        cross_val_score(CASES["classify"].new(), TEXTS, LABELS, cv=3)
    assert CtrlC.pressed == 1


# Training that continues


class Messages(SilentDisplay):
    """A display that keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def notify(self, message: str) -> None:
        self.messages.append(message)


@every_task
def test_a_warm_start_continues_from_the_model(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    case, display = CASES[name], Messages()
    monkeypatch.setattr(estimator, "display_for", lambda **_: display)
    model = case.fitted(warm_start=True)
    before, weights = case.predict(model), model.predictor.tensors
    model.save(tmp_path / "model")
    still = {**case.parameters["config"]["training"], "learning_rate": 1e-30, "warmup_fraction": 0.0}
    config = {**case.parameters["config"], "training": still}
    model.set_params(config=config).fit(*case.others)
    assert {key: w.shape for key, w in weights.items()} == {
        key: w.shape for key, w in model.predictor.tensors.items()
    }, "sizes and vocabularies are those of the model"
    for key, tensor in model.predictor.tensors.items():
        np.testing.assert_allclose(tensor, weights[key], atol=1e-12)
    if name not in ("forecast", "tag"):
        assert any("are not in the vocabulary of the model" in message for message in display.messages)
    if name in ("lm", "tag"):
        assert same(case.predict(model), before)
    if name == "classify":  # the probabilities are calibrated on the new validation set, which changes no label
        assert (case.predict(model).argmax(1) == before.argmax(1)).all()
    loaded = case.new(warm_start=tmp_path / "model", config=config).fit(*case.others)
    assert same(case.predict(loaded), case.predict(model)), "a path of a model is another way"
    model.set_params(config=case.parameters["config"]).fit(*case.others)
    assert not same(case.predict(model), before), "it learns"
    cold = case.new().fit(*case.arguments)
    assert same(case.predict(cold), before), "a new model does not depend on it"


def test_parameters_that_contradict_the_model_are_refused(tmp_path: Path) -> None:
    model = CASES["classify"].fitted(warm_start=True)
    with pytest.raises(ConfigError, match=r"model\.hidden_size: given 9; expected 6, as in the model\. Leave it out"):
        model.set_params(hidden_size=9).fit(*CASES["classify"].others)
    model.set_params(hidden_size=6, dropout=0.5).fit(*CASES["classify"].others)
    with pytest.raises(ConfigError, match=r"data\.level: given 'word'; expected 'char'"):
        model.set_params(level="word").fit(*CASES["classify"].others)
    model.save(tmp_path / "model")
    with pytest.raises(ConfigError, match="the model is of the task 'classify'; expected one of the task 'tag'"):
        CASES["tag"].new(warm_start=tmp_path / "model").fit(*CASES["tag"].arguments)


@pytest.mark.parametrize(("name", "noun"), [("classify", "label"), ("tag", "tag")])
def test_a_label_that_the_model_lacks_is_an_error(name: str, noun: str) -> None:
    model = CASES[name].fitted(warm_start=True)
    texts, labels = CASES[name].others
    other = ["fungus", *labels[1:]] if name == "classify" else [["DET", "VERB", "NUM"], *labels[1:]]
    word = "fungus" if name == "classify" else "VERB"
    with pytest.raises(DataError, match=f"item 0: the {noun} '{word}' is none of the model; expected one of "):
        model.fit(texts, other)


def test_labels_of_earlier_fits_remain(tmp_path: Path) -> None:
    model = CASES["classify"].new(warm_start=True).fit(TEXTS, np.array([3, 3, 10, 10] * 8))
    model.fit([f"elm {i}" for i in range(12)], np.array([10] * 12))
    assert model.classes_.tolist() == [3, 10]
    assert model.predict(["elm"]).dtype == np.int64
