"""Signals become a question; a second one, and one outside the block, do what they always did."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from elman.training.signals import StopRequest, stop_requests

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Arrived(Exception):
    """The handler that was there before us has run."""


def _arrived(number: int, frame: object) -> None:
    raise Arrived(number)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.signal(number, _arrived) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_nothing_is_asked_until_a_signal_comes() -> None:
    with stop_requests() as stop:
        assert stop.number is None


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_remembered_and_does_not_interrupt(number: int) -> None:
    with stop_requests() as stop:
        signal.raise_signal(number)
        assert stop.number == number


@pytest.mark.parametrize("first", NUMBERS)
@pytest.mark.parametrize("second", NUMBERS)
def test_a_second_signal_acts_at_once(first: int, second: int) -> None:
    with stop_requests() as stop:
        signal.raise_signal(first)
        with pytest.raises(Arrived):
            signal.raise_signal(second)
        assert stop.number == first


@pytest.mark.parametrize("number", NUMBERS)
def test_after_the_block_signals_do_what_they_did_before(number: int) -> None:
    with stop_requests():
        pass
    with pytest.raises(Arrived):
        signal.raise_signal(number)


def test_after_an_error_in_the_block_too() -> None:
    with pytest.raises(ZeroDivisionError), stop_requests():
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in NUMBERS] == [_arrived, _arrived]


def test_each_block_asks_anew() -> None:
    with stop_requests():
        signal.raise_signal(signal.SIGINT)
    with stop_requests() as stop:
        assert stop.number is None


def test_in_another_thread_nothing_is_caught_and_nothing_breaks() -> None:
    found: list[StopRequest] = []

    def block() -> None:
        with stop_requests() as stop:
            assert [signal.getsignal(number) for number in NUMBERS] == [_arrived, _arrived]
            found.append(stop)

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert [stop.number for stop in found] == [None]
