"""Progress of training: plain lines or a live line on a terminal, and samples without control characters."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from elman.training import notebook_progress, progress
from elman.training.displays import display_on
from elman.training.notebook_progress import NotebookDisplay
from elman.training.progress import (
    SECONDS_BETWEEN_LINES,
    ConsoleDisplay,
    SilentDisplay,
    Validation,
)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def console_display(*, samples: bool = True, terminal: bool = False) -> tuple[ConsoleDisplay, Callable[[], str]]:
    stream = io.StringIO()
    console = Console(file=stream, width=40, force_terminal=terminal, color_system=None, _environ={})
    return ConsoleDisplay(console, samples=samples), stream.getvalue


def test_without_a_terminal_there_is_a_line_with_the_remaining_time_every_ten_seconds(clock: Clock) -> None:
    display, output = console_display()
    display.begin(0.0)
    for step in range(1, 251):
        clock.now += 0.125
        display.step(step, step / 1000, 2.0, step * 64, step * 0.125)
    lines = output().splitlines()
    assert len(lines) == 3
    assert lines[0] == "  8%  step 80  loss 2.000  512 tokens/s  1:55 left"
    assert lines[1].startswith(" 16%  step 160  ")


def test_the_rate_has_the_unit_of_the_task(clock: Clock) -> None:
    display, output = console_display()
    display.begin(0.0, "texts")
    clock.now += SECONDS_BETWEEN_LINES
    display.step(1, 0.1, 2.0, 100, 10.0)
    assert "  10 texts/s  " in output()


def test_the_loss_is_a_moving_average(clock: Clock) -> None:
    display, output = console_display()
    for step in range(1, 200):
        display.step(step, 0.1, 4.0 if step == 1 else 2.0, 1, 1.0)
    clock.now += SECONDS_BETWEEN_LINES
    display.step(200, 0.2, 9.0, 1, 1.0)
    assert "loss 2.350" in output()


def test_the_first_step_can_be_shown(clock: Clock) -> None:
    display, output = console_display()
    clock.now += SECONDS_BETWEEN_LINES
    display.step(1, 0.0, 2.5, 0, 0.0)
    assert output() == "  0%  step 1  loss 2.500  0 tokens/s  0:00 left\n"


def test_the_remaining_time_of_a_resumed_run_starts_at_its_progress(clock: Clock) -> None:
    display, output = console_display()
    display.begin(0.9)
    clock.now += SECONDS_BETWEEN_LINES
    display.step(91, 0.91, 1.0, 64, 10.0)
    assert "  1:30 left" in output()  # one percent took ten seconds, and nine percent are left


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (3661.0, "1:01:01")])
def test_the_remaining_time_has_the_format_of_a_clock(clock: Clock, seconds: float, expected: str) -> None:
    display, output = console_display()
    clock.now += SECONDS_BETWEEN_LINES
    display.step(1, 0.5, 1.0, 1, seconds)
    assert f"  {expected} left" in output()


def test_a_validation_is_one_line_followed_by_its_sample(clock: Clock) -> None:
    display, output = console_display()
    metrics = {"loss": 1.23456, "loss_error": 0.1, "perplexity": 3.4368}
    display.validation(Validation(1500, {"loss": 1.1, "perplexity": 3.00417}, metrics, best=True, sample="one\ntwo"))
    display.validation(Validation(1600, {"loss": 1.2}, {"loss": 1.3}, best=False))
    display.validation(Validation(1650, {"loss": 1.2}, {"loss": 1.2}, best=True, lowest=False))
    display.validation(Validation(1700, {"loss": 1.2}, {"loss": 1.1}, best=False, has_validation_set=False))
    assert output().splitlines() == [
        "step 1,500  training: loss 1.1  perplexity 3.004  validation: loss 1.235  perplexity 3.437  (best so far)",
        "    one",
        "    two",
        "step 1,600  training: loss 1.2  validation: loss 1.3",
        "step 1,650  training: loss 1.2  validation: loss 1.2  (kept: as good as the best so far)",
        "step 1,700  training set: loss 1.1",
    ]


def test_samples_can_be_omitted(clock: Clock) -> None:
    display, output = console_display(samples=False)
    display.validation(Validation(1, {"loss": 1.0}, {"loss": 1.0}, best=False, sample="one"))
    assert "one" not in output()


def test_control_characters_are_replaced(clock: Clock) -> None:
    display, output = console_display(terminal=True)
    sample = "a\x1b[2Jb\x07c\x9bd\u202ee [red]中文[/red]"
    display.validation(Validation(1, {"loss": 1.0}, {"loss": 1.0}, best=False, sample=sample))
    assert "a\ufffd[2Jb\ufffdc\ufffdd\ufffde [red]中文[/red]" in output()
    assert not set("\x1b\x07\x9b\u202e") & set(output().replace("\x1b[2m", "").replace("\x1b[0m", ""))


def test_messages_are_not_markup(clock: Clock) -> None:
    display, output = console_display()
    display.notify("runs/[bold]x[/bold]: 中文, a line that is longer than the forty columns of this console")
    assert output() == "runs/[bold]x[/bold]: 中文, a line that is longer than the forty columns of this console\n"


def test_there_is_no_live_line_without_a_terminal(clock: Clock) -> None:
    display, output = console_display()
    display.begin(0.0)
    display.step(1, 0.1, 1.0, 1, 1.0)
    display.end()
    assert output() == ""


def test_on_a_terminal_there_is_a_live_line_and_the_cursor_is_restored(clock: Clock) -> None:
    display, output = console_display(terminal=True)
    display.begin(0.0)
    assert "\x1b[?25l" in output()
    clock.now += 1.0
    display.step(5, 0.5, 1.25, 64, 2.0)
    display.end()
    assert "step 5  loss 1.250" in output()
    assert output().rindex("\x1b[?25h") > output().rindex("\x1b[?25l")
    display.end()  # a second call has no effect


def test_a_silent_display_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    display = SilentDisplay()
    display.begin(0.0)
    display.step(1, 0.5, 1.0, 1, 1.0)
    display.validation(Validation(1, {"loss": 1.0}, {"loss": 1.0}, best=True, sample="x"))
    display.notify("x")
    display.end()
    assert capsys.readouterr() == ("", "")


def test_all_displays_have_all_methods_of_the_protocol() -> None:
    methods = {"begin", "step", "validation", "notify", "end"}
    assert methods <= set(dir(SilentDisplay))
    assert methods <= set(dir(ConsoleDisplay))
    assert methods <= set(dir(NotebookDisplay))


def test_samples_are_shown_at_most_once_a_minute(clock: Clock) -> None:
    display, output = console_display()
    for step in range(1, 14):
        display.validation(Validation(step, {"loss": 1.0}, {"loss": 1.0}, best=False, sample=f"sample {step}"))
        clock.now += 10.0
    samples = [line.strip() for line in output().splitlines() if line.startswith("    ")]
    assert samples == ["sample 1", "sample 7", "sample 13"]


def test_a_command_that_a_notebook_runs_overwrites_one_line(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    display, output = console_display(terminal=True)
    display.begin(0.0)
    for step in range(1, 41):
        clock.now += 0.5
        display.step(step, step / 1000, 2.0, step * 64, step * 0.5)
    display.notify("done")
    display.end()
    text = output()
    assert text.count("\n") == 1
    assert text.count("\r") == 40
    assert "\x1b[?25" not in text
    last = text.split("\r")[-1]
    assert last.rstrip() == "done"
    assert len(last) > len(text.split("\r")[-2])  # all of the line is overwritten


class Output:
    """The output of a notebook's cell."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.outputs = 0

    def display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        self.outputs += 1
        self.shown.append(data["text/plain"])
        return SimpleNamespace(update=lambda data, raw: self.shown.append(data["text/plain"]))


def test_in_a_notebook_one_output_changes_in_place(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    output = Output()
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    module = ModuleType("IPython.display")
    module.display = output.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(notebook_progress, "time", clock)
    display = display_on(Console(force_jupyter=True))
    display.notify("training set: 1 pairs")
    display.begin(0.0, "texts")
    for step in range(1, 101):
        clock.now += 0.1
        display.step(step, step / 100, 2.0, step * 64, step * 0.1)
        if step % 50 == 0:
            display.validation(Validation(step, {"loss": 1.5}, {"loss": 1.25}, best=True, sample=f"sample {step}"))
    assert output.shown[-1].splitlines()[-1].startswith("100%  step 100  loss 2.000  640 texts/s")
    display.end()
    assert output.outputs == 1
    assert len(output.shown) < 20
    assert output.shown[-1].splitlines() == [
        "training set: 1 pair",
        "step 100  training: loss 1.5  validation: loss 1.25  (best so far)",
        "    sample 100",
    ]


def test_the_display_depends_on_the_console() -> None:
    assert isinstance(display_on(Console(), quiet=True), SilentDisplay)
    assert isinstance(display_on(Console(force_jupyter=True)), NotebookDisplay)
    assert isinstance(display_on(Console(force_jupyter=False)), ConsoleDisplay)
