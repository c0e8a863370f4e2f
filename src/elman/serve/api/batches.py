"""Requests that arrive together are computed together.

Each model has one thread that computes. While it does, requests wait; then all that wait and have the same options are
computed as one batch, up to a limit. So no request waits for others that may never come, and the busier the service is,
the larger the batches are.

A batch is computed in pieces of limited cost. Between two of them the thread looks whether anybody still waits for the
rest: a request whose client has left, or whose time is over, does not keep the others waiting for long.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

PIECE_COST = 50_000


class Item(NamedTuple):
    """An input, and what it costs to compute it: about the number of steps of the model."""

    value: Any
    cost: int


class GivenUpError(Exception):
    """Nobody waits for a batch any more."""


@dataclass(slots=True)
class _Job:
    key: Hashable  # jobs with the same key are computed together
    items: Sequence[Item]
    compute: Callable[[Sequence[Any]], Sequence[Any]]
    result: asyncio.Future[Sequence[Any]]


class Batches:
    """The jobs of one model."""

    def __init__(self, max_inputs: int, observe: Callable[[int], None]) -> None:
        """Compute at most max_inputs together; observe is called with the number of inputs of each batch."""
        self._max_inputs, self._observe = max_inputs, observe
        self._jobs: deque[_Job] = deque()
        self._thread = _ModelThread()
        self._task: asyncio.Task[None] | None = None

    async def results(
        self, key: Hashable, items: Sequence[Item], compute: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> Sequence[Any]:
        """Return the result of each input. `compute` gets inputs of all jobs of a batch, in order.

        If it fails for several jobs together, each is computed alone, so that the error reaches only the one that
        causes it.
        """
        job = _Job(key, items, compute, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            return await job.result
        finally:
            job.result.cancel()  # of a request that was given up: it is not computed

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what a function returns, computed between two batches."""
        return await self._thread.run(lambda: function(*arguments))

    def close(self) -> None:
        """End the thread after what it computes."""
        self._thread.close()

    async def _run(self) -> None:
        while self._jobs:
            jobs = self._next()
            if jobs:
                await self._compute(jobs)

    def _next(self) -> list[_Job]:
        """Remove and return the oldest job and those that can be computed with it."""
        waiting = [job for job in self._jobs if not job.result.done()]
        jobs: list[_Job] = []
        num_inputs = 0
        for job in waiting:
            num_inputs += len(job.items)
            if jobs and (job.key != jobs[0].key or num_inputs > self._max_inputs):
                break
            jobs.append(job)
        self._jobs = deque(waiting[len(jobs) :])
        return jobs

    async def _compute(self, jobs: list[_Job]) -> None:
        items = [item for job in jobs for item in job.items]
        try:
            self._observe(len(items))
            results = await self._thread.run(lambda: _computed(items, jobs))
        except GivenUpError:
            return
        except Exception as error:
            if len(jobs) > 1:
                for job in jobs:
                    await self._compute([job])
            elif not jobs[0].result.done():
                jobs[0].result.set_exception(error)
            return
        begin = 0
        for job in jobs:
            if not job.result.done():
                job.result.set_result(results[begin : begin + len(job.items)])
            begin += len(job.items)


def _computed(items: Sequence[Item], jobs: Sequence[_Job]) -> list[Any]:
    """Return the result of each input, computed in pieces."""
    results: list[Any] = []
    for piece in _pieces(items):
        if all(job.result.done() for job in jobs):
            raise GivenUpError
        results += jobs[0].compute([item.value for item in piece])
    return results


def _pieces(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Yield inputs in order, as many at a time as cost PIECE_COST, or one."""
    piece: list[Item] = []
    cost = 0
    for item in items:
        if piece and cost + item.cost > PIECE_COST:
            yield piece
            piece, cost = [], 0
        piece.append(item)
        cost += item.cost
    if piece:
        yield piece


class _ModelThread:
    """A thread that calls functions in turn. It does not keep the process alive."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="elman-model", daemon=True).start()

    async def run(self, function: Callable[[], T]) -> T:
        """Return what a function returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def call() -> None:
            if result.done():
                return
            try:
                value = function()
            except BaseException as error:
                outcome = (result.set_exception, error)
            else:
                outcome = (result.set_result, value)  # type: ignore[assignment]
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_unless_done, result, *outcome)

        self._calls.put(call)
        return await result

    def close(self) -> None:
        """End after the functions that were given."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _unless_done(result: asyncio.Future[Any], set_outcome: Callable[[Any], None], outcome: Any) -> None:
    if not result.done():
        set_outcome(outcome)
