"""Everything about a run, resolved: what was given, and the task's choices where nothing was."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from elman.config import Config, Values, merged, validated
from elman.tasks.classifier import defaults as classifier_config
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.corpus import LabelTextConfig
from elman.tasks.classifier.defaults import LabelDataConfig
from elman.tasks.forecaster import defaults as forecaster_config
from elman.tasks.forecaster.config import ForecasterConfig
from elman.tasks.forecaster.defaults import SeriesDataConfig
from elman.tasks.forecaster.readers import Series
from elman.tasks.language_model.defaults import DataConfig, choices
from elman.tasks.language_model.predictor import LanguageModelConfig
from elman.tasks.seq2seq import defaults as seq2seq_config
from elman.tasks.seq2seq.config import Seq2SeqConfig
from elman.tasks.seq2seq.defaults import PairDataConfig
from elman.tasks.tagger import defaults as tagger_config
from elman.tasks.tagger.config import TaggerConfig
from elman.tasks.tagger.defaults import TagDataConfig
from elman.text.spans import Scheme
from elman.training.config import TrainingConfig
from elman.training.machine import ASSUMED_FLOPS

BUDGETS = frozenset({"steps", "epochs", "minutes"})


class LanguageModelRun(Config):
    """What config.toml of a run folder holds."""

    task: Literal["lm"] = "lm"
    seed: int = Field(0, ge=0, lt=2**63)
    data: DataConfig
    model: LanguageModelConfig
    training: TrainingConfig

    @property
    def bptt_steps(self) -> int:
        """Tokens between two truncations of the gradient: the task always has them."""
        return self.training.bptt_steps or 1


class Seq2SeqRun(Config):
    """What config.toml of a run folder holds."""

    task: Literal["seq2seq"] = "seq2seq"
    seed: int = Field(0, ge=0, lt=2**63)
    data: PairDataConfig
    model: Seq2SeqConfig
    training: TrainingConfig


class ClassifierRun(Config):
    """What config.toml of a run folder holds."""

    task: Literal["classify"] = "classify"
    seed: int = Field(0, ge=0, lt=2**63)
    data: LabelDataConfig
    model: ClassifierConfig
    training: TrainingConfig

    @model_validator(mode="after")
    def _words_are_spelled(self) -> Self:
        if self.model.character_size and self.data.level in ("char", "byte"):
            given = self.model.character_size
            raise ValueError(
                f"model.character_size: given {given}, expected 0 at level {self.data.level}: words have characters"
            )
        return self


class TaggerRun(Config):
    """What config.toml of a run folder holds."""

    task: Literal["tag"] = "tag"
    seed: int = Field(0, ge=0, lt=2**63)
    data: TagDataConfig
    model: TaggerConfig
    training: TrainingConfig


class ForecasterRun(Config):
    """What config.toml of a run folder holds."""

    task: Literal["forecast"] = "forecast"
    seed: int = Field(0, ge=0, lt=2**63)
    data: SeriesDataConfig
    model: ForecasterConfig
    training: TrainingConfig

    @property
    def window(self) -> int:
        """The rows of a window: the task always has them."""
        return self.training.bptt_steps or 1


def layered(*layers: Values) -> Values:
    """Return the layers laid over each other; a budget in a later one replaces any other in those before it."""
    result: Values = {}
    for layer in layers:
        training = layer.get("training")
        if isinstance(training, dict) and BUDGETS & set(training) and isinstance(result.get("training"), dict):
            kept = {key: value for key, value in result["training"].items() if key not in BUDGETS}
            result = {**result, "training": kept}
        result = merged(result, layer)
    return result


def resolve(
    given: Values, *, tokens: int = 1_000_000, vocabulary: int = 100, flops: float = ASSUMED_FLOPS
) -> LanguageModelRun:
    """Return a language model's whole config for so many tokens; every mistake in `given` is one ConfigError."""
    chosen = choices(given, tokens=tokens, vocabulary=vocabulary, flops=flops)
    return validated(LanguageModelRun, merged({"data": {}}, chosen, given))


def resolve_seq2seq(
    given: Values,
    *,
    pairs: int = 100_000,
    source_tokens: int = 1_000_000,
    target_tokens: int = 1_000_000,
    vocabulary: int = 100,
    flops: float = ASSUMED_FLOPS,
) -> Seq2SeqRun:
    """Return the whole config for so many pairs; every mistake in `given` is one ConfigError."""
    size = {"pairs": pairs, "source_tokens": source_tokens, "target_tokens": target_tokens, "vocabulary": vocabulary}
    chosen = seq2seq_config.choices(given, **size, flops=flops)
    return validated(Seq2SeqRun, merged({"data": {}}, chosen, given))


def resolve_classifier(
    given: Values,
    *,
    texts: int = 10_000,
    tokens: int = 1_000_000,
    text: LabelTextConfig | None = None,
    flops: float = ASSUMED_FLOPS,
) -> ClassifierRun:
    """Return the whole config for so many texts; every mistake in `given` is one ConfigError."""
    chosen = classifier_config.choices(given, texts=texts, tokens=tokens, text=text, flops=flops)
    return validated(ClassifierRun, merged({"data": {}}, chosen, given))


def resolve_tagger(
    given: Values,
    *,
    sentences: int = 10_000,
    tokens: int = 100_000,
    labels: int = 20,
    level: Literal["word", "char"] | None = None,
    scheme: Scheme = "none",
    flops: float = ASSUMED_FLOPS,
) -> TaggerRun:
    """Return the whole config for so many sentences; every mistake in `given` is one ConfigError."""
    size = {"sentences": sentences, "tokens": tokens, "labels": labels}
    chosen = tagger_config.choices(given, **size, level=level, scheme=scheme, flops=flops)
    return validated(TaggerRun, merged({"data": {}}, chosen, given))


def resolve_forecaster(
    given: Values, *, train: Series | None = None, positive_values: bool = True, flops: float = ASSUMED_FLOPS
) -> ForecasterRun:
    """Return the whole config for the training part of a series; every mistake in `given` is one ConfigError."""
    chosen = forecaster_config.choices(given, train=train, positive_values=positive_values, flops=flops)
    return validated(ForecasterRun, merged({"data": {}}, chosen, given))
