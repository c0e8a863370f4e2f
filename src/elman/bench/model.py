"""The speed and the memory of a trained model: single predictions, many at once, and the memory of the process.

    latency       the time of one prediction alone: median, 90th and 99th percentile
    throughput    predictions a second, of many inputs at once
    streams       the same for many streams, each of which gets one input at a time (streams.py)
    memory        the largest resident memory of this process, which has loaded the model, its inputs and no torch

The inputs are those of the validation set of a run; for a model folder, sequences of random tokens of its vocabulary.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elman import kernels
from elman.checkpoint import current_run, is_run_folder
from elman.errors import ConfigError
from elman.tasks.loading import load, validation_corpus
from elman.tasks.spec import task_spec

from .streams import StreamsSpeed, measure_streams
from .timing import time_many, time_single

MAX_INPUTS = 1_000  # of a validation set
RANDOM_INPUTS, RANDOM_TOKENS = 200, 20
GENERATED_TOKENS = 500
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Requests:
    """What is timed: single predictions in turn, and a call that predicts many and returns their number."""

    unit: str  # of a prediction, in the plural
    single: Callable[[int], object]  # the prediction of a number
    many: Callable[[], int]
    inputs: str  # described


@dataclass(frozen=True, slots=True)
class ModelSpeed:
    """The result. Latencies are in milliseconds."""

    model: str
    task: str
    threads: int
    unit: str
    inputs: str
    latency: dict[int, float]  # by percentile
    calls: int
    per_second: float
    at_once: int
    streams: list[StreamsSpeed]  # [] for a model that does not read step by step
    model_bytes: int
    peak_bytes: int | None  # None where the system does not say

    def as_json(self) -> dict[str, Any]:
        """Return the keys of `--json`."""
        return {
            "bench": "model",
            "model": self.model,
            "task": self.task,
            "threads": self.threads,
            "unit": self.unit,
            "inputs": self.inputs,
            "latency_ms": {f"p{percentile}": round(value, 4) for percentile, value in self.latency.items()},
            "calls": self.calls,
            "per_second": round(self.per_second, 1),
            "at_once": self.at_once,
            "streams": [speed.as_json() for speed in self.streams],
            "model_bytes": self.model_bytes,
            "peak_memory_bytes": self.peak_bytes,
        }


def measure(run: Path, threads: int, seconds: float) -> ModelSpeed:
    """Return the speed of the model of a run folder or a model folder, with this number of threads."""
    run = current_run(run)  # one version, whatever becomes current
    predictor = load(run)
    if predictor.task not in _REQUESTS:
        raise ConfigError(f"no inputs are known for a {predictor.task} model; expected {', '.join(_REQUESTS)}")
    corpus = validation_corpus(run, task_spec(predictor.task)) if is_run_folder(run) else None
    before = kernels.get_num_threads()
    kernels.set_num_threads(threads)
    try:
        requests = _REQUESTS[predictor.task](predictor, corpus)
        durations = time_single(requests.single, seconds)
        at_once, per_second = time_many(requests.many, seconds)
        streams = measure_streams(predictor, seconds)
    finally:
        kernels.set_num_threads(before)
    folder = run / "model" if is_run_folder(run) else run
    percentiles = np.percentile(durations, PERCENTILES)
    return ModelSpeed(
        model=str(folder),
        task=predictor.task,
        threads=threads,
        unit=requests.unit,
        inputs=requests.inputs,
        latency={p: 1e3 * float(value) for p, value in zip(PERCENTILES, percentiles, strict=True)},
        calls=len(durations),
        per_second=per_second,
        at_once=at_once,
        streams=streams,
        model_bytes=sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
        peak_bytes=_peak_memory(),
    )


def _of_inputs(predict: Callable[[Sequence[Any]], Sequence[Any]], items: Sequence[Any], unit: str, of: str) -> Requests:
    return Requests(
        unit=unit,
        single=lambda number: predict([items[number % len(items)]]),
        many=lambda: len(predict(items)),
        inputs=of,
    )


def _language_model(predictor: Any, corpus: Any) -> Requests:
    texts = (predictor.stream(max_tokens=GENERATED_TOKENS, seed=number) for number in itertools.count())
    pieces = itertools.chain.from_iterable(texts)
    return Requests(
        unit="tokens",
        single=lambda number: next(pieces),
        many=lambda: sum(1 for _ in predictor.stream(max_tokens=GENERATED_TOKENS, seed=0)),
        inputs="generated one by one",
    )


def _classifier(predictor: Any, corpus: Any) -> Requests:
    join = " ".join if predictor.text.level == "word" else "".join
    texts = [example.text for example in corpus.valid()[:MAX_INPUTS]] if corpus else _random(predictor.vocabulary, join)
    return _of_inputs(predictor.predict, texts, "texts", _described(texts, corpus))


def _tagger(predictor: Any, corpus: Any) -> Requests:
    sentences = [list(example.tokens) for example in corpus.valid()[:MAX_INPUTS]] if corpus else None
    sentences = sentences or _random(predictor.words, list)
    return _of_inputs(predictor.predict, sentences, "sentences", _described(sentences, corpus))


def _seq2seq(predictor: Any, corpus: Any) -> Requests:
    join = "".join if predictor.text.source.level == "char" else " ".join
    sources = [pair.source for pair in corpus.valid()[:MAX_INPUTS]] if corpus else None
    sources = sources or _random(predictor.source_vocabulary, join)
    return _of_inputs(predictor.predict, sources, "sources", _described(sources, corpus))


def _forecaster(predictor: Any, corpus: Any) -> Requests:
    if corpus is None:
        hint = "Name the run folder, which has its series"
        raise ConfigError("the folder is a model folder of a forecaster; expected a run folder", hint=hint)
    scored = corpus.scored
    return Requests(
        unit="forecasts",
        single=lambda number: predictor.predict(scored[number % len(scored)][0]),
        many=lambda: sum(len(predictor.backtest(series, begin)) for series, begin in scored),
        inputs=f"{sum(len(series) for series, _ in scored):,} rows of history",
    )


_REQUESTS: dict[str, Callable[[Any, Any], Requests]] = {
    "lm": _language_model,
    "classify": _classifier,
    "tag": _tagger,
    "seq2seq": _seq2seq,
    "forecast": _forecaster,
}


def _random(vocabulary: Any, join: Callable[[Any], Any]) -> list[Any]:
    """Return inputs of random tokens; names such as `<unk>` are left out."""
    tokens = [token for token in vocabulary.tokens if not (token.startswith("<") and token.endswith(">"))] or ["a"]
    rng = np.random.default_rng(0)
    return [join([tokens[i] for i in rng.integers(len(tokens), size=RANDOM_TOKENS)]) for _ in range(RANDOM_INPUTS)]


def _described(items: Sequence[Any], corpus: Any) -> str:
    if corpus is None:
        return f"{len(items):,} sequences of {RANDOM_TOKENS} random tokens"
    return f"{len(items):,} of the validation set"


def _peak_memory() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
