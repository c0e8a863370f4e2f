"""elman inspect and elman plot: traces on disk, summaries, pictures of inputs and of runs."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

from elman.inspect import read_trace
from elman.tasks.loading import load
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model
from tests.tasks.seq2seq.models import tiny_predictor as tiny_encoder_decoder
from tests.tasks.tagger.models import tiny_predictor as tiny_tagger

from .conftest import Command, only_json


@pytest.fixture
def models(tmp_path: Path) -> Path:
    tiny_language_model("lstm").save(tmp_path / "lm")
    tiny_classifier("mean").save(tmp_path / "classify")
    tiny_tagger("crf").save(tmp_path / "tag")
    tiny_encoder_decoder("dot").save(tmp_path / "seq2seq")
    tiny_forecaster("lstm").save(tmp_path / "forecast")
    rows = [f"{20 + t % 5},{9 + t % 3},{t % 2}" for t in range(30)]
    (tmp_path / "series.csv").write_text("\n".join(["a,b,c", *rows]) + "\n", "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("task", "text", "more", "loss"),
    [
        ("lm", "abc de", [], True),
        ("classify", "fed", ["--target", "hot"], True),
        ("tag", "Ann left", ["--target", "B-X O"], True),
        ("seq2seq", "dab", ["--beam", "3"], True),
        ("seq2seq", "dab", ["--target", "AA B"], True),
        ("forecast", "series.csv", [], False),
    ],
)
def test_inspect_writes_the_trace_that_the_predictor_returns(
    command: Command, models: Path, task: str, text: str, more: list[str], loss: bool
) -> None:
    folder, given = models / "trace", models / text if task == "forecast" else text
    done = command("inspect", models / task, given, "-o", folder, "--gradients", *more, "--json")
    assert done.code == 0, done.err
    summary, trace = only_json(done.out), read_trace(folder)
    assert summary["exact"] is True
    assert summary["task"] == task
    assert summary["trace"] == str(folder)
    assert ("loss" in summary["facts"]) == loss
    assert summary["facts"] == json.loads(json.dumps(trace.facts))
    assert [layer["name"] for layer in summary["layers"]] == [layer.name for layer in trace.layers]
    for layer in trace.layers:
        assert layer["d_h"].shape == layer["h"].shape
    if task == "classify":
        (log_p,) = load(models / task).log_probabilities([text])
        np.testing.assert_array_equal(trace["log_probabilities"], log_p)
        assert trace.facts["target"] == "hot"


def test_the_chinese_summary_has_chinese_punctuation(command: Command, models: Path) -> None:
    done = command("inspect", models / "classify", "fed", "--lang", "zh")
    assert done.code == 0, done.err
    assert "标签：" in done.out
    assert [line.split("，")[0] for line in done.out.splitlines() if "共" in line] == [
        *("layers.0  gru 6", "layers.0  gru 6 反向"),
        *("layers.1  gru 6", "layers.1  gru 6 反向"),
    ]
    assert ": " not in done.out


def test_inspect_prints_a_summary_and_draws(command: Command, models: Path) -> None:
    pytest.importorskip("matplotlib")
    done = command("inspect", models / "lm", "abc", "--plot", models / "pictures", "--lang", "en")
    assert done.code == 0
    assert done.out.startswith("layers.0  lstm 5, 3 steps of tokens\n  i  mean 0.")
    assert "\ndecisions: " in done.out
    names = {path.stem for path in (models / "pictures").glob("*.png")}
    assert names == {"h-layers-0", "c-layers-0", "gates-layers-0", "units-layers-0", "components-layers-0"}
    assert done.err.splitlines() == [
        str(models / "pictures" / f"{name}.png")
        for name in map(
            str.strip,
            sorted(
                names, key=["h-layers-0", "c-layers-0", "gates-layers-0", "units-layers-0", "components-layers-0"].index
            ),
        )
    ]


@pytest.mark.parametrize(("task", "text"), [("lm", "abc de"), ("tag", "Ann left home"), ("seq2seq", "dab")])
def test_inspect_prints_the_loss_per_token(command: Command, models: Path, task: str, text: str) -> None:
    predictor = load(models / task)
    if task == "lm":
        ids, state, losses = predictor.codec.encode(text), predictor.initial_state(), []
        for token, target in itertools.pairwise(ids):
            logits, state = predictor.step(np.array([token]), state)
            losses.append(np.log(np.exp(logits[0].astype(float)).sum()) - logits[0, target])
        mean, count = float(np.mean(losses)), len(text) - 1
    elif task == "tag":
        tokens = text.split()
        mean, count = predictor.evaluate([(tokens, predictor.predict([tokens])[0])])["loss"], 3
    else:
        (best,) = predictor.n_best([text], beam=1)[0]
        count = len(predictor.trace(text).axes["target"])
        mean = -best.log_probability / count
    (line,) = [line for line in command("inspect", models / task, text).out.splitlines() if line.startswith("loss: ")]
    match = re.fullmatch(r"loss: ([\d.]+) per token; the sum over (\d+) tokens is ([\d.]+)", line)
    assert match is not None
    assert float(match[1]) == pytest.approx(mean, abs=1e-4)
    assert int(match[2]) == count
    assert float(match[3]) == pytest.approx(mean * count, abs=1e-3)


def test_one_token_has_no_loss(command: Command, models: Path) -> None:
    done = command("inspect", models / "lm", "a")
    assert done.code == 0
    assert "loss" not in done.out


def test_the_name_of_a_file_is_a_text_and_a_message_says_so(
    command: Command, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(models)
    Path("a b.txt").write_text("abc", "utf-8")
    done = command("inspect", "lm", "a b.txt")
    assert (done.code, done.err) == (
        0,
        "a b.txt: INPUT is read as a text, although a file has this name\n"
        "To trace what is in the file: elman inspect lm \"$(cat 'a b.txt')\"\n",
    )
    assert "7 steps of tokens" in done.out
    assert command("inspect", "lm", "abc").err == ""
    assert command("inspect", "lm", "a" * 5000).code == 0
    assert "INPUT" not in command("inspect", "forecast", "series.csv").err


@pytest.mark.parametrize(
    ("task", "more", "message"),
    [
        ("lm", ["--target", "x"], "--target: RUN is a language model; expected a classifier or tagger or sequence-to-"),
        ("tag", ["--beam", "2"], "--beam: RUN is a tagger; expected a sequence-to-sequence model. Leave out --beam"),
        ("seq2seq", ["--beam", "2", "--target", "B"], "--target and --beam: given both; expected one of them"),
        ("classify", ["--target", "warm"], "the model does not know the label 'warm'"),
    ],
)
def test_options_of_other_tasks_are_errors(
    command: Command, models: Path, task: str, more: list[str], message: str
) -> None:
    done = command("inspect", models / task, "abc", *more)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""


def test_a_folder_with_other_files_is_found_before_the_work(command: Command, models: Path) -> None:
    done = command("inspect", models / "lm", "abc", "-o", models)
    assert done.code == 2
    assert "so it is not replaced" in done.err


def test_plot_draws_a_run_and_refuses_a_model_folder(command: Command, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = command("plot", trained, "-o", tmp_path / "pictures", "--json")
    assert done.code == 0, done.err
    paths = [
        tmp_path / "pictures" / f"{name}.png" for name in ("training", "reliability")
    ]  # too short a run for a line of losses
    assert only_json(done.out) == {"run": str(trained), "pictures": list(map(str, paths))}
    assert all(path.exists() and path.with_suffix(".svg").exists() for path in paths)
    refused = command("plot", trained / "model", "-o", tmp_path / "pictures")
    assert refused.code == 2
    assert "not a run folder; expected one, in which training has left metrics.jsonl" in refused.err


def write_run(folder: Path, losses: list[float], task: str = "lm") -> Path:
    """Write what a comparison reads of a run that was validated every ten updates."""
    folder.mkdir(parents=True)
    (folder / "request.json").write_text("{}")
    (folder / "config.toml").write_text(f'task = "{task}"\n')
    records = [{"step": 10 * i, "valid": {"loss": loss}} for i, loss in enumerate(losses, 1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def test_plot_compares_several_runs(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    a = write_run(tmp_path / "runs" / "64" / "seed 0", [2.0, 1.25, 1.5])
    b = write_run(tmp_path / "runs" / "128" / "seed 0", [1.75, 1.0])
    done = command("plot", a, b, "-o", tmp_path / "pictures", "--json")
    assert done.code == 0, done.err
    assert "64/seed 0: lowest validation loss 1.2500 at step 20 of 30" in done.err
    assert done.json == {
        "runs": [
            {"run": str(a), "steps": 30, "best_step": 20, "best_loss": 1.25},
            {"run": str(b), "steps": 20, "best_step": 20, "best_loss": 1.0},
        ],
        "pictures": [str(tmp_path / "pictures" / "runs.png")],
    }
    assert (tmp_path / "pictures" / "runs.svg").exists()


def test_runs_that_cannot_be_compared_are_refused(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    lm, tagger = write_run(tmp_path / "lm", [2.0]), write_run(tmp_path / "tag", [2.0], "tag")
    empty = write_run(tmp_path / "empty", [])
    for other, message in (
        (tagger, f"{lm} has the task lm, and {tagger} the task tag; expected runs of one task"),
        (empty, f"{empty}: the run has no validation loss; expected a run that was validated at least once"),
        (tmp_path, f"{tmp_path}: not a run folder"),
        (lm, f"{lm}: given twice; expected different runs"),
    ):
        done = command("plot", lm, other, "-o", tmp_path / "pictures")
        assert done.code == 2
        assert message in done.err
    assert not (tmp_path / "pictures").exists()


@pytest.mark.parametrize(
    ("task", "text", "of"), [("lm", "abc", "log p(b)"), ("classify", "fed", "log p("), ("tag", "Ann left", "log p(")]
)
def test_inspect_prints_draws_and_writes_an_attribution(
    command: Command, models: Path, task: str, text: str, of: str
) -> None:
    position = [] if task == "classify" else ["--position", "2"]
    options = ["--attribution", "leave_one_out", *position, "--plot", models / "pictures", "--lang", "en"]
    done = command("inspect", models / task, text, *options)
    assert done.code == 0, done.err
    assert (models / "pictures/attribution.png").is_file()
    trace = load(models / task).trace(text, attribution="leave_one_out", **({"position": 2} if position else {}))
    fact = trace.facts["attribution"]
    shown = f"{fact['of']} = {fact['value']:.4f}, and {fact['baseline']:.4f} with zeros as inputs; by leave_one_out:"
    assert of in fact["of"]
    assert shown in done.out.splitlines()
    for t, (token, score) in enumerate(zip(trace.axes["tokens"], trace["attribution"], strict=True)):
        assert f"  {score:+.4f}  {token!r} (token {t + 1})" in done.out.splitlines()


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("seq2seq", ["--attribution", "leave_one_out"], "--attribution: RUN is a"),
        ("classify", ["--attribution", "leave_one_out", "--position", "1"], "--position: RUN is a"),
        ("lm", ["--position", "2"], "--position: given without --attribution"),
        ("lm", ["--attribution", "lime"], "attribution: given 'lime'; expected gradient_x_input"),
        ("lm", ["--attribution", "leave_one_out", "--position", "9"], "position: given 9; expected 2 to 3"),
    ],
)
def test_inspect_refuses_an_attribution_that_does_not_exist(
    command: Command, models: Path, task: str, options: list[str], message: str
) -> None:
    done = command("inspect", models / task, "abc", *options)
    assert done.code == 2
    assert message in done.err
