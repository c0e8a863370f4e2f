"""The exercises: keys get full points, empty exercises none, and the texts are there in both languages."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from elman.errors import ConfigError
from elman.labs.exercises import EXERCISES, beam, load_exercise
from elman.labs.exercises.files import file_text
from elman.labs.exercises.grading import grade_file

from .code import grade_source, key_of

CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize(
    ("file", "language"), [("file.py", "en"), pytest.param("file.ipynb", "zh", marks=pytest.mark.slow)]
)
def test_the_key_gets_full_points_and_the_empty_exercise_none(
    name: str, file: str, language: str, tmp_path: Path
) -> None:
    exercise, path = load_exercise(name), tmp_path / file
    path.write_text(file_text(exercise, file, "zh" if language == "zh" else "en", key=True), "utf-8")
    grade = grade_file(exercise, path)
    assert [part.message("en") for part in grade.parts] == ["right"] * len(grade.parts)
    assert (grade.points, grade.of) == (exercise.points, exercise.points)
    path.write_text(file_text(exercise, file, "zh" if language == "zh" else "en"), "utf-8")
    grade = grade_file(exercise, path)
    assert {(part.points, part.message("en"), part.message("zh")) for part in grade.parts} == {
        (0, "not written yet", "尚未完成")
    }
    assert grade.notes == ()


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_has_its_name_and_texts_in_both_languages(name: str) -> None:
    exercise = load_exercise(name)
    assert exercise.name == name
    texts = [exercise.title, exercise.text, *(function.text for function in exercise.functions)]
    assert [text for text in texts if not CHINESE.search(text.zh) or CHINESE.search(text.en)] == []
    assert [f.name for f in exercise.functions if CHINESE.search(f.notation)] == [], "notation is for both languages"


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_notebook_holds_the_same_functions_as_the_file(name: str, language: str) -> None:
    exercise = load_exercise(name)
    written = file_text(exercise, "a.py", "zh" if language == "zh" else "en")
    cells = json.loads(file_text(exercise, "a.ipynb", "zh" if language == "zh" else "en"))["cells"]
    code = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")
    assert ast.dump(ast.Module(ast.parse(written).body[1:], [])) == ast.dump(ast.parse(code))
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert bool(CHINESE.search(written)) == (language == "zh")
    assert f"elman lab {name} --grade a.py" in written


def test_an_unknown_exercise_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"unknown exercise 'lsmt'\. Did you mean 'lstm'\?"):
        load_exercise("lsmt")
    with pytest.raises(ConfigError, match=r"unknown exercise 'x'\. The exercises are srn, bptt"):
        load_exercise("x")


ENDS = {
    # An end takes the place of a prefix at this step only.
    "slots": "ends, others = [c for c in best if c[1][-1] == end], [c for c in best if c[1][-1] != end]",
    # The beam is filled with prefixes that have not ended.
    "filled": "ends, others = [c for c in best if c[1][-1] == end], [c for c in every if c[1][-1] != end][:beam]",
    # The beam becomes narrower with each end.
    "narrower": (
        "ends, others = [c for c in best if c[1][-1] == end], [c for c in best if c[1][-1] != end]; beam -= len(ends)"
    ),
}
TEXTBOOK_SEARCH = """
import math

def score(log_probability, n, a):
    return log_probability / n ** a

def greedy(log_p, start, end, max_length):
    tokens, total, last = [], 0.0, start
    while len(tokens) < max_length:
        token = int(log_p[last].argmax())
        total += log_p[last, token]
        if token == end:
            break
        tokens.append(token)
        last = token
    return tokens, total

def continuations(prefixes, totals, log_p):
    every = [(t + log_p[p[-1], j], p + [j]) for p, t in zip(prefixes, totals) for j in range(len(log_p))]
    return sorted(every, key=lambda c: c[0], reverse=True)

def extend(prefixes, log_probabilities, log_p, beam):
    best = continuations(prefixes, log_probabilities, log_p)[:beam]
    return [p for _, p in best], [t for t, _ in best]

def beam_search(log_p, start, end, max_length, beam, a):
    prefixes, totals, hypotheses = [[start]], [0.0], []
    for _ in range(max_length):
        every = continuations(prefixes, totals, log_p)
        best = every[:beam]
        ENDS
        hypotheses += [(score(t, len(p) - 1, a), p[1:-1], t) for t, p in ends]
        prefixes, totals = [p for _, p in others], [t for t, _ in others]
        if not prefixes:
            break
    hypotheses += [(score(t, len(p) - 1, a), p[1:], t) for p, t in zip(prefixes, totals)]
    _, tokens, total = max(hypotheses)
    return tokens, total
"""


@pytest.mark.parametrize("variant", ENDS)
def test_every_textbook_form_of_beam_search_gets_full_points(variant: str) -> None:
    parts = grade_source("beam", TEXTBOOK_SEARCH.replace("ENDS", ENDS[variant]))
    assert {part.message("en") for part in parts.values()} == {"right"}
    assert sum(part.points for part in parts.values()) == load_exercise("beam").points


def test_the_models_of_beam_tell_greedy_search_beam_search_and_the_penalty_apart() -> None:
    model = beam.random_model(beam.BEAM_SEED)
    assert beam.found(model, 1, 0.0).ids != beam.found(model, beam.BEAM, 0.0).ids
    model = beam.random_model(beam.LENGTH_SEED)
    assert beam.found(model, beam.BEAM, 1.0).ids != beam.found(model, beam.BEAM, 0.0).ids
    assert not beam.found(beam.random_model(beam.CUT_SEED, 1e-6), beam.BEAM, 0.0).finished


def test_other_ways_to_write_a_right_solution_get_full_points() -> None:
    loops = key_of("srn").replace(
        "    a = x @ W.T + b\n",
        "    if x.ndim == 2:  # one entry at a time, in lists\n"
        "        sums = [[b[i] + sum(W[i, j] * row[j] for j in range(len(row)))\n"
        "                 + sum(U[i, j] * h[j] for j in range(len(h))) for i in range(len(b))]\n"
        "                for row, h in zip(x, h_prev)]\n"
        "        return np.tanh(sums).tolist()\n"
        "    a = x @ W.T + b\n",
        1,
    )
    parts = grade_source("srn", loops)
    assert sum(part.points for part in parts.values()) == load_exercise("srn").points
    single = key_of("clip").replace(
        "[g * scale for g in gradients]", "tuple((g * scale).astype(np.float32) for g in gradients)"
    )
    assert {part.message("en") for part in grade_source("clip", single).values()} == {"right"}


@pytest.mark.parametrize(("language", "comma"), [("en", ", "), ("zh", "、")])
def test_the_page_lists_the_exercises_with_their_functions_and_points(language: str, comma: str) -> None:
    page = Path(__file__).parents[3] / "docs" / language / "exercises.md"
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (\d+) \|$", page.read_text("utf-8"), re.MULTILINE)
    exercises = [load_exercise(name) for name in EXERCISES]
    assert rows == [
        (exercise.name, comma.join(f"`{function.name}`" for function in exercise.functions), str(exercise.points))
        for exercise in exercises
    ]
