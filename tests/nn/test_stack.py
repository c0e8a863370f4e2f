"""The weights that layers start from: orthogonal matrices, open gates, gates that keep for as long as they are told."""

from __future__ import annotations

import pytest
import torch

import elman.nn

LAYERS: dict[str, type[torch.nn.RNN] | type[torch.nn.GRU] | type[torch.nn.LSTM]] = {
    "elman": elman.nn.RNN,
    "gru": elman.nn.GRU,
    "lstm": elman.nn.LSTM,
}


def started(cell: str, **options: int) -> torch.nn.Module:
    torch.manual_seed(0)
    layer = LAYERS[cell](5, 16, bidirectional=True)
    elman.nn.initialize_recurrent([layer], **options)
    return layer


@pytest.mark.parametrize("cell", LAYERS)
def test_recurrent_matrices_are_orthogonal_gate_by_gate(cell: str) -> None:
    for name, weight in started(cell).named_parameters():
        if "weight_hh" in name:
            for gate in weight.detach().split(16):
                torch.testing.assert_close(gate @ gate.T, torch.eye(16), rtol=0, atol=1e-5)


def test_forget_gates_are_open_and_other_biases_zero() -> None:
    for name, bias in started("lstm").named_parameters():
        if "bias" in name:
            expected = torch.zeros(64)
            expected[16:32] = 1.0 if "bias_ih" in name else 0.0
            torch.testing.assert_close(bias.detach(), expected)


@pytest.mark.parametrize(("cell", "keeps", "lets_in"), [("lstm", 1, 0), ("gru", 1, None)])
def test_chrono_gates_keep_from_one_step_to_the_longest(cell: str, keeps: int, lets_in: int | None) -> None:
    """A gate sigmoid(log u) = u / (u + 1) forgets a share 1 / (u + 1) a step: it keeps for about u steps."""
    steps = 200
    for name, bias in started(cell, chrono_steps=steps).named_parameters():
        if "bias_ih" in name:
            gates = bias.detach().split(16)
            times = 1.0 / (1.0 - torch.sigmoid(gates[keeps])) - 1.0
            assert 1.0 <= times.min() < times.max() <= steps - 1.0 + 1e-2
            assert times.max() > steps / 2
            if lets_in is not None:
                torch.testing.assert_close(gates[lets_in], -gates[keeps])
            others = [gate for n, gate in enumerate(gates) if n not in (keeps, lets_in)]
            assert all(torch.equal(gate, torch.zeros(16)) for gate in others)


def test_an_elman_cell_has_no_gate_to_keep_with_and_a_memory_of_two_steps_is_none() -> None:
    plain, chrono = started("elman").parameters(), started("elman", chrono_steps=50).parameters()
    assert all(torch.equal(a, b) for a, b in zip(plain, chrono, strict=True))
    with pytest.raises(ValueError, match="chrono_steps: given 2; expected 3 or more"):
        started("lstm", chrono_steps=2)
