"""Every command in benchmarks/ runs in its smallest form. No test depends on a measured time."""

from __future__ import annotations

import io
import itertools
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

import elman
from elman.cli import main

from .commands import every_command
from .scripts import load_script

pytestmark = pytest.mark.integration

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
WORDS = ["abc", "de", "fghij", "klmno", "pq", "rstuv", "wxyz", "bad", "cab", "fed"]
STUB = """
import sys, time
from pathlib import Path
arguments = sys.argv[1:]
run = Path(arguments[1] if arguments[0] == "resume" else arguments[arguments.index("-o") + 1])
(run / "model").mkdir(parents=True, exist_ok=True)
(run / "request.json").write_text("{}")
time.sleep(0.1)
(run / "last").write_text("step-00000001")
(run / "metrics.jsonl").write_text("{}")
(run / "model" / "model.safetensors").write_text(WEIGHTS)
"""  # stands for the command elman: it trains or resumes, and can be killed meanwhile

Run = Callable[..., str]


def load_benchmark(name: str) -> ModuleType:
    """Import a file of benchmarks/ as a module."""
    return load_script(BENCHMARKS / f"{name}.py")


@pytest.fixture(autouse=True)
def restored_threads() -> Iterator[None]:
    from elman import kernels

    torch_threads, kernel_threads = torch.get_num_threads(), kernels.get_num_threads()
    yield
    torch.set_num_threads(torch_threads)
    kernels.set_num_threads(kernel_threads)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the main function of a benchmark with arguments, and return what it printed on stdout."""

    def run_main(module: str | ModuleType, *arguments: Any, exit_code: int = 0) -> str:
        module = load_benchmark(module) if isinstance(module, str) else module
        monkeypatch.setattr(sys, "argv", [str(module.__file__), *map(str, arguments)])
        capsys.readouterr()
        try:
            code = module.main()
        except SystemExit as stop:
            if isinstance(stop.code, str):
                raise
            code = stop.code
        captured = capsys.readouterr()
        assert int(code or 0) == exit_code, captured.err
        return captured.out

    return run_main


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a sequence-to-sequence model."""
    path = tmp_path_factory.mktemp("runs") / "reverse"
    settings = {"training": {"batch_size": 2, "threads": 1}}
    model = elman.Seq2Seq(hidden_size=4, embedding_size=4, source_level="char", target_level="char", config=settings)
    model.fit([(word, word[::-1]) for word in WORDS], steps=1, run=path, verbose=False)
    return path


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a language model."""
    path = tmp_path_factory.mktemp("runs") / "lm"
    settings = {"training": {"batch_size": 2, "bptt_steps": 4, "threads": 1}}
    model = elman.LanguageModel(hidden_size=4, embedding_size=4, config=settings)
    model.fit(["The time traveller smiled. " * 20], steps=1, run=path, verbose=False)
    return path


def losses(output: str) -> list[str]:
    return re.findall(r"loss +([\d.]+)$", output, re.MULTILINE)


def test_every_benchmark_has_a_test_here() -> None:
    tests = [
        Path(__file__).parent / name for name in (Path(__file__).name, "web/test_benchmark.py", "test_damaged_files.py")
    ]
    source = "".join(path.read_text("utf-8") for path in tests)
    names = {path.stem for path in BENCHMARKS.glob("*.py")}
    assert {name for name in names if f'"{name}"' not in source} == set()


def test_training_step_has_the_same_loss_on_both_sides(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load_benchmark("training_step")
    monkeypatch.setattr(module, "TOKENS", 2000)
    output = run(module, "--hidden", 8, "--batch-size", 4, "--bptt", 4, "--rounds", 2, "--steps", 2)
    first, second = losses(output)
    assert float(first) == pytest.approx(float(second), rel=1e-4)  # float32 sums in different orders
    assert "elman / plain torch: " in output


def test_one_hot_rnn_has_the_same_loss_on_both_sides(run: Run) -> None:
    output = run("one_hot_rnn", "--hidden", 8, "--batch-size", 4, "--bptt", 4, "--rounds", 2, "--steps", 1)
    first, second = losses(output)
    assert float(first) == pytest.approx(float(second), rel=1e-4)


@pytest.mark.parametrize("with_file", [False, True])
def test_encoder_decoder_has_the_same_loss_on_both_sides(
    run: Run, with_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load_benchmark("encoder_decoder")
    monkeypatch.setattr(module, "NUM_PAIRS", 50)
    (tmp_path / "pairs.tsv").write_text("".join(f"{word}\t{word[::-1]}\n" for word in WORDS * 2), "utf-8")
    files = [tmp_path / "pairs.tsv"] if with_file else []
    sizes = ["--hidden", 8, "--embedding", 4, "--batch-size", 4]
    first, second = losses(run(module, *files, *sizes, "--rounds", 2, "--steps", 1))
    assert float(first) == pytest.approx(float(second), rel=1e-4)


def test_encoder_decoder_trains_the_model_that_it_has_written_down_for_many_pairs_too(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For many pairs, elman would choose a deep and narrow encoder, and label smoothing."""
    module = load_benchmark("encoder_decoder")
    monkeypatch.setattr(module, "NUM_PAIRS", 50)
    monkeypatch.setattr("elman.tasks.seq2seq.defaults.MANY_PAIRS", 10)
    sizes = ["--hidden", 64, "--embedding", 4, "--batch-size", 4]
    first, second = losses(run(module, *sizes, "--rounds", 2, "--steps", 1))
    assert float(first) == pytest.approx(float(second), rel=1e-4)


def test_encoder_decoder_stops_if_the_losses_differ(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load_benchmark("encoder_decoder")
    monkeypatch.setattr(module, "NUM_PAIRS", 50)
    monkeypatch.setattr(module, "update", lambda session, batches, progress: 0.0)
    with pytest.raises(SystemExit, match="The losses differ; expected equal losses"):
        run(module, "--hidden", 8, "--embedding", 4, "--batch-size", 4, "--rounds", 2, "--steps", 1)


def test_grid_prints_a_line_for_each_size_and_skips_large_ones(run: Run) -> None:
    sizes = ["--cells", "RNN,LSTM", "--batch-size", 1, "--length", 2, "--hidden", "2,1000"]
    output = run("grid", *sizes, "--seconds", 0.001, "--most", 1e6)
    assert [line.split()[:3] for line in output.splitlines()[1:3]] == [["RNN", "H", "2"], ["LSTM", "H", "2"]]
    assert "of 4; 2 sizes skipped" in output  # two cells in two modes


def test_lengths_prints_each_range_of_lengths(run: Run, translator: Path) -> None:
    output = run("lengths", translator, "--words", 1)
    assert [line.split(" letters")[0].strip() for line in output.splitlines()][-1] == "36 to 40"
    assert len(output.splitlines()) == 8


def test_predictions_prints_the_speed_of_each_beam_width(run: Run, translator: Path, tmp_path: Path) -> None:
    (tmp_path / "sources.txt").write_text("abc\tignored\nde\n", "utf-8")
    output = run("predictions", translator, tmp_path / "sources.txt", "--beam", 1, 2, "--threads", 1, "--repeats", 1)
    assert [line.split(":")[0] for line in output.splitlines()] == ["beam 1", "beam 2"]


@pytest.mark.parametrize("arguments", [["adding"], ["copy", "--chrono"], ["copy", "--cell", "elman"]], ids=" ".join)
def test_long_memory_trains_until_the_time_is_over(run: Run, arguments: list[str]) -> None:
    sizes = ["--length", 4, "--hidden", 2, "--batch-size", 2, "--threads", 1]
    assert run("long_memory", *arguments, *sizes, "--minutes", 0.0001).endswith("goal not reached\n")


def test_long_memory_stops_at_the_goal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load_benchmark("long_memory")
    solved = {**vars(module.PROBLEMS["copy"]), "is_solved": lambda accuracy: True}
    monkeypatch.setitem(module.PROBLEMS, "copy", module.Problem(**solved))
    assert run(module, "copy", "--length", 4, "--hidden", 2, "--threads", 1).endswith("goal reached\n")


def test_forecasting_prints_the_metrics_of_each_model(run: Run, tmp_path: Path) -> None:
    rows = [f"{1949 + n // 12}-{n % 12 + 1:02d},{100 + n + 9 * (n % 12)}\n" for n in range(144)]
    (tmp_path / "airline.csv").write_text("month,passengers\n" + "".join(rows), "utf-8")
    options = ["--minutes", 0.002, "--models", "tdnn,gru", "--set", "training.threads=1"]
    output = run("forecasting", "airline", tmp_path / "airline.csv", *options)
    lines = [line.split() for line in output.splitlines()]
    assert [line[0] for line in lines[2:4]] == ["tdnn", "gru"]
    assert output.splitlines()[-1].startswith("last value: MAE ")


@pytest.mark.parametrize("data", ["names", "sms"])
def test_classification_prints_the_scores_of_both_models(run: Run, data: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    if data == "names":
        for number, label in enumerate(("one", "two")):
            (tmp_path / f"{label}.txt").write_text("".join(f"{word}{number}\n" for word in WORDS), "utf-8")
        path, rare = tmp_path, []
    else:
        path, rare = tmp_path / "sms.txt", ["--rare", "spam"]
        path.write_text("".join(f"ham\t{word}\nspam\twin {word}\n" for word in WORDS), "utf-8")
    options = ["--test", 0.2, "--splits", 1, "--minutes", 0.002, "--set", "config.training.threads=1"]
    output = run("classification", data, path, *options, *rare)
    assert output.startswith("20 different texts, 2 labels; ")
    assert [line.split()[:2] for line in output.splitlines()[3:]] == [["mean", "elman"], ["mean", "tf-idf"]]


def test_tagging_prints_the_accuracy_of_each_method(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypinyin", reason="pypinyin is not installed")
    from elman.data import datasets

    lines = [f"银行{'了' * n}\tyín háng{' le' * n}\n" for n in range(20)]
    (tmp_path / "pinyin.tsv").write_text("".join(lines), "utf-8")
    monkeypatch.setattr(datasets, "local_path", lambda name: tmp_path / "pinyin.tsv")
    options = ["--minutes", 0.002, "--phrases", 16, "--test", 0.25, "--set", "config.training.threads=1"]
    output = run("tagging", *options)
    assert output.startswith("16 phrases, 4 of them to test; ")
    assert re.findall(r"^(.*?) +all ", output, re.MULTILINE) == ["first-listed", "most frequent", "elman"]


def test_quantized_compares_the_weights_of_each_model_and_layers(run: Run, writer: Path, translator: Path) -> None:
    lines = run("quantized", writer, translator, "--layers", "3,20", "--seconds", 0.01).splitlines()
    assert lines[0].startswith("1 threads, int8 by ")
    assert [line.split()[0] for line in lines[2:5]] == ["float32", "int8", "bfloat16"]
    assert [line.split()[0] for line in lines[6:9]] == ["float32", "int8", "bfloat16"]
    assert "perplexity" in lines[3]
    assert "sequence error rate" in lines[7]
    assert [line.split(":")[0][:8] for line in lines[9:]] == ["lstm 3 (", "lstm 20 "]


def test_start_up_prints_the_time_of_each_command(run: Run, writer: Path) -> None:
    lines = run("start_up", writer, "--repeats", 1).splitlines()
    assert lines[0].endswith("medians of 1 processes")
    assert [line.split(")  ")[1] for line in lines[1:]] == [
        "python without imports",
        "import elman",
        "elman --help",
        "elman generate, first character",
        "elman generate, echo of the prompt",
    ]


def test_memory_trains_on_a_text_of_the_requested_size(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, which has imported torch."""
    module = load_benchmark("memory")

    def run_here(command: list[str], **options: Any) -> SimpleNamespace:
        assert command[:3] == [sys.executable, "-m", "elman"]
        assert options == {"check": True, "capture_output": True, "text": True}
        monkeypatch.setattr(sys, "argv", command[2:])
        capsys.readouterr()
        assert main() == 0
        return SimpleNamespace(stdout=capsys.readouterr().out)

    monkeypatch.setattr(module, "subprocess", SimpleNamespace(run=run_here))
    output = run(module, "--gigabytes", 0.0001, "--steps", 1)
    assert re.search(r"^text 0\.00 GB, random stream, 1 updates$", output, re.MULTILINE)
    assert re.search(r"^peak resident memory \d+ MB \(model [\d.]+ MB\)$", output, re.MULTILINE)


@pytest.mark.slow
def test_memory_prints_the_peak_of_one_training(run: Run) -> None:
    output = run("memory", "--gigabytes", 0.0001, "--steps", 1)
    assert re.search(r"^peak resident memory \d+ MB \(model [\d.]+ MB\)$", output, re.MULTILINE)


@pytest.mark.parametrize(("weights", "same"), [("'equal'", True), ("str(time.time())", False)])
def test_kills_compares_every_resumed_run_with_the_first_one(
    run: Run, weights: str, same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load_benchmark("kills")
    (tmp_path / "stub.py").write_text(STUB.replace("WEIGHTS", weights), "utf-8")
    monkeypatch.setattr(module, "ELMAN", [sys.executable, str(tmp_path / "stub.py")])
    output = run(module, "text.txt", "--kills", 2, exit_code=0 if same else 1)
    assert output.endswith(f"{2 if same else 0} of 2 identical\n")


def test_kills_trains_with_options_that_exist() -> None:
    command = next(command for words, command in every_command() if words == ["train", "lm"])
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert {option for option in load_benchmark("kills").OPTIONS if option.startswith("--")} <= flags


@pytest.mark.slow
def test_kills_finds_identical_models(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("The time traveller smiled. " * 400, "utf-8")
    assert run("kills", tmp_path / "text.txt", "--kills", 2, "--steps", 100).endswith("2 of 2 identical\n")


# compare_installations


def python_with_path(folder: Path) -> Path:
    """Return an interpreter that finds elman where this process finds it, which may be by PYTHONPATH."""
    script = folder / "python"
    search_path = Path(elman.__file__).parent.parent
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{search_path}" exec "{sys.executable}" "$@"\n', "utf-8")
    script.chmod(0o755)
    return script


@pytest.mark.slow
def test_compare_installations_measures_every_point_in_both(run: Run, tmp_path: Path) -> None:
    python = python_with_path(tmp_path)
    sizes = ["--cells", "rnn,lstm", "--hidden", 2, "--threads", 1]
    options = ["--rounds", 2, "--restarts", 1, "--seconds", 0.001, "--tolerance", 1.0, "--json"]
    report = json.loads(run("compare_installations", python, python, *sizes, *options))
    names = ["train rnn 2 threads 1", "train lstm 2 threads 1", "step rnn 2 threads 1", "step lstm 2 threads 1"]
    assert [row["name"] for row in report["rows"]] == names
    assert all(row["tokens_per_second"].keys() == {"old", "new"} for row in report["rows"])
    assert report["installations"]["old"] == report["installations"]["new"]
    assert report["installations"]["old"]["folder"] == str(Path(elman.__file__).parent)
    assert [(summary["kind"], summary["threads"]) for summary in report["summary"]] == [("train", 1), ("step", 1)]
    assert report["slower"] == []


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_worker_describes_its_installation_and_times_each_requested_point(
    cell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = load_benchmark("compare_installations")
    requests = [{"point": module.Point(kind, cell, 4, 1), "seconds": 0.001} for kind in module.KINDS]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(json.dumps(request) + "\n" for request in requests)))
    module.work()
    description, *seconds = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert description["folder"] == str(Path(elman.__file__).parent)
    assert description["torch"] == torch.__version__
    assert len(seconds) == 2
    assert all(value > 0 for value in seconds)


def test_a_worker_process_is_asked_with_lines_of_json(tmp_path: Path) -> None:
    module = load_benchmark("compare_installations")
    reply = "for line in sys.stdin: print(json.loads(line)['point'][2], flush=True)"
    echo = f"import json, sys; print({{}}, flush=True)\n{reply}"
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c \"{echo}\"\n", "utf-8")
    python.chmod(0o755)
    worker = module.Worker(str(python))
    assert worker.description == {}
    assert worker.time(module.Point("train", "gru", 7, 1), 0.1) == 7.0
    worker.stop()


@pytest.fixture
def fake_workers(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[str]]:
    """The module with workers of known speed: `slow` needs 2 seconds per call for 64 units, other calls 1 second."""
    module = load_benchmark("compare_installations")
    order: list[str] = []

    def start(python: str) -> SimpleNamespace:
        def time_point(point: Any, seconds: float) -> float:
            order.append(python)
            return 2.0 if python == "slow" and point.hidden_size == 64 else 1.0

        return SimpleNamespace(description={"elman": python}, time=time_point, stop=lambda: None)

    monkeypatch.setattr(module, "Worker", start)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    return module, order


def test_compare_installations_reports_a_slower_point_with_exit_code_1(
    run: Run, fake_workers: tuple[ModuleType, list[str]]
) -> None:
    sizes = ["--kinds", "train", "--cells", "gru", "--hidden", "32,64", "--threads", 1]
    output = run(fake_workers[0], "fast", "slow", *sizes, exit_code=1)
    lines = {" ".join(line.split()) for line in output.splitlines()}
    assert "train gru 32 threads 1 1,120 1,120 1.000 1.000 to 1.000" in lines
    assert "train gru 64 threads 1 1,120 560 0.500 0.500 to 0.500 slower" in lines
    assert "train, 1 thread: geometric mean 0.707, smallest 0.500 (train gru 64 threads 1)" in lines
    assert "1 point slower by more than 3%" in lines


def test_compare_installations_marks_a_slower_point_as_uncertain_if_its_interval_contains_1(
    run: Run, fake_workers: tuple[ModuleType, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _ = fake_workers
    durations = itertools.cycle([1.0, 2.0, 2.0, 1.0, 1.0, 0.5, 1.5, 1.0])  # ratios 1/2, 1/2, 2, 2/3
    worker = SimpleNamespace(description={}, time=lambda point, seconds: next(durations), stop=lambda: None)
    monkeypatch.setattr(module, "Worker", lambda python: worker)
    sizes = ["--kinds", "step", "--cells", "gru", "--hidden", 8, "--rounds", 4, "--restarts", 1]
    output = run(module, "old", "new", *sizes, exit_code=1)
    assert "0.583   0.500 to 2.000   slower, uncertain\n" in output


def test_compare_installations_accepts_a_faster_point(run: Run, fake_workers: tuple[ModuleType, list[str]]) -> None:
    sizes = ["--kinds", "step", "--cells", "gru", "--hidden", 64]
    assert " 2.000 " in run(fake_workers[0], "slow", "fast", *sizes)


def test_compare_installations_alternates_the_order(run: Run, fake_workers: tuple[ModuleType, list[str]]) -> None:
    module, order = fake_workers
    run(module, "a", "b", "--kinds", "step", "--cells", "gru", "--hidden", 8, "--rounds", 4, "--restarts", 1)
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"]


def test_compare_installations_measures_all_rounds_whatever_the_restarts(
    run: Run, fake_workers: tuple[ModuleType, list[str]]
) -> None:
    module, order = fake_workers
    run(module, "a", "b", "--kinds", "step", "--cells", "gru", "--hidden", 8, "--rounds", 7, "--restarts", 3)
    assert len(order) == 14


def test_the_interval_of_a_median_covers_it_in_95_per_cent_of_the_cases() -> None:
    interval = load_benchmark("compare_installations").confidence_interval
    assert interval([3.0, 1.0, 2.0]) == [1.0, 3.0]  # fewer than six values: the range
    assert interval([float(n) for n in range(6)]) == [0.0, 5.0]  # 2 / 2^6 = 3 % are outside
    assert interval([float(n) for n in range(9)]) == [1.0, 7.0]  # 2 (1 + 9) / 2^9 = 4 %
    assert interval([float(n) for n in range(12)]) == [2.0, 9.0]  # 2 (1 + 12 + 66) / 2^12 = 4 %


def test_a_worker_that_cannot_import_elman_is_an_error_with_a_hint(tmp_path: Path) -> None:
    module = load_benchmark("compare_installations")
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    python.chmod(0o755)
    with pytest.raises(SystemExit, match=r"expected a measurement\. .* Install elman with torch in its environment\."):
        module.Worker(str(python))


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        ("training_step", ["--rounds", "1"], "--rounds: given 1; expected a whole number, 2 or more"),
        ("training_step", ["--steps", "0"], "--steps: given 0; expected a whole number, 1 or more"),
        ("one_hot_rnn", ["--rounds", "0"], "--rounds: given 0; expected a whole number, 1 or more"),
        ("encoder_decoder", ["--rounds", "1"], "--rounds: given 1; expected a whole number, 2 or more"),
        ("long_memory", ["adding", "--length", "0"], "--length: given 0; expected a whole number, 1 or more"),
        ("grid", ["--threads", "-1"], "--threads: given -1; expected a whole number, 1 or more"),
        ("grid", ["--cells", "lstm,gpu"], "--cells: given 'gpu'; expected some of RNN, GRU, LSTM"),
        ("forecasting", ["airline", "x", "--models", "rnn"], "--models: given 'rnn'; expected some of "),
    ],
)
def test_wrong_numbers_and_names_are_refused(
    script: str, options: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [script, *options])
    with pytest.raises(SystemExit):
        load_script(BENCHMARKS / f"{script}.py").main()
    assert message in capsys.readouterr().err


def test_onnx_grid_prints_a_row_for_each_graph_and_each_stream(run: Run) -> None:
    pytest.importorskip("onnxruntime")
    sizes = [
        "--layers",
        "1,3",
        "--length",
        "1,6",
        "--batch-size",
        "1,3",
        "--hidden",
        5,
        "--stream",
        20,
        "--chunk",
        "1,7",
    ]
    lines = run("onnx_grid", "--cells", "gru,min_gru", *sizes).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if re.match(r"\| (min_)?gru ", line)]
    assert [row[:4] for row in rows[:8]] == [
        [cell, layers, directions, "4"] for cell in ("gru", "min_gru") for layers in "13" for directions in "12"
    ]
    assert [row[:3] for row in rows[8:]] == [[cell, chunk, "20"] for cell in ("gru", "min_gru") for chunk in "17"]
    assert all(0.0 < float(row[-1]) < 1e-5 for row in rows)  # float32
    assert all(row[6] == "0" for row in rows[:8])


def test_onnx_grid_fails_where_a_graph_differs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    from elman.export.onnx import recurrent

    monkeypatch.setattr(recurrent, "LINEAR_BEFORE_RESET", 0)
    sizes = ["--layers", 1, "--length", 6, "--batch-size", 2, "--hidden", 5, "--stream", 20]
    output = run("onnx_grid", "--cells", "gru", *sizes, exit_code=1)
    assert "| gru | 1 | 1 | the graph differs from the model by " in output


def test_streams_compares_all_implementations_and_chunks(run: Run, writer: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The time traveller smiled. " * 5)
    output = run("streams", writer, "--streams", 1, 3, "--seconds", 0.01, "--text", text)
    for name in ("push", "step", "onnxruntime", "torch"):
        assert len(re.findall(rf"^\| {name} \| ", output, re.MULTILINE)) == 2
    assert len(re.findall(r"^\| (?:onnxruntime|torch) in step \| ", output, re.MULTILINE)) == 2
    differences = re.findall(
        r"logits differ by (\S+) of the largest one, the last state by (\S+)$", output, re.MULTILINE
    )
    assert len(differences) == 3
    assert all(float(value) < 1e-5 for pair in differences for value in pair)


def test_streams_refuses_to_time_what_differs(run: Run, writer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load_benchmark("streams")
    right = module.by_torch
    monkeypatch.setattr(module, "by_torch", lambda *arguments: lambda ids: 1.001 * right(*arguments)(ids))
    with pytest.raises(SystemExit, match="logits of torch differ by"):
        run(module, writer, "--streams", 1, "--seconds", 0.01, "--peers", "torch")


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of connections when their loop ends
def test_service_answers_all_parts(run: Run, translator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = tmp_path / "inputs.txt"
    inputs.write_text("\n".join(WORDS))
    module = load_benchmark("service")
    monkeypatch.setattr(module, "EQUAL_REQUESTS", 60)
    options = ("--seconds", 1.0, "--slow-connections", 8)
    output = run(module, translator, inputs, "--parts", "load", "bodies", "reload", "equal", *options)
    assert "problem" not in output
    assert "60 requests, 0 answers differ from the model's" in output
    for text in (
        "2 x capacity for 1 s",
        "gzip bomb: Counter({415: 20})",
        "deep JSON: Counter({400: 20})",
        "new versions under load",
    ):
        assert text in output


def test_imported_weights_prints_a_row_for_each_file(run: Run) -> None:
    pytest.importorskip("onnxruntime")
    lines = run("imported_weights", "--hidden", 4, "--sources", "PyTorch,ONNX").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines[2:]]
    assert [row[0] for row in rows] == ["PyTorch"] * 6 + ["ONNX"] * 10
    assert {row[2] for row in rows} == {"elman", "gru", "lstm", "reset_before_gru"}
    assert all(len(row) == 16 for row in rows)
    assert all(float(row[-1]) <= 1e-5 for row in rows)


def test_imported_weights_fails_where_a_file_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    from elman.export.weights import onnx_files

    monkeypatch.setitem(onnx_files.GATE_ORDER, "LSTM", (0, 1, 2, 3))
    output = run("imported_weights", "--hidden", 4, "--sources", "ONNX", exit_code=1)
    assert output.count("no output of the file is that of the imported weights") == 2


@pytest.mark.skipif(shutil.which("gcc") is None and shutil.which("clang") is None, reason="needs gcc or clang")
def test_c_export_prints_equality_sizes_and_speed_of_each_model(run: Run, writer: Path, translator: Path) -> None:
    output = run("c_export", writer, translator, "--repeats", 1, "--milliseconds", 1)
    rows = [line.strip("| ").split(" | ") for line in output.splitlines() if line.startswith("| /")]
    assert [row[0] for row in rows] == [str(writer), str(translator)]
    assert [row[2] for row in rows] == ["step", "source of 16"]
    assert all(0.0 <= float(row[3]) <= 1e-6 for row in rows)
    has_emulator = shutil.which("arm-none-eabi-gcc") and shutil.which("qemu-system-arm")
    for row in rows:
        on_arm = [row[4], *row[5:7], *row[8:10]]
        assert ("-" in on_arm) == (not has_emulator)
        if has_emulator:
            assert float(row[4]) <= 1e-6
            assert int(row[5].replace(",", "")) > 1000  # bytes of flash
            assert int(row[9].replace(",", "")) > 500  # instructions
    described = json.loads(run("c_export", writer, "--repeats", 2, "--milliseconds", 1, "--json"))
    (model,) = described["models"]
    assert len(model["rates"]) == 2
    assert model["weights"] == elman.load(writer).num_parameters
