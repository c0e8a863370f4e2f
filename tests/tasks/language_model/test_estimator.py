"""elman.LanguageModel: fit, generate, evaluate and save; elman.load, which needs no torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import elman
from elman.checkpoint import is_run_folder
from elman.data import datasets
from elman.data.readers import files
from elman.errors import ConfigError, DataError, Interrupted
from elman.tasks import estimator
from elman.training.progress import SilentDisplay, Validation

LINES = ["the time traveller smiled", "the time machine stood there", "and then the lamp went out"] * 20
TINY: dict[str, Any] = {
    "hidden_size": 16,
    "embedding_size": 8,
    "config": {"training": {"batch_size": 4, "bptt_steps": 8, "threads": 1}},
}


def tiny(**parameters: Any) -> elman.LanguageModel:
    return elman.LanguageModel(**{**TINY, **parameters})


@pytest.fixture(scope="module")
def trained() -> tuple[elman.LanguageModel, dict[str, Any]]:
    model = tiny()
    return model, model.fit(LINES, steps=4, verbose=False).result_


def test_a_list_a_path_and_a_generator_train_the_same_model(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("\n".join(LINES) + "\n")
    texts: list[Any] = [LINES, tmp_path / "book.txt", str(tmp_path / "book.txt"), (line for line in LINES)]
    results = []
    for text in texts:
        model = tiny(cell="gru", dropout=0.2, seed=3)
        results.append(
            (model.fit(text, steps=3, verbose=False).result_["valid"], model.generate("the ", max_tokens=9, seed=1))
        )
    assert all(result == results[0] for result in results)


def test_fit_takes_the_name_of_a_data_set() -> None:
    model = tiny()
    result = model.fit("python-docs", steps=2, verbose=False).result_
    assert result["steps"] == 2
    assert result["valid"]["tokens"] > 10_000


def test_fit_returns_the_metrics_of_the_trained_model(trained: Any) -> None:
    model, result = trained
    assert set(result) == {"task", "steps", "seconds", "tokens_per_second", "best_step", "train", "valid"}
    text = "".join(line + "\n" for line in LINES)
    cut = len(text) - result["valid"]["tokens"]
    assert model.predictor.evaluate_blocks([text[cut:]]) == result["valid"]


def test_fit_takes_a_validation_set(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("the lamp went out and then the time machine stood there\n" * 5)
    model = tiny()
    by_path = model.fit(LINES, steps=2, valid=tmp_path / "other.txt", verbose=False).result_["valid"]
    assert by_path == model.evaluate(tmp_path / "other.txt")
    by_list = model.fit(
        LINES, steps=2, valid=["the lamp went out and then the time machine stood there"] * 5, verbose=False
    ).result_
    assert by_list["valid"] == by_path


def test_evaluate_takes_a_path_or_texts_or_the_name_of_a_data_set(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = trained
    (tmp_path / "book.txt").write_text("\n".join(LINES) + "\n")
    assert model.evaluate(tmp_path / "book.txt") == model.evaluate(LINES) == model.evaluate(str(tmp_path / "book.txt"))
    monkeypatch.setattr(datasets, "local_path", {"timemachine": tmp_path / "book.txt"}.__getitem__)
    assert model.evaluate("timemachine") == model.evaluate(LINES)


def test_generate_stream_and_suggest_are_those_of_the_predictor(trained: Any) -> None:
    model, _ = trained
    text = model.generate("the ", max_tokens=20, temperature=0.5, seed=1)
    assert text.startswith("the ")
    assert "the " + "".join(model.stream("the ", max_tokens=20, temperature=0.5, seed=1)) == text
    assert model.suggest("the t", 2) == model.predictor.suggest("the t", 2)


def test_a_saved_model_is_loaded_and_generates_the_same(trained: Any, tmp_path: Path) -> None:
    model, _ = trained
    model.save(tmp_path / "deep" / "model")
    loaded = elman.load(tmp_path / "deep" / "model")
    assert loaded.generate("the ", seed=1) == model.generate("the ", seed=1)
    loaded.save(tmp_path / "again")
    files = [{p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("deep/model", "again")]
    assert files[0] == files[1]


NO_TORCH = """
import sys
sys.modules["torch"] = None
import elman
assert "numpy" not in sys.modules, "import elman is light"
model = elman.load(sys.argv[1])
print(model.generate("the ", max_tokens=20, seed=1), end="")
lm = elman.LanguageModel(hidden_size=8)
try:
    lm.generate("x")
except elman.ElmanError as error:
    print(f"|{error}", end="")
"""


def test_loading_and_generating_need_no_torch(trained: Any, tmp_path: Path) -> None:
    model, _ = trained
    model.save(tmp_path / "model")
    command = [sys.executable, "-W", "error", "-c", NO_TORCH, str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    written, error = done.stdout.split("|")
    assert written == model.generate("the ", max_tokens=20, seed=1)
    assert error == "the model is not trained yet. Call fit first, or use elman.load"


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.generate("x"),
        lambda model: model.suggest("x"),
        lambda model: model.stream("x"),
        lambda model: model.evaluate(["x"]),
        lambda model: model.save("nowhere"),
        lambda model: model.predictor,
    ],
)
def test_an_untrained_model_raises_an_error(use: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        use(tiny())
    assert str(caught.value) == "the model is not trained yet. Call fit first, or use elman.load"
    assert list(tmp_path.iterdir()) == []


def test_fit_writes_to_stderr_unless_verbose_is_false(capsys: pytest.CaptureFixture[str]) -> None:
    tiny().fit(LINES, steps=1, verbose=False)
    assert capsys.readouterr() == ("", "")
    tiny().fit(LINES, steps=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "validation: loss" in err


def test_fit_keeps_the_run_folder_if_run_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = tiny().fit(LINES, steps=2, run=tmp_path / "run", verbose=False).result_
    assert is_run_folder(tmp_path / "run")
    assert (result["run"], result["model"]) == (str(tmp_path / "run"), str(tmp_path / "run" / "model"))
    with pytest.raises(ConfigError, match="the folder already exists"):
        tiny().fit(LINES, steps=1, run=tmp_path / "run", verbose=False)
    assert tiny().fit(LINES, steps=1, run=tmp_path / "run", overwrite=True, verbose=False).result_["steps"] == 1
    monkeypatch.chdir(tmp_path)
    tiny().fit(LINES, steps=1, verbose=False)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"], "without run, no files stay"


def test_a_wrong_size_is_an_error_of_fit_before_anything_is_read(tmp_path: Path) -> None:
    model = elman.LanguageModel(hidden_size=-3)
    with pytest.raises(ConfigError) as caught:
        model.fit(tmp_path / "not-there.txt", steps=1, run=tmp_path / "run")
    assert "model.hidden_size" in str(caught.value)
    assert "-3" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_two_budgets_are_an_error() -> None:
    with pytest.raises(
        ConfigError, match="training: given steps and minutes; expected only one of steps, epochs and minutes"
    ):
        tiny().fit(LINES, steps=1, minutes=1.0, verbose=False)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file"):
        tiny().fit(tmp_path / "nowhere.txt", steps=1, verbose=False)


def test_a_failed_fit_does_not_change_the_model(trained: Any) -> None:
    model, _ = trained
    before = model.generate("the ", max_tokens=10, seed=1)
    with pytest.raises(DataError, match="memory: "):
        model.fit([""], steps=1, verbose=False)
    assert model.generate("the ", max_tokens=10, seed=1) == before


def test_level_and_several_sizes_are_parameters() -> None:
    model = elman.LanguageModel(level="word", hidden_size=(8, 6), cell="elman", config=TINY["config"])
    model.fit(LINES, steps=2, verbose=False)
    assert model.predictor.config.hidden_sizes == (8, 6)
    assert model.predictor.text.level == "word"


def test_fit_does_not_change_the_config_of_the_caller() -> None:
    config = {"training": {"batch_size": 4, "bptt_steps": 8, "threads": 1}}
    elman.LanguageModel(hidden_size=8, config=config, seed=4).fit(LINES, steps=1, verbose=False)
    assert config == {"training": {"batch_size": 4, "bptt_steps": 8, "threads": 1}}


# Saving


def test_saving_does_not_replace_a_folder_of_other_files(trained: Any, tmp_path: Path) -> None:
    model, _ = trained
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(ConfigError) as caught:
        model.save(tmp_path / "thesis")
    where = tmp_path / "thesis"
    assert (
        str(caught.value)
        == f"{where}: the folder contains other files (chapter.tex), so it is not replaced. Choose a new folder"
    )
    assert [(p.name, p.read_text()) for p in where.iterdir()] == [("chapter.tex", "years of work")]
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"notes\.txt: this is a file; expected a new folder. Choose another name"):
        model.save(tmp_path / "notes.txt")


def test_saving_twice_to_a_relative_path_writes_the_same_files(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = trained
    monkeypatch.chdir(tmp_path)
    model.save("model")
    before = {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()}
    model.save("model")
    assert {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()} == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


# Ctrl-C


class Interrupter(SilentDisplay):
    """A display that presses Ctrl-C at a step, or at the first validation."""

    def __init__(self, at: str) -> None:
        self.at = at

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        if self.at == "step":
            os.kill(os.getpid(), signal.SIGINT)

    def validation(self, validation: Validation) -> None:
        if self.at == "validation":
            os.kill(os.getpid(), signal.SIGINT)


def interrupted(
    patch: pytest.MonkeyPatch, model: elman.LanguageModel, at: str, steps: int = 200, **options: Any
) -> Interrupted:
    patch.setattr(estimator, "display_for", lambda **_: Interrupter(at))
    with pytest.raises(Interrupted) as caught:
        model.fit(LINES, steps=steps, **options)
    assert caught.value.exit_code == 130
    return caught.value


EVERY_TWO = {"training": {**TINY["config"]["training"], "validate_every_steps": 2}}


def test_an_interrupted_fit_keeps_the_best_model(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny(config=EVERY_TWO)
    error = interrupted(monkeypatch, model, "validation")
    assert str(error) == (
        "stopped at step 2. The model so far is kept. With a folder as run, elman resume continues the training later"
    )
    assert model.generate("the ", max_tokens=9, seed=1).startswith("the ")
    assert model.evaluate(LINES)["loss"] > 0.0


def test_a_fit_interrupted_in_a_run_folder_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.experiment import resume

    model = tiny(config={"training": {**EVERY_TWO["training"], "patience": 1}})
    error = interrupted(monkeypatch, model, "validation", steps=20, run=tmp_path / "run")
    assert f"elman resume {tmp_path / 'run'}" in str(error)
    assert "With a folder as run" not in str(error)
    assert resume(tmp_path / "run", SilentDisplay())["steps"] >= 3


# Without torch, and wrong arguments

FIT_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import elman
try:
    elman.LanguageModel(hidden_size=8).fit(["text"] * 100, steps=1)
except elman.ElmanError as error:
    print(type(error).__name__, error.exit_code, error)
"""


def test_fit_without_torch_names_the_package_to_install() -> None:
    command = [sys.executable, "-W", "error", "-c", FIT_WITHOUT_TORCH]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == (
        'ElmanError 1 training needs PyTorch, which is not installed. Install it: pip install "elman[train]"\n'
    )


def test_a_text_instead_of_a_path_is_an_error() -> None:
    with pytest.raises(DataError) as caught:
        tiny().fit("It was a dark and stormy night. " * 200, steps=1, verbose=False)
    assert str(caught.value) == (
        "'It was a dark and stormy night. It was a'... is no path. "
        "A str is a path; give the texts themselves as a list: [text]"
    )


@pytest.mark.parametrize("wrong", [None, 3.5, b"bytes"])
def test_an_item_that_is_not_a_text_is_an_error(trained: Any, wrong: Any) -> None:
    message = f"item 2 is {wrong!r}; expected text. "
    message += "Leave out missing values" if wrong is None else "Give a list of str, one for each text"
    model, _ = trained
    for use in (lambda texts: tiny().fit(texts, steps=1, verbose=False), model.evaluate):
        with pytest.raises(DataError) as caught:
            use(["one", "two", wrong, "four", None])
        assert str(caught.value) == message


def test_a_budget_of_fit_replaces_that_of_the_config() -> None:
    model = tiny(config={"training": {**TINY["config"]["training"], "minutes": 60.0}})
    assert model.fit(LINES, steps=2, verbose=False).result_["steps"] == 2


def test_stream_raises_the_error_of_a_wrong_option_at_the_call(trained: Any) -> None:
    model, _ = trained
    with pytest.raises(ConfigError, match=r"top_p: given 2\.0; expected more than 0 and at most 1"):
        model.stream("the ", top_p=2.0)


# Parameters


def test_parameters_are_read_and_set_as_in_scikit_learn() -> None:
    model = tiny(cell="gru", steps=3)
    parameters = model.get_params()
    given = {"cell": "gru", "hidden_size": 16, "embedding_size": 8, "steps": 3, "config": TINY["config"]}
    names = ("cell", "hidden_size", "num_layers", "embedding_size", "dropout", "level", "minutes", "epochs", "steps")
    defaults = {**dict.fromkeys((*names, "threads", "run")), "seed": 0, "verbose": True}
    defaults |= {"overwrite": False, "warm_start": False}
    assert parameters == {**defaults, **given}
    assert elman.LanguageModel(**parameters).get_params() == parameters
    assert model.set_params(steps=1, verbose=False) is model
    assert model.fit(LINES).result_["steps"] == 1
    with pytest.raises(ConfigError, match=r"unknown parameter 'stepz'\. Choose one of cell, hidden_size"):
        model.set_params(stepz=1)


def test_a_budget_of_the_constructor_is_used_and_one_of_fit_replaces_it() -> None:
    model = tiny(epochs=100.0, verbose=False)
    assert model.fit(LINES, steps=2).result_["steps"] == 2
    assert tiny(steps=3, verbose=False).fit(LINES).result_["steps"] == 3


# Encodings


POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n"


def test_fit_and_evaluate_read_a_path_with_the_encoding_of_the_config(tmp_path: Path) -> None:
    """KOI8-R is never read unless it is named."""
    text = "Белеет парус одинокий в тумане моря голубом.\n" * 20
    (tmp_path / "utf8.txt").write_text(text, "utf-8")
    (tmp_path / "other.txt").write_bytes(text.encode("koi8_r"))
    config = {**TINY["config"], "data": {"encoding": "koi8_r"}}
    expected, model = tiny(), tiny(config=config)
    result = expected.fit(tmp_path / "utf8.txt", steps=2, verbose=False).result_
    assert model.fit(tmp_path / "other.txt", steps=2, verbose=False).result_["valid"] == result["valid"]
    assert model.evaluate(tmp_path / "other.txt") == expected.evaluate(tmp_path / "utf8.txt")
    with pytest.raises(DataError, match=r"other\.txt:1: not UTF-8 at byte 1 of the line\. Try data.encoding koi8_r"):
        expected.evaluate(tmp_path / "other.txt")


def test_gb18030_named_by_the_config_is_read_by_fit_and_evaluate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose first block is ASCII, so that GB18030 is not detected."""
    monkeypatch.setattr(files, "BLOCK_BYTES", 1000)
    begin = "a line of ASCII\n" * 70
    (tmp_path / "utf8.txt").write_text(begin + POEM, "utf-8")
    (tmp_path / "other.txt").write_bytes((begin + POEM).encode("gb18030"))
    config = {**TINY["config"], "data": {"encoding": "gb18030"}}
    model, expected = tiny(config=config), tiny()
    assert (
        model.fit(tmp_path / "other.txt", steps=1, verbose=False).result_["valid"]
        == expected.fit(tmp_path / "utf8.txt", steps=1, verbose=False).result_["valid"]
    )
    assert model.evaluate(tmp_path / "other.txt") == expected.evaluate(tmp_path / "utf8.txt")
    with pytest.raises(DataError, match=r"not UTF-8 at byte 1 of the line\. Try data\.encoding gb18030"):
        expected.evaluate(tmp_path / "other.txt")


def test_an_encoding_of_the_config_is_used_where_detection_would_choose_another(tmp_path: Path) -> None:
    """In GB18030 these characters are bytes that are valid UTF-8 as well, of other characters."""
    lines = ["魔墨默沫", "末莫漠墨", "默默魔摩"] * 30
    path = tmp_path / "book.txt"
    path.write_bytes("".join(line + "\n" for line in lines).encode("gb18030"))
    assert not set(path.read_text("utf-8")) & set("".join(lines))
    model = tiny(config={**TINY["config"], "data": {"encoding": "gb18030"}})
    result = model.fit(path, steps=2, valid=path, verbose=False).result_
    assert result["valid"] == tiny().fit(lines, steps=2, valid=lines, verbose=False).result_["valid"]
    assert model.evaluate(path) == model.evaluate(lines) == result["valid"]
    assert result["valid"]["unknown"] == 0
