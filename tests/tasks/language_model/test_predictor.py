"""The predictor against torch, against its documented definitions, and one way of computing against another."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.decoding import Sampler, generate
from elman.errors import ConfigError
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.text.tokenizers import BYTE_TOKENS
from elman.text.words import classify_tokens

from .models import ARCHITECTURES, network_of, random_ids, stepped, tiny_predictor

# float32 on both sides, products summed in another order: some dozens of roundings of 6e-8 in numbers of order one.
FLOAT32 = 1e-5


def favouring(predictor: LanguageModelPredictor, token: str, bias: float = 60.0) -> LanguageModelPredictor:
    """Return the predictor after a change of its readout, so that the token is always the most probable one."""
    predictor.tensors["readout.bias"][predictor.vocabulary.tokens.index(token)] += bias
    return predictor


# Logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_step_and_read_return_the_logits_of_the_torch_network(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    ids = random_ids(predictor, 23)
    with torch.inference_mode():
        logits, _ = network_of(predictor).logits(torch.from_numpy(ids)[:, None], None, torch.Generator())
    np.testing.assert_allclose(stepped(predictor, ids.tolist()), logits[:, 0].numpy(), rtol=0, atol=FLOAT32)
    last, _ = predictor.read(ids, predictor.initial_state())
    np.testing.assert_allclose(last, logits[-1, 0].numpy(), rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_rows_of_a_batch_are_independent(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    ids = random_ids(predictor, 36).reshape(3, 12)
    state = predictor.initial_state(3)
    for column in ids.T:
        logits, state = predictor.step(column, state)
    for row, alone in zip(logits, ids, strict=True):
        np.testing.assert_allclose(row, stepped(predictor, alone.tolist())[-1], rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_reading_in_chunks_gives_the_same_result_as_reading_at_once(size: int) -> None:
    predictor = tiny_predictor()
    ids = random_ids(predictor, 150)
    whole, whole_state = predictor.read(ids, predictor.initial_state())
    state = predictor.initial_state()
    for start in range(0, len(ids), size):
        logits, state = predictor.read(ids[start : start + size], state)
    np.testing.assert_allclose(logits, whole, rtol=0, atol=FLOAT32)
    for name, array in state.items():
        np.testing.assert_allclose(array, whole_state[name], rtol=0, atol=FLOAT32)


def test_a_state_can_be_saved_as_bytes_and_restored() -> None:
    predictor = tiny_predictor()
    _, state = predictor.read(random_ids(predictor, 9), predictor.initial_state())
    resumed = predictor.state_from_bytes(predictor.state_to_bytes(state))
    assert resumed.keys() == state.keys()
    for a, b in zip(predictor.step(np.array([3]), state)[0], predictor.step(np.array([3]), resumed)[0], strict=True):
        assert a.tobytes() == b.tobytes()


def test_the_number_of_parameters_is_that_of_the_torch_network() -> None:
    for architecture in ARCHITECTURES:
        predictor = tiny_predictor(architecture)
        assert predictor.num_parameters == sum(p.numel() for p in network_of(predictor).parameters())


# Generating


@pytest.mark.parametrize("level", ["char", "word", "byte"])
def test_the_seed_determines_the_text(level: str) -> None:
    predictor = tiny_predictor(level=level)
    assert predictor.generate("the ", seed=1) == predictor.generate("the ", seed=1)
    assert predictor.generate("the ", seed=1) != predictor.generate("the ", seed=2)


def test_stream_yields_the_continuation_in_pieces() -> None:
    predictor = tiny_predictor()
    options: dict[str, Any] = {"max_tokens": 30, "temperature": 0.9, "top_k": 5, "top_p": 0.9, "seed": 3}
    pieces = list(predictor.stream("abba", **options))
    assert predictor.generate("abba", **options) == "abba" + "".join(pieces)
    assert len("".join(pieces)) == 30


def test_greedy_generation_takes_the_most_probable_character_every_time() -> None:
    predictor = tiny_predictor(seed=4, scale=1.5)
    text = "abba 你"
    for _ in range(20):
        logits = stepped(predictor, predictor.codec.encode(text).tolist())[-1]
        logits[0] = -np.inf
        text += predictor.vocabulary.tokens[int(logits.argmax())]
    assert predictor.generate("abba 你", max_tokens=20, temperature=0.0) == text


def test_the_options_of_generate_reach_the_sampler() -> None:
    predictor = tiny_predictor()
    greedy = predictor.generate("ab", max_tokens=20, temperature=0.0)
    assert predictor.generate("ab", max_tokens=20, temperature=5.0, top_k=1, seed=1) == greedy
    assert predictor.generate("ab", max_tokens=20, temperature=5.0, top_p=1e-9, seed=1) == greedy
    assert predictor.generate("ab", max_tokens=20, temperature=5.0, seed=1) != greedy


def test_the_unknown_token_is_never_generated() -> None:
    predictor = favouring(tiny_predictor(), "<unk>")
    for temperature in (0.0, 1.0, 10.0):
        text = predictor.generate("ab", max_tokens=100, temperature=temperature, seed=0)
        assert len(text) == 102
        assert "\ufffd" not in text
        assert "<" not in text


@pytest.mark.parametrize("prompt", ["", "你好", "aé☃"])
def test_bytes_are_yielded_as_whole_characters(prompt: str) -> None:
    predictor = tiny_predictor(level="byte")
    ids = predictor.prompt_ids(prompt)
    logits, state = predictor.read(ids, predictor.initial_state())
    sampler = Sampler(0.8, forbidden=(0,))
    tokens = list(generate(predictor.step, logits, state, sampler, np.random.default_rng(5), 400))
    pieces = list(predictor.stream(prompt, max_tokens=400, seed=5))
    # the oracle decodes all bytes at once, including those that are no character
    assert "".join(pieces) == bytes(token - 1 for token in tokens).decode("utf-8", "replace")
    for piece in pieces:
        piece.encode("utf-8")  # raises an error for half a character
    assert "" in pieces  # some bytes were held back


def test_a_character_of_several_bytes_is_one_piece() -> None:
    predictor = tiny_predictor(level="byte")
    byte_tokens = [BYTE_TOKENS[byte] for byte in "你".encode()]
    decoder = predictor.codec.decoder()
    assert [decoder.push(token) for token in byte_tokens] == ["", "", "你"]


@pytest.mark.parametrize(("level", "prompt"), [("char", "☃ xyz"), ("word", "unheard-of things"), ("char", "你好吗")])
def test_a_prompt_with_unknown_tokens_is_returned_unchanged_and_continued(level: str, prompt: str) -> None:
    predictor = tiny_predictor(level=level)
    text = predictor.generate(prompt, max_tokens=10, seed=0)
    assert text.startswith(prompt)
    assert len(text) >= len(prompt) + 10
    assert "\ufffd" not in text


def test_with_byte_fallback_an_unknown_character_of_a_prompt_is_read_as_bytes() -> None:
    tokens = ("<unk>", *BYTE_TOKENS, *"ab ")
    predictor = tiny_predictor(tokens=tokens, byte_fallback=True)
    expected = predictor.vocabulary.encode(["a", *(BYTE_TOKENS[byte] for byte in "☃".encode())])
    assert predictor.prompt_ids("a☃").tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("level", "tokens", "start"),
    [
        ("char", None, "\n"),
        ("word", None, "\n"),
        ("byte", None, "<0x0A>"),
        ("char", ("<unk>", "e", " ", "z"), " "),
        ("char", ("<unk>", "的", "我", "罕"), "的"),  # the most frequent token follows <unk>
    ],
)
def test_an_empty_prompt_is_a_line_end_or_else_the_most_frequent_token(
    level: str, tokens: tuple[str, ...] | None, start: str
) -> None:
    predictor = tiny_predictor(level=level, tokens=tokens)
    assert predictor.vocabulary.decode(predictor.prompt_ids("")) == [start]
    text = predictor.generate("", max_tokens=5, temperature=0.0)
    assert text.isprintable() or level == "byte" or "\n" in text
    logits, _ = predictor.read(predictor.vocabulary.encode([start]), predictor.initial_state())
    logits[0] = -np.inf
    first = predictor.vocabulary.tokens[int(logits.argmax())]
    assert level == "byte" or text.startswith(first)


def test_a_prompt_of_spaces_is_continued_at_word_level() -> None:
    assert favouring(tiny_predictor(level="word"), "time").generate("  ", max_tokens=1) == "  time"


@pytest.mark.parametrize(
    ("prompt", "token", "text"),
    [
        ("the time ", "traveller", "the time traveller"),
        ("the time", "traveller", "the time traveller"),
        ("the time\n", "traveller", "the time\ntraveller"),
        ("the time", ",", "the time,"),
        ("the 你", "好", "the 你好"),
        ("你 ", "好", "你 好"),
        ("the unseen ", "time", "the unseen time"),
    ],
)
def test_at_word_level_there_is_one_space_between_words(prompt: str, token: str, text: str) -> None:
    predictor = favouring(tiny_predictor(level="word"), token)
    assert predictor.generate(prompt, max_tokens=1, temperature=0.0) == text


def test_only_the_first_word_after_a_prompt_with_a_space_lacks_its_space() -> None:
    predictor = favouring(tiny_predictor(level="word"), "you")
    assert predictor.generate("the ", max_tokens=3, temperature=0.0) == "the you you you"


def test_max_tokens_of_zero_returns_the_prompt() -> None:
    assert tiny_predictor().generate("abba", max_tokens=0) == "abba"


WRONG_OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"temperature": -1.0}, "temperature: given -1.0; expected 0 (greedy) or more"),
    ({"temperature": "1"}, "temperature: given '1'; expected a number"),
    ({"top_k": 0}, "top_k: given 0; expected a whole number, 1 or more"),
    ({"top_k": 1.5}, "top_k: given 1.5; expected a whole number, 1 or more"),
    ({"max_tokens": 2.5}, "max_tokens: given 2.5; expected a whole number, 0 or more"),
    ({"max_tokens": True}, "max_tokens: given True; expected a whole number, 0 or more"),
    ({"seed": -1}, "seed: given -1; expected a whole number, 0 or more"),
    ({"top_p": 1.5}, "top_p: given 1.5; expected more than 0 and at most 1"),
]


@pytest.mark.parametrize(("options", "message"), WRONG_OPTIONS)
def test_a_wrong_option_is_a_config_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        tiny_predictor().generate("a", **options)
    assert str(raised.value) == message
    assert raised.value.exit_code == 2


# Suggesting


def words_by_character(predictor: LanguageModelPredictor, prompt: str, stem: str, longest: int) -> dict[str, float]:
    """Return the probability of every word of at most `longest` further characters: they come, then another token."""
    tokens, parts = predictor.vocabulary.tokens, classify_tokens(predictor.vocabulary.tokens)
    logits, state = predictor.read(predictor.prompt_ids(prompt), predictor.initial_state())
    level = [(stem, 1.0, logits, state)]
    words: dict[str, float] = {}
    for length in range(longest + 1):
        following = []
        for word, p, row, before in level:
            z = row.astype(np.float64)
            q = np.exp(z - np.logaddexp.reduce(z))
            if word:
                words[word] = p * float(q[~parts.inside].sum())
            else:
                words |= {tokens[i]: float(q[i]) for i in np.flatnonzero(parts.whole)}
            if length < longest:
                for i in np.flatnonzero(parts.inside):
                    rows, after = predictor.step(np.array([i]), before)
                    following.append((word + tokens[i], p * float(q[i]), rows[0], after))
        level = following
    words["(longer)"] = max(p for _, p, _, _ in level) if level else 0.0
    return words


@pytest.mark.parametrize("prompt", ["abba", "abba ", "", "你", "ab 好c", "a'b", "ab\n"])
def test_suggest_finds_the_most_probable_of_all_words_at_char_level(prompt: str) -> None:
    predictor = tiny_predictor("gru", tokens=("<unk>", "\n", " ", "a", "b", "c", "'", "你", "好"))
    predictor.tensors["readout.bias"][[0, 1, 2, 7, 8]] += 1.0  # words are short, so that all can be enumerated
    stem = {"abba": "abba", "ab 好c": "c", "a'b": "a'b"}.get(prompt, "")
    words = words_by_character(predictor, prompt, stem, 4)
    longer = words.pop("(longer)")
    expected = sorted(words.items(), key=lambda word: -word[1])[:4]
    assert expected[-1][1] > longer  # so no longer word can be among them
    suggestions = predictor.suggest(prompt, 4)
    assert [word for word, _ in suggestions] == [word for word, _ in expected]
    # float32 logits, of one row or of a batch
    assert [p for _, p in suggestions] == pytest.approx([p for _, p in expected], rel=FLOAT32)
    assert bool(stem) == all(word.startswith(stem or "?") for word, _ in suggestions)


def test_an_incomplete_word_may_be_suggested_as_it_is() -> None:
    predictor = favouring(tiny_predictor(), " ", bias=12.0)
    assert predictor.suggest("ab cad", 1)[0][0] == "cad"


@pytest.mark.parametrize("prompt", ["", "the time ", "the time, ", "你"])
def test_suggestions_at_word_level_are_the_most_probable_next_tokens(prompt: str) -> None:
    predictor = tiny_predictor("gru", "word")
    logits = stepped(predictor, predictor.prompt_ids(prompt).tolist())[-1]
    p = np.exp(logits - np.logaddexp.reduce(logits))
    words = {token: p[i] for i, token in enumerate(predictor.vocabulary.tokens) if token[0].isalpha()}
    expected = sorted(words.items(), key=lambda word: -word[1])[:5]
    suggestions = predictor.suggest(prompt, 5)
    assert [word for word, _ in suggestions] == [word for word, _ in expected]
    assert [q for _, q in suggestions] == pytest.approx([q for _, q in expected], rel=FLOAT32)


def test_an_incomplete_word_is_completed_and_the_probabilities_add_up() -> None:
    predictor = tiny_predictor("gru", "word")
    suggestions = predictor.suggest("time, th", 10)
    logits = stepped(predictor, predictor.prompt_ids("time, ").tolist())[-1]
    weights = {word: math.exp(logits[predictor.vocabulary[word]]) for word in ("the", "these")}
    assert {word for word, _ in suggestions} == {"the", "these"}
    assert dict(suggestions) == pytest.approx(
        {word: w / sum(weights.values()) for word, w in weights.items()}, rel=FLOAT32
    )
    assert predictor.suggest("the don'", 10) != []
    assert predictor.suggest("time xyz", 10) == []
    assert predictor.suggest("time tra", 10) == [("traveller", 1.0)]


@pytest.mark.parametrize("normalize", ["lower", "textbook"])
def test_an_incomplete_word_in_capitals_is_completed_by_a_model_without_capitals(normalize: str) -> None:
    predictor = tiny_predictor("gru", "word", normalize=normalize)
    assert predictor.suggest("TIME TRA", 3) == predictor.suggest("time tra", 3) == [("traveller", 1.0)]


def test_suggestions_of_very_small_probability_do_not_warn() -> None:
    predictor = favouring(tiny_predictor("gru", "word"), "time", bias=5000.0)
    assert predictor.suggest("the tra", 3) == [("traveller", 1.0)]


def test_a_number_of_suggestions_below_one_is_an_error() -> None:
    with pytest.raises(ConfigError) as raised:
        tiny_predictor().suggest("a", 0)
    assert str(raised.value) == "suggest: given 0; expected a whole number, 1 or more"


# Saving


def test_save_replaces_a_model_folder_but_no_folder_with_other_files(tmp_path: Path) -> None:
    predictor = tiny_predictor()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(ConfigError) as caught:
        predictor.save(tmp_path / "photos")
    where = tmp_path / "photos"
    assert (
        str(caught.value)
        == f"{where}: the folder contains other files (a.jpg), so it is not replaced. Choose a new folder"
    )
    assert [entry.name for entry in where.iterdir()] == ["a.jpg"]
    for card in ("one", "two"):
        predictor.save(tmp_path / "model", card=card)
        assert elman.load(tmp_path / "model").card == card


@pytest.mark.parametrize(("options", "message"), WRONG_OPTIONS)
def test_a_wrong_option_is_an_error_at_the_call_of_stream(options: dict[str, Any], message: str) -> None:
    predictor = tiny_predictor()
    with pytest.raises(ConfigError) as caught:
        predictor.stream("ab", **options)
    assert str(caught.value) == message
