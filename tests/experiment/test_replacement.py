"""New versions of a run: trained beside the current one, compared with it, interrupted and resumed."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import RunFolder, current_run, replace_file, versions
from elman.checkpoint.version_list import list_versions
from elman.errors import ConfigError, DataError, Interrupted, ModelError, ResourceError
from elman.experiment import resume, train
from elman.experiment.replacement import Replacement
from elman.tasks.language_model import preparation
from elman.tasks.loading import load
from elman.training import loop
from elman.training.progress import SilentDisplay

from .trainings import TINY, TINY_PAIRS, Killed, Recorder, files_of, names_in, with_training

REPLACE = Replacement()
LONGER = with_training(steps=60)
WORSE = with_training(steps=1, learning_rate=1e-6)


def train_again(book: Path, run: Path, values: Any = TINY, replace: Replacement = REPLACE, **options: Any) -> Any:
    return train([book], run, values, options.pop("display", SilentDisplay()), replace=replace, **options)


@pytest.fixture
def run(book: Path, tmp_path: Path) -> Path:
    train([book], tmp_path / "run", TINY, SilentDisplay())
    return tmp_path / "run"


def better(metric: str = "perplexity", keep: int = 3) -> Replacement:
    return Replacement(keep, metric)


def test_a_new_version_is_what_a_run_of_its_own_would_be(book: Path, run: Path, tmp_path: Path) -> None:
    train([book], tmp_path / "alone", LONGER, SilentDisplay())
    result = train_again(book, run, LONGER)
    assert (result["version"], result["is_current"], result["previous_version"]) == (2, True, 1)
    assert (result["run"], result["model"]) == (str(run), str(run / "model"))
    for folder in (run / "model", run / "versions" / "0002" / "model"):
        weights = (folder / "model.safetensors").read_bytes()
        assert weights == (tmp_path / "alone" / "model" / "model.safetensors").read_bytes()
    assert load(run).info.version == 2
    assert names_in(run) == ["current", "lock", "model", "switch.lock", "versions"]


def test_the_model_folder_says_what_it_is(book: Path, run: Path) -> None:
    info = load(run).info
    assert (info.name, info.version, info.date) == ("run", 1, "2025-12-01T13:00:00Z")
    assert info.data_sha256 == hashlib.sha256(book.read_bytes()).hexdigest()
    result = train_again(book, run, name="书 2")
    info = load(run).info
    assert (info.name, info.version) == ("书 2", 2)
    assert info.metrics == {name: value for name, value in result["valid"].items() if name != "task"}


def test_a_run_that_is_not_there_is_created(book: Path, tmp_path: Path) -> None:
    result = train_again(book, tmp_path / "run", replace=better())
    assert "version" not in result
    assert (load(tmp_path / "run").info.version, names_in(tmp_path / "run")[0]) == (1, "best")


def test_the_first_run_goes_on_after_a_rollback_as_if_it_had_never_been_replaced(
    book: Path, run: Path, tmp_path: Path
) -> None:
    train([book], tmp_path / "alone", TINY, SilentDisplay())
    train_again(book, run)
    versions.roll_back(run, None, load)
    for path in (run, tmp_path / "alone"):
        assert resume(path, SilentDisplay(), {"steps": 3})["steps"] == 7
    weights = [path / "model" / "model.safetensors" for path in (run, tmp_path / "alone", current_run(run))]
    assert len({path.read_bytes() for path in weights}) == 1
    assert current_run(run).name == "0001"


def test_only_as_many_versions_stay_as_are_to_be_kept(book: Path, run: Path) -> None:
    deleted = [train_again(book, run, replace=Replacement(2))["deleted_versions"] for _ in range(3)]
    assert deleted == [[], [1], [2]]
    assert [(version.number, version.state) for version in list_versions(run)] == [(3, "earlier"), (4, "current")]


@pytest.mark.parametrize("metric", ["loss", "perplexity", "bits_per_character"])
def test_a_better_version_replaces_the_current_one(book: Path, run: Path, metric: str) -> None:
    display = Recorder()
    result = train_again(book, run, LONGER, better(metric), display=display)
    comparison = result["comparison"]
    assert result["is_current"]
    assert (comparison["metric"], comparison["current_version"]) == (metric, 1)
    assert comparison["new"] == result["valid"][metric] < comparison["current"]
    value = f"{comparison['current']:.6g}"
    assert f"current version 1: {metric} {value} on the validation set of the new version" in display.messages
    assert "version 2 is the current version now; before, it was version 1" in display.messages


@pytest.mark.parametrize("values", [WORSE, TINY], ids=["worse", "equal"])
def test_a_version_that_is_not_better_is_kept_and_does_not_become_current(
    book: Path, run: Path, values: dict[str, Any]
) -> None:
    before, display = files_of(run), Recorder()
    result = train_again(book, run, values, better(), display=display)
    comparison = result["comparison"]
    assert (result["version"], result["is_current"], result["previous_version"]) == (2, False, 1)
    assert result["model"] == str(run / "versions" / "0002" / "model")
    assert {name: content for name, content in files_of(run).items() if name in before} == before
    assert load(run).info.version == 1
    figures = f"perplexity {comparison['new']:.6g}; before, {comparison['current']:.6g}"
    assert display.messages[-2:] == [
        f"version 2 is not better than version 1: {figures}",
        f"version 1 stays the current version. To use the new one: elman rollback {run} 2",
    ]
    assert [version.state for version in list_versions(run)] == ["current", "rejected"]
    versions.roll_back(run, 2, load)
    assert load(run).info.version == 2


def test_the_metric_of_the_current_model_is_that_of_the_new_validation_set(book: Path, run: Path) -> None:
    other = book.with_name("other.txt")
    other.write_text(book.read_text().replace("gamma", "delta alpha"))
    result = train_again(other, run, WORSE, better("bits_per_character"))
    old, new = (versions.folder_of(run, number) for number in (1, 2))
    text = load(new).codec.decode(_valid_ids(new))
    assert len(load(old).vocabulary) > len(load(new).vocabulary)
    assert result["comparison"]["current"] == load(old).evaluate_blocks([text])["bits_per_character"]


def _valid_ids(run: Path) -> Any:
    from elman.tasks.language_model.corpus import LanguageModelCorpus

    return next(LanguageModelCorpus.open(run / "data").ids("valid").chunks())


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("speed", "--only-if-better: unknown metric 'speed'; expected loss, perplexity, bits_per_character"),
        ("count", "--only-if-better: unknown metric 'count'; expected loss"),
    ],
)
def test_an_unknown_metric_is_an_error_before_anything_is_read(
    book: Path, run: Path, metric: str, message: str
) -> None:
    before = files_of(run)
    with pytest.raises(ConfigError, match=message):
        train_again(book, run, replace=better(metric))
    assert files_of(run) == before


def test_models_that_cannot_be_compared_are_an_error_before_the_training(book: Path, run: Path) -> None:
    before = files_of(run)
    words = {**TINY, "data": {"level": "word"}}
    with pytest.raises(ConfigError, match="have different tokens, so their perplexity cannot be compared"):
        train_again(book, run, words, better())
    assert {name: content for name, content in files_of(run).items() if name != "switch.lock"} == before
    assert train_again(book, run, words, better("bits_per_character"))["version"] == 2


def test_a_version_of_another_task_is_an_error(pairs: Path, run: Path) -> None:
    with pytest.raises(ConfigError, match="the model is of the task 'lm'; expected one of the task 'seq2seq'"):
        train([pairs], run, TINY_PAIRS, SilentDisplay(), task="seq2seq", replace=REPLACE)


def test_a_run_without_a_model_cannot_be_replaced(book: Path, tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", {"task": "lm"}).unlock()
    with pytest.raises(ConfigError, match=r"the run has no model yet that could be replaced\. Continue with"):
        train_again(book, tmp_path / "run")


def test_a_second_replacement_is_refused_while_the_first_one_trains(
    book: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, errors = loop.update, []

    def second(*arguments: Any) -> float:
        for attempt in (lambda: train_again(book, run), lambda: resume(run, SilentDisplay())):
            with pytest.raises(ConfigError) as caught:
                attempt()
            errors.append(str(caught.value))
        monkeypatch.setattr(loop, "update", real)
        return real(*arguments)

    monkeypatch.setattr(loop, "update", second)
    assert train_again(book, run)["version"] == 2
    expected = f"{run}: another process is training in this folder. Wait until it ends, or choose another -o"
    assert errors == [expected] * 2


def test_a_rollback_is_possible_while_a_new_version_trains(
    book: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_again(book, run)
    real = loop.update

    def roll_back(*arguments: Any) -> float:
        monkeypatch.setattr(loop, "update", real)
        assert versions.roll_back(run, None, load) == (2, 1)
        return real(*arguments)

    monkeypatch.setattr(loop, "update", roll_back)
    assert train_again(book, run)["previous_version"] == 1
    assert versions.history_of(run) == (3, 1)


def fails_with(error: BaseException) -> Callable[..., Any]:
    def fail(*arguments: Any, **keywords: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("error", [DataError("bad"), KeyboardInterrupt(), ZeroDivisionError()])
def test_a_failure_before_the_training_leaves_the_run_as_it_was(
    book: Path, run: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    before = files_of(run)
    monkeypatch.setattr(preparation, "prepare", fails_with(error))
    with pytest.raises(type(error)):
        train_again(book, run)
    assert {name: content for name, content in files_of(run).items() if name != "switch.lock"} == before
    assert versions.unfinished_version(run) is None


def test_ctrl_c_leaves_a_checkpoint_from_which_resume_replaces_the_current_version(
    book: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train([book], tmp_path / "alone", TINY, SilentDisplay())
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_stop_if_requested", lambda session, stop: _stop_at(session, 2))
        with pytest.raises(Interrupted) as caught:
            train_again(book, run, replace=Replacement(1))
    assert caught.value.hint == f"Continue with `elman resume {run}`"
    assert load(run).info.version == 1
    assert [(version.number, version.state) for version in list_versions(run)] == [(1, "current"), (2, "unfinished")]
    with pytest.raises(ConfigError) as refused:
        train_again(book, run)
    assert str(refused.value) == (
        f"{run}: the training of version 2 was interrupted; expected it to have ended. "
        f"Continue with `elman resume {run}`, or add --overwrite to begin again"
    )
    result = resume(run, SilentDisplay())
    assert (result["version"], result["steps"], result["deleted_versions"]) == (2, 4, [1])
    weights = [path / "model" / "model.safetensors" for path in (run, tmp_path / "alone")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def _stop_at(session: Any, step: int) -> None:
    if session.counters.step == step:
        stop = type("Stop", (), {"number": 2})
        real_stop(session, stop)


real_stop: Any = loop._stop_if_requested


def test_an_interrupted_replacement_is_begun_again_with_overwrite(
    book: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_stop_if_requested", lambda session, stop: _stop_at(session, 2))
        with pytest.raises(Interrupted):
            train_again(book, run)
    result = train_again(book, run, with_training(steps=3), overwrite=True)
    assert (result["version"], result["steps"]) == (2, 3)
    assert [version.state for version in list_versions(run)] == ["earlier", "current"]


@pytest.mark.parametrize("name", ["request.json", "config.toml"])
def test_a_replacement_killed_before_it_trains_is_resumed_or_begun_again(
    book: Path, run: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    real = replace_file

    def killed(path: Path, content: bytes) -> None:
        if path.name == name:
            raise Killed
        real(path, content)

    with monkeypatch.context() as patch:
        for module in ("checkpoint.run_folder", "experiment"):
            patch.setattr(f"elman.{module}.replace_file", killed)
        patch.setattr(RunFolder, "discard", lambda self: self.unlock())  # a killed process cleans nothing up
        with pytest.raises(Killed):
            train_again(book, run)
    assert load(run).info.version == 1
    if name == "config.toml":
        assert resume(run, SilentDisplay())["version"] == 2
    assert train_again(book, run)["version"] == (3 if name == "config.toml" else 2)


def test_a_gate_is_remembered_by_a_resumed_replacement(book: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("elman.experiment.finish", fails_with(Killed()))
        with pytest.raises(Killed):
            train_again(book, run, WORSE, better())
    result = resume(run, SilentDisplay())
    assert (result["is_current"], result["comparison"]["metric"]) == (False, "perplexity")
    assert "version" not in resume(run, SilentDisplay()), "the current version is resumed, which is plain"


def test_a_version_that_cannot_be_compared_any_more_is_kept_aside(
    book: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elman.experiment import replacement

    display, real, calls = Recorder(), replacement._score_current, [0]

    def second_fails(*arguments: Any) -> float:
        calls[0] += 1
        if calls[0] == 2:
            raise ModelError("the file differs from what was written", where="config.json")
        return real(*arguments)

    monkeypatch.setattr(replacement, "_score_current", second_fails)
    result = train_again(book, run, LONGER, better(), display=display)
    assert not result["is_current"]
    assert display.messages[-2] == (
        "version 2 cannot be compared with version 1: config.json: the file differs from what was written"
    )


def test_a_full_disk_during_the_swap_loses_nothing(book: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        error = ResourceError("the disk is full")
        patch.setattr("elman.checkpoint.versions.stage_folder", fails_with(error))
        with pytest.raises(ResourceError):
            train_again(book, run)
    assert load(run).info.version == 1
    result = resume(run, SilentDisplay())
    assert (result["version"], load(run).info.version) == (2, 2)


def test_overwriting_a_run_with_versions_replaces_all_of_them(book: Path, run: Path, tmp_path: Path) -> None:
    train_again(book, run)
    (tmp_path / "bad.txt").write_bytes(b"good line\n" * 200_000 + b"\xff\xfe bad\n")
    before = files_of(run)
    with pytest.raises(DataError):
        train([tmp_path / "bad.txt"], run, TINY, SilentDisplay(), overwrite=True)
    assert files_of(run) == before
    train([book], run, TINY, SilentDisplay(), overwrite=True)
    assert versions.version_numbers(run) == [1]
    assert not (run / "versions").exists()


def test_a_model_continues_from_the_current_version_and_replaces_it(book: Path, run: Path) -> None:
    train_again(book, run)
    result = train_again(book, run, with_training(steps=2), start=run)
    assert result["version"] == 3
    request = json.loads((run / "versions" / "0003" / "request.json").read_bytes())
    assert request["start"] == str(run)


def test_a_higher_accuracy_is_better(tmp_path: Path) -> None:
    data, run = source_of(tmp_path, "classify"), tmp_path / "run"

    def accuracies(steps: int) -> Any:
        values = {**GATES["classify"][2], "training": {"steps": steps, "learning_rate": 0.03, "threads": 1}}
        replace = better("accuracy") if run.exists() else None
        return train([data], run, values, SilentDisplay(), task="classify", replace=replace)

    accuracies(1)
    higher, lower = accuracies(40), accuracies(1)
    assert higher["is_current"]
    assert higher["comparison"]["new"] > higher["comparison"]["current"]
    assert not lower["is_current"]
    assert lower["comparison"]["new"] < lower["comparison"]["current"]


def test_models_are_compared_whose_tokens_are_the_same_in_another_order(book: Path, run: Path) -> None:
    other = book.with_name("other.txt")
    other.write_text(book.read_text() + "delta" * 900)
    result = train_again(other, run, LONGER, better("perplexity"))
    old, new = (load(versions.folder_of(run, number)) for number in (1, 2))
    assert old.vocabulary.tokens != new.vocabulary.tokens
    text = new.codec.decode(_valid_ids(versions.folder_of(run, 2)))
    assert result["comparison"]["current"] == old.evaluate_blocks([text])["perplexity"]


def test_a_run_with_versions_survives_an_overwrite_that_is_killed_twice(book: Path, run: Path) -> None:
    train_again(book, run)
    before = files_of(run)
    request = {"values": TINY, "sources": {"train": [str(book)], "valid": []}, "task": "lm"}
    (run.parent / ".run.replaced").mkdir()  # left by another one that was killed while it deleted it
    RunFolder.create(run, request, overwrite=True).unlock()
    RunFolder.create(run, request, overwrite=True).discard()
    assert files_of(run) == before


GATES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "seq2seq": ("exact_match", "sequence_error_rate", TINY_PAIRS),
    "classify": ("accuracy", "loss", {"model": {"hidden_size": 6, "embedding_size": 4}}),
    "tag": ("accuracy", "loss", {"model": {"hidden_size": 6, "embedding_size": 4}}),
    "forecast": ("mae", "rmse", {"model": {"hidden_size": 4, "horizon": 2}}),
}


@pytest.mark.parametrize("task", GATES)
def test_models_of_every_task_are_compared(tmp_path: Path, task: str) -> None:
    data = source_of(tmp_path, task)
    first, second, values = GATES[task]
    run, values = tmp_path / "run", {**values, "training": {"steps": 2, "threads": 1}}
    train([data], run, values, SilentDisplay(), task=task)
    for number, metric in enumerate((first, second), start=2):
        result = train([data], run, values, SilentDisplay(), task=task, replace=better(metric))
        comparison = result["comparison"]
        assert (result["version"], result["is_current"]) == (number, False), "an equal model is not better"
        assert comparison["new"] == comparison["current"]
        assert "problem" not in comparison
    assert load(run).info.data_sha256 == hashlib.sha256(data.read_bytes()).hexdigest()


def source_of(folder: Path, task: str) -> Path:
    """Write a small file for a task."""
    rng = random.Random(0)
    words = ["".join(rng.choices("abc", k=rng.randint(2, 5))) for _ in range(120)]
    contents = {
        "seq2seq": "".join(f"{word}\t{word[::-1]}\n" for word in words),
        "classify": "".join(f"{word[0]}\t{word} {n}\n" for n, word in enumerate(words)),
        "tag": "".join(f"{word} {word[0]}\n" + "\n" * (n % 4 == 0) for n, word in enumerate(words)),
        "forecast": "y\n" + "".join(f"{rng.random() + n % 6:.3f}\n" for n in range(90)),
    }
    path = folder / {"seq2seq": "a.tsv", "classify": "a.tsv", "tag": "a.txt", "forecast": "a.csv"}[task]
    path.write_text(contents[task])
    return path
