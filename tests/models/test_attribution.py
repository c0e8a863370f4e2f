"""Attribution: exact where the right answer is known, complete where the method promises it, and the model's own F."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from elman.cells import Elman
from elman.errors import ConfigError
from elman.models.attribution import METHODS, attribute
from elman.models.stack import Stack
from elman.models.trace import Trace
from tests.tasks.classifier.models import tiny_predictor as tiny_classifier
from tests.tasks.language_model.models import tiny_predictor as tiny_language_model
from tests.tasks.tagger.models import tiny_predictor as tiny_tagger

Array = np.ndarray[Any, Any]
every_method = pytest.mark.parametrize("method", list(METHODS))


def linear_stack(rng: np.random.Generator) -> Stack:
    """Two layers without an activation, whose outputs are a linear function of the inputs."""
    shapes = {"weight_ih_l0": None, "weight_hh_l0": (3, 3)}
    tensors = {}
    for layer, inputs in enumerate((4, 3)):
        for name, shape in shapes.items():
            tensors[f"layers.{layer}.{name}"] = rng.normal(size=shape or (3, inputs)).astype(np.float32)
        for name in ("bias_ih_l0", "bias_hh_l0"):
            tensors[f"layers.{layer}.{name}"] = np.zeros(3, np.float32)
    return Stack(Elman("identity"), tensors, 4, [3, 3])


@every_method
def test_a_linear_function_is_the_sum_of_the_contributions(method: str) -> None:
    rng = np.random.default_rng(3)
    stack, x, v = linear_stack(rng), rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    result = attribute(stack, x, lambda outputs: (float((outputs * v).sum()), v), method)
    alone = np.eye(5)[:, :, None] * x  # the input of one step, and zeros for the others
    expected = [
        float((stack.run(part[None].astype(np.float32), stack.initial_state(1))[0] * v).sum()) for part in alone
    ]
    np.testing.assert_allclose(result.scores, expected, atol=1e-4)
    assert result.baseline == 0.0
    assert result.value == pytest.approx(result.scores.sum())


MODELS: dict[str, Callable[..., Trace]] = {
    "classifier": lambda **options: tiny_classifier().trace("cold hot cold", label="hot", **options),
    "classifier with attention": lambda **options: tiny_classifier("attention").trace("cold hot cold", **options),
    "classifier with the last outputs": lambda **options: tiny_classifier("last").trace("cold hot cold", **options),
    "language model": lambda **options: tiny_language_model().trace("abc de.\ncab", **options),
    "tagger": lambda **options: tiny_tagger().trace(["ab", "c", "ab"], position=2, **options),
    "tagger with a CRF": lambda **options: tiny_tagger("crf").trace(["ab", "c", "ab"], position=2, **options),
}


@every_method
@pytest.mark.parametrize("model", list(MODELS))
def test_the_value_is_the_log_probability_of_the_model(model: str, method: str) -> None:
    trace = MODELS[model](attribution=method)
    fact = trace.facts["attribution"]
    position = fact.get("position")
    if trace.task == "lm":
        expected = -trace["loss"][position - 2]
    elif trace.task == "tag":
        target = trace.facts["labels"].index(trace.facts["target"][position - 1])
        expected = np.log(trace["probabilities"][position - 1, target])
    else:
        expected = -trace.facts["loss"]
    assert fact["value"] == pytest.approx(float(expected), abs=1e-5)
    assert trace["attribution"].shape == (len(trace.axes["tokens"]),)


@pytest.mark.parametrize("model", list(MODELS))
def test_integrated_gradients_are_complete(model: str) -> None:
    trace = MODELS[model](attribution="integrated_gradients")
    fact = trace.facts["attribution"]
    assert trace["attribution"].sum() == pytest.approx(fact["value"] - fact["baseline"], abs=1e-3)
    assert np.abs(trace["attribution"]).max() > 1e-3


@pytest.mark.parametrize("model", list(MODELS))
def test_gradients_are_those_of_finite_differences(model: str) -> None:
    """x . dF/dx is the derivative of F at x (1 + e) by e: of all tokens together."""
    from elman.models import attribution

    given: dict[str, Any] = {}
    original = attribution.attribute

    def remember(stack: Stack, x: Array, head: Any, method: str) -> Any:
        given.update(stack=stack, x=x, head=head)
        return original(stack, x, head, method)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribution, "attribute", remember)
        scores = MODELS[model](attribution="gradient_x_input")["attribution"]
    network = attribution._Network(given["stack"], given["head"])
    x = given["x"].astype(np.float64)
    for t in range(len(x)):
        step = np.zeros_like(x)
        step[t] = 1e-5 * x[t]
        more, less = network.values(np.stack([x + step, x - step]))
        assert scores[t] == pytest.approx((more - less) / 2e-5, abs=1e-6)


@every_method
def test_tokens_after_the_position_contribute_nothing_to_a_language_model(method: str) -> None:
    trace = tiny_language_model().trace("abc de.\ncab", attribution=method, position=5)
    assert not trace["attribution"][4:].any()
    assert trace["attribution"][:4].all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attribution": "saliency"}, "attribution: given 'saliency'; expected gradient_x_input, integrated_gradients"),
        ({"attribution": "leave_one_out", "position": 1}, "position: given 1; expected 2 to 11"),
        ({"attribution": "leave_one_out", "position": 12}, "position: given 12; expected 2 to 11"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_language_model().trace("abc de.\ncab", **options)


def test_a_text_of_one_token_has_nothing_to_attribute() -> None:
    with pytest.raises(ConfigError, match="a text of 1 token; expected two or more"):
        tiny_language_model().trace("a", attribution="leave_one_out")
