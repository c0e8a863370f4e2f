"""A signal becomes a request to stop; a second one, and one outside the block, have their usual effect."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from elman.training.signals import StopRequest, stop_requests

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class HandlerCalled(Exception):
    """The original handler has run."""


def _original_handler(number: int, frame: object) -> None:
    raise HandlerCalled(number)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    handlers = {number: signal.signal(number, _original_handler) for number in NUMBERS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_without_a_signal_there_is_no_request() -> None:
    with stop_requests() as stop:
        assert stop.number is None


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_recorded_and_does_not_interrupt(number: int) -> None:
    with stop_requests() as stop:
        signal.raise_signal(number)
        assert stop.number == number


@pytest.mark.parametrize("first", NUMBERS)
@pytest.mark.parametrize("second", NUMBERS)
def test_a_second_signal_calls_the_original_handler(first: int, second: int) -> None:
    with stop_requests() as stop:
        signal.raise_signal(first)
        with pytest.raises(HandlerCalled):
            signal.raise_signal(second)
        assert stop.number == first


@pytest.mark.parametrize("number", NUMBERS)
def test_after_the_block_the_handlers_are_restored(number: int) -> None:
    with stop_requests():
        pass
    with pytest.raises(HandlerCalled):
        signal.raise_signal(number)


def test_after_an_error_in_the_block_the_handlers_are_restored() -> None:
    with pytest.raises(ZeroDivisionError), stop_requests():
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in NUMBERS] == [_original_handler, _original_handler]


def test_a_request_ends_with_its_block() -> None:
    with stop_requests():
        signal.raise_signal(signal.SIGINT)
    with stop_requests() as stop:
        assert stop.number is None


def test_in_another_thread_signals_are_not_caught() -> None:
    requests: list[StopRequest] = []

    def block() -> None:
        with stop_requests() as stop:
            assert [signal.getsignal(number) for number in NUMBERS] == [_original_handler, _original_handler]
            requests.append(stop)

    thread = threading.Thread(target=block)
    thread.start()
    thread.join(timeout=60)
    assert [stop.number for stop in requests] == [None]
