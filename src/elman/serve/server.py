"""The socket, and the start and the end of the studio's process."""

from __future__ import annotations

import contextlib
import errno
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import uvicorn

from elman.errors import ConfigError

from .studio import create_app, open_folders

HOST = "127.0.0.1"
FIRST_PORT = 8870
PORTS = 20  # that are tried where none is asked for
TCP = socket.IPPROTO_TCP  # asyncio sends without delay only if a socket says that this is its protocol
END_SECONDS = 3  # for answers that are being computed when the studio ends


class Address(NamedTuple):
    """Where the studio listens, with its token: the address to open in a browser."""

    url: str
    port: int


def serve_studio(
    folders: Sequence[Path],
    port: int | None,
    announce: Callable[[Address], None],
    notify: Callable[[str], None],
) -> None:
    """Serve the studio until Ctrl-C or SIGTERM, then stop the trainings that it has started.

    announce is called with the address as soon as it can be opened. port: None takes the first free one from 8870.
    """
    studio = open_folders(folders)
    with listen(port) as listener:
        bound = listener.getsockname()[1]
        token = secrets.token_urlsafe(24)
        app = create_app(studio, token=token, port=bound)
        config = uvicorn.Config(
            app,
            timeout_graceful_shutdown=END_SECONDS,
            lifespan="off",
            log_level="critical",  # errors are answers, and streams are cancelled at the end
            access_log=False,
            server_header=False,
        )
        server = uvicorn.Server(config)
        studio.is_ending = lambda: server.should_exit
        announce(Address(f"http://{HOST}:{bound}/?token={token}", bound))
        try:
            with end_at_signals(server):
                server.run(sockets=[listener])
        finally:
            studio.trainings.stop_all(notify)


def listen(port: int | None) -> socket.socket:
    """Return a socket that listens on this machine only; a port that is taken is a ConfigError."""
    for candidate in [port] if port is not None else range(FIRST_PORT, FIRST_PORT + PORTS):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, candidate))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno == errno.EACCES:
                problem = f"--port: this user may not listen on {candidate}; expected a port above 1023"
                raise ConfigError(problem, hint="Leave it out, and a free port is chosen") from None
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        return listener
    if port is not None:
        problem = f"--port: {port} is taken, perhaps by another studio; expected a free port"
        raise ConfigError(problem, hint="Leave it out, and a free port is chosen")
    problem = f"the ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are all taken"
    raise ConfigError(problem, hint="Give a free port with --port")


@contextlib.contextmanager
def end_at_signals(server: uvicorn.Server) -> Iterator[None]:
    """End the server at SIGINT and SIGTERM, and when its terminal is closed, unless SIGHUP is ignored, as by nohup.

    uvicorn has handlers of its own while it runs. These are for a signal that comes before, and for the one that
    uvicorn raises again at its end, which must not end the process.
    """

    def end(number: int, frame: object) -> None:
        server.should_exit = True

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    handled = [number for number in numbers if number == signal.SIGTERM or before[number] != signal.SIG_IGN]
    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])
