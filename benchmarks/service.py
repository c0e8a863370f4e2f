"""Load `elman serve` on this machine until it refuses, and with clients that are slow, silent or hostile.

    python benchmarks/service.py RUN inputs.txt --seconds 60

RUN is a classifier, a tagger or an encoder-decoder, and the file has an input a line. The service and the clients are
processes of their own. The parts, of which --parts chooses some:

    load      capacity, answered requests a second in closed loop; then 0.8 and 2 times of it in open loop: latencies
              from the time at which a request was due, statuses, requests without an answer, memory
    slow      1,000 connections that are silent, or send or read slowly, beside normal clients
    bodies    bodies that are too large, compressed, deep or malformed, and the memory that they take
    reload    a new version of the model every second under load
    kill      a worker of two is killed under load
    equal     24,000 requests at once, compared with the answers of the model itself

The exit code is 1 if a request is lost, an answer is wrong or none of the expected statuses comes. Ratios of latencies
are printed; on a busy machine they say little.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from elman.bench.arguments import at_least
from elman.tasks.loading import load

PARTS = ("load", "slow", "bodies", "reload", "kill", "equal")
CONNECTIONS = 8  # of the measurement of the capacity
MOST_CONNECTIONS = 512
EQUAL_REQUESTS = 24_000


class Connection(asyncio.Protocol):
    """A connection that stays open, with one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.Transport
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def request(self, content: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request; return what will be its status and body."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(content)
        return self._answer

    def data_received(self, data: bytes) -> None:
        """Complete the answer."""
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        if not blank or self._answer is None:
            return
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(body) >= length and not self._answer.done():
            self._buffer = body[length:]
            self._answer.set_result((int(head[9:12]), body[:length]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Report that no answer comes."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("closed"))


@dataclass
class Result:
    """What came of requests: statuses (0: no answer), and latencies in seconds of those with 200."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    seconds: float = 0.0

    def percentile(self, p: float) -> float:
        """Return a percentile of the latencies in milliseconds."""
        return float(np.percentile(self.latencies, p)) * 1e3 if self.latencies else float("nan")

    def __str__(self) -> str:
        statuses = ", ".join(f"{count:,} x {status}" for status, count in sorted(self.statuses.items()))
        rate = self.statuses[200] / self.seconds
        return f"{statuses}; {rate:,.0f}/s with 200; p50 {self.percentile(50):.1f} ms, p99 {self.percentile(99):.1f} ms"


class Clients:
    """Connections to one service."""

    def __init__(self, port: int, *, keeps_bodies: bool = False) -> None:
        self._port, self._keeps_bodies = port, keeps_bodies
        self._idle: list[Connection] = []
        self._connections: list[Connection] = []
        self.result = Result()

    async def ask(self, content: bytes, due: float) -> None:
        """Send a request that is due at a time, and record what comes of it."""
        status, body = 0, b""
        for _ in range(2):
            try:
                connection, is_new = await self._connection()
                status, body = await asyncio.wait_for(connection.request(content), 40.0)
            except (OSError, TimeoutError):
                if is_new:
                    break
            else:  # on one that the service was about to close, a client tries again, as RFC 9112, 9.3.1 says
                if connection.is_open:
                    self._idle.append(connection)
                break
        self.result.statuses[status] += 1
        if status == 200:
            self.result.latencies.append(time.perf_counter() - due)
        if self._keeps_bodies:
            self.result.bodies.append(body)

    async def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.transport.abort()
        await asyncio.sleep(0.05)  # in which they are lost

    async def _connection(self) -> tuple[Connection, bool]:
        """Return a connection, and whether it is new."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and not connection.transport.is_closing():
                return connection, False
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        self._connections.append(connection)
        return connection, True


def request_of(port: int, path: str, body: Any) -> bytes:
    """Return the bytes of a request."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def closed_loop(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Result:
    """Each connection sends the next request when it has the answer."""
    clients, end, start = Clients(port), time.perf_counter() + seconds, time.perf_counter()

    async def client(number: int) -> None:
        i = number
        while time.perf_counter() < end:
            await clients.ask(requests[i % len(requests)], time.perf_counter())
            i += connections

    await asyncio.gather(*(client(number) for number in range(connections)))
    clients.result.seconds = time.perf_counter() - start
    await clients.close()
    return clients.result


async def open_loop(
    port: int, requests: Sequence[bytes], rate: float, seconds: float, *, keeps_bodies: bool = False
) -> Result:
    """Send requests at random times at a rate, whether or not others are answered."""
    clients, rng = Clients(port, keeps_bodies=keeps_bodies), random.Random(0)
    start = time.perf_counter()
    due, tasks, number = start, set(), 0
    while due < start + seconds:
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(clients.ask(requests[number % len(requests)], due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        while len(tasks) > MOST_CONNECTIONS:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        due += rng.expovariate(rate)
        number += 1
    await asyncio.gather(*tasks)
    clients.result.seconds = time.perf_counter() - start
    await clients.close()
    return clients.result


@contextlib.contextmanager
def service(run: Path, *flags: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Yield the port and the process of a service of one model, which is named `model`."""
    command = [sys.executable, "-m", "elman", "serve", f"model={run}", "--port", "0", "--json", "--no-log", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(json.loads(process.stdout.readline())["port"])
        try:
            while not _is_ready(port):
                time.sleep(0.05)
            yield port, process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _is_ready(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False


def resident(process: subprocess.Popen[str]) -> float:
    """Return the resident memory of a process in MB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


class Bench:
    """The parts of the benchmark. `problems` has what must not happen."""

    def __init__(
        self, run: Path, inputs: Sequence[str], seconds: float, connections: int, inputs_per_request: int
    ) -> None:
        self.run, self.inputs, self.seconds, self.slow_connections = run, inputs, seconds, connections
        self.inputs_per_request = inputs_per_request
        self.problems: list[str] = []

    def requests(self, port: int) -> list[bytes]:
        """Return requests with some inputs each."""
        n = self.inputs_per_request
        parts = [self.inputs[i : i + n] for i in range(0, len(self.inputs), n)]
        return [request_of(port, "/v1/model/predict", {"inputs": part}) for part in parts]

    def check(self, result: Result, allowed: set[int]) -> None:
        """Note answers that may not come."""
        if wrong := set(result.statuses) - allowed:
            self.problems.append(f"statuses {sorted(wrong)}; expected {sorted(allowed)}")

    def capacity(self, port: int) -> float:
        """Return how many requests a second are answered."""
        requests = self.requests(port)
        asyncio.run(closed_loop(port, requests, CONNECTIONS, min(2.0, self.seconds)))
        result = asyncio.run(closed_loop(port, requests, CONNECTIONS, min(5.0, self.seconds)))
        print(f"capacity, {CONNECTIONS} connections in closed loop: {result}", flush=True)
        self.check(result, {200})
        return result.statuses[200] / result.seconds

    def load(self) -> None:
        """Measure the service below and above its capacity."""
        with service(self.run) as (port, process):
            capacity, requests = self.capacity(port), self.requests(port)
            usual = asyncio.run(open_loop(port, requests, 0.8 * capacity, self.seconds))
            print(f"0.8 x capacity for {self.seconds:.0f} s: {usual}", flush=True)
            before = resident(process)
            overload = asyncio.run(open_loop(port, requests, 2 * capacity, self.seconds))
            print(f"2 x capacity for {self.seconds:.0f} s: {overload}")
            print(f"resident memory: {before:.1f} MB before, {resident(process):.1f} MB after")
            ratio = overload.percentile(99) / usual.percentile(99)
            print(f"p99 of accepted requests, 2 x / 0.8 x: {ratio:.2f}", flush=True)
            self.check(usual, {200, 429})
            self.check(overload, {200, 429, 503})

    def slow(self) -> None:
        """Measure normal clients beside connections that take their time."""
        with service(self.run) as (port, _):
            capacity, requests = self.capacity(port), self.requests(port)
            rate = 0.4 * capacity
            alone = asyncio.run(open_loop(port, requests, rate, 10.0))
            print(f"0.4 x capacity alone: {alone}", flush=True)
            beside, closed = asyncio.run(self._beside_slow(port, requests, rate))
            print(f"beside {self.slow_connections:,} slow connections: {beside}")
            print(f"p99 beside / alone: {beside.percentile(99) / alone.percentile(99):.2f}")
            print(f"slow connections closed after {min(closed):.1f} to {max(closed):.1f} s", flush=True)
            self.check(beside, {200})
            if max(closed) > 10.0:
                self.problems.append(f"a slow connection was closed after {max(closed):.1f} s; expected 10 at most")

    async def _beside_slow(self, port: int, requests: Sequence[bytes], rate: float) -> tuple[Result, list[float]]:
        closed: list[float] = []
        whole = request_of(port, "/v1/model/predict", {"inputs": [self.inputs[0]]})

        async def slow(number: int) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            start = time.perf_counter()
            kind = number % 4
            sent = {0: b"", 1: whole[:30], 2: whole[:-2], 3: b""}[kind]
            writer.write(sent)
            with contextlib.suppress(OSError):
                while not reader.at_eof():
                    try:
                        if not await asyncio.wait_for(reader.read(4096), 1.0):
                            break
                    except TimeoutError:
                        if kind == 3:  # a byte a second
                            writer.write(b"G")
            closed.append(time.perf_counter() - start)
            writer.close()

        tasks = [asyncio.create_task(slow(number)) for number in range(self.slow_connections)]
        await asyncio.sleep(0.5)
        result = await open_loop(port, requests, rate, 10.0)
        await asyncio.wait_for(asyncio.gather(*tasks), 30.0)
        return result, closed

    def bodies(self) -> None:
        """Send bodies that must be refused, and watch the memory."""
        limit = 1_000_000
        bombs: dict[str, tuple[bytes, dict[str, str], int]] = {
            "declared too large": (b"", {"Content-Length": str(10**12)}, 413),
            "too large": (b"x" * (limit + 1), {}, 413),
            "gzip bomb": (gzip.compress(b"0" * 10**7), {"Content-Encoding": "gzip"}, 415),
            "deep JSON": (b'{"inputs":' + b"[" * (limit // 2 - 20) + b"]" * (limit // 2 - 20) + b"}", {}, 400),
            "many keys": (json.dumps({f"{i}": i for i in range(60_000)}).encode(), {}, 422),
            "a long number": (b'{"inputs":[' + b"1" * (limit - 100) + b"]}", {}, 400),
            "not JSON": (b"\xff" * (limit - 100), {}, 400),
        }
        with service(self.run) as (port, process):
            asyncio.run(closed_loop(port, self.requests(port), 4, 1.0))
            before = resident(process)
            for name, (body, headers, expected) in bombs.items():
                statuses = [_status(port, body, headers) for _ in range(20)]
                print(f"{name}: {Counter(statuses)}; resident memory {resident(process):.1f} MB")
                if set(statuses) != {expected}:
                    self.problems.append(f"{name}: statuses {sorted(set(statuses))}; expected {expected}")
            chunked = [_chunked_status(port, limit) for _ in range(20)]
            print(f"too large in chunks: {Counter(chunked)}")
            if set(chunked) != {413}:
                self.problems.append(f"chunks: statuses {sorted(set(chunked))}; expected 413")
            after = resident(process)
            print(f"resident memory: {before:.1f} MB before, {after:.1f} MB after", flush=True)
            if after - before > 20.0:
                self.problems.append(f"memory grew by {after - before:.0f} MB; expected 20 at most")

    def reload(self) -> None:
        """Replace the model under load."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            predictor = load(self.run)
            predictor.save(path)
            with service(path) as (port, _):
                rate = 0.5 * self.capacity(port)

                async def replace() -> int:
                    count = 0
                    while True:
                        await asyncio.sleep(1.0)
                        for name, tensor in predictor.tensors.items():
                            if name.endswith("readout.bias"):
                                predictor.tensors[name] = tensor + np.float32(0.001)
                        await asyncio.to_thread(predictor.save, path)
                        count += 1
                        versions.append(count)

                versions: list[int] = []

                async def both() -> Result:
                    task = asyncio.create_task(replace())
                    result = await open_loop(port, self.requests(port), rate, self.seconds, keeps_bodies=True)
                    task.cancel()
                    return result

                result = asyncio.run(both())
                answers = [json.loads(body) for body in result.bodies if body]
                seen = {answer["fingerprint"] for answer in answers if "fingerprint" in answer}
                print(f"{len(versions)} new versions under load: {result}; {len(seen)} versions answered", flush=True)
                self.check(result, {200, 429})
                if len(seen) < len(versions) // 2:
                    self.problems.append(f"{len(seen)} versions answered, of {len(versions)}")

    def kill(self) -> None:
        """Kill a worker of two under load."""
        with service(self.run, "--workers", "2") as (port, process):
            rate = 0.5 * self.capacity(port)

            async def both() -> Result:
                async def kill() -> None:
                    await asyncio.sleep(self.seconds / 3)
                    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                    os.kill(int(children[0]), signal.SIGKILL)

                task = asyncio.create_task(kill())
                result = await open_loop(port, self.requests(port), rate, self.seconds)
                await task
                return result

            result = asyncio.run(both())
            print(f"a worker of two killed under load: {result}", flush=True)
            if result.statuses[0] > MOST_CONNECTIONS or result.statuses[200] < 0.9 * result.statuses.total():
                self.problems.append("too many requests were lost with a worker")

    def equal(self) -> None:
        """Compare the answers to many requests at once with those of the model."""
        chosen = [self.inputs[i % len(self.inputs)] for i in range(EQUAL_REQUESTS)]
        with service(self.run) as (port, _):
            rate = 0.6 * self.capacity(port)
            bodies = asyncio.run(self._all(port, chosen, rate))
        expected = {text: _answer(load(self.run), text) for text in dict.fromkeys(chosen)}
        wrong = [text for text, body in zip(chosen, bodies, strict=True) if _said(json.loads(body)) != expected[text]]
        print(f"{len(chosen):,} requests, {len(wrong):,} answers differ from the model's", flush=True)
        if wrong:
            self.problems.append(f"{len(wrong)} answers differ")

    async def _all(self, port: int, texts: Sequence[str], rate: float) -> list[bytes]:
        """Return the body of each answer; a request that is refused is sent again."""
        clients = Clients(port)
        semaphore = asyncio.Semaphore(16)

        async def one(text: str) -> bytes:
            content = request_of(port, "/v1/model/predict", {"inputs": [text]})
            async with semaphore:
                while True:
                    connection, _ = await clients._connection()
                    status, body = await connection.request(content)
                    clients._idle.append(connection)
                    if status == 200:
                        return body
                    await asyncio.sleep(0.05)

        bodies = list(await asyncio.gather(*map(one, texts)))
        await clients.close()
        return bodies


def _said(answer: dict[str, Any]) -> Any:
    """Return what is compared: the label, the tags or the targets."""
    (one,) = answer["predictions"]
    return one.get("label", one.get("tags", [item["text"] for item in one.get("predictions", [])]))


def _answer(predictor: Any, text: str) -> Any:
    (prediction,) = predictor.predict([text])
    return [prediction] if predictor.task == "seq2seq" else prediction


def _status(port: int, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        sent = {"Content-Type": "application/json", **headers}
        connection.request("POST", "/v1/model/predict", body, sent)
        return connection.getresponse().status
    except BrokenPipeError:  # it answered before the body was sent
        return connection.getresponse().status
    finally:
        connection.close()


def _chunked_status(port: int, limit: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        parts = (b"x" * 65_536 for _ in range(limit // 65_536 + 2))
        connection.request("POST", "/v1/model/predict", parts, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        return connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        return 413
    finally:
        connection.close()


def main() -> int:
    """Print what each part shows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("inputs", type=Path, help="a file with an input a line; text after a tab is ignored")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--slow-connections", type=at_least(1), default=1_000)
    parser.add_argument("--inputs-per-request", type=at_least(1), default=1)
    arguments = parser.parse_args()
    lines = arguments.inputs.read_text("utf-8").splitlines()
    inputs = [text for line in lines if (text := line.split("\t")[0].strip())]
    bench = Bench(arguments.run, inputs, arguments.seconds, arguments.slow_connections, arguments.inputs_per_request)
    for part in arguments.parts:
        print(f"\n{part} (load average {os.getloadavg()[0]:.1f})", flush=True)
        run: Callable[[], None] = getattr(bench, part)
        run()
    for problem in bench.problems:
        print(f"problem: {problem}")
    return 1 if bench.problems else 0


if __name__ == "__main__":
    sys.exit(main())
