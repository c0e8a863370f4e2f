"""The training loop: update, log, validate and save until the budget is used, validation stops improving, or a signal.

A loss or gradient that is not finite is detected before it changes the weights. The first time, training returns to the
last checkpoint and continues at a lower learning rate; the second time, it ends with a DivergedError. Checkpoints
contain only finite weights.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from elman.checkpoint import RunFolder, checkpoint_name, read_model
from elman.errors import DivergedError, Interrupted, ModelError
from elman.metrics import perplexity
from elman.shell import quote
from elman.translations import use_language

from .averaging import copy_weights
from .config import TrainingConfig
from .intervals import checkpoint_is_due, validation_is_due
from .progress import Display, Validation
from .schedules import learning_rate
from .session import NonFiniteError, Session, exported_weights
from .signals import StopRequest, stop_requests
from .task import Task
from .torch_internals import update_parameters

ROLLBACK_RATE = 0.3  # factor of the learning rate after a rollback


@dataclass(frozen=True, slots=True)
class FitResult:
    """The result of training. Seconds are wall time, including earlier processes of a resumed run."""

    steps: int
    seconds: float
    rate: float  # of the loss's unit (tokens, texts), per second
    best_step: int
    best_train: dict[str, float]  # metrics of the updates up to the best step, since the validation before it


def fit(
    task: Task,
    model: nn.Module,
    config: TrainingConfig,
    run: RunFolder,
    display: Display,
    *,
    seed: int,
    extended: bool = False,
) -> FitResult:
    """Train the model in its run folder, resuming from the newest checkpoint if there is one; export the best step.

    extended: the config has a larger budget than before, so a finished training continues.
    """
    session = Session.new(task, model, config, run, seed)
    checkpoint = run.newest_checkpoint(display.notify)
    if checkpoint is not None:
        session.restore(*checkpoint)
        if extended:
            session.counters.finished, session.counters.validations_since_best = False, 0
            session.save()
        if session.counters.finished:
            display.notify(f"Training ended at step {session.counters.step:,} before; there is nothing left to do.")
        _export_best(session, display)
    else:
        run.truncate_file("metrics.jsonl", 0)
        session.save()
    start, first_tokens = time.monotonic(), session.counters.tokens
    batches = task.batches(session.counters.position)
    display.begin(session.progress, session.task.unit)
    with stop_requests() as stop, contextlib.ExitStack() as cleanup:
        cleanup.callback(display.end)
        while not session.counters.finished:
            progress, counters = session.progress, session.counters
            try:
                loss = update(session, batches, progress)
                new_tokens, seconds = counters.tokens - first_tokens, time.monotonic() - start
                display.step(counters.step, session.progress, loss, new_tokens, seconds)
                _log(session)
                _validate_or_save(session, display, progress)
                _stop_if_requested(session, stop)
            except NonFiniteError as error:
                _roll_back(session, display, error)
                batches = task.batches(session.counters.position)
    counters = session.counters
    rate = counters.tokens / session.seconds if session.seconds else 0.0
    return FitResult(counters.step, session.seconds, rate, counters.best_step or 0, counters.best_train or {})


def update(session: Session, batches: Iterator[tuple[Any, Any]], progress: float) -> float:
    """Update the weights once, from `accumulate_steps` batches; return the mean loss."""
    config, counters, model = session.config, session.counters, session.model
    rate = learning_rate(progress, config, counters.plateaus) * counters.rate_scale
    for group in session.optimizer.param_groups:
        group["lr"] = rate
    for parameter in model.parameters():
        parameter.grad = None
    loss_sum, count = 0.0, 0
    for _ in range(config.accumulate_steps):
        batch, counters.position = next(batches)
        loss, n, session.carry = session.task.loss(model, batch, session.carry, progress, session.rng)
        loss.backward()
        loss_sum, count = loss_sum + loss.item(), count + n
    counters.log_norm += _scale_gradients(session, loss_sum, count)
    update_parameters(session.optimizer)
    counters.step += 1
    if session.average is not None:
        session.average.update(model, counters.step)
    counters.tokens += count
    counters.log_loss, counters.log_count = counters.log_loss + loss_sum, counters.log_count + count
    counters.train_loss, counters.train_count = counters.train_loss + loss_sum, counters.train_count + count
    return loss_sum / count


def _scale_gradients(session: Session, loss_sum: float, count: int) -> float:
    """Scale the gradients from the sum to the mean of the losses, and clip their norm; raise if they are not finite.

    Return the norm before clipping.
    """
    gradients = [p.grad for p in session.model.parameters() if p.grad is not None]
    norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))) / count
    if not (math.isfinite(loss_sum) and math.isfinite(norm)):
        raise NonFiniteError(_describe_divergence(session, loss_sum / count))
    clip = session.config.clip_norm
    scale = min(1.0, clip / (norm + 1e-6)) if clip else 1.0
    torch._foreach_mul_(gradients, scale / count)
    return norm


def _describe_divergence(session: Session, loss: float) -> str:
    gradients = {name: p.grad for name, p in session.model.named_parameters() if p.grad is not None}
    largest = max(gradients, key=lambda name: _magnitude(gradients[name]))
    counters = session.counters
    return (
        f"loss {loss:.3g} at step {counters.step + 1} (position in the data {counters.position}, "
        f"largest gradient {_magnitude(gradients[largest]):.3g} in {largest})"
    )


def _magnitude(gradient: torch.Tensor) -> float:
    """Return the largest absolute value; infinity if there is a NaN."""
    largest = float(gradient.abs().max())
    return math.inf if math.isnan(largest) else largest


def _log(session: Session) -> None:
    counters = session.counters
    if counters.step % session.config.log_every_steps == 0:
        loss = counters.log_loss / counters.log_count
        record = {"step": counters.step, "tokens": counters.tokens, "loss": loss}
        record["gradient_norm"] = counters.log_norm / session.config.log_every_steps
        record["learning_rate"] = session.optimizer.param_groups[0]["lr"]  # of the last of these updates
        session.run.append_record("metrics.jsonl", record)
        session.run.append_record("timing.jsonl", {"step": counters.step, "seconds": round(session.seconds, 3)})
        counters.log_loss, counters.log_count, counters.log_norm = 0.0, 0, 0.0


def _validate_or_save(session: Session, display: Display, progress_before: float) -> None:
    """Validate, which also saves, or save a checkpoint, if either is due."""
    if validation_is_due(session, progress_before):
        _validate(session, display)
    elif checkpoint_is_due(session):
        session.save()


def _stop_if_requested(session: Session, stop: StopRequest) -> None:
    """Save a checkpoint and raise Interrupted if a signal has asked training to stop.

    Before the first validation, the model folder is that of the present step; later, that of the best step.
    """
    if stop.number is None:
        return
    session.save()
    if session.counters.best_step is None:
        _export_unvalidated(session)
    hint = f"Continue with `elman resume {quote(session.run.address)}`"
    raise Interrupted(stop.number, f"stopped at step {session.counters.step} and saved", hint=hint)


def _export_unvalidated(session: Session) -> None:
    """Write the model folder of the present step. The first validation replaces it, since it is the best so far."""
    with session.with_exported_weights():
        session.task.predictor(session.model).save(session.run / "model", replace=True)


def _validate(session: Session, display: Display) -> None:
    """Compute the metrics, decide whether this step is the best and whether it is the last, and save."""
    task, counters = session.task, session.counters
    session.model.eval()
    with session.with_exported_weights():
        predictor = task.predictor(session.model)
        metrics = task.validate(session.model, predictor)
    session.model.train()
    name, _ = task.objective
    if not math.isfinite(metrics[name]):
        raise NonFiniteError(f"{name} {metrics[name]} of the validation set at step {counters.step}")
    train = _training_metrics(session, metrics)
    is_best = _compare_with_best(session, metrics)
    if is_best:
        counters.best_train = train
    patience = session.config.patience
    stalled = patience > 0 and counters.validations_since_best >= patience
    counters.finished = session.progress >= 1.0 or stalled
    session.require_finite_weights()
    with use_language(session.run.request.get("language", "en")):  # of the run, so that a resumed one has the same
        sample = task.preview(predictor)
    record = {"step": counters.step, "train": train, "valid": metrics}
    session.run.append_record("metrics.jsonl", record if sample is None else {**record, "sample": sample})
    session.save(best=is_best)
    if is_best:
        predictor.save(session.run / "model", replace=True)
    is_lowest = counters.best_loss == metrics.get("loss", counters.best_loss)
    display.validation(Validation(counters.step, train, metrics, is_best, sample, task.has_validation_set, is_lowest))
    if stalled and session.progress < 1.0:
        display.notify(f"Early stopping: no new best in {counters.validations_since_best} validations.")


def _training_metrics(session: Session, valid: dict[str, float]) -> dict[str, float]:
    """Return the mean loss of the updates since the last validation, with dropout, and the perplexity if valid has it.

    The next mean starts at 0.
    """
    counters = session.counters
    loss = counters.train_loss / counters.train_count
    counters.train_loss, counters.train_count = 0.0, 0
    return {"loss": loss, "perplexity": perplexity(loss)} if "perplexity" in valid else {"loss": loss}


def _compare_with_best(session: Session, metrics: dict[str, float]) -> bool:
    """Return whether this step is the best so far, and count the validations without a new best.

    With an objective "loss" whose metrics have "loss_error", its standard error, the best step is the last one whose
    loss is at most one standard error above the lowest (Breiman et al., 1984): smaller differences are mostly chance,
    and a later step has been trained for longer.
    """
    counters = session.counters
    name, direction = session.task.objective
    value, loss = metrics[name] if direction == "min" else -metrics[name], metrics.get("loss", 0.0)
    is_lowest = counters.best_value is None or (value, loss) < (counters.best_value, counters.best_loss)
    if is_lowest:
        counters.best_value, counters.best_loss = value, loss
        counters.best_error = metrics.get("loss_error", 0.0) if name == "loss" else 0.0
    if is_lowest or value < (counters.best_value or 0.0) + counters.best_error:
        counters.best_step, counters.validations_since_best = counters.step, 0
        return True
    counters.validations_since_best += 1
    counters.plateaus += counters.validations_since_best % session.config.plateau_patience == 0
    return False


def _roll_back(session: Session, display: Display, error: NonFiniteError) -> None:
    """Return to the last checkpoint at a lower learning rate; the second time, raise a DivergedError."""
    checkpoint = session.run.newest_checkpoint(display.notify)
    if session.counters.rollbacks or checkpoint is None:
        rate = session.config.learning_rate * session.counters.rate_scale
        hint = f"Try --lr {rate / 10:.2g}, or clipping with --clip 1. The best step so far is saved"
        raise DivergedError(f"training diverged: {error}", hint=hint, where=str(session.run.path)) from None
    seconds = session.seconds
    session.restore(*checkpoint)
    session.counters.seconds = seconds
    session.counters.rollbacks += 1
    session.counters.rate_scale *= ROLLBACK_RATE
    session.run.append_record("metrics.jsonl", {"step": session.counters.step, "rolled_back": str(error)})
    rate = session.config.learning_rate * session.counters.rate_scale
    step = session.counters.step
    display.notify(f"Training diverged: {error}. Returning to step {step} with the learning rate {rate:.3g}.")


def _model_folder_contains(session: Session, weights: dict[str, torch.Tensor]) -> bool:
    """Return whether the model folder contains these weights."""
    try:
        exported = read_model(session.run / "model").tensors
    except ModelError:
        return False
    names = [name for name, _ in session.model.named_parameters()]
    return all(name in exported and np.array_equal(exported[name], weights[name].numpy()) for name in names)


def _export_best(session: Session, display: Display) -> None:
    """Export the best step again if the process was killed between its checkpoint and its export."""
    if session.counters.best_step is None:
        return
    name = checkpoint_name(session.counters.best_step)
    try:
        tensors, _ = session.run.load_checkpoint(name)
    except ModelError as error:
        problem = f"{error.where}: {error.message}"
        display.notify(f"The checkpoint of the best step is lost ({problem}). The model folder does not change.")
        return
    session.run.write_pointer("best", name)
    weights = exported_weights(tensors)
    if _model_folder_contains(session, weights):
        return  # do not overwrite a card that the user may have edited
    current = {key: parameter.detach().clone() for key, parameter in session.model.named_parameters()}
    copy_weights(weights, session.model)
    session.task.predictor(session.model).save(session.run / "model", replace=True)
    copy_weights(current, session.model)
