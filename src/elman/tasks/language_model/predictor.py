"""Predictions of a language model from its model folder, without torch: steps, generation, suggestions and scores.

x_t      = embedding[token_t]
h_t      = stack(x_t, h_(t-1))
logits_t = V h_t + b            for the token at t + 1; with tied weights V is the embedding

Scoring is in evaluation.py, suggestion of words in suggestion.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells import readout
from elman.checkpoint import ModelFolder, Tensors
from elman.config import Config
from elman.decoding import Sampler, generate
from elman.errors import ConfigError
from elman.metrics import Mean
from elman.models.folder import FolderPredictor, damage_errors, read_config, read_vocabulary
from elman.models.stack import Stack, State, take
from elman.text import UNKNOWN, Vocabulary
from elman.text.tokenizers import BYTE_TOKENS

from . import evaluation
from .batches import Tokens, ValidationBatch
from .config import LanguageModelConfig, LanguageModelTextConfig
from .suggestion import search_words, suggest_words

Ids = npt.NDArray[np.int64]


class LanguageModelPredictor(FolderPredictor):
    """A trained language model."""

    task = "lm"

    def __init__(
        self,
        config: LanguageModelConfig,
        text: LanguageModelTextConfig,
        vocabulary: Vocabulary,
        tensors: Tensors,
        card: str = "",
    ) -> None:
        """Take weights by name; a shape that does not fit the config is a ModelError."""
        self.card = card
        V = len(vocabulary)
        self.config = config
        self.text = text
        self.vocabulary = vocabulary
        self.codec = text.codec(vocabulary)
        self.tensors = tensors
        self._embedding = take(tensors, "embedding.weight", (V, config.embedding_size))
        sizes = config.embedding_size, config.hidden_sizes
        self._stack = Stack(config.build_cell(), tensors, *sizes, self._embedding)
        tied = config.tie_weights
        self._V = self._embedding if tied else take(tensors, "readout.weight", (V, config.hidden_sizes[-1]))
        self._b = take(tensors, "readout.bias", (V,))

    @classmethod
    def from_folder(cls, model: ModelFolder, where: Path) -> LanguageModelPredictor:
        """Return the predictor of a model folder."""
        config = read_config(model, "model", LanguageModelConfig, where)
        text = read_config(model, "text", LanguageModelTextConfig, where)
        vocabulary = read_vocabulary(model, "tokens", where)
        with damage_errors(where):
            return cls(config, text, vocabulary, model.tensors, model.card)

    def configs(self) -> Mapping[str, Config]:
        """Return the parts of config.json by name."""
        return {"model": self.config, "text": self.text}

    def vocabularies(self) -> Mapping[str, Sequence[str]]:
        """Return the tokens of each vocabulary by name."""
        return {"tokens": self.vocabulary.tokens}

    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state before any token."""
        return self._stack.initial_state(batch_size)

    def step(self, inputs: npt.NDArray[Any], state: State) -> tuple[npt.NDArray[Any], State]:
        """Return the logits (B, V) of the next tokens, and the next state, after token ids (B,)."""
        outputs, state = self._stack.run(inputs[:, None], state)
        return readout.forward(outputs[:, 0], self._V, self._b), state

    def read(self, ids: npt.NDArray[Any], state: State) -> tuple[npt.NDArray[Any], State]:
        """Return the logits (V,) after all of ids (T,), at least one, and the state there (a batch of one)."""
        outputs, state = self._stack.run(ids[None], state)
        return readout.forward(outputs[0, -1], self._V, self._b), state

    def score(self, tokens: Tokens, *, limit: int | None = None) -> Mean:
        """Return the loss in nats of all tokens of a text but the first, or of about `limit` tokens."""
        return evaluation.mean_loss(tokens, len(self.vocabulary), self._batch_loss, limit=limit)

    def evaluate(self, examples: str | Iterable[str] | Tokens) -> dict[str, Any]:
        """Return loss (nats per token), perplexity, bits per character and counts.

        examples is a text, several, which are read as one, or token ids on disk.
        """
        return evaluation.evaluate(evaluation.encoded(examples, self.codec), self.codec, self.score)

    def _batch_loss(self, batch: ValidationBatch, state: State | None) -> tuple[float, State]:
        state = self.initial_state(len(batch.inputs)) if state is None else state
        outputs, state = self._stack.run(batch.inputs, state, batch.lengths)
        return evaluation.summed_loss(outputs, self._V, self._b, batch), state

    def prompt_ids(self, prompt: str) -> Ids:
        """Return the ids of a prompt; an empty one is a line end, or the most frequent token if there is none."""
        ids = self.codec.encode_prompt(prompt)
        if len(ids):
            return ids
        most_frequent = self.vocabulary.tokens[:2][-1]  # after `<unk>`
        start = next((token for token in ("\n", BYTE_TOKENS[10], " ") if token in self.vocabulary), most_frequent)
        return self.vocabulary.encode([start])

    def stream(
        self,
        prompt: str = "",
        *,
        max_tokens: int = 200,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Iterator[str]:
        """Yield the continuation of a prompt in pieces, each as soon as it is generated, and each valid Unicode."""
        try:
            sampler = Sampler(temperature, top_k, top_p, forbidden=(self.vocabulary[UNKNOWN],))
        except ValueError as error:
            raise ConfigError(str(error)) from None
        return self._continue(prompt, max_tokens, sampler, np.random.default_rng(seed))

    def _continue(self, prompt: str, max_tokens: int, sampler: Sampler, rng: np.random.Generator) -> Iterator[str]:
        ids = self.prompt_ids(prompt)
        decoder = self.codec.decoder()
        for token in self.vocabulary.decode(ids) if prompt else ():
            decoder.push(token)
        logits, state = self.read(ids, self.initial_state())
        first = True
        for chosen in generate(self.step, logits, state, sampler, rng, max_tokens):
            piece = decoder.push(self.vocabulary.tokens[chosen])
            if first and self.text.level == "word" and prompt[-1:].isspace():
                piece = piece.lstrip(" ")  # the prompt has that space already
            first = False
            yield piece
        yield decoder.flush()

    def generate(
        self,
        prompt: str = "",
        *,
        max_tokens: int = 200,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> str:
        """Return the prompt and its continuation. temperature 0 is greedy; the same seed gives the same text."""
        pieces = self.stream(
            prompt, max_tokens=max_tokens, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed
        )
        return prompt + "".join(pieces)

    def suggest(self, prompt: str, k: int = 3) -> list[tuple[str, float]]:
        """Return the k most probable next words after a prompt with their probabilities.

        A prompt that ends inside a word has that word completed.
        """
        if k < 1:
            raise ConfigError(f"suggest: given {k}; expected 1 or more")
        if self.text.level == "word":
            return suggest_words(prompt, k, self.codec, self._after)
        return search_words(prompt, k, self.codec, self._after, self.step)

    def _after(self, prompt: str) -> tuple[npt.NDArray[Any], State]:
        """Return the logits (V,) of the token after a prompt, and the state there."""
        return self.read(self.prompt_ids(prompt), self.initial_state())
