"""What the golden models predict for given inputs, as JSON: numbers, texts and labels."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).parent
# The kernels of another processor add in another order, in float32. With int8, a vector that is rounded to int8 then
# differs in a last bit, which is seen more.
TOLERANCES = {"1": 1e-6, "2": 1e-5}
_VERSION = re.compile(r"\d+")


def cases() -> list[tuple[str, str]]:
    """Return the format version and the name of every golden model: 1/NAME, a model folder, beside 1/NAME.json."""
    folders = [folder for folder in sorted(GOLDEN.iterdir()) if _VERSION.fullmatch(folder.name)]
    return [(folder.name, file.stem) for folder in folders for file in sorted(folder.glob("*.json"))]


def predictions(predictor: Any, inputs: Any) -> dict[str, Any]:
    """Return what a model predicts for the inputs of its task."""
    return PREDICTIONS[predictor.task](predictor, inputs)


def _of_language_model(predictor: Any, inputs: list[str]) -> dict[str, Any]:
    texts = [predictor.generate(text, max_tokens=12, temperature=0.0) for text in inputs]
    sampled = [predictor.generate(text, max_tokens=12, temperature=0.7, seed=1) for text in inputs]
    state = predictor.initial_state()
    logits, _ = predictor.read(predictor.codec.encode_prompt(inputs[0]), state)
    metrics = predictor.evaluate([f"{text}\n" for text in inputs])
    return {"greedy": texts, "sampled": sampled, "logits": _numbers(logits), "metrics": metrics}


def _of_classifier(predictor: Any, inputs: list[str]) -> dict[str, Any]:
    return {"labels": predictor.predict(inputs), "probabilities": _numbers(predictor.predict_proba(inputs))}


def _of_tagger(predictor: Any, inputs: list[list[str]]) -> dict[str, Any]:
    probabilities = [_numbers(table) for table in predictor.predict_proba(inputs)]
    return {"tags": predictor.predict(inputs), "probabilities": probabilities}


def _of_seq2seq(predictor: Any, inputs: list[str]) -> dict[str, Any]:
    n_best = [
        [{"text": one.text, "score": one.score, "log_probability": one.log_probability} for one in predictions]
        for predictions in predictor.n_best(inputs, beam=3)
    ]
    return {"greedy": predictor.predict(inputs), "n_best": n_best}


def _of_forecaster(predictor: Any, inputs: dict[str, list[Any]]) -> dict[str, Any]:
    forecasts = predictor.predict(inputs)
    by_name = forecasts if isinstance(forecasts, dict) else {"": forecasts}
    return {name: {"dates": list(one.dates), "quantiles": _numbers(one.quantiles)} for name, one in by_name.items()}


def _numbers(array: Any) -> Any:
    return np.asarray(array, np.float64).tolist()


PREDICTIONS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "lm": _of_language_model,
    "classify": _of_classifier,
    "tag": _of_tagger,
    "seq2seq": _of_seq2seq,
    "forecast": _of_forecaster,
}


def differences(actual: Any, expected: Any, tolerance: float, where: str = "") -> list[str]:
    """Return where two JSON values differ: numbers by more than the tolerance, everything else at all."""
    if isinstance(expected, dict) and isinstance(actual, dict) and actual.keys() == expected.keys():
        return [
            line for key in expected for line in differences(actual[key], expected[key], tolerance, f"{where}.{key}")
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(actual) == len(expected):
        pairs = enumerate(zip(actual, expected, strict=True))
        return [line for n, (one, other) in pairs for line in differences(one, other, tolerance, f"{where}[{n}]")]
    if isinstance(expected, float) and isinstance(actual, float):
        is_close = abs(actual - expected) <= tolerance * max(1.0, abs(expected))
        return [] if is_close else [f"{where}: {actual!r}, expected {expected!r}"]
    return [] if actual == expected else [f"{where}: {actual!r}, expected {expected!r}"]
