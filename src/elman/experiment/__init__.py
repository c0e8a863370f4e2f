"""The composition root: a request becomes a run folder, a task, a model, a training, and a model folder.

    train    request -> run folder -> data -> config.toml -> fit -> model folder
    resume   the same from wherever it stopped: a run killed while it read its data starts over, one killed while it
             trained goes on from its newest checkpoint, a finished one completes its model folder

What differs from task to task is in its recipe, one file each. Everything that torch is needed for begins here; what
only predicts never comes this way.
"""

from __future__ import annotations

import contextlib
import difflib
import itertools
import json
import platform
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

import elman.nn
from elman import kernels
from elman.checkpoint import CONFIG, RunFolder, disk_errors_told, replace_file
from elman.config import Config, Values, read_toml, to_toml, validated
from elman.data import named
from elman.data.encodings import Notify
from elman.data.readers import IN_MEMORY, STDIN
from elman.errors import ConfigError, DataError, ModelError, ResourceError
from elman.runtime import load
from elman.runtime.cell_name import cell_names
from elman.training.loop import Fitted, fit
from elman.training.machine import ASSUMED_FLOPS, ASSUMED_GPU_FLOPS, fastest, step_seconds
from elman.training.progress import Display
from elman.version import version

from .classifier import ClassifierRecipe
from .forecaster import ForecasterRecipe
from .language_model import LanguageModelRecipe
from .recipe import Opened, Recipe, RunConfig, Sources
from .seq2seq import Seq2SeqRecipe
from .tagger import TaggerRecipe

RECIPES: dict[str, Recipe] = {
    "lm": LanguageModelRecipe(),
    "seq2seq": Seq2SeqRecipe(),
    "classify": ClassifierRecipe(),
    "tag": TaggerRecipe(),
    "forecast": ForecasterRecipe(),
}
TIMINGS = 4  # at most, of steps of a model whose size is being settled
TIMED_BATCHES = 4

Given = str | Path | Opened  # a path, the name of a data set, or what a Python caller holds
PARTS = ("train", "valid", "targets", "valid_targets")  # of Sources


def train(
    sources: Sequence[Given],
    out: Path,
    given: Values,
    display: Display,
    *,
    task: str = "lm",
    valid: Sequence[Given] = (),
    targets: Sequence[Given] = (),
    valid_targets: Sequence[Given] = (),
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train a model of a task; return what `elman train --json` prints.

    given holds config keys as a TOML file would; what it lacks is chosen from the data and the budget. targets and
    valid_targets are for pairs whose sides are files of their own.
    """
    recipe = RECIPES[task]
    early = recipe.resolve(given, None, ASSUMED_FLOPS)  # mistakes are told before anything is read or written
    _check_device(early.training.device, early.model)
    parts = dict(zip(PARTS, (sources, valid, targets, valid_targets), strict=True))
    located = {part: [_located(each) for each in files] for part, files in parts.items()}
    for each in (source for files in located.values() for source in files):
        if isinstance(each, str | Path):
            recipe.opened(each, early.data.encoding, lambda message: None).check()
    request = {"given": given, "sources": {part: _names(files) for part, files in located.items()}, "task": task}
    run = RunFolder.create(out, request, overwrite=overwrite)
    try:
        try:
            _prepare(run, recipe, given, located, display)
        except (Exception, KeyboardInterrupt):
            run.abandon()
            raise
        run.keep()
        return _continue(run, recipe, display)
    finally:
        run.unlock()


def resume(path: Path, display: Display) -> dict[str, Any]:
    """Go on with a run; return what `elman train --json` prints."""
    run = RunFolder.open(path)
    try:
        request = run.request
        recipe = _recipe(request.get("task"), run.path)
        if not (run / CONFIG).exists():
            files = request["sources"]
            if any(name in (STDIN, IN_MEMORY) for part in files.values() for name in part):
                hint = "train again with --overwrite, giving the text again"
                raise DataError(
                    "was stopped before its text was read, and the text is gone", hint=hint, where=str(path)
                )
            display.say("the run was stopped before its text was read: starting over")
            shutil.rmtree(run / "data", ignore_errors=True)
            _prepare(run, recipe, request["given"], files, display)
            run.keep()
        return _continue(run, recipe, display)
    finally:
        run.unlock()


def run_config(run: RunFolder) -> Any:
    """Return the resolved config of a run folder."""
    try:
        values = read_toml(run / CONFIG)
        return validated(_recipe(values.get("task"), run.path).run, values)
    except ConfigError as error:
        raise ModelError(str(error), hint="train again with --overwrite", where=str(run.path)) from None


def _recipe(task: Any, where: Path) -> Recipe:
    if not isinstance(task, str) or task not in RECIPES:
        raise ModelError(f"has task {task!r}, expected {', '.join(RECIPES)}", where=str(where))
    return RECIPES[task]


def _prepare(
    run: RunFolder, recipe: Recipe, given: Values, files: Mapping[str, Sequence[Given]], display: Display
) -> None:
    """Read the data and settle the config: config.toml is written last, and says that all of it is there."""
    early = recipe.resolve(given, None, ASSUMED_FLOPS)
    sources = Sources(
        **{part: _opened(recipe, files.get(part, ()), early.data.encoding, display.say) for part in PARTS}
    )
    with disk_errors_told(run.path), _memory_told(run.path):
        data = recipe.prepare(run / "data", given, sources, display.say)
        config = _settled(recipe, given, data)
        replace_file(run / "env.json", (json.dumps(_environment(), indent=1) + "\n").encode())
        replace_file(run / CONFIG, to_toml(config).encode())
    _tell(recipe, config, data, display)


def _tell(recipe: Recipe, config: Any, data: Any, display: Display) -> None:
    for line in recipe.told(config, data):
        display.say(line)


def _settled(recipe: Recipe, given: Values, data: Any) -> Any:
    """Return the config with every choice made, by the data and by what this machine can do.

    The size depends on the speed, and the speed, threads included, on the size: steps of the very model are timed until
    both agree.
    """
    early = recipe.resolve(given, None, ASSUMED_FLOPS)
    cuda = _device(early.training.device, early.model) == "cuda"
    config = recipe.resolve(given, data, ASSUMED_GPU_FLOPS if cuda else ASSUMED_FLOPS)
    threads = config.training.threads or 1
    for _ in range(TIMINGS if not cuda else 0):
        if config.training.threads and config.training.minutes is None:
            break  # nothing depends on the speed
        threads, flops = _time_step(recipe, config, data)
        before, config = config, recipe.resolve(given, data, flops)
        if config.model.hidden_size == before.model.hidden_size:
            break
    settled = {"device": "cuda" if cuda else "cpu", "threads": threads}
    return config.model_copy(update={"training": config.training.model_copy(update=settled)})


def _continue(run: RunFolder, recipe: Recipe, display: Display) -> dict[str, Any]:
    """Train to the end of the budget, and complete the model folder."""
    config: RunConfig = run_config(run)
    data = recipe.open(run / "data")
    _check_device(config.training.device, config.model)
    threads, for_predictions = torch.get_num_threads(), kernels.get_num_threads()
    torch.set_num_threads(config.training.threads)
    kernels.set_num_threads(config.training.threads)
    try:
        with _memory_told(run.path):
            task = recipe.build(config, data)
            model = task.build().to(config.training.device)
            fitted = fit(task, model, config.training, run, display, seed=config.seed)
        return _complete(run, recipe, data, fitted, task.unit)
    finally:
        torch.set_num_threads(threads)
        kernels.set_num_threads(for_predictions)


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
        hint = (
            "try a smaller --batch-size or --hidden, or shorter texts; a run that had begun goes on with `elman resume`"
        )
        raise ResourceError("out of memory", hint=hint, where=str(place)) from None


def _complete(run: RunFolder, recipe: Recipe, data: Any, fitted: Fitted, unit: str) -> dict[str, Any]:
    """Score the shipped model on all of the held-out part, and write its card."""
    predictor = load(run.path)
    valid = recipe.evaluate(predictor, data)
    if not predictor.card.strip():  # a user may have edited it since
        card = recipe.card(predictor, valid, data, recipe.speed(predictor, data))
        predictor.save(run / "model", card=card, replace=True)
    return {
        "run": str(run.path),
        "model": str(run / "model"),
        "task": recipe.task,
        "steps": fitted.steps,
        "seconds": round(fitted.seconds, 3),
        f"{unit}_per_second": round(fitted.rate, 1),
        "best_step": fitted.best_step,
        "valid": valid,
    }


def _time_step(recipe: Recipe, config: Any, data: Any) -> tuple[int, float]:
    """Return the better number of threads for steps of the very model, and the floating-point rate that they reach.

    Of several batches: one alone may be of short texts, or of long ones.
    """
    task = recipe.build(config, data)
    model, rng = task.build(), torch.Generator().manual_seed(0)
    batches = [batch for batch, _ in itertools.islice(task.batches(task.start()), TIMED_BATCHES)]
    counted: list[int] = []

    def step() -> None:
        counted.clear()
        for batch in batches:
            loss, count, _ = task.loss(model, batch, None, 0.0, rng)
            loss.backward()  # type: ignore[no-untyped-call]
            counted.append(count)

    given = config.training.threads
    threads, seconds = (given, step_seconds(step, given)) if given else fastest(step)
    pairs = zip(batches, counted, strict=True)
    return threads, sum(recipe.operations(config, data, batch, count) for batch, count in pairs) / seconds


def _located(source: Given) -> Given:
    """A path that holds from any folder; the cached file of a data set where no file has that name."""
    if not isinstance(source, str | Path) or str(source) == STDIN:
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


def _names(sources: Iterable[Given]) -> list[str]:
    return [str(source) if isinstance(source, str | Path) else source.name for source in sources]


def _opened(recipe: Recipe, sources: Iterable[Given], encoding: str | None, notify: Notify) -> list[Opened]:
    return [recipe.opened(source, encoding, notify) if isinstance(source, str | Path) else source for source in sources]


def _device(wanted: str, model: Config) -> str:
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() and not _numpy_cells(model) else "cpu"


def _check_device(device: str, model: Config) -> None:
    if device == "cuda" and (cells := _numpy_cells(model)):
        what = f"training.device: given cuda, but cell {cells[0]!r} runs by NumPy; expected cpu"
        raise ConfigError(what, hint="use --device auto or cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("training.device: given cuda, but torch finds no GPU here", hint="use --device auto or cpu")


def _numpy_cells(model: Config) -> list[str]:
    """Return the cells of a model that torch.nn lacks, which run by NumPy and on the CPU only."""
    return [name for name in cell_names(model.model_dump()) if name not in elman.nn.LAYERS]


def _environment() -> dict[str, str]:
    return {
        "elman": version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "kernels": kernels.instruction_set() or kernels.why_not(),
    }
