"""The training of a new version of a run: beside the current version, which it replaces when it has ended.

    train --replace     a run folder in RUN/versions/, trained as any other; its request says how it is to be replaced
    finish              the new version becomes the current one, unless --only-if-better finds that it is not better;
                        versions that are no longer needed are deleted

checkpoint/versions.py changes the versions. A process that is killed in between is completed by `resume`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from elman.checkpoint import RunFolder, current_run, read_model, versions
from elman.data.readers.encodings import Notify
from elman.errors import ConfigError, DataError, ModelError
from elman.shell import quote
from elman.tasks.loading import load
from elman.tasks.spec import AnyTask, Comparison, Scored

REPLACEMENT = "replacement"  # the key of the request


@dataclass(frozen=True, slots=True)
class Replacement:
    """How a new version replaces the current one: `keep` versions stay, and it must be better by `only_if_better`."""

    keep: int = versions.DEFAULT_KEEP
    only_if_better: str | None = None

    def check(self, spec: AnyTask) -> None:
        """Raise a ConfigError for a number or a metric that is not allowed."""
        if self.keep < 1:
            raise ConfigError(f"--keep: given {self.keep}; expected at least 1")
        if self.only_if_better is not None:
            better = _comparison(spec).better
            if self.only_if_better not in better:
                problem = f"--only-if-better: unknown metric {self.only_if_better!r}; expected {', '.join(better)}"
                raise ConfigError(problem)


@contextlib.contextmanager
def locked_run(path: Path) -> Iterator[RunFolder]:
    """Lock a run for training, and complete what a killed process has left to do; another path is a ModelError."""
    path = versions.run_of(path)
    with versions.switching(path) if versions.has_versions(path) else contextlib.nullcontext():
        root = RunFolder.open(path)
        versions.tidy(path)
    try:
        yield root
    finally:
        root.unlock()


def create_version(root: RunFolder, spec: AnyTask, request: Mapping[str, Any], *, overwrite: bool) -> RunFolder:
    """Create and lock the run folder of a new version; with `overwrite`, in the place of an interrupted one."""
    path = root.path
    _require_model_of(spec, path)
    number = versions.unfinished_version(path)
    if number is not None and not overwrite and (versions.folder_of(path, number) / "config.toml").is_file():
        hint = f"Continue with `elman resume {quote(path)}`, or add --overwrite to begin again"
        problem = f"the training of version {number} was interrupted; expected it to have ended"
        raise ConfigError(problem, hint=hint, where=str(path))
    if number is not None:
        versions.delete_version(path, number)
    number, folder = versions.new_version(path)
    return RunFolder.create(folder, {**request, "version": number}, address=path)


def open_version(root: RunFolder) -> RunFolder:
    """Return the run folder that is to be resumed, locked: the interrupted version, or else the current one."""
    number = versions.unfinished_version(root.path)
    folder = current_run(root.path) if number is None else versions.folder_of(root.path, number)
    return root if folder == root.path else RunFolder.open(folder, root.path)


def replacement_of(run: RunFolder) -> Replacement | None:
    """Return how this version replaces the current one when its training has ended, or None if it does not."""
    request = run.request
    is_unfinished = versions.unfinished_version(run.address) == request.get("version", 1)
    if run.path == run.address or not is_unfinished or REPLACEMENT not in request:
        return None
    return Replacement(**request[REPLACEMENT])


def update_copy(root: Path) -> None:
    """Let RUN/model be the model of the current version, which was trained further."""
    with versions.switching(root):
        versions.tidy(root)


def as_request(replacement: Replacement) -> dict[str, Any]:
    """Return what the request of a version says about its replacement."""
    return {REPLACEMENT: asdict(replacement)}


def require_comparable(
    replacement: Replacement, run: RunFolder, spec: AnyTask, corpus: Any, new: Any, notify: Notify
) -> None:
    """Raise a ConfigError, before the training, if its model cannot be compared with the current one afterwards.

    new is a predictor with the sizes and tokens of the new model. The value of the current one is reported.
    """
    metric = replacement.only_if_better
    if metric is None:
        return
    if not corpus.has_validation_set:
        hint = "Give one with --valid, or more data"
        raise ConfigError("--only-if-better: the data has no validation set", hint=hint, where=str(run.address))
    current = load(run.address)
    value = _score_current(spec, current, new, corpus, metric)
    notify(
        f"current version {current.info.version or 1}: {metric} {value:.6g} on the validation set of the new version"
    )


def finish(
    replacement: Replacement, run: RunFolder, spec: AnyTask, corpus: Any, valid: Mapping[str, Any], notify: Notify
) -> dict[str, Any]:
    """Make a trained version the current one if it is good enough; return what `train --json` prints about it.

    valid are the metrics of the new model on the validation set.
    """
    root, number = run.address, run.request["version"]
    before = current_number(root)
    outcome = _compare(replacement, run, spec, corpus, valid)
    if outcome["accepted"]:
        versions.make_current(root, number, outcome)
        notify(f"version {number} is the current version now; before, it was version {before}")
    else:
        versions.reject(root, number, outcome)
        _report_rejection(root, number, before, outcome, notify)
    deleted = versions.prune(root, replacement.keep, number)
    if deleted:
        notify(f"deleted by --keep {replacement.keep}: version {', '.join(map(str, deleted))}")
    comparison = {key: value for key, value in outcome.items() if key != "accepted"}
    return {
        "model": str((root if outcome["accepted"] else run.path) / "model"),
        "version": number,
        "is_current": outcome["accepted"],
        "previous_version": before,
        "comparison": comparison or None,
        "deleted_versions": deleted,
    }


def current_number(root: Path) -> int:
    """Return the number of the current version of a run."""
    return versions.history_of(root)[0]


def _compare(
    replacement: Replacement, run: RunFolder, spec: AnyTask, corpus: Any, valid: Mapping[str, Any]
) -> dict[str, Any]:
    """Return whether the new version is accepted, and the metric of both models."""
    metric = replacement.only_if_better
    if metric is None:
        return {"accepted": True}
    outcome: dict[str, Any] = {"metric": metric, "current_version": current_number(run.address)}
    try:
        current = _score_current(spec, load(run.address), load(run.path), corpus, metric)
    except (ConfigError, DataError, ModelError) as error:  # the current model is another one than when training began
        return {"accepted": False, **outcome, "problem": str(error)}
    new = float(valid[metric])
    is_lower_better = _comparison(spec).better[metric] == "lower"
    return {"accepted": new < current if is_lower_better else new > current, **outcome, "new": new, "current": current}


def _score_current(spec: AnyTask, current: Any, new: Any, corpus: Any, metric: str) -> float:
    """Return a metric of the current model on the validation set of the new one's run, which is a number in both."""
    comparison, evaluation = _comparison(spec), spec.evaluation
    comparison.require_comparable(new, current, metric)
    if comparison.score_current is not None:
        metrics = comparison.score_current(current, new, corpus)
    else:
        scored = Scored(current, Path(), lambda message: None)
        metrics = evaluation.score_validation_set(scored, corpus, evaluation.options())
    value = metrics.get(metric)
    if value is None or not math.isfinite(value):
        problem = f"--only-if-better: the current model has no {metric} on the validation set of the new version"
        raise ConfigError(problem, hint=f"Use one of {', '.join(comparison.better)}")
    return float(value)


def _report_rejection(root: Path, number: int, current: int, outcome: Mapping[str, Any], notify: Notify) -> None:
    if "problem" in outcome:
        notify(f"version {number} cannot be compared with version {current}: {outcome['problem']}")
    else:
        metric, new, old = outcome["metric"], outcome["new"], outcome["current"]
        notify(f"version {number} is not better than version {current}: {metric} {new:.6g}; before, {old:.6g}")
    notify(f"version {current} stays the current version. To use the new one: elman rollback {quote(root)} {number}")


def _comparison(spec: AnyTask) -> Comparison[Any, Any]:
    if spec.evaluation.comparison is None:
        raise ConfigError(f"--only-if-better: models of the task {spec.name!r} cannot be compared")
    return spec.evaluation.comparison


def _require_model_of(spec: AnyTask, path: Path) -> None:
    """Raise an error unless the run has a model of this task."""
    run = current_run(path)
    if not (run / "model").is_dir():
        hint = f"Continue with `elman resume {quote(path)}`, or train again with --overwrite"
        raise ConfigError("the run has no model yet that could be replaced", hint=hint, where=str(path))
    task = read_model(run / "model").config.get("task")
    if task != spec.name:
        problem = f"the model is of the task {task!r}; expected one of the task {spec.name!r}"
        raise ConfigError(problem, hint="Choose another -o", where=str(path))
