"""Search against every sequence there is, against greedy as a plain loop, and against a beam of one source in lists."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding import Hypothesis, search
from elman.decoding.generation import State

# Both sides add the same float64 in the same order, so log probabilities are equal to the last bit, and so are scores.

START, END = 0, 1
Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Found = list[list[Hypothesis]]

seeds = st.integers(0, 10**6)
penalties = st.sampled_from([0.0, 0.6, 1.0, 2.5])
thorough = settings(deadline=None, derandomize=True, database=None, max_examples=60)


class Machine:
    """Every source has its own random table from (machine state, token) to log probabilities: rows never meet.

    Weights are small whole numbers where `coarse`, so that equals, impossible tokens and dead ends are common.
    """

    def __init__(self, seed: int, num_sources: int, V: int = 4, *, coarse: bool = False, size: int = 5) -> None:
        rng = np.random.default_rng(seed)
        shape = (num_sources, size, V)
        weights = rng.integers(0, 3, shape).astype(float) if coarse else np.exp(1.5 * rng.standard_normal(shape))
        with np.errstate(divide="ignore"):
            self._table = np.log(weights / np.maximum(1e-9, weights.sum(-1, keepdims=True)))
        self._table.flags.writeable = False  # what a step returns is not search's to write in
        self._next = rng.integers(0, size, (size, V))
        self.num_sources, self.V = num_sources, V
        self.fed: list[tuple[Ids, Ids]] = []  # tokens, and the sources in the context

    def start(self, sources: list[int] | None = None) -> tuple[State, State]:
        chosen = np.arange(self.num_sources) if sources is None else np.array(sources, np.int64)
        return {"at": chosen % 3, "of": chosen}, {"source": chosen}

    def step(self, tokens: Ids, state: State, context: State) -> tuple[Floats, State]:
        B = len(context["source"])
        self.fed.append((tokens, context["source"]))
        assert (np.repeat(context["source"], len(tokens) // B) == state["of"]).all(), "rows of a source stand together"
        at = self._next[state["at"], tokens]
        told = self._table[state["of"], at]
        told.flags.writeable = False
        return told, {"at": at, "of": state["of"]}

    def after(self, source: int, prefix: tuple[int, ...]) -> list[float]:
        """Log probabilities after start and a prefix, one token at a time."""
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
    machine: Machine, source: int, longest: int, penalty: float, ids: tuple[int, ...] = (), log_p: float = 0.0
) -> Iterator[Hypothesis]:
    """All sequences of a source that are possible and do not hold START, by recursion."""
    going_on = choices(machine, source, ids, (START,)) if len(ids) < longest else []
    if not going_on:
        yield hypothesis_of(ids, log_p, penalty, finished=False)
    for token, x in going_on:
        if token == END:
            yield hypothesis_of(ids, log_p + x, penalty, finished=True)
        else:
            yield from every_hypothesis(machine, source, longest, penalty, (*ids, token), log_p + x)


def plain_greedy(machine: Machine, source: int, longest: int, forbidden: tuple[int, ...] = (START,)) -> Hypothesis:
    ids: tuple[int, ...] = ()
    total = 0.0
    while len(ids) < longest and (allowed := choices(machine, source, ids, forbidden)):
        token, x = min(allowed, key=lambda choice: (-choice[1], choice[0]))
        total += x
        if token == END:
            return hypothesis_of(ids, total, 1.0, finished=True)
        ids = (*ids, token)
    return hypothesis_of(ids, total, 1.0, finished=False)


def plain_beam(
    machine: Machine,
    source: int,
    longest: int,
    K: int,
    penalty: float,
    forbidden: tuple[int, ...] = (START,),
    *,
    patient: bool = False,
) -> list[Hypothesis]:
    """The rules for one source, in lists; a patient one goes on until no prefix lives."""
    greedy = plain_greedy(machine, source, longest, forbidden)
    greedy_path = (*greedy.ids, END)
    found: list[Hypothesis] = []
    living: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    for length in range(longest + 1):
        best = max((one.score for one in found), default=-np.inf)
        highest = max((log_p for _, log_p in living), default=-np.inf) / max(1, longest) ** penalty
        if length < longest and len(found) >= K and highest <= best and not patient:
            break
        grown = []
        for row, (ids, log_p) in enumerate(living):
            going_on = choices(machine, source, ids, forbidden) if length < longest else []
            if not going_on:
                found.append(hypothesis_of(ids, log_p, penalty, finished=False))
            for token, x in going_on:
                other = (*ids, token) != greedy_path[: length + 1]
                grown.append((other, -(log_p + x), row, token, (*ids, token)))
        grown.sort()
        ends = [(ids[:-1], -cost) for _, cost, _, token, ids in grown[:K] if token == END]
        found += [hypothesis_of(ids, log_p, penalty, finished=True) for ids, log_p in ends]
        living = [(ids, -cost) for _, cost, _, token, ids in grown if token != END][:K]
    return sorted(found, key=lambda one: -one.score)[:K]


def searched(machine: Machine, longest: list[int], sources: list[int] | None = None, **options: object) -> Found:
    rules = {"start": START, "end": END, "forbidden": (START,), **options}
    return search(machine.step, *machine.start(sources), max_lengths=np.array(longest, np.int64), **rules)  # type: ignore[arg-type]


def lengths(seed: int, num_sources: int, most: int = 5) -> list[int]:
    return [int(length) for length in np.random.default_rng(seed).integers(0, most + 1, num_sources)]


@thorough
@given(seeds, st.booleans(), st.sampled_from([(START,), (), (START, 2), (START, END)]))
def test_greedy_takes_the_likeliest_token_that_is_allowed_at_each_step(seed, coarse: bool, forbidden) -> None:
    machine, longest = Machine(seed, 12, coarse=coarse), lengths(seed, 12)
    found = searched(machine, longest, forbidden=forbidden)
    assert found == [[plain_greedy(machine, source, longest[source], forbidden)] for source in range(12)]


@thorough
@given(seeds, st.booleans(), penalties)
def test_a_beam_as_wide_as_there_are_sequences_finds_them_all(seed: int, coarse: bool, penalty: float) -> None:
    machine, longest = Machine(seed, 3, coarse=coarse), lengths(seed, 3, most=4)
    expected = [list(every_hypothesis(machine, source, longest[source], penalty)) for source in range(3)]
    found = searched(machine, longest, beam=max(map(len, expected)), length_penalty=penalty)
    for hypotheses, every in zip(found, expected, strict=True):
        assert set(hypotheses) == set(every)
        assert [one.score for one in hypotheses] == sorted((one.score for one in every), reverse=True)


@pytest.mark.parametrize("forbidden", [(START,), (START, 3, 4, 5)])
@thorough
@given(seed=seeds, coarse=st.booleans(), beam=st.integers(2, 7), penalty=penalties)
def test_a_batch_is_searched_as_each_source_in_plain_lists(seed, coarse: bool, beam: int, penalty, forbidden) -> None:
    machine, longest = Machine(seed, 9, V=4 + len(forbidden), coarse=coarse), lengths(seed, 9, most=7)
    found = searched(machine, longest, beam=beam, length_penalty=penalty, forbidden=forbidden)
    assert found == [plain_beam(machine, source, longest[source], beam, penalty, forbidden) for source in range(9)]


@thorough
@given(seeds, st.integers(2, 5), penalties)
def test_stopping_early_never_loses_the_best_hypothesis(seed: int, beam: int, penalty: float) -> None:
    machine, longest = Machine(seed, 6), lengths(seed, 6, most=12)
    for source, hypotheses in enumerate(searched(machine, longest, beam=beam, length_penalty=penalty)):
        assert hypotheses[0] == plain_beam(machine, source, longest[source], beam, penalty, patient=True)[0]


@thorough
@given(seeds, st.booleans(), st.integers(1, 6), penalties)
def test_a_beam_never_scores_below_greedy_and_its_hypotheses_differ(seed, coarse: bool, beam: int, penalty) -> None:
    machine, longest = Machine(seed, 8, V=6, coarse=coarse), lengths(seed, 8, most=8)
    greedy = searched(machine, longest, length_penalty=penalty)
    for hypotheses, (alone,) in zip(searched(machine, longest, beam=beam, length_penalty=penalty), greedy, strict=True):
        assert hypotheses[0].score >= alone.score
        assert 1 <= len({(one.ids, one.finished) for one in hypotheses}) == len(hypotheses) <= beam
        assert hypotheses == sorted(hypotheses, key=lambda one: -one.score)
        assert not {START, END} & {token for one in hypotheses for token in one.ids}


@thorough
@given(seeds, st.integers(1, 4), st.permutations(range(7)), st.integers(1, 7))
def test_a_source_finds_the_same_whatever_else_is_in_the_batch(seed: int, beam: int, order, size: int) -> None:
    machine, longest = Machine(seed, 7), lengths(seed, 7, most=9)
    together = searched(machine, longest, beam=beam)
    chosen = list(order)[:size]
    assert searched(machine, [longest[s] for s in chosen], chosen, beam=beam) == [together[s] for s in chosen]


@pytest.mark.parametrize("beam", [1, 3])
def test_what_reaches_its_longest_length_is_cut_and_kept(beam: int) -> None:
    machine = Machine(1, 4)
    found = searched(machine, [0, 1, 3, 6], beam=beam, forbidden=(START, END))
    assert [{len(one.ids) for one in hypotheses} for hypotheses in found] == [{0}, {1}, {3}, {6}]
    assert not any(one.finished for hypotheses in found for one in hypotheses)
    assert found[0] == [Hypothesis((), 0.0, 0.0, finished=False)]


def test_nothing_is_asked_where_nothing_may_be_written() -> None:
    machine = Machine(0, 5)
    assert searched(machine, [0] * 5, beam=2) == [[Hypothesis((), 0.0, 0.0, finished=False)]] * 5
    assert searched(machine, [], []) == searched(machine, [], [], beam=2) == []
    assert machine.fed == []


@pytest.mark.parametrize("beam", [1, 3])
def test_sources_that_are_done_leave_once_they_are_an_eighth(beam: int) -> None:
    machine, longest = Machine(3, 64), lengths(3, 64, most=20)
    searched(machine, longest, beam=beam, forbidden=(START, END))  # so that a source is done at its longest length
    before = np.arange(64)
    for column, (tokens, sources) in enumerate(machine.fed):
        living = sum(longest[source] > column for source in sources)
        assert living == sum(length > column for length in longest), "no source leaves before it is done"
        assert 8 * (len(sources) - living) < len(sources)
        assert len(tokens) <= beam * len(sources)
        if len(sources) < len(before):
            assert 8 * (len(before) - living) >= len(before), "none leaves before an eighth is done"
        before = sources
    assert len(machine.fed) == max(longest)


@pytest.mark.parametrize("longest", [10, 40])
def test_a_beam_stops_as_soon_as_nothing_could_become_the_best(longest: int) -> None:
    asked = 0

    def step(tokens: Ids, state: State, context: State) -> tuple[Floats, State]:
        nonlocal asked
        asked += 1
        return np.log(np.tile([1e-9, 0.6, 0.2, 0.2], (len(tokens), 1))), state

    one = np.array([longest])
    found = search(step, {}, {"source": one}, start=START, end=END, max_lengths=one, beam=2, forbidden=(START,))
    assert found[0][0] == Hypothesis((), np.log(0.6), np.log(0.6), finished=True)
    # a prefix of n tokens, n log 0.2, is hopeless where even certain tokens would leave it below log 0.6 a token
    assert asked == np.ceil(longest * np.log(0.6) / np.log(0.2))


def test_greedy_copies_a_state_only_where_sources_leave() -> None:
    machine = Machine(4, 32)
    given_states, returned = [], []

    def step(tokens: Ids, state: State, context: State) -> tuple[Floats, State]:
        told, after = machine.step(tokens, state, context)
        given_states.append((state["at"], context["source"]))
        returned.append((after["at"], context["source"]))
        return told, after

    search(step, *machine.start(), start=START, end=END, max_lengths=np.full(32, 20))
    rows = [len(at) for at, _ in given_states]
    assert len(set(rows)) > 2
    for before, now, left in zip(returned, given_states[1:], returned, strict=False):
        if len(now[0]) == len(left[0]):
            assert now[0] is before[0]
            assert now[1] is before[1]


@pytest.mark.parametrize("beam", [1, 4])
def test_float32_steps_are_added_up_in_float64(beam: int) -> None:
    steps = 3000
    told = np.log(np.array([[1e-3, 1e-4, 0.9989]], np.float32))

    def step(tokens: Ids, state: State, context: State) -> tuple[npt.NDArray[np.float32], State]:
        return np.repeat(told, len(tokens), axis=0), state

    one = np.array([steps])
    found = search(step, {}, {"source": one}, start=START, end=END, max_lengths=one, beam=beam, forbidden=(START, END))
    assert found[0][0].log_probability == sum([float(told[0, 2])] * steps)


def test_a_step_that_computes_no_numbers_is_cut_at_once() -> None:
    def step(tokens: Ids, state: State, context: State) -> tuple[Floats, State]:
        return np.full((len(tokens), 5), np.nan), state

    for beam in (1, 3):
        found = search(
            step, {}, {"source": np.arange(2)}, start=START, end=END, max_lengths=np.array([4, 4]), beam=beam
        )
        assert found == [[Hypothesis((), 0.0, 0.0, finished=False)]] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "beam: given 0, expected 1 or more"),
        ({"length_penalty": -0.5}, "length_penalty: given -0.5, expected 0 or more"),
        ({"length_penalty": float("nan")}, "length_penalty: given nan, expected 0 or more"),
    ],
)
def test_a_wrong_option_is_told_with_what_is_expected(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        searched(Machine(0, 1), [3], **options)
