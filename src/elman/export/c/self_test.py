"""A C program that compares an exported model with its predictor, on the machine where it runs: NAME_test.c.

Inputs are random tokens or rows; the expected outputs are those of the predictor. The program prints the largest
difference, relative to the largest expected number if that is above 1, and returns 0 if it is at most TOLERANCE. For a
stream, the state goes to bytes and back in between, and the bytes of the predictor are read, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.models.folder import FolderPredictor
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.forecaster.predictor import ForecasterPredictor
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.tasks.tagger.predictor import TaggerPredictor
from elman.text.vocabulary import END_ID, START_ID

from .literals import Array
from .program import Program, block
from .self_test_inputs import TokenPredictor, define_array, random_inputs, random_tokens, token_inputs

TOLERANCE = 1e-6
LEAST = -80.0  # smaller log probabilities depend on how exponentials are rounded: models/crf.py
CHECKED_STEPS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)  # of a stream
LENGTHS = (1, 2, 3, 5, 8, 13, 34, 89, 144)  # of whole sequences
MAX_NUMBERS = 1 << 15  # of the expected outputs


def write_self_test(predictor: FolderPredictor, program: Program, max_length: int | None) -> str:
    """Return the text of the test program."""
    rng = np.random.default_rng(0)
    name = program.prefix
    if isinstance(predictor, Seq2SeqPredictor):
        parts = _test_of_targets(predictor, program, max_length or 0, rng)
    elif max_length is not None and isinstance(predictor, ClassifierPredictor | TaggerPredictor):
        parts = _test_of_sequences(predictor, program, max_length, rng)
        if not predictor.config.bidirectional:
            parts = _joined(parts, _test_of_streams(predictor, program, rng))
    else:
        parts = _test_of_streams(predictor, program, rng)
    definitions, statements = parts
    text = "\n".join(definitions)
    return f"""\
// {name}_test.c: compares {name}.c with the model that it was exported from, on the machine where it runs.
//
// {next(fact for fact in program.facts if fact.startswith("Exported"))}
// To run it: cc -std=c99 -O2 {name}.c {name}_test.c -lm -o {name}_test && ./{name}_test

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "{name}.h"

// clang-format off
{text}
// clang-format on

static double largest;  // difference
static int failures;

static void check(int is_true, const char* what) {{
    if (is_true) return;
    printf("%s\\n", what);
    ++failures;
}}

{_compare(parts)}int main(void) {{
{block(statements)}
    check(largest <= {TOLERANCE:g}, "the largest difference is too large");
    printf("{name}: %s, largest difference %.2g\\n", failures ? "failed" : "passed", largest);
    return failures ? 1 : 0;
}}
"""


_Parts = tuple[list[str], list[str]]


def _joined(first: _Parts, second: _Parts) -> _Parts:
    return first[0] + [line for line in second[0] if line not in first[0]], first[1] + second[1]


def _compare(parts: _Parts) -> str:
    """Return the functions that compare numbers, those that are called."""
    called = "\n".join(parts[1])
    functions = []
    for kind in ("float", "double"):
        if f"compare_{kind}s(" not in called:
            continue
        functions.append(f"""\
// Remember the largest difference between n numbers, relative to the largest expected one if that is above 1.
static void compare_{kind}s(const {kind}* actual, const {kind}* expected, int n) {{
    double scale = 1.0;
    for (int i = 0; i < n; ++i) scale = fabs((double)expected[i]) > scale ? fabs((double)expected[i]) : scale;
    for (int i = 0; i < n; ++i) {{
        double difference = fabs((double)actual[i] - (double)expected[i]) / scale;
        if (expected[i] < {LEAST:g} && actual[i] < {LEAST:g}) continue;
        if (!(difference <= largest)) largest = difference;
    }}
}}
""")
    return "".join(f"{function}\n" for function in functions)


def _test_of_streams(predictor: Any, program: Program, rng: np.random.Generator) -> _Parts:
    """Return the definitions and statements of a test of init, step, run, and the bytes of states."""
    name, upper = program.prefix, program.upper
    shape = predictor.output_shape
    size = int(np.prod(shape))
    steps = [t for n, t in enumerate(CHECKED_STEPS) if n < max(2, MAX_NUMBERS // size)]
    last = steps[-1]
    inputs, make = random_inputs(predictor, name, last + 1, rng)
    several = isinstance(predictor, ForecasterPredictor) and bool(predictor.scales.series)
    names = {"series": list(predictor.scales.units)[-1:]} if several else {}
    begin = (
        f'check({name}_init(&state, {upper}_SERIES - 1) == {upper}_OK, "init");' if several else f"{name}_init(&state);"
    )
    outputs, state = predictor.run([make(0, last)], predictor.initial_state(1, **names))
    after, _ = predictor.step(make(last, last + 1), state)
    kind = "double" if isinstance(predictor, ForecasterPredictor) else "float"
    dtype = np.dtype(np.float64 if kind == "double" else np.float32)
    expected = np.stack([outputs[0, t - 1].ravel() for t in steps] + [after[0].ravel()]).astype(dtype)
    content = np.frombuffer(predictor.state_to_bytes(state), np.uint8)
    definitions = [
        *inputs.definitions,
        f"static const int checked_steps[{len(steps)}] = {{{', '.join(map(str, steps))}}};",
        define_array("expected_outputs", expected),
        define_array("expected_state", content),
        f"static {name}_state state;",
        f"static {kind} stream_outputs[{last * size if last * size <= MAX_NUMBERS else size}];",
        f"static uint8_t bytes[{upper}_STATE_BYTES];",
    ]
    item = inputs.item.format(t="t")
    statements = [
        begin,
        f"for (int t = 0, n = 0; t < {last}; ++t) {{",
        f'    check({name}_step(&state, {item}, stream_outputs) == {upper}_OK, "step");',
        f"    if (t + 1 == checked_steps[n]) compare_{kind}s(stream_outputs, expected_outputs + n++ * {size}, {size});",
        f"    {name}_state_to_bytes(&state, bytes);  // and back",
        "    memset(&state, 0, sizeof state);",
        f'    check({name}_state_from_bytes(&state, bytes, sizeof bytes) == {upper}_OK, "state_from_bytes");',
        "}",
        f"int status = {name}_state_from_bytes(&state, expected_state, sizeof expected_state);",
        f'check(status == {upper}_OK, "the state of elman is refused");',
        f"{name}_state_to_bytes(&state, bytes);",
        'check(memcmp(bytes, expected_state, sizeof bytes) == 0, "the bytes of the state differ from those of elman");',
        f'check({name}_step(&state, {inputs.item.format(t=last)}, stream_outputs) == {upper}_OK, "step");',
        f"compare_{kind}s(stream_outputs, expected_outputs + {len(steps) * size}, {size});",
    ]
    if last * size <= MAX_NUMBERS:
        statements += [
            begin,
            f'check({name}_run(&state, {inputs.several.format(t=0)}, {last}, stream_outputs) == {upper}_OK, "run");',
            f"for (int n = 0; n < {len(steps)}; ++n) {{",
            f"    const {kind}* outputs_of_step = stream_outputs + (checked_steps[n] - 1) * {size};",
            f"    compare_{kind}s(outputs_of_step, expected_outputs + n * {size}, {size});",
            "}",
        ]
    return definitions, statements


def _test_of_sequences(
    predictor: TokenPredictor, program: Program, max_length: int, rng: np.random.Generator
) -> _Parts:
    """Return the definitions and statements of a test of predict."""
    name, upper = program.prefix, program.upper
    lengths = sorted({min(length, max_length) for length in LENGTHS})
    lists = [random_tokens(predictor, length, rng) for length in lengths]
    inputs = token_inputs(predictor, [token for tokens in lists for token in tokens], "sequence", name)
    first = "first"
    call = f"{name}_predict({inputs.several.format(t=first)}, lengths[n], {{}}) == {upper}_OK"
    definitions = [
        *inputs.definitions,
        f"static const int lengths[{len(lengths)}] = {{{', '.join(map(str, lengths))}}};",
    ]
    if isinstance(predictor, ClassifierPredictor):
        C = len(predictor.labels)
        expected = predictor.log_probabilities_of_tokens(lists).astype(np.float32)
        definitions += [define_array("expected_log_p", expected), f"static float log_p[{C}];"]
        body = [f'check({call.format("log_p")}, "predict");', f"compare_floats(log_p, expected_log_p + n * {C}, {C});"]
    else:
        number_of = {label: number for number, label in enumerate(predictor.labels)}
        tags = np.array([number_of[tag] for of_one in predictor.predict(lists) for tag in of_one], np.int32)
        definitions += [define_array("expected_tags", tags, "int"), f"static int tags[{upper}_MAX_LENGTH];"]
        body = [
            f'check({call.format("tags")}, "predict");',
            'for (int t = 0; t < lengths[n]; ++t) check(tags[t] == expected_tags[first + t], "a tag differs");',
        ]
    loop = f"for (int n = 0, first = 0; n < {len(lengths)}; first += lengths[n++]) {{"
    return definitions, [loop, *(f"    {line}" for line in body), "}"]


def _test_of_targets(
    predictor: Seq2SeqPredictor, program: Program, max_length: int, rng: np.random.Generator
) -> _Parts:
    """Return the definitions and statements of a test of predict by an encoder-decoder."""
    name, upper = program.prefix, program.upper
    lengths = sorted({min(length, max_length) for length in LENGTHS})
    sources, targets, log_p = [], [], []
    for length in lengths:
        ids = rng.integers(0, len(predictor.source_vocabulary), length)
        ids[(ids == START_ID) | (ids == END_ID)] = 0
        target, log_probability = greedy_target(predictor, ids)
        sources.append(ids)
        targets.append(target)
        log_p.append(log_probability)
    counts = [len(target) for target in targets]
    definitions = [
        define_array("sources", np.concatenate(sources).astype(np.int32), "int"),
        f"static const int lengths[{len(lengths)}] = {{{', '.join(map(str, lengths))}}};",
        f"static const int target_lengths[{len(lengths)}] = {{{', '.join(map(str, counts))}}};",
        define_array("expected_targets", np.array([n for target in targets for n in target] + [0], np.int32), "int"),
        define_array("expected_log_p", np.array(log_p)),
        f"static int target[{upper}_MAX_TARGET];",
    ]
    statements = f"""\
for (int n = 0, first = 0, begin = 0; n < {len(lengths)}; first += lengths[n], begin += target_lengths[n++]) {{
    double log_probability = 0.0;
    int count = {name}_predict(sources + first, lengths[n], target, &log_probability);
    check(count == target_lengths[n], "the length of a target differs");
    for (int t = 0; t < count && t < target_lengths[n]; ++t) {{
        check(target[t] == expected_targets[begin + t], "a token of a target differs");
    }}
    compare_doubles(&log_probability, expected_log_p + n, 1);
}}"""
    return definitions, [statements]


def greedy_target(predictor: Seq2SeqPredictor, ids: Array) -> tuple[list[int], float]:
    """Return the tokens that greedy search predicts for a source of token ids, and their log probability."""
    state, context = predictor.encode(np.append(ids, END_ID)[None], np.array([len(ids) + 1]))
    target: list[int] = []
    log_probability, token = 0.0, START_ID
    while len(target) < predictor.text.longest_target(len(ids)):
        log_p, state = predictor.step(np.array([token]), state, context)
        allowed = log_p[0].copy()
        allowed[[0, START_ID]] = -np.inf
        token = int(allowed.argmax())
        log_probability += float(allowed[token])
        if token == END_ID:
            break
        target.append(token)
    return target, log_probability
