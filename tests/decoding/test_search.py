"""Search compared with all sequences, with greedy search as a loop, and with beam search of one source in lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding import Hypothesis, search
from elman.decoding.generation import State

# Both sides add the same float64 numbers in the same order, so log probabilities and scores are equal to the last bit.

START, END = 0, 1
Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Results = list[list[Hypothesis]]

seeds = st.integers(0, 10**6)
penalties = st.sampled_from([0.0, 0.6, 1.0, 2.5])
thorough = settings(deadline=None, derandomize=True, database=None, max_examples=60)


class Machine:
    """A model in which every source has its own random table from (state, token) to log probabilities.

    If `coarse`, weights are small integers, so equal scores, impossible tokens and prefixes without continuations are
    common.
    """

    def __init__(self, seed: int, num_sources: int, V: int = 4, *, coarse: bool = False, size: int = 5) -> None:
        rng = np.random.default_rng(seed)
        shape = (num_sources, size, V)
        weights = rng.integers(0, 3, shape).astype(float) if coarse else np.exp(1.5 * rng.standard_normal(shape))
        with np.errstate(divide="ignore"):
            self._table = np.log(weights / np.maximum(1e-9, weights.sum(-1, keepdims=True)))
        self._table.flags.writeable = False  # search must not change the arrays of a step
        self._next = rng.integers(0, size, (size, V))
        self.num_sources, self.V = num_sources, V
        self.inputs: list[tuple[Ids, Ids]] = []  # tokens, and the sources in the context

    def start(self, sources: list[int] | None = None) -> tuple[State, State]:
        chosen = np.arange(self.num_sources) if sources is None else np.array(sources, np.int64)
        return {"at": chosen % 3, "of": chosen}, {"source": chosen}

    def step(self, tokens: Ids, state: State, context: State) -> tuple[Floats, State]:
        B = len(context["source"])
        self.inputs.append((tokens, context["source"]))
        assert (np.repeat(context["source"], len(tokens) // B) == state["of"]).all(), (
            "the rows of a source are adjacent"
        )
        at = self._next[state["at"], tokens]
        log_p = self._table[state["of"], at]
        log_p.flags.writeable = False
        return log_p, {"at": at, "of": state["of"]}

    def after(self, source: int, prefix: tuple[int, ...]) -> list[float]:
        """Return the log probabilities after the start token and a prefix."""
        at = source % 3
        for token in (START, *prefix):
            at = self._next[at, token]
        return [float(log_p) for log_p in self._table[source, at]]


def hypothesis_of(ids: tuple[int, ...], log_p: float, penalty: float, *, finished: bool) -> Hypothesis:
    return Hypothesis(ids, log_p, log_p / max(1, len(ids) + finished) ** penalty, finished)


def choices(machine: Machine, source: int, ids: tuple[int, ...], forbidden: tuple[int, ...]) -> list[tuple[int, float]]:
    log_p = machine.after(source, ids)
    return [(token, x) for token, x in enumerate(log_p) if token not in forbidden and x > -np.inf]


def every_hypothesis(
    machine: Machine, source: int, max_length: int, penalty: float, ids: tuple[int, ...] = (), log_p: float = 0.0
) -> Iterator[Hypothesis]:
    """Yield all possible sequences of a source without START, by recursion."""
    continuations = choices(machine, source, ids, (START,)) if len(ids) < max_length else []
    if not continuations:
        yield hypothesis_of(ids, log_p, penalty, finished=False)
    for token, x in continuations:
        if token == END:
            yield hypothesis_of(ids, log_p + x, penalty, finished=True)
        else:
            yield from every_hypothesis(machine, source, max_length, penalty, (*ids, token), log_p + x)


def plain_greedy(machine: Machine, source: int, max_length: int, forbidden: tuple[int, ...] = (START,)) -> Hypothesis:
    ids: tuple[int, ...] = ()
    total = 0.0
    while len(ids) < max_length and (allowed := choices(machine, source, ids, forbidden)):
        token, x = min(allowed, key=lambda choice: (-choice[1], choice[0]))
        total += x
        if token == END:
            return hypothesis_of(ids, total, 1.0, finished=True)
        ids = (*ids, token)
    return hypothesis_of(ids, total, 1.0, finished=False)


def plain_beam(
    machine: Machine,
    source: int,
    max_length: int,
    K: int,
    penalty: float,
    forbidden: tuple[int, ...] = (START,),
    *,
    patient: bool = False,
) -> list[Hypothesis]:
    """Return the hypotheses of one source; `patient` disables early stopping."""
    greedy = plain_greedy(machine, source, max_length, forbidden)
    greedy_path = (*greedy.ids, END)
    completed: list[Hypothesis] = []
    prefixes: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    for length in range(max_length + 1):
        best = max((one.score for one in completed), default=-np.inf)
        best_possible = max((log_p for _, log_p in prefixes), default=-np.inf) / max(1, max_length) ** penalty
        if length < max_length and len(completed) >= K and best_possible <= best and not patient:
            break
        candidates, cut = [], []  # at equal scores, what ends at a step comes before what is cut there
        for row, (ids, log_p) in enumerate(prefixes):
            continuations = choices(machine, source, ids, forbidden) if length < max_length else []
            if not continuations:
                cut.append(hypothesis_of(ids, log_p, penalty, finished=False))
            for token, x in continuations:
                is_other = (*ids, token) != greedy_path[: length + 1]
                candidates.append((is_other, -(log_p + x), row, token, (*ids, token)))
        candidates.sort()
        ends = [(ids[:-1], -cost) for _, cost, _, token, ids in candidates[:K] if token == END]
        completed += [*(hypothesis_of(ids, log_p, penalty, finished=True) for ids, log_p in ends), *cut]
        prefixes = [(ids, -cost) for _, cost, _, token, ids in candidates if token != END][:K]
    return sorted(completed, key=lambda one: -one.score)[:K]


def run_search(machine: Machine, max_length: list[int], sources: list[int] | None = None, **options: Any) -> Results:
    arguments = {"start": START, "end": END, "forbidden": (START,), **options}
    return search(machine.step, *machine.start(sources), max_lengths=np.array(max_length, np.int64), **arguments)


def random_lengths(seed: int, num_sources: int, limit: int = 5) -> list[int]:
    return [int(length) for length in np.random.default_rng(seed).integers(0, limit + 1, num_sources)]


@thorough
@given(seeds, st.booleans(), st.sampled_from([(START,), (), (START, 2), (START, END)]))
def test_greedy_takes_the_most_likely_allowed_token_at_each_step(
    seed: int, coarse: bool, forbidden: tuple[int, ...]
) -> None:
    machine, max_length = Machine(seed, 12, coarse=coarse), random_lengths(seed, 12)
    results = run_search(machine, max_length, forbidden=forbidden)
    assert results == [[plain_greedy(machine, source, max_length[source], forbidden)] for source in range(12)]


@thorough
@given(seeds, st.booleans(), penalties)
def test_a_beam_as_wide_as_the_number_of_sequences_returns_all(seed: int, coarse: bool, penalty: float) -> None:
    machine, max_length = Machine(seed, 3, coarse=coarse), random_lengths(seed, 3, limit=4)
    expected = [list(every_hypothesis(machine, source, max_length[source], penalty)) for source in range(3)]
    results = run_search(machine, max_length, beam=max(map(len, expected)), length_penalty=penalty)
    for hypotheses, all_hypotheses in zip(results, expected, strict=True):
        assert set(hypotheses) == set(all_hypotheses)
        assert [one.score for one in hypotheses] == sorted((one.score for one in all_hypotheses), reverse=True)


@pytest.mark.parametrize("forbidden", [(START,), (START, 3, 4, 5)])
@thorough
@given(seed=seeds, coarse=st.booleans(), beam=st.integers(2, 7), penalty=penalties)
def test_a_batch_gives_the_results_of_single_sources_in_lists(
    seed: int, coarse: bool, beam: int, penalty: float, forbidden: tuple[int, ...]
) -> None:
    machine, max_length = Machine(seed, 9, V=4 + len(forbidden), coarse=coarse), random_lengths(seed, 9, limit=7)
    results = run_search(machine, max_length, beam=beam, length_penalty=penalty, forbidden=forbidden)
    assert results == [plain_beam(machine, source, max_length[source], beam, penalty, forbidden) for source in range(9)]


@thorough
@given(seeds, st.integers(2, 5), penalties)
def test_stopping_early_never_loses_the_best_hypothesis(seed: int, beam: int, penalty: float) -> None:
    machine, max_length = Machine(seed, 6), random_lengths(seed, 6, limit=12)
    for source, hypotheses in enumerate(run_search(machine, max_length, beam=beam, length_penalty=penalty)):
        assert hypotheses[0] == plain_beam(machine, source, max_length[source], beam, penalty, patient=True)[0]


@thorough
@given(seeds, st.booleans(), st.integers(1, 6), penalties)
def test_a_beam_never_scores_below_greedy_and_its_hypotheses_are_distinct(
    seed: int, coarse: bool, beam: int, penalty: float
) -> None:
    machine, max_length = Machine(seed, 8, V=6, coarse=coarse), random_lengths(seed, 8, limit=8)
    greedy = run_search(machine, max_length, length_penalty=penalty)
    for hypotheses, (greedy_one,) in zip(
        run_search(machine, max_length, beam=beam, length_penalty=penalty), greedy, strict=True
    ):
        assert hypotheses[0].score >= greedy_one.score
        assert 1 <= len({(one.ids, one.finished) for one in hypotheses}) == len(hypotheses) <= beam
        assert hypotheses == sorted(hypotheses, key=lambda one: -one.score)
        assert not {START, END} & {token for one in hypotheses for token in one.ids}


@thorough
@given(seeds, st.integers(1, 4), st.permutations(range(7)), st.integers(1, 7))
def test_the_result_of_a_source_does_not_depend_on_the_batch(seed: int, beam: int, order: list[int], size: int) -> None:
    machine, max_length = Machine(seed, 7), random_lengths(seed, 7, limit=9)
    expected = run_search(machine, max_length, beam=beam)
    sources = list(order)[:size]
    results = run_search(machine, [max_length[source] for source in sources], sources, beam=beam)
    assert results == [expected[source] for source in sources]


@pytest.mark.parametrize("beam", [1, 3])
def test_a_prefix_of_the_maximum_length_is_cut_and_returned(beam: int) -> None:
    machine = Machine(1, 4)
    results = run_search(machine, [0, 1, 3, 6], beam=beam, forbidden=(START, END))
    assert [{len(one.ids) for one in hypotheses} for hypotheses in results] == [{0}, {1}, {3}, {6}]
    assert not any(one.finished for hypotheses in results for one in hypotheses)
    assert results[0] == [Hypothesis((), 0.0, 0.0, finished=False)]


def test_with_a_maximum_length_of_zero_no_step_is_taken() -> None:
    machine = Machine(0, 5)
    assert run_search(machine, [0] * 5, beam=2) == [[Hypothesis((), 0.0, 0.0, finished=False)]] * 5
    assert run_search(machine, [], []) == run_search(machine, [], [], beam=2) == []
    assert machine.inputs == []


@pytest.mark.parametrize("beam", [1, 3])
def test_finished_sources_leave_once_they_are_an_eighth(beam: int) -> None:
    machine, max_length = Machine(3, 64), random_lengths(3, 64, limit=20)
    run_search(machine, max_length, beam=beam, forbidden=(START, END))  # every source is finished at its maximum length
    previous = np.arange(64)
    for column, (tokens, sources) in enumerate(machine.inputs):
        active = sum(max_length[source] > column for source in sources)
        assert active == sum(length > column for length in max_length), "no source leaves before it is finished"
        assert 8 * (len(sources) - active) < len(sources)
        assert len(tokens) <= beam * len(sources)
        if len(sources) < len(previous):
            assert 8 * (len(previous) - active) >= len(previous), "no source leaves before an eighth is finished"
        previous = sources
    assert len(machine.inputs) == max(max_length)


@pytest.mark.parametrize("max_length", [10, 40])
def test_a_beam_stops_as_soon_as_no_prefix_can_become_the_best(max_length: int) -> None:
    num_steps = 0

    def step(tokens: Ids, state: State, context: State) -> tuple[Floats, State]:
        nonlocal num_steps
        num_steps += 1
        return np.log(np.tile([1e-9, 0.6, 0.2, 0.2], (len(tokens), 1))), state

    one = np.array([max_length])
    results = search(step, {}, {"source": one}, start=START, end=END, max_lengths=one, beam=2, forbidden=(START,))
    assert results[0][0] == Hypothesis((), np.log(0.6), np.log(0.6), finished=True)
    # a prefix of n tokens, n log 0.2, cannot win if certain tokens would still leave it below log 0.6 per token
    assert num_steps == np.ceil(max_length * np.log(0.6) / np.log(0.2))


def test_greedy_copies_the_state_only_when_sources_leave() -> None:
    machine = Machine(4, 32)
    received: list[tuple[Any, Any]] = []
    returned: list[tuple[Any, Any]] = []

    def step(tokens: Ids, state: State, context: State) -> tuple[Floats, State]:
        log_p, next_state = machine.step(tokens, state, context)
        received.append((state["at"], context["source"]))
        returned.append((next_state["at"], context["source"]))
        return log_p, next_state

    search(step, *machine.start(), start=START, end=END, max_lengths=np.full(32, 20))
    rows = [len(at) for at, _ in received]
    assert len(set(rows)) > 2
    for before, after in zip(returned, received[1:], strict=False):
        if len(after[0]) == len(before[0]):
            assert after[0] is before[0]
            assert after[1] is before[1]


@pytest.mark.parametrize("beam", [1, 4])
def test_float32_log_probabilities_are_added_in_float64(beam: int) -> None:
    steps = 3000
    log_p = np.log(np.array([[1e-3, 1e-4, 0.9989]], np.float32))

    def step(tokens: Ids, state: State, context: State) -> tuple[npt.NDArray[np.float32], State]:
        return np.repeat(log_p, len(tokens), axis=0), state

    one = np.array([steps])
    results = search(
        step, {}, {"source": one}, start=START, end=END, max_lengths=one, beam=beam, forbidden=(START, END)
    )
    assert results[0][0].log_probability == sum([float(log_p[0, 2])] * steps)


def test_steps_that_return_nan_cut_the_search() -> None:
    def step(tokens: Ids, state: State, context: State) -> tuple[Floats, State]:
        return np.full((len(tokens), 5), np.nan), state

    for beam in (1, 3):
        results = search(
            step, {}, {"source": np.arange(2)}, start=START, end=END, max_lengths=np.array([4, 4]), beam=beam
        )
        assert results == [[Hypothesis((), 0.0, 0.0, finished=False)]] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "beam: given 0; expected 1 or more"),
        ({"length_penalty": -0.5}, "length_penalty: given -0.5; expected 0 or more"),
        ({"length_penalty": float("nan")}, "length_penalty: given nan; expected 0 or more"),
    ],
)
def test_invalid_options_raise_errors_that_name_them(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_search(Machine(0, 1), [3], **options)
