"""Generation compared with the same loop written out."""

from __future__ import annotations

import numpy as np
import pytest

from elman.decoding import Sampler, generate

from .machines import Machine


def generate_tokens(seed: int, sampler: Sampler, max_tokens: int, machine: Machine | None = None) -> list[int]:
    machine = machine or Machine(5, 7)
    return list(generate(machine.step, *machine.start(), sampler, np.random.default_rng(seed), max_tokens))


@pytest.mark.parametrize("sampler", [Sampler(), Sampler(0.7, top_k=4), Sampler(1.5, top_p=0.9)])
def test_the_seed_determines_the_tokens(sampler: Sampler) -> None:
    assert generate_tokens(1, sampler, 40) == generate_tokens(1, sampler, 40)
    assert generate_tokens(1, sampler, 40) != generate_tokens(2, sampler, 40)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_every_token_is_chosen_from_the_logits_after_the_previous_one(temperature: float) -> None:
    machine, sampler, rng = Machine(5, 7), Sampler(temperature), np.random.default_rng(5)
    logits, state = machine.start()
    expected: list[int] = []
    for _ in range(30):
        token = int(logits.argmax()) if temperature == 0.0 else sampler.choose(logits, rng)
        expected.append(token)
        rows, state = machine.step(np.array([token]), state)
        logits = rows[0]
    assert generate_tokens(5, sampler, 30) == expected
    assert len(set(expected)) > 2  # a machine that repeats one token would not detect a lost state


@pytest.mark.parametrize("max_tokens", [-1, 0, 1, 2, 17])
def test_there_are_exactly_max_tokens_and_no_unnecessary_step(max_tokens: int) -> None:
    machine = Machine(5, 7)
    tokens = generate_tokens(0, Sampler(), max_tokens, machine)
    assert len(tokens) == max(0, max_tokens)
    assert machine.inputs == [[token] for token in tokens[:-1]]


def test_a_token_is_yielded_before_the_next_step() -> None:
    machine = Machine(5, 7)
    stream = generate(machine.step, *machine.start(), Sampler(), np.random.default_rng(0), 5)
    first = next(stream)
    assert machine.inputs == []
    next(stream)
    assert machine.inputs == [[first]]
