"""The language model in training: predict the next token of a text, everywhere at once.

    x_t      = dropout(embedding[token_t])
    h_t      = dropout(layer_L(... layer_1(x_t, h_(t-1))))
    logits_t = V h_t + b
    loss     = - sum over t of log softmax(logits_t)[token_(t+1)]                    nats

Truncated backpropagation through time: the state is carried from one stretch of bptt_steps tokens to the next, and no
gradient crosses over (Mikolov et al., 2010). Carried for a whole epoch, a network hardly ever sees the zero state that
every prompt begins with, and may never find its way out of it: so now and then a row's state is zeroed (Melis et al.,
2018, do the same). Dropout is on the embedding's output, between layers and before the
readout (Zaremba et al., 2014); variational dropout has one mask a stretch (Gal and Ghahramani, 2016).

Starting weights: those of nn/stack.py, and zero for the embedding of `<unk>`, which may never be seen in training.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

import elman.nn
from elman.data.corpus import Corpus, TextConfig
from elman.data.streams import START, Batch, Position, batches_per_epoch, endless, held_out
from elman.metrics import Mean, perplexity
from elman.nn.readout import IGNORED
from elman.runtime.language_model import LanguageModelConfig, LanguageModelPredictor, scored_steps

Carry = dict[str, Tensor] | None  # by name, each (B, H)

PREVIEW_TOKENS = 160


class LanguageModelNetwork(nn.Module):
    """Embedding, recurrent layers, readout. Weights are named as runtime/ names them."""

    def __init__(self, config: LanguageModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        self._states = config.build_cell().states
        self.embedding = nn.Embedding(vocabulary_size, config.embedding_size)
        self.layers = elman.nn.recurrent_layers(
            config.cell, config.activation, config.embedding_size, config.hidden_sizes
        )
        self.readout = nn.Linear(config.hidden_sizes[-1], vocabulary_size)
        if config.tie_weights:
            self.readout.weight = self.embedding.weight
        self._initialize()

    def _initialize(self) -> None:
        scale = self.config.embedding_size**-0.5 if self.config.tie_weights else 0.3
        nn.init.normal_(self.embedding.weight, std=scale)
        elman.nn.initialize_recurrent(self.layers)
        with torch.no_grad():
            self.embedding.weight[0].zero_()
            self.readout.bias.zero_()

    def forward(
        self, ids: Tensor, targets: Tensor, state: Carry, rng: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of the losses of targets (T, B) but those IGNORED, after ids (T, B), and the next state.

        state None is zeros. The logits are never all there at once: `logits` gives them.
        """
        x, next_state = self._read(ids, state, rng)
        loss = elman.nn.cross_entropy(x.flatten(0, 1), self.readout.weight, self.readout.bias, targets.flatten())
        return loss, next_state

    def logits(self, ids: Tensor, state: Carry, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return logits (T, B, V) and the next state."""
        x, next_state = self._read(ids, state, rng)
        return self.readout(x), next_state

    def _read(self, ids: Tensor, state: Carry, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        rate = self.config.dropout if self.training else 0.0
        shared = self.config.dropout_kind == "variational"
        x = ids if rate == 0.0 else elman.nn.dropout(self.embedding(ids), rate, rng, shared_over_time=shared)
        next_state: dict[str, Tensor] = {}
        names = self._states
        layer: Any  # of recurrent_layers
        for index, layer in enumerate(self.layers):
            given = None if state is None else tuple(state[f"layers.{index}.{name}"][None] for name in names)
            hx = given[0] if given and len(names) == 1 else given
            # rows of the embedding as they are need no product a token: one a row of the vocabulary will do
            x, final = layer.from_ids(x, self.embedding.weight, hx) if x is ids else layer(x, hx)
            for name, tensor in zip(names, (final,) if len(names) == 1 else final, strict=True):
                next_state[f"layers.{index}.{name}"] = tensor[0]
            x = elman.nn.dropout(x, rate, rng, shared_over_time=shared)
        return x, next_state


class LanguageModelTask:
    """The Task of training/: batches of a corpus, the loss, validation and a sample."""

    objective: tuple[str, Literal["min", "max"]] = ("loss", "min")
    unit = "tokens"

    def __init__(
        self,
        corpus: Corpus,
        model: LanguageModelConfig,
        text: TextConfig,
        *,
        batch_size: int,
        bptt_steps: int,
        stream: str = "sequential",
        seed: int = 0,
        reset_probability: float = 0.0,
        validate_tokens: int | None = None,
        prompt: str = "",
    ) -> None:
        """Take a corpus and the sizes.

        Each carried state is zeroed with reset_probability when a batch begins; validation scores about
        validate_tokens of the held-out part, None all of it.
        """
        self._model, self._text = model, text
        self._batch_size, self._bptt_steps, self._validate_tokens = batch_size, bptt_steps, validate_tokens
        self._vocabulary = corpus.vocabulary
        self._reset_probability = reset_probability
        self._stream, self._seed, self._prompt = stream, seed, prompt
        self._train, self._valid = corpus.ids("train"), corpus.ids("valid")
        self.batches_per_epoch = batches_per_epoch(len(self._train), batch_size, bptt_steps)

    def build(self) -> LanguageModelNetwork:
        """Return a new network; the same seed, the same weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            return LanguageModelNetwork(self._model, len(self._vocabulary))

    def start(self) -> Position:
        return dict(START)

    def batches(self, position: Position) -> Iterator[tuple[Batch, Position]]:
        return endless(self._stream, self._train, self._batch_size, self._bptt_steps, self._seed, position)

    def loss(
        self, model: nn.Module, batch: Batch, carry: Carry, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, Carry]:
        device = next(model.parameters()).device
        inputs, targets = _time_first(batch.inputs, device), _time_first(batch.targets, device)
        if carry is not None and (batch.fresh or next(iter(carry.values())).shape[0] != inputs.shape[1]):
            carry = None
        if carry is not None and self._reset_probability:
            kept = torch.empty(inputs.shape[1], 1, device=device).bernoulli_(
                1.0 - self._reset_probability, generator=rng
            )
            carry = {name: tensor * kept for name, tensor in carry.items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss, state = model(inputs, targets, carry, rng)
        carried = {name: tensor.detach().float() for name, tensor in state.items()}
        return loss, targets.numel(), carried

    def predictor(self, model: nn.Module) -> LanguageModelPredictor:
        weights = {name: p.detach().float().cpu().numpy().copy() for name, p in model.named_parameters()}
        return LanguageModelPredictor(self._model, self._text, self._vocabulary, weights)

    def validate(self, model: nn.Module, predictor: LanguageModelPredictor) -> dict[str, float]:
        """Return loss and perplexity: torch's, over the same streams that runtime/ scores."""
        total, state, rng = Mean(), None, torch.Generator(next(model.parameters()).device)
        device = next(model.parameters()).device
        with torch.inference_mode():
            for batch in held_out(self._valid, scored_steps(len(self._vocabulary)), limit=self._validate_tokens):
                counted = np.arange(batch.inputs.shape[1]) < batch.lengths[:, None]
                targets = _time_first(np.where(counted, batch.targets, IGNORED), device)
                loss, state = model(_time_first(batch.inputs, device), targets, state, rng)
                total += Mean(float(loss), int(counted.sum()))
        return {"loss": total.value, "perplexity": perplexity(total.value)}

    def preview(self, predictor: LanguageModelPredictor) -> str | None:
        with np.errstate(all="ignore"):  # weights about to diverge are the loop's to tell of
            return predictor.generate(self._prompt, max_tokens=PREVIEW_TOKENS, temperature=0.8, seed=self._seed)


def _time_first(ids: Any, device: torch.device) -> Tensor:
    """(B, T) ids to a (T, B) tensor."""
    return torch.from_numpy(np.ascontiguousarray(ids.T)).to(device)
