"""The confusion matrix as data and as a page: the counts of scikit-learn, with the examples of each cell."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import ConfigError, DataError
from elman.inspect import confusion, run_confusion, write_confusion_page
from elman.inspect.confusion import MAX_CHARACTERS, MAX_CONTEXT, MAX_EXAMPLES, MAX_LABELS, tabulate
from elman.tasks.spec import Decision
from tests.tasks.classifier.models import EXAMPLES as TEXTS
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model
from tests.tasks.tagger.models import ARCHITECTURES
from tests.tasks.tagger.models import EXAMPLES as SENTENCES
from tests.tasks.tagger.models import tiny_predictor as tiny_tagger

metrics = pytest.importorskip("sklearn.metrics")

SCRIPT = re.compile(r'<script type="application/json" id="confusion">(.*?)</script>', re.DOTALL)
LABELS = ("a", "b", "c")


def decision(expected: str, predicted: str, probability: float = 0.5, text: str = "text") -> Decision:
    return Decision(expected, predicted, probability, text)


decisions = st.builds(
    decision, st.sampled_from([*LABELS, "new"]), st.sampled_from(LABELS), st.floats(0, 1), st.text(max_size=5)
)


@given(st.lists(decisions, min_size=1, max_size=200))
def test_counts_are_those_of_scikit_learn(items: list[Decision]) -> None:
    data = tabulate(items, LABELS, "classify")
    labels = data["labels"]
    assert labels == [*LABELS, *["new"] * any(item.expected == "new" for item in items)]
    expected, predicted = [item.expected for item in items], [item.predicted for item in items]
    assert data["counts"] == metrics.confusion_matrix(expected, predicted, labels=labels).tolist()
    assert data["count"] == len(items)
    assert data["correct"] / len(items) == pytest.approx(metrics.accuracy_score(expected, predicted), abs=1e-12)


@given(st.lists(decisions, min_size=1, max_size=200))
def test_a_cell_lists_its_most_probable_examples(items: list[Decision]) -> None:
    data = tabulate(items, LABELS, "classify")
    cells = {(cell["row"], cell["column"]): cell["examples"] for cell in data["cells"]}
    assert len(cells) == np.count_nonzero(data["counts"])
    for (row, column), examples in cells.items():
        of_cell = [
            item for item in items if (item.expected, item.predicted) == (data["labels"][row], data["labels"][column])
        ]
        best = sorted(of_cell, key=lambda item: -item.probability)[:MAX_EXAMPLES]  # the first of equal ones
        assert examples == [item._asdict() for item in best]


def test_a_full_cell_lists_its_most_probable_examples() -> None:
    p = np.random.default_rng(5).integers(0, 40, 500) / 40  # with equal ones
    items = [decision("a", "b", float(value), f"{i}") for i, value in enumerate(p)]
    (cell,) = tabulate(items, LABELS, "classify")["cells"]
    best = sorted(range(500), key=lambda i: -p[i])[:MAX_EXAMPLES]
    assert [example["text"] for example in cell["examples"]] == [f"{i}" for i in best]


def test_rare_labels_have_one_row_in_common() -> None:
    rng = np.random.default_rng(3)
    names = [f"label {i:02}" for i in range(60)]
    numbers = np.minimum(rng.geometric(0.06, (2, 5000)) - 1, 59)
    items = [decision(names[i], names[j], float(p)) for i, j, p in zip(*numbers, rng.random(5000), strict=True)]
    data = tabulate(items, names, "classify")
    frequency = Counter(numbers.ravel().tolist())
    assert data["labels_left_out"] == 60 - MAX_LABELS
    assert data["labels"][MAX_LABELS:] == [None]
    shown = data["labels"][:MAX_LABELS]
    assert [frequency[names.index(label)] for label in shown] == sorted(frequency.values(), reverse=True)[:MAX_LABELS]
    merged = [[label if label in shown else "others" for label in (item.expected, item.predicted)] for item in items]
    matrix = metrics.confusion_matrix(*zip(*merged, strict=True), labels=[*shown, "others"])
    assert data["counts"] == matrix.tolist()
    assert data["correct"] == int((numbers[0] == numbers[1]).sum()), "a rare label may be taken for another rare one"
    (others,) = [cell["examples"] for cell in data["cells"] if cell["row"] == cell["column"] == MAX_LABELS]
    of_others = [item.probability for item, labels in zip(items, merged, strict=True) if labels == ["others"] * 2]
    assert [example["probability"] for example in others] == sorted(of_others, reverse=True)[:MAX_EXAMPLES]


@pytest.mark.parametrize("count", [MAX_LABELS, MAX_LABELS + 1])
def test_few_labels_keep_the_order_of_the_model(count: int) -> None:
    names = [f"{i}" for i in range(count)]
    data = tabulate([decision("5", "5"), decision("7", "5")], names, "classify")
    if count == MAX_LABELS:
        assert (data["labels"], data["labels_left_out"]) == (names, 0)
    else:
        assert data["labels"][:3] == ["5", "7", "0"]
        assert (data["labels"][-1], data["labels_left_out"]) == (None, 1)


def test_long_texts_are_cut() -> None:
    item = Decision("a", "a", 1.0, "x" * 1000, "b" * 999 + "!", "!" + "a" * 999, "file:1")
    (cell,) = tabulate([item], LABELS, "tag")["cells"]
    (example,) = cell["examples"]
    assert example["text"] == "x" * (MAX_CHARACTERS - 1) + "…"
    assert example["before"] == "…" + "b" * (MAX_CONTEXT - 2) + "!"
    assert example["after"] == "!" + "a" * (MAX_CONTEXT - 2) + "…"


def test_a_classifier_gives_the_matrix_of_evaluate() -> None:
    predictor = tiny_classifier("attention")
    data = confusion(predictor, TEXTS)
    of_evaluate = predictor.evaluate(TEXTS)["confusion"]
    assert {"labels": data["labels"], "counts": data["counts"]} == of_evaluate
    probabilities = dict(zip([text for text, _ in TEXTS], predictor.predict_proba([t for t, _ in TEXTS]), strict=True))
    predicted = dict(zip([text for text, _ in TEXTS], predictor.predict([text for text, _ in TEXTS]), strict=True))
    examples = [example for cell in data["cells"] for example in cell["examples"]]
    assert sorted((example["text"], example["expected"]) for example in examples) == sorted(TEXTS)
    for example in examples:
        assert example["predicted"] == predicted[example["text"]]
        assert example["probability"] == pytest.approx(max(probabilities[example["text"]]), rel=1e-6)


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if "crf" in name or name == "plain"])
def test_a_tagger_gives_every_token_between_the_others(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.tasks.tagger.decisions.SENTENCES", 3)
    predictor = tiny_tagger(architecture)
    sentences = [*SENTENCES, ((), ()), (("the", "city"), ("B-NEW", "O"))]
    data = confusion(predictor, sentences)
    assert data["labels"] == [*predictor.labels, "B-NEW"]
    words = [list(tokens) for tokens, _ in sentences if tokens]
    tags, p = predictor.predict(words), predictor.predict_proba(words)
    expected = [tag for _, tags in sentences for tag in tags]
    predicted = [tag for row in tags for tag in row]
    assert data["counts"] == metrics.confusion_matrix(expected, predicted, labels=data["labels"]).tolist()
    found = {
        (e["before"], e["text"], e["after"], e["expected"], e["predicted"], round(e["probability"], 6))
        for cell in data["cells"]
        for e in cell["examples"]
    }
    column = {label: i for i, label in enumerate(predictor.labels)}
    assert found == {
        (
            " ".join(row[:t]),
            row[t],
            " ".join(row[t + 1 :]),
            sent[1][t],
            best[t],
            round(float(p_row[t, column[best[t]]]), 6),
        )
        for row, sent, best, p_row in zip(words, [s for s in sentences if s[0]], tags, p, strict=True)
        for t in range(len(row))
    }


def test_a_page_has_the_data_and_nothing_ends_its_script(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><!--\u2028\ud800\x00]]>"
    data = tabulate([decision("a", "b", text=hostile)], ("a", "b"), "classify")
    write_confusion_page(data, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    (content,) = SCRIPT.findall(page)
    assert json.loads(content) == data
    assert "alert(1)</script>" not in page


def test_a_model_without_labels_is_an_error() -> None:
    with pytest.raises(ConfigError, match="language model, which predicts no labels; expected a classifier or a tag"):
        confusion(tiny_language_model("gru"), ["abc"])


def test_no_examples_are_an_error() -> None:
    with pytest.raises(DataError, match="no examples to count; expected at least one"):
        confusion(tiny_classifier("mean"), [])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return short runs of a classifier and a tagger."""
    import elman

    folder = tmp_path_factory.mktemp("runs")
    settings: dict[str, Any] = {"hidden_size": 8, "steps": 6, "threads": 1, "verbose": False}
    pairs = [(f"{'abc'[i % 3]}x{i % 7}", "xyz"[i % 3]) for i in range(60)]
    elman.Classifier(**settings).fit([t for t, _ in pairs], [y for _, y in pairs], run=folder / "classifier")
    sentences = [["Ann", "left", "the", f"city{i % 5}"] for i in range(40)]
    elman.Tagger(**settings).fit(sentences, [["P", "V", "D", "N"]] * 40, run=folder / "tagger")
    return {name: folder / name for name in ("classifier", "tagger")}


@pytest.mark.parametrize("name", ["classifier", "tagger"])
def test_the_validation_set_of_a_run(runs: dict[str, Path], name: str) -> None:
    from elman.tasks.loading import load, validation_corpus
    from elman.tasks.spec import task_spec

    data = run_confusion(runs[name])
    predictor = load(runs[name])
    scores = predictor.evaluate(validation_corpus(runs[name], task_spec(predictor.task)).valid())
    assert data["correct"] / data["count"] == pytest.approx(scores["accuracy"], abs=1e-12)
    assert np.sum(data["counts"]) == data["count"]
