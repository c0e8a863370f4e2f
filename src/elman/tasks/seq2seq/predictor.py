"""The encoder-decoder at work: any sequence to another, from a model folder alone.

    m, s_0     = encoder(source </s>)             outputs of both directions, projected to H where they are larger; the
                                                  last states through the bridge: tanh(W h + b) for h, W c + b for c
    s_t        = decoder(embedding[y_(t-1)], s_(t-1))        y_0 = <s>
    h~_t       = tanh(W [c_t; s_t] + b)           c_t = attention(s_t, m); without attention h~ is s
    p(y_t)     = softmax(V h~_t + b)              until </s>

Sutskever et al. (2014); attention and the attentional output h~: Luong et al. (2015), equations 3 and 5; input feeding,
where s_t also sees h~_(t-1): the same, section 3.3. Where the decoder's first layer attends, the layers above read
[s_t; c_t], and so remember what was attended to (Wu et al., 2016, section 3). With aligned input s_t also sees m_t, the
memory of its own place in the source, zero beyond its end (after Gu et al., 2018, section 3.1, who copy sources into a
decoder so): the recurrence knows the source around it, and yet all steps are one call. By the kernels, or NumPy over
the cells. Padding is never read: the encoder's rows end at their lengths, and attention gives what is padded no share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.cells.readout import log_softmax
from elman.checkpoint import ModelFolder, Tensors
from elman.data.padded import IGNORED, pad_sources, pad_targets
from elman.errors import ConfigError, ModelError
from elman.metrics import Mean
from elman.models.attention import Attention, projected
from elman.models.ensemble import Ensemble, Given, Prediction
from elman.models.folder import config_of, damage_told, vocabulary_of, weight_count, write_predictor
from elman.models.stack import Stack, State, take
from elman.tasks.seq2seq.config import Seq2SeqConfig, SidesConfig
from elman.tasks.seq2seq.corpus import Example
from elman.text import END, Vocabulary

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Attention as a matrix (target tokens, source tokens), the ends of both included; each row sums to one."""

    source: list[str]
    target: list[str]
    shares: Array


class Seq2SeqPredictor:
    """A trained encoder-decoder."""

    task = "seq2seq"

    def __init__(
        self,
        config: Seq2SeqConfig,
        sides: SidesConfig,
        source_vocabulary: Vocabulary,
        target_vocabulary: Vocabulary,
        tensors: Tensors,
        card: str = "",
    ) -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError."""
        self.config, self.sides, self.tensors, self.card = config, sides, tensors, card
        self.source_vocabulary, self.target_vocabulary = source_vocabulary, target_vocabulary
        try:
            self.source_codec = sides.source.codec(source_vocabulary)
            self.target_codec = sides.target.codec(target_vocabulary)
        except ValueError as error:
            raise ModelError(str(error), where="vocabulary.json") from None
        E, H, M = config.embedding_size, config.hidden_size, config.memory_size
        self._encoder = Stack(
            config.build_cell("encoder"),
            tensors,
            E,
            [config.encoder_size] * config.num_layers,
            take(tensors, "encoder.embedding.weight", (len(source_vocabulary), E)),
            prefix="encoder.",
            bidirectional=config.bidirectional,
        )
        self._embedding = take(tensors, "decoder.embedding.weight", (len(target_vocabulary), E))
        cell, L = config.build_cell("decoder"), config.num_decoder_layers
        attending = 1 if config.attention_layer == "first" else L  # layers until attention
        self._decoder = Stack(
            cell,
            tensors,
            config.decoder_input_size,
            [H] * attending,
            self._embedding if config.decoder_input_size == E else None,
            prefix="decoder.",
        )
        above = [H] * (L - attending)
        self._above = Stack(cell, tensors, 2 * H, above, prefix="decoder.", first=attending) if above else None
        self._bridges = {}
        for layer, state, _ in config.bridges if config.bridge == "linear" else ():
            name = f"bridge.{layer}_{state}"
            self._bridges[layer, state] = take(tensors, f"{name}.weight", (H, M)), take(tensors, f"{name}.bias", (H,))
        attends = config.attention != "none"
        self._attention = Attention(config.attention, tensors, H) if attends else None
        self._memory = take(tensors, "memory.weight", (H, M)) if attends and M != H else None
        self._combine = take(tensors, "combine.weight", (H, 2 * H)) if attends else None
        self._combine_bias = take(tensors, "combine.bias", (H,)) if attends else None
        self._V = take(tensors, "readout.weight", (len(target_vocabulary), H))
        self._b = take(tensors, "readout.bias", (len(target_vocabulary),))

    @classmethod
    def from_folder(cls, model: ModelFolder, *, where: Path) -> Seq2SeqPredictor:
        """Build the predictor from what a model folder holds."""
        config = config_of(model, "model", Seq2SeqConfig, where=where)
        sides = config_of(model, "text", SidesConfig, where=where)
        source, target = (vocabulary_of(model, side, where=where) for side in ("source", "target"))
        with damage_told(where):
            return cls(config, sides, source, target, model.tensors, model.card)

    @property
    def num_parameters(self) -> int:
        """The number of weights."""
        return weight_count(self.tensors)

    def save(self, path: str | Path, *, card: str | None = None, replace: bool = False) -> None:
        """Write a model folder, with a new card or the one that the model came with.

        A folder that holds anything but a model is a ConfigError, unless replace says that it is known.
        """
        write_predictor(
            path,
            task=self.task,
            parts={"model": self.config, "text": self.sides},
            tensors=self.tensors,
            vocabularies={"source": self.source_vocabulary.tokens, "target": self.target_vocabulary.tokens},
            card=card or self.card,
            replace=replace,
        )

    # One step at a time

    def encode(self, ids: Ids, lengths: Ids) -> tuple[State, State]:
        """Return the decoder's first state and the context, B rows each, of sources (B, S) that end at their lengths.

        The context is what stays as it is while a target is written: memory, keys and lengths.
        """
        outputs, last = self._encoder.run(ids, self._encoder.initial_state(len(ids)), lengths)
        state = {
            f"decoder.layers.{layer}.{name}": self._bridged(layer, name, last, of)
            for layer, name, of in self.config.bridges
        }
        if self.config.aligned_input:
            state["place"] = np.zeros(len(ids), np.int64)
        if self.config.input_feeding:
            state["feed"] = np.zeros((len(ids), self.config.hidden_size), self._V.dtype)
        context: State = {"lengths": lengths}
        if self._attention is not None:
            memory = outputs if self._memory is None else projected(outputs, self._memory)
            context |= {"memory": memory, "keys": self._attention.keys(memory)}
        return state, context

    def _bridged(self, layer: int, name: str, last: State, of: str) -> Array:
        if self.config.bridge == "copy":
            return last[f"encoder.{of}"]
        endings = ("", "_reverse")[: self.config.num_directions]
        W, b = self._bridges[layer, name]
        given = np.concatenate([last[f"encoder.{of}{ending}"] for ending in endings], axis=1) @ W.T + b
        bridged: Array = np.tanh(given) if name == "h" else given
        return bridged

    def step(self, tokens: Ids, state: State, context: State) -> tuple[Array, State]:
        """Return the log probabilities (B*K, V) of the next tokens after tokens (B*K,), and the next state.

        K rows of each of the context's B sources stand together.
        """
        _, h, state = self._read(tokens[:, None], state, context)
        return log_softmax(h[:, 0] @ self._V.T + self._b), state

    def _read(self, tokens: Ids, state: State, context: State) -> tuple[Array, Array, State]:
        """Return what attends, s, and what the readout is given, h~, both (B*K, T, H), and the state after."""
        if self.config.input_feeding and tokens.shape[1] != 1:
            return self._read_one_by_one(tokens, state, context)
        x = tokens
        after: State = {}
        if self.config.aligned_input:
            x = np.concatenate([self._embedding[tokens], self._aligned(tokens.shape, state, context)], axis=-1)
            after["place"] = state["place"] + tokens.shape[1]
        if self.config.input_feeding:
            embedded = self._embedding[tokens] if x is tokens else x
            x = np.concatenate([embedded, state["feed"][:, None]], axis=-1)
        s, states = self._decoder.run(x, state)
        after |= states
        c = self._contexts(s, context)
        if self._above is None or c is None:
            h = self._combined(s, c)
        else:
            top, states = self._above.run(np.concatenate([s, c], axis=-1), state)
            after |= states
            h = self._combined(top, c)
        if self.config.input_feeding:
            after["feed"] = h[:, 0]
        return s, h, after

    def _read_one_by_one(self, tokens: Ids, state: State, context: State) -> tuple[Array, Array, State]:
        steps = []
        for column in tokens.T:
            s, h, state = self._read(column[:, None], state, context)
            steps.append((s, h))
        s, h = (np.concatenate(arrays, axis=1) for arrays in zip(*steps, strict=True))
        return s, h, state

    def _aligned(self, shape: tuple[int, ...], state: State, context: State) -> Array:
        """Return the memory (B*K, T, H) of each row's source at the next T places, zero beyond the source's end."""
        memory, lengths = context["memory"], context["lengths"]
        rows = np.repeat(np.arange(len(memory)), shape[0] // len(memory))[:, None]
        places = state["place"][:, None] + np.arange(shape[1])
        aligned: Array = memory[rows, np.minimum(places, memory.shape[1] - 1)]
        return np.where((places < lengths[rows])[..., None], aligned, 0)

    def _contexts(self, s: Array, context: State) -> Array | None:
        """Return what attention gives for the outputs s (B*K, T, H) of the layer that attends."""
        if self._attention is None:
            return None
        c: Array = (self._shares(s, context) @ context["memory"]).reshape(s.shape)
        return c

    def _combined(self, s: Array, c: Array | None) -> Array:
        if self._combine is None or c is None:
            return s
        h: Array = np.tanh(projected(np.concatenate([c, s], axis=-1), self._combine) + self._combine_bias)
        return h

    def _shares(self, s: Array, context: State) -> Array:
        """Return the attention (B, K*T, S) of the decoder's outputs (B*K, T, H) to the tokens of their sources."""
        assert self._attention is not None
        B, _, H = context["keys"].shape
        return self._attention.weights(s.reshape(B, -1, H), context["keys"], context["lengths"])

    # Whole sequences

    def predict(self, sources: Iterable[str], *, beam: int = 1, length_penalty: float = 1.0) -> list[str]:
        """Return the likeliest target of each source: greedy, or the best of a beam."""
        found = self.n_best(sources, beam=beam, length_penalty=length_penalty)
        return [predictions[0].text for predictions in found]

    def n_best(self, sources: Iterable[str], *, beam: int = 5, length_penalty: float = 1.0) -> list[list[Prediction]]:
        """Return up to `beam` targets of each source with their scores, best first."""
        return Ensemble([self]).predict(sources, beam=beam, length_penalty=length_penalty)

    def align(self, source: str, target: str) -> Alignment:
        """Return the attention that each token of a target, as it is written, gives to each token of the source."""
        if self._attention is None:
            raise ConfigError("the model has no attention", hint="train with --attention dot, general or additive")
        state, context = self.encode(*pad_sources([self.source_codec.encode(source)]))
        inputs, _ = pad_targets([self.target_codec.encode(target)])
        s, _, _ = self._read(inputs, state, context)
        return Alignment(
            [*self.source_codec.tokens(source), END],
            [*self.target_codec.tokens(target), END],
            self._shares(s, context)[0],
        )

    def score(self, pairs: Sequence[tuple[str, str]], *, batch_size: int = 256) -> Mean:
        """Return the cross-entropy in nats of the targets' tokens, their ends included, each after the right ones."""
        total = Mean()
        order = sorted(range(len(pairs)), key=lambda row: len(pairs[row][0]))
        for first in range(0, len(order), batch_size):
            rows = [pairs[row] for row in order[first : first + batch_size]]
            state, context = self.encode(*pad_sources([self.source_codec.encode(source) for source, _ in rows]))
            inputs, targets = pad_targets([self.target_codec.encode(target) for _, target in rows])
            _, h, _ = self._read(inputs, state, context)
            total += Mean(self._loss(h, targets), int((targets != IGNORED).sum()))
        return total

    def _loss(self, h: Array, targets: Ids) -> float:
        counted = targets != IGNORED
        if not kernels.available():
            log_p = log_softmax(h[counted] @ self._V.T + self._b)
            return -float(np.take_along_axis(log_p, targets[counted][:, None], -1).sum(dtype=np.float64))
        V, b = np.ascontiguousarray(self._V), np.ascontiguousarray(self._b)
        x = np.ascontiguousarray(h.reshape(-1, V.shape[1]))
        return float(kernels.cross_entropy(x, V, b, targets.ravel()).sum())

    def measure(self, examples: Sequence[Example], *, beam: int = 1) -> dict[str, float]:
        """Return the loss of the first references, and how the predictions agree with any of them."""
        return Ensemble([self]).measure(examples, beam=beam)

    def evaluate(self, examples: Iterable[Example] | Iterable[Given], *, beam: int = 1) -> dict[str, Any]:
        """Return loss, exact match and error rates of sources with their references; with sacrebleu, BLEU and chrF.

        Examples, or (source, target) and (source, [targets]): any of a source's targets is right.
        """
        return Ensemble([self]).evaluate(examples, beam=beam)
