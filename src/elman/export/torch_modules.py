"""Predictors as modules of torch.nn: `predictor.to_torch()`.

    module = elman.load("runs/book").to_torch()
    logits, state = module(ids)                         ids (B, T): rows of the vocabulary

A language model returns logits and its state, a classifier log probabilities of the labels, a tagger emissions; with a
conditional random field, `module.crf` has the scores of transitions for a Viterbi search. Cells that torch.nn lacks,
encoder-decoders and forecasters are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from elman.errors import ConfigError
from elman.models.folder import FolderPredictor
from elman.models.token_encoder_config import TokenEncoderConfig
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.tagger.predictor import TaggerPredictor
from elman.text.spans import FORBIDDEN_SCORE, transition_mask

if TYPE_CHECKING:
    from torch import nn

    from elman.nn.plain import PlainLayers

CELLS = ("elman", "gru", "lstm")  # of torch.nn


def to_torch(predictor: FolderPredictor) -> nn.Module:
    """Return a module of torch.nn's layers with the predictor's results; a model without one is a ConfigError."""
    build = _BUILDERS.get(type(predictor))
    if build is None:
        hint = "The training module is in elman.tasks.*.network; its weights are those of model.safetensors"
        problem = f"to_torch: the task {predictor.task!r}; expected a language model, classifier or tagger"
        raise ConfigError(problem, hint=hint)
    if predictor.weights_type != "float32":
        problem = f"the weights of the model are {predictor.weights_type}; expected float32"
        raise ConfigError(problem, hint="Export the model before it is quantized")
    cell = predictor.config.cell  # type: ignore[attr-defined]
    if cell not in CELLS:
        hint = "In torch, elman.nn.Recurrent runs the cell by NumPy"
        problem = f"to_torch: the cell {cell!r}; expected one that torch.nn has, {', '.join(CELLS)}"
        raise ConfigError(problem, hint=hint)
    return build(predictor).eval()


def _load(module: Any, predictor: FolderPredictor) -> nn.Module:
    """Copy the weights of the model folder into a module; every parameter must be there."""
    import torch

    tensors = {name: torch.from_numpy(np.array(tensor)) for name, tensor in predictor.tensors.items()}
    if getattr(predictor, "config", None) is not None and getattr(predictor.config, "tie_weights", False):  # type: ignore[attr-defined]
        tensors["readout.weight"] = tensors["embedding.weight"]
    module.load_state_dict(tensors, strict=True)
    return module  # type: ignore[no-any-return]


def _language_model(predictor: LanguageModelPredictor) -> nn.Module:
    from torch import nn

    from elman.nn.plain import PlainLanguageModel, PlainLSTMLanguageModel, plain_layers

    config, V = predictor.config, len(predictor.vocabulary)
    embedding = nn.Embedding(V, config.embedding_size)
    layers = plain_layers(config.cell, config.activation, config.embedding_size, config.hidden_sizes)
    readout = nn.Linear(config.hidden_sizes[-1], V)
    if config.tie_weights:
        readout.weight = embedding.weight
    kind = PlainLSTMLanguageModel if config.cell == "lstm" else PlainLanguageModel
    return _load(kind(embedding, layers, readout), predictor)


def _encoder(config: TokenEncoderConfig, words: int, characters: int) -> tuple[nn.Module, PlainLayers]:
    """Return the modules for the tokens, and the layers above."""
    from torch import nn

    from elman.nn.plain import PlainCharacters, PlainTokens, PlainTokensWithCharacters, plain_layers

    cell, activation = config.cell, config.activation
    embedding = nn.Embedding(words, config.embedding_size)
    tokens: nn.Module = PlainTokens(embedding)
    if config.character_size:
        inputs = nn.Embedding(characters, config.character_embedding_size)
        size = config.character_embedding_size
        layers = plain_layers(cell, activation, size, [config.character_size], bidirectional=True)
        tokens = PlainTokensWithCharacters(embedding, PlainCharacters(inputs, layers))
    sizes = [config.hidden_size] * config.num_layers
    return tokens, plain_layers(cell, activation, config.input_size, sizes, bidirectional=config.bidirectional)


def _classifier(predictor: ClassifierPredictor) -> nn.Module:
    from torch import nn

    from elman.nn.plain import PlainAttentionPooling, PlainClassifier, PlainClassifierWithCharacters, PlainPooling

    config = predictor.config
    tokens, layers = _encoder(config, len(predictor.vocabulary), len(predictor.characters))
    pooling: nn.Module = PlainPooling(config.pooling, 2 if config.bidirectional else 1)
    if config.pooling == "attention":
        pooling = PlainAttentionPooling(config.output_size)
    readout = nn.Linear(config.output_size, len(predictor.labels))
    kind = PlainClassifierWithCharacters if config.character_size else PlainClassifier
    return _load(kind(tokens, layers, pooling, readout, predictor.calibration.temperature), predictor)


def _tagger(predictor: TaggerPredictor) -> nn.Module:
    import torch
    from torch import nn

    from elman.nn.plain import PlainTagger, PlainTaggerWithCharacters, PlainTransitions

    config, labels = predictor.config, predictor.labels
    tokens, layers = _encoder(config, len(predictor.words), len(predictor.characters))
    readout = nn.Linear(config.output_size, len(labels))
    crf = PlainTransitions(len(labels)) if config.crf else None
    kind = PlainTaggerWithCharacters if config.character_size else PlainTagger
    module = _load(kind(tokens, layers, readout, crf), predictor)
    if crf is not None:
        allowed = transition_mask(labels, config.scheme)
        with torch.no_grad():
            for scores, mask in (
                (crf.transitions, allowed.transitions),
                (crf.start, allowed.start),
                (crf.end, allowed.end),
            ):
                scores.masked_fill_(~torch.from_numpy(np.array(mask, bool)), FORBIDDEN_SCORE)
    return module


_BUILDERS: dict[type[FolderPredictor], Callable[[Any], nn.Module]] = {
    LanguageModelPredictor: _language_model,
    ClassifierPredictor: _classifier,
    TaggerPredictor: _tagger,
}
