"""Mistakes planted in the teacher's keys are found, and named: which gradient, at which step, and why.

A mistake replaces a piece of the key's source. The last part of each case is what the message must contain.
"""

from __future__ import annotations

import re

import pytest

from elman.labs.exercises import EXERCISES, load_exercise

from .code import grade_source, key_of

CARRY = "d_h = d_a[:, t] @ U"
QUOTED = re.compile(r"`[^`]*`|'[^']*'")
ENGLISH = re.compile(
    r"\b(?:of|the|is|at|gradients|entries|vectors?|words?|lines|ids|counts|prefixes|tokens|beam|ends)\b"
)
SRN = [
    ("step", "np.tanh(a + u)", "a + u", 0, "h: * expected * Likely cause: tanh is missing"),
    ("step", "h_prev @ U.T", "h_prev @ U", 0, "U is transposed: U^T h in place of U h"),
    ("unroll", "h = step(W, U, b, x[:, t], h)", "h = step(W, U, b, x[:, t], h_0)", 0, "h at step 2: * not carried"),
    ("unroll", "h = h_0", "h = np.zeros_like(h_0)", 0, "h at step 1: * h_0 is not used"),
    ("readout", "h @ V.T + c", "h @ V.T", 0, "the bias c is missing"),
    ("cross_entropy", "d_logits / targets.size", "d_logits", 2, "d_logits * finite differences * the sum over all B T"),
    ("cross_entropy", "np.exp(picked) - 1.0", "np.exp(picked)", 2, "d_logits * the target's 1 is not subtracted"),
    (
        "cross_entropy",
        "log_p = log_softmax(logits)",
        "log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))",
        2,
        "loss of the logits 1000, 0, -1000: inf; expected numbers. exp(1000) overflows",
    ),
    (
        "cross_entropy",
        "log_p = log_softmax(logits)",
        "e = np.exp(logits - logits.max(-1, keepdims=True)); log_p = np.log(e / e.sum(-1, keepdims=True))",
        2,
        "loss of the logits 1000, 0, -1000: inf; * and log(0) is -inf * log p = z - log sum e^z",
    ),
    ("step_backward", "(1.0 - h * h)", "1", 0, "d_W: * finite differences * the factor 1 - h^2 is missing"),
    (
        "step_backward",
        "linear_backward(d_a, h_prev, U)",
        "linear_backward(d_a, h, U)",
        4,
        "d_U: * h in place of h_prev",
    ),
    (
        "step_backward",
        "linear_backward(d_a, h_prev, U)",
        "linear_backward(d_a, h_prev, U.T)",
        4,
        "d_h_prev: * U in place of U^T",
    ),
    ("step_backward", "rows.sum(axis=0)", "rows.mean(axis=0)", 4, "d_b: * the mean over the batch; expected the sum"),
]
BPTT = [
    (
        "backward",
        CARRY,
        "d_h = 0 * d_h",
        0,
        "d_a at step 3: * finite differences* wrong at steps 1, 2, 3, right at step 4. * the derivative carried",
    ),
    ("backward", CARRY, "d_h = d_a[:, t] @ U.T", 0, "d_a at step 3: * Likely cause: U in place of U^T"),
    ("backward", "(1.0 - h[:, t] * h[:, t])", "1", 0, "d_a at step 4: * the factor 1 - h_t^2 is missing"),
    ("backward", CARRY, "d_h = (d_h + d_outputs[:, t]) @ U", 0, "d_a at step 3: * missing in what is carried"),
    (
        "backward",
        "d_h + d_outputs[:, t]",
        "d_h + d_outputs[:, t] * (t == T - 1)",
        0,
        "d_a at step 3: * only the loss of the last",
    ),
    (
        "backward",
        "h_prev[:, t] = h[:, t - 1] if t > 0 else h_0",
        "h_prev[:, t] = h[:, t]",
        5,
        "d_U: * h_t in place of h_(t-1)",
    ),
    ("backward", "if t > 0 else h_0", "if t > 0 else 0", 5, "d_U: * zero in place of h_0 at step 1"),
    ("backward", "d_a.sum(axis=(0, 1))", "d_a.mean(axis=(0, 1))", 5, "d_b: * the mean over batch and steps"),
    ("backward", "d_a.sum(axis=(0, 1))", "d_a[:, -1].sum(axis=0)", 5, "d_b: * only the last step"),
    ("backward", "sum_of_products(d_a, x)", "sum_of_products(d_a[:, :1], x[:, :1])", 5, "d_W: * only step 1 remains"),
    (
        "backward",
        "return d_a, d_W, d_U",
        "return -d_a, d_W, d_U.T",
        4,
        "d_a at step 4: * the sign is wrong * transposed",
    ),
    ("output_backward", "rows.T @ h", "2 * rows.T @ h", 2, "d_V: * every entry is multiplied by 2"),
]
LSTM = [
    ("forward", "h_next = o * tanh_c", "h_next = o * c_next", 1, "h_next: * tanh is missing"),
    (
        "forward",
        "g = np.tanh(s[..., 2 * H:3 * H])\n    o = sigmoid(s[..., 3 * H:])",
        "o = sigmoid(s[..., 2 * H:3 * H])\n    g = np.tanh(s[..., 3 * H:])",
        0,
        "read in the order i, f, o, g; expected i, f, g, o",
    ),
    (
        "backward",
        "d_c_next = d_c_next + d_h_next",
        "d_c_next = d_h_next",
        1,
        "d_i at step 3: * right at step 4. Likely cause: d_c_next, the derivative carried by the memory, is missing",
    ),
    ("backward", "* (1.0 - tanh_c * tanh_c)", "", 1, "d_f at step 4: * the factor 1 - tanh(c')^2 is missing"),
    ("backward", "* f * (1.0 - f)", "", 4, "d_f at step 4: * derivative of the gate's sigmoid or tanh is missing"),
    ("backward", "(1.0 - g * g)", "g * (1.0 - g)", 4, "d_g at step 4: * g is a tanh"),
    ("backward", "d_c_next * c * f", "d_c_next * c_next * f", 4, "d_f at step 4: * c' in place of c"),
    ("backward", "d_c = d_c_next * f", "d_c = d_c_next", 4, "d_c at step 4: * the factor f is missing"),
    (
        "backward",
        "(d_i, d_f, d_g, d_o)",
        "(d_i, d_f, d_o, d_g)",
        3,
        "stacked in the order i, f, o, g; expected i, f, g, o",
    ),
    ("backward", "return d_a, d_c", "return d_a, d_c[:1]", 0, "step 1: d_c: shape (1, 3); expected (2, 3)"),
]
GRU = [
    ("forward", "(1.0 - z) * n + z * h", "z * n + (1.0 - z) * h", 3, "h_next: * z and 1 - z are exchanged"),
    (
        "forward",
        "r, z = rz[..., :H], rz[..., H:]",
        "z, r = rz[..., :H], rz[..., H:]",
        0,
        "read in the order z, r, n; expected r, z, n",
    ),
    ("forward", "+ r * u_n)", "+ u_n)", 2, "n: * the reset gate r is missing"),
    (
        "backward",
        "d_h = d_h_next * z",
        "d_h = 0 * d_h_next",
        4,
        "d_h at step 4: * the direct path from h to h', is missing",
    ),
    ("backward", "(h - n)", "(n - h)", 4, "d_z at step 4: * n - h in place of h - n"),
    ("backward", "d_n * r)", "d_n)", 4, "d_u at step 4: * the factor r is missing in d_u"),
    ("backward", "d_n * u_n * r", "d_n * r", 4, "d_r at step 4: * the factor u_n is missing"),
    ("backward", "(1.0 - n * n)", "n * (1.0 - n)", 2, "d_n at step 4: * n is a tanh"),
    (
        "backward",
        "d_a = np.concatenate((d_r, d_z, d_n)",
        "d_a = np.concatenate((d_z, d_r, d_n)",
        3,
        "stacked in the order z, r, n; expected r, z, n",
    ),
]
ADDER = [
    (
        "digits",
        "for n in (a, b)], axis=-1)",
        "for n in (a, b)], axis=-1)[::-1]",
        0,
        "the most significant digit is first",
    ),
    ("forward", "U @ h[t]", "U.T @ h[t]", 0, "U is transposed"),
    (
        "loss_gradient",
        "error = y - target",
        "error = np.sign(y - target)",
        0,
        "d_y at step 1: * the L1 error |y - target|",
    ),
    ("loss_gradient", "error = y - target", "error = 2 * (y - target)", 0, "the factor 1/2 of the loss"),
    (
        "backward",
        " + U.T @ d_a",
        "",
        1,
        "d_U of the loss at step 3: * right at steps 1, 2. Likely cause: what is carried",
    ),
    ("backward", "U.T @ d_a", "U @ d_a", 1, "d_U of the loss at step 3: * U in place of U^T"),
    ("backward", " * y[t] * (1.0 - y[t])", "", 0, "d_V of the loss at step 1: * the factor y (1 - y) is missing"),
    (
        "backward",
        "h[t + 1] * (1.0 - h[t + 1])",
        "(1.0 - h[t + 1] ** 2)",
        1,
        "d_W of the loss at step 1: * h is a sigmoid",
    ),
    (
        "backward",
        "np.outer(d_a, h[t])",
        "np.outer(d_a, h[t + 1])",
        2,
        "d_U of the loss at step 1: * h_t in place of h_(t-1)",
    ),
]
CLIP = [
    ("global_norm", "np.sqrt(", "(", 0, "norm: * the square root is missing"),
    (
        "clip_by_norm",
        "[g * scale for g in gradients]",
        "[g * min(1, max_norm / global_norm([g])) if g.any() else g for g in gradients]",
        2,
        "each array is clipped by its own",
    ),
    (
        "clip_by_norm",
        "max_norm / norm if norm > max_norm else 1.0",
        "max_norm / norm if norm else 1.0",
        2,
        "small gradients * scaled up; expected no change",
    ),
    ("clip_by_norm", "max_norm / norm if norm > max_norm else 1.0", "min(1, max_norm / np.float64(norm))", 3, "right"),
    (
        "clip_by_norm",
        "scale = max_norm / norm if norm > max_norm else 1.0",
        "scale = min(1, max_norm / norm)",
        2,
        "ZeroDivisionError",
    ),
    (
        "clip_by_value",
        "np.clip(g, -bound, bound)",
        "np.minimum(g, bound)",
        0,
        "entries * negative entries are not bounded",
    ),
]
VOCAB = [
    ("tokenize", ".lower()", "", 0, "lines: * at [0]; expected * upper-case letters remain"),
    ("count", "counts.get(token, 0) + 1", "1", 0, "counts, sorted: *"),
    (
        "build",
        "frequent.sort(key=counts.__getitem__, reverse=True)",
        "frequent.sort(key=lambda word: (-counts[word], word))",
        0,
        "sorted by the alphabet; expected by first appearance",
    ),
    ("build", "[*head, *frequent]", "[*frequent, *head]", 0, "<unk> is at the end"),
    (
        "build",
        "n >= max(1, min_frequency)",
        "n > min_frequency or min_frequency == 1",
        1,
        "exactly min_frequency occurrences",
    ),
    (
        "encode",
        "[id_of.get(token, 0) for token in tokens]",
        "[id_of[t] for t in tokens if t in id_of]",
        1,
        "unknown words: *",
    ),
    ("decode", "vocabulary[number]", "vocabulary[number - 1]", 0, "words: *"),
    ("one_hot", "np.eye(size)[ids]", "np.eye(size)[ids].T", 0, "vectors: shape (5, 3); expected (3, 5)"),
]
BEAM = [
    ("score", "/ n**a", "/ n", 0, "the exponent a is missing"),
    ("greedy", "return list(hypothesis.ids)", "return [*hypothesis.ids, end]", 0, "the end token is returned, too"),
    (
        "greedy",
        "hypothesis.log_probability",
        "np.exp(hypothesis.log_probability)",
        0,
        "the probability, not its logarithm",
    ),
    ("extend", "total + float(log_p[", "float(log_p[", 0, "the log probability of the prefix is not added"),
    ("beam_search", "max_length, beam, a)", "max_length, 1, 0.0)", 1, "a beam of 3: tokens: * this is greedy search"),
    ("beam_search", "max_length, beam, a)", "max_length, beam, 0.0)", 3, "length penalty: tokens: * is not used"),
]
MISTAKES = {
    "srn": SRN,
    "bptt": BPTT,
    "lstm": LSTM,
    "gru": GRU,
    "adder": ADDER,
    "clip": CLIP,
    "vocab": VOCAB,
    "beam": BEAM,
}
CASES = [(name, *mistake) for name, mistakes in MISTAKES.items() for mistake in mistakes]


def replaced_in(source: str, function: str, old: str, new: str) -> str:
    """Return the source with a replacement in a function, or else in a function that it calls."""
    body = source.index('"""\n', source.index(f"def {function}("))  # after the docstring, which holds the equations
    index = source.find(old, body)
    if index < 0:
        index = source.find(old)
    assert index >= 0, f"the key no longer contains {old!r}"
    return source[:index] + new + source[index + len(old) :]


IDS = [f"{name}-{function}-{number}" for number, (name, function, *_) in enumerate(CASES)]


@pytest.mark.parametrize(("exercise", "function", "old", "new", "points", "message"), CASES, ids=IDS)
def test_a_planted_mistake_is_found_and_named(
    exercise: str, function: str, old: str, new: str, points: int, message: str
) -> None:
    part = grade_source(exercise, replaced_in(key_of(exercise), function, old, new), function)[function]
    found = " ".join(problem.en for problem in part.problems) or "right"
    pattern = ".*".join(re.escape(piece.strip()) for piece in message.split("*"))
    assert re.search(pattern, found), found
    assert part.points == points, found
    assert all(problem.zh != problem.en for problem in part.problems)
    in_chinese = " ".join(QUOTED.sub("", problem.zh) for problem in part.problems)
    if "Error" not in found:
        assert ENGLISH.search(in_chinese) is None, in_chinese


def test_a_message_names_a_cause_once() -> None:
    source = replaced_in(key_of("bptt"), "backward", CARRY, "d_h = 0 * d_h")
    message = grade_source("bptt", source, "backward")["backward"].message("en")
    assert message.count("the derivative carried from step t+1") == 1
    assert len(message.splitlines()) == 6


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_mistake_is_planted_in_every_function(exercise: str) -> None:
    assert {function for function, *_ in MISTAKES[exercise]} == {f.name for f in load_exercise(exercise).functions}
