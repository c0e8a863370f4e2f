"""The addresses of the studio: traces equal those of the predictors, and errors are answers."""

from __future__ import annotations

import csv
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from elman.checkpoint import ModelFolder, read_model
from elman.errors import ModelError
from elman.inspect import trace_json
from elman.serve import folders as folders_module
from elman.serve import input_traces, model_status
from elman.serve.input_traces import Models
from elman.tasks.spec import TASKS
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.forecaster.models import INPUTS, TARGETS
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model
from tests.tasks.seq2seq.models import tiny_predictor as tiny_encoder_decoder
from tests.tasks.tagger.models import tiny_predictor as tiny_tagger

from .studios import TOKEN, RunningStudio, running, write_run


@pytest.fixture(scope="module")
def predictors() -> dict[str, Any]:
    return {
        "lm": tiny_language_model("lstm"),
        "classify": tiny_classifier(),
        "tag": tiny_tagger("crf"),
        "seq2seq": tiny_encoder_decoder(),
        "forecast": tiny_forecaster(),
    }


@pytest.fixture(scope="module")
def folder(predictors: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for task, predictor in predictors.items():
        predictor.save(folder / task)
    write_run(folder / "run", tiny_language_model("lstm"))
    write_series(folder / "series.csv")
    return folder


def write_series(path: Path) -> None:
    names = [*TARGETS, *INPUTS]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["date", *names])
        for row in range(40):
            writer.writerow([f"2020-{row // 28 + 1:02}-{row % 28 + 1:02}", *(10 + row + len(name) for name in names)])


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[RunningStudio]:
    with running([folder]) as studio:
        yield studio


@pytest.mark.parametrize(
    ("task", "text", "options"),
    [
        ("lm", "abcab", {}),
        ("lm", "abcab", {"gradients": True, "attribution": "leave_one_out", "position": 3}),
        ("classify", "fed", {"gradients": True, "target": "b"}),
        ("tag", "ab cd", {"attribution": "gradient_x_input"}),
        ("seq2seq", "abc", {"beam": 3}),
    ],
)
def test_a_trace_is_that_of_the_predictor(
    studio: RunningStudio, folder: Path, predictors: dict[str, Any], task: str, text: str, options: dict[str, Any]
) -> None:
    arguments = {
        {"classify": "label", "tag": "tags"}.get(task, name) if name == "target" else name: value
        for name, value in options.items()
    }
    if task == "classify":
        arguments["label"] = options["target"] = predictors[task].labels[1]
    expected = trace_json(predictors[task].trace(text, **arguments))
    request = {"model": f"{folder}/{task}", "input": text, **options}
    answer = studio.ask("POST", "/api/trace", request)
    assert answer.status == 200, answer.json["text"]
    assert answer.json == json.loads(expected)
    assert "x-elman-characters" not in answer.headers


def test_the_trace_of_a_forecaster_reads_a_data_file(studio: RunningStudio, folder: Path) -> None:
    request = {"model": f"{folder}/forecast", "data": f"{folder}/series.csv"}
    answer = studio.ask("POST", "/api/trace", request)
    assert answer.status == 200, answer.json["text"]
    assert answer.json["task"] == "forecast"
    assert studio.ask("POST", "/api/trace", {"model": f"{folder}/forecast"}).json["message"] == (
        "a forecaster reads a data file"
    )
    outside = {"model": f"{folder}/forecast", "data": "/etc/passwd"}
    assert studio.ask("POST", "/api/trace", outside).json["message"].startswith("no data file of this name")


@pytest.mark.parametrize("task", ["lm", "classify", "tag"])
def test_a_text_that_is_too_long_is_windowed(
    studio: RunningStudio, folder: Path, predictors: dict[str, Any], task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_traces, "MAX_BYTES", 500_000)
    text = "abc de " * 14_286
    answer = studio.ask("POST", "/api/trace", {"model": f"{folder}/{task}", "input": text})
    assert answer.status == 200, answer.json["text"]
    shown = int(answer.headers["x-elman-characters"])
    assert 100 < shown < len(text)
    assert text[shown - 1] == " "  # no word is cut
    assert len(answer.body) < 1_500_000
    assert answer.json == json.loads(trace_json(predictors[task].trace(text[:shown])))


def test_a_long_source_is_windowed(studio: RunningStudio, folder: Path) -> None:
    answer = studio.ask("POST", "/api/trace", {"model": f"{folder}/seq2seq", "input": "abcd" * 1000})
    assert answer.headers["x-elman-characters"] == str(input_traces.MAX_SOURCE)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"input": ""}, "the input is empty; expected a text"),
        ({"input": "abc", "beam": 2}, "beam: RUN is a language model; expected a sequence-to-sequence model"),
        ({"input": "abc", "attribution": "magic"}, "attribution: given 'magic'"),
        ({"input": "abc", "position": 2}, "position: given without attribution"),
        ({"input": "abc", "model": "../secret"}, "no run and no model of this name"),
        ({"input": "abc", "model": 7}, "Input should be a valid string"),
        ({"input": "abc", "more": 1}, "Extra inputs are not permitted"),
        ({"input": "x" * 1_000_001}, "String should have at most 1000000 characters"),
    ],
)
def test_a_wrong_request_is_explained(
    studio: RunningStudio, folder: Path, request_: dict[str, Any], message: str
) -> None:
    answer = studio.ask("POST", "/api/trace", {"model": f"{folder}/lm", **request_})
    assert answer.status == 422 or answer.headers["x-elman-problem"] in ("usage", "model")
    assert message in answer.json["message"]


def test_an_error_is_in_the_language_of_the_page(studio: RunningStudio, folder: Path) -> None:
    answer = studio.ask("POST", "/api/trace?lang=zh", {"model": f"{folder}/lm", "input": ""})
    assert answer.json["text"] == "输入为空；应为一段文本。请输入文本。"
    assert answer.json["message"] == "the input is empty; expected a text"


def test_what_is_no_json_is_refused(studio: RunningStudio) -> None:
    assert studio.ask("POST", "/api/trace", b"{").status == 422
    assert studio.ask("POST", "/api/trace", b"[" * 100_000).status in (400, 422)
    assert studio.ask("GET", "/api/nothing").status == 404
    assert studio.ask("DELETE", "/api/trace").status == 405


def test_a_damaged_model_is_in_the_list_with_its_problem(folder: Path, predictors: dict[str, Any]) -> None:
    damaged = folder / "damaged"
    predictors["lm"].save(damaged)
    (damaged / "model.safetensors").write_bytes(b"nothing")
    try:
        with running([folder]) as studio:
            _, entries = next(studio.events())
            (entry,) = (model for model in entries["models"] if model["name"] == str(damaged))
            assert "model.safetensors" in entry["problem"]
            answer = studio.ask("POST", "/api/trace", {"model": str(damaged), "input": "abc"})
            assert answer.headers["x-elman-problem"] == "model"
            assert answer.json["code"] == "model"
    finally:
        for file in damaged.iterdir():
            file.unlink()
        damaged.rmdir()


def test_a_model_that_training_replaces_is_loaded_again(tmp_path: Path) -> None:
    models = Models()
    tiny_language_model(seed=1).save(tmp_path / "model")
    first = models.load(tmp_path / "model")
    assert models.load(tmp_path / "model") is first
    tiny_language_model(seed=2).save(tmp_path / "model", replace=True)
    second = models.load(tmp_path / "model")
    assert second is not first
    assert (second.trace("abc")["logits"] != first.trace("abc")["logits"]).any()
    for number in range(input_traces.MAX_MODELS):
        tiny_language_model(seed=number).save(tmp_path / f"{number}")
        models.load(tmp_path / f"{number}")
    assert models.load(tmp_path / "model") is not second


def test_generation_is_that_of_the_predictor(studio: RunningStudio, folder: Path, predictors: dict[str, Any]) -> None:
    request = {"model": f"{folder}/lm", "prompt": "ab", "max_tokens": 30, "temperature": 0.8, "seed": 5}
    expected = predictors["lm"].generate("ab", max_tokens=30, temperature=0.8, seed=5)
    assert studio.ask("POST", "/api/generate", request).json == {"text": expected}
    answer = studio.ask("POST", "/api/generate", {**request, "model": f"{folder}/tag"})
    assert answer.json["message"] == "only a language model generates text"


def test_the_events_are_the_list_and_the_records(studio: RunningStudio, folder: Path) -> None:
    events = studio.events(f"run={folder}/run&lang=zh")
    name, entries = next(events)
    assert name == "list"
    (run,) = entries["runs"]
    assert (run["name"], run["state"], run["step"]) == (f"{folder}/run", "finished", 100)
    assert run["best"] == [{"name": "损失", "value": 2.5}, {"name": "困惑度", "value": 12.2}]
    assert {model["task"] for model in entries["models"]} == set(TASKS)
    assert entries["data"][0]["name"] == f"{folder}/series.csv"
    name, records = next(events)
    assert name == "records"
    assert records["run"] == f"{folder}/run"
    assert [record["step"] for record in records["records"]] == [*range(10, 101, 10), 100]
    with (folder / "run/metrics.jsonl").open("a") as stream:
        stream.write('{"step": 110, "loss": 1.0}\n')
    while name != "records" or records["records"][-1]["step"] != 110:
        name, records = next(events)
    assert records["records"] == [{"step": 110, "loss": 1.0}]
    with (folder / "run/timing.jsonl").open("a") as stream:
        stream.write('{"step": 120, "seconds": 12.0}\n')
    name, entries = next(events)  # the list has changed
    assert (name, entries["runs"][0]["step"]) == ("list", 120)


def test_runs_that_do_not_exist_are_named_in_the_events(studio: RunningStudio, folder: Path) -> None:
    events = studio.events(f"run=nothing&run={folder}/run")
    assert next(events) == ("missing", {"runs": ["nothing"]})
    assert [next(events)[0] for _ in range(2)] == ["list", "records"]


def test_the_options_are_those_of_the_command_line(studio: RunningStudio) -> None:
    tasks = studio.ask("GET", "/api/options").json
    assert set(tasks) == set(TASKS)
    options = {option["key"]: option for option in tasks["lm"]["options"]}
    assert options["model.cell"]["flag"] == "--cell"
    assert options["model.tie_weights"]["choices"] == ["yes", "no"]
    chinese = studio.ask("GET", "/api/options?lang=zh").json
    assert chinese["lm"]["title"] == "语言模型"
    assert not chinese["lm"]["options"][0]["help"].isascii()


def test_a_data_file_is_stored(studio: RunningStudio, folder: Path) -> None:
    content = "诗\n".encode() * 100_000
    address = f"/api/files?folder={folder}&name="
    assert studio.ask("POST", f"{address}poem.txt", content).json == {"data": f"{folder}/poem.txt"}
    assert (folder / "poem.txt").read_bytes() == content
    assert studio.ask("POST", f"{address}poem.txt", b"other").json["message"] == "the name is taken"
    assert studio.ask("POST", f"{address}program.py", b"x").json["message"].startswith("program.py: the ending is not")
    assert studio.ask("POST", f"{address}..%2Fpoem.txt", b"x").headers["x-elman-problem"] == "usage"
    assert (folder / "poem.txt").read_bytes() == content
    (folder / "poem.txt").unlink()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "magic"}, "task: given 'magic'; expected one of lm, classify"),
        ({"data": "/etc/passwd"}, "no data file of this name"),
        ({"folder": "/tmp"}, "no folder of this name"),
        ({"name": "../x"}, "is not allowed"),
        ({"name": "run"}, "the name is taken"),
        ({"options": {"data.source": "/etc/passwd"}}, "data.source: the task 'lm' has no such option"),
        ({"options": {"--config": "/etc/passwd"}}, "--config: the task 'lm' has no such option"),
        ({"options": {"model.tie_weights": "maybe"}}, "model.tie_weights: given 'maybe'; expected yes or no"),
    ],
)
def test_a_wrong_training_is_not_started(
    studio: RunningStudio, folder: Path, changes: dict[str, Any], message: str
) -> None:
    request = {"task": "lm", "data": f"{folder}/series.csv", "folder": str(folder), "name": "new", "options": {}}
    answer = studio.ask("POST", "/api/trainings", {**request, **changes})
    assert answer.headers["x-elman-problem"] == answer.json["code"]
    assert message in answer.json["message"]
    assert studio.studio.trainings.all() == []


def test_only_what_the_studio_has_started_is_stopped(studio: RunningStudio, folder: Path) -> None:
    answer = studio.ask("POST", "/api/stop", {"run": f"{folder}/run"})
    assert answer.json["message"] == "the studio has not started a training of this run"
    assert studio.ask("POST", "/api/resume", {"run": f"{folder}/lm"}).json["message"].startswith("no run of this name")


def test_odd_files_do_not_end_the_list(folder: Path, predictors: dict[str, Any], tmp_path: Path) -> None:
    predictors["lm"].save(tmp_path / "good")
    for name in ("a", "b", "c", "d"):
        write_run(tmp_path / name)
    (tmp_path / "a/last").write_bytes(b"\xff")
    (tmp_path / "b/checkpoints/step-00000100/state.json").write_text("[]")
    (tmp_path / "c/timing.jsonl").write_text('{"step": "x", "seconds": []}\n')
    (tmp_path / "d/metrics.jsonl").write_text('{"step": 1, "loss": 1e999}\n{"step": 2, "sample": "\\ud800"}\n')
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("")
    with running([tmp_path]) as studio:
        events = studio.events(f"run={tmp_path}/d")
        _, entries = next(events)
        states = {run["name"][-1]: run["state"] for run in entries["runs"]}
        assert states == {"a": "stopped", "b": "stopped", "c": "damaged", "d": "finished"}
        assert "ValueError" in entries["runs"][2]["problem"]
        assert [model["task"] for model in entries["models"]] == ["lm"]
        assert entries["data"] == []
        _, records = next(events)
        assert records["records"] == [{"step": 2, "sample": "\ud800"}]
        assert records["damaged"] == [1]


def test_a_run_with_a_link_that_leads_outside_is_not_shown(tmp_path: Path) -> None:
    write_run(tmp_path / "secret", tiny_language_model("lstm"))
    write_run(tmp_path / "runs/run")
    (tmp_path / "runs/run/model").symlink_to(tmp_path / "secret/model")
    with running([tmp_path / "runs"]) as studio:
        assert next(studio.events())[1]["runs"] == []
        answer = studio.ask("POST", "/api/trace", {"model": f"{tmp_path}/runs/run", "input": "abc"})
        assert answer.json["code"] == "model"


def test_a_model_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_language_model("lstm").save(tmp_path / "model")
    reads: list[Path] = []

    def recorded_read(path: Path) -> ModelFolder:
        reads.append(path)
        return read_model(path)

    monkeypatch.setattr(model_status, "read_model", recorded_read)
    reader = model_status.ModelReader(tmp_path / "model")
    assert [reader.read().task for _ in range(3)] == ["lm"] * 3
    assert len(reads) == 1
    (tmp_path / "model/model.safetensors").write_bytes(b"x")
    for _ in range(2):
        assert isinstance(reader.read().error, ModelError)
    assert len(reads) == 2


def test_a_name_that_is_too_long_for_a_disk_is_refused(studio: RunningStudio, folder: Path) -> None:
    address = f"/api/files?folder={folder}&name={quote('诗' * 90)}.txt"
    assert "is not allowed" in studio.ask("POST", address, b"x").json["message"]


def test_a_target_that_is_too_long_is_refused(studio: RunningStudio, folder: Path) -> None:
    request = {"model": f"{folder}/seq2seq", "input": "abc", "target": "a" * 1001}
    assert studio.ask("POST", "/api/trace", request).json["message"] == (
        "target: given 1,001 characters; expected at most 1,000"
    )


def test_an_upload_that_breaks_off_leaves_nothing(studio: RunningStudio, folder: Path) -> None:
    before = sorted(folder.iterdir())
    head = f"POST /api/files?folder={folder}&name=cut.txt HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\n"
    with socket.create_connection(("127.0.0.1", studio.port)) as connection:
        connection.sendall(f"{head}X-Elman-Token: {TOKEN}\r\nContent-Length: 1000\r\n\r\nbeginning".encode())
        while sorted(folder.iterdir()) == before:
            time.sleep(0.01)
    while sorted(folder.iterdir()) != before:
        time.sleep(0.01)


def test_too_many_files_are_reported(studio: RunningStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    assert studio.studio.list_entries("en")["is_complete"]
    monkeypatch.setattr(folders_module, "MAX_ENTRIES", 3)
    assert not studio.studio.list_entries("en")["is_complete"]
