"""What `elman predict` prints for each text by a classifier: a label, or nothing if it abstains (thresholds.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from elman.data.readers.encodings import Notify
from elman.data.readers.inputs import Input
from elman.tasks.descriptions import on_one_line
from elman.tasks.one_by_one import computed, memory_error
from elman.tasks.spec import Answer

from .config import PredictOptions
from .predictor import Array, ClassifierPredictor, Explanation
from .thresholds import ABSTENTION, MOST_PROBABLE, choose_labels, thresholds_by_label


class ClassifierAnswers:
    """An InputPredictor: each input is a text, and its answer is a label."""

    def __init__(self, predictor: ClassifierPredictor, options: PredictOptions, notify: Notify) -> None:
        self._predictor, self._options, self._notify = predictor, options, notify
        self._thresholds = thresholds_by_label(options.threshold or (), predictor.labels)
        self._num_texts = self._num_abstentions = 0
        self.unknown: dict[str, None] = {}

    def answer(self, chunk: Sequence[Input]) -> Iterator[Answer]:
        """Yield an answer for each text."""
        predictor = self._predictor
        texts = {item.number: item.text.strip() for item in chunk if item.error is None and item.text.strip()}
        for text in texts.values():
            self.unknown |= dict.fromkeys(predictor.unknown(predictor.tokens(text)))
        probabilities = dict(zip(texts, computed(predictor.predict_proba, list(texts.values())), strict=True))
        for item in chunk:
            p = probabilities.get(item.number)
            if p is None:
                too_long = memory_error(texts[item.number]) if item.number in texts else None
                error = too_long or item.error or "empty; expected a text"
                yield Answer(item.number, [""], {"line": item.number, "text": item.text, "error": error}, error)
                continue
            yield self._answer(item.number, texts[item.number], p)

    def finish(self) -> Iterator[Answer]:
        """Report how many texts have no label; every text has been answered."""
        if self._num_abstentions:
            count, texts = self._num_abstentions, self._num_texts
            self._notify(f"{count:,} of {texts:,} texts have no label: none reaches its threshold (--threshold)")
        yield from ()

    def _answer(self, number: int, text: str, p: Array) -> Answer:
        labels = self._predictor.labels
        order = [int(i) for i in (-p).argsort(kind="stable")]
        (chosen,) = choose_labels(p[None], self._thresholds)
        label = None if chosen == ABSTENTION else labels[chosen]
        self._num_texts += 1
        self._num_abstentions += label is None
        probabilities = {labels[i]: float(p[i]) for i in order}
        columns: dict[str, str | float] = {"probability": float(p[order[0] if label is None else chosen])}
        if label is not None:
            columns["prediction"] = label
        if self._options.threshold:
            columns[MOST_PROBABLE] = labels[order[0]]
        if self._options.probabilities:
            columns |= {_column_of(name): probability for name, probability in probabilities.items()}
        as_json: dict[str, Any] = {"line": number, "text": text, "label": label, "probabilities": probabilities}
        lines = [label or ""]
        if self._options.probabilities:
            reached = [i for i in order if p[i] >= self._thresholds[i]]
            lines = ["\t".join(f"{on_one_line(labels[i])}\t{p[i]:.4f}" for i in reached)]
        if self._options.explain:
            explanation = self._predictor.explain(text)
            as_json |= {"tokens": _tokens(explanation), "prior": explanation.prior}
            lines += _explanation_lines(explanation)
        return Answer(number, lines, as_json, columns=columns)


def added_columns(predictor: ClassifierPredictor, options: PredictOptions) -> tuple[str, ...]:
    """Return the names of the columns that are added to a table.

    They are the label and its probability; with --threshold also the most probable label, which a text without a label
    has, too; with --probabilities those of all labels; and none with --explain, which prints several lines.
    """
    most_probable = (MOST_PROBABLE,) if options.threshold else ()
    labels = map(_column_of, predictor.labels) if options.probabilities else ()
    return () if options.explain else ("prediction", "probability", *most_probable, *labels)


def _column_of(label: str) -> str:
    return f"probability_{label}"


def _tokens(explanation: Explanation) -> list[dict[str, Any]]:
    columns = (explanation.tokens, explanation.decisions, explanation.probabilities, explanation.contributions)
    return [
        {"token": token, "decision": decision, "probability": float(probability), "contribution": float(contribution)}
        for token, decision, probability, contribution in zip(*columns, strict=True)
    ]


def _explanation_lines(explanation: Explanation) -> list[str]:
    """Return a line for each token (label after it, probability, contribution of the token), and an empty line."""
    lines = [
        f"\t{on_one_line(token['token']) or ' '}\t{token['decision']}\t{token['probability']:.4f}"
        f"\t{token['contribution']:+.4f}"
        for token in _tokens(explanation)
    ]
    return [*lines, ""]
