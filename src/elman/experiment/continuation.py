"""Training that continues: from a trained model on other data (fine-tuning), or beyond the budget of a run.

Fine-tuning starts from the weights of a model and has its sizes, its tokens and its labels. The model is copied to the
folder `start` of the run, so the run can be resumed without it. Weights in int8 or bfloat16 are unpacked to float32.
Budget, learning rate, schedule and everything else are chosen as for a new model: with a lower learning rate, the model
learned less from the new data.

A run that is extended trains on from its newest checkpoint. Its budget becomes what it has used plus what is added, in
the unit of what is added, and the schedule is that of a run with this budget from there on: at step n of N steps, the
learning rate is the one of progress n / N. The run is not the one that a larger budget would have given from the
beginning, but it is resumed as exactly as any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from elman.checkpoint import CONFIG_FILE, RunFolder, current_run, read_model, replace_file
from elman.checkpoint.weight_formats import float32_weights
from elman.config import BUDGETS, Values, layer_values, to_toml, validate_config
from elman.data.corpora.folder import read_examples
from elman.data.readers.encodings import Notify
from elman.errors import ConfigError, ModelError
from elman.tasks.loading import load
from elman.tasks.spec import AnyTask, RunConfig
from elman.training.averaging import copy_weights
from elman.training.config import TrainingConfig
from elman.training.snapshot import tensors_of
from elman.training.throughput import ASSUMED_CPU_FLOPS

START = "start"  # the folder of the model from which a run started


def load_start(source: Any, spec: AnyTask) -> Any:
    """Return the model from which training starts, from its folder or a predictor; another task is a ConfigError."""
    start = load(source) if isinstance(source, str | Path) else source
    if start.task != spec.name or spec.continuation is None:
        where = str(source) if isinstance(source, str | Path) else None
        problem = f"the model is of the task {start.task!r}; expected one of the task {spec.name!r}"
        raise ConfigError(problem, hint="Continue from a model of the same task", where=where)
    return start


def values_with_start(spec: AnyTask, start: Any, values: Values) -> Values:
    """Return the config values with those that the model determines; values that contradict it are a ConfigError."""
    assert spec.continuation is not None
    determined = spec.continuation.values(start)
    present = {
        table: {name: value for name, value in entries.items() if value is not None}
        for table, entries in determined.items()
    }
    merged = layer_values(present, values)
    config = spec.resolve(merged, None, ASSUMED_CPU_FLOPS)
    problems = []
    for table, entries in determined.items():
        for name, expected in entries.items():
            value = getattr(getattr(config, table), name)
            if value != expected:
                problems.append(f"{table}.{name}: given {_shown(value)}; expected {_shown(expected)}, as in the model")
    if problems:
        hint = "Leave it out, or train a new model: training that continues keeps sizes and tokens"
        raise ConfigError("\n".join(problems), hint=hint)
    return merged


def _shown(value: Any) -> str:
    """Return a value as a user writes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else repr(value)


def report_known_examples(run: RunFolder, start: Any, notify: Notify) -> None:
    """Report how many examples of the validation set the model from which the run starts was trained on.

    This is known if that model is in a run folder whose corpus has its examples in words: texts, or sentences.
    """
    if not isinstance(start, str | Path):
        return
    trained, valid = current_run(Path(start)) / "data" / "train.jsonl", run / "data" / "valid.jsonl"
    if not (trained.is_file() and valid.is_file()):
        return
    known = set(map(_key, read_examples(trained)))
    keys = list(map(_key, read_examples(valid)))
    if count := sum(key in known for key in keys):
        notify(
            f"{count:,} of the {len(keys):,} examples of the validation set are in the training set of {start}: its "
            "figures are too good. Give other data with --valid"
        )


def _key(example: Mapping[str, Any]) -> str:
    """Return what an example is without its label: its first field."""
    return json.dumps(next(iter(example.values())))


def copy_start_weights(run: RunFolder, model: nn.Module) -> None:
    """Give a new network the weights of the model from which the run starts, if there is one."""
    if not (run / START).is_dir():
        return
    try:
        copy_weights(tensors_of(float32_weights(read_model(run / START).tensors)), model)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"does not fit the model of the run ({error})", where=str(run / START)) from None


def extended_config(
    run: RunFolder, config: RunConfig, batches_per_epoch: int, more: Mapping[str, float], notify: Notify
) -> RunConfig:
    """Return the config with a larger budget, and write it to config.toml. more has steps, epochs or minutes."""
    ((unit, amount),) = more.items()
    checkpoint = run.newest_checkpoint(notify)
    state = {"step": 0, "seconds": 0.0} if checkpoint is None else checkpoint[1]
    training = config.training
    used = {
        "steps": state["step"],
        "epochs": state["step"] * training.accumulate_steps / batches_per_epoch,
        "minutes": state["seconds"] / 60.0,
    }
    budget = {**dict.fromkeys(BUDGETS), unit: used[unit] + amount}
    extended: TrainingConfig = validate_config(type(training), {**training.model_dump(), **budget})
    config = config.model_copy(update={"training": extended})
    replace_file(run / CONFIG_FILE, to_toml(config).encode())
    return config
