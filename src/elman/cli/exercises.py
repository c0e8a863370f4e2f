"""The exercises of elman lab: `--exercise` and `--key` write files, `--grade` grades one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.translations import translate

from .console import print_json, say

if TYPE_CHECKING:
    from elman.labs.exercises.exercise import Exercise
    from elman.labs.exercises.grading import Grade
    from elman.labs.lab import Language

SUFFIXES = (".py", ".ipynb")


def run_exercise(
    names: Sequence[str],
    files: Mapping[str, Path | None],
    others: Mapping[str, Any],
    language: Language,
    *,
    as_json: bool,
) -> None:
    """Write or grade an exercise. Of `files`, one is given; none of the other options may be."""
    from elman.labs.exercises import EXERCISES, load_exercise

    flags = [flag for flag, path in files.items() if path is not None]
    flags += [flag for flag, value in others.items() if value]
    if len(flags) > 1:
        raise ConfigError(f"given {' and '.join(flags)}; expected one of them")
    (flag,) = flags
    if len(names) != 1:
        hint = f"The exercises are {', '.join(EXERCISES)}"
        raise ConfigError(f"{flag}: given {len(names)} names; expected one exercise", hint=hint)
    exercise, path = load_exercise(names[0]), files[flag]
    assert path is not None
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{flag}: given {path}; expected a name that ends in .py or .ipynb")
    if flag == "--grade":
        _grade(exercise, path, language, as_json=as_json)
    else:
        _write(flag, exercise, path, language)


def _write(flag: str, exercise: Exercise, path: Path, language: Language) -> None:
    from elman.checkpoint import check_output_file, translate_disk_errors
    from elman.labs.exercises.files import file_text

    check_output_file(path, flag, new=True)
    with translate_disk_errors(path):
        path.write_text(file_text(exercise, path.name, language, key=flag == "--key"), encoding="utf-8")
    say(str(path))


def _grade(exercise: Exercise, path: Path, language: Language, *, as_json: bool) -> None:
    from elman.labs.exercises.grading import grade_file

    grade = grade_file(exercise, path)
    if as_json:
        print_json(grade.as_json(language))
    else:
        _print_grade(grade, language)


def _print_grade(grade: Grade, language: Language) -> None:
    from elman.text.terminal import replace_control_characters

    print(f"{grade.exercise}: {translate(f'{grade.points} of {grade.of} points')}")
    width = max(len(part.name) for part in grade.parts)
    for part in grade.parts:
        first, *rest = part.message(language).splitlines()
        mark = "✓" if part.points == part.of else "✗"
        print(replace_control_characters(f"  {mark} {part.name:<{width}}  {part.points} / {part.of}  {first}"))
        for line in rest:
            print(replace_control_characters(f"{'':{width + 11}}{line}"))
    for note in grade.notes:
        print(replace_control_characters(f"  {note.in_language(language)}"))
