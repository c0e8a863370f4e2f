"""Grade a student's file: each function of an exercise is called, and its results give points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from elman.labs.lab import Language, Text

from .comparing import CAUSE
from .exercise import Exercise, Function, Result, StudentError
from .process import Limits
from .student import Student
from .submission import read_submission

RIGHT = Text("right", "正确")


class Part(NamedTuple):
    """The points of a function, and what is wrong with it."""

    name: str
    points: int
    of: int
    problems: tuple[Text, ...]

    def message(self, language: Language) -> str:
        """Return what is wrong, one result a line and each cause once; or that the function is right."""
        lines: list[str] = []
        causes = {""}
        for problem in self.problems or (RIGHT,):
            line, separator, cause = problem.in_language(language).partition(CAUSE.in_language(language))
            lines.append(line if cause in causes else f"{line}{separator}{cause}")
            causes.add(cause)
        return "\n".join(lines)


class Grade(NamedTuple):
    """The points of an exercise. Notes say what the grader could not use of the file."""

    exercise: str
    parts: tuple[Part, ...]
    notes: tuple[Text, ...] = ()

    @property
    def points(self) -> int:
        """The points of all parts."""
        return sum(part.points for part in self.parts)

    @property
    def of(self) -> int:
        """The points that all parts can give."""
        return sum(part.of for part in self.parts)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Return the grade as the object of `elman lab NAME --grade FILE --json`."""
        parts = [
            {"name": part.name, "points": part.points, "of": part.of, "message": part.message(language)}
            for part in self.parts
        ]
        notes = [note.in_language(language) for note in self.notes]
        return {"exercise": self.exercise, "points": self.points, "of": self.of, "parts": parts, "notes": notes}


def grade_file(exercise: Exercise, path: Path, limits: Limits | None = None) -> Grade:
    """Grade a Python file or a notebook."""
    with Student(read_submission(path), limits) as student:
        parts = grade_functions(exercise, student.call)
        return Grade(exercise.name, parts, tuple(student.notes))


def grade_functions(exercise: Exercise, call: Callable[..., Any]) -> tuple[Part, ...]:
    """Grade the functions of an exercise; call(name, *arguments) calls one of the student's."""
    return tuple(_grade_function(function, call) for function in exercise.functions)


def _grade_function(function: Function, call: Callable[..., Any]) -> Part:
    results: list[Result] = []
    problems: list[Text] = []
    try:
        results.extend(function.check(lambda *arguments: call(function.name, *arguments)))
    except StudentError as error:
        problems.append(error.text)
    problems[:0] = dict.fromkeys(result.problem for result in results if result.problem is not None)
    return Part(function.name, sum(result.passed for result in results), len(function.results), tuple(problems))
