"""Small training tasks of a language model, and their losses."""

from typing import Any

import torch

from elman.config import merge_values
from elman.tasks.language_model.batches import Batch
from elman.tasks.language_model.corpus import LanguageModelCorpus as Corpus
from elman.tasks.language_model.defaults import resolve
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.training import LanguageModelTask, build_task

from .models import ARCHITECTURES

# float32, a few hundred roundings of 6e-8, relative.
FLOAT32 = 1e-5


# float64 on both sides: a few hundred roundings of 1e-16 in numbers of order ten.
FLOAT64 = 1e-9


def make_task(
    corpus: Corpus, architecture: str = "lstm_two_layers", *, values: dict[str, Any] | None = None, **model: Any
) -> LanguageModelTask:
    """Return a task with mini-batches of 3 sequences of 10 tokens; `values` are config values, `model` those of it."""
    base = {
        "model": {"dropout": 0.0, **ARCHITECTURES[architecture], **model},
        "training": {"steps": 1, "batch_size": 3, "bptt_steps": 10, "validate_tokens": 0},
    }
    return build_task(resolve(merge_values(base, values or {}), corpus), corpus)


def first_batch(task: LanguageModelTask) -> Batch:
    return next(task.batches(task.start()))[0]


def no_rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def loss_of(task: LanguageModelTask, model: torch.nn.Module, batch: Batch, carry: Any = None) -> tuple[float, int, Any]:
    loss, count, carried = task.loss(model, batch, carry, 0.0, no_rng())
    return float(loss.detach()), count, carried


def perturbed(network: LanguageModelNetwork) -> LanguageModelNetwork:
    """Return the network after a small change of every weight, so that none is zero or symmetric."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    return network
