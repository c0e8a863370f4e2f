"""Jobs that wait are computed together, if they are alike, and an error reaches the job that causes it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from elman.serve.api import batches as batches_module
from elman.serve.api.batches import Batches, Item


class Recorder:
    """Batches whose computation waits until it is released, and what was computed."""

    def __init__(self, max_inputs: int = 100) -> None:
        self.sizes: list[int] = []
        self.computed: list[list[Any]] = []
        self.release = threading.Event()
        self.batches = Batches(max_inputs, self.sizes.append)

    def compute(self, inputs: Sequence[Any]) -> list[Any]:
        assert self.release.wait(5.0)
        self.computed.append(list(inputs))
        if "bad" in inputs:
            raise ValueError("bad")
        return [f"<{item}>" for item in inputs]

    def job(self, *inputs: Any, key: str = "") -> asyncio.Task[Any]:
        items = [Item(item, 1) for item in inputs]
        return asyncio.create_task(self.batches.results(key, items, self.compute))


def run(test: Callable[[Recorder], Coroutine[Any, Any, None]], max_inputs: int = 100) -> Recorder:
    recorder = Recorder(max_inputs)
    asyncio.run(asyncio.wait_for(test(recorder), 10.0))
    recorder.batches.close()
    return recorder


def test_jobs_that_arrive_while_others_are_computed_are_one_batch() -> None:
    async def test(recorder: Recorder) -> None:
        first = recorder.job("a")
        await asyncio.sleep(0.05)
        others = [recorder.job("b", "c"), recorder.job(), recorder.job("d")]
        await asyncio.sleep(0.05)
        recorder.release.set()
        assert await first == ["<a>"]
        assert await asyncio.gather(*others) == [["<b>", "<c>"], [], ["<d>"]]

    assert run(test).computed == [["a"], ["b", "c", "d"]]


def test_jobs_with_other_options_are_computed_apart_and_in_order() -> None:
    async def test(recorder: Recorder) -> None:
        jobs = [recorder.job("a")]
        await asyncio.sleep(0.05)
        jobs += [recorder.job("b", key="x"), recorder.job("c", key="x"), recorder.job("d"), recorder.job("e", key="x")]
        recorder.release.set()
        await asyncio.gather(*jobs)

    assert run(test).computed == [["a"], ["b", "c"], ["d"], ["e"]]


def test_a_batch_has_a_largest_size_which_a_single_job_may_exceed() -> None:
    async def test(recorder: Recorder) -> None:
        jobs = [recorder.job(0)]
        await asyncio.sleep(0.05)
        jobs += [recorder.job(1, 2), recorder.job(3), recorder.job(4, 5, 6, 7, 8), recorder.job(9)]
        recorder.release.set()
        await asyncio.gather(*jobs)

    recorder = run(test, max_inputs=3)
    assert recorder.computed == [[0], [1, 2, 3], [4, 5, 6, 7, 8], [9]]
    assert recorder.sizes == [1, 3, 5, 1]


def test_an_error_reaches_only_the_job_that_causes_it() -> None:
    async def test(recorder: Recorder) -> None:
        jobs = [recorder.job("a")]
        await asyncio.sleep(0.05)
        jobs += [recorder.job("b"), recorder.job("bad"), recorder.job("c")]
        recorder.release.set()
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert results[:2] + results[3:] == [["<a>"], ["<b>"], ["<c>"]]
        assert isinstance(results[2], ValueError)
        assert await recorder.job("d") == ["<d>"]

    run(test)


def test_a_job_that_was_given_up_is_not_computed() -> None:
    async def test(recorder: Recorder) -> None:
        first, second, third = recorder.job("a"), recorder.job("b"), recorder.job("c")
        await asyncio.sleep(0.05)
        fourth, fifth = recorder.job("d"), recorder.job("e")
        await asyncio.sleep(0.05)
        fourth.cancel()
        recorder.release.set()
        assert list(await asyncio.gather(first, second, third, fifth)) == [["<a>"], ["<b>"], ["<c>"], ["<e>"]]
        with pytest.raises(asyncio.CancelledError):
            await fourth

    assert "d" not in [item for batch in run(test).computed for item in batch]


def test_a_batch_is_computed_in_pieces_of_limited_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "PIECE_COST", 3)

    async def test(recorder: Recorder) -> None:
        recorder.release.set()
        items = [Item(n, cost) for n, cost in enumerate([1, 2, 1, 9, 1, 1, 1, 1])]
        results = await recorder.batches.results("", items, recorder.compute)
        assert list(results) == [f"<{n}>" for n in range(8)]

    recorder = run(test)
    assert recorder.computed == [[0, 1], [2], [3], [4, 5, 6], [7]]
    assert recorder.sizes == [8]


def test_the_rest_of_a_batch_that_nobody_waits_for_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "PIECE_COST", 1)

    async def test(recorder: Recorder) -> None:
        long = recorder.job(*range(100))
        await asyncio.sleep(0.05)  # the first piece waits for its release
        long.cancel()
        recorder.release.set()
        assert await recorder.job("next") == ["<next>"]

    assert run(test).computed == [[0], ["next"]]


def failing(count: int) -> None:
    raise ZeroDivisionError


def test_what_observes_batches_may_fail() -> None:
    async def test(recorder: Recorder) -> None:
        recorder.release.set()
        recorder.batches._observe = failing
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(recorder.job("a"), 2.0)

    run(test)
