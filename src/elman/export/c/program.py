"""A C file and its header in the making: what is declared, the constants, the functions and the main function.

    header    sizes, status codes, the type of the state, and the functions that a program calls
    source    sizes, fragments, constants, static memory, functions, and main, if the macro NAME_MAIN is defined

All names of the header begin with the prefix; all others are static.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from . import literals
from .fragments import fragments, needed
from .literals import C_TYPES, Array, wrapped
from .names import identifier


@dataclass
class Program:
    """A program with names that begin with `prefix`. `title` and `equations` describe the model in comments."""

    prefix: str
    title: str
    equations: str
    facts: list[str] = field(default_factory=list)  # lines of the first comment
    header: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    main: list[str] = field(default_factory=list)
    constant_bytes: int = 0
    buffer_bytes: int = 0
    state_bytes: int = 0
    is_int8: bool = False  # whether the order of every operation counts
    _constants: dict[str, str] = field(default_factory=dict)
    _main_constants: list[str] = field(default_factory=list)
    _sizes: dict[str, str] = field(default_factory=dict)
    _buffers: list[str] = field(default_factory=list)

    @property
    def upper(self) -> str:
        """The prefix of macros."""
        return self.prefix.upper()

    def public_size(self, name: str, value: int, comment: str) -> str:
        """Define a macro of the header, and return its name with the prefix."""
        macro = f"{self.upper}_{name}"
        self.header.append(f"#define {macro} {value}  // {comment}")
        return macro

    def size(self, name: str, value: int, comment: str) -> str:
        """Define a macro of the source; the largest of several values."""
        previous = int(self._sizes[name].split()[2]) if name in self._sizes else 0
        self._sizes[name] = f"#define {name} {max(value, previous)}  // {comment}"
        return name

    def constant(self, name: str, array: Array, comment: str = "") -> str:
        """Define a constant array, and return its name in C. The same name is defined once."""
        c_name = identifier(name)
        if c_name not in self._constants:
            self._constants[c_name] = _array(c_name, array, comment)
            self.constant_bytes += array.nbytes
        return c_name

    def structure(self, declaration: str, name: str, size: int) -> str:
        """Define a constant of another type; size is that in bytes, about."""
        self._constants[name] = declaration
        self.constant_bytes += size
        return name

    def buffer(self, name: str, count: int, comment: str, kind: str = "float") -> str:
        """Define static memory for `count` numbers, and return its name."""
        bytes_of = {"float": 4, "int": 4, "unsigned short": 2, "double": 8}[kind]
        self._buffers.append(f"static {kind} {name}[{count}];  // {comment}")
        self.buffer_bytes += bytes_of * count
        return name

    def main_table(self, declaration: str) -> None:
        """Define a constant of the main function."""
        self._main_constants.append(declaration)

    def source_text(self) -> str:
        """Return the text of the C file."""
        functions = "\n\n".join(self.functions)
        constants = "\n".join(self._constants.values())
        core = needed(constants + functions)
        macros = aligned(self._sizes.values())
        parts = [
            self._first_comment(f"{self.prefix}.c"),
            f'#include "{self.prefix}.h"\n\n#include <float.h>\n#include <math.h>\n#include <string.h>',
            _CHECKS + _NO_CONTRACTION * self.is_int8,
            macros,
            _section("Arithmetic"),
            "\n".join(fragments()[name].rstrip("\n") + "\n" for name in core).rstrip("\n"),
            _section("Weights and other constants"),
            f"// clang-format off\n{constants}\n// clang-format on",
            aligned(self._buffers),
            _section("The model"),
            functions,
        ]
        if self.main:
            parts.append(self._main_text(core))
        return "\n\n".join(part for part in parts if part) + "\n"

    def header_text(self) -> str:
        """Return the text of the header."""
        guard = f"{self.upper}_H"
        parts = [
            self._first_comment(f"{self.prefix}.h"),
            f"#ifndef {guard}\n#define {guard}\n\n#include <stddef.h>\n#include <stdint.h>",
            '#ifdef __cplusplus\nextern "C" {\n#endif',
            _aligned_macros("\n".join(self.header).strip("\n")),
            f"#ifdef __cplusplus\n}}\n#endif\n\n#endif  // {guard}",
        ]
        return "\n\n".join(parts) + "\n"

    def _first_comment(self, file_name: str) -> str:
        lines = [f"{file_name}: {self.title}", "", *self.equations.strip("\n").splitlines(), "", *self.facts]
        return "\n".join(f"// {literals.comment(line)}".rstrip() for line in lines)

    def _main_text(self, core: Sequence[str]) -> str:
        code = "\n\n".join(self.main)
        tables = "\n".join(self._main_constants)
        own = needed(tables + code, core)
        parts = [
            _section(f"A program for trying the model: compile with -D{self.upper}_MAIN"),
            f"#ifdef {self.upper}_MAIN\n\n#include <stdio.h>\n#include <stdlib.h>",
            f"// clang-format off\n{tables}\n// clang-format on" if tables else "",
            "\n".join(fragments()[name].rstrip("\n") + "\n" for name in own).rstrip("\n"),
            code,
            f"#endif  // {self.upper}_MAIN",
        ]
        return "\n\n".join(part for part in parts if part)


_CHECKS = """\
#ifdef __FAST_MATH__
#error "compile without -ffast-math: the arithmetic below needs the order of its operations"
#endif
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "compile for a processor that computes float as float; on 32-bit x86: -msse2 -mfpmath=sse"
#endif"""


def aligned(lines: Iterable[str]) -> str:
    """Return lines that end in comments, with the comments below each other."""
    parts = [line.partition("  // ") for line in lines]
    width = max((len(code) for code, _, _ in parts), default=0)
    return "\n".join(f"{code:<{width}}{mark}{note}" for code, mark, note in parts)


def _aligned_macros(header: str) -> str:
    """Return a header in which the comments of macros that follow each other are below each other."""
    return re.sub(
        r"(?:^#define .*\n)+", lambda lines: aligned(lines[0].splitlines()) + "\n", header, flags=re.MULTILINE
    )


def function(signature: str, statements: Sequence[str]) -> str:
    """Return a function, on one line if it has one statement that fits."""
    short = f"{signature} {{ {statements[0]} }}" if len(statements) == 1 and "\n" not in statements[0] else ""
    if short and len(short) <= literals.WIDTH:
        return short
    return f"{signature} {{\n{block(statements)}\n}}"


def block(statements: Sequence[str], depth: int = 1) -> str:
    """Return statements as indented lines; a statement may have several lines."""
    indent = "    " * depth
    return "\n".join(indent + line if line else line for statement in statements for line in statement.split("\n"))


_NO_CONTRACTION = """

// With weights of int8, every result is the same to the bit: no multiplication may be fused with an addition.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif"""


def _section(title: str) -> str:
    return f"// ---- {title} {'-' * (literals.WIDTH - len(title) - 9)}"


def _array(name: str, array: Array, comment: str) -> str:
    """Return the definition of a constant array; the comment is beside its shape."""
    shape = " x ".join(map(str, array.shape))
    note = f"  // {shape}{': ' if comment else ''}{comment}"
    rows = array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array[None]
    lines = [line for row in rows for line in wrapped(literals.numbers(row))]
    return "\n".join([f"static const {C_TYPES[array.dtype]} {name}[{array.size}] = {{{note}", *lines, "};"])


def float32(array: Array) -> Array:
    """Return an array as float32, in row-major order."""
    return np.ascontiguousarray(array, np.float32)
