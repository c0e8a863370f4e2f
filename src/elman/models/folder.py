"""Model folders as predictors use them: read the parts, write them, and report which file is damaged."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from elman.checkpoint import INFO, ModelFolder, ModelInfo, Tensors, write_model
from elman.checkpoint.serialization import shown, tensor_bytes
from elman.checkpoint.weight_formats import weight_names, weights_type
from elman.config import Config, Values, validate_config
from elman.data.layout import Layout
from elman.errors import ConfigError, ModelError
from elman.text import Vocabulary

from .cell_name import require_registered
from .quantization import quantize_tensors

MAX_PROBLEM = 500  # characters

P = TypeVar("P", bound="FolderPredictor")
AnyConfig = TypeVar("AnyConfig", bound=Config)


class FolderPredictor(ABC):
    """What all predictors have: weights by name, the text of the model card, and a model folder to be saved in.

    info: name, version, date, data and metrics of the model, as far as its folder has them.
    A predictor is pickled and copied as the content of its model folder, so a copy predicts the same to the last bit.
    """

    task: ClassVar[str]
    tensors: Tensors
    card: str
    info: ModelInfo = ModelInfo()
    float32_inputs: ClassVar[tuple[str, ...]] = ()  # matrices that stay float32 in an int8 model: of a few inputs

    @classmethod
    @abstractmethod
    def from_folder(cls, model: ModelFolder, where: Path) -> Self:
        """Return the predictor of the content of a model folder; `where` is its place, for errors."""

    @abstractmethod
    def configs(self) -> Mapping[str, Config]:
        """Return the parts of config.json by name."""

    @abstractmethod
    def vocabularies(self) -> Mapping[str, Sequence[str]]:
        """Return the tokens of each vocabulary of vocabulary.json by name."""

    @property
    def num_parameters(self) -> int:
        """The number of weights."""
        return sum(self.tensors[name].size for name in weight_names(self.tensors))

    @functools.cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of model.safetensors (hex), by which states and exported files name the model."""
        return hashlib.sha256(tensor_bytes(self.tensors)).hexdigest()

    def save(self, path: str | Path, *, card: str | None = None, replace: bool = False) -> None:
        """Write a model folder, with a new model card or the present one.

        A folder that holds anything but a model is a ConfigError, unless `replace` is true.
        """
        write_model(Path(path), self._content(card), replace=replace)

    def with_tensors(self, tensors: Tensors) -> Self:
        """Return the same model with other weights, of the same names and shapes."""
        return _restored(type(self), dataclasses.replace(self._content(), tensors=tensors))

    @property
    def weights_type(self) -> str:
        """How the weights are stored: float32, bfloat16 or int8."""
        return weights_type(self.tensors)

    def quantized(self, weights: str = "int8") -> Self:
        """Return the same model with smaller weights: int8, or bfloat16, which is computed in float32.

        A model whose weights are not float32 is a ConfigError, and so is another type.
        """
        return self.with_tensors(quantize_tensors(self.tensors, weights, keep=self.float32_inputs))

    def to_torch(self) -> Any:
        """Return the model as a module of torch.nn's own layers (export/torch_modules.py); needs torch.

        What torch.nn has no layers for is a ConfigError.
        """
        export = importlib.import_module("elman.export.torch_modules")  # which is in a layer above, and imports torch
        return export.to_torch(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self._content())

    def _content(self, card: str | None = None) -> ModelFolder:
        """Return the content of the model folder."""
        config = {"task": self.task, **{name: part.model_dump(mode="json") for name, part in self.configs().items()}}
        if info := self.info.as_json():
            config[INFO] = info
        vocabularies = {name: list(tokens) for name, tokens in self.vocabularies().items()}
        return ModelFolder(config, self.tensors, vocabularies, card or self.card)


def _restored(kind: type[P], content: ModelFolder) -> P:
    """Return the predictor that was pickled or copied as the content of its model folder."""
    where = Path(kind.__name__)
    predictor = kind.from_folder(content, where)
    predictor.info = ModelInfo.of_config(content.config, where / "config.json")
    return predictor


class FilePredictor(FolderPredictor):
    """A predictor that keeps how its training files were read, so that files to predict or to score are read alike."""

    reader: Config
    layout: Layout

    def reader_values(self) -> Values:
        """Return the reader options of the training that differ from the defaults."""
        return self.reader.model_dump(exclude_defaults=True)

    @property
    def reading_configs(self) -> Mapping[str, Config]:
        """The parts of config.json about files, by name."""
        return {"reader": self.reader, "layout": self.layout}


def read_config(folder: ModelFolder, key: str, kind: type[AnyConfig], where: Path) -> AnyConfig:
    """Return a part of config.json; an invalid one is a ModelError, and so is a cell that is not registered."""
    values = folder.config.get(key, {})
    if isinstance(values, dict):
        require_registered(values, where=where / "config.json")
    try:
        return validate_config(kind, values)
    except ConfigError as error:
        raise _damaged(error.message, where / "config.json") from None


def read_vocabulary(folder: ModelFolder, name: str, where: Path) -> Vocabulary:
    """Return a vocabulary by name; an invalid or missing one is a ModelError."""
    try:
        return Vocabulary(folder.vocabularies.get(name, []))
    except ValueError as error:
        raise _damaged(str(error), where / "vocabulary.json") from None


@contextlib.contextmanager
def damage_errors(where: Path) -> Iterator[None]:
    """Report parts that do not fit together as a damaged folder."""
    try:
        yield
    except ModelError as error:
        raise _damaged(error.message, where / (error.where or "")) from None


def first_problem(problems: str) -> str:
    """Return the first of several problems, a line each, so that an error is one line; a long one is cut."""
    return shown(problems.partition("\n")[0], MAX_PROBLEM)


def _damaged(problem: str, where: Path) -> ModelError:
    return ModelError(
        first_problem(problem), hint="The folder is damaged: copy it again, or train again", where=str(where)
    )
