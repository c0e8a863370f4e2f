"""The files of an export to C: names, layout, sizes, errors; and the command."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.cells import Elman
from elman.errors import ConfigError, ModelError
from elman.export import export
from elman.export.c import export_c, literals
from elman.export.c.fragments import defined_names, fragments, needed
from elman.export.c.layout import wrap_long_lines
from elman.tasks.language_model.predictor import LanguageModelPredictor
from tests.cells.outside_cell import Decay
from tests.cli.conftest import Done, run_command
from tests.export.models import MODELS
from tests.tasks.language_model import models as language_model

from .libraries import COMPILERS, compile_c

ROOT = Path(__file__).parents[3]
PUBLIC = ("init", "step", "run", "predict", "state", "state_to_bytes", "state_from_bytes", "series", "token", "test")
FORMATTED = ("lm-lstm_two_layers", "classify-words", "tag-crf_unidirectional", "forecast-narx", "seq2seq-feeding_deep")

Command = Callable[..., Done]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: run_command(monkeypatch, capsys, *arguments)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder of a language model."""
    MODELS["lm-gru"]().save(tmp_path / "model")
    return tmp_path / "model"


def test_the_command_writes_the_c_file_and_the_header(command: Command, folder: Path, tmp_path: Path) -> None:
    done = command("export", folder, tmp_path / "book.c")
    assert (done.code, done.out) == (0, f"{tmp_path / 'book.c'}\n{tmp_path / 'book.h'}\n")
    assert re.fullmatch(
        r"Memory: [\d,]+ bytes of constants, 20 of the state of a stream, 0 static; no heap\n", done.err
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.c", "book.h", "model"]


def test_json_has_files_sizes_and_notes(command: Command, tmp_path: Path) -> None:
    model = language_model.tiny_predictor("gru", normalize="nfc")
    model.save(tmp_path / "model")
    done = command("export", tmp_path / "model", tmp_path / "book.c", "--self-test", "--json")
    files = [tmp_path / name for name in ("book.c", "book.h", "book_test.c")]
    reason = "the normalization nfc needs the tables of a Unicode library"
    assert done.json.pop("constant_bytes") > 4 * model.num_parameters
    assert {**done.json, "constant_bytes": 0} == {
        "format": "c",
        "task": "lm",
        "files": [{"file": str(file), "bytes": file.stat().st_size} for file in files],
        "fingerprint": model.fingerprint,
        "prefix": "book",
        "constant_bytes": 0,
        "state_bytes": 20,
        "buffer_bytes": 0,
        "max_length": None,
        "notes": [f"Tokens are numbers for main, too: {reason}"],
    }


def test_an_earlier_export_is_replaced_and_another_file_is_not(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "book.c"
    export(folder, file)
    before = file.read_bytes()
    export(folder, file)
    assert file.read_bytes() == before
    (tmp_path / "book.h").write_text("#define MINE\n")
    message = "book.h: the file exists, and elman has not exported it; expected a new name, or the file of an export"
    with pytest.raises(ConfigError, match=f"{message}. Choose another name, or delete the file"):
        export(folder, file)
    assert (tmp_path / "book.h").read_text() == "#define MINE\n"


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("1st.c", "1st"), ("my model.c", "my model"), ("a-b.c", "a-b"), ("_x.c", "_x"), ("模型.c", "模型")],
)
def test_a_name_that_c_cannot_have_is_refused(name: str, prefix: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        export_c(MODELS["lm-gru"](), tmp_path / name)
    assert str(raised.value) == (
        f"{name!r}: given {prefix!r} as the beginning of names in C; expected letters, digits and _. Choose another "
        "name for the file, with a letter first, such as model.c"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"max_bytes": 100},
            r"the weights of the model take [\d,]+ bytes; expected at most 100. Train a smaller model, or ",
        ),
        (
            {"max_length": 10},
            "--max-length: given for a model that reads a stream of any length; expected another model",
        ),
    ],
)
def test_options_that_do_not_fit_the_model(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        export_c(MODELS["lm-gru"](), tmp_path / "a.c", **options)


@pytest.mark.parametrize("length", [0, 1 << 21])
def test_the_largest_length_has_limits(length: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"--max-length: given {length:,}; expected 1 to 1,048,576 tokens"):
        export_c(MODELS["classify-max"](), tmp_path / "a.c", max_length=length)


@pytest.mark.parametrize("options", [{"max_length": 5}, {"max_bytes": 5}, {"self_test": True}])
def test_another_format_refuses_the_options_of_c(options: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    flag = "--" + next(iter(options)).replace("_", "-")
    with pytest.raises(ConfigError) as raised:
        export(folder, tmp_path / "a.onnx", **options)
    problem = f"{flag}: given for a format that has no such option; expected a C file"
    assert str(raised.value) == f"{problem}. Leave out {flag}, or name the file like model.c"


@pytest.mark.parametrize("cell", [Decay(), Elman("sigmoid")])
def test_a_cell_whose_equations_are_not_known_is_refused(
    cell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS["lm-gru"]()
    monkeypatch.setattr(type(model.config), "build_cell", lambda self: cell)
    expected = "expected elman \\(tanh or relu\\), gru, lstm, layer_norm_lstm, min_gru or reset_before_gru"
    with pytest.raises(
        ConfigError, match=f"the model has the cell 'gru', whose equations are not known in C; {expected}"
    ):
        export_c(model, tmp_path / "a.c")


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = MODELS["lm-gru"]()
    tensors = {**model.tensors, "readout.bias": np.full_like(model.tensors["readout.bias"], np.nan)}
    broken = LanguageModelPredictor(model.config, model.text, model.vocabulary, tensors)
    with pytest.raises(ModelError, match="has weights that are not finite; expected numbers"):
        export_c(broken, tmp_path / "a.c")
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_the_same_bits_in_c() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=50), [0.0, -0.0, 1.0, -0.5, 2.0**-140, 3e38, 1 / 3]]).astype(np.float32)
    back = np.array([float.fromhex(text.removesuffix("f")) for text in literals.numbers(values)], np.float32)
    assert back.tobytes() == values.tobytes()
    doubles = values.astype(np.float64) / 3
    assert np.array([float.fromhex(text) for text in literals.numbers(doubles)]).tobytes() == doubles.tobytes()


def test_texts_have_no_trigraphs_and_no_characters_that_are_not_seen() -> None:
    assert literals.text('a"\\\n??=\x07é\u200b你') == '"a\\"\\\\\\n\\?\\?=\\007é\\342\\200\\213你"'


def test_long_lines_are_wrapped_at_commas_and_statements() -> None:
    call = f"    status = function({', '.join(['argument'] * 12)});"
    first, second = wrap_long_lines(call).split("\n")
    assert len(first) <= 120
    assert second.startswith(" " * 22 + "argument")
    loop = f"    for (int t = 0; t < length; ++t) function({', '.join(['argument'] * 9)});"
    assert wrap_long_lines(loop).split("\n")[:2] == [
        "    for (int t = 0; t < length; ++t)",
        f"        function({', '.join(['argument'] * 9)});",
    ]
    table = f"// clang-format off\n{call}\n// clang-format on"
    assert wrap_long_lines(table) == table


def test_a_text_gets_the_fragments_that_it_uses_in_the_order_of_use() -> None:
    assert needed("x = sigmoid(y);  // lstm(") == ["exponential", "sigmoid"]
    assert needed('printf("sigmoid(");') == []
    assert needed("gru(&a, x, h); multiply(y);", ["dot", "multiply"]) == [
        *("recurrent_layer", "exponential", "sigmoid", "hyperbolic_tangent", "gru")
    ]


def test_no_name_of_a_fragment_can_be_a_name_of_a_header() -> None:
    names = {name.rstrip("(") for text in fragments().values() for name in defined_names(text)}
    assert [name for name in names if name.rpartition("_")[2] in PUBLIC or name.endswith(PUBLIC[5:7])] == []


def test_every_fragment_is_used() -> None:
    python = "".join(path.read_text("utf-8") for path in (ROOT / "src/elman/export/c").rglob("*.py"))
    for name, text in fragments().items():
        others = python + "".join(other for other_name, other in fragments().items() if other_name != name)
        names = [defined.rstrip("(") for defined in defined_names(text)]
        used = [defined for defined in names if re.search(rf"\b{defined}\b", others)]
        assert used or re.search(r"(apply|elman|get|pool|put|split)_\w+|\w+_int8", name), (
            name
        )  # whose names are put together


@pytest.mark.skipif(shutil.which("clang-format") is None, reason="needs clang-format")
@pytest.mark.parametrize("name", FORMATTED)
def test_files_are_formatted(name: str, tmp_path: Path) -> None:
    export_c(MODELS[name](), tmp_path / "model.c", self_test=True)
    style = f"--style=file:{ROOT / '.clang-format'}"
    for file in sorted(tmp_path.iterdir()):
        done = subprocess.run(["clang-format", style, file], capture_output=True, text=True, check=True)
        assert file.read_text("utf-8") == done.stdout


@pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang")
def test_two_models_are_linked_into_one_program(tmp_path: Path) -> None:
    for name in ("first", "second"):
        export_c(MODELS["classify-max"](), tmp_path / f"{name}.c", max_length=9)
    calls = "int main(void) { return first_predict(0, 0, 0) == second_predict(0, 10, 0) ? 0 : 1; }\n"
    (tmp_path / "main.c").write_text(f'#include "first.h"\n#include "second.h"\n{calls}')
    files = [tmp_path / f"{name}.c" for name in ("main", "first", "second")]
    compile_c(COMPILERS[0], *files, "-lm", "-o", tmp_path / "main")
    subprocess.run([tmp_path / "main"], check=True)


@pytest.mark.skipif(shutil.which("g++") is None or not COMPILERS, reason="needs gcc and g++")
def test_the_header_is_one_of_cpp_too(tmp_path: Path) -> None:
    export_c(MODELS["lm-gru"](), tmp_path / "model.c")
    (tmp_path / "main.cpp").write_text(
        '#include "model.h"\nint main() { model_state state; model_init(&state); return model_step(&state, 1, 0); }\n'
    )
    compile_c("gcc", "-c", tmp_path / "model.c", "-o", tmp_path / "model.o")
    command = ["g++", "-Wall", "-Wextra", "-Werror", tmp_path / "main.cpp", tmp_path / "model.o", "-lm", "-o"]
    subprocess.run([*map(str, command), str(tmp_path / "main")], check=True)
    subprocess.run([str(tmp_path / "main")], check=True)
