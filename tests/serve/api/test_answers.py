"""What the service answers: what `elman predict` and `elman generate` print, and what a model's `run` returns."""

from __future__ import annotations

import base64
import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.cells.readout import softmax
from tests.cli.conftest import run_command
from tests.tasks.forecaster.models import INPUTS, TARGETS, series_of

from .services import RunningService

TEXTS = ["abc", "你好 fed", "f e d c", "zzz"] * 3
INPUTS_OF = {
    "heat": TEXTS,
    "flow": TEXTS,
    "tags": ["Ann left the city", "left", "the 北 京 zebra"] * 3,
    "turn": ["ab", "ba ab", "b"] * 3,
}
OPTIONS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("heat", {}, []),
    ("heat", {"threshold": ["0.6"]}, ["--threshold", "0.6"]),
    ("heat", {"explain": True}, ["--explain"]),
    ("flow", {}, []),
    ("tags", {}, []),
    ("tags", {"probabilities": True}, ["--probabilities"]),
    ("turn", {}, []),
    ("turn", {"beam": 3}, ["--beam", "3"]),
    ("turn", {"n_best": 2, "length_penalty": 0.5}, ["--n-best", "2", "--length-penalty", "0.5"]),
]


def assert_alike(answer: Any, expected: Any) -> None:
    """Assert that two values of JSON are equal, numbers up to the rounding of float32 in batches of other sizes."""
    if isinstance(expected, float):
        assert answer == pytest.approx(expected, rel=1e-5, abs=1e-6)
    elif isinstance(expected, dict):
        assert answer.keys() == expected.keys()
        for key in expected:
            assert_alike(answer[key], expected[key])
    elif isinstance(expected, list):
        assert len(answer) == len(expected)
        for one, other in zip(answer, expected, strict=True):
            assert_alike(one, other)
    else:
        assert answer == expected


@pytest.mark.parametrize(("name", "options", "flags"), OPTIONS)
def test_predictions_are_those_of_elman_predict(
    service: RunningService,
    folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: dict[str, Any],
    flags: list[str],
) -> None:
    inputs = INPUTS_OF[name]
    (tmp_path / "inputs.txt").write_text("\n".join(inputs) + "\n", "utf-8")
    done = run_command(monkeypatch, capsys, "predict", folders[name], tmp_path / "inputs.txt", *flags, "--json")
    answer = service.ask("POST", f"/v1/{name}/predict", {"inputs": inputs, "options": options})
    assert answer.status == 200, answer.body
    assert answer.json["model"] == name
    assert answer.json["fingerprint"] == elman.load(folders[name]).fingerprint
    expected = [{key: value for key, value in one.items() if key != "line"} for one in done.json["predictions"]]
    assert_alike(answer.json["predictions"], expected)


def test_forecasts_are_those_of_elman_predict(
    service: RunningService,
    folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = series_of(30).values
    columns = {
        name: [None if np.isnan(value) else float(value) for value in rows[:, i]]
        for i, name in enumerate((*TARGETS, *INPUTS))
    }
    with (tmp_path / "sales.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(
            ["" if value is None else repr(value) for value in row] for row in zip(*columns.values(), strict=True)
        )
    done = run_command(monkeypatch, capsys, "predict", folders["sales"], tmp_path / "sales.csv", "--json")
    answer = service.ask("POST", "/v1/sales/predict", {"inputs": [columns, columns]})
    assert answer.status == 200, answer.body
    assert len(answer.json["predictions"]) == 2
    for one in answer.json["predictions"]:
        assert_alike(one, done.json)


def test_tokens_may_be_given_instead_of_a_sentence(service: RunningService) -> None:
    answer = service.ask("POST", "/v1/tags/predict", {"inputs": [["Ann", "left"], "Ann left", ["a b", "c"]]})
    first, second, third = answer.json["predictions"]
    assert first == second
    assert third["tokens"] == ["a b", "c"]
    assert len(third["tags"]) == 2


def test_an_input_without_an_answer_has_an_error_and_the_others_are_answered(service: RunningService) -> None:
    answer = service.ask("POST", "/v1/heat/predict", {"inputs": ["abc", " ", "fed"]})
    assert answer.status == 200
    assert ["error" in one for one in answer.json["predictions"]] == [False, True, False]


def test_a_series_without_a_forecast_has_an_error_and_the_others_are_forecast(service: RunningService) -> None:
    columns = {name: [float(n % 7) + 1.0 for n in range(30)] for name in (*TARGETS, *INPUTS)}
    short = {name: values[:1] for name, values in columns.items()}
    huge = {name: [10**400] for name in columns}
    inputs = [columns, short, {}, {"a": [1.0]}, huge, columns]
    answer = service.ask("POST", "/v1/sales/predict", {"inputs": inputs})
    assert answer.status == 200, answer.body
    assert ["error" in one for one in answer.json["predictions"]] == [False, True, True, True, True, False]


def test_many_requests_at_once_are_answered_as_each_alone(service: RunningService) -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcdef你好"), rng.integers(1, 30))) for _ in range(300)]
    alone = service.ask("POST", "/v1/heat/predict", {"inputs": texts}).json["predictions"]
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda text: service.ask("POST", "/v1/heat/predict", {"inputs": [text]}), texts))
    accepted = [(answer, expected) for answer, expected in zip(answers, alone, strict=True) if answer.status == 200]
    assert {answer.status for answer in answers} <= {200, 429}
    assert len(accepted) > 100
    for answer, expected in accepted:
        assert_alike(answer.json["predictions"], [expected])


def test_a_text_is_that_of_elman_generate(service: RunningService, folders: dict[str, Path]) -> None:
    body = {"prompt": "abba", "max_tokens": 50, "temperature": 0.7, "top_k": 5, "top_p": 0.9, "seed": 3}
    answer = service.ask("POST", "/v1/book/generate", body)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    *pieces, (last, end) = answer.events
    expected = elman.load(folders["book"]).generate(**body)
    assert (last, end) == ("end", {"text": expected, "seed": 3})
    assert {name for name, _ in pieces} == {"piece"}
    assert "abba" + "".join(piece["text"] for _, piece in pieces) == expected
    assert len(pieces) > 2


def test_without_a_seed_the_answer_says_which_one_was_used(service: RunningService, folders: dict[str, Path]) -> None:
    answer = service.ask("POST", "/v1/book/generate", {"max_tokens": 20})
    end = answer.events[-1][1]
    expected = elman.load(folders["book"]).generate(max_tokens=20, seed=end["seed"])
    assert end["text"] == expected


STREAMS: list[tuple[str, dict[str, Any], Any]] = [
    ("book", {}, [1, 2, 3, 0, 1, 2]),
    ("flow", {}, list("abcfed")),
    ("live-tags", {}, ["Ann", "left", "the", "zebra", "city", "北"]),
    ("sales", {}, [[20.0, 9.0, 0.1], [21.0, None, 0.2], [22.0, 9.5, 0.3], [20.5, 9.0, None], [20.0, 8.0, 0.0]]),
    ("shops", {"series": "B"}, [[0.4, -0.6, 0.1], [0.5, -0.5, 0.2], [0.6, -0.4, 0.3]]),
]


@pytest.mark.parametrize(("name", "start", "inputs"), STREAMS)
def test_a_stream_answers_what_the_model_says(
    service: RunningService, folders: dict[str, Path], name: str, start: dict[str, Any], inputs: list[Any]
) -> None:
    model = elman.load(folders[name])
    opened = service.ask("POST", f"/v1/{name}/streams", start)
    assert opened.status == 201, opened.body
    path = f"/v1/{name}/streams/{opened.json['stream']}"
    answers = []
    for part in (inputs[:2], inputs[2:3], [], inputs[3:]):
        answer = service.ask("POST", path, {"inputs": part})
        assert answer.status == 200, answer.body
        answers += answer.json["outputs"]
    chunk = [[np.nan if x is None else x for x in row] for row in inputs] if name in ("sales", "shops") else inputs
    outputs, state = model.run([chunk], model.initial_state(1, **({"series": ["B"]} if start else {})))
    assert_alike(
        answers, [expected_output(model, item, output) for item, output in zip(inputs, outputs[0], strict=True)]
    )
    content = service.ask("GET", path).body
    for entry, array in model.state_from_bytes(content).items():
        np.testing.assert_allclose(array, state[entry], rtol=1e-5, atol=1e-6)
    closed = service.ask("DELETE", path)
    assert base64.b64decode(closed.json["state"]) == content
    assert service.ask("POST", path, {"inputs": inputs[:1]}).status == 404


def expected_output(model: Any, item: Any, output: Any) -> dict[str, Any]:
    if model.task == "lm":
        p = softmax(output)
        best = np.argsort(-p)[:5]
        following = [{"token": model.vocabulary.tokens[i], "probability": float(p[i])} for i in best]
        return {"token": model.vocabulary.tokens[item], "next": following}
    if model.task == "classify":
        probabilities = dict(zip(model.labels, map(float, np.exp(output)), strict=True))
        return {
            "token": item,
            "label": max(probabilities, key=probabilities.__getitem__),
            "probabilities": probabilities,
        }
    if model.task == "tag":
        return {"token": item, "tag": model.labels[output.argmax()], "probability": float(np.exp(output.max()))}
    levels = list(map(str, model.config.quantiles))
    return {
        "quantiles": {
            target: {level: output[:, k, q].tolist() for q, level in enumerate(levels)}
            for k, target in enumerate(model.scales.targets)
        }
    }


def test_a_stream_goes_on_from_a_state_of_python_and_back(service: RunningService, folders: dict[str, Path]) -> None:
    model = elman.load(folders["book"])
    _, state = model.run([[1, 2, 3]], model.initial_state(1))
    body = {"state": base64.b64encode(model.state_to_bytes(state)).decode()}
    path = f"/v1/book/streams/{service.ask('POST', '/v1/book/streams', body).json['stream']}"
    service.ask("POST", path, {"inputs": [0, 1]})
    _, state = model.run([[0, 1]], state)
    assert service.ask("GET", path).body == model.state_to_bytes(state)


def test_a_language_model_reads_text(service: RunningService, folders: dict[str, Path]) -> None:
    model = elman.load(folders["book"])
    path = f"/v1/book/streams/{service.ask('POST', '/v1/book/streams', {}).json['stream']}"
    answer = service.ask("POST", path, {"inputs": "ab ba"})
    ids = model.codec.encode_prompt("ab ba")
    assert [one["token"] for one in answer.json["outputs"]] == model.vocabulary.decode(ids)


def test_the_models_are_listed(service: RunningService, folders: dict[str, Path]) -> None:
    models = {model["name"]: model for model in service.ask("GET", "/v1/models").json["models"]}
    assert list(models) == list(folders)
    assert {name: model["endpoints"] for name, model in models.items()} == {
        "book": ["generate", "streams"],
        "heat": ["predict"],
        "flow": ["predict", "streams"],
        "tags": ["predict"],
        "live-tags": ["predict", "streams"],
        "turn": ["predict"],
        "sales": ["predict", "streams"],
        "shops": ["predict", "streams"],
    }
    assert models["book"]["parameters"] == elman.load(folders["book"]).num_parameters


def test_the_schema_names_the_options_of_each_task(service: RunningService) -> None:
    schema = service.ask("GET", "/openapi.json").json
    options = schema["components"]["schemas"]["Seq2seqOptions"]["properties"]
    assert set(options) == {"beam", "n_best", "length_penalty"}
    assert options["beam"]["anyOf"][0]["maximum"] == 64
    assert "/v1/turn/predict" in schema["paths"]
    assert "/v1/book/predict" not in schema["paths"]


def test_the_documentation_asks_nobody_else(service: RunningService) -> None:
    page = service.ask("GET", "/docs").body.decode()
    addresses = [part.split('"')[0] for part in page.split('="')[1:]]
    local = [address for address in addresses if address.startswith("/")]
    assert not [address for address in addresses if "//" in address]
    assert len(local) >= 3
    for address in local:
        assert service.ask("GET", address).status == 200


def test_metrics_count_answers_and_batches(service: RunningService) -> None:
    service.ask("POST", "/v1/heat/predict", {"inputs": ["abc", "fed"]})
    answer = service.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in answer.body.decode().splitlines() if not line.startswith("#"))
    assert float(lines['elman_requests_total{endpoint="predict",model="heat",status="200"}']) >= 1
    assert float(lines['elman_batch_inputs_sum{model="heat"}']) >= 2
    assert json.dumps(list(lines)).count("abc") == 0
