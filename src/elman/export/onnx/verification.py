"""Compare the graphs of an export with the predictor, by onnxruntime, before a file is written.

There are 12 batches of different sizes and lengths, most of them with rows of different lengths. Every output of every
graph is compared. Numbers may differ by TOLERANCE, relative to those above 1, and what is predicted must be the same.

A trained model may amplify rounding so much that two correct programs differ by more in float32. An output that differs
by more than TOLERANCE is therefore compared with the change of the predictor's own output when the last bit of its
weights changes at random: the graph may be at most ROUNDINGS times as far from it. This cannot hide a wrong equation,
because short sequences amplify nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from elman.errors import ElmanError
from elman.models.folder import FolderPredictor

from .exported import TOLERANCE, Case, Check, Export
from .graph import Array

PAIRS = ((1, 1), (2, 1), (1, 2), (3, 2), (1, 7), (5, 7), (17, 5), (2, 16), (8, 23), (1, 64), (4, 64), (3, 200))
ROUNDINGS = 10
LAST_BIT = 2.0**-23  # of a float32, relative
COPIES = 2  # of the predictor, whose weights are changed
MAX_ROUNDING = 0.01  # of an output; where it is larger, a comparison says nothing
USUAL = Check()
SEED = 0


@dataclass(slots=True)
class Verification:
    """What was compared, and the largest difference: in which output, and for which batch.

    `choices` are predictions: the largest of an output's numbers, or a tag. Of these, `ties` differ between the graph
    and the predictor, and are equally good to within the tolerance. `rounding` is the change of the predictor's own
    output by the last bit of its weights, where the largest difference is more than TOLERANCE.
    """

    pairs: int = 0
    numbers: int = 0
    choices: int = 0
    ties: int = 0
    largest_difference: float = 0.0
    where: str = ""
    rounding: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the keys of `--json`."""
        return {**asdict(self), "tolerance": TOLERANCE}


def verify(
    export: Export,
    contents: Mapping[str, bytes],
    pairs: Sequence[tuple[int, int]] = PAIRS,
    *,
    seed: int = SEED,
) -> Verification:
    """Return how far graphs are from the predictor; too far is an ElmanError, which says where.

    pairs are batch sizes and lengths of the longest row.
    """
    sessions = {suffix: session_of(content) for suffix, content in contents.items()}
    rng, rounding, result = np.random.default_rng(seed), _Rounding(export.predictor), Verification()
    problems: list[_Problem] = []
    for batch_size, length in pairs:
        result.pairs += 1
        for case in export.cases(batch_size, length, rng):
            outputs = run_session(sessions[case.graph], case.inputs)
            for name in case.expected:
                full_name = f"{case.graph}/{name}" if case.graph else name
                place = f"{full_name!r} for batch {batch_size} and length {length}"
                problem = _compare(case, name, outputs[name], place, rounding, result)
                problems += [problem] if problem is not None else []
    if problems:
        raise _differs(max(problems, key=lambda problem: problem.difference).message)
    return result


class _Problem(NamedTuple):
    """An output that differs too much."""

    difference: float  # infinity for another shape, 0 for other tags
    message: str


class _Rounding:
    """The change of a predictor's outputs when the last bit of its weights changes at random."""

    def __init__(self, predictor: FolderPredictor) -> None:
        self._predictor = predictor
        self._copies: list[FolderPredictor] = []

    def of(self, case: Case, name: str, check: Check) -> float:
        """Return the largest change of an output."""
        self._copies = self._copies or list(self._changed())
        outputs = [case.outputs_of(copy)[name] for copy in self._copies]
        return max(_largest_difference(output, case.expected[name], check) for output in outputs)

    def _changed(self) -> Iterator[FolderPredictor]:
        rng = np.random.default_rng(SEED)
        for _ in range(COPIES):
            yield self._predictor.with_tensors(
                {
                    name: (array * (1.0 + LAST_BIT * rng.uniform(-1.0, 1.0, array.shape))).astype(array.dtype)
                    for name, array in self._predictor.tensors.items()
                }
            )


def session_of(content: bytes) -> Any:
    """Return a session of onnxruntime on one thread of the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run_session(session: Any, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the outputs of a session by name."""
    names = [output.name for output in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))
    except Exception as error:  # onnxruntime has an exception of its own for each kind of failure
        raise _differs(f"onnxruntime cannot run the graph: {str(error).splitlines()[0]}") from error


def _compare(
    case: Case, name: str, actual: Array, place: str, rounding: _Rounding, result: Verification
) -> _Problem | None:
    """Add the comparison of an output to the result; return what is wrong with it."""
    expected, check = case.expected[name], case.checks.get(name, USUAL)
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        observed, wanted = (f"{array.shape} {array.dtype}" for array in (actual, expected))
        return _Problem(np.inf, f"the graph returns {observed} as {place}; expected {wanted}")
    result.numbers += expected.size
    result.where = result.where or place
    if check.is_same is not None:
        return _compare_integers(case, check, actual, expected, place, rounding, result)
    difference, change, tolerance = _largest_difference(actual, expected, check), None, TOLERANCE
    if difference > TOLERANCE:
        change = rounding.of(case, name, check)
        tolerance = _tolerance(change)
    if not difference <= tolerance:
        problem = f"the graph differs from the model by {difference:.3g} in {place}; expected at most {tolerance:.3g}"
        return _Problem(difference, problem)
    if difference > result.largest_difference:
        result.largest_difference, result.where, result.rounding = difference, place, change
    if check.has_choice and expected.size:  # numbers that are equal to a tolerance have the same maximum, or a tie
        result.choices += expected[..., 0].size
        result.ties += int((actual.argmax(-1) != expected.argmax(-1)).sum())
    return None


def _compare_integers(
    case: Case,
    check: Check,
    actual: Array,
    expected: Array,
    place: str,
    rounding: _Rounding,
    result: Verification,
) -> _Problem | None:
    """Compare an output of integers, which follow from the numbers of another output."""
    assert check.is_same is not None
    assert check.follows_from is not None
    if not check.is_same(actual, expected, TOLERANCE):
        change = rounding.of(case, check.follows_from, case.checks.get(check.follows_from, USUAL))
        if not check.is_same(actual, expected, _tolerance(change)):
            row = _first_different(actual, expected)
            observed, wanted = actual[row].tolist(), expected[row].tolist()
            return _Problem(0.0, f"the graph predicts {observed} as {place}; expected {wanted}")
    result.choices += expected.size
    result.ties += int((actual != expected).sum())
    return None


def _tolerance(change: float) -> float:
    """Return the tolerance for an output that rounding changes by this much."""
    return max(TOLERANCE, ROUNDINGS * min(change, MAX_ROUNDING))


def _largest_difference(actual: Array, expected: Array, check: Check) -> float:
    """Return the largest difference of an output, row by row, since it may be large."""
    units = np.broadcast_to(check.unit, expected.shape)
    rows = zip(actual, expected, units, strict=True)
    return max((_difference(a, b, unit, check.least) for a, b, unit in rows), default=0.0)


def _difference(actual: Array, expected: Array, unit: Array, least: float) -> float:
    """Return the largest difference of two rows, in units; infinity where only one of them is no number."""
    a, b = (np.maximum(array.astype(np.float64), least) / unit for array in (actual, expected))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        differences = np.where(same, 0.0, np.abs(a - b) / np.maximum(1.0, np.abs(b)))
    return float(np.where(np.isnan(differences), np.inf, differences).max(initial=0.0))


def _first_different(actual: Array, expected: Array) -> int:
    different = (actual != expected).reshape(len(actual), -1).any(1)
    return int(different.argmax())


def _differs(problem: str) -> ElmanError:
    import onnxruntime

    version = onnxruntime.__version__
    hint = f"No file was written. Report this with the version of onnxruntime, {version}, and the model's config.json"
    return ElmanError(problem, hint=hint)
