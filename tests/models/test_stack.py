"""The stack: weights by name, the state as a flat dict."""

import numpy as np
import pytest

from elman.errors import ModelError
from elman.models.matrix import take
from elman.models.stack import Stack
from elman.tasks.language_model.config import LanguageModelConfig
from tests.tasks.language_model.models import ARCHITECTURES, random_tensors

# float32, products summed in another order.
FLOAT32 = 1e-5


def random_stack(architecture: str) -> Stack:
    config = LanguageModelConfig(**ARCHITECTURES[architecture])
    return Stack(config.build_cell(), random_tensors(config, 7), config.embedding_size, config.hidden_sizes)


def random_inputs(B: int, T: int, I: int = 3) -> np.ndarray:  # noqa: E741
    return np.random.default_rng(1).standard_normal((B, T, I)).astype(np.float32)


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        ("gru_two_layers", {"layers.0.h": (3, 5), "layers.1.h": (3, 4)}),
        (
            "lstm_two_layers",
            {"layers.0.h": (3, 5), "layers.0.c": (3, 5), "layers.1.h": (3, 4), "layers.1.c": (3, 4)},
        ),
    ],
)
def test_the_state_is_named_by_layer_with_the_batch_first(architecture: str, names: dict[str, tuple[int, int]]) -> None:
    stack = random_stack(architecture)
    first = stack.initial_state(3)
    assert {name: array.shape for name, array in first.items()} == names
    assert all(not array.any() and array.dtype == np.float32 for array in first.values())
    outputs, state = stack.run(random_inputs(3, 6), first)
    assert {name: array.shape for name, array in state.items()} == names
    np.testing.assert_array_equal(outputs[:, -1], state["layers.1.h"])
    assert all(not array.any() for array in first.values())  # the first state is not changed


@pytest.mark.parametrize("architecture", ["tanh", "gru_two_layers", "lstm_two_layers"])
def test_a_row_ends_at_its_length(architecture: str) -> None:
    stack, x = random_stack(architecture), random_inputs(3, 6)
    outputs, state = stack.run(x, stack.initial_state(3), np.array([6, 0, 4]))
    assert not outputs[1].any()
    assert not outputs[2, 4:].any()
    alone, alone_state = stack.run(x[2:, :4], stack.initial_state(1))
    np.testing.assert_allclose(outputs[2, :4], alone[0], rtol=0, atol=FLOAT32)
    for name, array in state.items():
        assert not array[1].any()
        np.testing.assert_allclose(array[2], alone_state[name][0], rtol=0, atol=FLOAT32)


def test_a_sequence_in_two_parts_with_the_state_carried_is_the_whole_sequence() -> None:
    stack, x = random_stack("lstm_two_layers"), random_inputs(2, 9)
    whole, end = stack.run(x, stack.initial_state(2))
    first, between = stack.run(x[:, :4], stack.initial_state(2))
    second, carried_end = stack.run(x[:, 4:], between)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, rtol=0, atol=FLOAT32)
    for name, array in end.items():
        np.testing.assert_allclose(carried_end[name], array, rtol=0, atol=FLOAT32)


def test_take_returns_weights_by_name_or_raises_an_error_with_their_name_and_shape() -> None:
    tensors = {"a": np.zeros((2, 3), np.float32)}
    assert take(tensors, "a", (2, 3)) is tensors["a"]
    with pytest.raises(ModelError) as lacking:
        take(tensors, "b", (2, 3))
    assert str(lacking.value) == "model.safetensors: lacks the weights 'b'"
    with pytest.raises(ModelError) as misshapen:
        take(tensors, "a", (3, 2))
    assert str(misshapen.value) == "model.safetensors: 'a' has shape (2, 3); expected (3, 2)"


@pytest.mark.parametrize("architecture", ["tanh", "gru_two_layers", "lstm_two_layers"])
def test_a_missing_weight_and_one_of_another_shape_are_errors(architecture: str) -> None:
    config = LanguageModelConfig(**ARCHITECTURES[architecture])
    tensors = {name: t for name, t in random_tensors(config, 7).items() if name.startswith("layers.")}
    assert len(tensors) == 4 * len(config.hidden_sizes)
    for name, tensor in tensors.items():
        for damaged in ({n: t for n, t in tensors.items() if n != name}, {**tensors, name: tensor[1:]}):
            with pytest.raises(ModelError, match=name):
                Stack(config.build_cell(), damaged, config.embedding_size, config.hidden_sizes)
