"""The speed of a model that reads many streams, one input of each at a time: latency and throughput by elman.Streams.

A round pushes one input to every stream and advances them, as one batch. Its time is the latency of all of them; the
throughput is the number of streams divided by the median time. A model that does not read step by step has none.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.errors import ConfigError
from elman.models.streaming import StreamingPredictor
from elman.models.streams import Streams

from .timing import time_single

NUM_STREAMS = (1, 100, 1_000)
DIFFERENT_INPUTS = 64
PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class StreamsSpeed:
    """The result for one number of streams. Latencies are those of a round, in milliseconds."""

    streams: int
    latency: dict[int, float]  # by percentile
    rounds: int
    per_second: float  # inputs of all streams together
    bytes_per_stream: int

    def as_json(self) -> dict[str, Any]:
        """Return the keys of `--json`."""
        return {
            "streams": self.streams,
            "latency_ms": {f"p{percentile}": round(value, 4) for percentile, value in self.latency.items()},
            "rounds": self.rounds,
            "per_second": round(self.per_second, 1),
            "bytes_per_stream": self.bytes_per_stream,
        }


def measure_streams(predictor: Any, seconds: float, num_streams: Sequence[int] = NUM_STREAMS) -> list[StreamsSpeed]:
    """Return the speed for each number of streams, in about `seconds` together; [] for a model without states."""
    if not isinstance(predictor, StreamingPredictor):
        return []
    try:
        inputs, start = random_inputs(predictor), stream_start(predictor)
        predictor.initial_state(1, **start)
    except ConfigError:  # bidirectional
        return []
    return [_measure(predictor, inputs, start, count, seconds / len(num_streams)) for count in num_streams]


def random_inputs(predictor: Any) -> list[Any]:
    """Return inputs that a model can read, each as a chunk of one: tokens of its vocabulary, or usual rows."""
    rng = np.random.default_rng(0)
    if predictor.task == "lm":
        return [[token] for token in rng.integers(len(predictor.vocabulary), size=DIFFERENT_INPUTS).tolist()]
    if predictor.task == "forecast":
        scales, K = predictor.scales, len(predictor.scales.targets)
        rows = np.array(scales.mean) + 0.1 * np.array(scales.scale) * rng.normal(
            size=(DIFFERENT_INPUTS, len(scales.mean))
        )
        for unit in list(scales.units.values())[:1]:
            rows[:, :K] = rows[:, :K] * np.array(unit.scale) + np.array(unit.mean)
        if predictor.config.logarithm:
            rows[:, :K] = np.exp(rows[:, :K])
        return list(rows[:, None])
    words = predictor.vocabulary if predictor.task == "classify" else predictor.words
    return [[word] for word in rng.choice(words.tokens, size=DIFFERENT_INPUTS).tolist()]


def stream_start(predictor: Any) -> dict[str, Any]:
    """Return what `initial_state` needs of one stream: the name of a series, for a forecaster of several."""
    return (
        {"series": list(predictor.scales.units)[:1]} if predictor.task == "forecast" and predictor.scales.series else {}
    )


def _measure(
    predictor: StreamingPredictor, inputs: Sequence[Any], start: dict[str, Any], count: int, seconds: float
) -> StreamsSpeed:
    streams = Streams(predictor)
    numbers = [streams.open(**start) for _ in range(count)]
    next_input = itertools.cycle(inputs)

    def one_round(_: int) -> None:
        for number in numbers:
            streams.push(number, next(next_input))
        streams.advance()

    durations = time_single(one_round, seconds)
    percentiles = np.percentile(durations, PERCENTILES)
    return StreamsSpeed(
        streams=count,
        latency={p: 1e3 * float(value) for p, value in zip(PERCENTILES, percentiles, strict=True)},
        rounds=len(durations),
        per_second=count / float(np.median(durations)),
        bytes_per_stream=streams.bytes_per_stream,
    )
