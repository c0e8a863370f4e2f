"""The limits of the service: what one client can take from the others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults for a small machine. Seconds, bytes, and numbers."""

    body_bytes: int = 1_000_000  # of a request
    bodies_bytes: int = 100_000_000  # of all requests that are being received
    inputs: int = 1_000  # of a request
    waiting: int = 256  # requests that wait for a model, if they are few for most of the time
    waiting_busy: int = 8  # ... if there have never been fewer for BUSY_SECONDS
    texts: int = 64  # that are generated at a time
    batch_inputs: int = 256  # that are computed together
    tokens: int = 5_000  # that one request generates
    hypotheses: int = 64  # of a beam search
    receive_seconds: float = 8.0  # from the first byte of a request to its last, and from a connection to its first
    send_seconds: float = 8.0  # that a client may leave an answer unread
    idle_seconds: float = 5.0  # of a connection between two requests
    request_seconds: float = 30.0  # from a request that is complete to the end of its answer
    drain_seconds: float = 30.0  # for the requests in progress when the service ends
    streams: int = 10_000  # that are open
    stream_seconds: float = 3_600.0  # without inputs, after which a stream is closed
    versions_seconds: float = 1.0  # between two looks for a new version of a model


BUSY_SECONDS = 0.1
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the environment variable that prometheus_client reads when imported
