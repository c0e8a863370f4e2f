"""Requests that arrive together are computed together.

Each model has one thread that computes. While it does, requests wait; then all that wait and have the same options are
computed as one batch, up to a limit. So no request waits for others that may never come, and the busier the service is,
the larger the batches are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Job:
    key: Hashable  # jobs with the same key are computed together
    inputs: Sequence[Any]
    compute: Callable[[Sequence[Any]], Sequence[Any]]
    result: asyncio.Future[Sequence[Any]]


class Batches:
    """The jobs of one model."""

    def __init__(self, max_inputs: int, observe: Callable[[int], None]) -> None:
        """Compute at most max_inputs together; observe is called with the number of inputs of each batch."""
        self._max_inputs, self._observe = max_inputs, observe
        self._jobs: deque[_Job] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="elman-model")
        self._task: asyncio.Task[None] | None = None

    async def results(
        self, key: Hashable, inputs: Sequence[Any], compute: Callable[[Sequence[Any]], Sequence[Any]]
    ) -> Sequence[Any]:
        """Return the result of each input. `compute` gets the inputs of all jobs of a batch, in order.

        If it fails for several jobs together, each is computed alone, so that the error reaches only the one that
        causes it.
        """
        job = _Job(key, inputs, compute, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            return await job.result
        finally:
            job.result.cancel()  # of a request that was given up: it is not computed

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what a function returns, computed between two batches."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def close(self) -> None:
        """End the thread after what it computes."""
        self._thread.shutdown(wait=False, cancel_futures=True)

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
            num_inputs += len(job.inputs)
            if jobs and (job.key != jobs[0].key or num_inputs > self._max_inputs):
                break
            jobs.append(job)
        self._jobs = deque(waiting[len(jobs) :])
        return jobs

    async def _compute(self, jobs: list[_Job]) -> None:
        inputs = [item for job in jobs for item in job.inputs]
        self._observe(len(inputs))
        try:
            results = await self.in_thread(jobs[0].compute, inputs)
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
                job.result.set_result(results[begin : begin + len(job.inputs)])
            begin += len(job.inputs)
