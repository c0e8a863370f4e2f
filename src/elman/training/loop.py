"""The fit loop: update, log, validate, save; until the budget is spent, validation stands still, or someone asks.

A loss or gradient that is not finite is found at its step, before it reaches the weights. Training then goes back to
the last checkpoint once, at a lower rate; a second time it ends with DivergedError. No checkpoint holds one.
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

from .averaging import copy_weights
from .config import TrainingConfig
from .progress import Display
from .schedules import learning_rate
from .session import NotFinite, Session, shipped_weights
from .signals import stop_requests
from .task import Task

VALIDATIONS = 16  # where validate_every_steps does not say
CHECKPOINT_SECONDS = 60.0  # where checkpoint_every_steps does not say
ROLLBACK_RATE = 0.3  # of the rate that diverged


@dataclass(frozen=True, slots=True)
class Fitted:
    """What training came to. Seconds are of wall time, all processes together."""

    steps: int
    seconds: float
    rate: float  # of what the losses are counted in, a second
    best_step: int


def fit(task: Task, model: nn.Module, config: TrainingConfig, run: RunFolder, display: Display, *, seed: int) -> Fitted:
    """Train the model in its run folder, from its newest checkpoint where there is one; export the best step."""
    session = Session.new(task, model, config, run, seed)
    checkpoint = run.newest_checkpoint(display.say)
    if checkpoint is not None:
        session.restore(*checkpoint)
        if session.counters.finished:
            display.say(f"training had ended at step {session.counters.step:,}: nothing of it is left to do")
        _export_best(session, display)
    else:
        run.truncate("metrics.jsonl", 0)
        session.save()
    counters, first = session.counters, session.counters.tokens
    began = time.monotonic()
    batches = task.batches(counters.position)
    display.begin(session.progress, session.task.unit)
    with stop_requests() as stop, contextlib.ExitStack() as ending:
        ending.callback(display.end)
        while not counters.finished:
            before = session.progress
            try:
                loss = update(session, batches, before)
                display.step(counters.step, session.progress, loss, (counters.tokens - first), time.monotonic() - began)
                _log(session)
                if _validation_is_due(session, before):
                    _validate(session, display)
                elif _checkpoint_is_due(session):
                    session.save()
                if stop.number is not None:
                    session.save()
                    hint = f"go on with `elman resume {run.path}`"
                    raise Interrupted(stop.number, f"stopped at step {counters.step}, saved", hint=hint)
            except NotFinite as what:
                _roll_back(session, display, what)
                counters, batches = session.counters, task.batches(session.counters.position)
    rate = counters.tokens / session.seconds if session.seconds else 0.0
    return Fitted(counters.step, session.seconds, rate, counters.best_step or 0)


def update(session: Session, batches: Iterator[tuple[Any, Any]], progress: float) -> float:
    """Do one update of the weights; return its mean loss."""
    config, counters, model = session.config, session.counters, session.model
    rate = learning_rate(progress, config, counters.plateaus) * counters.rate_scale
    for group in session.optimizer.param_groups:
        group["lr"] = rate
    session.optimizer.zero_grad(set_to_none=True)
    loss_sum, count = 0.0, 0
    for _ in range(config.accumulate_steps):
        batch, counters.position = next(batches)
        loss, n, session.carry = session.task.loss(model, batch, session.carry, progress, session.rng)
        loss.backward()  # type: ignore[no-untyped-call]
        loss_sum, count = loss_sum + loss.item(), count + n
    _scale_gradients(session, loss_sum, count)
    session.optimizer.step()
    counters.step += 1
    if session.average is not None:
        session.average.update(model, counters.step)
    counters.tokens += count
    counters.log_loss, counters.log_count = counters.log_loss + loss_sum, counters.log_count + count
    return loss_sum / count


def _scale_gradients(session: Session, loss_sum: float, count: int) -> None:
    """Turn the gradients of the sum into those of the mean, clipped to clip_norm; refuse what is not finite."""
    gradients = [p.grad for p in session.model.parameters() if p.grad is not None]
    norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))) / count
    if not (math.isfinite(loss_sum) and math.isfinite(norm)):
        named = {name: p.grad for name, p in session.model.named_parameters() if p.grad is not None}
        largest = max(named, key=lambda name: _magnitude(named[name]))
        counters = session.counters
        raise NotFinite(
            f"loss {loss_sum / count:.3g} at step {counters.step + 1} (data at {counters.position}, "
            f"largest gradient {_magnitude(named[largest]):.3g} in {largest})"
        )
    clip = session.config.clip_norm
    scale = min(1.0, clip / (norm + 1e-6)) if clip else 1.0
    torch._foreach_mul_(gradients, scale / count)


def _magnitude(gradient: torch.Tensor) -> float:
    largest = float(gradient.abs().max())
    return math.inf if math.isnan(largest) else largest


def _log(session: Session) -> None:
    counters = session.counters
    if counters.step % session.config.log_every_steps == 0:
        loss = counters.log_loss / counters.log_count
        session.run.append("metrics.jsonl", {"step": counters.step, "tokens": counters.tokens, "loss": loss})
        session.run.append("timing.jsonl", {"step": counters.step, "seconds": round(session.seconds, 3)})
        counters.log_loss, counters.log_count = 0.0, 0


def _validation_is_due(session: Session, before: float) -> bool:
    every = session.config.validate_every_steps
    if session.progress >= 1.0:
        return True
    if every is not None:
        return session.counters.step % every == 0
    return int(session.progress * VALIDATIONS) > int(before * VALIDATIONS)


def _checkpoint_is_due(session: Session) -> bool:
    every = session.config.checkpoint_every_steps
    if every is not None:
        return session.counters.step % every == 0
    return time.monotonic() - session.saved > CHECKPOINT_SECONDS


def _validate(session: Session, display: Display) -> None:
    """Measure, tell, decide whether this is the best step and whether it is the last, and save."""
    task, counters, config = session.task, session.counters, session.config
    session.model.eval()
    with session.shipped():
        predictor = task.predictor(session.model)
        metrics = task.validate(session.model, predictor)
    session.model.train()
    name, direction = task.objective
    if not math.isfinite(metrics[name]):
        raise NotFinite(f"{name} {metrics[name]} on the held-out part at step {counters.step}")
    value, loss = metrics[name] if direction == "min" else -metrics[name], metrics.get("loss", 0.0)
    best = counters.best_value is None or (value, loss) < (counters.best_value, counters.best_loss)
    if best:
        counters.best_value, counters.best_loss, counters.best_step, counters.stale = value, loss, counters.step, 0
    else:
        counters.stale += 1
        counters.plateaus += counters.stale % config.plateau_patience == 0
    stalled = config.patience > 0 and counters.stale >= config.patience
    counters.finished = session.progress >= 1.0 or stalled
    session.run.append("metrics.jsonl", {"step": counters.step, "valid": metrics})
    session.save(best=best)
    if best:
        predictor.save(session.run / "model", replace=True)
    display.validated(counters.step, metrics, best=best, sample=task.preview(predictor))
    if stalled and session.progress < 1.0:
        display.say(f"no better for {counters.stale} validations: stopping early")


def _roll_back(session: Session, display: Display, what: NotFinite) -> None:
    """Go back to the last checkpoint at a lower rate, once."""
    checkpoint = session.run.newest_checkpoint(display.say)
    if session.counters.rollbacks or checkpoint is None:
        rate = session.config.learning_rate * session.counters.rate_scale
        hint = f"try --lr {rate / 10:.2g}, or clipping with --clip 1; the best step so far is kept"
        raise DivergedError(f"not finite: {what}", hint=hint, where=str(session.run.path)) from None
    spent = session.seconds
    session.restore(*checkpoint)
    session.counters.seconds = spent
    session.counters.rollbacks += 1
    session.counters.rate_scale *= ROLLBACK_RATE
    session.run.append("metrics.jsonl", {"step": session.counters.step, "rolled_back": str(what)})
    rate = session.config.learning_rate * session.counters.rate_scale
    display.say(f"not finite: {what}; back to step {session.counters.step} at learning rate {rate:.3g}")


def _is_exported(session: Session, weights: dict[str, torch.Tensor]) -> bool:
    """Whether the model folder holds these weights."""
    try:
        exported = read_model(session.run / "model").tensors
    except ModelError:
        return False
    names = [name for name, _ in session.model.named_parameters()]
    return all(name in exported and np.array_equal(exported[name], weights[name].numpy()) for name in names)


def _export_best(session: Session, display: Display) -> None:
    """Write the model folder of the best step again: a kill may have come between its checkpoint and its export."""
    if session.counters.best_step is None:
        return
    name = checkpoint_name(session.counters.best_step)
    try:
        tensors, _ = session.run.load_checkpoint(name)
    except ModelError as error:
        display.say(
            f"the checkpoint of the best step is lost ({error.where}: {error.message}): its model is kept as is"
        )
        return
    session.run.point("best", name)
    weights = shipped_weights(tensors)
    if _is_exported(session, weights):
        return  # with the card that a user may have edited
    live = {key: parameter.detach().clone() for key, parameter in session.model.named_parameters()}
    copy_weights(weights, session.model)
    session.task.predictor(session.model).save(session.run / "model", replace=True)
    copy_weights(live, session.model)
