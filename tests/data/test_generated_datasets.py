"""Generated data sets: reversed words, sums, the Mackey-Glass series, and Python's language reference."""

from __future__ import annotations

import math

import pytest

from elman.data import generated_datasets


def test_every_target_of_reverse_is_the_reversed_source_and_sources_are_distinct() -> None:
    pairs = [line.split("\t") for line in generated_datasets.reverse().decode().splitlines()]
    assert len(pairs) == 10_000
    assert all(target == "".join(reversed(source)) for source, target in pairs)
    assert len({source for source, _ in pairs}) == 10_000
    assert all(source.isascii() and source.isalpha() and source.islower() for source, _ in pairs)
    assert {len(source) for source, _ in pairs} == set(range(1, 21))


def test_every_sum_of_addition_is_correct_and_sums_are_distinct() -> None:
    lines = generated_datasets.addition().decode().splitlines()
    sums = [line.split("\t") for line in lines]
    assert len(sums) == 20_000
    assert len({source for source, _ in sums}) == 20_000
    for source, target in sums:
        a, b = source.split("+")
        assert target == str(int(a) + int(b))
        assert [a, b] == [str(int(a)), str(int(b))], "no leading zeros"
    assert {(len(a), len(b)) for a, b in (source.split("+") for source, _ in sums)} == {
        (a, b) for a in range(1, 5) for b in range(1, 5)
    }


def mackey_glass_rows() -> list[tuple[str, str]]:
    header, *lines = generated_datasets.mackey_glass().decode().splitlines()
    assert header == "step,value"
    rows = [line.split(",") for line in lines]
    return [(step, value) for step, value in rows]


def test_mackey_glass_has_10000_numbered_values_of_six_decimals() -> None:
    rows = mackey_glass_rows()
    assert [step for step, _ in rows] == [str(step) for step in range(10_000)]
    assert all(value == f"{float(value):.6f}" for _, value in rows)


def test_mackey_glass_starts_with_its_closed_form_while_the_delayed_value_is_constant() -> None:
    # Up to t = 17 the delayed value is 1.2, and dx/dt = inflow - 0.1 x is solved by an exponential.
    inflow = 0.2 * 1.2 / (1 + 1.2**10)
    exact = [inflow / 0.1 + (1.2 - inflow / 0.1) * math.exp(-0.1 * t) for t in range(18)]
    # Fourth order at step 0.1 and rate 0.1: about (0.1 * 0.1)^4 * 17 / 10 / 120 = 1e-10.
    assert generated_datasets.mackey_glass_series(18) == pytest.approx(exact, abs=1e-9)


def test_mackey_glass_converges_with_the_fourth_order() -> None:
    coarse, fine, finest = (generated_datasets.mackey_glass_series(200, steps_per_unit=count) for count in (10, 20, 40))
    coarse_error = max(abs(a - b) for a, b in zip(coarse, finest, strict=True))
    fine_error = max(abs(a - b) for a, b in zip(fine, finest, strict=True))
    assert coarse_error < 1e-8  # far below the six decimals of the file
    assert coarse_error > 10 * fine_error  # 16 in theory; a delayed value that is constant within a step gives 2


def test_mackey_glass_satisfies_its_equation_everywhere() -> None:
    x = [float(value) for _, value in mackey_glass_rows()]
    slope = [0.2 * x[t - 17] / (1 + x[t - 17] ** 10) - 0.1 * x[t] for t in range(17, len(x))]
    x = x[17:]
    for t in range(len(x) - 4):  # Boole's rule: the integral of the slopes of four steps is the change over them
        change = (7 * slope[t] + 32 * slope[t + 1] + 12 * slope[t + 2] + 32 * slope[t + 3] + 7 * slope[t + 4]) * 2 / 45
        # The error of the rule itself is at most 4.4e-5 here; that of tau 16 or 18 instead of 17 is 0.08, of n 9 0.02.
        assert abs(x[t + 4] - x[t] - change) < 1e-4


def test_mackey_glass_neither_converges_nor_repeats() -> None:
    values = [value for _, value in mackey_glass_rows()]
    assert max(map(float, values)) - min(map(float, values[-1000:])) > 0.8
    triples = list(zip(values, values[1:], values[2:], strict=False))
    assert len(set(triples)) == len(triples)


def test_python_docs_contain_every_topic_in_order_followed_by_a_blank_line() -> None:
    from pydoc_data.topics import topics

    text = generated_datasets.python_docs().decode()
    positions: list[int] = []
    for name in sorted(topics):
        position = text.find(topics[name].rstrip() + "\n\n", positions[-1] if positions else 0)
        assert position >= 0, name
        positions.append(position)
    assert positions == sorted(positions)
    assert len(text) == sum(len(topic.rstrip()) + 2 for topic in topics.values())


def test_python_docs_are_sorted_by_name_for_any_order_of_the_dict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydoc_data.topics.topics", {"while": "loops\n", "assert": "checks\n\n", "in": "’tis in"})
    assert generated_datasets.python_docs().decode() == "checks\n\n’tis in\n\nloops\n\n"
