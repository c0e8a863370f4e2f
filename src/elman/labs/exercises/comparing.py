"""Compare what a student's function returns with what is expected: which entry, at which step, by how much, and why.

A gradient has to agree with elman.cells and with finite differences. Why it does not agree is found by comparing it
with the results of known mistakes: a sign, a constant factor, a transposed matrix, gates in another order, and those
that an exercise adds.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from elman.cells.activations import Array
from elman.labs.lab import Text

from .exchange import Other
from .exercise import Result, StudentError

RELATIVE, ABSOLUTE = 1e-6, 1e-8  # of the largest expected entry; finite differences have errors below 1e-9
ELMAN = Text("elman", "elman")
DIFFERENCES = Text("finite differences", "有限差分")
CAUSE = Text(". Likely cause: ", "。可能的原因：")  # between a problem and its cause
TRANSPOSED = Text("the matrix is transposed", "矩阵被转置了")
Causes = Mapping[Text, Array]
OTHERS = {  # descriptions of exchange.py, and their Chinese
    r"an object of type (.*)": r"\1 类型的对象",
    r"an array of shape (.*)": r"形状为 \1 的数组",
    r"an array of (.*)": r"\1 类型的数组",
    r"an integer of (\d+) bits": r"\1 位的整数",
    r"a string of (\d+) characters": r"\1 个字符的字符串",
    r"a result of (\d+) characters": r"写出来有 \1 个字符的结果",
    r"a structure that is nested too deeply": "嵌套层数过多的结构",
    r"a key of type (.*)": r"\1 类型的键",
    r"a (\w+) of (\d+) items": r"有 \2 项的 \1",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of a result, and what is known about its mistakes.

    by_differences: the same by finite differences, for gradients. steps: the axis of time. backward: whether time is
    processed from its end, so that a mistake spreads to earlier steps. causes: the result of known mistakes.
    factors: names of constant factors.
    """

    value: Array
    by_differences: Array | None = None
    steps: int | None = None
    backward: bool = False
    causes: Causes = field(default_factory=dict)
    factors: Mapping[float, Text] = field(default_factory=dict)

    def problem(self, name: str | Text, returned: Any) -> Text | None:
        """Return what is wrong with a returned value, or None."""
        name = as_text(name)
        if isinstance(problem := numbers(returned, self.value.shape), Text):
            return Text(f"{name.en}: {problem.en}", f"{name.zh}：{problem.zh}")
        if isinstance(problem := self._wrong_shape_or_nan(name, problem), Text):
            return problem
        oracle = self.value if self.by_differences is None else self.by_differences
        if is_close(problem, self.value) and is_close(problem, oracle):
            return None
        cause = self.cause(problem)
        return _sentence(self._difference(name, problem, oracle), cause)

    def cause(self, value: Array) -> Text | None:
        """Return the known mistake that gives this value, or None."""
        for cause, candidate in self.causes.items():
            if is_close(value, candidate) and not is_close(candidate, self.value):
                return cause
        if not value.any():
            return Text("all entries are zero", "全部为零")
        if value.ndim == 2 and value.shape == self.value.T.shape and is_close(value, self.value.T):
            return TRANSPOSED
        return self._constant_factor(value)

    def _constant_factor(self, value: Array) -> Text | None:
        factor = float((value * self.value).sum() / max(float((self.value**2).sum()), 1e-300))
        if not np.isfinite(factor) or not is_close(value, factor * self.value):
            return None
        if abs(factor + 1.0) < RELATIVE:
            return Text("the sign is wrong", "正负号相反")
        for known, text in self.factors.items():
            if abs(factor / known - 1.0) < RELATIVE:
                return text
        return Text(f"every entry is multiplied by {factor:.4g}", f"每一项都乘了 {factor:.4g}")

    def _wrong_shape_or_nan(self, name: Text, value: Array) -> Array | Text:
        if value.shape != self.value.shape:
            problem = Text(
                f"{name.en}: shape {value.shape}; expected {self.value.shape}",
                f"{name.zh}：形状为 {value.shape}，应为 {self.value.shape}",
            )
            return _sentence(problem, TRANSPOSED if is_close(value, self.value.T) else None)
        if not np.isfinite(value).all():
            index = list(map(int, np.argwhere(~np.isfinite(value))[0]))
            at, at_zh = (f" at {index}", f"{index} 处") if index else ("", "")
            number = value[*index]
            return Text(f"{name.en}: {number}{at}; expected numbers", f"{name.zh}：{at_zh}为 {number}，应为有限的数")
        return value

    def _difference(self, name: Text, value: Array, oracle: Array) -> Text:
        """Describe the largest difference; of the first wrong step, where there are steps."""
        by = ELMAN if self.by_differences is None else DIFFERENCES
        if self.steps is None:
            return _largest_difference(name, value, oracle, by)
        mine, theirs = np.moveaxis(value, self.steps, 0), np.moveaxis(oracle, self.steps, 0)
        scale = float(np.abs(theirs).max())
        right = [is_close(a, b, scale) for a, b in zip(mine, theirs, strict=True)]
        wrong = [t for t, is_right in enumerate(right) if not is_right]
        first = wrong[-1] if self.backward else wrong[0]
        where = Text(f"{name.en} at step {first + 1}", f"{name.zh}，第 {first + 1} 步")
        problem = _largest_difference(where, mine[first], theirs[first], by)
        steps = Text(f"wrong at {_listed(wrong)}", f"第 {_listed_zh(wrong)} 步有误")
        if len(wrong) < len(right):
            others = [t for t, is_right in enumerate(right) if is_right]
            steps = Text(f"{steps.en}, right at {_listed(others)}", f"{steps.zh}，第 {_listed_zh(others)} 步正确")
        return Text(f"{problem.en}, {steps.en}", f"{problem.zh}，{steps.zh}")


def compared(names: Sequence[str], returned: Any, expected: Sequence[Expected]) -> Iterator[Result]:
    """Compare each of the values that a function returns."""
    for name, value, wanted in zip(names, split_results(names, returned), expected, strict=True):
        yield Result(name, wanted.problem(name, value))


def compared_gates(names: str, returned: Any, expected: Expected) -> Iterator[Result]:
    """Compare the blocks of an array whose last axis stacks gates; names are single letters in their order."""
    whole = expected.problem("d_a", returned)
    value = numbers(returned, expected.value.shape)
    if whole is None or isinstance(value, Text) or value.shape != expected.value.shape or not np.isfinite(value).all():
        yield from (Result(f"d_{gate}", whole) for gate in names)
        return
    order = gate_order(names, value, expected.value)
    blocks = [np.split(array, len(names), axis=-1) for array in (value, expected.value)]
    measured = None if expected.by_differences is None else np.split(expected.by_differences, len(names), axis=-1)
    for index, (gate, mine, theirs) in enumerate(zip(names, *blocks, strict=True)):
        causes = {text: np.split(array, len(names), axis=-1)[index] for text, array in expected.causes.items()}
        if order is not None:
            causes = {order: mine}
        block = Expected(
            theirs, None if measured is None else measured[index], expected.steps, expected.backward, causes
        )
        yield Result(f"d_{gate}", block.problem(f"d_{gate}", mine))


def gate_order(names: str, value: Array, expected: Array) -> Text | None:
    """Return the order in which the gates are stacked, if it is another one."""
    mine, theirs = (np.split(array, len(names), axis=-1) for array in (value, expected))
    for order in itertools.permutations(range(len(names))):
        if all(is_close(block, theirs[gate]) for block, gate in zip(mine, order, strict=True)):
            stacked, wanted = ", ".join(names[gate] for gate in order), ", ".join(names)
            return Text(
                f"the gates are stacked in the order {stacked}; expected {wanted}",
                f"各门的排列顺序是 {stacked}，应为 {wanted}",
            )
    return None


def split_results(names: Sequence[str], returned: Any) -> list[Any]:
    """Return the values that a function returns, as many as there are names; else raise a StudentError."""
    if len(names) == 1:
        return [returned[0] if isinstance(returned, list) and len(returned) == 1 else returned]
    listed = ", ".join(names)
    if not isinstance(returned, list):
        described = describe(returned)
        raise StudentError(
            Text(
                f"returns {described.en}; expected {len(names)} values: {listed}",
                f"返回了{described.zh}，应返回 {listed}",
            )
        )
    if len(returned) != len(names):
        raise StudentError(
            Text(
                f"returns {len(returned)} values; expected {len(names)}: {listed}",
                f"返回了 {len(returned)} 个值，应为 {len(names)} 个：{listed}",
            )
        )
    return returned


def numbers(value: Any, shape: tuple[int, ...]) -> Array | Text:
    """Return a value as an array of float64, or what it is instead."""
    expected = Text(f"; expected an array of shape {shape}", f"，应为形状 {shape} 的数组")
    if shape == ():
        expected = Text("; expected a number", "，应为一个数")
    if isinstance(value, list | float | int | np.ndarray):
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError, OverflowError):
            pass
        else:
            return array.reshape(()) if shape == () and array.size == 1 else array
    described = describe(value)
    return Text(described.en + expected.en, described.zh + expected.zh)


def as_text(name: str | Text) -> Text:
    """Return a name in both languages; a string is the same in both."""
    return name if isinstance(name, Text) else Text(name, name)


def describe_other(value: Other) -> Text:
    """Return the description of a value that no exercise expects, in both languages."""
    for pattern, chinese in OTHERS.items():
        if (match := re.fullmatch(pattern, value.description)) is not None:
            return Text(value.description, match.expand(chinese))
    return as_text(value.description)


def describe(value: Any) -> Text:
    """Return what a value is, in words."""
    if value is None:
        return Text("None (is a `return` missing?)", "None（是否漏了 return？）")
    if isinstance(value, Other):
        return describe_other(value)
    if isinstance(value, np.ndarray):
        return Text(f"an array of shape {value.shape}", f"形状为 {value.shape} 的数组")
    names = {"list": Text("a list", "列表"), "dict": Text("a dictionary", "字典"), "str": Text("a string", "字符串")}
    return names.get(type(value).__name__, Text("a number", "一个数"))


def is_close(value: Array, expected: Array, scale: float | None = None) -> bool:
    """Whether all entries agree up to rounding; the scale is that of the largest expected entry."""
    if value.shape != expected.shape or not np.isfinite(value).all():
        return False
    if scale is None:
        scale = float(np.abs(expected).max(initial=0.0))
    return bool(np.abs(value - expected).max(initial=0.0) <= ABSOLUTE + RELATIVE * scale)


def _largest_difference(name: Text, value: Array, oracle: Array, by: Text) -> Text:
    index = np.unravel_index(int(np.abs(value - oracle).argmax()), value.shape)
    place, place_zh = (f" at {list(map(int, index))}", f"{list(map(int, index))} 处") if index else ("", "")
    mine, theirs = f"{value[index]:.6g}", f"{oracle[index]:.6g}"
    error = float(np.linalg.norm(value - oracle) / max(float(np.linalg.norm(value) + np.linalg.norm(oracle)), 1e-300))
    return Text(
        f"{name.en}: {mine}{place}; expected {theirs} ({by.en}), relative error {error:.2g}",
        f"{name.zh}：{place_zh}为 {mine}，应为 {theirs}（{by.zh}），相对误差 {error:.2g}",
    )


def _sentence(problem: Text, cause: Text | None) -> Text:
    if cause is None:
        return problem
    return Text(f"{problem.en}{CAUSE.en}{cause.en}", f"{problem.zh}{CAUSE.zh}{cause.zh}")


def _listed(steps: Sequence[int]) -> str:
    return f"step{'s' * (len(steps) > 1)} {', '.join(str(t + 1) for t in steps)}"


def _listed_zh(steps: Sequence[int]) -> str:
    return "、".join(str(t + 1) for t in steps)


def sequence_problem(
    name: str | Text, returned: Any, expected: Sequence[Any], causes: Mapping[Text, Sequence[Any]] | None = None
) -> Text | None:
    """Return what is wrong with a list of texts or integers, or None."""
    name = as_text(name)
    if isinstance(returned, np.ndarray) and returned.ndim:
        returned = returned.tolist()
    if not isinstance(returned, list):
        described = describe(returned)
        return Text(f"{name.en}: {described.en}; expected a list", f"{name.zh}：{described.zh}，应为列表")
    if returned == list(expected):
        return None
    cause = next((text for text, wrong in (causes or {}).items() if returned == list(wrong)), None)
    return _sentence(_first_difference(name, returned, expected), cause)


def _first_difference(name: Text, returned: list[Any], expected: Sequence[Any]) -> Text:
    for index, (mine, theirs) in enumerate(zip(returned, expected, strict=False)):
        if mine != theirs:
            shown = _shown(mine)
            return Text(
                f"{name.en}: {shown.en} at [{index}]; expected {_shown(theirs).en}",
                f"{name.zh}：[{index}] 处为 {shown.zh}，应为 {_shown(theirs).zh}",
            )
    right = _shown(list(expected))
    return Text(
        f"{name.en}: {len(returned)} items; expected {len(expected)}: {right.en}",
        f"{name.zh}：有 {len(returned)} 项，应为 {len(expected)} 项：{right.zh}",
    )


def _shown(value: Any) -> Text:
    if isinstance(value, Other):
        return describe_other(value)
    text = repr(value)
    return as_text(text if len(text) <= 80 else f"{text[:77]}...")
