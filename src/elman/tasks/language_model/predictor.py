"""Predictions of a language model from its model folder, without torch: scores, steps, generation and suggestions.

x_t      = embedding[token_t]
h_t      = stack(x_t, h_(t-1))
logits_t = V h_t + b            for the token at t + 1; with tied weights V is the embedding
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman import kernels
from elman.cells import readout
from elman.checkpoint import ModelFolder, Tensors
from elman.config import Config
from elman.decoding import Sampler, WordTokens, generate, suggest
from elman.errors import ConfigError, DataError
from elman.metrics import Mean, bits_per_character, perplexity
from elman.models.folder import FolderPredictor, damage_errors, read_config, read_vocabulary
from elman.models.stack import Stack, State, take
from elman.text import NORMALIZERS, UNKNOWN, Vocabulary
from elman.text.tokenizers import BYTE_TOKENS
from elman.text.words import is_word, starts_inside_word, word_tokens

from .batches import HELD_OUT_STREAMS, Tokens, held_out
from .config import LanguageModelConfig, LanguageModelTextConfig
from .corpus import MemoryTokens

Ids = npt.NDArray[np.int64]
SCORED_LOGITS = 4_000_000  # at a time


def scored_steps(vocabulary_size: int) -> int:
    """Return how many tokens of each held-out stream to score at a time: fewer where the logits would fill memory."""
    return max(1, min(128, SCORED_LOGITS // (HELD_OUT_STREAMS * vocabulary_size)))


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

    # Scoring

    def score(self, tokens: Tokens, *, limit: int | None = None) -> Mean:
        """Return the cross-entropy in nats of a text's tokens but the first, read in 32 fixed streams."""
        total, state = Mean(), self.initial_state(0)
        for batch in held_out(tokens, scored_steps(len(self.vocabulary)), limit=limit):
            B, T = batch.inputs.shape
            state = state if len(next(iter(state.values()))) == B else self.initial_state(B)
            outputs, state = self._stack.run(batch.inputs, state, batch.lengths)
            mask = np.arange(T) < batch.lengths[:, None]
            total += Mean(self._loss(outputs, batch.targets, mask), int(mask.sum()))
        return total

    def _loss(self, outputs: npt.NDArray[Any], targets: npt.NDArray[Any], mask: npt.NDArray[np.bool_]) -> float:
        """Return the sum of the losses in nats of the targets (B, T) that the mask keeps."""
        if not kernels.available():
            log_p = readout.log_softmax(readout.forward(outputs, self._V, self._b))
            return -float(np.take_along_axis(log_p, targets[..., None], -1)[..., 0][mask].sum(dtype=np.float64))
        counted = np.where(mask, targets, -1).astype(np.int64)
        V, b = np.ascontiguousarray(self._V), np.ascontiguousarray(self._b)
        return float(kernels.cross_entropy(outputs.reshape(-1, V.shape[1]), V, b, counted.ravel()).sum())

    def evaluate(self, examples: str | Iterable[str] | Tokens) -> dict[str, Any]:
        """Return loss (nats per token), perplexity, bits per character and counts of a text.

        examples is a text, several (read as one), or token ids on disk.
        """
        tokens = self._tokens(examples)
        if len(tokens) < 2:
            raise DataError(f"{len(tokens)} tokens to score, expected at least 2", hint="give more text")
        scored = self.score(tokens)
        unknown, characters = 0, 0
        for chunk in _chunks(tokens, first=1):
            unknown += int(np.count_nonzero(chunk == self.vocabulary[UNKNOWN]))
            characters += len(self.codec.decode(chunk))
        return {
            "task": self.task,
            "count": scored.count,
            "loss": scored.value,
            "perplexity": perplexity(scored.value),
            "bits_per_character": bits_per_character(scored.sum, characters),
            "tokens": len(tokens),
            "unknown": unknown,
        }

    def _tokens(self, examples: str | Iterable[str] | Tokens) -> Tokens:
        if not isinstance(examples, str | Iterable):
            return examples
        texts = [examples] if isinstance(examples, str) else examples
        smallest = np.min_scalar_type(len(self.vocabulary) - 1)
        return MemoryTokens(
            np.concatenate([np.empty(0, smallest), *(self.codec.encode(t).astype(smallest) for t in texts)])
        )

    # Writing

    def prompt_ids(self, prompt: str) -> Ids:
        """Return the ids of a prompt; an empty one is a line end, or the commonest token where there is none."""
        ids = self.codec.encode_prompt(prompt)
        if len(ids):
            return ids
        commonest = self.vocabulary.tokens[:2][-1]  # after `<unk>`
        start = next((token for token in ("\n", BYTE_TOKENS[10], " ") if token in self.vocabulary), commonest)
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
        """Yield the continuation of a prompt piece by piece as it is made; what is yielded is always valid Unicode."""
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
                piece = piece.lstrip(" ")  # the prompt has typed that space already
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
        """Return the k likeliest next words after a prompt with their probabilities, what a keyboard shows.

        A prompt that ends inside a word has that word completed.
        """
        if k < 1:
            raise ConfigError(f"suggest: given {k}, expected 1 or more")
        if self.text.level == "word":
            return self._suggest_words(NORMALIZERS[self.text.normalize].prompt(prompt), k)
        words = word_tokens(self.vocabulary.tokens)
        stem = prompt[starts_inside_word(prompt) :]
        logits, state = self.read(self.prompt_ids(prompt), self.initial_state())
        tokens = WordTokens(inside=words.inside, whole=words.whole)
        found = suggest(self.step, logits, state, tokens, k, inside_word=bool(stem))
        return [(stem + self.codec.decode(ids), probability) for ids, probability in found]

    def _suggest_words(self, prompt: str, k: int) -> list[tuple[str, float]]:
        """Words are tokens here: the likeliest that begin with the stem, among all that do."""
        begun = starts_inside_word(prompt)
        stem = prompt[begun:]
        logits, _ = self.read(self.prompt_ids(prompt[:begun]), self.initial_state())
        possible = np.array([is_word(token) and token.startswith(stem) for token in self.vocabulary.tokens])
        if not possible.any():
            return []
        z = logits.astype(np.float64)
        p = np.where(possible, readout.softmax(np.where(possible, z, -np.inf) if stem else z), 0.0)
        order = np.argsort(-p, kind="stable")[:k]
        return [(self.vocabulary.tokens[token], float(p[token])) for token in order if p[token] > 0.0]


def _chunks(tokens: Tokens, *, first: int) -> Iterator[Ids]:
    size = 1 << 20
    for start in range(first, len(tokens), size):
        yield tokens.rows([start], min(size, len(tokens) - start))[0]
