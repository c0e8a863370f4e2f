"""Run folders: a short training of each task, and what `evaluate`, `resume` and the studio do with the folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from elman.tasks.loading import load, validation_corpus
from elman.tasks.spec import Scored, task_spec

from .content import Content, read_folder
from .models import MODELS

Use = Callable[[], object]
TEXTS = ["the time", "traveller", "smiled", "it was", "so it will", "be convenient", "to speak", "of him"] * 3
MAX_STEPS = 3  # after which a training that continues is stopped


class StoppedError(Exception):
    """The training goes on, which is enough to see."""


@cache
def intact_run(number: int) -> Content:
    """Return the folder of a finished run. The training has a process of its own: the threads of torch do not fork."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _train(list(MODELS)[number], path)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        if status:
            raise RuntimeError(f"no run folder of {list(MODELS)[number]}: the training failed; expected a finished one")
        return read_folder(path)


def _train(task: str, path: Path) -> None:
    import elman

    settings: dict[str, Any] = {"training": {"threads": 1, "batch_size": 4}}
    sizes: dict[str, Any] = {"hidden_size": 4, "config": settings}
    options: dict[str, Any] = {"steps": 2, "run": path, "verbose": False}
    pairs = [(text, text[::-1]) for text in TEXTS]
    if task == "lm":
        settings["training"]["bptt_steps"] = 4
        elman.LanguageModel(embedding_size=4, **sizes).fit([". ".join(TEXTS) * 4], **options)
    elif task == "classify":
        elman.Classifier(embedding_size=4, **sizes).fit(
            TEXTS, ["long" if len(t) > 6 else "short" for t in TEXTS], **options
        )
    elif task == "tag":
        tokens = [text.split() for text in TEXTS]
        tags = [["B-X" if len(token) > 3 else "O" for token in sentence] for sentence in tokens]
        elman.Tagger(embedding_size=4, **sizes).fit(tokens, tags, **options)
    elif task == "seq2seq":
        elman.Seq2Seq(embedding_size=4, source_level="char", target_level="char", **sizes).fit(pairs, **options)
    else:
        elman.Forecaster(horizon=2, **sizes).fit(np.sin(np.arange(120.0)), **options)


def evaluated(path: Path) -> list[Use]:
    """Open a run as `elman evaluate` does, and return its scoring."""
    predictor = load(path)
    spec = task_spec(predictor.task)
    corpus = validation_corpus(path, spec)
    evaluation = spec.evaluation

    def use() -> None:
        evaluation.score_validation_set(Scored(predictor, path, lambda message: None), corpus, evaluation.options())

    return [use]


class _FewSteps:
    """A display that stops the training."""

    def __init__(self) -> None:
        self._steps = 0

    def step(self, step: int, progress: float, loss: float, tokens: int, seconds: float) -> None:
        self._steps += 1
        if self._steps >= MAX_STEPS:
            raise StoppedError

    def begin(self, progress: float, unit: str = "tokens") -> None: ...
    def validation(self, validation: Any) -> None: ...
    def notify(self, message: str) -> None: ...
    def end(self) -> None: ...


def resumed(path: Path) -> list[Use]:
    """Resume a run as `elman resume` does."""
    from elman.experiment import resume

    with contextlib.suppress(StoppedError):
        resume(path, _FewSteps())
    return []


def listed(path: Path) -> list[Use]:
    """List a run as the studio does, which never fails: a damaged run is a line of its list."""
    from elman.serve.folders import Folders
    from elman.serve.model_status import ModelReader
    from elman.serve.run_status import StatusReader

    for entry in Folders([path]).scan().entries:
        with contextlib.suppress(Exception):  # as in the studio
            (StatusReader if entry.kind == "run" else ModelReader)(entry.path).read()
    return []
