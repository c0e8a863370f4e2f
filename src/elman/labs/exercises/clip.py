"""The exercise clip: gradient clipping, by the norm of all gradients together and by value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from elman.cells import clipping
from elman.cells.activations import Array
from elman.labs.lab import Text

from .comparing import Expected, compared, describe, numbers
from .exercise import Call, Exercise, Function, Result
from .oracles import random_arrays
from .specialization import specialized

SHAPES = {"W": (4, 3), "U": (4, 4), "b": (4,)}
MAX_NORM, BOUND = 1.0, 0.5
LARGE = Text("large gradients", "范数大于上限的梯度")
SMALL = Text("small gradients", "范数小于上限的梯度")
ZERO = Text("zero gradients", "全为零的梯度")


def flattened(arrays: list[Array]) -> Array:
    """Return all entries of all arrays."""
    return np.concatenate([array.ravel() for array in arrays])


def check_norm(call: Call) -> Iterator[Result]:
    """Check the norm of several arrays."""
    gradients = list(random_arrays(SHAPES).values())
    norms, norm = [clipping.global_norm([g]) for g in gradients], clipping.global_norm(gradients)
    causes = {
        Text("the square root is missing", "漏掉了开平方"): norm**2,
        Text("the norms of the arrays are added; expected one norm of all entries", "把各个数组的范数相加了"): sum(
            norms
        ),
        Text("the largest norm of an array", "这是各个数组范数的最大值"): max(norms),
        Text("the sum of the absolute values", "这是绝对值之和"): np.abs(flattened(gradients)).sum(),
        Text("the largest absolute value", "这是绝对值的最大值"): np.abs(flattened(gradients)).max(),
        Text("the norm of the first array only", "只计算了第一个数组"): norms[0],
        Text("the mean of the squares; expected their sum", "对平方取了平均，应为求和"): norm
        / np.sqrt(sum(g.size for g in gradients)),
    }
    expected = Expected(np.asarray(norm), causes={text: np.asarray(value) for text, value in causes.items()})
    yield from compared(["norm"], call(gradients), [expected])


def problem_of_arrays(name: Text, returned: Any, right: list[Array], causes: dict[Text, list[Array]]) -> Text | None:
    """Return what is wrong with a list of arrays, or None."""
    if not isinstance(returned, list) or len(returned) != len(right):
        described = describe(returned)
        if isinstance(returned, list):
            described = Text(f"{len(returned)} arrays", f"{len(returned)} 个数组")
        return Text(
            f"{name.en}: {described.en}; expected {len(right)} arrays",
            f"{name.zh}：{described.zh}，应为 {len(right)} 个数组",
        )
    rows = []
    for number, (value, wanted) in enumerate(zip(returned, right, strict=True)):
        array = numbers(value, wanted.shape)
        if isinstance(array, Text) or array.shape != wanted.shape:
            one = Text(f"{name.en}, array {number}", f"{name.zh}，第 {number} 个数组（从 0 数起）")
            return Expected(wanted).problem(one, value)
        rows.append(array)
    expected = Expected(flattened(right), causes={text: flattened(arrays) for text, arrays in causes.items()})
    whole = Text(f"{name.en} (all entries in one row)", f"{name.zh}（所有数组的元素排成一行）")
    return expected.problem(whole, flattened(rows))


def check_clip_by_norm(call: Call) -> Iterator[Result]:
    """Check gradients above the bound, below it, and zero."""
    large = list(random_arrays(SHAPES).values())
    norm = clipping.global_norm(large)
    causes = {
        Text(
            "each array is clipped by its own norm; expected one factor for all",
            "各个数组按自己的范数裁剪，应当用同一个比例",
        ): [array for g in large for array in clipping.clip_by_norm([g], MAX_NORM)],
        Text(
            "entries are cut off; expected one factor, which keeps the direction",
            "逐项截断改变了方向，应当按同一个比例缩小",
        ): (clipping.clip_by_value(large, MAX_NORM)),
        Text("divided by the norm twice", "除了两次范数"): [g * MAX_NORM / norm**2 for g in large],
        Text("nothing is changed", "没有裁剪"): large,
    }
    right = clipping.clip_by_norm(large, MAX_NORM)
    yield Result("large gradients", problem_of_arrays(LARGE, call(large, MAX_NORM), right, causes))
    small = [0.5 * g for g in right]
    scaled = Text(
        "gradients below the bound are scaled up; expected no change", "范数小于上限的梯度被放大了，应保持不变"
    )
    problem = problem_of_arrays(SMALL, call(small, MAX_NORM), small, {scaled: right})
    yield Result("small gradients", problem)
    zero = [np.zeros_like(g) for g in large]
    problem = problem_of_arrays(ZERO, call(zero, MAX_NORM), zero, {})
    if problem is not None:
        problem = Text(f"{problem.en}. The norm is zero: do not divide by it", f"{problem.zh}。范数为零，不能作除数")
    yield Result("zero gradients", problem)


def check_clip_by_value(call: Call) -> Iterator[Result]:
    """Check the entries."""
    gradients = list(random_arrays(SHAPES).values())
    right = clipping.clip_by_value(gradients, BOUND)
    causes = {
        Text("negative entries are not bounded", "没有限制负数"): [np.minimum(g, BOUND) for g in gradients],
        Text("this is clipping by norm", "这是按范数裁剪"): clipping.clip_by_norm(gradients, BOUND),
    }
    yield Result("entries", problem_of_arrays(Text("entries", "各项"), call(gradients, BOUND), right, causes))


def global_norm_solution() -> str:
    """Return the statements of the norm."""
    return specialized(clipping.global_norm)


def clip_by_norm_solution() -> str:
    """Return the statements of clipping by norm."""
    return specialized(clipping.clip_by_norm)


def clip_by_value_solution() -> str:
    """Return the statements of clipping by value."""
    return specialized(clipping.clip_by_value)


EXERCISE = Exercise(
    name="clip",
    title=Text("Gradient clipping", "梯度裁剪：防止梯度爆炸"),
    text=Text(
        "The gradients of a network are a list of arrays of different shapes.",
        "网络的梯度是一个列表，由形状不同的数组组成。",
    ),
    functions=(
        Function(
            "global_norm(gradients)",
            Text("Return the norm of all gradients together.", "返回全部梯度合在一起的范数。"),
            """
            norm = sqrt(sum g^2)

            [g_1, g_2, ...]  ->  norm
            """,
            ("norm",),
            check_norm,
            global_norm_solution,
        ),
        Function(
            "clip_by_norm(gradients, max_norm)",
            Text(
                "Return the gradients, multiplied by one factor so that their norm is at most max_norm.",
                "返回按同一个比例缩小的梯度，使总范数不超过 max_norm。",
            ),
            """
            g' = g * min(1, max_norm / norm)

            [g_1, g_2, ...]  ->  [g_1', g_2', ...]
            """,
            ("large gradients", "small gradients", "zero gradients"),
            check_clip_by_norm,
            clip_by_norm_solution,
        ),
        Function(
            "clip_by_value(gradients, bound)",
            Text(
                "Return the gradients with every entry between -bound and bound.",
                "返回每一项都限制在 -bound 与 bound 之间的梯度。",
            ),
            """
            g' = min(max(g, -bound), bound)

            [g_1, g_2, ...]  ->  [g_1', g_2', ...]
            """,
            ("entries",),
            check_clip_by_value,
            clip_by_value_solution,
        ),
    ),
)
