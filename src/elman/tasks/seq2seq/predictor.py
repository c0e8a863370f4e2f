"""Predictions of an encoder-decoder from its model folder, without torch; numpy_network.py has the equations.

    p(y_t)    = softmax((V h~_t + b) / T)          T: models/calibration.py

The loss and the probabilities of predicted targets are calibrated in this way. The search uses T = 1, and so do `step`
and `trace`, which show it: with sharper probabilities, beam search finds slightly worse targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells.readout import log_softmax
from elman.checkpoint import ModelFolder, Tensors
from elman.config import Config, Values
from elman.data.batches.buckets import length_buckets
from elman.data.batches.padded import IGNORE_INDEX, pad_sources, pad_targets
from elman.data.layout import Layout
from elman.errors import ConfigError, ModelError
from elman.figures.style import save_drawings
from elman.metrics import Mean
from elman.models.calibration import Calibration, calibrate
from elman.models.folder import FilePredictor, damage_errors, read_config, read_vocabulary
from elman.models.matrix import product
from elman.models.stack import State
from elman.models.trace import Trace
from elman.options import determined_values
from elman.text import END, Vocabulary
from elman.translations import Language

from . import pictures
from .alignment import Alignment
from .arguments import Pairs, Targets, examples_of
from .config import Seq2SeqConfig, Seq2SeqReaderConfig, Seq2SeqTextConfig
from .ensemble import BATCH_TOKENS, EncoderDecoder, Ensemble, Prediction
from .evaluation import PairItem
from .numpy_network import NumpyNetwork
from .readers import Pair
from .trace import Model, trace_pair

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]
CALIBRATION_LOGITS = 1 << 20  # numbers, for some tokens of targets and all tokens of the vocabulary
CALIBRATION_PAIRS = 64  # of a batch


class Seq2SeqPredictor(FilePredictor):
    """A trained encoder-decoder."""

    task = "seq2seq"
    reader: Seq2SeqReaderConfig

    def __init__(
        self,
        config: Seq2SeqConfig,
        text: Seq2SeqTextConfig,
        source_vocabulary: Vocabulary,
        target_vocabulary: Vocabulary,
        tensors: Tensors,
        card: str = "",
        calibration: Calibration | None = None,
        reader: Seq2SeqReaderConfig | None = None,
        layout: Layout | None = None,
    ) -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError. Without calibration, T is 1.

        reader and layout are how the training data was read: files for evaluation and prediction are read in the same
        way.
        """
        self.config, self.text, self.tensors, self.card = config, text, tensors, card
        self.reader = reader or Seq2SeqReaderConfig()
        self.layout = layout or Layout()
        self.source_vocabulary, self.target_vocabulary = source_vocabulary, target_vocabulary
        try:
            self.source_codec = text.source.codec(source_vocabulary)
            self.target_codec = text.target.codec(target_vocabulary)
        except ValueError as error:
            raise ModelError(str(error), where="vocabulary.json") from None
        self.calibration = calibration or Calibration()
        self._network = NumpyNetwork(config, len(source_vocabulary), len(target_vocabulary), tensors)

    @classmethod
    def from_folder(cls, model: ModelFolder, where: Path) -> Seq2SeqPredictor:
        """Return the predictor of a model folder."""
        config = read_config(model, "model", Seq2SeqConfig, where)
        text = read_config(model, "text", Seq2SeqTextConfig, where)
        calibration = read_config(model, "calibration", Calibration, where)
        reader = read_config(model, "reader", Seq2SeqReaderConfig, where)
        layout = read_config(model, "layout", Layout, where)
        source, target = (read_vocabulary(model, side, where) for side in ("source", "target"))
        with damage_errors(where):
            return cls(config, text, source, target, model.tensors, model.card, calibration, reader, layout)

    def configs(self) -> Mapping[str, Config]:
        """Return the parts of config.json by name."""
        parts = {"model": self.config, "text": self.text, "calibration": self.calibration}
        return {**parts, **self.reading_configs}

    def determined_values(self) -> Values:
        """Return the config values of the model that training on other data cannot change."""
        source, target = self.text.source, self.text.target
        levels = {"source_level": source.level, "target_level": target.level, "normalize": source.normalize}
        return {"data": levels, "model": determined_values(self.config)}

    def vocabularies(self) -> Mapping[str, Sequence[str]]:
        """Return the tokens of each vocabulary by name."""
        return {"source": self.source_vocabulary.tokens, "target": self.target_vocabulary.tokens}

    def calibrated(self, pairs: Sequence[Pair]) -> Seq2SeqPredictor:
        """Return the same model with the probabilities of its tokens calibrated on the first targets of pairs.

        No more pairs are used than CALIBRATION_LOGITS allows: one temperature does not need many.
        """
        parts = self.config, self.text, self.source_vocabulary, self.target_vocabulary, self.tensors, self.card
        V, b, num_tokens = self._network.V, self._network.b, 0
        logits, labels = [], []
        for h, targets in self._outputs([(pair.source, pair.targets[0]) for pair in pairs], CALIBRATION_PAIRS):
            is_token = targets != IGNORE_INDEX
            logits.append(product(h[is_token], V) + b)
            labels.append(targets[is_token])
            num_tokens += len(labels[-1])
            if num_tokens * len(V) >= CALIBRATION_LOGITS:
                break
        return Seq2SeqPredictor(
            *parts, calibrate(np.concatenate(logits), np.concatenate(labels)), self.reader, self.layout
        )

    def encode(self, ids: Ids, lengths: Ids) -> tuple[State, State]:
        """Return the first state of the decoder and the context of sources (B, S) of these lengths (B,)."""
        return self._network.encode(ids, lengths)

    def step(self, tokens: Ids, state: State, context: State) -> tuple[Array, State]:
        """Return the log probabilities (B*K, V) of the next tokens after tokens (B*K,), and the next state.

        The K rows of each of the context's B sources are next to each other.
        """
        return self._network.step(tokens, state, context)

    def ensemble_with(self, others: Iterable[EncoderDecoder]) -> Ensemble:
        """Return the ensemble of this model and others."""
        return Ensemble([self, *others])

    def predict(self, sources: Iterable[str], *, beam: int = 1, length_penalty: float = 1.0) -> list[str]:
        """Return the most probable target of each source, by greedy or beam search."""
        return Ensemble([self]).texts(sources, beam=beam, length_penalty=length_penalty)

    def n_best(self, sources: Iterable[str], *, beam: int = 5, length_penalty: float = 1.0) -> list[list[Prediction]]:
        """Return up to `beam` targets of each source with their scores, best first."""
        return Ensemble([self]).predict(sources, beam=beam, length_penalty=length_penalty)

    def align(self, source: str, target: str) -> Alignment:
        """Return the attention weights of each target token for each source token."""
        if self._network.attention is None:
            hint = "Train a model with attention: dot, general or additive"
            raise ConfigError("the model has no attention; expected one with attention", hint=hint)
        state, context = self.encode(*pad_sources([self.source_codec.encode(source)]))
        inputs, _ = pad_targets([self.target_codec.encode(target)])
        s, _, _ = self._network.decode(inputs, state, context)
        return Alignment(
            [*self.source_codec.tokens(source), END],
            [*self.target_codec.tokens(target), END],
            self._network.attention_weights(s, context)[0],
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
        model = Model(self._network, Ensemble([self]).search, self.source_codec, self.target_codec)
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
        for h, targets in self._outputs(pairs, batch_size):
            count = int((targets != IGNORE_INDEX).sum())
            total += Mean(self._network.loss(h, targets, self.calibration.temperature), count)
        return total

    def token_log_probabilities(self, sources: Sequence[str], targets: Sequence[Ids]) -> Array:
        """Return calibrated log probabilities (B, T + 1) of target ids, each followed by the end token, and padding."""
        state, context = self.encode(*pad_sources([self.source_codec.encode(source) for source in sources]))
        inputs, ids = pad_targets(targets)
        _, h, _ = self._network.decode(inputs, state, context)
        rows, numbers = h.reshape(-1, h.shape[-1]), np.maximum(ids, 0).reshape(-1, 1)
        of_targets = np.empty(len(rows), h.dtype)
        size = max(1, CALIBRATION_LOGITS // len(self._network.V))
        for part in (slice(first, first + size) for first in range(0, len(rows), size)):
            log_p = log_softmax((product(rows[part], self._network.V) + self._network.b) / self.calibration.temperature)
            of_targets[part] = np.take_along_axis(log_p, numbers[part], 1)[:, 0]
        return of_targets.reshape(ids.shape)

    def _outputs(self, pairs: Sequence[tuple[str, str]], batch_size: int) -> Iterator[tuple[Array, Ids]]:
        """Yield attentional outputs (B, T, H) after the correct previous tokens, and target ids (B, T), by batches."""
        sources = [self.source_codec.encode(source) for source, _ in pairs]
        all_targets = [self.target_codec.encode(target) for _, target in pairs]
        lengths = [max(len(source), len(target)) + 1 for source, target in zip(sources, all_targets, strict=True)]
        for rows in length_buckets(lengths, BATCH_TOKENS, batch_size):
            state, context = self.encode(*pad_sources([sources[row] for row in rows]))
            inputs, targets = pad_targets([all_targets[row] for row in rows])
            _, h, _ = self._network.decode(inputs, state, context)
            yield h, targets

    def measure(self, pairs: Sequence[Pair], *, beam: int = 1) -> dict[str, float]:
        """Return loss, exact match and error rates."""
        return Ensemble([self]).measure(pairs, beam=beam)

    def evaluate(self, sources: Pairs, targets: Targets | None = None, *, beam: int = 1) -> dict[str, Any]:
        """Return loss, exact match and error rates, and BLEU and chrF if sacrebleu is installed.

        The arguments are those of `fit`. A target may be a list of targets, any of which is right.
        """
        return Ensemble([self]).evaluate(examples_of(sources, targets, self.reader), beam=beam)
