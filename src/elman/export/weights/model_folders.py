"""Imported weights as a model folder: a language model, a classifier or a tagger.

A vocabulary of elman begins with `<unk>`. The token that plays its part in the file moves to the front, with its row of
the embedding and, in a language model, its row of the readout. If the vocabulary has no such token, one is added whose
embedding is zero, and which a language model never predicts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from elman.checkpoint import Tensors
from elman.config import Config, validate_config
from elman.errors import ConfigError, ModelError
from elman.models.folder import FolderPredictor
from elman.tasks.classifier.config import ClassifierConfig, ClassifierTextConfig
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.language_model.config import BIDIRECTIONAL, LanguageModelConfig, LanguageModelTextConfig
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.tagger.config import TaggerConfig, TaggerTextConfig
from elman.tasks.tagger.predictor import TaggerPredictor
from elman.text import UNKNOWN, Vocabulary
from elman.translations import translate

from .options import ImportOptions, read_tokens
from .parity import PAIRS, Parity, activate, compare
from .source import MOMENTS, Model, Moment, Reference, Source
from .weights import Weights

Array = npt.NDArray[Any]
AnyConfig = TypeVar("AnyConfig", bound=Config)

NEVER = -1e4  # the bias of a token that is never predicted: its probability is 0 in float32
USUAL_UNKNOWN = (UNKNOWN, "[UNK]", "<UNK>", "UNK", "<oov>", "<OOV>")


class Tokens(NamedTuple):
    """The tokens of the model; order[i] is the row of the file of token i, or -1 for an added one."""

    vocabulary: Vocabulary
    order: Array
    notes: tuple[str, ...]

    def rows(self, matrix: Array, added: float = 0.0) -> Array:
        """Return the rows of the file in the order of the model's tokens."""
        padded: Array = np.concatenate([np.full((1, *matrix.shape[1:]), added, np.float32), matrix])
        return np.asarray(padded[self.order + 1], np.float32)

    def numbers(self) -> Array:
        """Return the number in the model of each row of the file."""
        known_rows = np.flatnonzero(self.order >= 0)
        return np.asarray(known_rows[np.argsort(self.order[known_rows])])

    def spelled(self, rows: Array) -> list[str]:
        """Return the tokens of rows of the file."""
        return self.vocabulary.decode(self.numbers()[rows])


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A predictor, and the function of it that returns what the reference returns."""

    predictor: FolderPredictor
    weights: Weights
    model: Model
    reference: Reference
    rows: Array  # of the embedding that a text can have
    notes: tuple[str, ...]
    file: Path
    kind: str

    def compare(self, where: str) -> Parity:
        """Return how far the predictor is from the reference; a difference is a ModelError."""
        return compare(self.weights, self.model, self.reference, where, self.rows)

    def save(self, folder: Path, parity: Parity) -> None:
        """Write the model folder, with a card that describes the import."""
        self.predictor.save(folder, card=self._card(folder.name, parity))

    def _card(self, name: str, parity: Parity) -> str:
        digest = hashlib.sha256(self.file.read_bytes()).hexdigest()
        lines = [
            f"Imported from {self.file.name} ({self.kind}).",
            f"SHA-256 of the file: {digest}.",
            f"Compared with {parity.reference} at {len(PAIRS)} batch sizes and lengths: the largest difference is "
            f"{parity.largest_difference:.3g}.",
        ]
        return "\n".join([f"# {name}", "", *(f"- {translate(line)}" for line in lines), ""])


def build_model(source: Source, options: ImportOptions, file: Path) -> ImportedModel:
    """Return the predictor of imported weights for a task; what does not fit is a ConfigError or a ModelError."""
    where = str(file)
    if options.vocabulary is None:
        hint = "Give the tokens: --vocabulary FILE.json, or write the weights alone: -o weights.safetensors"
        raise ConfigError("a model folder needs a vocabulary; expected --vocabulary", hint=hint)
    if source.weights.embedding is None or source.weights.readout is None:
        lacking = "embedding" if source.weights.embedding is None else "readout"
        hint = f"Name it with --map {lacking}.weight=NAME, or write the weights alone: -o weights.safetensors"
        raise ModelError(f"the file has no {lacking}; expected one for a model folder", hint=hint, where=where)
    if source.ignored:
        named = ", ".join(source.ignored[:5])
        hint = "Write the weights alone: -o weights.safetensors"
        raise ModelError(f"weights that a {options.task} model has no place for: {named}", hint=hint, where=where)
    tokens = arrange_tokens(read_tokens(options.vocabulary, "--vocabulary"), options, len(source.weights.embedding))
    return _BUILDERS[options.task](source, options, tokens, file)


def arrange_tokens(tokens: Sequence[str], options: ImportOptions, num_rows: int) -> Tokens:
    """Return the vocabulary of the model, which begins with `<unk>`."""
    if len(tokens) != num_rows:
        problem = f"--vocabulary: {len(tokens)} tokens; expected {num_rows}, as many as the embedding has rows"
        raise ConfigError(problem, where=str(options.vocabulary))
    if options.unknown is not None and options.unknown not in tokens:
        raise ConfigError(f"--unknown {options.unknown!r}: not in the vocabulary", where=str(options.vocabulary))
    unknown = options.unknown or next((token for token in USUAL_UNKNOWN if token in tokens), None)
    if unknown is None:
        order = np.arange(-1, num_rows)
        notes = ("the vocabulary has no token for unknown ones: <unk> is added, with an embedding of zeros",)
        return Tokens(Vocabulary([UNKNOWN, *tokens]), order, notes)
    if UNKNOWN in tokens and unknown != UNKNOWN:
        raise ConfigError(f"--unknown {unknown!r}: the vocabulary has {UNKNOWN!r}, too; expected one of them")
    place = tokens.index(unknown)
    order = np.array([place, *(row for row in range(num_rows) if row != place)])
    moved = [f"{unknown!r} stands for unknown tokens"] if unknown != UNKNOWN or place else []
    return Tokens(Vocabulary([UNKNOWN, *(token for token in tokens if token != unknown)]), order, tuple(moved))


def _language_model(source: Source, options: ImportOptions, tokens: Tokens, file: Path) -> ImportedModel:
    weights, where = source.weights, str(file)
    embedding, readout, bias = _ends(weights)
    if weights.is_bidirectional:
        raise ModelError(BIDIRECTIONAL, where=where)
    reference = _require_outputs(source, "each", "a language model, which predicts after each token", where)
    if len(readout) != len(embedding):
        problem = f"the readout has {len(readout)} rows; expected {len(embedding)}, one for each token"
        raise ModelError(problem, hint="A classifier or a tagger: --task classify or --task tag", where=where)
    sizes = weights.hidden_sizes if len(set(weights.hidden_sizes)) > 1 else weights.hidden_sizes[:1]
    config = validate_config(LanguageModelConfig, {**_shared_values(weights), "hidden_size": sizes})
    text = _text_config(LanguageModelTextConfig, options, tokens)
    tensors = {
        **weights.tensors(),
        "embedding.weight": tokens.rows(embedding),
        "readout.weight": tokens.rows(readout),
        "readout.bias": tokens.rows(bias, NEVER),
    }
    predictor = LanguageModelPredictor(config, text, tokens.vocabulary, tensors)
    number_of = tokens.numbers()

    def model(x: Array) -> Array:
        logits, _ = predictor.run(number_of[x], predictor.initial_state(len(x)))
        return activate(logits[..., number_of], reference.activation)

    def is_read(token: str) -> bool:
        return list(predictor.codec.encode_prompt(token)) == [predictor.vocabulary[token]]

    notes = _unreadable(tokens, is_read, text.level)[1]
    rows = np.arange(len(embedding))
    return ImportedModel(predictor, weights, model, reference, rows, (*tokens.notes, *notes), file, source.kind)


def _classifier(source: Source, options: ImportOptions, tokens: Tokens, file: Path) -> ImportedModel:
    weights, labels = source.weights, _labels(source, options)
    reads = "a classifier, which reads the last output of each direction"
    reference = _require_outputs(source, "last", reads, str(file))
    config = validate_config(ClassifierConfig, {**_encoder_values(weights, str(file)), "pooling": "last"})
    text = _text_config(ClassifierTextConfig, options, tokens)
    parts = config, text, tokens.vocabulary, Vocabulary([UNKNOWN]), labels, _encoder_tensors(weights, tokens)
    predictor = ClassifierPredictor(*parts)
    joint = "" if text.level == "char" else " "

    def is_read(token: str) -> bool:
        return text.word(token) == token and predictor.tokens(f"{token}{joint}{token}") == [token, token]

    def model(x: Array) -> Array:
        return predictor.predict_proba([joint.join(tokens.spelled(row)) for row in x])

    readable, notes = _unreadable(tokens, is_read, text.level)
    reference = _with_probabilities(reference)
    return ImportedModel(predictor, weights, model, reference, readable, (*tokens.notes, *notes), file, source.kind)


def _tagger(source: Source, options: ImportOptions, tokens: Tokens, file: Path) -> ImportedModel:
    weights, labels = source.weights, _labels(source, options)
    reference = _require_outputs(source, "each", "a tagger, which predicts for each token", str(file))
    config = validate_config(TaggerConfig, _encoder_values(weights, str(file)))
    text = _text_config(TaggerTextConfig, options, tokens)
    parts = config, text, tokens.vocabulary, Vocabulary([UNKNOWN]), labels, _encoder_tensors(weights, tokens, "words")
    predictor = TaggerPredictor(*parts)

    def is_read(token: str) -> bool:
        return text.word(token) == token and text.tokenize(token) == [token]

    def model(x: Array) -> Array:
        return np.stack(predictor.predict_proba([tokens.spelled(row) for row in x]))

    readable, notes = _unreadable(tokens, is_read, text.level)
    reference = _with_probabilities(reference)
    return ImportedModel(predictor, weights, model, reference, readable, (*tokens.notes, *notes), file, source.kind)


_BUILDERS: dict[str, Callable[[Source, ImportOptions, Tokens, Path], ImportedModel]] = {
    "lm": _language_model,
    "classify": _classifier,
    "tag": _tagger,
}


def _ends(weights: Weights) -> tuple[Array, Array, Array]:
    """Return the embedding, the readout and its bias, zero where there is none."""
    assert weights.embedding is not None
    assert weights.readout is not None
    bias = np.zeros(len(weights.readout), np.float32) if weights.readout_bias is None else weights.readout_bias
    return weights.embedding, weights.readout, bias


def _require_outputs(source: Source, wanted: Moment, model: str, where: str) -> Reference:
    """Return the reference with the outputs that a model needs; a file that computes others is a ModelError."""
    reference = source.reference
    if wanted not in reference.runs:
        described = " and ".join(MOMENTS[moment] for moment in reference.runs)
        problem = f"the file computes outputs {described}; expected {MOMENTS[wanted]} for {model}"
        raise ModelError(problem, hint="Choose the task with --task lm, classify or tag", where=where)
    return replace(reference, runs={wanted: reference.runs[wanted]})


def _with_probabilities(reference: Reference) -> Reference:
    """Return the reference with the softmax of its outputs."""

    def run(x: Array) -> Array:
        y = reference.run(x)
        if reference.activation is None:
            return activate(y, "softmax")
        return y if reference.activation == "softmax" else np.exp(y)

    return replace(reference, runs={reference.moment: run}, activation="softmax")


def _labels(source: Source, options: ImportOptions) -> list[str]:
    if options.labels is None:
        raise ConfigError(f"--task {options.task}: expected --labels FILE.json, the labels in the order of the readout")
    labels, rows = read_tokens(options.labels, "--labels"), len(_ends(source.weights)[1])
    if len(labels) != rows:
        problem = f"--labels: {len(labels)} labels; expected {rows}, as many as the readout has rows"
        raise ConfigError(problem, where=str(options.labels))
    return labels


def _shared_values(weights: Weights) -> dict[str, Any]:
    values = {"cell": weights.cell, "activation": weights.activation}
    return {**values, "embedding_size": weights.input_size, "num_layers": len(weights.layers)}


def _encoder_values(weights: Weights, where: str) -> dict[str, Any]:
    if len(set(weights.hidden_sizes)) > 1:
        sizes = ", ".join(map(str, weights.hidden_sizes))
        hint = "Write the weights alone: -o weights.safetensors"
        raise ModelError(f"layers of {sizes} hidden units; expected equal sizes", hint=hint, where=where)
    directions = {"hidden_size": weights.hidden_sizes[0], "bidirectional": weights.is_bidirectional}
    return {**_shared_values(weights), **directions, "character_size": 0}


def _encoder_tensors(weights: Weights, tokens: Tokens, name: str = "words") -> Tensors:
    embedding, readout, bias = _ends(weights)
    tensors = {key: value for key, value in weights.tensors().items() if key.startswith("layers.")}
    return {**tensors, f"tokens.{name}.weight": tokens.rows(embedding), "readout.weight": readout, "readout.bias": bias}


def _text_config(kind: type[AnyConfig], options: ImportOptions, tokens: Tokens) -> AnyConfig:
    """Return how texts are tokenized: by characters if every token is one."""
    level = options.level or ("char" if all(len(token) == 1 for token in tokens.vocabulary.tokens[1:]) else "word")
    return validate_config(kind, {"level": level, "normalize": options.normalize})


def _unreadable(tokens: Tokens, is_read: Callable[[str], bool], level: str) -> tuple[Array, tuple[str, ...]]:
    """Return the rows of the file whose tokens occur in texts, and a note on tokens that do not."""
    known_rows = [(int(row), tokens.vocabulary.tokens[number]) for number, row in enumerate(tokens.order) if row >= 0]
    readable = np.array([row for row, token in known_rows if token != UNKNOWN and is_read(token)], np.int64)
    others = [token for _, token in known_rows if token != UNKNOWN and not is_read(token)]
    if not len(readable):
        problem = f"no token of the vocabulary is a token at level {level}, such as {others[:3]}"
        raise ConfigError(problem, hint="Choose the tokenization with --level and --normalize")
    if not others:
        return readable, ()
    shown = ", ".join(map(repr, others[:5]))
    return readable, (f"{len(others)} tokens do not occur in texts at level {level}, such as {shown}",)
