"""Predictions of a language model from its model folder, without torch: scores, steps, generation and suggestions.

x_t      = embedding[token_t]
h_t      = stack(x_t, h_(t-1))
logits_t = V h_t + b            for the token at t + 1; with tied weights V is the embedding

The weights have the names of the torch module (network.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.cells import readout
from elman.checkpoint import ModelFolder, Tensors
from elman.config import Config, Values
from elman.decoding import Sampler, generate, suggest
from elman.errors import ConfigError
from elman.figures.style import save_drawings
from elman.metrics import Mean
from elman.models.folder import damage_errors, read_config, read_vocabulary
from elman.models.matrix import dense, product, take, take_matrix
from elman.models.stack import Stack, State
from elman.models.streaming import StreamingPredictor, inside_chunks, padded_chunks, require_ids
from elman.models.text_arguments import require_numbers, require_prompt, require_whole_numbers
from elman.models.trace import Trace
from elman.options import determined_values
from elman.text import NORMALIZERS, UNKNOWN, Vocabulary
from elman.text.tokenizers import BYTE_TOKENS
from elman.text.words import classify_tokens, is_word, last_word_start
from elman.translations import Language

from . import evaluation, pictures
from .arguments import Text, examples_of
from .batches import Tokens
from .config import LanguageModelConfig, LanguageModelTextConfig
from .trace import Model, trace_text

Ids = npt.NDArray[np.int64]


class LanguageModelPredictor(StreamingPredictor):
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
        self._embedding = take_matrix(tensors, "embedding.weight", (V, config.embedding_size))
        sizes = config.embedding_size, config.hidden_sizes
        self._stack = Stack(config.build_cell(), tensors, *sizes, self._embedding)
        tied = config.tie_weights
        self._V = self._embedding if tied else take_matrix(tensors, "readout.weight", (V, config.hidden_sizes[-1]))
        self._b = take(tensors, "readout.bias", (V,))
        self._scorer = evaluation.Scorer(self._stack, self._V, self._b)

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

    def determined_values(self) -> Values:
        """Return the config values of the model that training on other data cannot change."""
        return {"data": determined_values(self.text), "model": determined_values(self.config)}

    def vocabularies(self) -> Mapping[str, Sequence[str]]:
        """Return the tokens of each vocabulary by name."""
        return {"tokens": self.vocabulary.tokens}

    @property
    def output_shape(self) -> tuple[int]:
        """(V,) of the logits after a token."""
        return (len(self.vocabulary),)

    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state before any token."""
        return self._stack.initial_state(batch_size)

    def step(self, inputs: npt.NDArray[Any], state: State) -> tuple[npt.NDArray[Any], State]:
        """Return the logits (B, V) of the next tokens, and the next state, after token ids (B,)."""
        outputs, state = self._stack.run(inputs[:, None], state)
        return product(outputs[:, 0], self._V) + self._b, state

    def run_checked(self, chunks: Sequence[Ids], state: State) -> tuple[npt.NDArray[Any], State]:
        """Return the logits (B, T, V) after each token of chunks of token ids, and the next state."""
        ids, lengths = padded_chunks(chunks)
        outputs, state = self._stack.run(ids, state, lengths)
        inside = None if lengths is None else inside_chunks(lengths)
        if inside is None:
            return product(outputs, self._V) + self._b, state
        logits = np.zeros((*outputs.shape[:2], len(self._V)), outputs.dtype)
        logits[inside] = product(outputs[inside], self._V) + self._b
        return logits, state

    def checked_chunk(self, inputs: Any) -> Ids:
        """Return the token ids of one stream; other numbers than those of the vocabulary are an ArgumentError."""
        return require_ids(inputs, len(self.vocabulary))

    def read(self, ids: npt.NDArray[Any], state: State) -> tuple[npt.NDArray[Any], State]:
        """Return the logits (V,) after all of ids (T,), at least one, and the state there (a batch of one)."""
        outputs, state = self._stack.run(ids[None], state)
        return product(outputs[0, -1], self._V) + self._b, state

    def score(self, tokens: Tokens, *, limit: int | None = None) -> Mean:
        """Return the cross-entropy in nats of all tokens but the first; `limit` scores a sample of about that many."""
        return self._scorer.cross_entropy(tokens, limit=limit)

    def evaluate(self, text: Text) -> dict[str, Any]:
        """Return loss (nats per token), perplexity, bits per character and counts of a text.

        text is the argument of `fit`: a path, the name of a data set, or texts, which are scored as one.
        """
        return self.evaluate_blocks(examples_of(text))

    def evaluate_blocks(self, blocks: Iterable[str] | Tokens) -> dict[str, Any]:
        """Return the metrics of `evaluate` for the blocks of one text, or for token ids."""
        return evaluation.evaluate(blocks, self.codec, self._scorer)

    def next_log_probabilities(self, text: Iterable[str] | Tokens) -> Iterator[tuple[Ids, npt.NDArray[Any]]]:
        """Yield the ids (T + 1,) of parts of a text, and log probabilities (T, V) of the last T of them.

        Each part begins with the last token of the part before it. The text is read as one stream.
        """
        return evaluation.next_log_probabilities(text, self.codec, self._scorer)

    def trace(
        self, text: str, *, gradients: bool = False, attribution: str | None = None, position: int | None = None
    ) -> Trace:
        """Return what happens inside the model as it reads a text; with gradients, derivatives of the loss, too.

        attribution: a method of models/attribution.py, by which the tokens contribute to the log probability of the
        token at `position`: 1 is the first token; by default the last.
        """
        model = Model(self.step, self._stack, dense(self._V), self._b, self.vocabulary.tokens)
        ids = self.prompt_ids(text)
        return trace_text(model, text, ids, gradients=gradients, attribution=attribution, position=position)

    def plot(
        self, folder: str | Path, examples: str | Iterable[str], *, language: Language | None = None
    ) -> list[Path]:
        """Draw the reliability diagram of the next tokens of a text, as PNG and SVG in a folder.

        The examples are those of `evaluate`. The language is that of the environment, if none is given.
        """
        return save_drawings(folder, pictures.of_examples(self, examples), language)

    def prompt_ids(self, prompt: str) -> Ids:
        """Return the ids of a prompt; an empty one is a line end, or else the most frequent token."""
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
        """Yield the continuation of a prompt in pieces, as they are generated; each piece is valid Unicode."""
        require_prompt(prompt)
        require_whole_numbers(0, max_tokens=max_tokens, seed=seed)
        require_whole_numbers(1, top_k=top_k)
        require_numbers(temperature=temperature, top_p=top_p)
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
        for token_id in generate(self.step, logits, state, sampler, rng, max_tokens):
            piece = decoder.push(self.vocabulary.tokens[token_id])
            if first and self.text.level == "word" and prompt[-1:].isspace():
                piece = piece.lstrip(" ")  # the prompt ends with that space already
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
        require_prompt(prompt)
        pieces = self.stream(
            prompt, max_tokens=max_tokens, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed
        )
        return prompt + "".join(pieces)

    def suggest(self, prompt: str, k: int = 3) -> list[tuple[str, float]]:
        """Return the k most probable next words after a prompt with their probabilities, as a keyboard shows them.

        If the prompt ends inside a word, the words are completions of it.
        """
        require_prompt(prompt)
        require_whole_numbers(1, suggest=k)
        if self.text.level == "word":
            return self._suggest_words(NORMALIZERS[self.text.normalize].prompt(prompt), k)
        masks = classify_tokens(self.vocabulary.tokens)
        stem = prompt[last_word_start(prompt) :]
        logits, state = self.read(self.prompt_ids(prompt), self.initial_state())
        suggestions = suggest(self.step, logits, state, masks, k, inside_word=bool(stem))
        return [(stem + self.codec.decode(ids), probability) for ids, probability in suggestions]

    def _suggest_words(self, prompt: str, k: int) -> list[tuple[str, float]]:
        """Return the most probable words that begin as the last word of the prompt does; a word is a token here."""
        start = last_word_start(prompt)
        stem = prompt[start:]
        logits, _ = self.read(self.prompt_ids(prompt[:start]), self.initial_state())
        possible = np.array([is_word(token) and token.startswith(stem) for token in self.vocabulary.tokens])
        if not possible.any():
            return []
        z = logits.astype(np.float64)
        p = np.where(possible, readout.softmax(np.where(possible, z, -np.inf) if stem else z), 0.0)
        order = np.argsort(-p, kind="stable")[:k]
        return [(self.vocabulary.tokens[token], float(p[token])) for token in order if p[token] > 0.0]
