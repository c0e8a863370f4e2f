"""The conditional random field: sums over all paths, one path at a time; nn/crf.py is the same, with derivatives."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch

import elman.nn
from elman.models.crf import ConditionalRandomField
from elman.text.spans import TransitionMask, transition_mask

LABELS = ("B-X", "I-X", "O")
LENGTHS = np.array([4, 1, 3])
Array = npt.NDArray[np.float64]


def tensors(seed: int = 0, scale: float = 1.0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    shapes = {"crf.transitions": (3, 3), "crf.start": (3,), "crf.end": (3,)}
    return {name: scale * rng.normal(size=shape) for name, shape in shapes.items()}


def scores_of_paths(row: Array, weights: dict[str, Array], allowed: TransitionMask) -> dict[tuple[int, ...], float]:
    """Return the score of every allowed path through emissions (T, C)."""
    A, start, end = (weights[f"crf.{name}"] for name in ("transitions", "start", "end"))
    scores = {}
    for path in itertools.product(range(3), repeat=len(row)):
        pairs = list(itertools.pairwise(path))
        if allowed.start[path[0]] and allowed.end[path[-1]] and all(allowed.transitions[pair] for pair in pairs):
            token_scores = sum(row[t, j] for t, j in enumerate(path))
            scores[path] = float(start[path[0]] + token_scores + sum(A[pair] for pair in pairs) + end[path[-1]])
    return scores


@pytest.fixture(params=["bio", "none"])
def allowed(request: pytest.FixtureRequest) -> TransitionMask:
    return transition_mask(LABELS, request.param)


@pytest.fixture
def emissions() -> Array:
    return 2.0 * np.random.default_rng(7).normal(size=(3, 4, 3))


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_partition_function_is_the_sum_over_all_paths(
    allowed: TransitionMask, emissions: Array, scale: float
) -> None:
    weights = tensors(scale=scale)
    log_Z = ConditionalRandomField(weights, 3, allowed).log_partition(scale * emissions, LENGTHS)
    for row, length in enumerate(LENGTHS):
        scores = np.array(list(scores_of_paths(scale * emissions[row, :length], weights, allowed).values()))
        assert log_Z[row] == pytest.approx(np.logaddexp.reduce(scores), rel=1e-12)


def test_probabilities_of_paths_and_of_single_tags_are_those_of_all_paths(
    allowed: TransitionMask, emissions: Array
) -> None:
    weights = tensors()
    field = ConditionalRandomField(weights, 3, allowed)
    marginals = field.marginals(emissions, LENGTHS)
    best = field.best_paths(emissions, LENGTHS)
    for row, length in enumerate(LENGTHS):
        scores = scores_of_paths(emissions[row, :length], weights, allowed)
        total = np.logaddexp.reduce(list(scores.values()))
        expected = np.zeros((length, 3))
        for path, score in scores.items():
            expected[np.arange(length), path] += np.exp(score - total)
            labels = np.zeros((3, 4), np.int64)
            labels[row, :length] = path
            log_p = field.log_probability(emissions, LENGTHS, labels)[row]
            assert log_p == pytest.approx(score - total, rel=1e-10)
        np.testing.assert_allclose(marginals[row, :length], expected, rtol=1e-10, atol=1e-15)
        assert tuple(best[row]) == max(scores, key=scores.__getitem__)


def test_step_by_step_probabilities_depend_on_the_tokens_so_far(emissions: Array) -> None:
    weights = tensors()
    weights["crf.end"][:] = 0.0
    field = ConditionalRandomField(weights, 3, transition_mask(LABELS, "bio"))
    log_p = field.start(emissions[:, 0])
    for t in range(4):
        log_p = field.step(log_p, emissions[:, t]) if t else log_p
        expected = field.marginals(emissions[:, : t + 1], np.full(3, t + 1))[:, t]
        np.testing.assert_allclose(np.exp(log_p), expected, rtol=1e-10, atol=1e-15)


def test_a_sentence_without_an_allowed_path_still_has_a_best_path() -> None:
    allowed = transition_mask(("B-X", "E-X", "O"), "bioes")
    field = ConditionalRandomField(tensors(), 3, allowed._replace(start=np.array([True, False, False])))
    emissions = np.random.default_rng(0).normal(size=(1, 1, 3)).astype(np.float32)
    emissions[0, 0] = [1.0, 9.0, 9.0]  # only the first tag may begin, and it may not end
    (path,) = field.best_paths(emissions, np.array([1]))
    assert path.tolist() == [1]  # the best path that violates one rule
    assert np.isfinite(field.marginals(emissions, np.array([1]))).all()
    assert np.isfinite(field.log_partition(emissions, np.array([1]))).all()


def network(weights: dict[str, Array], allowed: TransitionMask) -> elman.nn.ConditionalRandomField:
    module = elman.nn.ConditionalRandomField(allowed).double()
    with torch.no_grad():
        for name, value in weights.items():
            getattr(module, name.removeprefix("crf.")).copy_(torch.from_numpy(value))
    return module


def test_the_torch_module_computes_the_same_probabilities(allowed: TransitionMask, emissions: Array) -> None:
    weights = tensors()
    labels = np.array([[0, 1, 1, 2], [2, 0, 0, 0], [0, 0, 1, 1]])
    ignored = np.where(np.arange(4) < LENGTHS[:, None], labels, -100)
    expected = ConditionalRandomField(weights, 3, allowed).log_probability(emissions, LENGTHS, ignored)
    module = network(weights, allowed)
    time_first = torch.from_numpy(emissions.transpose(1, 0, 2).copy())
    log_p = module(time_first, torch.from_numpy(LENGTHS), torch.from_numpy(ignored.T.copy()))
    np.testing.assert_allclose(log_p.detach().numpy(), expected, rtol=1e-12)


def test_derivatives_equal_finite_differences(allowed: TransitionMask, emissions: Array) -> None:
    module = network(tensors(), allowed)
    labels = torch.from_numpy(np.array([[0, 1, 1, 2], [2, 0, 0, 0], [0, 0, 1, 1]]).T.copy())
    lengths = torch.from_numpy(LENGTHS)

    def loss(e: torch.Tensor, A: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        parameters = {"transitions": A, "start": start, "end": end}
        log_p: torch.Tensor = torch.func.functional_call(module, parameters, (e, lengths, labels))
        return log_p

    e = torch.from_numpy(emissions.transpose(1, 0, 2).copy()).requires_grad_()
    parameters = tuple(p.detach().clone().requires_grad_() for p in (module.transitions, module.start, module.end))
    assert torch.autograd.gradcheck(loss, (e, *parameters), atol=1e-7)


def test_derivatives_of_scores_far_apart_are_finite() -> None:
    module = network(tensors(scale=200.0), transition_mask(LABELS, "bio")).float()
    emissions = (500.0 * torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(0))).requires_grad_()
    labels = torch.tensor([[2, 2, 2]] * 4)
    loss = -module(emissions, torch.from_numpy(LENGTHS), labels).sum()
    loss.backward()
    assert torch.isfinite(loss)
    for tensor in (emissions, *module.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
