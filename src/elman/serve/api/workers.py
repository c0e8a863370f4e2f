"""One process or several that serve, their start and their end.

With one worker, this process serves. With several, it loads the models, starts the workers as copies of itself, so that
they share the memory of the weights, and does nothing but to start another one where one has died. All of them take
connections from one socket. At SIGTERM or Ctrl-C, no new requests are taken, and those in progress are answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from elman import kernels
from elman.errors import ConfigError, ElmanError
from elman.serve.server import TCP, end_at_signals

from .connections import protocol
from .limits import METRICS_FOLDER, Limits
from .served_models import ServedModels

if TYPE_CHECKING:
    from .app import Service
    from .gate import Gate

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
HTTP_PORT = 80  # which clients leave out of Host
BACKLOG = 2_048
DEATHS, DEATHS_SECONDS = 5, 10.0  # workers that may die in this time
SWEEP_SECONDS = 60.0
END_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))
LAST_CONNECTIONS_SECONDS = 0.2  # in which connections that were made before the end get an answer, 503


@dataclass(frozen=True, slots=True)
class Settings:
    """How the models are served."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    workers: int = 1
    threads: int = 1
    logs: bool = True
    limits: Limits = field(default_factory=Limits)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def hosts(self, port: int) -> set[str] | None:
        """Return what the header Host may be; None where a token protects and no names are given."""
        if not self.is_local and not self.allowed_hosts:
            return None
        address = f"[{self.host}]" if ":" in self.host else self.host
        names = {*LOOPBACK_NAMES, *self.allowed_hosts, address}
        return {f"{name}:{port}" for name in names} | set(self.allowed_hosts) | (names if port == HTTP_PORT else set())


def serve(runs: Iterable[str], settings: Settings, announce: Callable[[int, ServedModels], None]) -> int:
    """Serve models until SIGTERM or Ctrl-C, and return the exit code.

    announce is called with the port and the models as soon as connections are taken.
    """
    if not settings.is_local and settings.token is None:
        problem = f"--host: given {settings.host} without a token; expected a token where other machines can connect"
        raise ConfigError(problem, hint="Write a secret into a file, and give it as --token-file FILE")
    kernels.set_num_threads(settings.threads)
    models = ServedModels(list(runs))
    _allow_many_connections()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen(settings.host, settings.port))
        port = listener.getsockname()[1]
        streams = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="elman-streams-")))
        if settings.workers > 1:
            os.environ[METRICS_FOLDER] = stack.enter_context(tempfile.TemporaryDirectory(prefix="elman-metrics-"))
        announce(port, models)
        worker = Worker(models, settings, listener, streams)
        return worker.run() if settings.workers == 1 else Workers(worker, settings).run()


class Worker:
    """A process that serves."""

    def __init__(self, models: ServedModels, settings: Settings, listener: socket.socket, streams: Path) -> None:
        self._models, self._settings, self._listener, self._streams = models, settings, listener, streams
        self._server: _Server | None = None

    @property
    def is_started(self) -> bool:
        """Whether it takes connections."""
        return self._server is not None and self._server.started

    def end(self) -> None:
        """Answer the requests in progress, and end; may be called in another thread."""
        if self._server is not None:
            self._server.should_exit = True

    def run(self, lifeline: int | None = None) -> int:
        """Serve until the end, or until lifeline can be read, since the process that starts workers is gone."""
        from .app import Service
        from .gate import Gate, refusal_bytes
        from .telemetry import Telemetry

        limits, port = self._settings.limits, self._listener.getsockname()[1]
        telemetry = Telemetry(logs=self._settings.logs)
        service = Service(self._models, limits, telemetry, self._streams)
        hosts = self._settings.hosts(port)
        gate = Gate(
            service.app,
            models=[model.name for model in self._models],
            hosts=hosts,
            token=self._settings.token,
            limits=limits,
            telemetry=telemetry,
        )
        config = uvicorn.Config(
            gate,
            http=protocol(limits, gate.is_busy, refusal_bytes("busy"), telemetry.refused),
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_keep_alive=int(limits.idle_seconds),
            timeout_graceful_shutdown=int(limits.drain_seconds),
        )
        self._server = _Server(config, service, gate, lifeline)
        in_main_thread = threading.current_thread() is threading.main_thread()
        try:
            with end_at_signals(self._server) if in_main_thread else contextlib.nullcontext():
                self._server.run(sockets=[self._listener])
        finally:
            service.close()
            telemetry.close()
        return 0


class _Server(uvicorn.Server):
    """uvicorn's server, which also looks for new versions, and refuses new requests when it ends."""

    def __init__(self, config: uvicorn.Config, service: Service, gate: Gate, lifeline: int | None) -> None:
        super().__init__(config)
        self._service, self._gate, self._lifeline = service, gate, lifeline
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections, with the newest versions: a worker that replaces another one has old ones."""
        self._service.load_new_versions()
        if self._lifeline is not None:
            asyncio.get_running_loop().add_reader(self._lifeline, self._lose_lifeline)
        self._tasks = [asyncio.create_task(self._watch_versions()), asyncio.create_task(self._remove_idle_streams())]
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer the requests in progress, and end."""
        self._service.is_ready = False
        self._gate.is_ending = True
        for task in self._tasks:
            task.cancel()
        await asyncio.sleep(LAST_CONNECTIONS_SECONDS)
        await super().shutdown(sockets)

    def _lose_lifeline(self) -> None:
        assert self._lifeline is not None
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.should_exit = True

    async def _watch_versions(self) -> None:
        while True:
            await self._try("version", self._service.load_new_versions)
            await asyncio.sleep(self._service.limits.versions_seconds)

    async def _remove_idle_streams(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for streams in self._service.streams.values():
                await self._try("streams", streams.store.remove_idle)

    async def _try(self, event: str, function: Callable[[], None]) -> None:
        """Call a function that is called again later; what goes wrong is logged."""
        try:
            await asyncio.to_thread(function)
        except Exception as error:
            self._service.telemetry.log(event, error=f"{type(error).__name__}: {error}")


class Workers:
    """The process that starts the workers."""

    def __init__(self, worker: Worker, settings: Settings) -> None:
        self._worker, self._settings = worker, settings
        self._running: set[int] = set()
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._is_ending = False

    def run(self) -> int:
        """Start the workers, and others in the place of those that die, until the end."""
        lifeline, held = os.pipe()  # the other end is closed when this process is gone, however it ended
        handled = [number for number in END_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores one
        before = {number: signal.signal(number, self._end) for number in handled}
        failed = False
        try:
            while not self._is_ending and not failed:
                while len(self._running) < self._settings.workers:
                    self._running.add(self._start(lifeline, held))
                failed = self._collect()
                time.sleep(0.05)
            self._end_workers()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(lifeline)
            os.close(held)
        if failed:
            problem = f"{DEATHS} workers died within {DEATHS_SECONDS:.0f} seconds"
            raise ElmanError(problem, hint="The log has what they reported")
        return 0

    def _start(self, lifeline: int, held: int) -> int:
        """Start a worker, and return its process number."""
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process:
            return process
        code = 1
        try:
            for number in END_SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    signal.signal(number, signal.SIG_DFL)
            os.close(held)
            code = self._worker.run(lifeline)
        except BaseException as error:  # of the copy: it must not go on in the code of the original
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            os._exit(code)

    def _collect(self) -> bool:
        """Forget the workers that have died, and return whether too many have."""
        from prometheus_client.multiprocess import mark_process_dead

        for process in list(self._running):
            ended, _ = os.waitpid(process, os.WNOHANG)
            if ended:
                self._running.discard(process)
                mark_process_dead(process)  # type: ignore[no-untyped-call]
                self._deaths.append(time.monotonic())
        return len(self._deaths) == DEATHS and self._deaths[-1] - self._deaths[0] < DEATHS_SECONDS

    def _end(self, number: int, frame: object) -> None:
        self._is_ending = True

    def _end_workers(self) -> None:
        """Let the workers answer what is in progress; those that have not ended then are killed."""
        for number, seconds in ((signal.SIGTERM, self._settings.limits.drain_seconds + 5.0), (signal.SIGKILL, 5.0)):
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
            deadline = time.monotonic() + seconds
            while self._running and time.monotonic() < deadline:
                self._collect()
                time.sleep(0.05)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; a port that is taken is a ConfigError."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = addresses[0]
        listener = socket.socket(family, kind, TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        problem = f"{host}, port {port}: {error.strerror or error}; expected an address of this machine and a free port"
        raise ConfigError(problem, hint="Choose another one with --port or --host") from None
    return listener


def _allow_many_connections() -> None:
    """Allow as many open files as the system lets this user have: each connection is one."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
