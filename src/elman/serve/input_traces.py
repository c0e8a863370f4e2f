"""Traces of a reader's own input, by a model of the folders.

A text may be too long for a page: then its beginning is traced, as far as it fits, and the answer says how far.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from elman.checkpoint import is_run_folder
from elman.errors import ConfigError
from elman.inspect.trace_arguments import read_series, trace_arguments
from elman.inspect.trace_page import json_size, trace_json
from elman.tasks.loading import load

MAX_MODELS = 3  # that stay loaded
PROBE = 200  # characters, whose trace gives the size of a longer one
MAX_BYTES = 30_000_000  # of a trace in a browser
MAX_CHARACTERS = 20_000  # of any text, which takes seconds
MAX_SOURCE = 1_000  # characters of a source: the attention weights grow with the product of both lengths
_LAST_WORD = re.compile(r"(?<=\s)\S{1,50}\Z")  # if the text is words


class Look(NamedTuple):
    """A trace as JSON, and how many characters of the input it has: None if that is all of it."""

    trace: str
    num_characters: int | None


class Models:
    """The predictors of models. The last ones stay loaded; a model that a training replaces is read again."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[Path, tuple[int, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, path: Path) -> Any:
        """Return the predictor of a run folder or a model folder."""
        manifest = (path / "model" if is_run_folder(path) else path) / "manifest.json"
        with self._lock:
            stamp = manifest.stat().st_mtime_ns if manifest.exists() else 0
            known = self._loaded.pop(path, None)
            if known is None or known[0] != stamp:
                known = (stamp, load(path))
            self._loaded[path] = known
            while len(self._loaded) > MAX_MODELS:
                self._loaded.popitem(last=False)
            return known[1]


def look_inside(predictor: Any, text: str, options: Mapping[str, Any], *, gradients: bool) -> Look:
    """Return the trace of a text, or of its beginning."""
    arguments = trace_arguments(predictor, options)
    if not text:
        raise ConfigError("the input is empty; expected a text", hint="Enter a text")
    target = options.get("target") or ""
    if len(target) > MAX_SOURCE:
        problem = f"target: given {len(target):,} characters; expected at most {MAX_SOURCE:,}"
        raise ConfigError(problem, hint="Enter a shorter one")
    shown = _beginning(predictor, text)
    trace = trace_json(predictor.trace(shown, gradients=gradients, **arguments))
    return Look(trace, None if shown == text else len(shown))


def look_inside_series(predictor: Any, path: Path, *, gradients: bool) -> Look:
    """Return the trace of a forecaster that reads a file of a series."""
    series = read_series(predictor, str(path), lambda message: None)
    return Look(trace_json(predictor.trace(series, gradients=gradients)), None)


def generate(predictor: Any, prompt: str, *, max_tokens: int, temperature: float, seed: int) -> str:
    """Return a prompt and the text that a language model generates after it."""
    if predictor.task != "lm":
        raise ConfigError("only a language model generates text", hint="Choose a language model")
    text: str = predictor.generate(prompt, max_tokens=max_tokens, temperature=temperature, seed=seed)
    return text


def _beginning(predictor: Any, text: str) -> str:
    """Return the part of a text whose trace a browser can show: all of it, or its beginning up to a space."""
    if len(text) <= PROBE:
        return text
    if predictor.task == "seq2seq":
        length = MAX_SOURCE
    else:
        probe = json_size(predictor.trace(text[:PROBE]))
        length = min(MAX_CHARACTERS, int(PROBE * MAX_BYTES / probe))
    return text if len(text) <= length else _LAST_WORD.sub("", text[:length])
