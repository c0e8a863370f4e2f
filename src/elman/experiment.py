"""The composition root: a request becomes a run folder, a task, a model, a training, and a model folder.

    train    request -> run folder -> corpus -> config.toml -> fit -> model folder
    resume   the same from wherever it stopped: a run killed while it read its text starts over, one killed while it
             trained goes on from its newest checkpoint, a finished one completes its model folder

Everything that torch is needed for begins here; what only predicts never comes this way.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import platform
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from elman import kernels
from elman.checkpoint import CONFIG, RunFolder, disk_errors_told, replace_file
from elman.config import Values, read_toml, to_toml, validated
from elman.data import named
from elman.data.corpus import Corpus
from elman.data.preparation import NOUNS, prepare
from elman.data.readers import IN_MEMORY, STDIN, MemoryText, Source, TextSource
from elman.errors import ConfigError, DataError, ModelError, ResourceError
from elman.experiment_config import LanguageModelRun, resolve
from elman.runtime import load
from elman.runtime.card import write_card
from elman.tasks.language_model import LanguageModelTask
from elman.tasks.language_model_config import operations_per_token
from elman.training.loop import Fitted, fit
from elman.training.machine import ASSUMED_FLOPS, ASSUMED_GPU_FLOPS, fastest, step_seconds
from elman.training.progress import Display
from elman.version import version

TIMINGS = 4  # at most, of steps of a model whose size is being settled


def train(
    sources: Sequence[str | Path | MemoryText],
    out: Path,
    given: Values,
    display: Display,
    *,
    valid: Sequence[str | Path | MemoryText] = (),
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train a language model on texts; return what `elman train --json` prints.

    given holds config keys as a TOML file would; what it lacks is chosen from the text and the budget.
    """
    early = resolve(given)  # mistakes in the options are told before anything is read or written
    _check_device(early.training.device)
    train_paths, valid_paths = [_located(each) for each in sources], [_located(each) for each in valid]
    for each in (*train_paths, *valid_paths):
        if not isinstance(each, MemoryText):
            TextSource(each, encoding=early.data.encoding).check()
    request = {"given": given, "sources": _names(train_paths), "task": "lm", "valid": _names(valid_paths)}
    run = RunFolder.create(out, request, overwrite=overwrite)
    try:
        try:
            _prepare(run, given, train_paths, valid_paths, display)
        except (Exception, KeyboardInterrupt):
            run.abandon()
            raise
        run.keep()
        return _continue(run, display)
    finally:
        run.unlock()


def resume(path: Path, display: Display) -> dict[str, Any]:
    """Go on with a run; return what `elman train --json` prints."""
    run = RunFolder.open(path)
    try:
        if not (run / CONFIG).exists():
            request = run.request
            gone = [name for name in (*request["sources"], *request["valid"]) if name in (STDIN, IN_MEMORY)]
            if gone:
                hint = "train again with --overwrite, giving the text again"
                raise DataError(
                    "was stopped before its text was read, and the text is gone", hint=hint, where=str(path)
                )
            display.say("the run was stopped before its text was read: starting over")
            shutil.rmtree(run / "data", ignore_errors=True)
            _prepare(run, request["given"], request["sources"], request["valid"], display)
            run.keep()
        return _continue(run, display)
    finally:
        run.unlock()


def run_config(run: RunFolder) -> LanguageModelRun:
    """Return the resolved config of a run folder."""
    try:
        return validated(LanguageModelRun, read_toml(run / CONFIG))
    except ConfigError as error:
        raise ModelError(str(error), hint="train again with --overwrite", where=str(run.path)) from None


def _prepare(
    run: RunFolder,
    given: Values,
    sources: Sequence[str | Path | MemoryText],
    valid: Sequence[str | Path | MemoryText],
    display: Display,
) -> None:
    """Read the text and settle the config: config.toml is written last, and says that all of it is there."""
    early = resolve(given)
    data = early.data
    with disk_errors_told(run.path), _memory_told(run.path):
        corpus = prepare(
            run / "data",
            _opened(sources, data.encoding, display.say),
            data,
            valid=_opened(valid, data.encoding, display.say),
            valid_fraction=data.valid_fraction,
            min_frequency=data.min_frequency,
            vocabulary_size=data.vocabulary_size,
            seed=early.seed,
        )
        config = _settled(given, corpus)
        replace_file(run / "env.json", (json.dumps(_environment(), indent=1) + "\n").encode())
        replace_file(run / CONFIG, to_toml(config).encode())
    _tell(config, corpus, display)


def _settled(given: Values, corpus: Corpus) -> LanguageModelRun:
    """Return the config with every choice made, by the text and by what this machine can do.

    The size depends on the speed, and the speed, threads included, on the size: steps of the very model are timed until
    both agree.
    """
    cuda = _device(resolve(given).training.device) == "cuda"
    size = {"tokens": corpus.train.tokens, "vocabulary": len(corpus.vocabulary)}
    config = resolve(given, **size, flops=ASSUMED_GPU_FLOPS if cuda else ASSUMED_FLOPS)
    threads = config.training.threads or 1
    for _ in range(TIMINGS if not cuda else 0):
        if config.training.threads and config.training.minutes is None:
            break  # nothing depends on the speed
        threads, flops = _time_step(config, corpus)
        before, config = config, resolve(given, **size, flops=flops)
        if config.model.hidden_sizes == before.model.hidden_sizes:
            break
    settled = {"device": "cuda" if cuda else "cpu", "threads": threads}
    return config.model_copy(update={"training": config.training.model_copy(update=settled)})


def _continue(run: RunFolder, display: Display) -> dict[str, Any]:
    """Train to the end of the budget, and complete the model folder."""
    config, corpus = run_config(run), Corpus.open(run / "data")
    _check_device(config.training.device)
    threads, for_predictions = torch.get_num_threads(), kernels.get_num_threads()
    torch.set_num_threads(config.training.threads)
    kernels.set_num_threads(config.training.threads)
    try:
        with _memory_told(run.path):
            task = _task(config, corpus)
            model = task.build().to(config.training.device)
            fitted = fit(task, model, config.training, run, display, seed=config.seed)
    finally:
        torch.set_num_threads(threads)
        kernels.set_num_threads(for_predictions)
    return _complete(run, corpus, fitted)


@contextlib.contextmanager
def _memory_told(place: Path) -> Iterator[None]:
    """Tell of memory that ran out in plain words: Python's, a GPU's, or a processor's, which torch has no class for."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not re.search(
            "out of memory|not enough memory|t allocate memory", str(error)
        ):
            raise
        hint = "try a smaller --batch-size, --bptt or --hidden; a run that had begun goes on with `elman resume`"
        raise ResourceError("out of memory", hint=hint, where=str(place)) from None


def _complete(run: RunFolder, corpus: Corpus, fitted: Fitted) -> dict[str, Any]:
    """Score the shipped model on all of the held-out part, and write its card."""
    predictor = load(run.path)
    valid = predictor.evaluate(corpus.ids("valid"))
    if not predictor.card.strip():  # a user may have edited it since
        predictor.save(run / "model", card=write_card(predictor, valid, corpus), replace=True)
    return {
        "run": str(run.path),
        "model": str(run / "model"),
        "task": "lm",
        "steps": fitted.steps,
        "seconds": round(fitted.seconds, 3),
        "tokens_per_second": round(fitted.tokens_per_second, 1),
        "best_step": fitted.best_step,
        "valid": valid,
    }


def _task(config: LanguageModelRun, corpus: Corpus) -> LanguageModelTask:
    training = config.training
    return LanguageModelTask(
        corpus,
        config.model,
        config.data.text,
        batch_size=training.batch_size,
        bptt_steps=training.bptt_steps,
        stream=config.data.stream,
        seed=config.seed,
        reset_probability=config.data.reset_probability,
        validate_tokens=training.validate_tokens or None,
    )


def _time_step(config: LanguageModelRun, corpus: Corpus) -> tuple[int, float]:
    """Return the better number of threads for a step of the very model, and the floating-point rate that it reaches."""
    task = _task(config, corpus)
    model, rng = task.build(), torch.Generator().manual_seed(0)
    batch, _ = next(task.batches(task.start()))

    def step() -> None:
        loss, _, _ = task.loss(model, batch, None, 0.0, rng)
        loss.backward()  # type: ignore[no-untyped-call]

    given = config.training.threads
    threads, seconds = (given, step_seconds(step, given)) if given else fastest(step)
    cell, hidden, embedding = config.model.cell, config.model.hidden_sizes[0], config.model.embedding_size
    operations = operations_per_token(cell, hidden, embedding, len(corpus.vocabulary))
    return threads, batch.inputs.size / seconds * operations


def _located(source: str | Path | MemoryText) -> str | Path | MemoryText:
    """A path that holds from any folder; the cached file of a data set where no file has that name."""
    if isinstance(source, MemoryText) or str(source) == STDIN:
        return source
    path = Path(source)
    try:
        path.exists()
    except (OSError, ValueError):
        hint = "a str is a path; give the texts themselves as a list: [text]"
        raise DataError(f"{str(source)[:40]!r}... is no path", hint=hint) from None
    if not path.exists() and str(source) in named.DATA_SETS:
        return named.path(str(source))
    if not path.exists() and (near := difflib.get_close_matches(str(source), named.DATA_SETS, n=1)):
        raise DataError("no such file", hint=f"did you mean the data set {near[0]!r}?", where=str(source))
    return path.absolute() if path.exists() else path


def _names(sources: Iterable[str | Path | MemoryText]) -> list[str]:
    return [source.name if isinstance(source, MemoryText) else str(source) for source in sources]


def _opened(
    sources: Iterable[str | Path | MemoryText], encoding: str | None, notify: Callable[[str], None]
) -> list[Source]:
    return [
        source if isinstance(source, MemoryText) else TextSource(source, encoding=encoding, notify=notify)
        for source in sources
    ]


def _device(wanted: str) -> str:
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def _check_device(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("training.device: given cuda, but torch finds no GPU here", hint="use --device auto or cpu")


def _environment() -> dict[str, str]:
    return {
        "elman": version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "kernels": kernels.instruction_set() or kernels.why_not(),
    }


def _tell(config: LanguageModelRun, corpus: Corpus, display: Display) -> None:
    """Say what will be trained, automatic choices included."""
    model, training = config.model, config.training
    budgets = {"steps": training.steps, "epochs": training.epochs, "minutes": training.minutes}
    budget = next(f"{value:g} {name}" for name, value in budgets.items() if value is not None)
    noun = NOUNS[config.data.level]
    sizes = "-".join(map(str, model.hidden_sizes))
    display.say(
        f"{corpus.train.tokens:,} {noun} to train on, {corpus.valid.tokens:,} held out, "
        f"{len(corpus.vocabulary):,} different"
    )
    if corpus.train.unknown or corpus.valid.unknown:
        display.say(
            f"<unk> stands for {corpus.train.unknown:,} rare {noun} of the training text and for "
            f"{corpus.valid.unknown:,} of the held-out part"
        )
    display.say(
        f"{model.cell} {sizes}, embedding {model.embedding_size}, dropout {model.dropout:g}; batches of "
        f"{training.batch_size} x {training.bptt_steps}; {training.optimizer} at {training.learning_rate:g}; "
        f"{training.threads} thread{'s' * (training.threads > 1)} on {training.device}; {budget}"
    )
