"""Predictions of an encoder-decoder from its model folder, without torch.

    m, s_0     = encoder(source </s>)             outputs, projected to H if they have another size; last states through
                                                  the bridge: tanh(W h + b) for h, W c + b for c
    s_t        = decoder(embedding[y_(t-1)], s_(t-1))        y_0 = <s>
    h~_t       = tanh(W [c_t; s_t] + b)           c_t = attention(s_t, m); without attention, h~_t = s_t
    p(y_t)     = softmax(V h~_t + b)              until </s>

Encoder-decoder: Sutskever et al. (2014). Attention and the attentional output h~: Luong et al. (2015), equations 3 and
5. Three options change the decoder:

    input feeding      s_t also depends on h~_(t-1): Luong et al. (2015), section 3.3
    attention_layer    with `first`, attention uses the outputs of the first layer, and the layers above it read
                       [s_t; c_t]: Wu et al. (2016), section 3
    aligned input      s_t also depends on m_t, the encoder output of source token t, which is zero after the end of the
                       source: similar to Gu et al. (2018), section 3.1

The encoder stops at the length of each source, and padding has the attention weight 0, so padding has no effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.cells.readout import log_softmax
from elman.checkpoint import ModelFolder, Tensors
from elman.config import Config
from elman.data.batches.padded import IGNORE_INDEX, pad_sources, pad_targets
from elman.errors import ConfigError, ModelError
from elman.figures.style import save_drawings
from elman.metrics import Mean
from elman.models.attention import Attention, projected
from elman.models.folder import FolderPredictor, damage_errors, read_config, read_vocabulary
from elman.models.recorder import note
from elman.models.stack import Stack, State, take
from elman.models.trace import Trace
from elman.text import END, Vocabulary
from elman.translations import Language

from . import pictures
from .alignment import Alignment
from .config import Seq2SeqConfig, Seq2SeqTextConfig
from .derivatives import Parts
from .ensemble import EncoderDecoder, Ensemble, Prediction
from .evaluation import PairItem
from .readers import Pair
from .trace import Model, trace_pair

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]


class Seq2SeqPredictor(FolderPredictor):
    """A trained encoder-decoder."""

    task = "seq2seq"

    def __init__(
        self,
        config: Seq2SeqConfig,
        text: Seq2SeqTextConfig,
        source_vocabulary: Vocabulary,
        target_vocabulary: Vocabulary,
        tensors: Tensors,
        card: str = "",
    ) -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError."""
        self.config, self.text, self.tensors, self.card = config, text, tensors, card
        self.source_vocabulary, self.target_vocabulary = source_vocabulary, target_vocabulary
        try:
            self.source_codec = text.source.codec(source_vocabulary)
            self.target_codec = text.target.codec(target_vocabulary)
        except ValueError as error:
            raise ModelError(str(error), where="vocabulary.json") from None
        E, H, M = config.embedding_size, config.hidden_size, config.encoder_output_size
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
        self._decoder, self._upper_layers = self._decoder_stacks()
        self._bridges: dict[tuple[int, str], tuple[Array, Array]] = {}
        for layer, state, _ in config.bridges if config.bridge == "linear" else ():
            name = f"bridge.{layer}_{state}"
            self._bridges[layer, state] = take(tensors, f"{name}.weight", (H, M)), take(tensors, f"{name}.bias", (H,))
        has_attention = config.attention != "none"
        self._attention = Attention(config.attention, tensors, H) if config.attention != "none" else None
        self._projection = take(tensors, "memory.weight", (H, M)) if has_attention and M != H else None
        self._combine = take(tensors, "combine.weight", (H, 2 * H)) if has_attention else None
        self._combine_bias = take(tensors, "combine.bias", (H,)) if has_attention else None
        self._V = take(tensors, "readout.weight", (len(target_vocabulary), H))
        self._b = take(tensors, "readout.bias", (len(target_vocabulary),))

    def _decoder_stacks(self) -> tuple[Stack, Stack | None]:
        """Return the layers up to attention, and the layers above it, if there are any."""
        config, tensors = self.config, self.tensors
        cell, H, L = config.build_cell("decoder"), config.hidden_size, config.num_decoder_layers
        lower = 1 if config.attention_layer == "first" else L
        embedding = self._embedding if config.decoder_input_size == config.embedding_size else None
        decoder = Stack(cell, tensors, config.decoder_input_size, [H] * lower, embedding, prefix="decoder.")
        if lower == L:
            return decoder, None
        return decoder, Stack(cell, tensors, 2 * H, [H] * (L - lower), prefix="decoder.", first=lower)

    @classmethod
    def from_folder(cls, model: ModelFolder, where: Path) -> Seq2SeqPredictor:
        """Return the predictor of a model folder."""
        config = read_config(model, "model", Seq2SeqConfig, where)
        text = read_config(model, "text", Seq2SeqTextConfig, where)
        source, target = (read_vocabulary(model, side, where) for side in ("source", "target"))
        with damage_errors(where):
            return cls(config, text, source, target, model.tensors, model.card)

    def configs(self) -> Mapping[str, Config]:
        """Return the parts of config.json by name."""
        return {"model": self.config, "text": self.text}

    def vocabularies(self) -> Mapping[str, Sequence[str]]:
        """Return the tokens of each vocabulary by name."""
        return {"source": self.source_vocabulary.tokens, "target": self.target_vocabulary.tokens}

    # One step at a time

    def encode(self, ids: Ids, lengths: Ids) -> tuple[State, State]:
        """Return the first state of the decoder and the context, B rows each, of sources (B, S) of these lengths (B,).

        The context does not change while a target is decoded: encoder outputs, keys and lengths.
        """
        outputs, last = self._encoder.run(ids, self._encoder.initial_state(len(ids)), lengths)
        state = {
            f"decoder.layers.{layer}.{name}": self._bridged(layer, name, last, encoder_state)
            for layer, name, encoder_state in self.config.bridges
        }
        if self.config.aligned_input:
            state["position"] = np.zeros(len(ids), np.int64)
        if self.config.input_feeding:
            state["attentional_output"] = np.zeros((len(ids), self.config.hidden_size), self._V.dtype)
        context: State = {"lengths": lengths}
        if self._attention is not None:
            m = outputs if self._projection is None else projected(outputs, self._projection)
            note("encoder_outputs", m)
            context |= {"encoder_outputs": m, "keys": self._attention.keys(m)}
        return state, context

    def _bridged(self, layer: int, name: str, last: State, encoder_state: str) -> Array:
        if self.config.bridge == "copy":
            return last[f"encoder.{encoder_state}"]
        endings = ("", "_reverse")[: self.config.num_directions]
        W, b = self._bridges[layer, name]
        state: Array = (
            np.concatenate([last[f"encoder.{encoder_state}{ending}"] for ending in endings], axis=1) @ W.T + b
        )
        return np.tanh(state) if name == "h" else state

    def step(self, tokens: Ids, state: State, context: State) -> tuple[Array, State]:
        """Return the log probabilities (B*K, V) of the next tokens after tokens (B*K,), and the next state.

        The K rows of each of the context's B sources are next to each other.
        """
        _, h, state = self._decode(tokens[:, None], state, context)
        log_p = log_softmax(h[:, 0] @ self._V.T + self._b)
        note("log_probabilities", log_p)
        return log_p, state

    def _decode(self, tokens: Ids, state: State, context: State) -> tuple[Array, Array, State]:
        """Return the queries s and the attentional outputs h~, both (B*K, T, H), and the next state."""
        if self.config.input_feeding and tokens.shape[1] != 1:
            return self._decode_step_by_step(tokens, state, context)
        x = tokens
        state_next: State = {}
        if self.config.aligned_input:
            x = np.concatenate([self._embedding[tokens], self._aligned(tokens.shape, state, context)], axis=-1)
            state_next["position"] = state["position"] + tokens.shape[1]
        if self.config.input_feeding:
            embedded = self._embedding[tokens] if x is tokens else x
            x = np.concatenate([embedded, state["attentional_output"][:, None]], axis=-1)
        s, states = self._decoder.run(x, state)
        state_next |= states
        c = self._context_vectors(s, context)
        top = s
        if self._upper_layers is not None and c is not None:
            top, states = self._upper_layers.run(np.concatenate([s, c], axis=-1), state)
            state_next |= states
        h = self._combined(top, c)
        if self.config.input_feeding:
            state_next["attentional_output"] = h[:, 0]
        return s, h, state_next

    def _decode_step_by_step(self, tokens: Ids, state: State, context: State) -> tuple[Array, Array, State]:
        steps = []
        for column in tokens.T:
            s, h, state = self._decode(column[:, None], state, context)
            steps.append((s, h))
        s, h = (np.concatenate(arrays, axis=1) for arrays in zip(*steps, strict=True))
        return s, h, state

    def _aligned(self, shape: tuple[int, ...], state: State, context: State) -> Array:
        """Return the encoder outputs (B*K, T, H) at the next T positions, zero after the end of a source."""
        m, lengths = context["encoder_outputs"], context["lengths"]
        rows = np.repeat(np.arange(len(m)), shape[0] // len(m))[:, None]
        positions = state["position"][:, None] + np.arange(shape[1])
        aligned: Array = m[rows, np.minimum(positions, m.shape[1] - 1)]
        return np.where((positions < lengths[rows])[..., None], aligned, 0)

    def _context_vectors(self, s: Array, context: State) -> Array | None:
        """Return the context vectors (B*K, T, H) of queries (B*K, T, H); None for a model without attention."""
        if self._attention is None:
            return None
        c: Array = (self._attention_weights(s, context) @ context["encoder_outputs"]).reshape(s.shape)
        return c

    def _combined(self, s: Array, c: Array | None) -> Array:
        if self._combine is None or c is None:
            return s
        h: Array = np.tanh(projected(np.concatenate([c, s], axis=-1), self._combine) + self._combine_bias)
        note("attentional_output", h)
        return h

    def _attention_weights(self, s: Array, context: State) -> Array:
        """Return the attention weights (B, K*T, S) of queries (B*K, T, H)."""
        assert self._attention is not None
        B, _, H = context["keys"].shape
        attention_weights = self._attention.weights(s.reshape(B, -1, H), context["keys"], context["lengths"])
        note("attention", attention_weights)
        return attention_weights

    # Whole sequences

    def ensemble_with(self, others: Iterable[EncoderDecoder]) -> Ensemble:
        """Return the ensemble of this model and others."""
        return Ensemble([self, *others])

    def predict(self, sources: Iterable[str], *, beam: int = 1, length_penalty: float = 1.0) -> list[str]:
        """Return the most probable target of each source, by greedy or beam search."""
        n_best = self.n_best(sources, beam=beam, length_penalty=length_penalty)
        return [predictions[0].text for predictions in n_best]

    def n_best(self, sources: Iterable[str], *, beam: int = 5, length_penalty: float = 1.0) -> list[list[Prediction]]:
        """Return up to `beam` targets of each source with their scores, best first."""
        return Ensemble([self]).predict(sources, beam=beam, length_penalty=length_penalty)

    def align(self, source: str, target: str) -> Alignment:
        """Return the attention weights of each target token for each source token."""
        if self._attention is None:
            hint = "Train with --attention dot, general or additive"
            raise ConfigError("the model has no attention; expected one with attention", hint=hint)
        state, context = self.encode(*pad_sources([self.source_codec.encode(source)]))
        inputs, _ = pad_targets([self.target_codec.encode(target)])
        s, _, _ = self._decode(inputs, state, context)
        return Alignment(
            [*self.source_codec.tokens(source), END],
            [*self.target_codec.tokens(target), END],
            self._attention_weights(s, context)[0],
        )

    def trace(
        self,
        source: str,
        *,
        target: str | None = None,
        beam: int = 1,
        length_penalty: float = 1.0,
        gradients: bool = False,
    ) -> Trace:
        """Return what happens inside the model as it predicts a target, or as it reads a target that is given.

        With gradients, derivatives of the loss of the target, too.
        """
        parts = Parts(
            self.config,
            self._encoder,
            self._decoder,
            self._upper_layers,
            self._attention,
            self._V,
            projection=self._projection,
            combine=self._combine,
            bridges=self._bridges,
        )
        model = Model(self.encode, self.step, Ensemble([self]).search, self.source_codec, self.target_codec, parts)
        return trace_pair(model, source, target, beam, length_penalty, gradients=gradients)

    def plot(
        self, folder: str | Path, examples: Iterable[Pair] | Iterable[PairItem], *, language: Language | None = None
    ) -> list[Path]:
        """Draw the attention weights of the first pairs, as PNG and SVG in a folder.

        The examples are those of `evaluate`. The language is that of the environment, if none is given.
        """
        return save_drawings(folder, pictures.of_examples(self, examples), language)

    def score(self, pairs: Sequence[tuple[str, str]], *, batch_size: int = 256) -> Mean:
        """Return the cross-entropy in nats of all target tokens, ends included, after the correct previous tokens."""
        total = Mean()
        order = sorted(range(len(pairs)), key=lambda row: len(pairs[row][0]))
        for first in range(0, len(order), batch_size):
            rows = [pairs[row] for row in order[first : first + batch_size]]
            state, context = self.encode(*pad_sources([self.source_codec.encode(source) for source, _ in rows]))
            inputs, targets = pad_targets([self.target_codec.encode(target) for _, target in rows])
            _, h, _ = self._decode(inputs, state, context)
            total += Mean(self._loss(h, targets), int((targets != IGNORE_INDEX).sum()))
        return total

    def _loss(self, h: Array, targets: Ids) -> float:
        is_token = targets != IGNORE_INDEX
        if not kernels.available():
            log_p = log_softmax(h[is_token] @ self._V.T + self._b)
            return -float(np.take_along_axis(log_p, targets[is_token][:, None], -1).sum(dtype=np.float64))
        V, b = np.ascontiguousarray(self._V), np.ascontiguousarray(self._b)
        x = np.ascontiguousarray(h.reshape(-1, V.shape[1]))
        return float(kernels.cross_entropy(x, V, b, targets.ravel()).sum())

    def measure(self, pairs: Sequence[Pair], *, beam: int = 1) -> dict[str, float]:
        """Return loss, exact match and error rates."""
        return Ensemble([self]).measure(pairs, beam=beam)

    def evaluate(self, examples: Iterable[Pair] | Iterable[PairItem], *, beam: int = 1) -> dict[str, Any]:
        """Return loss, exact match and error rates, and BLEU and chrF if sacrebleu is installed.

        Examples may be (source, target) or (source, [targets]); any target of a source is right.
        """
        return Ensemble([self]).evaluate(examples, beam=beam)
