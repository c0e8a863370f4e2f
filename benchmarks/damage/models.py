"""Intact model folders with random weights, without a training: the loader itself says which weights it takes."""

from __future__ import annotations

import contextlib
import json
import math
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elman.checkpoint import FORMAT_VERSION, ModelFolder, Tensors
from elman.checkpoint.model_folder import QUANTIZED_FORMAT_VERSION
from elman.checkpoint.serialization import tensor_bytes
from elman.errors import ElmanError
from elman.models import matrix
from elman.tasks.spec import spec_of

from .content import Content, Damage, fit_checksums, json_text

MAX_NUMBERS = 12_000_000  # of the weights of a folder
WEIGHTS = ("float32", "float32", "int8", "bfloat16")
CELLS = ("elman", "gru", "lstm", "layer_norm_lstm", "min_gru")
LETTERS = "abcdefghijklmnopqrstuvwxyz .,ÄÖü北京"
WORDS = ("the", "time", "traveller", "smiled", "New", "York", "北", "it's", ".", ",")
RESERVED = ["<unk>", "<s>", "</s>"]
MERGES = ["▁ t", "h e", "▁t he", "i n", "in g", "e r"]


class TooLargeError(Exception):
    """The weights of a folder would take too much time and space."""


def model_content(
    config: dict[str, Any], vocabularies: dict[str, list[str]], seed: int, weights: str = "float32"
) -> Content:
    """Return the folder of a config, with random weights of the shapes that its loader takes, as int8 or bfloat16."""
    tensors: Tensors = {}
    rng = np.random.default_rng(seed)

    def take(_: Tensors, name: str, shape: tuple[int, ...]) -> Any:
        if sum(tensor.size for tensor in tensors.values()) + math.prod(shape) > MAX_NUMBERS:
            raise TooLargeError(name)
        tensors[name] = (0.4 * rng.standard_normal(shape)).astype(np.float32)
        return tensors[name]

    folder = ModelFolder(json.loads(json.dumps(config)), tensors, vocabularies, "")
    spec = spec_of(config["task"], Path())  # its modules are imported before their `take` is replaced
    with _replaced_take(take):
        spec.load(folder, Path())
    version = FORMAT_VERSION
    if weights != "float32":
        tensors, version = spec.load(folder, Path()).quantized(weights).tensors, QUANTIZED_FORMAT_VERSION
    files: dict[str, Any] = {
        "config.json": json_text({**config, "format": version}),
        "model.safetensors": tensor_bytes(tensors),
        "README.md": b"# A model\n",
        "manifest.json": b"",
    }
    if vocabularies:
        files["vocabulary.json"] = json_text(vocabularies)
    content = Content(files)
    fit_checksums(content)
    return content


@contextlib.contextmanager
def _replaced_take(take: Callable[..., Any]) -> Iterator[None]:
    """Let every module take the weights of a model from another function."""
    places = [
        (module, name, original)
        for name, original in (("take", matrix.take), ("take_matrix", matrix.take_matrix))
        for key, module in list(sys.modules.items())
        if key.startswith("elman.") and getattr(module, name, None) is original
    ]
    for module, name, _ in places:
        setattr(module, name, take)
    try:
        yield
    finally:
        for module, name, original in places:
            setattr(module, name, original)


def _sizes(rng: random.Random) -> dict[str, Any]:
    return {
        "cell": rng.choice(CELLS),
        "activation": rng.choice(("tanh", "relu")),
        "embedding_size": rng.choice((1, 3, 8)),
        "hidden_size": rng.choice((1, 4, 8)),
        "num_layers": rng.choice((1, 1, 2, 3)),
    }


def language_model(rng: random.Random) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return config and vocabularies of a language model."""
    level = rng.choice(("char", "char", "word", "byte"))
    model = {**_sizes(rng), "tie_weights": rng.random() < 0.3}
    if model["tie_weights"]:
        model["embedding_size"] = model["hidden_size"]
    model["hidden_size"] = [model["hidden_size"]]
    fallback = level == "char" and rng.random() < 0.4
    ascii_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    own = {"char": [*LETTERS, "\n"], "word": list(WORDS), "byte": ascii_bytes}[level]
    text = {"level": level, "normalize": rng.choice(("none", "nfc", "lower", "textbook")), "byte_fallback": fallback}
    return {"task": "lm", "model": model, "text": text}, {"tokens": ["<unk>", *ascii_bytes * fallback, *own]}


def _encoder(rng: random.Random) -> dict[str, Any]:
    characters = {"character_size": rng.choice((0, 0, 4)), "character_embedding_size": 3}
    return {**_sizes(rng), **characters, "bidirectional": rng.random() < 0.5}


def classifier(rng: random.Random) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return config and vocabularies of a classifier."""
    model = {**_encoder(rng), "pooling": rng.choice(("last", "mean", "max", "attention"))}
    text = {"level": rng.choice(("char", "word", "byte")), "normalize": rng.choice(("none", "nfc", "lower"))}
    vocabularies = {
        "tokens": ["<unk>", *WORDS, *"aetn"],
        "characters": ["<unk>", *LETTERS],
        "labels": ["no", "yes", "?"],
    }
    parts = {"reader": {}, "layout": {"format": "table"}, "calibration": {"temperature": rng.choice((0.05, 1.0, 3.0))}}
    return {"task": "classify", "model": model, "text": text, **parts}, vocabularies


def tagger(rng: random.Random) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return config and vocabularies of a tagger."""
    model = {
        **_encoder(rng),
        "crf": rng.random() < 0.6,
        "scheme": rng.choice(("none", "unconstrained", "bio", "bioes")),
    }
    text = {"level": rng.choice(("char", "word")), "normalize": rng.choice(("none", "nfc", "lower"))}
    labels = ["O", "B-X", "I-X", "E-X", "S-X"]
    vocabularies = {"words": ["<unk>", *WORDS], "characters": ["<unk>", *LETTERS], "labels": labels}
    return {"task": "tag", "model": model, "text": text, "reader": {}, "layout": {}}, vocabularies


def encoder_decoder(rng: random.Random) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return config and vocabularies of an encoder-decoder."""
    attention = rng.choice(("none", "dot", "general", "additive"))
    model = {**_sizes(rng), "bidirectional": rng.random() < 0.5, "attention": attention}
    if attention != "none":
        model |= {"input_feeding": rng.random() < 0.3, "aligned_input": rng.random() < 0.3}
        if not model["input_feeding"] and model["num_layers"] > 1:
            model["attention_layer"] = rng.choice(("first", "last"))
    if rng.random() < 0.3:
        model |= {
            "encoder_hidden_size": 5,
            "decoder_layers": 1,
            "attention_layer": "last",
            "decoder_cell": rng.choice(CELLS),
        }
    text = {"longest_ratio": 2.0}
    sides, vocabularies = {}, {}
    for side in ("source", "target"):
        level = rng.choice(("char", "word", "byte", "bpe"))
        merges = MERGES if level == "bpe" else []
        sides[side] = {"level": level, "normalize": rng.choice(("none", "nfc", "nfd", "lower")), "merges": merges}
        pieces = {merge.replace(" ", "") for merge in merges}
        vocabularies[side] = [*RESERVED, *LETTERS, *sorted({*pieces, "▁"} | set(WORDS[:4]) - set(LETTERS))]
    parts = {"reader": {}, "layout": {}, "calibration": {"temperature": 1.5}}
    return {"task": "seq2seq", "model": model, "text": {**text, **sides}, **parts}, vocabularies


def forecaster(rng: random.Random) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return the config of a forecaster, which has no vocabularies."""
    model = {name: value for name, value in _sizes(rng).items() if name != "embedding_size"}
    season = rng.choice((1, 3, 7))
    reference = rng.choice(("last", "season")) if season > 1 else "last"
    model |= {
        "memory": rng.choice(("recurrent", "recurrent", "tdnn", "narx")),
        "delays": rng.choice((1, 4)),
        "season": season,
    }
    model |= {
        "reference": reference,
        "horizon": rng.choice((1, 5)),
        "logarithm": rng.random() < 0.3,
        "levels": rng.random() < 0.7,
    }
    model["quantiles"] = rng.choice(([0.5], [0.1, 0.5, 0.9], [0.05, 0.25, 0.5, 0.9]))
    return {"task": "forecast", "model": model, "series": _scales(model, rng)}, {}


def _scales(model: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Return scales of two targets and an input that fit the sizes of a forecaster."""
    of_targets = [1.5, 0.5]
    scales: dict[str, Any] = {
        "targets": ["a", "b"],
        "inputs": ["c"],
        "mean": [2.0, 1.0, 0.0],
        "scale": [1.0, 2.0, 0.5],
        "differences": of_targets,
        "seasonal": of_targets,
        "naive_mae": of_targets,
        "spread": [of_targets] * min(model["horizon"], 1_000_000),
    }
    if rng.random() < 0.5:
        scales["calibration"] = [[1.0] * len(model["quantiles"])] * 2
    if rng.random() < 0.3:
        unit = {"mean": of_targets, "scale": of_targets, "naive_mae": of_targets}
        scales |= {"series": ["shop"], "units": {"north": unit, "south": unit}}
    if rng.random() < 0.5:
        scales |= {"date": "day", "step": "1 day", "date_format": "%Y-%m-%d", "decimal": rng.choice((".", ","))}
    return scales


MODELS: dict[str, Callable[[random.Random], tuple[dict[str, Any], dict[str, list[str]]]]] = {
    "lm": language_model,
    "classify": classifier,
    "tag": tagger,
    "seq2seq": encoder_decoder,
    "forecast": forecaster,
}


def intact_model(task: str, seed: int) -> Content:
    """Return an intact model folder of a task."""
    config, vocabularies = MODELS[task](random.Random(f"{task} {seed}"))
    return model_content(config, vocabularies, seed, WEIGHTS[seed % len(WEIGHTS)])


def large_sizes(content: Content, rng: random.Random) -> None:
    """Ask for huge sizes, with weights, vocabularies and scales that fit them where that is possible."""
    config = json.loads(content.bytes_of("config.json"))
    text = content.bytes_of("vocabulary.json")
    vocabularies = json.loads(text) if text else {}
    key = rng.choice([*LARGE[config["task"]], *(["vocabulary"] if vocabularies else [])])
    if key == "vocabulary":
        name, size = rng.choice(list(vocabularies)), rng.choice((500, 1025, 20_000, 100_000, 1_000_000))
        vocabularies[name] = [*vocabularies[name], *(f"{n:x}" for n in range(0x10000, 0x10000 + size))]
        content.note = f"{name}: {size}"
    else:
        part, _, option = key.partition(".")
        value = rng.choice(LARGE[config["task"]][key])
        config[part][option] = value(config) if callable(value) else value
        content.note = f"{key}: {str(config[part][option])[:40]}"
    if config["task"] == "forecast":
        _fit_scales(config)
    with contextlib.suppress(
        TooLargeError, ElmanError, MemoryError, OverflowError, ValueError, TypeError, KeyError, IndexError
    ):
        content.files = model_content(config, vocabularies, rng.randrange(1000)).files
        return
    content.files["config.json"] = json_text(config)
    fit_checksums(content)


def _fit_scales(config: dict[str, Any]) -> None:
    model, scales = config["model"], config["series"]
    horizon = model["horizon"]
    if isinstance(horizon, int) and 0 < horizon <= 1_000_000:
        scales["spread"] = [scales["differences"]] * horizon
    if scales.get("calibration"):
        scales["calibration"] = [[1.0] * len(model["quantiles"])] * len(scales["targets"])


HUGE = (0, -1, 2**31, 2**31 - 1, 10**9, 2**63, 2**64, 10**30)
_ENCODER = {
    "model.hidden_size": (256, 700, *HUGE),
    "model.embedding_size": (1000, 30_000, *HUGE),
    "model.num_layers": (50, 1000, *HUGE),
    "model.character_size": (300, *HUGE),
    "model.character_embedding_size": (10_000, *HUGE),
    "layout.columns": ([""] * 100_000, ["a"] * 10),
}
LARGE: dict[str, dict[str, Any]] = {
    "lm": {
        "model.hidden_size": ([700], [1] * 50, [1] * 1000, [[1]], [2**31], [10**9] * 3, [], *HUGE),
        "model.embedding_size": (1000, 100_000, *HUGE),
        "model.num_layers": (50, 1000, 1001, *HUGE),
    },
    "classify": {**_ENCODER, "calibration.temperature": (0.05, 20.0, 1e-300, 0, -1, 1e300)},
    "tag": _ENCODER,
    "seq2seq": {
        "model.hidden_size": (256, 500, *HUGE),
        "model.embedding_size": (1000, 30_000, *HUGE),
        "model.num_layers": (50, 1000, *HUGE),
        "model.decoder_layers": (50, 1000, *HUGE),
        "model.encoder_hidden_size": (500, *HUGE),
        "text.longest_ratio": (100.0, 10_000.0, 1e9, 1e18, 1e300, 1.7e308, 0.0, -1.0, 1e-300),
        "text.source": tuple(
            {"level": "bpe", "merges": merges}
            for merges in (
                [f"{chr(97 + n % 26)} {chr(97 + n // 26 % 26)}" for n in range(60_000)],
                ["a a", "aa aa", "aaaa aaaa"] * 1000,
                ["a"],
                [""],
                ["a  b"],
                ["(a+)+ $"] * 5,
                ["\0 \0"],
                ["a " + "b" * 100_000],
            )
        ),
        "text.target": ({"level": "bpe", "merges": ["a b"] * 100_000}, {"level": "word"}, {"level": "byte"}),
    },
    "forecast": {
        "model.horizon": (100, 5000, 100_000, *HUGE),
        "model.delays": (100, 5000, 1_000_000, *HUGE),
        "model.season": (365, 8760, 1_000_000, *HUGE),
        "model.hidden_size": (500, *HUGE),
        "model.num_layers": (50, 100, *HUGE),
        "model.quantiles": ([n / 2000 for n in range(1, 2000)], [0.5] * 3, [], [0.0, 0.5, 1.0]),
        "series.targets": ([f"t{n}" for n in range(500)], ["a"] * 2, [], [""], ["a", "a"]),
        "series.units": tuple(
            {f"s{n}": {name: [1.0, 2.0] for name in ("mean", "scale", "naive_mae")} for n in range(size)}
            for size in (100, 20_000)
        ),
        "series.date_format": ("%" * 10_000, "%Y" * 500, "%d", "{0.__class__}", "%s"),
    },
}
KINDS = {"large sizes": Damage(8, large_sizes)}
