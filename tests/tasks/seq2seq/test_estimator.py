"""The encoder-decoder as a Python class: every form of pairs, errors for other arguments, and elman.load."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import elman
from elman.checkpoint import is_run_folder
from elman.errors import ConfigError, DataError, Interrupted
from elman.tasks import estimator
from elman.tasks.seq2seq.arguments import source_of
from elman.tasks.seq2seq.readers import MemoryPairs, Pair
from elman.training.progress import SilentDisplay, Validation

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "embedding_size": 6,
    "config": {"training": {"batch_size": 8, "threads": 1}},
}
LETTERS = {"a": "AA", "b": "B", "c": "K", "d": "T"}
NOT_TRAINED = "the model is not trained yet. Call fit first, or use elman.load"


def spelled(source: str) -> str:
    return " ".join(LETTERS[letter] for letter in source)


def random_words(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices("abcd", k=rng.randint(1, 5))) for _ in range(count)]


PAIRS = [(source, spelled(source)) for source in random_words(120)]
OTHERS = [("abcdabcd", "AA B"), ("dcba", "T K"), ("bb", "B B"), ("dcba", "T K B AA")]


def tiny(**parameters: Any) -> elman.Seq2Seq:
    return elman.Seq2Seq(**{**TINY, **parameters})


class Table:
    """The part of a DataFrame that the estimator uses."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self.rows = rows

    def itertuples(self, index: bool = True, name: str | None = "Pandas") -> Iterator[tuple[Any, ...]]:
        assert (index, name) == (False, None)
        return iter(self.rows)


@pytest.fixture(scope="module")
def trained() -> tuple[elman.Seq2Seq, dict[str, Any]]:
    model = tiny()
    return model, model.fit(PAIRS, steps=4, valid=OTHERS, verbose=False).result_


def write(folder: Path) -> tuple[Path, Path, Path]:
    """Write the pairs as a table, and as two parallel files."""
    table, sources, targets = (folder / name for name in ("pairs.tsv", "sources", "targets"))
    table.write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS))
    sources.write_text("".join(f"{source}\n" for source, _ in PAIRS))
    targets.write_text("".join(f"{target}\n" for _, target in PAIRS))
    return table, sources, targets


def test_every_form_of_the_same_pairs_gives_the_same_model(tmp_path: Path) -> None:
    table, sources, targets = write(tmp_path)
    left, right = zip(*PAIRS, strict=True)
    forms: list[tuple[Any, ...]] = [
        (PAIRS,),
        ([list(pair) for pair in PAIRS],),
        (iter(PAIRS),),
        ([(source, [target]) for source, target in PAIRS],),
        (Table([tuple(pair) for pair in PAIRS]),),
        (left, list(right)),
        (iter(left), (target for target in right)),
        (table,),
        (str(table),),
        (sources, str(targets)),
    ]
    results = []
    for form in forms:
        model = tiny(cell="gru", dropout=0.2, seed=3)
        results.append((model.fit(*form, steps=3, verbose=False).result_["valid"], model.n_best(["abc", "dd"], beam=3)))
    assert [number for number, result in enumerate(results) if result != results[0]] == []


def test_fit_returns_what_the_trained_model_scores(trained: Any) -> None:
    model, result = trained
    assert set(result) == {"task", "steps", "seconds", "tokens_per_second", "best_step", "train", "valid"}
    assert result["task"] == "seq2seq"
    assert result["valid"]["count"] == 3, "a source that comes twice has two references"
    assert model.evaluate(OTHERS) == pytest.approx(result["valid"], abs=1e-6)  # scored in another order, in float32


def test_evaluate_takes_every_form_of_pairs_and_any_target_is_right(trained: Any, tmp_path: Path) -> None:
    model, _ = trained
    table, sources, targets = write(tmp_path)
    expected = model.evaluate(PAIRS)
    left, right = zip(*PAIRS, strict=True)
    forms: list[tuple[Any, ...]] = [(table,), (str(sources), targets), (left, right), (Table(list(PAIRS)),)]
    for form in forms:
        assert model.evaluate(*form) == expected
    assert model.evaluate(PAIRS, beam=3) == model.predictor.evaluate(grouped(PAIRS), beam=3)
    words = ["abab", "cd"]
    own = model.predict(words)
    assert all(own)
    for several in (
        [(source, ["K K K", text]) for source, text in zip(words, own, strict=True)],
        [pair for source, text in zip(words, own, strict=True) for pair in ((source, "K K K"), (source, text))],
    ):
        assert model.evaluate(several)["exact_match"] == 1.0
    assert model.evaluate(words, [["K K K", text] for text in own])["exact_match"] == 1.0
    (tmp_path / "wide.tsv").write_text("".join(f"{s}\tK K K\t{t}\n" for s, t in zip(words, own, strict=True)))
    assert model.evaluate(tmp_path / "wide.tsv")["exact_match"] == 1.0
    assert model.evaluate(words, ["K K K", own[1]])["exact_match"] == 0.5


def grouped(pairs: list[tuple[str, str]]) -> list[Pair]:
    targets: dict[str, dict[str, None]] = {}
    for source, target in pairs:
        targets.setdefault(source, {})[target] = None
    return [Pair(source, tuple(texts)) for source, texts in targets.items()]


def test_predict_and_n_best_are_those_of_the_predictor(trained: Any) -> None:
    model, _ = trained
    sources = [*random_words(9, seed=1), "zz", "a" * 40]
    assert model.predict(sources) == model.predictor.predict(sources)
    assert model.predict(iter(sources), beam=3) == [best[0].text for best in model.n_best(sources, beam=3)]
    assert model.predict([]) == []
    with pytest.raises(DataError, match=r"one text, 'abc'; expected several\. Give a list"):
        model.predict("abc")


def test_fit_takes_the_name_of_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    model = tiny()
    assert model.fit("reverse", steps=1, verbose=False).result_["steps"] == 1
    assert model.predictor.text.source.level == "char"


def test_the_parameters_of_the_constructor_reach_the_model() -> None:
    model = elman.Seq2Seq(
        cell="elman", hidden_size=7, num_layers=2, embedding_size=5, bidirectional=False, attention="none", dropout=0.1,
        source_level="byte", target_level="char", config={"model": {"bridge": "copy"}, "training": {"threads": 1}},
    )  # fmt: skip
    model.fit(PAIRS, steps=1, verbose=False)
    config, text = model.predictor.config, model.predictor.text
    assert (config.cell, config.hidden_size, config.num_layers, config.embedding_size) == ("elman", 7, 2, 5)
    assert (config.bidirectional, config.attention, config.dropout, config.bridge) == (False, "none", 0.1, "copy")
    assert (text.source.level, text.target.level) == ("byte", "char")


def test_the_six_antonyms_of_the_textbook_are_learned() -> None:
    """The validation set is the training set, so the model predicts what it has learned."""
    antonyms = [
        ("man", "women"),
        ("black", "white"),
        ("king", "queen"),
        ("girl", "boy"),
        ("up", "down"),
        ("high", "low"),
    ]
    model = elman.Seq2Seq(hidden_size=64, config={"training": {"threads": 1, "validate_every_steps": 50}})
    result = model.fit(antonyms, valid=antonyms, steps=100, verbose=False).result_
    assert result["valid"]["exact_match"] == 1.0
    assert model.predict([source for source, _ in antonyms]) == [target for _, target in antonyms]


def test_a_saved_model_is_loaded_with_the_same_predictions(trained: Any, tmp_path: Path) -> None:
    model, _ = trained
    model.save(tmp_path / "deep" / "model")
    loaded = elman.load(tmp_path / "deep" / "model")
    sources = random_words(9, seed=1)
    assert loaded.n_best(sources, beam=3) == model.n_best(sources, beam=3)
    loaded.save(tmp_path / "again")
    files = [{p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("deep/model", "again")]
    assert files[0] == files[1]


NO_TORCH = """
import sys
sys.modules["torch"] = None
import elman
assert "numpy" not in sys.modules
from elman.tasks.seq2seq.arguments import source_of
from elman.tasks.seq2seq.readers import MemoryPairs, Pair
g2p = elman.Seq2Seq(hidden_size=8)
model = elman.load(sys.argv[1])
print(model.predict(["abc", "dd"], beam=2), end="|")
print(model.evaluate([Pair("abc", ("AA",))])["count"], end="|")
for use in (lambda: g2p.predict(["x"]), lambda: g2p.fit([("a", "b"), ("b", "c")], steps=1)):
    try:
        use()
    except elman.ElmanError as error:
        print(error, end="|")
"""


def test_loading_and_predicting_need_no_torch(trained: Any, tmp_path: Path) -> None:
    model, _ = trained
    model.save(tmp_path / "model")
    command = [sys.executable, "-W", "error", "-c", NO_TORCH, str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split("|")[:-1] == [
        str(model.predict(["abc", "dd"], beam=2)),
        "1",
        NOT_TRAINED,
        'training needs PyTorch, which is not installed. Install it: pip install "elman[train]"',
    ]


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.predict(["x"]),
        lambda model: model.n_best(["x"]),
        lambda model: model.evaluate([("a", "b")]),
        lambda model: model.save("nowhere"),
        lambda model: model.predictor,
    ],
)
def test_a_model_that_is_not_trained_is_an_error(use: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        use(tiny())
    assert str(caught.value) == NOT_TRAINED
    assert list(tmp_path.iterdir()) == []


WRONG: list[tuple[tuple[Any, ...], type[Exception], str]] = [
    ((["abc", "de"],), DataError, "item 0 is 'abc'; expected (source, target). A target is a text"),
    (([("a", "b"), ("c", None)],), DataError, "item 1 is ('c', None); expected (source, target)"),
    (([("a", "b"), ("c", [])],), DataError, "item 1 is ('c', []); expected (source, target)"),
    (([("a", "b"), ("c", " ")],), DataError, "item 1: has an empty target; expected text"),
    (([("a", "b"), ("", "c")],), DataError, "item 1: has an empty source; expected text"),
    ((Table([("a", "b", "c")]),), DataError, "item 0 is ('a', 'b', 'c'); expected (source, target)"),
    ((["a", "b"], ["x"]), ConfigError, "sources and targets: given 2 and 1; expected as many of each"),
    ((["a", "b"], "targets.txt"), ConfigError, "sources and targets: given a path and a list; expected two paths"),
    (("sources.txt", ["a", "b"]), ConfigError, "sources and targets: given a path and a list; expected two paths"),
    (("nowhere.tsv",), DataError, "nowhere.tsv: no such file"),
    (("nowhere.txt", "targets.txt"), DataError, "nowhere.txt: no such file"),
    (([],), DataError, "pairs"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_arguments_that_are_not_pairs_are_an_error(
    trained: Any, arguments: tuple[Any, ...], kind: type[Exception], message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    model, _ = trained
    for use in (lambda: tiny().fit(*arguments, steps=1, verbose=False, run="run"), lambda: model.evaluate(*arguments)):
        with pytest.raises(kind) as caught:
            use()
        assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_several_targets_of_a_source_in_memory_need_extra_targets() -> None:
    several = [(source, [target, "AA"]) for source, target in dict(PAIRS).items()]
    with pytest.raises(DataError, match=r"item 0: has 2 targets; expected 1\. Use data\.extra_targets"):
        tiny().fit(several, steps=1, verbose=False)
    model = tiny(config={**TINY["config"], "data": {"extra_targets": True}})
    assert model.fit(several, steps=1, verbose=False).result_["steps"] == 1


class Interrupting(SilentDisplay):
    """Sends SIGINT at the first step, or at the first validation."""

    def __init__(self, at: str) -> None:
        self.at = at

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        if self.at == "step":
            os.kill(os.getpid(), signal.SIGINT)

    def validation(self, validation: Validation) -> None:
        if self.at == "validation":
            os.kill(os.getpid(), signal.SIGINT)


EVERY_TWO = {"training": {**TINY["config"]["training"], "validate_every_steps": 2}}


@pytest.mark.parametrize("at", ["validation", "step"])
def test_an_interrupted_fit_keeps_the_model(monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    monkeypatch.setattr(estimator, "display_for", lambda **_: Interrupting(at))
    model = tiny(config=EVERY_TWO)
    with pytest.raises(Interrupted, match=r"The model so far is kept\.") as caught:
        model.fit(PAIRS, steps=200)
    assert caught.value.exit_code == 130
    assert len(model.predict(["abc", "d"])) == 2


def test_an_interrupted_fit_in_a_run_folder_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.experiment import resume

    table, _, _ = write(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(estimator, "display_for", lambda **_: Interrupting("validation"))
        with pytest.raises(Interrupted, match="elman resume"):
            tiny(config=EVERY_TWO).fit(table, steps=6, run=tmp_path / "run")
    assert is_run_folder(tmp_path / "run")
    resumed = resume(tmp_path / "run", SilentDisplay())
    whole = tiny(config=EVERY_TWO).fit(table, steps=6, verbose=False).result_
    assert (resumed["steps"], resumed["valid"]) == (6, whole["valid"])


def test_evaluate_reads_a_file_with_the_columns_and_the_format_of_fit(tmp_path: Path) -> None:
    table, notes = tmp_path / "turned.tsv", tmp_path / "json.tsv"
    table.write_text(
        "".join(f"{target}\tnote {number % 9}\t{source}\n" for number, (source, target) in enumerate(PAIRS))
    )
    data = {"columns": [3, 1]}
    model = tiny(config={**TINY["config"], "data": data})
    model.fit(table, steps=3, verbose=False)
    expected = model.evaluate(PAIRS)
    assert model.evaluate(table) == expected
    assert model.evaluate(str(table)) == expected
    assert expected["count"] == len(dict(PAIRS))
    notes.write_text("".join(f'{{"a": {number}}}\t{target}\n' for number, (_, target) in enumerate(PAIRS)))
    as_table = tiny(config={**TINY["config"], "data": {"format": "tsv"}})
    as_table.fit(notes, steps=1, verbose=False)
    assert as_table.evaluate(notes)["count"] == len(PAIRS)


def test_evaluate_reads_files_with_the_encoding_of_fit(tmp_path: Path) -> None:
    table, sources, targets = write(tmp_path)
    for path in (table, sources, targets):
        path.write_bytes(path.read_text().encode("utf-16-le"))
    model = tiny(config={**TINY["config"], "data": {"encoding": "utf-16-le"}})
    model.fit(table, steps=1, verbose=False)
    assert model.evaluate(table) == model.evaluate(sources, targets) == model.evaluate(PAIRS)


def test_validation_pairs_may_be_a_file_or_pairs_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "valid.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in OTHERS))
    results = [tiny().fit(PAIRS, valid=valid, steps=2, verbose=False).result_["valid"] for valid in (OTHERS, path)]
    assert results[0] == results[1]
    assert results[0]["count"] == 3


def test_the_parameters_are_read_set_and_cloned() -> None:
    from sklearn.base import clone

    parameters: dict[str, Any] = {
        "cell": "gru",
        "hidden_size": 8,
        "source_level": "char",
        "steps": 2,
        "verbose": False,
        "seed": 4,
    }
    model = elman.Seq2Seq(**parameters)
    assert model.get_params().items() >= parameters.items()
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(hidden_size=6, attention="additive") is model
    assert (model.get_params()["hidden_size"], model.get_params()["attention"]) == (6, "additive")
    with pytest.raises(ConfigError, match="unknown parameter 'hiden_size'"):
        model.set_params(hiden_size=3)


def test_the_budget_of_the_constructor_is_replaced_by_that_of_fit(capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny(steps=2, verbose=False)
    assert model.fit(PAIRS).result_["steps"] == 2
    assert model.fit(PAIRS, steps=3).result_["steps"] == 3
    assert tiny(epochs=0.5, verbose=False).fit(PAIRS).result_["steps"] == 7
    assert capsys.readouterr().err == ""
    model.fit(PAIRS, verbose=True)
    assert "training set: " in capsys.readouterr().err


def test_the_score_is_the_exact_match_and_serves_cross_validation(trained: Any) -> None:
    from sklearn.model_selection import cross_val_score

    model, _ = trained
    assert model.score(PAIRS) == model.evaluate(PAIRS)["exact_match"]
    sources, targets = zip(*PAIRS, strict=True)
    scores = cross_val_score(tiny(steps=2, verbose=False), list(sources), list(targets), cv=2)
    assert len(scores) == 2
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_the_columns_of_a_frame_are_known_by_their_names_or_else_by_their_places() -> None:
    pandas = pytest.importorskip("pandas")
    words = [f"w{i}" for i in range(12)]
    targets = [word.upper() for word in words]
    by_name = pandas.DataFrame({"note": ["x"] * 12, "target": targets, "source": words})
    by_place = pandas.DataFrame({"a": words, "b": targets})
    expected = source_of(words, targets)
    for frame in (by_name, by_place):
        source = source_of(frame)
        assert isinstance(source, MemoryPairs)
        assert isinstance(expected, MemoryPairs)
        assert list(source.examples()) == list(expected.examples())
