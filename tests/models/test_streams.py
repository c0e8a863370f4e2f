"""Many streams at once: each gets what it would get alone, whenever others join, push and leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import elman
from elman.errors import ArgumentError, ConfigError, ElmanError, ModelError
from elman.models import streams as streams_module
from elman.models.streams import StreamFullError, Streams
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.language_model.models import tiny_predictor
from tests.tasks.seq2seq.models import tiny_predictor as tiny_encoder_decoder

from .streaming_models import MODELS, random_inputs, tiny_forecaster_of_several_series

FEW = ("lm-lstm_two_layers", "classify-attention", "tag-crf", "forecast-lstm", "forecast-narx")


def joined(parts: list[Any]) -> Any:
    return [item for part in parts for item in part] if isinstance(parts[0], list) else np.concatenate(parts)


@pytest.mark.parametrize(
    ("name", "num_streams"), [*((name, 12) for name in MODELS), *((name, 200) for name in FEW), (FEW[0], 1_000)]
)
def test_streams_that_join_and_leave_at_random_equal_runs_alone(name: str, num_streams: int) -> None:
    model, rng = MODELS[name](), np.random.default_rng(num_streams)
    streams = Streams(model, max_steps=5)
    inputs: dict[int, list[Any]] = {}
    outputs: dict[int, list[Any]] = {}
    begun, states = 0, {}
    while begun < num_streams or len(streams):
        for _ in range(rng.integers(1 + num_streams // 8)):
            if begun < num_streams:
                begun += 1
                number = streams.open()
                inputs[number], outputs[number] = [], []
        for number in list(streams):
            if rng.random() < 0.6:
                inputs[number].append(random_inputs(model, int(rng.integers(0, 8)), rng))
                streams.push(number, inputs[number][-1])
        for number, output in streams.advance().items():
            outputs[number].append(output)
        for number in list(streams):
            if not streams.waiting(number) and inputs[number] and rng.random() < 0.3:
                states[number] = streams.close(number)
    assert len(inputs) == num_streams
    for number, parts in inputs.items():
        alone, state = model.run([joined(parts)], model.initial_state(1))
        together = outputs[number] or [np.zeros((0, *model.output_shape))]
        np.testing.assert_allclose(np.concatenate(together), alone[0], rtol=1e-5, atol=2e-6)
        for entry, array in model.state_from_bytes(states[number]).items():
            np.testing.assert_allclose(array, state[entry], rtol=1e-5, atol=2e-6)


def test_a_stream_goes_on_in_other_streams_from_its_bytes() -> None:
    model, ids = tiny_predictor(), np.arange(9) % 4
    whole, _ = model.run([ids], model.initial_state(1))
    first, second = Streams(model), Streams(tiny_predictor())
    number = first.open()
    first.push(number, ids[:4])
    first.advance()
    number = second.open(first.close(number))
    second.push(number, ids[4:].tolist())
    np.testing.assert_allclose(second.advance()[number], whole[0, 4:], rtol=1e-5, atol=1e-6)


def test_streams_of_several_series_have_the_units_of_their_series() -> None:
    model, rows = tiny_forecaster_of_several_series(), np.arange(12.0).reshape(4, 3)
    streams = Streams(model)
    numbers = {name: streams.open(series=[name]) for name in "AB"}
    for number in numbers.values():
        streams.push(number, rows)
    outputs = streams.advance()
    for name, number in numbers.items():
        alone, _ = model.run([rows], model.initial_state(1, series=[name]))
        np.testing.assert_allclose(outputs[number], alone[0], rtol=1e-6)
    assert np.abs(outputs[0] - outputs[1]).max() > 1.0
    with pytest.raises(ConfigError, match=r"series: given \[\]; expected 1 names of series"):
        streams.open()


def test_one_call_reads_a_limited_number_of_inputs_and_the_rest_waits() -> None:
    streams = Streams(tiny_predictor(), max_steps=4)
    long, short = streams.open(), streams.open()
    streams.push(long, [0, 1, 2])
    streams.push(long, [3, 0, 1])
    streams.push(short, [1])
    assert {number: len(output) for number, output in streams.advance().items()} == {long: 4, short: 1}
    assert (streams.waiting(long), streams.waiting(short)) == (2, 0)
    assert [{number: len(output) for number, output in part.items()} for part in streams.drain()] == [{long: 2}]
    assert streams.advance() == {}


def test_a_full_stream_takes_nothing_of_what_is_pushed() -> None:
    streams = Streams(tiny_predictor(), max_waiting=5)
    number = streams.open()
    streams.push(number, [0, 1, 2])
    with pytest.raises(StreamFullError) as raised:
        streams.push(number, [1, 2, 3])
    assert str(raised.value) == (
        "3 inputs of stream 0 wait, and 3 more came; expected at most 5. Advance the streams before you push more, or "
        "choose a larger max_waiting"
    )
    assert streams.waiting(number) == 3
    streams.advance()
    streams.push(number, [1, 2, 3])
    assert len(streams.advance()[number]) == 3


def test_no_more_streams_open_than_the_limit_and_a_closed_one_makes_room() -> None:
    streams = Streams(tiny_predictor(), max_streams=2)
    first, second = streams.open(), streams.open()
    with pytest.raises(StreamFullError, match="2 streams are open; expected at most 2"):
        streams.open()
    streams.close(first)
    third = streams.open()
    assert list(streams) == [second, third]
    assert third not in (first, second)


def test_a_row_that_was_used_before_begins_anew() -> None:
    streams = Streams(tiny_predictor())
    used = streams.open()
    streams.push(used, [1, 2, 3])
    streams.advance()
    streams.close(used)
    streams.push(number := streams.open(), [1])
    fresh = Streams(tiny_predictor())
    fresh.push(other := fresh.open(), [1])
    assert streams.advance()[number].tobytes() == fresh.advance()[other].tobytes()


def test_memory_grows_with_the_streams_that_are_open_at_a_time() -> None:
    streams = Streams(tiny_predictor())
    for _ in range(100):
        streams.close(streams.open())
    assert streams.allocated_bytes == streams_module.FIRST_ROWS * streams.bytes_per_stream
    for _ in range(100):
        streams.open()
    assert streams.allocated_bytes == 128 * streams.bytes_per_stream


@pytest.mark.parametrize("name", FEW)
def test_a_step_of_some_streams_is_what_a_push_of_each_gives(name: str) -> None:
    model, rng = MODELS[name](), np.random.default_rng(0)
    pushed, stepped = Streams(model), Streams(model)
    numbers = [(pushed.open(), stepped.open()) for _ in range(9)]
    for _ in range(6):
        chosen = rng.permutation(9)[:5].tolist()
        inputs = random_inputs(model, 5, rng)
        for i, which in enumerate(chosen):
            pushed.push(numbers[which][0], inputs[i : i + 1])
        expected = pushed.advance()
        outputs = stepped.step([numbers[which][1] for which in chosen], inputs)
        for output, which in zip(outputs, chosen, strict=True):
            np.testing.assert_allclose(output, expected[numbers[which][0]][0], rtol=1e-5, atol=2e-6)
    for a, b in numbers:
        states = [model.state_from_bytes(content) for content in (pushed.state(a), stepped.state(b))]
        for entry, array in states[0].items():
            np.testing.assert_allclose(array, states[1][entry], rtol=1e-5, atol=2e-6)


def test_a_step_takes_one_input_for_each_stream_and_keeps_their_order() -> None:
    streams = Streams(tiny_predictor())
    first, second = streams.open(), streams.open()
    for numbers, inputs in (([first, second], [1]), ([first, first], [1, 2]), ([first], [1, 2])):
        with pytest.raises(ArgumentError, match=r"inputs: given \d inputs for \d different streams; expected one for"):
            streams.step(numbers, inputs)
    streams.push(second, [3])
    with pytest.raises(ArgumentError, match=r"inputs of stream 1 wait; expected none\. Advance the streams before"):
        streams.step([first, second], [1, 2])
    assert streams.step([first], [1]).shape == (1, *tiny_predictor().output_shape)


def test_a_wrong_input_disturbs_nothing() -> None:
    streams = Streams(tiny_predictor())
    good, wrong = streams.open(), streams.open()
    streams.push(good, [1, 2])
    with pytest.raises(ArgumentError, match="given the token 99"):
        streams.push(wrong, [1, 99])
    assert {number: len(output) for number, output in streams.advance().items()} == {good: 2}


def test_a_closed_stream_is_not_read_though_inputs_wait() -> None:
    streams = Streams(tiny_predictor())
    number = streams.open()
    streams.push(number, [1, 2])
    streams.close(number)
    assert streams.advance() == {}
    for call in (streams.close, streams.state, streams.waiting, lambda n: streams.push(n, [1])):
        with pytest.raises(ArgumentError, match="stream: given 0; expected the number of an open stream"):
            call(number)


def test_outputs_are_computed_in_batches_of_limited_size(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_predictor()
    monkeypatch.setattr(streams_module, "BATCH_OUTPUTS", 30 * len(model.vocabulary))
    streams, sizes, run = Streams(model), [], model.run_checked

    def recorded(chunks: Any, state: Any) -> Any:
        sizes.append(len(chunks) * max(map(len, chunks)))
        return run(chunks, state)

    monkeypatch.setattr(model, "run_checked", recorded)
    for length in (3, 8, 5, 8, 8, 1, 2):
        streams.push(streams.open(), [1] * length)
    assert [len(output) for output in streams.advance().values()] == [3, 8, 5, 8, 8, 1, 2]
    assert max(sizes) <= 30


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (
            tiny_encoder_decoder,
            ConfigError,
            "model: given a model of the task seq2seq; expected a model that reads step",
        ),
        (lambda: "runs/book", ConfigError, "model: given an object of the type str; expected a model that reads step"),
        (tiny_classifier, ConfigError, "the model is bidirectional; expected one that reads in one direction"),
        (elman.LanguageModel, ElmanError, "the model is not trained yet"),
    ],
)
def test_models_that_do_not_read_step_by_step(model: Any, error: type[ElmanError], message: str) -> None:
    with pytest.raises(error, match=message):
        Streams(model())


@pytest.mark.parametrize("option", ["max_streams", "max_waiting", "max_steps"])
def test_limits_below_one(option: str) -> None:
    with pytest.raises(ArgumentError, match=f"{option}: given 0; expected 1 or more"):
        Streams(tiny_predictor(), **{option: 0})


def test_states_that_are_not_those_of_one_stream() -> None:
    model = tiny_predictor()
    streams = Streams(model)
    with pytest.raises(ArgumentError, match="state: given that of 2 streams; expected one"):
        streams.open(model.initial_state(2))
    with pytest.raises(ModelError, match="these bytes are not the state of a model"):
        streams.open(b"")
    assert len(streams) == 0
    streams.push(number := streams.open(), [1])  # no row is lost
    assert len(streams.advance()[number]) == 1


def test_the_state_of_a_stream_is_small() -> None:
    streams = Streams(tiny_predictor())
    assert streams.bytes_per_stream == 4 * 2 * (5 + 4)
    assert len(streams.state(streams.open())) == 24 + streams.bytes_per_stream
