"""Exported C files as shared libraries that Python calls, with the interface of elman's predictors."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.batches.token_characters import MAX_CHARACTERS
from elman.export.c import export_c
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.tagger.predictor import TaggerPredictor

Array = npt.NDArray[Any]

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
COMPILERS = tuple(name for name in ("gcc", "clang") if shutil.which(name))


def compile_c(compiler: str, *arguments: str | Path) -> None:
    """Run a compiler with warnings as errors; what it prints is the message of the failure."""
    command = [compiler, *STRICT, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stderr[:3000]}"


class _Token(ctypes.Structure):
    _fields_ = (
        ("word", ctypes.c_int),
        ("characters", ctypes.POINTER(ctypes.c_int)),
        ("num_characters", ctypes.c_int),
    )


class Library:
    """An exported model, compiled and loaded. Inputs are those of the predictor, outputs arrays."""

    def __init__(
        self,
        predictor: Any,
        folder: Path,
        *,
        name: str = "model",
        compiler: str = "gcc",
        max_length: int | None = None,
    ) -> None:
        self.predictor, self.name = predictor, name
        self.source = folder / f"{name}.c"
        self.export = export_c(predictor, self.source, max_length=max_length)
        library = folder / f"{name}.{compiler}.so"
        compile_c(compiler, "-O0", "-shared", "-fPIC", self.source, "-lm", "-o", library)
        self._library = ctypes.CDLL(str(library))
        self._is_forecaster = predictor.task == "forecast"
        self._dtype = np.float64 if self._is_forecaster else np.float32

    def call(self, function: str, *arguments: Any) -> int:
        """Call a function of the header by its name without the prefix; return the status."""
        result: int = getattr(self._library, f"{self.name}_{function}")(*map(_pointer, arguments))
        return result

    def initial_state(self, *series: int) -> Array:
        """Return the memory of a state, at the beginning of a stream."""
        state = np.full(8 * (self.predictor.state_layout().record_size + 8), 0xA5, np.uint8)
        self.call("init", state, *series)
        return state

    def run(self, inputs: Any, state: Array, *, one_by_one: bool = False) -> Array:
        """Return the outputs after each input; the state changes in place."""
        shape = self.predictor.output_shape
        outputs = np.full((len(inputs), *shape), np.nan, self._dtype)
        arrays, _alive = self._inputs(inputs)
        if not one_by_one:
            assert self.call("run", state, arrays, len(inputs), outputs) == 0
            return outputs
        for t in range(len(inputs)):
            item: Any = arrays[t]
            if isinstance(item, _Token):
                item = ctypes.byref(item)
            elif not self._is_forecaster:
                item = int(item)
            assert self.call("step", state, item, outputs[t]) == 0
        return outputs

    def predict(self, inputs: Any, outputs: Array) -> int:
        """Write the answer for a whole sequence, and return what the function returns."""
        arrays, _alive = self._inputs(inputs)
        return self.call("predict", arrays, len(inputs), outputs)

    def to_bytes(self, state: Array) -> bytes:
        """Return the state as bytes."""
        content = np.zeros(24 + self.predictor.state_layout().record_size, np.uint8)
        self.call("state_to_bytes", state, content)
        return content.tobytes()

    def from_bytes(self, content: bytes, state: Array) -> int:
        """Read bytes into a state, and return the status."""
        return self.call("state_from_bytes", state, np.frombuffer(content, np.uint8), ctypes.c_size_t(len(content)))

    def _inputs(self, inputs: Any) -> tuple[Any, Any]:
        predictor = self.predictor
        if self._is_forecaster:
            return np.ascontiguousarray(inputs, np.float64), None
        if not isinstance(predictor, ClassifierPredictor | TaggerPredictor):
            return np.ascontiguousarray(inputs, np.intc), None
        words = predictor.vocabulary if isinstance(predictor, ClassifierPredictor) else predictor.words
        numbers = [words[predictor.text.word(token)] for token in inputs]
        if not predictor.config.character_size:
            return np.array(numbers, np.intc), None
        characters = [np.array(predictor.characters.encode(token[: MAX_CHARACTERS + 5]), np.intc) for token in inputs]
        tokens = (_Token * max(1, len(inputs)))()
        for token, number, array in zip(tokens, numbers, characters, strict=False):
            token.word, token.num_characters = number, len(array)
            token.characters = array.ctypes.data_as(ctypes.POINTER(ctypes.c_int))
        return tokens, characters


def _pointer(value: Any) -> Any:
    return value.ctypes.data_as(ctypes.c_void_p) if isinstance(value, np.ndarray) else value


def largest_difference(actual: Array, expected: Array) -> float:
    """Return the largest difference, relative to the largest expected value if that is above 1."""
    assert actual.shape == expected.shape
    if not actual.size:
        return 0.0
    assert np.isfinite(expected).all()
    return float(np.abs(actual.astype(np.float64) - expected).max() / max(1.0, np.abs(expected).max()))
