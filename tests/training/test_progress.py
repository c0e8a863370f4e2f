"""What a person sees: plain lines where nothing can move, a moving one on a terminal, no sample that is obeyed."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from elman.training import progress
from elman.training.progress import PLAIN_SECONDS, ConsoleDisplay, Silence


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def plain(*, samples: bool = True, terminal: bool = False) -> tuple[ConsoleDisplay, Callable[[], str]]:
    stream = io.StringIO()
    console = Console(file=stream, width=40, force_terminal=terminal, color_system=None, _environ={})
    return ConsoleDisplay(console, samples=samples), stream.getvalue


def test_a_plain_line_comes_every_ten_seconds_and_says_how_long_it_will_take(clock: Clock) -> None:
    display, shown = plain()
    display.begin(0.0)
    for step in range(1, 251):
        clock.now += 0.125
        display.step(step, step / 1000, 2.0, step * 64, step * 0.125)
    lines = shown().splitlines()
    assert len(lines) == 3
    assert lines[0] == "  8%  step 80  loss 2.000  512 tokens/s  1:55 left"
    assert lines[1].startswith(" 16%  step 160  ")


def test_the_rate_is_told_in_what_the_task_counts(clock: Clock) -> None:
    display, shown = plain()
    display.begin(0.0, "texts")
    clock.now += PLAIN_SECONDS
    display.step(1, 0.1, 2.0, 100, 10.0)
    assert "  10 texts/s  " in shown()


def test_the_loss_shown_is_an_average_that_follows(clock: Clock) -> None:
    display, shown = plain()
    for step in range(1, 200):
        display.step(step, 0.1, 4.0 if step == 1 else 2.0, 1, 1.0)
    clock.now += PLAIN_SECONDS
    display.step(200, 0.2, 9.0, 1, 1.0)
    assert "loss 2.350" in shown()


def test_the_first_step_may_be_the_one_that_is_shown(clock: Clock) -> None:
    display, shown = plain()
    clock.now += PLAIN_SECONDS
    display.step(1, 0.0, 2.5, 0, 0.0)
    assert shown() == "  0%  step 1  loss 2.500  0 tokens/s  0:00 left\n"


def test_time_left_of_a_resumed_run_is_counted_from_where_it_went_on(clock: Clock) -> None:
    display, shown = plain()
    display.begin(0.9)
    clock.now += PLAIN_SECONDS
    display.step(91, 0.91, 1.0, 64, 10.0)
    assert "  1:30 left" in shown()  # a hundredth took ten seconds, nine are left


@pytest.mark.parametrize(("seconds", "told"), [(0.0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (3661.0, "1:01:01")])
def test_time_left_is_told_as_a_clock(clock: Clock, seconds: float, told: str) -> None:
    display, shown = plain()
    clock.now += PLAIN_SECONDS
    display.step(1, 0.5, 1.0, 1, seconds)
    assert f"  {told} left" in shown()


def test_a_validation_is_one_line_and_its_sample_stands_below(clock: Clock) -> None:
    display, shown = plain()
    display.validated(1500, {"loss": 1.23456, "perplexity": 3.4368}, best=True, sample="one\ntwo")
    display.validated(1600, {"loss": 1.3}, best=False, sample=None)
    assert shown().splitlines() == [
        "step 1,500  held out: loss 1.235  perplexity 3.437  (best so far)",
        "    one",
        "    two",
        "step 1,600  held out: loss 1.3",
    ]


def test_samples_can_be_left_out(clock: Clock) -> None:
    display, shown = plain(samples=False)
    display.validated(1, {"loss": 1.0}, best=False, sample="one")
    assert "one" not in shown()


def test_what_a_terminal_would_obey_is_made_harmless(clock: Clock) -> None:
    display, shown = plain(terminal=True)
    display.validated(1, {"loss": 1.0}, best=False, sample="a\x1b[2Jb\x07c\x9bd\u202ee [red]中文[/red]")
    assert "a\ufffd[2Jb\ufffdc\ufffdd\ufffde [red]中文[/red]" in shown()
    assert not set("\x1b\x07\x9b\u202e") & set(shown().replace("\x1b[2m", "").replace("\x1b[0m", ""))


def test_messages_are_not_markup(clock: Clock) -> None:
    display, shown = plain()
    display.say("runs/[bold]x[/bold]: 中文, a line that is longer than the forty columns of this console")
    assert shown() == "runs/[bold]x[/bold]: 中文, a line that is longer than the forty columns of this console\n"


def test_nothing_moves_without_a_terminal(clock: Clock) -> None:
    display, shown = plain()
    display.begin(0.0)
    display.step(1, 0.1, 1.0, 1, 1.0)
    display.end()
    assert shown() == ""


def test_on_a_terminal_a_line_moves_and_the_cursor_is_given_back(clock: Clock) -> None:
    display, shown = plain(terminal=True)
    display.begin(0.0)
    assert "\x1b[?25l" in shown()
    clock.now += 1.0
    display.step(5, 0.5, 1.25, 64, 2.0)
    display.end()
    assert "step 5  loss 1.250" in shown()
    assert shown().rindex("\x1b[?25h") > shown().rindex("\x1b[?25l")
    display.end()  # once more does no harm


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    display = Silence()
    display.begin(0.0)
    display.step(1, 0.5, 1.0, 1, 1.0)
    display.validated(1, {"loss": 1.0}, best=True, sample="x")
    display.say("x")
    display.end()
    assert capsys.readouterr() == ("", "")


def test_both_displays_take_what_the_loop_tells() -> None:
    told = {"begin", "step", "validated", "say", "end"}
    assert told <= set(dir(Silence))
    assert told <= set(dir(ConsoleDisplay))
