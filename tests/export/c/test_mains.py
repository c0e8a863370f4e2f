"""The main functions print what `elman generate --temperature 0` and `elman predict` print."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.export.c import export_c
from elman.tasks.classifier.config import ClassifierTextConfig
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.seq2seq.config import Seq2SeqTextConfig, SideConfig
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.tasks.tagger.config import TaggerTextConfig
from elman.tasks.tagger.predictor import TaggerPredictor
from elman.text import END, START, UNKNOWN, Vocabulary
from elman.text.tokenizers import BYTE_TOKENS
from tests.cli.conftest import run_command
from tests.models.streaming_models import tiny_forecaster_of_several_series
from tests.tasks.classifier import models as classifier
from tests.tasks.forecaster import models as forecaster
from tests.tasks.language_model import models as language_model
from tests.tasks.seq2seq import models as seq2seq
from tests.tasks.tagger import models as tagger

from .libraries import COMPILERS, compile_c

pytestmark = pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang")

SENTENCES = ["Ann left the CITY", "北京 ann", "  The   zebra ", "", "city", "left\u3000left Ann\tthe"]
TEXTS = ["abc", "fed fed", "", "  你好 ", "ABC zz", "f", "Fa-fa's fa!"]


class Main:
    """The program of an exported model."""

    def __init__(self, predictor: Any, folder: Path, *, compiler: str = COMPILERS[0] if COMPILERS else "") -> None:
        self.notes: list[str] = export_c(predictor, folder / "model.c").details["notes"]
        self._program = folder / "model"
        compile_c(compiler, "-O0", "-DMODEL_MAIN", folder / "model.c", "-lm", "-o", self._program)

    def __call__(self, text: str, *arguments: Any, code: int = 0) -> str:
        command = [str(self._program), *map(str, arguments)]
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        return (done.stdout if code == 0 else done.stderr).decode()


@pytest.mark.parametrize(
    ("level", "options", "prompts"),
    [
        ("char", {}, ["the", "", "a\n", "bad 你", "zzz ", "é"]),
        ("char", {"normalize": "lower"}, ["ABé Ca"]),
        ("char", {"normalize": "textbook"}, [" Bad! cab ", "?"]),
        ("char", {"byte_fallback": True, "tokens": (UNKNOWN, *"ab ", *BYTE_TOKENS)}, ["aé 🙂", "", "b"]),
        ("word", {}, ["The time", "the time,", 'the "you', "the ", "  ", "", "你 好 the"]),
        ("word", {"normalize": "lower"}, ["THE TIME"]),
        ("byte", {}, ["time", "é", ""]),
    ],
)
def test_a_language_model_continues_the_prompt(
    level: str, options: dict[str, Any], prompts: list[str], tmp_path: Path
) -> None:
    model = language_model.tiny_predictor("gru", level, scale=1.5, **options)
    main = Main(model, tmp_path)
    assert main.notes == []
    for prompt in prompts:
        expected = model.generate(prompt, temperature=0.0, max_tokens=40)
        assert main(f"{prompt}\n", 40) == f"{expected}\n", prompt
    assert main("a") == model.generate("a", temperature=0.0, max_tokens=300) + "\n"


def test_quotes_and_spaces_between_words_are_those_of_elman(tmp_path: Path) -> None:
    tokens = (UNKNOWN, '"', "a", ",", "(", ")", "你", "\n", "the", ".")
    for seed in range(2):
        model = language_model.tiny_predictor("tanh", "word", tokens=tokens, seed=seed, scale=3.0)
        main = Main(model, tmp_path)
        for prompt in ('"', '"a', 'a "the', "(a", "你"):
            assert main(prompt, 60) == model.generate(prompt, temperature=0.0, max_tokens=60) + "\n"


def test_a_language_model_whose_text_c_cannot_read_reads_numbers(tmp_path: Path) -> None:
    model = language_model.tiny_predictor("gru", normalize="nfc")
    main = Main(model, tmp_path)
    reason = "the normalization nfc needs the tables of a Unicode library"
    assert main.notes == [f"Tokens are numbers for main, too: {reason}"]
    state, ids = model.initial_state(1), [3, 1, 5]
    expected = []
    for _ in range(5):
        logits, state = model.read(np.array(ids), state)
        logits[0] = -np.inf
        ids = [int(logits.argmax())]
        expected += ids
    assert main("3 1\n5\n", 5).split() == [str(number) for number in expected]
    assert main("3 99", code=3) == "a number is not that of a token\n"
    assert main("3 x", code=3) == "the input is no list of numbers\n"


def expected_labels(model: ClassifierPredictor, texts: list[str]) -> str:
    full = [text for text in texts if text.strip()]
    labels = dict(zip(full, model.predict([text.strip() for text in full]), strict=True))
    return "".join(f"{labels.get(text, '')}\n" for text in texts)


@pytest.mark.parametrize("architecture", ["max", "max_unidirectional", "words", "words_unidirectional"])
def test_a_classifier_prints_a_label_for_each_line(architecture: str, tmp_path: Path) -> None:
    model = classifier.tiny_predictor(architecture)
    assert Main(model, tmp_path)("".join(f"{text}\n" for text in TEXTS)) == expected_labels(model, TEXTS)


def test_a_classifier_of_bytes(tmp_path: Path) -> None:
    tiny = classifier.tiny_predictor("max", embedding_size=2)
    vocabulary = Vocabulary((UNKNOWN, *BYTE_TOKENS))
    tensors = {**tiny.tensors, "tokens.words.weight": np.random.default_rng(0).normal(size=(257, 2)).astype("f4")}
    parts = vocabulary, tiny.characters, tiny.labels, tensors
    model = ClassifierPredictor(tiny.config, ClassifierTextConfig(level="byte"), *parts)
    assert Main(model, tmp_path)("".join(f"{text}\n" for text in TEXTS)) == expected_labels(model, TEXTS)


def test_a_classifier_whose_text_c_cannot_read_reads_numbers(tmp_path: Path) -> None:
    tiny = classifier.tiny_predictor("words")
    text = ClassifierTextConfig(level="word", normalize="nfc")
    model = ClassifierPredictor(tiny.config, text, tiny.vocabulary, tiny.characters, tiny.labels, tiny.tensors)
    tokens = ["a", "你好", "b"]
    lines = " ".join(
        f"{model.vocabulary[token]}:{','.join(map(str, model.characters.encode(token)))}" for token in tokens
    )
    label = model.labels[model.log_probabilities_of_tokens([tokens])[0].argmax()]
    main = Main(model, tmp_path)
    assert main(f"{lines}\n\n") == f"{label}\n\n"
    assert main("1:x\n", code=3) == "the input has a token that is not WORD:CHARACTER,CHARACTER...\n"


@pytest.mark.parametrize("architecture", ["crf", "words", "unidirectional", "crf_unidirectional"])
def test_a_tagger_prints_each_token_with_its_tag(architecture: str, tmp_path: Path) -> None:
    model = tagger.tiny_predictor(architecture)
    lists = [model.tokens(sentence) for sentence in SENTENCES]
    rows = [
        "".join(f"{t}\t{tag}\n" for t, tag in zip(lists[n], model.predict([lists[n]])[0], strict=True))
        for n in range(6)
    ]
    assert Main(model, tmp_path)("\n".join(SENTENCES)) == "".join(f"{row}\n" for row in rows)


def test_a_tagger_of_characters(tmp_path: Path) -> None:
    tiny = tagger.tiny_predictor("words")
    words = Vocabulary((UNKNOWN, *"anthe北"))
    model = TaggerPredictor(
        tiny.config, TaggerTextConfig(level="char"), words, tiny.characters, tiny.labels, tiny.tensors
    )
    tokens = model.tokens("A the 北北")
    expected = "".join(f"{token}\t{tag}\n" for token, tag in zip(tokens, model.predict([tokens])[0], strict=True))
    assert Main(model, tmp_path)("A the 北北\n") == f"{expected}\n"


def pairs_model(source: str, target: str, targets: tuple[str, ...] = (), normalize: str = "none") -> Seq2SeqPredictor:
    tiny = seq2seq.tiny_predictor("dot")
    vocabulary = Vocabulary((UNKNOWN, START, END, *(targets or ("AA", "B", "K", "T", "IY"))))
    rng = np.random.default_rng(5)
    sizes = {"decoder.embedding.weight": 5, "readout.weight": 6}
    tensors = {
        **tiny.tensors,
        **{name: rng.normal(size=(len(vocabulary), size)).astype("f4") for name, size in sizes.items()},
        "readout.bias": rng.normal(size=len(vocabulary)).astype("f4"),
    }
    text = Seq2SeqTextConfig(
        source=SideConfig(level=source, normalize=normalize),  # type: ignore[arg-type]
        target=SideConfig(level=target, normalize=normalize),  # type: ignore[arg-type]
    )
    return Seq2SeqPredictor(tiny.config, text, tiny.source_vocabulary, vocabulary, tensors)


@pytest.mark.parametrize(
    ("source", "target", "targets", "normalize"),
    [
        ("char", "word", (), "none"),
        ("char", "char", tuple("xyz é"), "lower"),
        ("word", "byte", BYTE_TOKENS, "none"),
        ("char", "bpe", ("▁a", "b", "▁", "c▁", "▁d"), "none"),
    ],
)
def test_an_encoder_decoder_prints_a_target_for_each_line(
    source: str, target: str, targets: tuple[str, ...], normalize: str, tmp_path: Path
) -> None:
    model = pairs_model(source, target, targets, normalize)
    lines = ["abc", "", "  e 你 ", "zz", "<s> a", "ABBA"]
    full = [line for line in lines if line.strip()]
    predicted = dict(zip(full, model.predict([line.strip() for line in full]), strict=True))
    expected = "".join(f"{predicted.get(line, '')}\n" for line in lines)
    assert Main(model, tmp_path)("\n".join(lines)) == expected


def test_sources_and_targets_that_c_cannot_read_or_print_are_numbers(tmp_path: Path) -> None:
    model = pairs_model("char", "char", tuple("xyz"), "nfd")
    main = Main(model, tmp_path)
    assert [note.split(",")[0] for note in main.notes] == [
        "Tokens of sources are numbers for main",
        "Tokens of targets are numbers for main",
    ]
    ids = " ".join(map(str, model.source_codec.encode("abc")))
    target = model.predict(["abc"])[0]
    assert main(f"{ids}\n") == " ".join(map(str, model.target_codec.encode(target))) + "\n"


def compare_tables(actual: str, expected: str) -> None:
    """Compare CSV with numbers that may differ in the last of ten digits or so."""
    rows, expected_rows = ([line.split(",") for line in text.splitlines()] for text in (actual, expected))
    assert rows[0] == expected_rows[0]
    assert [row[0] for row in rows] == [row[0] for row in expected_rows]
    for row, other in zip(rows[1:], expected_rows[1:], strict=True):
        np.testing.assert_allclose(np.array(row[1:], float), np.array(other[1:], float), rtol=1e-6, atol=1e-6)
        assert max(map(len, row)) == pytest.approx(max(map(len, other)), abs=1)


@pytest.mark.parametrize("architecture", ["lstm", "gru", "narx"])
def test_a_forecaster_prints_the_next_rows(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = forecaster.tiny_predictor(architecture).calibrated([(forecaster.series_of(), None)])
    values = forecaster.series_of(20, seed=4).values
    rows = [",".join("" if np.isnan(value) else f"{value:.6f}" for value in row) for row in values]
    model.save(tmp_path / "folder")
    (tmp_path / "series.csv").write_text("a,b,c\n" + "\n".join(rows) + "\n")
    expected = run_command(monkeypatch, capsys, "predict", tmp_path / "folder", tmp_path / "series.csv")
    assert expected.code == 0, expected.err
    main = Main(model, tmp_path)
    actual = main("\n".join(rows) + "\n")
    compare_tables(actual, expected.out)
    assert main("\n".join(rows).replace(",,", ", nan ,").replace(",", " ; ") + "\n\n") == actual
    assert main("1,2\n", code=3) == "a line has another number of columns\n"
    assert main("1,2,3,4\n", code=3) == "a line has another number of columns\n"
    assert main("1,x,3\n", code=3) == "a line has something that is not a number\n"
    assert main("1 2 3\n", code=3).startswith("too few rows; expected at least ")


def test_a_forecaster_of_several_series_needs_the_name_of_one(tmp_path: Path) -> None:
    model = tiny_forecaster_of_several_series()
    rows = forecaster.series_of(12, missing=False).values
    main = Main(model, tmp_path)
    text = "\n".join(" ".join(map(repr, row.tolist())) for row in rows)
    lines = main(text, "B").splitlines()
    quantiles, _ = model.run([rows], model.initial_state(1, series=["B"]))
    assert lines[0] == "shop,row,a,a_0.1,a_0.9,b,b_0.1,b_0.9"
    values = [float(value) for value in lines[1].split(",")[2:]]
    np.testing.assert_allclose(values, quantiles[0, -1, 0][:, [1, 0, 2]].ravel(), rtol=1e-6)
    assert main(text, "C", code=3) == "expected the name of a series of the model\n"
    assert main(text, code=3) == "expected the name of a series of the model\n"


def test_lines_that_are_too_long_end_the_program(tmp_path: Path) -> None:
    main = Main(tagger.tiny_predictor("words"), tmp_path)
    assert main("ann " * 128 + "\n").count("\n") == 129
    assert main("ann " * 129 + "\n", code=3) == "a line is too long, or a number is not that of a token\n"
    assert main("a" * 70_000, code=3) == "a line of the input is too long\n"
