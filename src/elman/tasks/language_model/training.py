"""Training a language model: predict the next token of a text.

    loss = - sum over t of log softmax(logits_t)[token_(t+1)]                    nats

Truncated backpropagation through time: the state is carried from one segment of bptt_steps tokens to the next, and no
gradient crosses the boundary (Mikolov et al., 2010). If the state were carried for a whole epoch, the network would
hardly ever see the zero state with which every prompt begins, and might generate badly from it. So the carried state of
a row is set to zero with a small probability (as Melis et al., 2018, do).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from elman.metrics import Mean, perplexity
from elman.nn.readout import IGNORE_INDEX
from elman.training.snapshot import float32_weights, mixed_precision, seeded

from .batches import START, Batch, Position, batches_per_epoch, endless, scoring_batches
from .config import LanguageModelRun
from .corpus import LanguageModelCorpus
from .defaults import operations_per_token
from .evaluation import scoring_steps
from .network import LanguageModelNetwork
from .predictor import LanguageModelPredictor

Carry = dict[str, Tensor] | None  # by name, each (B, H)

PREVIEW_TOKENS = 160


def build_task(config: LanguageModelRun, corpus: LanguageModelCorpus) -> LanguageModelTask:
    """Return the Task of the training loop."""
    return LanguageModelTask(config, corpus)


def count_operations(config: LanguageModelRun, corpus: LanguageModelCorpus, batch: Batch, count: int) -> float:
    """Return the floating-point operations of training on a batch of that many tokens."""
    model = config.model
    return count * operations_per_token(model.cell, model.hidden_sizes[0], model.embedding_size, len(corpus.vocabulary))


class LanguageModelTask:
    """The Task of the training loop."""

    objective: tuple[str, Literal["min", "max"]] = ("loss", "min")
    unit = "tokens"

    def __init__(self, config: LanguageModelRun, corpus: LanguageModelCorpus, *, prompt: str = "") -> None:
        self._config, self._vocabulary, self._prompt = config, corpus.vocabulary, prompt
        self._train, self._valid = corpus.ids("train"), corpus.ids("valid")
        self.has_validation_set = corpus.has_validation_set
        training = config.training
        self.batches_per_epoch = batches_per_epoch(len(self._train), training.batch_size, training.bptt_steps)
        self.largest_batch = training.batch_size * training.bptt_steps

    def build(self) -> LanguageModelNetwork:
        """Return a new network; the same seed gives the same weights."""
        with seeded(self._config.seed):
            return LanguageModelNetwork(self._config.model, len(self._vocabulary))

    def start(self) -> Position:
        return dict(START)

    def batches(self, position: Position) -> Iterator[tuple[Batch, Position]]:
        config, training = self._config, self._config.training
        return endless(config.data.stream, self._train, training.batch_size, training.bptt_steps, config.seed, position)

    def loss(
        self, model: nn.Module, batch: Batch, carry: Carry, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, Carry]:
        device = next(model.parameters()).device
        inputs, targets = _time_first(batch.inputs, device), _time_first(batch.targets, device)
        if carry is not None and (batch.fresh or next(iter(carry.values())).shape[0] != inputs.shape[1]):
            carry = None
        reset_probability = self._config.data.reset_probability
        if carry is not None and reset_probability:
            keep = torch.empty(inputs.shape[1], 1, device=device).bernoulli_(1.0 - reset_probability, generator=rng)
            carry = {name: tensor * keep for name, tensor in carry.items()}
        with mixed_precision(device):
            loss, state = model(inputs, targets, carry, rng)
        return loss, targets.numel(), {name: tensor.detach().float() for name, tensor in state.items()}

    def predictor(self, model: nn.Module) -> LanguageModelPredictor:
        config = self._config
        return LanguageModelPredictor(config.model, config.data.text, self._vocabulary, float32_weights(model))

    def validate(self, model: nn.Module, predictor: LanguageModelPredictor) -> dict[str, float]:
        """Return loss and perplexity by torch, over the same streams that the predictor scores."""
        total, state, rng = Mean(), None, torch.Generator(next(model.parameters()).device)
        device = next(model.parameters()).device
        limit = self._config.training.validate_tokens or None
        with torch.inference_mode():
            for batch in scoring_batches(self._valid, scoring_steps(len(self._vocabulary)), limit=limit):
                mask = np.arange(batch.inputs.shape[1]) < batch.lengths[:, None]
                targets = _time_first(np.where(mask, batch.targets, IGNORE_INDEX), device)
                loss, state = model(_time_first(batch.inputs, device), targets, state, rng)
                total += Mean(float(loss), int(mask.sum()))
        return {"loss": total.value, "perplexity": perplexity(total.value)}

    def preview(self, predictor: LanguageModelPredictor) -> str | None:
        with np.errstate(all="ignore"):  # the loop reports weights that diverge
            return predictor.generate(self._prompt, max_tokens=PREVIEW_TOKENS, temperature=0.8, seed=self._config.seed)


def _time_first(ids: Any, device: torch.device) -> Tensor:
    """Return ids (B, T) as a tensor (T, B)."""
    return torch.from_numpy(np.ascontiguousarray(ids.T)).to(device)
