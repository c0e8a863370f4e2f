"""The formats that are damaged, each with its intact folders, its kinds of damage, and how it is opened and used.

A new format is one function that opens a folder and returns what is to be done with it, and one line in FORMATS.
"""

from __future__ import annotations

import random
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elman.errors import ElmanError, ModelError
from elman.tasks.loading import load

from . import byte_damage, folder_damage, json_damage, models, runs, tensor_damage
from .content import Content, Damage, fit_checksums, read_folder

Use = Callable[[], object]
TEXT = "The time traveller (for so it will be convenient to speak of him) smiled. 北京 naïve 123"
BASES = 24  # intact folders of a model


class Format(NamedTuple):
    """A format. `opened` raises an ElmanError for what it refuses; `commands` are those that do the same."""

    intact: Callable[[int], Content]  # by number
    kinds: Mapping[str, Damage]
    opened: Callable[[Path], list[Use]]
    commands: tuple[tuple[str, ...], ...] = ()  # PATH and INPUT stand for the folder and for a file to predict
    fit: Callable[[Content], None] = fit_checksums
    bases: int = BASES
    errors: type[ElmanError] = ModelError  # that refuse a folder
    seconds: float = 1.0  # of the processor, to open a folder and to use it
    free_bytes: int = 50 << 20  # of memory, beside twice the size of the folder
    is_own: bool = False  # a folder to work in: it is written, and names files outside that are read


def _language_model(path: Path) -> list[Use]:
    model = load(path)

    return [
        lambda: model.generate("The ", max_tokens=5, seed=1),
        lambda: model.suggest("The t", 2),
        lambda: model.evaluate_blocks([TEXT]),
        lambda: _stream(model, [0, len(model.vocabulary) - 1]),
    ]


def _classifier(path: Path) -> list[Use]:
    model = load(path)

    uses: list[Use] = [lambda: model.predict([TEXT, "no"]), lambda: model.explain("so it")]
    return uses if model.config.bidirectional else [*uses, lambda: _stream(model, ["the", "x"])]


def _tagger(path: Path) -> list[Use]:
    model = load(path)

    uses: list[Use] = [lambda: model.predict_with_probabilities([TEXT, ["New", "York"], []])]
    return uses if model.config.bidirectional else [*uses, lambda: _stream(model, ["the", "x"])]


def _encoder_decoder(path: Path) -> list[Use]:
    model = load(path)

    return [lambda: model.predict(["the time", "x"]), lambda: model.n_best(["in"], beam=3)]


def _forecaster(path: Path) -> list[Use]:
    model = load(path)
    rows = 5.0 + np.sin(np.arange(240.0)).reshape(80, 3)

    def use() -> None:
        names = (*model.scales.targets, *model.scales.inputs)
        if model.scales.series:
            table = {name: np.resize(rows[:, 0], 80) for name in names}
            model.predict({**{column: ["north"] * 80 for column in model.scales.series}, **table})
        else:
            model.predict(np.resize(rows, (80, len(names))))
            _stream(model, np.resize(rows, (2, len(names))))

    return [use]


def _stream(model: Any, inputs: Any) -> None:
    """Read two inputs of a stream, and carry the state as bytes."""
    _, state = model.run([inputs[:1]], model.initial_state(1))
    model.run([inputs[1:]], model.state_from_bytes(model.state_to_bytes(state)))


def _trace(path: Path) -> list[Use]:
    from elman.inspect.trace_folder import read_trace

    trace = read_trace(path)

    def use() -> None:
        for layer in trace.layers:
            trace.layer(layer.name, layer.direction)
            for gate in layer.gates:
                layer.gate(gate)
            len(trace.axes[layer.axis])
        for array in trace.arrays.values():
            array.sum()

    return [use]


def _intact_trace(number: int) -> Content:
    from elman.inspect.trace_folder import write_trace

    task = list(models.MODELS)[number % 3]
    with tempfile.TemporaryDirectory() as folder:
        model = load(_on_disk(models.intact_model(task, number), Path(folder) / "model"))
        write_trace(model.trace("the time", gradients=number % 2 == 0), Path(folder) / "trace")
        return read_folder(Path(folder) / "trace")


def _state(path: Path) -> list[Use]:
    model = load(path / "model")
    state = model.state_from_bytes((path / "state.bin").read_bytes())

    def use() -> None:
        streams = len(next(iter(state.values())))
        inputs: Any = np.full((1, len(model.scales.mean)), 5.0) if model.task == "forecast" else ["the"]
        inputs = [0] if model.task == "lm" else inputs
        if 0 < streams < 1000:
            model.run([inputs] * streams, state)

    return [use]


def _intact_state(number: int) -> Content:
    task = ("lm", "classify", "tag", "forecast")[number % 4]
    seeds = (seed for seed in range(number, 10_000) if not _is_bidirectional(task, seed))
    with tempfile.TemporaryDirectory() as folder:
        content = models.intact_model(task, next(seeds))
        model = load(_on_disk(content, Path(folder) / "model"))
        names = list(model.scales.units) if task == "forecast" else []
        state = model.initial_state(2, **({"series": names * (2 // len(names))} if names else {}))
        files = {f"model/{name}": entry for name, entry in content.files.items()}
        return Content({**files, "state.bin": model.state_to_bytes(state)}, fixed=("model/",))


def _is_bidirectional(task: str, seed: int) -> bool:
    config, _ = models.MODELS[task](random.Random(f"{task} {seed}"))
    return bool(config["model"].get("bidirectional"))


def _fit_state(content: Content) -> None:
    """Make the checksum of a state fit its records."""
    state = content.bytes_of("state.bin")
    if len(state) >= 24:
        content.files["state.bin"] = state[:20] + struct.pack("<I", zlib.crc32(state[24:])) + state[24:]


def _change_state_header(content: Content, rng: random.Random) -> None:
    """Change a field of the header of a state."""
    state = bytearray(content.bytes_of("state.bin"))
    begin, size = rng.choice(((0, 4), (4, 2), (6, 2), (8, 8), (16, 4), (16, 4), (16, 4), (20, 4)))
    value = rng.choice((0, 1, 3, 2**16 - 1, 2**31, 2**32 - 1, 2**63))
    state[begin : begin + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")
    content.files["state.bin"] = bytes(state)
    content.note = f"bytes {begin} to {begin + size - 1}: {value}"


def _change_state_numbers(content: Content, rng: random.Random) -> None:
    """Put numbers in a state that are not finite, or very large."""
    state = bytearray(content.bytes_of("state.bin"))
    value = (
        np.dtype(rng.choice(("<f4", "<f8"))).type(rng.choice((np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-42))).tobytes()
    )
    for _ in range(rng.choice((1, 5, 1000))):
        place = rng.randrange(24, max(25, len(state) - len(value) + 1), 4)
        state[place : place + len(value)] = value
    content.files["state.bin"] = bytes(state)


def _on_disk(content: Content, path: Path) -> Path:
    from .content import write_folder

    write_folder(content, path, path)
    return path


def delete(path: Path) -> None:
    """Delete a damaged folder, whatever is in it."""
    shutil.rmtree(path, ignore_errors=True)


_FOLDER_KINDS = {**byte_damage.KINDS, **json_damage.KINDS, **tensor_damage.KINDS, **folder_damage.KINDS}
_MODEL_KINDS = {**_FOLDER_KINDS, **models.KINDS}
_STATE_KINDS = {
    **{name: damage for name, damage in byte_damage.KINDS.items() if name != "files exchanged"},
    "header of a state": Damage(8, _change_state_header),
    "numbers of a state": Damage(8, _change_state_numbers),
}
_PREDICT = (("predict", "PATH", "INPUT"),)


def _model_format(
    task: str, opened: Callable[[Path], list[Use]], commands: tuple[tuple[str, ...], ...] = _PREDICT
) -> Format:
    kinds = dict(_MODEL_KINDS)
    kinds["another task's files"] = Damage(1, lambda content, rng: _other_task(content, rng, task))
    return Format(lambda number: models.intact_model(task, number), kinds, opened, commands)


def _other_task(content: Content, rng: random.Random, task: str) -> None:
    """Put a file of another model in the place of one, often of another task."""
    other = rng.choice(list(models.MODELS))
    name = rng.choice(("config.json", "model.safetensors", "vocabulary.json", "manifest.json"))
    replacement = models.intact_model(other, rng.randrange(BASES)).files.get(name)
    if replacement is not None:
        content.files[name] = replacement
    content.note = f"{name} of {other}"


FORMATS: dict[str, Format] = {
    "lm": _model_format("lm", _language_model, (("generate", "PATH", "--max-tokens", "3"),)),
    "classify": _model_format("classify", _classifier),
    "tag": _model_format("tag", _tagger),
    "seq2seq": _model_format("seq2seq", _encoder_decoder),
    "forecast": _model_format("forecast", _forecaster),
    "trace": Format(_intact_trace, _FOLDER_KINDS, _trace, bases=6),
    "state": Format(_intact_state, _STATE_KINDS, _state, fit=_fit_state, bases=12),
    "evaluate": Format(runs.intact_run, _FOLDER_KINDS, runs.evaluated, (("evaluate", "PATH"),), bases=5),
    "studio": Format(runs.intact_run, _FOLDER_KINDS, runs.listed, bases=5),
    "resume": Format(
        runs.intact_run, _FOLDER_KINDS, runs.resumed, (), fit_checksums, 5, ElmanError, 10.0, 1 << 30, is_own=True
    ),
}
