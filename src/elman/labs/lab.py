"""Lab: an experiment of a textbook with what it must show. Report: what it says, computes and draws while it runs.

A lab is one file. Its function `run` computes with the public interface of elman and tells a Report about it, in the
order in which a reader follows:

    report.say(en=..., zh=...)                    explanation
    report.start(en=..., zh=..., seconds=40)      what is computed next, if that takes more than some seconds
    report.show("h' = f(W x + U h)")              equations and numbers
    report.table(["t", "h"], rows)                numbers in columns
    report.equal("h", computed, expected)         a claim; at_least and at_most check bounds
    report.figure("states", draw)                 a figure, drawn only if the reader asks for figures
    report.skip(en=..., zh=...)                   the end, if something that the lab needs is not on this machine

Every line is a Text, in both languages, so one run gives the pages of both. The expected numbers are data at the top of
the file, with their source.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

import numpy as np

from elman.translations import LANGUAGES, display_width
from elman.translations import Language as Language
from elman.translations import Text as Text

from .threads import one_thread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VERDICTS = {True: Text("pass", "通过"), False: Text("FAIL", "不符")}
SHOWN_TOLERANCE = 1e-8  # smaller tolerances are those of the rounding of float64
Draw = Callable[["Figure", Language], None]


@dataclass(frozen=True, slots=True)
class Lab:
    """An experiment. `run` is deterministic: it gives the same numbers on each run of one machine."""

    name: str  # on the command line, as `elman lab NAME`
    chapter: str  # a key of CHAPTERS
    title: Text
    claim: Text
    source: Text  # paper or book, with equation, section or exercise
    seconds: float  # typical running time on two cores
    run: Callable[[Report], None]
    reads_text: bool = False  # whether it runs on the user's own text, `elman lab NAME --text FILE`


@dataclass(frozen=True, slots=True)
class Claim:
    """A number that was computed beside what is expected of it."""

    name: Text
    computed: Any
    relation: Literal["=", ">=", "<="]
    expected: Any
    passed: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """How labs run: whether only a fraction of a training is done, how many seeds, and on which text."""

    smoke: bool = False
    seeds: int | None = None  # None: as many as the lab needs
    text: str | None = None  # path of the user's own text, for labs that read one; None: the text of the textbook


class SkippedLabError(Exception):
    """Something that a lab needs is not on this machine. The lab has neither passed nor failed."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason.en)
        self.reason = reason


@dataclass(slots=True)
class Report:
    """What a lab says, claims and draws."""

    settings: Settings = field(default_factory=Settings)
    write: Callable[[Text], None] = lambda line: None  # receives each line as soon as it is known
    save_figure: Callable[[str, Draw], None] | None = None  # receives the name and the drawing of each figure
    claims: list[Claim] = field(default_factory=list)
    has_seeds: bool = False  # whether the lab has asked for its seeds

    @property
    def smoke(self) -> bool:
        """Whether only a fraction of a training is done. What needs the whole training is then not claimed."""
        return self.settings.smoke

    @property
    def passed(self) -> bool:
        """Whether every claim so far holds."""
        return all(claim.passed for claim in self.claims)

    def seeds(self, default: int) -> range:
        """Return the seeds to use: as many as the user asks for, by default as many as the lab needs."""
        self.has_seeds = True
        return range(self.settings.seeds or (min(default, 2) if self.smoke else default))

    def say(self, en: str, zh: str) -> None:
        """Explain something."""
        self.write(Text(en, zh))

    def start(self, en: str, zh: str, seconds: float) -> None:
        """Say what is computed next, and about how long that takes at full scale."""
        duration = Text("", "") if self.smoke else format_duration(seconds)
        self.say(
            en=f"{en}{duration.en and f', about {duration.en}'} ...",
            zh=f"{zh}{duration.zh and f'，约 {duration.zh}'} ……",
        )

    def show(self, *lines: str | Text) -> None:
        """Show equations or numbers, which are mostly the same in both languages."""
        for line in map(_as_text, lines):
            self.write(Text(f"    {line.en}", f"    {line.zh}"))

    def table(self, header: Sequence[str | Text], rows: Iterable[Sequence[Any]]) -> None:
        """Show rows of numbers and texts, also texts in both languages, in aligned columns."""
        lines = [header, *rows]
        self.show(*map(Text, *(_aligned(lines, language) for language in LANGUAGES)))

    def equal(self, name: str | Text, computed: Any, expected: Any, *, within: float = 0.0) -> None:
        """Claim that a value, a list or an array is what is expected; numbers may differ by `within`."""
        tolerance = f" ± {within:g}" if within >= SHOWN_TOLERANCE else ""
        self._claim(name, computed, "=", expected, passed=_equal(computed, expected, within), tolerance=tolerance)

    def at_least(self, name: str | Text, computed: float, expected: float) -> None:
        """Claim a lower bound."""
        self._claim(name, computed, ">=", expected, passed=bool(computed >= expected))

    def at_most(self, name: str | Text, computed: float, expected: float) -> None:
        """Claim an upper bound."""
        self._claim(name, computed, "<=", expected, passed=bool(computed <= expected))

    def figure(self, name: str, draw: Draw) -> None:
        """Offer a figure; draw fills a matplotlib Figure, with labels in a language."""
        if self.save_figure is not None:
            self.save_figure(name, draw)

    def skip(self, en: str, zh: str) -> NoReturn:
        """End the lab, because something is missing; the text gives the reason and the command that helps."""
        raise SkippedLabError(Text(en, zh))

    def _claim(
        self, name: str | Text, computed: Any, relation: Any, expected: Any, *, passed: bool, tolerance: str = ""
    ) -> None:
        claim = Claim(_as_text(name), _plain(computed), relation, _plain(expected), passed)
        self.claims.append(claim)
        bound = f"{'' if relation == '=' else f'{relation} '}{format_value(claim.expected)}{tolerance}"
        mark, value, verdict = "✓" if passed else "✗", format_value(claim.computed), VERDICTS[passed]
        self.write(
            Text(
                f"  {mark} {claim.name.en} = {value}   expected {bound}   {verdict.en}",
                f"  {mark} {claim.name.zh} = {value}   期望 {bound}   {verdict.zh}",
            )
        )


class Outcome(NamedTuple):
    """What a lab gave."""

    claims: list[Claim]
    seconds: float
    skipped: Text | None = None  # the reason

    @property
    def passed(self) -> bool:
        """Whether every claim holds; a lab that was skipped has not failed."""
        return all(claim.passed for claim in self.claims)

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as an object of `elman lab --check --json`."""
        if self.skipped is not None:
            return {"skipped": self.skipped.en}
        return {
            "pass": self.passed,
            "expected": {
                claim.name.en: claim.expected if claim.relation == "=" else f"{claim.relation} {claim.expected}"
                for claim in self.claims
            },
            "got": {claim.name.en: claim.computed for claim in self.claims},
            "seconds": round(self.seconds, 2),
        }


def run_lab(lab: Lab, report: Report) -> Outcome:
    """Run a lab to its end."""
    return run_experiment(lab.run, report)


def run_experiment(run: Callable[[Report], None], report: Report) -> Outcome:
    """Call the function of a lab, with one thread; if the lab is skipped, say why."""
    started, skipped = time.monotonic(), None
    try:
        with one_thread():
            run(report)
    except SkippedLabError as error:
        skipped = error.reason
        report.say(en=f"Skipped: {skipped.en}", zh=f"已跳过：{skipped.zh}")
    return Outcome(report.claims, time.monotonic() - started, skipped)


def format_value(value: Any, digits: int = 10) -> str:
    """Return a number with its significant digits, or a list of them."""
    value = _plain(value)
    if isinstance(value, list):
        if value and all(isinstance(item, list) for item in value):
            return " / ".join(format_value(item, digits) for item in value)
        return ", ".join(format_value(item, digits) for item in value)
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def format_duration(seconds: float) -> Text:
    """Return a running time in the unit that a reader expects: `< 1 s`, `20 s` or `3 min`."""
    if seconds < 1.0:
        return Text("< 1 s", "< 1 秒")
    if seconds < 100.0:
        return Text(f"{seconds:.0f} s", f"{seconds:.0f} 秒")
    return Text(f"{seconds / 60.0:.0f} min", f"{seconds / 60.0:.0f} 分钟")


def _as_text(line: str | Text) -> Text:
    """Return a line in both languages; a string is the same in both."""
    return line if isinstance(line, Text) else Text(line, line)


def _aligned(rows: Iterable[Sequence[Any]], language: Language) -> list[str]:
    """Return the lines of a table, whose columns are as wide as their widest cell."""
    cells = [[_cell(value, language) for value in row] for row in rows]
    widths = [max(map(display_width, column)) for column in zip(*cells, strict=True)]
    return [
        "   ".join(cell + " " * (width - display_width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _cell(value: Any, language: Language) -> str:
    """Return a value as it stands in a table."""
    return value.in_language(language) if isinstance(value, Text) else format_value(value, 6)


def _plain(value: Any) -> Any:
    """Return arrays as lists and NumPy's numbers as Python's, for JSON."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _equal(computed: Any, expected: Any, within: float) -> bool:
    if isinstance(expected, str | bool) or within == 0.0:
        return bool(_plain(computed) == _plain(expected))
    mine, theirs = np.asarray(computed, np.float64), np.asarray(expected, np.float64)
    return mine.shape == theirs.shape and bool((np.abs(mine - theirs) <= within).all())
