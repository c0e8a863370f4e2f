"""Fragments alone, beside the functions of elman: printed bytes and words, digits, equal paths, products of int8."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from elman.cells import quantized
from elman.decoding import viterbi
from elman.export.c import literals
from elman.export.c.fragments import fragments, needed
from elman.export.c.program import Program
from elman.export.c.text import add_spacing
from elman.tasks.forecaster.answers import _digits
from elman.tasks.forecaster.forecast import Forecast
from elman.text.tokenizers import TOKENIZERS, join_tokens

from .libraries import COMPILERS, compile_c

pytestmark = pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang")

HEAD = "#include <math.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"


def run_c(folder: Path, main: str, definitions: Sequence[str] = (), arguments: Sequence[str] = ()) -> bytes:
    """Compile a main function with the fragments that it needs, and return what it prints."""
    texts = [fragments()[name] for name in needed(main)]
    (folder / "main.c").write_text("\n".join([HEAD, *definitions, *texts, main]), "utf-8")
    compile_c(COMPILERS[0], folder / "main.c", "-lm", "-o", folder / "main")
    return subprocess.run([folder / "main", *arguments], capture_output=True, check=True).stdout


def test_bytes_that_are_no_characters_are_replaced_as_python_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    edges = [
        0,
        0x41,
        0x7F,
        0x80,
        0x8F,
        0x90,
        0x9F,
        0xA0,
        0xBF,
        0xC1,
        0xC2,
        0xDF,
        0xE0,
        0xED,
        0xEF,
        0xF0,
        0xF4,
        0xF5,
        0xFF,
    ]
    texts = [bytes(rng.choice(edges, rng.integers(1, 9)).astype(np.uint8)) for _ in range(3000)]
    texts += ["é你🙂".encode()[:n] for n in range(10)]
    content = b"".join(texts)
    ends = np.cumsum([len(text) for text in texts])
    table = literals.wrapped(str(byte) for byte in content)
    lines = "\n".join(literals.wrapped(map(str, ends)))
    definitions = [f"static const uint8_t text[] = {{{chr(10).join(table)}}};\nstatic const int ends[] = {{{lines}}};"]
    main = f"""int main(void) {{
    for (int n = 0, i = 0; n < {len(ends)}; ++n) {{
        for (; i < ends[n]; ++i) print_byte(text[i]);
        end_of_bytes();
    }}
    return 0;
}}"""
    assert run_c(tmp_path, main, definitions) == "".join(t.decode("utf-8", "replace") for t in texts).encode()


def test_spaces_between_words_are_those_of_the_decoder(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tokens = ['"', "a", ",", "(", ")", "你", "\n", "the", ".", "“", "»"]
    program = Program("words", "", "")
    add_spacing(program, tokens)
    ids = rng.integers(0, len(tokens), 400)
    definitions = [
        *program._main_constants,
        f"static const char* const texts[] = {{{', '.join(literals.texts(tokens))}}};",
    ]
    numbers = ", ".join(map(str, ids))
    main = f"""int main(void) {{
    static const int ids[] = {{{numbers}}};
    for (int i = 0; i < {len(ids)}; ++i) printf("%s%s", needs_space(ids[i]) ? " " : "", texts[ids[i]]);
    return 0;
}}"""
    expected = join_tokens(TOKENIZERS["word"].decoder(), [tokens[n] for n in ids])
    assert run_c(tmp_path, main, definitions).decode() == expected


def test_digits_are_those_of_elman(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for offset in (0.0, 10.0, 1e6, -1e9, 1e15):
        values = offset + rng.normal(size=(4, 3))
        forecast = Forecast(("a",), (0.1, 0.5, 0.9), values[:, 1:2], values[:, None], ("1", "2", "3", "4"))
        table = ", ".join(literals.numbers(values))
        main = f'int main(void) {{ double v[] = {{{table}}}; printf("%d", digits_of(v, 4, 3, 3)); return 0; }}'
        assert [int(run_c(tmp_path, main))] == _digits(forecast)


def test_of_equal_paths_the_one_with_the_lowest_numbers_is_the_best(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        emissions = rng.integers(0, 2, (1, 6, 3)).astype(np.float32)
        A, start, end = (rng.integers(0, 2, shape).astype(np.float32) for shape in ((3, 3), 3, 3))
        names = {"e": emissions, "A": A, "start": start, "end": end}
        tables = [f"static const float {name}[] = {{{', '.join(literals.numbers(a))}}};" for name, a in names.items()]
        main = """int main(void) {
    int path[6];
    unsigned short back[18];
    viterbi(path, back, e, 6, A, start, end, 3);
    for (int t = 0; t < 6; ++t) printf("%d ", path[t]);
    return 0;
}"""
        actual = [int(n) for n in run_c(tmp_path, main, ["#define MAX_LABELS 3", *tables]).split()]
        assert actual == viterbi(emissions, np.array([6]), A, start, end)[0].tolist()


def test_products_of_int8_are_those_of_elman_to_the_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    W = quantized.quantize_matrix(rng.normal(size=(5, 37)).astype(np.float32))
    vectors = (rng.normal(size=(8, 37)) * 10.0 ** rng.integers(-30, 30, (8, 1))).astype(np.float32)
    vectors[0] = 0.0
    vectors[1] = np.round(vectors[1] / np.abs(vectors[1]).max() * 254) / 2  # halves, which are rounded to even
    tables = [
        f"static const int8_t W[] = {{{', '.join(map(str, W.values.ravel()))}}};",
        *(
            f"static const float {name}[] = {{{', '.join(literals.numbers(a))}}};"
            for name, a in (("scale", W.scale), ("x", vectors))
        ),
    ]
    main = """int main(void) {
    for (int n = 0; n < 11; ++n) {
        float y[5], v[37];
        memcpy(v, x + (n < 8 ? n : 2) * 37, sizeof v);
        if (n == 8) v[3] = NAN;
        if (n == 9) v[3] = -INFINITY;
        if (n == 10) v[3] = NAN, v[5] = INFINITY;
        multiply_int8(y, W, scale, NULL, v, 5, 37);
        for (int r = 0; r < 5; ++r) printf("%a ", (double)y[r]);
    }
    return 0;
}"""
    words = run_c(tmp_path, main, ["#define MAX_COLUMNS 37", *tables]).decode().split()
    actual = np.array([float.fromhex(word.replace("-nan", "nan")) for word in words], np.float32).reshape(11, 5)
    np.testing.assert_array_equal(actual[:8], W.multiply(vectors))
    assert np.isnan(actual[8:]).all()
