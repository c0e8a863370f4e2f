"""Compile exported C files and measure them: equality, size, speed on this machine, instructions on a Cortex-M4F.

    python benchmarks/c_export.py                       a model of each task, trained for one step
    python benchmarks/c_export.py RUN... --repeats 9    models of your own

Each model is exported with its self-test, which is run on this machine (compiled by gcc and by clang, with warnings as
errors) and, if arm-none-eabi-gcc and qemu-system-arm are installed, on an emulated Cortex-M4F (QEMU, machine
mps2-an386): the difference is the largest one between C and Python. On the Cortex-M4F,

    flash           what linking the model adds to an empty program: code, constants, and what it uses of libm
    RAM             static memory, the state of one stream, and the stack of a step, measured by a pattern
    instructions    of a step, or of a call that reads a whole sequence: QEMU counts one nanosecond for each instruction
                    (-icount shift=0), and the timer of the processor (25 MHz) counts 40 of them a tick

Steps per second on this machine are the median of several repetitions, of one thread. The last column is the time of
`step` or `predict` in Python for one stream, divided by that in C.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import elman
from elman.bench.arguments import at_least
from elman.export.c import export_c
from elman.export.c.self_test_inputs import random_inputs, random_tokens, token_inputs
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.loading import load
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.tasks.tagger.predictor import TaggerPredictor

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
ARM = "arm-none-eabi-gcc"
QEMU = "qemu-system-arm"
ARM_FLAGS = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-ffp-contract=fast"]
SECTIONS = ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
INSTRUCTIONS_PER_TICK = 40
SEQUENCE = 16  # tokens of a sequence of a call
MAX_LENGTH = 32
INPUTS = 32

STARTUP = """\
#include <stdint.h>
extern uint32_t __stack;
void _start(void);
static void reset(void) {
    *(volatile uint32_t*)0xe000ed88 |= 0xfu << 20;  // the floating-point unit
    __asm volatile("dsb\\nisb");
    _start();
}
__attribute__((section(".vectors"), used)) static void* const vectors[] = {&__stack, (void*)reset};
"""
LINKER_SCRIPT = """\
ENTRY(_start)
MEMORY {
    FLASH (rx) : ORIGIN = 0x00000000, LENGTH = 4M
    RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 4M
}
SECTIONS {
    .text : {
        KEEP(*(.vectors)) *(.text*) *(.rodata*)
        KEEP(*(.init)) KEEP(*(.fini))
        . = ALIGN(4);
        __preinit_array_start = .; KEEP(*(.preinit_array)) __preinit_array_end = .;
        __init_array_start = .; KEEP(*(.init_array)) __init_array_end = .;
        __fini_array_start = .; KEEP(*(.fini_array)) __fini_array_end = .;
    } > FLASH
    .ARM.exidx : { __exidx_start = .; *(.ARM.exidx*) __exidx_end = .; } > FLASH
    .data : { *(.data*) } > RAM
    .bss (NOLOAD) : { __bss_start__ = .; *(.bss*) *(COMMON) . = ALIGN(8); __bss_end__ = .; end = .; __end__ = .; } > RAM
    __stack = ORIGIN(RAM) + LENGTH(RAM);
}
"""


@dataclass
class Row:
    """What was measured of a model; None where a tool is not installed."""

    model: str
    unit: str
    weights: int
    difference: float
    arm_difference: float | None
    flash: int | None
    static_ram: int | None
    state: int
    stack: int | None
    instructions: int | None
    rates: list[float]
    python_seconds: float

    @property
    def rate(self) -> float:
        """Steps per second on this machine."""
        return statistics.median(self.rates)


def main() -> int:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*", help="run folders or model folders")
    parser.add_argument("--repeats", type=at_least(1), default=5)
    parser.add_argument("--milliseconds", type=at_least(1), default=200, help="of a repetition on this machine")
    parser.add_argument("--only", help="a part of the names of the models")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    if shutil.which("gcc") is None and shutil.which("clang") is None:
        sys.exit("needs gcc or clang")
    makers = {str(run): partial(load, run) for run in arguments.runs} or MODELS
    rows = []
    for name, make in makers.items():
        if arguments.only is None or arguments.only in name:
            print(name, file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(name, make(), Path(folder), arguments.repeats, arguments.milliseconds))
    if arguments.json:
        print(json.dumps({"machine": machine(), "models": [{**asdict(row), "rate": row.rate} for row in rows]}))
    else:
        print_table(rows)
    return 0


def measure(name: str, predictor: Any, folder: Path, repeats: int, milliseconds: int) -> Row:
    """Export a model to a folder, compile it, and measure it."""
    needs_length = predictor.task in ("tag", "seq2seq") or (
        predictor.task == "classify" and predictor.config.bidirectional
    )
    result = export_c(predictor, folder / "model.c", max_length=MAX_LENGTH if needs_length else None, self_test=True)
    call = _call(
        predictor, streams=not needs_length or (predictor.task == "tag" and not predictor.config.bidirectional)
    )
    difference = 0.0
    for compiler in ("gcc", "clang"):
        if shutil.which(compiler):
            program = folder / f"test_{compiler}"
            _run([compiler, *STRICT, "-O2", "model.c", "model_test.c", "-lm", "-o", program], folder)
            difference = max(difference, _difference(_run([program], folder)))
    (folder / "time.c").write_text(_timed(call, milliseconds), "utf-8")
    compiler = "gcc" if shutil.which("gcc") else "clang"
    _run([compiler, "-O2", "model.c", "time.c", "-lm", "-o", folder / "time"], folder)
    rates = [float(_run([folder / "time"], folder)) for _ in range(repeats)]
    row = Row(
        name,
        call.unit,
        predictor.num_parameters,
        difference,
        *(None,) * 3,
        result.details["state_bytes"],
        *(None,) * 2,
        rates,
        call.seconds_in_python(milliseconds / 1000),
    )
    if shutil.which(ARM) and shutil.which(QEMU):
        _measure_on_arm(row, call, folder)
    return row


@dataclass(frozen=True)
class Call:
    """What is measured: definitions in C, a setup, the call number i, and the same in Python."""

    unit: str
    definitions: str
    setup: str
    statement: str
    smallest: str  # main function that does nothing but call the model
    in_python: Callable[[int], Any]

    def seconds_in_python(self, budget: float) -> float:
        """Return the median seconds of a call."""
        self.in_python(0)
        seconds: list[float] = []
        end = time.perf_counter() + budget
        while not seconds or time.perf_counter() < end:
            start = time.perf_counter()
            self.in_python(len(seconds) % INPUTS)
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds)


def _call(predictor: Any, *, streams: bool) -> Call:
    rng = np.random.default_rng(1)
    if isinstance(predictor, Seq2SeqPredictor):
        ids = rng.integers(3, len(predictor.source_vocabulary), SEQUENCE)
        text = "".join(predictor.source_vocabulary.tokens[n] for n in ids)
        source = ", ".join(map(str, ids))
        definitions = f"static const int source[{SEQUENCE}] = {{{source}}};\nstatic int target[MODEL_MAX_TARGET];"
        statement = f"sink = model_predict(source, {SEQUENCE}, target, NULL);"
        smallest = "static int ids[MODEL_MAX_TARGET];\nint main(void) { return model_predict(ids, 1, ids, 0); }"
        return Call(f"source of {SEQUENCE}", definitions, "", statement, smallest, lambda i: predictor.predict([text]))
    if not streams:
        assert isinstance(predictor, ClassifierPredictor | TaggerPredictor)
        tokens = random_tokens(predictor, SEQUENCE, rng)
        inputs = token_inputs(predictor, tokens, "sequence", "model")
        output = "float outputs[MODEL_LABELS]" if predictor.task == "classify" else "int outputs[MODEL_MAX_LENGTH]"
        definitions = "\n".join([*inputs.definitions, f"static {output};"])
        statement = f"sink = model_predict({inputs.several.format(t=0)}, {SEQUENCE}, outputs);"
        predict: Callable[[Any], Any] = (
            predictor.log_probabilities_of_tokens if isinstance(predictor, ClassifierPredictor) else predictor.predict
        )
        token = "model_token" if predictor.config.character_size else "int"
        call = "int main(void) { return model_predict(&token, 1, outputs); }"
        smallest = f"static {token} token;\nstatic {output};\n{call}"
        return Call(f"text of {SEQUENCE}", definitions, "", statement, smallest, lambda i: predict([tokens]))
    inputs, make = random_inputs(predictor, "model", INPUTS, rng)
    kind = "double" if predictor.task == "forecast" else "float"
    size = int(np.prod(predictor.output_shape))
    definitions = "\n".join([*inputs.definitions, f"static model_state state;\nstatic {kind} outputs[{size}];"])
    setup = (
        "model_init(&state, 0);" if predictor.task == "forecast" and predictor.scales.series else "model_init(&state);"
    )
    statement = f"sink = model_step(&state, {inputs.item.format(t=f'i % {INPUTS}')}, outputs);"
    names = {"series": list(predictor.scales.units)[:1]} if "0)" in setup else {}
    state = {"now": predictor.initial_state(1, **names)}

    def step(i: int) -> None:
        _, state["now"] = predictor.step(make(i, i + 1), state["now"])

    item, variables = "0", f"static model_state state;\nstatic {kind} outputs[{size}];"
    if predictor.task == "forecast":
        item, variables = "row", f"{variables}\nstatic double row[MODEL_COLUMNS];"
    elif predictor.task != "lm" and predictor.config.character_size:
        item, variables = "&token", f"{variables}\nstatic model_token token;"
    smallest = f"{variables}\nint main(void) {{ {setup} return model_step(&state, {item}, outputs); }}"
    return Call("step", definitions, setup, statement, smallest, step)


def _timed(call: Call, milliseconds: int) -> str:
    """Return a program that prints how many calls a second there are."""
    return f"""\
#define _POSIX_C_SOURCE 199309L
#include <math.h>
#include <stdio.h>
#include <time.h>
#include "model.h"
{call.definitions}
static volatile int sink;
static double seconds(void) {{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}}
int main(void) {{
    {call.setup}
    for (int i = 0; i < 10; ++i) {{ {call.statement} }}
    double begin = seconds(), end = begin;
    long count = 0;
    while (end - begin < {milliseconds / 1000}) {{
        for (int i = 0; i < 32; ++i) {{ {call.statement} }}
        count += 32;
        end = seconds();
    }}
    printf("%.1f\\n", (double)count / (end - begin));
    return 0;
}}
"""


def _counted(call: Call, count: int) -> str:
    """Return a program for the Cortex-M4F that prints the stack of a call in bytes and the ticks of `count` calls."""
    return f"""\
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include "model.h"
{call.definitions}
static volatile int sink;
#define STACK 32768
static volatile uint32_t* const systick = (volatile uint32_t*)0xe000e010;
__attribute__((noinline)) static void one_call(int i) {{ {call.statement} }}
int main(void) {{
    {call.setup}
    one_call(0);
    volatile uint8_t* top = (volatile uint8_t*)__builtin_frame_address(0) - 256;
    for (int n = 0; n < STACK; ++n) *(top - n) = 0xa5;
    one_call(1);
    int used = STACK;
    while (used > 0 && *(top - used + 1) == 0xa5) --used;
    systick[1] = 0xffffff;  // counts down from here
    systick[2] = 0;
    systick[0] = 5;  // with the clock of the processor
    uint32_t begin = systick[2];
    for (int i = 0; i < {count}; ++i) one_call(i);
    uint32_t end = systick[2];
    printf("%d %lu\\n", used + 256, (unsigned long)((begin - end) & 0xffffff));
    return 0;
}}
"""


def _measure_on_arm(row: Row, call: Call, folder: Path) -> None:
    """Run the self-test and the counter on an emulated Cortex-M4F, and compare the sizes of two linked programs."""
    (folder / "startup.c").write_text(STARTUP, "utf-8")
    (folder / "mps2.ld").write_text(LINKER_SCRIPT, "utf-8")
    row.arm_difference = _difference(_emulated(["model.c", "model_test.c"], folder))
    few, many = 8, 40
    outputs = {}
    for count in (few, many):
        (folder / "count.c").write_text(_counted(call, count), "utf-8")
        outputs[count] = [int(number) for number in _emulated(["model.c", "count.c"], folder).split()]
    row.stack = outputs[few][0]
    row.instructions = round((outputs[many][1] - outputs[few][1]) * INSTRUCTIONS_PER_TICK / (many - few))
    size = _linked_size(["model.c", "with.c"], f'#include "model.h"\n{call.smallest}\n', folder)
    row.flash = size - _linked_size(["with.c"], "int main(void) { return 0; }\n", folder)
    _run([ARM, *ARM_FLAGS, "-std=c99", "-O2", "-c", "model.c", "-o", "model.o"], folder)
    _, data, bss = map(int, _run(["arm-none-eabi-size", "model.o"], folder).splitlines()[1].split()[:3])
    row.static_ram = data + bss


def _emulated(sources: Sequence[str], folder: Path) -> str:
    """Return what a program prints on the emulated Cortex-M4F."""
    _link(sources, folder, "--specs=rdimon.specs")
    command = [QEMU, "-M", "mps2-an386", "-nographic", "-semihosting", "-icount", "shift=0", "-kernel", "program.elf"]
    return _run(command, folder)


def _linked_size(sources: Sequence[str], main_function: str, folder: Path) -> int:
    """Return the bytes of flash of a program whose main function is in with.c."""
    (folder / "with.c").write_text(main_function, "utf-8")
    _link(sources, folder, "--specs=nosys.specs")
    text, data = map(int, _run(["arm-none-eabi-size", "program.elf"], folder).splitlines()[1].split()[:2])
    return text + data


def _link(sources: Sequence[str], folder: Path, specs: str) -> None:
    flags = [*ARM_FLAGS, "-std=c99", "-O2", *SECTIONS, specs, "-T", "mps2.ld", "-Wl,--no-warn-rwx-segments"]
    _run([ARM, *flags, "startup.c", *sources, "-lm", "-o", "program.elf"], folder)


def _run(command: Sequence[str | Path], folder: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-500:]}{done.stderr[-2000:]}")
    return done.stdout


def _difference(output: str) -> float:
    assert ": passed, largest difference " in output, output
    return float(output.split()[-1])


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    versions = {tool: _version(tool) for tool in ("gcc", "clang", ARM, QEMU)}
    return {"processor": platform.processor() or platform.machine(), "load": os.getloadavg()[0], **versions}


def _version(tool: str) -> str | None:
    if shutil.which(tool) is None:
        return None
    return subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout.splitlines()[0]


def print_table(rows: Sequence[Row]) -> None:
    """Print the rows as Markdown, and what they depend on."""
    print(
        "| model | weights | unit | difference | on Cortex-M4F | flash | static RAM | state | stack | instructions ",
        end="",
    )
    print("| per second here | Python / C |\n|" + "---|" * 12)
    for row in rows:
        cells = [row.model, f"{row.weights:,}", row.unit, f"{row.difference:.1e}"]
        cells.append("-" if row.arm_difference is None else f"{row.arm_difference:.1e}")
        numbers = (row.flash, row.static_ram, row.state, row.stack, row.instructions)
        cells += ["-" if number is None else f"{number:,}" for number in numbers]
        cells += [f"{row.rate:,.0f}", f"{row.python_seconds * row.rate:.2g}"]
        print("| " + " | ".join(cells) + " |")
    print(f"\n{'; '.join(f'{key}: {value}' for key, value in machine().items())}")


# A model of each task, of random weights but for one step of training.

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _texts(count: int, words: int = 6) -> list[str]:
    rng = np.random.default_rng(0)
    return [
        " ".join("".join(rng.choice(list(LETTERS), rng.integers(2, 8))) for _ in range(words)) for _ in range(count)
    ]


def _language_model(cell: str, hidden_size: int) -> Any:
    estimator = elman.LanguageModel(cell=cell, hidden_size=hidden_size, embedding_size=32, config=_budget(bptt_steps=8))
    return estimator.fit(_texts(40), steps=1, verbose=False)._predictor


def _classifier(*, bidirectional: bool) -> Any:
    config = {**_budget(), "data": {"level": "char"}}
    estimator = elman.Classifier(hidden_size=32, embedding_size=16, bidirectional=bidirectional, config=config)
    texts = _texts(40)
    return estimator.fit(texts, [("even", "odd")[len(text) % 2] for text in texts], steps=1, verbose=False)._predictor


def _tagger(*, bidirectional: bool, crf: bool) -> Any:
    config = {**_budget(), "model": {"crf": crf}}
    estimator = elman.Tagger(hidden_size=32, embedding_size=32, bidirectional=bidirectional, config=config)
    sentences = [text.split() for text in _texts(40)]
    tags = [[("B-X", "I-X", "O")[n % 3] for n in range(len(words))] for words in sentences]
    return estimator.fit(sentences, tags, steps=1, verbose=False)._predictor


def _seq2seq() -> Any:
    estimator = elman.Seq2Seq(
        cell="gru", hidden_size=64, embedding_size=32, source_level="char", target_level="char", config=_budget()
    )
    return estimator.fit([(text, text[::-1]) for text in _texts(40, words=1)], steps=1, verbose=False)._predictor


def _forecaster(memory: str) -> Any:
    config = {"training": {"batch_size": 2, "threads": 1}}
    estimator = elman.Forecaster(memory=memory, hidden_size=32, horizon=12, delays=12, config=config)
    t = np.arange(200)
    return estimator.fit(20 + t / 9 + 3 * np.sin(t * np.pi / 6), steps=1, verbose=False)._predictor


def _quantized(name: str) -> Any:
    return MODELS[name]().quantized("int8")


def _budget(**more: Any) -> dict[str, Any]:
    return {"training": {"batch_size": 4, "threads": 1, **more}}


MODELS: dict[str, Callable[[], Any]] = {
    "language model, elman 64": lambda: _language_model("elman", 64),
    "language model, gru 64": lambda: _language_model("gru", 64),
    "language model, lstm 64": lambda: _language_model("lstm", 64),
    "language model, lstm 256": lambda: _language_model("lstm", 256),
    "classifier, one way, 32": lambda: _classifier(bidirectional=False),
    "classifier, both ways, 32": lambda: _classifier(bidirectional=True),
    "tagger, one way, CRF, 32": lambda: _tagger(bidirectional=False, crf=True),
    "tagger, both ways, CRF, 32": lambda: _tagger(bidirectional=True, crf=True),
    "encoder-decoder, gru 64": _seq2seq,
    "forecaster, recurrent, 32": lambda: _forecaster("recurrent"),
    "forecaster, tdnn, 32": lambda: _forecaster("tdnn"),
    "forecaster, narx, 32": lambda: _forecaster("narx"),
}
INT8 = ("gru 64", "lstm 64", "lstm 256", "both ways, 32", "one way, CRF, 32", "recurrent, 32")
MODELS |= {f"{name}, int8": partial(_quantized, name) for name in MODELS if name.endswith(INT8)}


if __name__ == "__main__":
    sys.exit(main())
