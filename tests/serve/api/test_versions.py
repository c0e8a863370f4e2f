"""New versions of a model that is served: used by the next request, refused where they do not fit, and never a gap."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elman.checkpoint import versions as run_versions
from elman.errors import ConfigError, ModelError
from elman.serve.api.limits import Limits
from elman.serve.api.served_models import ServedModels
from elman.tasks.loading import load
from tests.checkpoint.versioned_runs import add_version, versioned_run
from tests.tasks.classifier.models import tiny_predictor
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model

from ..requests import Answer
from .services import RunningService, serving

QUICK = Limits(versions_seconds=0.02)


def messages_of(models: ServedModels) -> list[tuple[str, bool]]:
    messages: list[tuple[str, bool]] = []
    models.load_new_versions(lambda text, is_served: messages.append((text, is_served)))
    return messages


def fingerprint(running: RunningService) -> str:
    answer = running.ask("POST", "/v1/model/predict", {"inputs": ["abc"]})
    assert answer.status == 200, answer.body
    value: str = answer.json["fingerprint"]
    return value


def test_a_new_version_is_served_without_a_request_that_fails(tmp_path: Path) -> None:
    versions = [tiny_predictor(seed=seed) for seed in range(6)]
    versions[0].save(tmp_path / "model")
    seen: list[Answer] = []
    failures: list[Answer] = []
    with serving(tmp_path / "streams", [str(tmp_path / "model")], QUICK) as running:
        is_done = threading.Event()

        def ask() -> None:
            while not is_done.is_set():
                answer = running.ask("POST", "/v1/model/predict", {"inputs": ["abc"]})
                (seen if answer.status == 200 else failures).append(answer)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for version in versions[1:]:
            version.save(tmp_path / "model", replace=True)
            deadline = time.monotonic() + 5.0
            while fingerprint(running) != version.fingerprint and time.monotonic() < deadline:
                time.sleep(0.01)
            assert fingerprint(running) == version.fingerprint
        is_done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    expected = {model.fingerprint: model.predict_proba(["abc"])[0].max() for model in versions}
    assert {answer.json["fingerprint"] for answer in seen} <= expected.keys()
    for answer in seen:  # each answer is of the version that it names
        (one,) = answer.json["predictions"]
        assert max(one["probabilities"].values()) == pytest.approx(expected[answer.json["fingerprint"]], abs=1e-6)


def test_a_damaged_version_or_one_of_another_task_is_reported_once_and_not_used(tmp_path: Path) -> None:
    first = tiny_predictor()
    first.save(tmp_path / "model")
    models = ServedModels([str(tmp_path / "model")])
    assert messages_of(models) == []
    (tmp_path / "model" / "manifest.json").write_text("{}")
    ((text, is_served),) = messages_of(models)
    assert text.startswith("model: the new version is not used: ")
    assert not is_served
    assert messages_of(models) == []
    tiny_language_model().save(tmp_path / "model", replace=True)
    ((text, _),) = messages_of(models)
    assert "the new version is a model of the task lm; expected classify" in text
    assert models["model"].current.fingerprint == first.fingerprint
    second = tiny_predictor(seed=1)
    second.save(tmp_path / "model", replace=True)
    assert messages_of(models) == [(f"model: a new version is served, {second.fingerprint[:16]}", True)]
    assert models["model"].current.fingerprint == second.fingerprint


def test_a_state_of_the_version_before_is_refused_and_the_stream_can_be_closed(tmp_path: Path) -> None:
    tiny_language_model().save(tmp_path / "model")
    with serving(tmp_path / "streams", [str(tmp_path / "model")], Limits(versions_seconds=60.0)) as running:
        path = f"/v1/model/streams/{running.ask('POST', '/v1/model/streams', {}).json['stream']}"
        tiny_language_model(seed=1).save(tmp_path / "model", replace=True)
        running.models.load_new_versions(lambda text, is_served: None)
        answer = running.ask("POST", path, {"inputs": [1]})
        assert answer.status == 409
        assert "the state is of the model" in answer.error["message"]
        assert running.ask("DELETE", path).status == 200


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["{0}"], ["first"]),
        (["book={0}"], ["book"]),
        (["{0}", "two={0}"], ["first", "two"]),
        (["{0}", "{1}"], ["first", "a-b"]),
    ],
)
def test_models_have_names(tmp_path: Path, arguments: list[str], names: list[str]) -> None:
    folders = [tmp_path / "first", tmp_path / "a b"]
    for folder in folders:
        tiny_predictor().save(folder)
    models = ServedModels([argument.format(*folders) for argument in arguments])
    assert [model.name for model in models] == names


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["{0}", "{0}"], ConfigError, "two models are named 'first'; expected different names"),
        (["{1}"], ConfigError, "has no name that an address can contain"),
        (["book=nothing"], ModelError, "nothing: no such folder"),
        (["a/b={0}"], ModelError, "no such folder"),
    ],
)
def test_wrong_names_and_folders(tmp_path: Path, arguments: list[str], error: type[Any], message: str) -> None:
    folders = [tmp_path / "first", tmp_path / "模型"]
    for folder in folders:
        tiny_predictor().save(folder)
    with pytest.raises(error, match=message):
        ServedModels([argument.format(*folders) for argument in arguments])


def test_a_folder_that_is_copied_piece_by_piece_is_tried_again(tmp_path: Path) -> None:
    first, second = tiny_predictor(), tiny_predictor(seed=1)
    first.save(tmp_path / "model")
    second.save(tmp_path / "new")
    models = ServedModels([str(tmp_path / "model")])
    shutil.copy(tmp_path / "new" / "manifest.json", tmp_path / "model")
    assert [is_served for _, is_served in messages_of(models)] == [False]
    assert messages_of(models) == []
    shutil.copy(tmp_path / "new" / "model.safetensors", tmp_path / "model")
    assert messages_of(models) == [(f"model: a new version is served, {second.fingerprint[:16]}", True)]


def test_a_card_that_is_edited_is_no_new_version(tmp_path: Path) -> None:
    tiny_predictor().save(tmp_path / "model")
    models = ServedModels([str(tmp_path / "model")])
    (tmp_path / "model" / "README.md").write_text("# My model\n")
    assert messages_of(models) == []


@pytest.mark.parametrize("path", ["run", "run/model"])
def test_the_current_version_of_a_run_is_served_after_a_replacement_and_a_rollback(tmp_path: Path, path: str) -> None:
    run = versioned_run(tmp_path / "run", 1)
    models = ServedModels([f"book={tmp_path / path}"])
    served = [models["book"].predictor.info.version]
    changes: list[Callable[[], object]] = [
        lambda: run_versions.make_current(run, add_version(run), {}),
        lambda: run_versions.roll_back(run, 1, load),
    ]
    for change in changes:
        change()
        models.load_new_versions(lambda text, is_served: None)
        served.append(models["book"].predictor.info.version)
        assert not models["book"].has_new_version
    assert served == [1, 2, 1]


def test_a_new_version_is_served_although_the_copy_of_its_model_was_not_written(
    tmp_path: Path,
) -> None:
    run = versioned_run(tmp_path / "run", 2)
    models = ServedModels([f"book={run}"])
    (run / "current").write_text("0001\n")  # as a process leaves it that is killed in between
    models.load_new_versions(lambda text, is_served: None)
    assert models["book"].predictor.info.version == 1
