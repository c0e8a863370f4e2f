"""elman.LanguageModel: fit, generate, evaluate, save; and elman.load, which needs no torch."""

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
from elman.errors import ConfigError, DataError, Interrupted
from elman.tasks import estimator as learner
from elman.training.progress import SilentDisplay

LINES = ["the time traveller smiled", "the time machine stood there", "and then the lamp went out"] * 20
TINY: dict[str, Any] = {
    "hidden_size": 16,
    "embedding_size": 8,
    "config": {"training": {"batch_size": 4, "bptt_steps": 8, "threads": 1}},
}


def tiny(**given: Any) -> elman.LanguageModel:
    return elman.LanguageModel(**{**TINY, **given})


@pytest.fixture(scope="module")
def trained() -> tuple[elman.LanguageModel, dict[str, Any]]:
    model = tiny()
    return model, model.fit(LINES, steps=4, verbose=False)


def test_a_list_a_path_a_text_of_lines_and_a_generator_are_one(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("\n".join(LINES) + "\n")
    texts: list[Any] = [LINES, tmp_path / "book.txt", str(tmp_path / "book.txt"), (line for line in LINES)]
    results = []
    for text in texts:
        model = tiny(cell="gru", dropout=0.2, seed=3)
        results.append((model.fit(text, steps=3, verbose=False)["valid"], model.generate("the ", max_tokens=9, seed=1)))
    assert all(result == results[0] for result in results)


def test_a_data_set_is_taken_by_its_name() -> None:
    model = tiny()
    result = model.fit("python-docs", steps=2, verbose=False)
    assert result["steps"] == 2
    assert result["valid"]["tokens"] > 10_000


def test_fit_returns_what_the_trained_model_scores(trained: Any) -> None:
    model, result = trained
    assert set(result) == {"task", "steps", "seconds", "tokens_per_second", "best_step", "valid"}
    text = "".join(line + "\n" for line in LINES)
    cut = len(text) - result["valid"]["tokens"]
    assert model.predictor.evaluate(text[cut:]) == result["valid"]


def test_a_held_out_text_may_be_given(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("the lamp went out and then the time machine stood there\n" * 5)
    model = tiny()
    by_path = model.fit(LINES, steps=2, valid=tmp_path / "other.txt", verbose=False)["valid"]
    assert by_path == model.evaluate(tmp_path / "other.txt")
    by_list = model.fit(
        LINES, steps=2, valid=["the lamp went out and then the time machine stood there"] * 5, verbose=False
    )
    assert by_list["valid"] == by_path


def test_evaluate_takes_a_path_or_the_texts_themselves(trained: Any, tmp_path: Path) -> None:
    model, _ = trained
    (tmp_path / "book.txt").write_text("\n".join(LINES) + "\n")
    assert model.evaluate(tmp_path / "book.txt") == model.evaluate(LINES) == model.evaluate(str(tmp_path / "book.txt"))


def test_generate_stream_and_suggest_are_the_predictor_s(trained: Any) -> None:
    model, _ = trained
    text = model.generate("the ", max_tokens=20, temperature=0.5, seed=1)
    assert text.startswith("the ")
    assert "the " + "".join(model.stream("the ", max_tokens=20, temperature=0.5, seed=1)) == text
    assert model.suggest("the t", 2) == model.predictor.suggest("the t", 2)


def test_what_is_saved_is_loaded_and_writes_the_same(trained: Any, tmp_path: Path) -> None:
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
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    written, error = done.stdout.split("|")
    assert written == model.generate("the ", max_tokens=20, seed=1)
    assert error == "the model is not trained yet; call fit first, or use elman.load"


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
def test_an_untrained_model_says_so(use: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        use(tiny())
    assert str(caught.value) == "the model is not trained yet; call fit first, or use elman.load"
    assert list(tmp_path.iterdir()) == []


def test_silence_where_it_is_asked_for_and_stderr_where_it_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    tiny().fit(LINES, steps=1, verbose=False)
    assert capsys.readouterr() == ("", "")
    tiny().fit(LINES, steps=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "held out: loss" in err


def test_a_run_folder_is_kept_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = tiny().fit(LINES, steps=2, run=tmp_path / "run", verbose=False)
    assert is_run_folder(tmp_path / "run")
    assert (result["run"], result["model"]) == (str(tmp_path / "run"), str(tmp_path / "run" / "model"))
    with pytest.raises(ConfigError, match="exists already"):
        tiny().fit(LINES, steps=1, run=tmp_path / "run", verbose=False)
    assert tiny().fit(LINES, steps=1, run=tmp_path / "run", overwrite=True, verbose=False)["steps"] == 1
    monkeypatch.chdir(tmp_path)
    tiny().fit(LINES, steps=1, verbose=False)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"], "without run nothing is left behind"


def test_a_mistake_in_a_size_is_told_at_fit_before_anything_is_read(tmp_path: Path) -> None:
    model = elman.LanguageModel(hidden_size=-3)
    with pytest.raises(ConfigError) as caught:
        model.fit(tmp_path / "not-there.txt", steps=1, run=tmp_path / "run")
    assert "model.hidden_size" in str(caught.value)
    assert "-3" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_one_budget_only() -> None:
    with pytest.raises(ConfigError, match="one budget only, given steps and minutes"):
        tiny().fit(LINES, steps=1, minutes=1.0, verbose=False)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.txt: no such file"):
        tiny().fit(tmp_path / "nowhere.txt", steps=1, verbose=False)


def test_a_failed_fit_leaves_the_model_as_it_was(trained: Any) -> None:
    model, _ = trained
    before = model.generate("the ", max_tokens=10, seed=1)
    with pytest.raises(DataError, match="memory: "):
        model.fit(["x"], steps=1, verbose=False)
    assert model.generate("the ", max_tokens=10, seed=1) == before


def test_the_level_and_several_sizes_are_taken() -> None:
    model = elman.LanguageModel(level="word", hidden_size=(8, 6), cell="elman", config=TINY["config"])
    model.fit(LINES, steps=2, verbose=False)
    assert model.predictor.config.hidden_sizes == (8, 6)
    assert model.predictor.text.level == "word"


def test_the_caller_s_config_is_not_changed() -> None:
    config = {"training": {"batch_size": 4, "bptt_steps": 8, "threads": 1}}
    elman.LanguageModel(hidden_size=8, config=config, seed=4).fit(LINES, steps=1, verbose=False)
    assert config == {"training": {"batch_size": 4, "bptt_steps": 8, "threads": 1}}


def test_public_names_are_there_and_others_are_told() -> None:
    assert {"LanguageModel", "load", "ElmanError", "__version__"} <= set(dir(elman))
    assert elman.__version__
    with pytest.raises(AttributeError, match="module 'elman' has no attribute 'LanguageModle'"):
        _ = elman.LanguageModle  # type: ignore[attr-defined]


# What a reader found


def test_saving_never_replaces_a_folder_of_other_files(trained: Any, tmp_path: Path) -> None:
    model, _ = trained
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(ConfigError) as caught:
        model.save(tmp_path / "thesis")
    where = tmp_path / "thesis"
    assert str(caught.value) == f"{where}: holds other files (chapter.tex): not replaced; choose a new folder"
    assert [(p.name, p.read_text()) for p in where.iterdir()] == [("chapter.tex", "years of work")]
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"notes\.txt: is a file, expected a new folder; choose another name"):
        model.save(tmp_path / "notes.txt")


def test_saving_to_a_relative_path_twice_is_saving_once(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = trained
    monkeypatch.chdir(tmp_path)
    model.save("model")
    before = {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()}
    model.save("model")
    assert {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()} == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


class Impatient(SilentDisplay):
    """Presses Ctrl-C at a step, or at the first validation."""

    def __init__(self, at: str) -> None:
        self.at = at

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        if self.at == "step":
            os.kill(os.getpid(), signal.SIGINT)

    def validated(self, step: int, metrics: dict[str, float], *, best: bool, sample: str | None) -> None:
        if self.at == "validation":
            os.kill(os.getpid(), signal.SIGINT)


def interrupted(patch: pytest.MonkeyPatch, model: elman.LanguageModel, at: str, **options: Any) -> Interrupted:
    patch.setattr(learner, "display_of", lambda *, verbose: Impatient(at))
    with pytest.raises(Interrupted) as caught:
        model.fit(LINES, steps=200, **options)
    assert caught.value.exit_code == 130
    return caught.value


EVERY_TWO = {"training": {**TINY["config"]["training"], "validate_every_steps": 2}}


def test_an_interrupted_fit_keeps_the_best_model_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny(config=EVERY_TWO)
    error = interrupted(monkeypatch, model, "validation")
    assert str(error) == "stopped; the best model so far is kept; give run= to go on later"
    assert model.generate("the ", max_tokens=9, seed=1).startswith("the ")
    assert model.evaluate(LINES)["loss"] > 0.0


def test_a_fit_interrupted_before_anything_was_validated_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny(config=EVERY_TWO)
    error = interrupted(monkeypatch, model, "step")
    assert str(error) == "stopped; nothing was validated yet; give run= to go on later"
    with pytest.raises(ConfigError, match="the model is not trained yet"):
        model.generate("the ")


def test_a_fit_interrupted_in_a_run_folder_tells_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.experiment import resume

    model = tiny(config={"training": {**EVERY_TWO["training"], "patience": 1}})
    error = interrupted(monkeypatch, model, "validation", run=tmp_path / "run")
    assert f"elman resume {tmp_path / 'run'}" in str(error)
    assert "give run=" not in str(error)
    assert resume(tmp_path / "run", SilentDisplay())["steps"] >= 3


FIT_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import elman
try:
    elman.LanguageModel(hidden_size=8).fit(["text"] * 100, steps=1)
except elman.ElmanError as error:
    print(type(error).__name__, error.exit_code, error)
"""


def test_fitting_without_torch_says_what_to_install() -> None:
    command = [sys.executable, "-W", "error", "-c", FIT_WITHOUT_TORCH]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ('ElmanError 1 training needs PyTorch, which is not installed; pip install "elman[train]"\n')


REACHABLE = """
import sys
import elman
assert "torch" not in sys.modules and "numpy" not in sys.modules, "import elman is light"
assert {"cells", "nn"} <= set(dir(elman))
print(sorted(elman.cells.CELLS), elman.nn.LSTM.__name__)
"""


def test_cells_and_nn_are_reachable_after_import_elman_alone() -> None:
    command = [sys.executable, "-W", "error", "-c", REACHABLE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "['elman', 'gru', 'lstm'] LSTM\n"


def test_a_text_in_the_place_of_a_path_is_told() -> None:
    with pytest.raises(DataError) as caught:
        tiny().fit("It was a dark and stormy night. " * 200, steps=1, verbose=False)
    assert str(caught.value) == (
        "'It was a dark and stormy night. It was a'... is no path; "
        "a str is a path; give the texts themselves as a list: [text]"
    )


@pytest.mark.parametrize("wrong", [None, 3.5, b"bytes"])
def test_an_item_that_is_no_text_is_named(trained: Any, wrong: Any) -> None:
    told = f"item 2 is {wrong!r}, expected text; leave out what is missing"
    model, _ = trained
    for use in (lambda texts: tiny().fit(texts, steps=1, verbose=False), model.evaluate):
        with pytest.raises(DataError) as caught:
            use(["one", "two", wrong, "four", None])
        assert str(caught.value) == told


def test_a_budget_of_fit_replaces_the_one_of_the_config() -> None:
    model = tiny(config={"training": {**TINY["config"]["training"], "minutes": 60.0}})
    assert model.fit(LINES, steps=2, verbose=False)["steps"] == 2


def test_stream_refuses_a_wrong_option_at_the_call(trained: Any) -> None:
    model, _ = trained
    with pytest.raises(ConfigError, match=r"top_p: given 2\.0, expected more than 0 and at most 1"):
        model.stream("the ", top_p=2.0)
