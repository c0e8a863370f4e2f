"""Export to C: a model as one C99 file and its header, without heap memory and without a library but libm.

    program.py         the file in the making: sizes, constants, functions, main
    literals.py, names.py, layout.py       numbers, texts, names and lines of C
    fragments/         functions that are the same in every file; fragments.py: which of them a file needs
    layers.py          recurrent layers; state.py: the state of a stream, and its bytes
    token_encoder.py, forecaster_encoders.py      the other parts of models
    language_model.py, classifier.py, tagger.py, seq2seq.py, forecaster.py      the functions of each task
    mains.py, text.py      the program for trying a model; self_test.py: the program that checks it

docs/en/c.md describes the functions of every task.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.export.result import ExportResult, replace_files
from elman.models.folder import FolderPredictor
from elman.version import version

from . import classifier, forecaster, language_model, mains, seq2seq, tagger
from .checks import describe_memory, require_file, require_max_length, require_size, require_task
from .layout import wrap_long_lines
from .literals import WIDTH
from .names import prefix_of
from .program import Program
from .self_test import write_self_test

SHOWN = (  # config values of a model in the first comment
    *("memory", "delays", "cell", "decoder_cell", "activation", "embedding_size", "character_size", "hidden_size"),
    *("encoder_hidden_size", "num_layers", "decoder_layers", "bidirectional", "pooling", "crf", "attention"),
    *("attention_layer", "aligned_input", "input_feeding", "bridge", "horizon", "season", "quantiles"),
)
MARK = "Exported by elman"  # in the first comment of a file, which may be replaced then


@dataclass(frozen=True, slots=True)
class Task:
    """How the models of a task are exported: title, equations, functions of the model, and its main function."""

    title: str
    equations: Callable[[Any], str]
    write: Callable[[Any, Program, int | None], None]
    main: Callable[[Any, Program], list[str]]
    needs_length: Callable[[Any], bool]


TASKS: dict[str, Task] = {
    "lm": Task(
        "a language model",
        lambda predictor: language_model.EQUATIONS,
        language_model.write_language_model,
        mains.language_model_main,
        lambda predictor: False,
    ),
    "classify": Task(
        "a classifier",
        lambda predictor: classifier.EQUATIONS,
        classifier.write_classifier,
        mains.classifier_main,
        lambda predictor: bool(predictor.config.bidirectional),
    ),
    "tag": Task(
        "a tagger",
        lambda predictor: tagger.CRF_EQUATIONS if predictor.config.crf else tagger.EQUATIONS,
        tagger.write_tagger,
        mains.tagger_main,
        lambda predictor: True,
    ),
    "seq2seq": Task(
        "an encoder-decoder",
        seq2seq.equations,
        seq2seq.write_seq2seq,
        mains.seq2seq_main,
        lambda predictor: True,
    ),
    "forecast": Task(
        "a forecaster",
        forecaster.equations,
        forecaster.write_forecaster,
        mains.forecaster_main,
        lambda predictor: False,
    ),
}


def export_c(
    predictor: FolderPredictor,
    path: str | Path,
    *,
    max_length: int | None = None,
    max_bytes: int | None = None,
    self_test: bool = False,
) -> ExportResult:
    """Write a predictor to a C file and to the header beside it; files of an earlier export are replaced.

    The beginning of all names is the name of the file. max_length is the largest number of tokens of a model that reads
    whole sequences (128). max_bytes is the largest size of the weights (32 MiB). With self_test, NAME_test.c is
    written, too: a program that compares the C file with the predictor on the machine where it runs.
    """
    path = Path(path)
    prefix = prefix_of(path)
    require_task(predictor.task, TASKS)
    task = TASKS[predictor.task]
    length = require_max_length(max_length, needed=task.needs_length(predictor))
    require_size(predictor, max_bytes)
    paths = [path, path.with_suffix(".h"), *([path.with_name(f"{prefix}_test.c")] if self_test else [])]
    for file in paths:
        require_file(file, MARK)
    program = Program(prefix, task.title, task.equations(predictor))
    task.write(predictor, program, length)
    notes = task.main(predictor, program)
    program.facts = _facts(predictor, program, notes)
    texts = [program.source_text(), program.header_text()]
    if self_test:
        texts.append(write_self_test(predictor, program, length))
    contents = {file: wrap_long_lines(text).encode("utf-8") for file, text in zip(paths, texts, strict=True)}
    details = {
        "prefix": prefix,
        "constant_bytes": program.constant_bytes,
        "state_bytes": program.state_bytes,  # of one stream; 0 for a model that reads whole sequences
        "buffer_bytes": program.buffer_bytes,
        "max_length": length,
        "notes": notes,
    }
    sizes = replace_files(contents)
    return ExportResult("c", predictor.task, sizes, predictor.fingerprint, details, describe_memory(program))


def _facts(predictor: FolderPredictor, program: Program, notes: list[str]) -> list[str]:
    """Return what the first comment says about the model and its use."""
    name, macro = program.prefix, f"{program.upper}_MAIN"
    values = predictor.configs()["model"].model_dump()
    sizes = ", ".join(f"{key} {_shown(values[key])}" for key in SHOWN if values.get(key) is not None)
    return [
        *textwrap.wrap(f"Model: {sizes}, weights {predictor.weights_type}.", WIDTH - 3),
        f"{MARK} {version()} from the model {predictor.fingerprint[:16]}, the beginning of its fingerprint.",
        f"{describe_memory(program)}.",
        f"To compile: cc -std=c99 -O2 -c {name}.c, and -lm for the linker.",
        f"To try it: cc -std=c99 -O2 -D{macro} {name}.c -lm -o {name}, which reads stdin.",
        *notes,
    ]


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


__all__ = ["export_c"]
