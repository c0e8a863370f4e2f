"""`elman predict` with encoder-decoders: a line for each line, n best, attention weights, ensembles, and mistakes."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.readers import input_groups
from elman.tasks.loading import load
from elman.tasks.seq2seq import answers
from elman.tasks.seq2seq.ensemble import Ensemble, Prediction
from tests.cli.conftest import Command, Done

from .commands import SOURCES, check_error, files_of, only_json, predicted_lines
from .models import tiny_predictor


def read_in_groups_of(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(input_groups.grouped, "__kwdefaults__", {"size": size})


def test_each_line_has_one_line_of_output_in_order(
    command: Command, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources.txt").write_text("".join(f"{source}\n" for source in SOURCES))
    for chunk in (1, 3, 4096):
        read_in_groups_of(monkeypatch, chunk)
        done = command("predict", models / "a", tmp_path / "sources.txt")
        assert (done.code, done.err) == (0, "")
        assert done.out == predicted_lines(models / "a", SOURCES)


FORMS = {
    "crlf": "\r\n".join(SOURCES).encode(),
    "no_end": "\n".join(SOURCES).encode(),
    "mark": "\ufeff".encode() + "\n".join(SOURCES).encode(),
    "utf16": "\n".join(SOURCES).encode("utf-16"),
    "gz": gzip.compress("\n".join(SOURCES).encode()),
    "spaces": "".join(f"  {source} \n" for source in SOURCES).encode(),
    "wide": "".join(f"{source}\tanything\tat all\n" for source in SOURCES).encode(),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("where", ["file", "-", None])
def test_line_ends_encodings_and_further_columns_do_not_change_the_predictions(
    command: Command, models: Path, tmp_path: Path, stdin: Callable[[bytes], None], name: str, where: str | None
) -> None:
    (tmp_path / "sources").write_bytes(FORMS[name])
    stdin(FORMS[name])
    arguments = [tmp_path / "sources" if where == "file" else where] if where else []
    done = command("predict", models / "a", *arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out == predicted_lines(models / "a", SOURCES)


def test_the_encoding_of_the_sources_can_be_given(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_bytes("你好\n你\n".encode("utf-16-le"))
    done = command("predict", models / "a", tmp_path / "sources", "--encoding", "utf-16-le")
    assert done.out == predicted_lines(models / "a", ["你好", "你"])
    done = command("predict", models / "a", tmp_path / "sources", "--encoding", "utf-99")
    check_error(done, 3)
    assert "unknown encoding 'utf-99'" in done.err


BAD_LINES = b"abc\n\ncaf\xe9\n \t \n\tx\ndab\n"  # two sources and four lines without one


@pytest.mark.parametrize("name", ["file", "stdin"])
def test_bad_lines_are_reported_by_number_and_the_others_are_predicted(
    command: Command, models: Path, tmp_path: Path, stdin: Callable[[bytes], None], name: str
) -> None:
    (tmp_path / "sources").write_bytes(BAD_LINES)
    stdin(BAD_LINES)
    where = str(tmp_path / "sources") if name == "file" else "stdin"
    done = command("predict", models / "a", *([where] if name == "file" else []))
    first, last = load(models / "a").predict(["abc", "dab"])
    assert done.code == 3
    assert done.out == f"{first}\n\n\n\n\n{last}\n"
    assert done.err.splitlines() == [
        f"{where}:2: empty; expected a source",
        f"{where}:3: not UTF-8 at byte 4 of the line",
        f"{where}:4: empty; expected a source",
        f"{where}:5: empty; expected a source",
        f"elman: {where}: 4 lines without a prediction, listed above; all other lines have one. Try --encoding cp1252",
    ]


def test_json_is_one_object_even_with_bad_lines(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_bytes(BAD_LINES)
    done = command("predict", models / "a", tmp_path / "sources", "--json")
    assert done.code == 3
    printed = only_json(done.out)
    assert (printed["task"], printed["count"]) == ("seq2seq", 6)
    assert [line["line"] for line in printed["predictions"]] == [1, 2, 3, 4, 5, 6]
    assert [bool(line["predictions"]) for line in printed["predictions"]] == [True, False, False, False, False, True]
    assert printed["predictions"][2]["error"] == "not UTF-8 at byte 4 of the line"
    assert "error" not in printed["predictions"][0]
    done = command("predict", models / "a", tmp_path / "sources", "--n-best", 1)
    assert [line.split("\t")[0] for line in done.out.splitlines()] == list("123456")
    assert done.out.splitlines()[1] == "2\t\t"


def test_an_empty_file_gives_no_output(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").touch()
    assert command("predict", models / "a", tmp_path / "sources") == Done(0, "", "")
    assert only_json(command("predict", models / "a", tmp_path / "sources", "--json").out)["count"] == 0


def test_unknown_characters_are_reported_once_and_are_no_error(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("zab\nyab\nzz\n" + "a" * 3000 + "\n")
    done = command("predict", models / "a", tmp_path / "sources")
    assert done.code == 0
    assert done.err == "the model does not know 'z', 'y'\n"
    assert len(done.out.splitlines()) == 4
    (tmp_path / "many").write_text("fghijklmnopqrstuv\n")
    names = ", ".join(repr(letter) for letter in "fghijklmno")
    assert command("predict", models / "a", tmp_path / "many").err == f"the model does not know {names} and 7 more\n"


def test_n_best_prints_line_target_and_score(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("".join(f"{source}\n" for source in SOURCES))
    n_best = load(models / "a").n_best(SOURCES, beam=4, length_penalty=0.5)
    expected = [f"{number}\t{p.text}\t{p.score:.4f}" for number, best in enumerate(n_best, 1) for p in best[:3]]
    flags = ["--beam", 4, "--length-penalty", 0.5]
    done = command("predict", models / "a", tmp_path / "sources", *flags, "--n-best", 3)
    assert (done.code, done.out.splitlines()) == (0, expected)
    assert command("predict", models / "a", tmp_path / "sources", *flags).out == "".join(
        f"{best[0].text}\n" for best in n_best
    )
    lines = command("predict", models / "a", tmp_path / "sources", "--n-best", 2, "--json").json["predictions"]
    for source, best, line in zip(SOURCES, load(models / "a").n_best(SOURCES, beam=2), lines, strict=True):
        assert line["source"] == source
        assert line["predictions"] == [
            {
                "text": p.text,
                "score": p.score,
                "log_probability": p.log_probability,
                "probability": math.exp(p.log_probability),
                "n_best_probability": pytest.approx(p.probability / sum(other.probability for other in best)),
                "finished": p.finished,
            }
            for p in best
        ]


def test_attention_weights_are_those_of_the_printed_target(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("abc\n\n你好\n")
    done = command(
        "predict", models / "a", tmp_path / "sources", "--attention", tmp_path / "attention.json", "--beam", 3
    )
    assert done.code == 3, "a line is empty"
    alignments = json.loads((tmp_path / "attention.json").read_text("utf-8"))
    assert [written["line"] for written in alignments] == [1, 3]
    model = load(models / "a")
    for written, source, text in zip(alignments, ["abc", "你好"], model.predict(["abc", "你好"], beam=3), strict=True):
        alignment = model.align(source, text)
        assert (written["source"], written["target"]) == (alignment.source, alignment.target)
        weights = alignment.attention_weights
        np.testing.assert_allclose(written["attention"], weights, atol=5.1e-6)  # the file has five digits


def test_an_ensemble_predicts_with_all_of_its_members(command: Command, models: Path, tmp_path: Path) -> None:
    (tmp_path / "sources").write_text("".join(f"{source}\n" for source in SOURCES))
    members = [load(models / name) for name in ("a", "b", "none")]
    expected = "".join(f"{best.text}\n" for best, *_ in Ensemble(members).predict(SOURCES, beam=2))
    others = ["--ensemble", models / "b", "--ensemble", models / "none"]
    done = command("predict", models / "a", tmp_path / "sources", *others, "--beam", 2)
    assert (done.code, done.out) == (0, expected)
    assert expected != predicted_lines(models / "a", SOURCES, beam=2)


def test_predict_and_evaluate_need_no_torch(models: Path, pairs: Path, run: Path, tmp_path: Path) -> None:

    script = (
        "import sys; sys.modules['torch'] = None; from elman.cli import main\n"
        f"for words in (['predict', {str(run)!r}, {str(pairs)!r}], ['evaluate', {str(run)!r}],"
        f" ['evaluate', {str(run)!r}, {str(pairs)!r}, '--columns', '1,2', '--beam', '2']):\n"
        "    sys.argv = ['elman', *words]\n"
        "    assert main() == 0\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_target_with_line_ends_and_control_characters_stays_on_one_line(
    command: Command, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr(Ensemble, "predict", lambda *args, **more: [[Prediction("a\r\nb\tc\x1b", -1.0, -2.0, True)]])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    (tmp_path / "sources").write_text("abc\n")
    shown = "a b c\ufffd" if terminal else "a b c\x1b"
    assert command("predict", models / "a", tmp_path / "sources").out == f"{shown}\n"
    assert command("predict", models / "a", tmp_path / "sources", "--n-best", 1).out == f"1\t{shown}\t-1.0000\n"
    as_json = command("predict", models / "a", tmp_path / "sources", "--json").json
    assert as_json["predictions"][0]["predictions"][0]["text"] == "a\r\nb\tc\x1b"


def test_on_a_terminal_each_line_is_answered_at_once(
    command: Command, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[list[str]] = []
    real = Ensemble.predict

    def recorded(self: Ensemble, sources: Any, **options: Any) -> Any:
        answered.append(list(sources))
        return real(self, answered[-1], **options)

    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(Ensemble, "predict", recorded)
    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(b"abc\ncaf\xe9\ndab\n"), encoding="utf-8"))
    done = command("predict", models / "a")
    assert done.code == 0, done.err
    assert answered == [["abc"], ["caf\ufffd"], ["dab"]]
    assert len(done.out.splitlines()) == 3


def test_ctrl_c_ends_predict_with_a_message_and_keeps_the_lines_before(
    command: Command, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Ensemble.predict, [0]

    def second_stops(self: Ensemble, sources: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyboardInterrupt
        return real(self, sources, **options)

    monkeypatch.setattr(Ensemble, "predict", second_stops)
    read_in_groups_of(monkeypatch, 1)
    (tmp_path / "sources").write_text("abc\ndab\n")
    expected = real(Ensemble([load(models / "a")]), ["abc"])[0][0].text
    done = command("predict", models / "a", tmp_path / "sources", "--attention", tmp_path / "attention.json")
    assert (done.code, done.out, done.err) == (130, f"{expected}\n", "elman: interrupted\n")
    assert not (tmp_path / "attention.json").exists()


def test_commands_and_options_of_other_tasks_are_errors(
    command: Command, models: Path, language_model: Path, pairs: Path
) -> None:
    check_error(done := command("generate", models / "a", "--prompt", "abc"), 2)
    assert done.err.startswith("elman: RUN is a sequence-to-sequence model; 'generate' needs a language model")
    check_error(done := command("predict", language_model, pairs), 2)
    assert done.err.startswith("elman: RUN is a language model; 'predict' needs a classifier, tagger, ")
    for flags in (["--beam", 3], ["--columns", "1,2"], ["--ensemble", models / "a"], ["--target-file", pairs]):
        check_error(done := command("evaluate", language_model, *flags), 2)
        assert done.err.startswith(f"elman: {flags[0]}: the model is a language model; expected a model of ")
        assert "seq2seq" in done.err
    for verb in ("predict", "evaluate"):
        check_error(done := command(verb, models / "a", pairs, "--ensemble", language_model), 2)
        hint = "Name runs of `elman train seq2seq`"
        assert done.err == f"elman: member 2 of the ensemble is a model of another task. {hint}\n"


def test_a_member_with_other_target_tokens_is_an_error(
    command: Command, models: Path, run: Path, tmp_path: Path
) -> None:
    check_error(done := command("predict", models / "a", "-", "--ensemble", run), 2)
    assert "member 2 of the ensemble has other target tokens than the first. Train all members on the same" in done.err


PREDICT_OPTIONS: list[tuple[list[Any], str]] = [
    (["--n-best", 5, "--beam", 2], "--n-best: given 5; expected at most --beam, 2"),
    (["--beam", 0], "--beam"),
    (["--n-best", 0], "--n-best"),
    (["--length-penalty", -1], "--length-penalty"),
    (["--length-penalty", "nan"], "--length-penalty"),
    (["--length-penalty", "inf"], "--length-penalty: given inf; expected a finite number"),
    (["--prompt", "x"], "--prompt"),
]


@pytest.mark.parametrize(("flags", "message"), PREDICT_OPTIONS, ids=lambda value: str(value))
def test_a_wrong_option_of_predict_is_an_error(
    command: Command, models: Path, tmp_path: Path, flags: list[Any], message: str
) -> None:
    (tmp_path / "sources").write_text("abc\n")
    check_error(done := command("predict", models / "a", tmp_path / "sources", *flags), 2)
    assert message in done.err


def test_attention_weights_that_cannot_be_written_are_an_error_before_the_predictions(
    command: Command, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources").write_text("abc\n")
    (tmp_path / "kept.json").write_text("mine")

    def error_of(model: str, path: Path) -> str:
        before = files_of(tmp_path)
        done = command("predict", models / model, tmp_path / "sources", "--attention", path)
        check_error(done, 2)
        assert files_of(tmp_path) == before
        return done.err.removeprefix("elman: ")

    hint = "Train with --attention dot, general or additive"
    assert (
        error_of("none", tmp_path / "attention.json")
        == f"--attention: the model has no attention; expected one with attention. {hint}\n"
    )
    assert error_of("a", tmp_path) == f"{tmp_path}: --attention: is a folder; expected a file to write\n"
    path = tmp_path / "nowhere" / "attention.json"
    assert error_of("a", path) == f"{path}: --attention: the folder does not exist. Create it: mkdir -p {path.parent}\n"
    monkeypatch.setattr(os, "access", lambda path, mode, **more: mode != os.W_OK)  # root may write everything
    for name in ("attention.json", "kept.json"):
        message = f"{tmp_path / name}: --attention: the file cannot be written. Check the permissions\n"
        assert error_of("a", tmp_path / name) == message


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_missing_file_is_an_error(command: Command, models: Path, tmp_path: Path, verb: str) -> None:
    check_error(done := command(verb, models / "a", tmp_path / "nowhere.txt"), 3)
    assert f"elman: {tmp_path / 'nowhere.txt'}: no such file" in done.err
    check_error(done := command(verb, tmp_path / "nowhere", tmp_path / "nowhere.txt"), 4)
    assert f"elman: {tmp_path / 'nowhere'}: no such folder" in done.err
    (tmp_path / "photo").write_bytes(bytes(range(256)))
    check_error(done := command(verb, models / "a", tmp_path / "photo"), 3)
    assert f"{tmp_path / 'photo'}:1: a zero byte at position 1 of the line, so this is not text" in done.err


@pytest.mark.parametrize("lines", [1, 2])
def test_attention_is_drawn_where_the_name_is_that_of_a_picture(command: Command, tmp_path: Path, lines: int) -> None:
    pytest.importorskip("matplotlib")
    tiny_predictor("dot").save(tmp_path / "model")
    (tmp_path / "sources.txt").write_text("dab\nabc\n"[: 4 * lines], "utf-8")
    done = command("predict", tmp_path / "model", tmp_path / "sources.txt", "--attention", tmp_path / "a.png")
    assert done.code == 0, done.err
    names = ["a.png"] if lines == 1 else ["a-1.png", "a-2.png"]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == names
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in names)


def test_only_the_first_lines_are_drawn_and_a_message_says_so(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(answers, "MOST_DRAWN", 2)
    tiny_predictor("dot").save(tmp_path / "model")
    (tmp_path / "sources.txt").write_text("dab\nabc\nbad\ncab\n", "utf-8")
    picture = tmp_path / "a.svg"
    done = command("predict", tmp_path / "model", tmp_path / "sources.txt", "--attention", picture)
    assert done.code == 0, done.err
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == ["a-1.svg", "a-2.svg"]
    assert done.err == f"{picture}: drew the first 2 of 4 lines; for all, name a file that ends in .json\n"
    assert len(done.out.splitlines()) == 4
