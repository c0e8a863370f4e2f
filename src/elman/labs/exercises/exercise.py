"""What an exercise is: functions that a student writes, each with its docstring, its grading and its solution.

The functions of an exercise are its parts. The grader gives one point for each result of a function, for example for
each gradient that the function returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from elman.labs.lab import Text

Call = Callable[..., Any]  # calls the student's function with arguments; raises a StudentError


class StudentError(Exception):
    """The student's function did not return what can be graded; `text` says why."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


class Result(NamedTuple):
    """A result of a function after grading: what is wrong with it, or None."""

    name: str
    problem: Text | None = None

    @property
    def passed(self) -> bool:
        """Whether the result is right."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the student writes.

    `check` calls it and yields its results in their order; a point is given for each one that is right.
    """

    signature: str  # `step(W, U, b, x, h_prev)`
    text: Text  # what the function does
    notation: str  # equations, and the shapes of arguments and results: the same in both languages
    results: tuple[str, ...]
    check: Callable[[Call], Iterator[Result]]
    solution: Callable[[], str]  # returns the statements of the function in the teacher's key

    @property
    def name(self) -> str:
        """The name of the function, which is the name of the part."""
        return self.signature.partition("(")[0]


def _nothing() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Exercise:
    """An exercise. `given` returns source code that the student's file contains, `solution` what the key needs."""

    name: str
    title: Text
    text: Text  # the equations of the whole, and what is to be written
    functions: tuple[Function, ...]
    given: Callable[[], str] = _nothing
    solution: Callable[[], str] = _nothing

    @property
    def points(self) -> int:
        """The number of points of all parts."""
        return sum(len(function.results) for function in self.functions)
