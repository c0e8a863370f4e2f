"""Lines to labels, by a classifier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from elman.cli.predict.lines import Answer, Line, Lines, on_one_line

if TYPE_CHECKING:
    from elman.runtime import ClassifierPredictor, Explanation


class ClassifierJob:
    """What is decided, and how it is told."""

    def __init__(self, predictor: ClassifierPredictor, lines: Lines, options: dict[str, Any]) -> None:
        self._predictor, self._lines = predictor, lines
        self._probabilities, self._explain = bool(options["probabilities"]), bool(options["explain"])

    def answers(self, chunk: list[Line]) -> Iterator[Answer]:
        """Yield an answer to each line."""
        texts: dict[int, str] = {}
        wrongs: dict[int, str] = {}
        for number, line, wrong in chunk:
            text = line.strip()
            if wrong is None and text:
                texts[number] = text
                self._lines.note_unknown(self._predictor.unknown(self._predictor.tokens(text)))
                continue
            wrongs[number] = wrong or "empty, expected a text"
            self._lines.refuse(number, wrongs[number])
        found = dict(zip(texts, self._predictor.predict_proba(texts.values()), strict=True))
        for number, line, _ in chunk:
            if number in wrongs:
                yield Answer([""], {"line": number, "text": line, "error": wrongs[number]})
                continue
            shares = {
                self._predictor.labels[i]: float(found[number][i]) for i in (-found[number]).argsort(kind="stable")
            }
            label = next(iter(shares))
            told: dict[str, Any] = {"line": number, "text": texts[number], "label": label, "probabilities": shares}
            shown = [label]
            if self._probabilities:
                shown = ["\t".join(f"{on_one_line(each)}\t{share:.4f}" for each, share in shares.items())]
            if self._explain:
                explanation = self._predictor.explain(texts[number])
                told["tokens"] = _as_json(explanation)
                told["prior"] = explanation.prior
                shown = [*shown, *_as_lines(explanation)]
            yield Answer(shown, told)

    def finish(self) -> Iterator[Answer]:
        """Nothing is left to do."""
        yield from ()


def _as_json(explanation: Explanation) -> list[dict[str, Any]]:
    columns = zip(explanation.tokens, explanation.decisions, explanation.probabilities, explanation.shares, strict=True)
    return [
        {"token": token, "decision": decision, "probability": float(probability), "share": float(share)}
        for token, decision, probability, share in columns
    ]


def _as_lines(explanation: Explanation) -> list[str]:
    """TOKEN, the decision after it, its probability, the token's share in the last decision; and an empty line."""
    return [
        f"\t{on_one_line(each['token']) or ' '}\t{each['decision']}\t{each['probability']:.4f}\t{each['share']:+.4f}"
        for each in _as_json(explanation)
    ] + [""]
