"""Reading in parts: however a sequence is cut, and beside whichever others it is read, the outputs are the same."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from elman.errors import ArgumentError, DataError, ElmanError
from elman.models.streaming import StreamingPredictor
from elman.tasks.forecaster.series import Series
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.forecaster.models import INPUTS, TARGETS, series_of
from tests.tasks.forecaster.models import tiny_predictor as tiny_forecaster
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model
from tests.tasks.tagger.models import tiny_predictor as tiny_tagger

from .streaming_models import MODELS, random_inputs

every_model = pytest.mark.parametrize("name", MODELS)
assert_close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)


def step_by_step(model: StreamingPredictor, inputs: Any) -> tuple[list[Any], Any]:
    state, outputs = model.initial_state(1), []
    for t in range(len(inputs)):
        output, state = model.step(inputs[t : t + 1], state)
        outputs.append(output[0])
    return outputs, state


def assert_states_equal(a: Any, b: Any) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype
        assert_close(a[name], b[name])


@every_model
def test_chunks_of_any_length_give_what_single_steps_give(name: str) -> None:
    model, rng = MODELS[name](), np.random.default_rng(0)
    inputs = random_inputs(model, 23, rng)
    expected, last = step_by_step(model, inputs)
    state, outputs, begin = model.initial_state(1), [], 0
    for size in (1, 7, 0, 2, 13):
        chunk_outputs, state = model.run([inputs[begin : begin + size]], state)
        assert chunk_outputs.shape == (1, size, *model.output_shape)
        outputs += list(chunk_outputs[0])
        begin += size
    assert_close(outputs, expected)
    assert_states_equal(state, last)


@every_model
def test_a_stream_is_read_beside_longer_and_shorter_ones_as_alone(name: str) -> None:
    model, rng = MODELS[name](), np.random.default_rng(1)
    first = [random_inputs(model, count, rng) for count in (5, 1, 0, 9)]
    second = [random_inputs(model, count, rng) for count in (0, 4, 3, 4)]
    outputs, between = model.run(first, model.initial_state(4))
    more, state = model.run(second, between)
    assert outputs.shape[:2] == (4, 9)
    assert more.shape[:2] == (4, 4)
    for row in range(4):
        counts = len(first[row]), len(second[row])
        alone, last = step_by_step(model, first[row])
        assert_close(outputs[row, : counts[0]], np.reshape(alone, (-1, *model.output_shape)))
        assert not outputs[row, counts[0] :].any()
        assert not more[row, counts[1] :].any()
        for t in range(counts[1]):
            output, last = model.step(second[row][t : t + 1], last)
            assert_close(more[row, t], output[0])
        assert_states_equal({name: array[row : row + 1] for name, array in state.items()}, last)


@every_model
def test_a_state_goes_to_bytes_and_back_bit_for_bit(name: str) -> None:
    model, rng = MODELS[name](), np.random.default_rng(2)
    _, state = model.run([random_inputs(model, 6, rng) for _ in range(3)], model.initial_state(3))
    content = model.state_to_bytes(state)
    assert len(content) == 24 + 3 * model.state_layout().record_size
    back = model.state_from_bytes(content)
    assert {n: (a.dtype, a.shape, a.tobytes()) for n, a in back.items()} == {
        n: (a.dtype, a.shape, a.tobytes()) for n, a in state.items()
    }
    after = [random_inputs(model, 2, rng) for _ in range(3)]
    assert model.run(after, back)[0].tobytes() == model.run(after, state)[0].tobytes()


def test_a_value_that_is_missing_in_the_first_row_is_the_mean_of_the_training_set() -> None:
    model, rows = tiny_forecaster(), series_of(12).values
    rows[0, 1] = np.nan
    alike = rows.copy()
    alike[0, 1] = model.scales.mean[1]
    outputs, _ = model.run([rows, alike], model.initial_state(2))
    np.testing.assert_array_equal(outputs[0], outputs[1])
    series = Series(TARGETS, INPUTS, rows)
    assert_close(outputs[0, -1], model.predict(series).quantiles)


@pytest.mark.parametrize(
    ("model", "inputs", "error", "message"),
    [
        (tiny_language_model, [0, 99], ArgumentError, "inputs: given the token 99; expected numbers from 0 to "),
        (tiny_language_model, [-1], ArgumentError, "inputs: given the token -1; expected numbers from 0 to "),
        (tiny_language_model, "ab", ArgumentError, "inputs: given 'ab'; expected a list of the numbers of tokens"),
        (tiny_language_model, [0.5], ArgumentError, r"inputs: given \[0.5\]; expected a list of the numbers of tokens"),
        (tiny_language_model, [[1]], ArgumentError, r"inputs: given \[\[1\]\]; expected a list of the numbers"),
        (
            lambda: tiny_tagger("unidirectional"),
            "Ann left",
            ArgumentError,
            "inputs: given 'Ann left'; expected a list of tokens. Split a text into its tokens by model.tokens",
        ),
        (
            lambda: tiny_classifier("max_unidirectional"),
            ["a", 5],
            ArgumentError,
            r"inputs: given \['a', 5\]; expected a list of tokens",
        ),
        (
            tiny_forecaster,
            [[1.0, 2.0]],
            ArgumentError,
            r"inputs: given an array \(1, 2\); expected rows of 3 numbers: ",
        ),
        (tiny_forecaster, [["a"]], ArgumentError, r"inputs: given \[\['a'\]\]; expected rows of 3 numbers"),
        (lambda: tiny_forecaster("gru"), [[-1.0, 2.0, 3.0]], DataError, "expected numbers above 0, or NaN"),
    ],
)
def test_inputs_that_a_model_cannot_read(model: Any, inputs: Any, error: type[ElmanError], message: str) -> None:
    predictor = model()
    with pytest.raises(error, match=message):
        predictor.run([inputs], predictor.initial_state(1))
