"""Training from a request to a model folder, for any task.

    train    request -> run folder -> data -> config.toml -> fit -> model folder
    resume   the same from wherever it stopped: a run that was killed while it read its data starts over, one that was
             killed while it trained continues from its newest checkpoint, a finished one completes its model folder or,
             with a larger budget, trains on

continuation.py describes how training continues from a trained model, and how a budget is extended.

A task is known by its TaskSpec (tasks/spec.py) and by its module `training`. Predictions never come this way.
"""

from __future__ import annotations

import contextlib
import json
import platform
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from elman import kernels
from elman.checkpoint import (
    CONFIG_FILE,
    ModelInfo,
    RunFolder,
    checked_name,
    data_hash,
    is_run_folder,
    name_of_folder,
    present_date,
    replace_file,
    single_numbers,
    translate_disk_errors,
)
from elman.config import Values, get_table, to_toml, validate_config
from elman.data.readers.encodings import Notify
from elman.data.readers.text import IN_MEMORY
from elman.data.sources import ExampleSource, SourceArgument, located
from elman.errors import ConfigError, ModelError, ResourceError
from elman.models.cell_name import require_registered
from elman.models.folder import first_problem
from elman.tasks.loading import load, read_run_config
from elman.tasks.spec import AnyTask, RunConfig, Scored, spec_of, task_spec
from elman.training.loop import FitResult, fit
from elman.training.progress import Display
from elman.training.task import Task
from elman.training.throughput import ASSUMED_CPU_FLOPS, processor_name
from elman.translations import current_language, use_language
from elman.version import version

from .continuation import (
    START,
    copy_start_weights,
    extended_config,
    load_start,
    report_known_examples,
    values_with_start,
)
from .memory import build_model
from .replacement import (
    Replacement,
    as_request,
    create_version,
    finish,
    locked_run,
    open_version,
    replacement_of,
    require_comparable,
    update_copy,
)
from .sources import from_request, to_request
from .timing import check_device, settled_config
from .training_module import training_module


def train(
    sources: Sequence[SourceArgument],
    out: Path,
    values: Values,
    display: Display,
    *,
    task: str = "lm",
    valid: Sequence[SourceArgument] = (),
    overwrite: bool = False,
    start: Any = None,
    replace: Replacement | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """Train a model of a task; return what `elman train --json` prints.

    values are config values, nested as in a TOML file; what they lack is chosen from the data and the budget. valid is
    the validation set; without it, it is taken from the sources. start is a trained model from which training
    continues: a predictor, or the path of a run folder or a model folder. With `replace`, the model of a run that
    exists is replaced by a new version, which is trained beside it. name is that of the model, or else of the folder.
    """
    spec = task_spec(task)
    if replace is not None:
        replace.check(spec)
    model = None if start is None else load_start(start, spec)
    values = values if model is None else values_with_start(spec, model, values)
    early: RunConfig = spec.resolve(values, None, ASSUMED_CPU_FLOPS)  # mistakes are reported before anything is written
    check_device(early)
    parts = {"train": [located(source) for source in sources], "valid": [located(source) for source in valid]}
    for source in (source for part in parts.values() for source in part):
        spec.open_source(source, early.data, _silent).check()
    sources_by_part = {part: to_request(files) for part, files in parts.items()}
    origin = {"name": name_of_folder(out) if name is None else checked_name(name), "date": present_date()}
    request = {"values": values, "sources": sources_by_part, "task": task, "language": current_language(), **origin}
    if model is not None:
        request["start"] = str(start) if isinstance(start, str | Path) else IN_MEMORY
    with contextlib.ExitStack() as cleanup:
        if replace is not None and is_run_folder(out):
            root = cleanup.enter_context(locked_run(out))
            run = create_version(root, spec, {**request, **as_request(replace)}, overwrite=overwrite)
        else:
            run = RunFolder.create(out, request, overwrite=overwrite)
        cleanup.callback(run.unlock)
        try:
            if model is not None:
                model.save(run / START)
            _prepare(run, spec, values, parts, display)
            report_known_examples(run, start, display.notify)
            training = _build_training(run, spec, display.notify)
            if replace is not None and replace.only_if_better is not None and run.path != run.address:
                report_known_examples(run, run.address, display.notify)
                new = training.task.predictor(training.model)
                require_comparable(replace, run, spec, training.corpus, new, display.notify)
        except (Exception, KeyboardInterrupt):
            run.discard()
            raise
        run.delete_replaced_run()
        return _continue(run, spec, training, display)


def resume(path: Path, display: Display, more: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Continue a run; return what `elman train --json` prints.

    more adds steps, epochs or minutes, one of the three, to what the run has used of its budget. The training of a
    version that was interrupted comes before the run's current version.
    """
    with locked_run(path) as root, contextlib.ExitStack() as cleanup:
        run = open_version(root)
        cleanup.callback(run.unlock)
        request = run.request
        spec = spec_of(request.get("task"), run.path)
        if not (run / CONFIG_FILE).exists():
            parts = from_request(request, path)
            display.notify("the run was stopped before its text was read: starting over")
            if "start" in request and not (run / START).is_dir():
                load_start(request["start"], spec).save(run / START)
            shutil.rmtree(run / "data", ignore_errors=True)
            _prepare(run, spec, request["values"], parts, display)
            run.delete_replaced_run()
        return _continue(run, spec, _build_training(run, spec, display.notify, more), display)


def run_config(run: RunFolder) -> RunConfig:
    """Return the resolved config of a run folder."""
    try:
        values = read_run_config(run.path)
        require_registered(get_table(values, "model"), where=run / CONFIG_FILE)
        config: RunConfig = validate_config(spec_of(values.get("task"), run.path).run_config, values)
    except ConfigError as error:
        raise ModelError(first_problem(str(error)), hint="Train again with --overwrite", where=str(run.path)) from None
    return config


def _prepare(
    run: RunFolder, spec: AnyTask, values: Values, parts: Mapping[str, Sequence[SourceArgument]], display: Display
) -> None:
    """Read the data and settle the config. config.toml is written last, and shows that everything is there."""
    early: RunConfig = spec.resolve(values, None, ASSUMED_CPU_FLOPS)
    train, valid = (_opened(spec, parts[part], early, display.notify) for part in ("train", "valid"))
    with translate_disk_errors(run.path), _memory_errors(run.path):
        arguments = run / "data", values, early, train, valid, display.notify
        if (run / START).is_dir() and spec.continuation is not None:
            corpus = spec.continuation.prepare(*arguments, load(run / START))
        else:
            corpus = spec.prepare(*arguments)
        config = settled_config(spec, values, corpus, run.path)
        replace_file(run / "env.json", (json.dumps(_environment(), indent=1) + "\n").encode())
        replace_file(run / CONFIG_FILE, to_toml(config).encode())
    for line in spec.report.describe_run(config, corpus):
        display.notify(line)


def _opened(
    spec: AnyTask, sources: Sequence[SourceArgument], config: RunConfig, notify: Notify
) -> list[ExampleSource[Any]]:
    return [spec.open_source(source, config.data, notify) for source in sources]


class _Training(NamedTuple):
    """The parts of a training that is about to begin or to continue."""

    config: RunConfig
    corpus: Any
    task: Task
    model: nn.Module
    is_extended: bool  # beyond the budget that the run had


def _build_training(
    run: RunFolder, spec: AnyTask, notify: Notify, more: Mapping[str, float] | None = None
) -> _Training:
    """Return the parts of the training of a run folder; too little memory for it is a ResourceError.

    more is added to the budget.
    """
    config = run_config(run)
    corpus = spec.open_corpus(run / "data")
    check_device(config)
    with _number_of_threads(config.training.threads), _memory_errors(run.path):
        task = training_module(spec).build_task(config, corpus)
        if more is not None:
            config = extended_config(run, config, task.batches_per_epoch, more, notify)
        model = build_model(task, config, run.path)
        copy_start_weights(run, model)
        model.to(config.training.device)
    return _Training(config, corpus, task, model, more is not None)


def _continue(run: RunFolder, spec: AnyTask, training: _Training, display: Display) -> dict[str, Any]:
    """Train to the end of the budget, and complete the model folder."""
    config, corpus, task, model, is_extended = training
    with _number_of_threads(config.training.threads):
        with _memory_errors(run.path):
            fitted = fit(task, model, config.training, run, display, seed=config.seed, extended=is_extended)
        return _complete(run, spec, corpus, fitted, task.unit, display)


@contextlib.contextmanager
def _number_of_threads(count: int) -> Iterator[None]:
    """Compute with this number of threads, in torch and in the kernels."""
    threads, prediction_threads = torch.get_num_threads(), kernels.get_num_threads()
    torch.set_num_threads(count)
    kernels.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        kernels.set_num_threads(prediction_threads)


def _complete(
    run: RunFolder, spec: AnyTask, corpus: Any, fitted: FitResult, unit: str, display: Display
) -> dict[str, Any]:
    """Score the model on the whole validation set, write its card and its origin, and let it replace the current one.

    Return what `elman train --json` prints: "train" has the metrics of the updates before the best step; without a
    validation set, those of the training set.
    """
    predictor, evaluation, report = load(run.path), spec.evaluation, spec.report
    valid = evaluation.score_validation_set(Scored(predictor, run.path, _silent), corpus, evaluation.options())
    if not predictor.card.strip():  # a user may have edited it since
        with use_language("zh" if run.request.get("language") == "zh" else "en"):  # that of `train`, not of `resume`
            card = report.model_card(predictor, valid, corpus, report.measure_speed(predictor, corpus))
        predictor.info = _origin(run, corpus, valid)
        predictor.save(run / "model", card=card, replace=True)
    result = {
        "run": str(run.address),
        "model": str(run.address / "model"),
        "task": spec.name,
        "steps": fitted.steps,
        "seconds": round(fitted.seconds, 3),
        f"{unit}_per_second": round(fitted.rate, 1),
        "best_step": fitted.best_step,
        "train": fitted.best_train if corpus.has_validation_set else valid,
        "valid": valid if corpus.has_validation_set else None,
    }
    if (replacement := replacement_of(run)) is not None:
        result |= finish(replacement, run, spec, corpus, valid, display.notify)
    elif run.path != run.address:
        update_copy(run.address)
    return result


def _origin(run: RunFolder, corpus: Any, valid: Mapping[str, Any]) -> ModelInfo:
    """Return what the model folder says about its origin."""
    request = run.request
    return ModelInfo(
        name=request.get("name"),
        version=request.get("version", 1),
        date=request.get("date"),
        data_sha256=data_hash(source.sha256 for source in corpus.sources),
        metrics=single_numbers(valid),
    )


@contextlib.contextmanager
def _memory_errors(place: Path) -> Iterator[None]:
    """Turn the errors of Python, a GPU and torch's CPU allocator for exhausted memory into a ResourceError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        exhausted = "out of memory|not enough memory|t allocate memory"
        if isinstance(error, RuntimeError) and not re.search(exhausted, str(error)):
            raise
        hint = "Try a smaller --batch-size or --hidden, or shorter texts. `elman resume` continues a run that had begun"
        raise ResourceError("out of memory", hint=hint, where=str(place)) from None


def _environment() -> dict[str, str]:
    return {
        "elman": version(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "kernels": kernels.instruction_set() or kernels.unavailable_reason(),
    }


def _silent(message: str) -> None:
    """Print nothing."""
