"""Weight matrices in C: float, or int8 with a scale for each row (cells/quantized.py), and their products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elman.checkpoint import Tensors
from elman.checkpoint.weight_formats import SCALE, float32_weight

from .names import identifier
from .program import Program, float32


@dataclass(frozen=True)
class Matrix:
    """A matrix (rows, columns): the name of its values in C; those of an int8 matrix also have a table NAME_scale."""

    name: str
    rows: int
    columns: int
    is_int8: bool = False

    def product(self, y: str, bias: str, x: str, rows: str = "") -> str:
        """Return the statement y = W x + bias, or W x if the bias is NULL; rows is the name of their number in C."""
        sizes = f"{rows or self.rows}, {self.columns}"
        if self.is_int8:
            return f"multiply_int8({y}, {self.name}, {self.name}_scale, {bias}, {x}, {sizes});"
        return f"multiply({y}, {self.name}, {bias}, {x}, {sizes});"

    def row(self, index: str) -> str:
        """Return the expression of a row of a float matrix."""
        return f"{self.name} + (size_t){index} * {self.columns}"

    def copy_row(self, target: str, index: str) -> str:
        """Return the statement that writes a row as floats."""
        if self.is_int8:
            return f"copy_int8_row({target}, {self.name}, {self.name}_scale, {index}, {self.columns});"
        return f"memcpy({target}, {self.row(index)}, {self.columns} * sizeof *{target.split(' ')[0]});"


@dataclass(frozen=True)
class Row:
    """A row of an embedding as the input of a layer: `index` is an expression."""

    embedding: Matrix
    index: str


def add_matrix(
    program: Program,
    name: str,
    tensors: Tensors,
    comment: str = "",
    *,
    c_name: str = "",
    divisor: float = 1.0,
    is_dense: bool = False,
) -> Matrix:
    """Add a matrix by its name in a model folder, divided by a number; is_dense: as floats, whatever it is."""
    array, c_name = tensors[name], identifier(c_name or name)
    rows, columns = array.shape
    if array.dtype == np.int8 and not is_dense:
        scale = tensors[name + SCALE]
        program.constant(c_name, array, comment)
        scale = scale if divisor == 1.0 else scale / np.float32(divisor)
        program.constant(f"{c_name}_scale", float32(scale), "of each row")
        program.size("MAX_COLUMNS", -(-columns // 16) * 16, "of a matrix of int8, or a few more")
        program.is_int8 = True
        return Matrix(c_name, rows, columns, is_int8=True)
    dense = float32_weight(tensors, name)
    program.constant(c_name, float32(dense if divisor == 1.0 else dense / divisor), comment)
    return Matrix(c_name, rows, columns)


def add_vector(program: Program, name: str, tensors: Tensors, divisor: float = 1.0) -> str:
    """Add a vector by its name in a model folder, divided by a number; return its name in C."""
    vector = float32_weight(tensors, name)
    return program.constant(name, float32(vector if divisor == 1.0 else vector / divisor))
