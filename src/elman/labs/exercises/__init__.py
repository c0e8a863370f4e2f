"""Exercises that grade themselves: a student writes functions, and the grader runs them against elman.

    elman lab NAME --exercise FILE     write the exercise, a Python file or a notebook with functions to fill in
    elman lab NAME --grade FILE        grade it: points, and what is wrong where
    elman lab NAME --key FILE          write the teacher's key, from elman's own source

An exercise is one file with EXERCISE in it and its name in EXERCISES. Order of reading: exercise.py, comparing.py,
grading.py, then any exercise. The student's code runs in a process of its own: student.py, process.py, worker.py.
"""

from __future__ import annotations

import difflib
import importlib

from elman.errors import ConfigError

from .exercise import Exercise

EXERCISES = ("srn", "bptt", "lstm", "gru", "adder", "clip", "vocab", "beam")


def load_exercise(name: str) -> Exercise:
    """Return the exercise of a name in EXERCISES; an unknown name is a ConfigError."""
    if name not in EXERCISES:
        near = difflib.get_close_matches(name, EXERCISES, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"The exercises are {', '.join(EXERCISES)}"
        raise ConfigError(f"unknown exercise {name!r}", hint=hint)
    exercise: Exercise = importlib.import_module(f"{__name__}.{name}").EXERCISE
    return exercise
