"""The text that the main function of an exported file reads and prints: tokens to numbers and back, by tables.

The tables are in the part of the file that is compiled for main alone. They are made from Python's Unicode data, so the
tokens are those of elman. What C would get wrong is read and printed as numbers, and the export says why:

    nfc, nfd    the composition of characters needs the tables of a Unicode library
    lower       with a Greek sigma in the vocabulary: its form depends on the characters beside it
    bpe         subwords of a source need the merges; a target of subwords is printed as text
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from elman.text.tokenizers import (
    BYTE_TOKENS,
    ENDS_WITHOUT_SPACE,
    IDEOGRAPHS,
    STARTS_WITHOUT_SPACE,
    combining_marks,
)

from . import literals
from .program import Program, block, function

LINE_BYTES = 1 << 16  # of a line, or of a prompt
MAX_TOKENS = 1 << 14  # of one input, where the model has no limit of its own
Ranges = list[tuple[int, int]]


@dataclass(frozen=True)
class TextReader:
    """How a text becomes numbers. lower_first: before it is split; lower_tokens: each token, when it is looked up."""

    program: Program
    vocabulary: Sequence[str]
    level: str  # char, word, space, full_char or byte
    table: str = "vocabulary"
    lower_first: bool = False
    lower_tokens: bool = False
    textbook: bool = False
    byte_fallback: bool = False
    reserved: int = 0  # the first numbers, which no text has

    def add(self) -> None:
        """Add the tables, and the functions `split`, `number_of` and, for levels without characters, `read_tokens`."""
        program = self.program
        program.main_table(f"#define MAX_LINE {LINE_BYTES}  // bytes of a line of the input")
        if self.level != "byte":
            add_vocabulary(program, self.table, self.vocabulary, ordered=True)
        if self.level == "byte" or self.byte_fallback:
            self._add_bytes()
        if self.level == "byte":
            return
        if self.lower_first or self.lower_tokens:
            self._add_lower_cases()
        if self.level == "word":
            _add_ranges(program, "letters", _letter_ranges())
            _add_ranges(program, "marks", _ranges(map(ord, combining_marks())))
            _add_ranges(program, "ideographs", _ideograph_ranges())
        program.main += [self._split(), self._number_of()]

    def statements(self) -> list[str]:
        """Return the statements that turn `text` (a slice) into `numbers`, and their count: `count`."""
        if self.level == "byte":
            return [
                'if (text.size > MAX_TOKENS) fail("the input is too long");',
                "for (int i = 0; i < text.size; ++i) numbers[i] = byte_tokens[(uint8_t)text.begin[i]];",
                "int count = text.size;",
            ]
        if self.byte_fallback:
            body = [
                "numbers[count] = number_of(slices[i]);",
                "if (numbers[count] != 0) {",
                "    ++count;",
                "    continue;",
                "}",
                "for (int k = 0; k < slices[i].size; ++k) {  // an unknown character: its bytes",
                '    if (count == MAX_TOKENS) fail("the input has too many tokens");',
                "    numbers[count++] = byte_tokens[(uint8_t)slices[i].begin[k]];",
                "}",
            ]
            return [
                "int num_slices = split(text), count = 0;",
                f"for (int i = 0; i < num_slices; ++i) {{\n{block(body)}\n}}",
            ]
        return ["int count = split(text);", "for (int i = 0; i < count; ++i) numbers[i] = number_of(slices[i]);"]

    def _split(self) -> str:
        before = []
        split = {"char": "characters", "full_char": "full_characters", "space": "spaces", "word": "words"}[self.level]
        if self.textbook:
            before = ["static char normalized[MAX_LINE];", "text = textbook(text, normalized);"]
        elif self.lower_first:
            before = ["static char normalized[2 * MAX_LINE];", "text = lower(text, normalized, sizeof normalized);"]
        statements = [*before, f"return split_{split}(text, slices, MAX_TOKENS);"]
        text = function("static int split(slice text)", statements)
        return (
            f"static slice slices[MAX_TOKENS];  // the tokens of the input\n\n// Split a text into its tokens.\n{text}"
        )

    def _number_of(self) -> str:
        statements = []
        if self.lower_tokens:
            statements = ["static char lowered[2 * MAX_LINE];", "token = lower(token, lowered, sizeof lowered);"]
        find = f"look_up({self.table}, {self.table}_order, {len(self.vocabulary)}, token)"
        if self.reserved:
            statements += [f"int number = {find};", f"return number < {self.reserved} ? 0 : number;"]
        else:
            statements.append(f"return {find};")
        return "// Return the number of a token; 0 is an unknown one.\n" + function(
            "static int number_of(slice token)", statements
        )

    def _add_bytes(self) -> None:
        number_of = {token: number for number, token in enumerate(self.vocabulary)}
        numbers = [str(number_of.get(token, 0)) for token in BYTE_TOKENS]
        self.program.main_table("\n".join(["static const int byte_tokens[256] = {", *literals.wrapped(numbers), "};"]))

    def _add_lower_cases(self) -> None:
        characters = set("".join(self.vocabulary))
        pairs = []
        for point in range(sys.maxunicode + 1):
            character = chr(point)
            lowered = character.lower()
            if lowered != character and (character in characters or characters.issuperset(lowered)):
                pairs.append(f"{{{point:#x}, {literals.text(lowered)}}}")
        pairs = pairs or ['{0, ""}']  # C has no empty arrays
        self.program.main_table(f"#define NUM_LOWER_CASES {len(pairs)}")
        kind = "static const struct {\n    uint32_t upper;\n    const char* lower;\n} lower_cases[NUM_LOWER_CASES] = {"
        self.program.main_table("\n".join([kind, *literals.wrapped(pairs), "};"]))


def add_vocabulary(program: Program, table: str, tokens: Sequence[str], *, ordered: bool = False) -> None:
    """Add the table of the texts of tokens, and with `ordered` that of their numbers in the order of their bytes."""
    rows = literals.wrapped(literals.texts(tokens))
    program.main_table("\n".join([f"static const char* const {table}[{len(tokens)}] = {{", *rows, "};"]))
    if ordered:
        encoded = [token.encode("utf-8", "surrogatepass") for token in tokens]
        order = map(str, sorted(range(len(tokens)), key=encoded.__getitem__))
        program.main_table(
            "\n".join([f"static const int {table}_order[{len(tokens)}] = {{", *literals.wrapped(order), "};"])
        )


def add_spacing(program: Program, tokens: Sequence[str]) -> None:
    """Add the table of the words that have no space before them (bit 0) or behind them (bit 1)."""
    flags = [bool(STARTS_WITHOUT_SPACE.match(t)) | bool(ENDS_WITHOUT_SPACE.search(t)) << 1 for t in tokens]
    quote = tokens.index('"') if '"' in tokens else -1
    program.main_table(f'#define QUOTE {quote}  // the number of the token "')
    rows = literals.wrapped(str(int(flag)) for flag in flags)
    program.main_table("\n".join([f"static const uint8_t spacing[{len(tokens)}] = {{", *rows, "};"]))


def add_token_bytes(program: Program, tokens: Sequence[str]) -> bool:
    """Add the table of the bytes that tokens stand for, -1 for other tokens; return whether there are any."""
    byte_of = {token: str(byte) for byte, token in enumerate(BYTE_TOKENS)}
    if not any(token in byte_of for token in tokens):
        return False
    rows = literals.wrapped(byte_of.get(token, "-1") for token in tokens)
    program.main_table("\n".join([f"static const short token_bytes[{len(tokens)}] = {{", *rows, "};"]))
    return True


def _add_ranges(program: Program, name: str, ranges: Ranges) -> None:
    macro = f"NUM_{name.upper()}"
    rows = literals.wrapped(f"{{{first:#x}, {last:#x}}}" for first, last in ranges)
    program.main_table(f"#define {macro} {len(ranges)}")
    program.main_table("\n".join([f"static const uint32_t {name}[{macro}][2] = {{", *rows, "};"]))


def _ranges(points: Iterable[int]) -> Ranges:
    """Return the ranges of rising code points."""
    ranges: Ranges = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1] = ranges[-1][0], point
        else:
            ranges.append((point, point))
    return ranges


@functools.cache
def _letter_ranges() -> Ranges:
    is_letter: Callable[[str], bool] = str.isalnum
    return _ranges(point for point in range(sys.maxunicode + 1) if is_letter(chr(point)))


def _ideograph_ranges() -> Ranges:
    return [(ord(IDEOGRAPHS[i]), ord(IDEOGRAPHS[i + 2])) for i in range(0, len(IDEOGRAPHS), 3)]
