"""The encoder-decoder in training: every target token after the right ones (teacher forcing), all steps at once.

    memory, s_0 = encoder(source </s>)
    s           = decoder(<s> target)                  one call of the kernels, whatever the length
    h~          = tanh(W [attention(s, memory); s] + b)
    loss        = - sum over t of log softmax(V h~_t + b)[y_t]       y = target </s>; nats

runtime/seq2seq.py says what each part is. Padding is packed away from the encoder, has no share of attention, and is
no target.

Label smoothing (Szegedy et al., 2016) spreads a share e of each target over all V tokens. With the logits l the loss
becomes -log p(y) + e (l_y - mean(l)), and l_y - mean(l) = h~ . (v_y - mean(v)) + b_y - mean(b): no second softmax.
Scheduled sampling (Bengio et al., 2015) feeds some of the model's own predictions; they come from a first pass over the
whole sequence (Duckworth et al., 2019), so that the second is still one call. Its share rises with the training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

import elman.nn
from elman.data.padded import IGNORED, PairBatch, Position, batches_per_epoch, endless_buckets, pad
from elman.tasks.seq2seq.config import Seq2SeqConfig, SidesConfig
from elman.tasks.seq2seq.corpus import Example, PairCorpus
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor

START_POSITION: Position = {"epoch": 0, "batch": 0}
PREVIEWS = 3
States = list[Tensor]  # of a layer: h, or h and c, each (1, B, H)


class Decoder(nn.Module):
    """Embedding and recurrent layers over targets, or over one step of them."""

    def __init__(self, config: Seq2SeqConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, config.embedding_size)
        H, L, cell = config.hidden_size, config.num_decoder_layers, (config.decoder_cell_name, config.activation)
        self.attending = 1 if config.attention_layer == "first" else L  # layers until attention
        self.layers = elman.nn.recurrent_layers(*cell, config.decoder_input_size, [H] * self.attending)
        self.layers.extend(elman.nn.recurrent_layers(*cell, 2 * H, [H] * (L - self.attending)))

    def forward(
        self, x: Tensor, state: list[States], rate: float, rng: torch.Generator, *, above: bool = False
    ) -> tuple[Tensor, list[States]]:
        """Return the outputs (T, B, H) and the states after inputs (T, B, I).

        Those of the layers until attention, or of the layers above it, whose inputs have the contexts in them.
        """
        chosen = slice(self.attending, None) if above else slice(self.attending)
        after = []
        for layer, given in zip(self.layers[chosen], state[chosen], strict=True):
            x, final = layer(x, given[0] if len(given) == 1 else tuple(given))
            x = elman.nn.dropout(x, rate, rng)
            after.append(elman.nn.as_states(final))
        return x, after


class Seq2SeqNetwork(nn.Module):
    """Encoder, bridge, decoder, attention, readout. Weights are named as runtime/ names them."""

    def __init__(self, config: Seq2SeqConfig, source_vocabulary: int, target_vocabulary: int) -> None:
        super().__init__()
        self.config = config
        H, M = config.hidden_size, config.memory_size
        self.encoder = elman.nn.Encoder(
            config.cell,
            config.activation,
            source_vocabulary,
            config.embedding_size,
            [config.encoder_size] * config.num_layers,
            bidirectional=config.bidirectional,
        )
        self.decoder = Decoder(config, target_vocabulary)
        bridges = config.bridges if config.bridge == "linear" else []
        self.bridge = nn.ModuleDict({f"{layer}_{state}": nn.Linear(M, H) for layer, state, _ in bridges})
        self.attention = elman.nn.Attention(config.attention, H) if config.attention != "none" else None
        if self.attention is not None:
            self.combine = nn.Linear(2 * H, H)
        self.memory = nn.Linear(M, H, bias=False) if self.attention is not None and M != H else None
        self.readout = nn.Linear(H, target_vocabulary)
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        """Give it the weights that training starts from."""
        self.encoder.initialize()
        elman.nn.initialize_embedding(self.decoder.embedding)
        elman.nn.initialize_recurrent(self.decoder.layers)
        nn.init.zeros_(self.readout.bias)

    def forward(self, batch: Batch, rng: torch.Generator, sampled: float = 0.0) -> Tensor:
        """Return the sum of the losses of the targets; `sampled` of the decoder's inputs are its own predictions."""
        memory, state = self._encode(batch, rng)
        inputs = batch.target_inputs
        if sampled:
            with torch.no_grad():
                likeliest = self.readout(self._decode(inputs, batch, memory, state, rng)).argmax(-1)
            own = torch.cat([inputs[:1], likeliest[:-1]])
            chosen = torch.empty(inputs.shape, device=inputs.device).bernoulli_(sampled, generator=rng)
            inputs = torch.where(chosen.bool(), own, inputs)
        h = self._decode(inputs, batch, memory, state, rng).flatten(0, 1)
        targets = batch.targets.flatten()
        loss = elman.nn.cross_entropy(h, self.readout.weight, self.readout.bias, targets)
        smoothing = self.config.label_smoothing if self.training else 0.0
        return loss + smoothing * self._above_mean(h, targets) if smoothing else loss

    def logits(self, batch: Batch, rng: torch.Generator) -> Tensor:
        """Return logits (T, B, V)."""
        memory, state = self._encode(batch, rng)
        logits: Tensor = self.readout(self._decode(batch.target_inputs, batch, memory, state, rng))
        return logits

    @property
    def _rate(self) -> float:
        return self.config.dropout if self.training else 0.0

    def _encode(self, batch: Batch, rng: torch.Generator) -> tuple[Tensor, list[States]]:
        """Return the memory (B, S, H) and the decoder's first states."""
        packed = pack_padded_sequence(batch.sources, batch.source_lengths)
        outputs, last = self.encoder(packed, self._rate, rng)
        names = self.config.build_cell("encoder").states
        ends = {f"layers.{i}.{name}": end for i, ends in enumerate(last) for name, end in zip(names, ends, strict=True)}
        state: list[States] = [[] for _ in range(self.config.num_decoder_layers)]
        for layer, name, of in self.config.bridges:
            given = ends[of]
            if self.config.bridge == "linear":
                given = self.bridge[f"{layer}_{name}"](given.transpose(0, 1).flatten(1))[None]
                given = torch.tanh(given) if name == "h" else given
            state[layer].append(given)
        memory = outputs if self.memory is None else self.memory(outputs)
        return memory.transpose(0, 1), state

    def _decode(
        self, inputs: Tensor, batch: Batch, memory: Tensor, state: list[States], rng: torch.Generator
    ) -> Tensor:
        """Return what the readout is given, (T, B, H), after inputs (T, B)."""
        x = elman.nn.dropout(self.decoder.embedding(inputs), self._rate, rng)
        if self.config.aligned_input:
            x = torch.cat([x, _first_steps(memory.transpose(0, 1), len(x))], -1)
        if not self.config.input_feeding:
            s: Tensor = self.decoder(x, state, self._rate, rng)[0]
            if self.attention is None:
                return s
            c = self._contexts(s, batch, memory)
            if self.config.attention_layer == "first":
                s, _ = self.decoder(torch.cat([s, c], -1), state, self._rate, rng, above=True)
            return self._combined(s, c, rng)
        feed = x.new_zeros(x.shape[1], self.config.hidden_size)
        steps = []
        for embedded in x:
            s, state = self.decoder(torch.cat([embedded, feed], -1)[None], state, self._rate, rng)
            feed = self._combined(s, self._contexts(s, batch, memory), rng)[0]
            steps.append(feed)
        return torch.stack(steps)

    def _contexts(self, s: Tensor, batch: Batch, memory: Tensor) -> Tensor:
        """Return what attention gives for the outputs s (T, B, H) of the layer that attends."""
        lengths = batch.source_lengths.to(s.device)
        assert self.attention is not None
        c: Tensor = self.attention(s.transpose(0, 1), memory, lengths)
        return c.transpose(0, 1)

    def _combined(self, s: Tensor, c: Tensor, rng: torch.Generator) -> Tensor:
        h = torch.tanh(self.combine(torch.cat([c, s], -1)))
        return elman.nn.dropout(h, self._rate, rng)

    def _above_mean(self, h: Tensor, targets: Tensor) -> Tensor:
        """Return the sum over targets (N,) of their logits less the mean of all logits."""
        counted = targets != IGNORED
        h, targets = h[counted], targets[counted]
        V, b = self.readout.weight, self.readout.bias
        return (h * (F.embedding(targets, V) - V.mean(0))).sum() + (b[targets] - b.mean()).sum()


class Batch:
    """A batch of pairs as tensors, time first; lengths stay on the processor, where packing wants them."""

    def __init__(self, given: PairBatch, device: torch.device) -> None:
        self.sources = torch.from_numpy(given.source.T.copy()).to(device)
        self.source_lengths = torch.from_numpy(given.source_lengths)
        self.target_inputs = torch.from_numpy(given.target_inputs.T.copy()).to(device)
        self.targets = torch.from_numpy(given.targets.T.copy()).to(device)


class Seq2SeqTask:
    """The Task of training/: batches of pairs, the loss, validation by what ships, a few predictions to look at."""

    objective: tuple[str, Literal["min", "max"]] = ("token_error_rate", "min")
    unit = "tokens"

    def __init__(
        self,
        corpus: PairCorpus,
        model: Seq2SeqConfig,
        sides: SidesConfig,
        *,
        batch_size: int,
        seed: int = 0,
        validate_tokens: int | None = None,
    ) -> None:
        """Take a corpus and the sizes; validation scores about validate_tokens of the held-out part, None all of it."""
        self._corpus, self._model, self._sides = corpus, model, sides
        self._batch_size, self._seed = batch_size, seed
        self._train = corpus.train()
        self._valid = _sample(corpus.valid(), sides, validate_tokens)
        self.batches_per_epoch = batches_per_epoch(len(self._train), batch_size)

    def build(self) -> Seq2SeqNetwork:
        """Return a new network; the same seed, the same weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            sizes = len(self._corpus.source_vocabulary), len(self._corpus.target_vocabulary)
            return Seq2SeqNetwork(self._model, *sizes)

    def start(self) -> Position:
        return dict(START_POSITION)

    def batches(self, position: Position) -> Iterator[tuple[PairBatch, Position]]:
        lengths = self._train.source_lengths, self._train.target_lengths
        for rows, after in endless_buckets(lengths, self._batch_size, self._seed, position):
            yield pad(self._train, rows), after

    def loss(
        self, model: nn.Module, batch: PairBatch, carry: Any, progress: float, rng: torch.Generator
    ) -> tuple[Tensor, int, None]:
        device = next(model.parameters()).device
        sampled = progress * self._model.scheduled_sampling
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = model(Batch(batch, device), rng, sampled)
        return loss, int(batch.target_lengths.sum()), None

    def predictor(self, model: nn.Module) -> Seq2SeqPredictor:
        weights = {name: p.detach().float().cpu().numpy().copy() for name, p in model.named_parameters()}
        corpus = self._corpus
        return Seq2SeqPredictor(self._model, self._sides, corpus.source_vocabulary, corpus.target_vocabulary, weights)

    def validate(self, model: nn.Module, predictor: Seq2SeqPredictor) -> dict[str, float]:
        """Return loss and error rates of greedy predictions, by runtime/: what ships is what is measured."""
        return predictor.measure(self._valid)

    def preview(self, predictor: Seq2SeqPredictor) -> str | None:
        shown = self._valid[:PREVIEWS]
        found = predictor.predict([example.source for example in shown])
        return "\n".join(
            f"{example.source} → {text}" + ("" if text in example.targets else f"   (expected {example.targets[0]})")
            for example, text in zip(shown, found, strict=True)
        )


def _sample(examples: Sequence[Example], sides: SidesConfig, tokens: int | None) -> list[Example]:
    """The first examples, of about so many target characters in all: the held-out part is in random order."""
    if tokens is None:
        return list(examples)
    chosen, total = [], 0
    cutter = sides.target.cutter()
    for example in examples:
        if total >= tokens:
            break
        chosen.append(example)
        total += len(cutter.tokens(example.targets[0])) + 1
    return chosen


def _first_steps(x: Tensor, steps: int) -> Tensor:
    """So many steps of x (S, B, H), of zeros from S on."""
    return x[:steps] if steps <= len(x) else F.pad(x, (0, 0, 0, 0, 0, steps - len(x)))
