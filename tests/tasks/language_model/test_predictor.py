"""The predictor against torch, against its own documented definitions, and against itself in other pieces."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from elman.runtime import LanguageModelPredictor, load

from elman.decoding import Sampler, generate
from elman.errors import ConfigError, DataError
from elman.models.stack import state_from_bytes, state_to_bytes
from elman.tasks.language_model import predictor as language_model
from elman.tasks.language_model.corpus import MemoryTokens
from elman.tasks.language_model.predictor import scored_steps
from elman.text.tokenizers import BYTE_TOKENS
from elman.text.words import classify_tokens

from ..models import ARCHITECTURES, network_of, tiny_predictor

# float32 on both sides, products summed in another order: some dozens of roundings of 6e-8 in numbers of order one.
FLOAT32 = 1e-5
# Losses are summed in float64 over float32 log probabilities.
SUMMED = 1e-6

TEXT = "abba cad 你好，eab'd.\n"


def random_ids(predictor: LanguageModelPredictor, n: int, seed: int = 0) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, len(predictor.vocabulary), n)


def stepped(predictor: LanguageModelPredictor, ids: Sequence[int]) -> npt.NDArray[np.float64]:
    """Logits (T, V) in float64, token by token."""
    state, rows = predictor.initial_state(), []
    for token in ids:
        logits, state = predictor.step(np.array([token]), state)
        rows.append(logits[0].astype(np.float64))
    return np.array(rows)


def log_p(logits: npt.NDArray[np.float64], targets: Sequence[int]) -> list[float]:
    return [float(row[t] - np.logaddexp.reduce(row)) for row, t in zip(logits, targets, strict=True)]


def favouring(predictor: LanguageModelPredictor, token: str, by: float = 60.0) -> LanguageModelPredictor:
    """The same model, but that token always comes next."""
    predictor.tensors["readout.bias"][predictor.vocabulary.tokens.index(token)] += by
    return predictor


# Logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_steps_and_reading_give_the_logits_of_the_torch_network(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    ids = random_ids(predictor, 23)
    with torch.inference_mode():
        logits, _ = network_of(predictor).logits(torch.from_numpy(ids)[:, None], None, torch.Generator())
    np.testing.assert_allclose(stepped(predictor, ids.tolist()), logits[:, 0].numpy(), rtol=0, atol=FLOAT32)
    last, _ = predictor.read(ids, predictor.initial_state())
    np.testing.assert_allclose(last, logits[-1, 0].numpy(), rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_rows_of_a_batch_know_nothing_of_each_other(architecture: str) -> None:
    predictor = tiny_predictor(architecture)
    ids = random_ids(predictor, 36).reshape(3, 12)
    state = predictor.initial_state(3)
    for column in ids.T:
        logits, state = predictor.step(column, state)
    for row, alone in zip(logits, ids, strict=True):
        np.testing.assert_allclose(row, stepped(predictor, alone.tolist())[-1], rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_text_read_in_chunks_is_the_text_read_at_once(size: int) -> None:
    predictor = tiny_predictor()
    ids = random_ids(predictor, 150)
    whole, whole_state = predictor.read(ids, predictor.initial_state())
    state = predictor.initial_state()
    for start in range(0, len(ids), size):
        logits, state = predictor.read(ids[start : start + size], state)
    np.testing.assert_allclose(logits, whole, rtol=0, atol=FLOAT32)
    for name, array in state.items():
        np.testing.assert_allclose(array, whole_state[name], rtol=0, atol=FLOAT32)


def test_a_state_that_was_bytes_goes_on_as_if_it_never_was() -> None:
    predictor = tiny_predictor()
    _, state = predictor.read(random_ids(predictor, 9), predictor.initial_state())
    resumed = state_from_bytes(state_to_bytes(state))
    assert resumed.keys() == state.keys()
    for a, b in zip(predictor.step(np.array([3]), state)[0], predictor.step(np.array([3]), resumed)[0], strict=True):
        assert a.tobytes() == b.tobytes()


def test_the_number_of_parameters_is_that_of_the_torch_network() -> None:
    for architecture in ARCHITECTURES:
        predictor = tiny_predictor(architecture)
        assert predictor.num_parameters == sum(p.numel() for p in network_of(predictor).parameters())


# Scores


@pytest.mark.parametrize("tokens", [2, 64, 65, 128, 129, 130, 700, 2100, 4200])
def test_the_score_is_that_of_the_documented_streams_read_one_by_one(tokens: int) -> None:
    predictor = tiny_predictor("gru")
    ids = random_ids(predictor, tokens)
    targets = tokens - 1
    streams = max(1, min(32, targets // 64))
    bounds = [math.floor(i * targets / streams) for i in range(streams + 1)]
    losses = [
        -value
        for start, end in itertools.pairwise(bounds)
        for value in log_p(stepped(predictor, ids[start:end].tolist()), ids[start + 1 : end + 1].tolist())
    ]
    scored = predictor.score(MemoryTokens(ids))
    assert scored.count == len(losses) == targets
    assert scored.sum == pytest.approx(math.fsum(losses), rel=SUMMED)


def test_a_limited_score_is_that_of_the_beginnings_of_the_streams() -> None:
    predictor = tiny_predictor("gru")
    ids = random_ids(predictor, 3000)
    limited = predictor.score(MemoryTokens(ids), limit=320)
    bounds = np.linspace(0, 2999, 33).astype(int)
    each = [predictor.score(MemoryTokens(ids[start : start + 11])) for start in bounds[:-1]]
    assert limited.count == 320
    assert limited.sum == pytest.approx(sum(one.sum for one in each), rel=SUMMED)
    assert predictor.score(MemoryTokens(ids), limit=10**9) == predictor.score(MemoryTokens(ids))


@pytest.mark.parametrize(
    ("level", "text", "tokens", "unknown", "characters"),
    [
        ("char", "abba你好", 6, 0, 5),
        ("char", "a☃bcc☃d", 7, 2, 6),  # an unknown character is a character
        ("word", "you, the 你好 traveller.", 7, 0, len(", the你好traveller.")),
        ("word", "the unseen time", 3, 1, len("\ufffd time")),
        ("byte", "aé你b", 7, 0, 3),  # bytes are scored, characters are counted
    ],
)
def test_the_metrics_of_a_text_are_those_of_its_definitions(
    level: str, text: str, tokens: int, unknown: int, characters: int
) -> None:
    predictor = tiny_predictor("gru", level)
    ids = predictor.codec.encode(text).tolist()
    nats = -math.fsum(log_p(stepped(predictor, ids[:-1]), ids[1:]))
    found = predictor.evaluate(text)
    assert {key: found[key] for key in ("task", "count", "tokens", "unknown")} == {
        "task": "lm",
        "count": tokens - 1,
        "tokens": tokens,
        "unknown": unknown,
    }
    assert found["loss"] == pytest.approx(nats / (tokens - 1), rel=SUMMED)
    assert found["perplexity"] == pytest.approx(math.exp(nats / (tokens - 1)), rel=10 * SUMMED)
    assert found["bits_per_character"] == pytest.approx(nats / math.log(2) / characters, rel=SUMMED)


def test_a_model_that_knows_nothing_is_as_surprised_as_a_die() -> None:
    predictor = tiny_predictor()
    for name in ("readout.weight", "readout.bias"):
        predictor.tensors[name][:] = 0.0
    found = predictor.evaluate(TEXT * 20)
    assert found["perplexity"] == pytest.approx(len(predictor.vocabulary), rel=SUMMED)
    assert found["bits_per_character"] == pytest.approx(math.log2(len(predictor.vocabulary)), rel=SUMMED)


def test_several_texts_are_read_as_one() -> None:
    predictor = tiny_predictor()
    assert predictor.evaluate(["abba ", "cad", "", "eab"]) == predictor.evaluate("abba cadeab")
    assert predictor.evaluate(iter(["abba ", "cad"])) == predictor.evaluate("abba cad")


def test_ids_on_disk_are_scored_as_the_text_that_they_spell() -> None:
    predictor = tiny_predictor()
    assert predictor.evaluate(MemoryTokens(predictor.codec.encode(TEXT))) == predictor.evaluate(TEXT)


@pytest.mark.parametrize("text", ["", "a", []])
def test_too_little_text_to_score_is_told(text: str | list[str]) -> None:
    with pytest.raises(DataError) as raised:
        tiny_predictor().evaluate(text)
    assert str(raised.value) == f"{len(text)} tokens to score, expected at least 2; give more text"


# Writing


@pytest.mark.parametrize("level", ["char", "word", "byte"])
def test_a_seed_gives_one_text_and_another_seed_another(level: str) -> None:
    predictor = tiny_predictor(level=level)
    assert predictor.generate("the ", seed=1) == predictor.generate("the ", seed=1)
    assert predictor.generate("the ", seed=1) != predictor.generate("the ", seed=2)


def test_the_stream_is_the_continuation_in_pieces() -> None:
    predictor = tiny_predictor()
    options = {"max_tokens": 30, "temperature": 0.9, "top_k": 5, "top_p": 0.9, "seed": 3}
    pieces = list(predictor.stream("abba", **options))  # type: ignore[arg-type]
    assert predictor.generate("abba", **options) == "abba" + "".join(pieces)  # type: ignore[arg-type]
    assert len("".join(pieces)) == 30


def test_greedy_text_is_the_likeliest_character_again_and_again() -> None:
    predictor = tiny_predictor(seed=4, scale=1.5)
    text = "abba 你"
    for _ in range(20):
        logits = stepped(predictor, predictor.codec.encode(text).tolist())[-1]
        logits[0] = -np.inf
        text += predictor.vocabulary.tokens[int(logits.argmax())]
    assert predictor.generate("abba 你", max_tokens=20, temperature=0.0) == text


def test_options_reach_the_sampler() -> None:
    predictor = tiny_predictor()
    greedy = predictor.generate("ab", max_tokens=20, temperature=0.0)
    assert predictor.generate("ab", max_tokens=20, temperature=5.0, top_k=1, seed=1) == greedy
    assert predictor.generate("ab", max_tokens=20, temperature=5.0, top_p=1e-9, seed=1) == greedy
    assert predictor.generate("ab", max_tokens=20, temperature=5.0, seed=1) != greedy


def test_the_unknown_token_is_never_written_however_likely() -> None:
    predictor = favouring(tiny_predictor(), "<unk>")
    for temperature in (0.0, 1.0, 10.0):
        text = predictor.generate("ab", max_tokens=100, temperature=temperature, seed=0)
        assert len(text) == 102
        assert "\ufffd" not in text
        assert "<" not in text


@pytest.mark.parametrize("prompt", ["", "你好", "aé☃"])
def test_bytes_become_text_only_when_they_make_a_character(prompt: str) -> None:
    predictor = tiny_predictor(level="byte")
    ids = predictor.prompt_ids(prompt)
    logits, state = predictor.read(ids, predictor.initial_state())
    sampler = Sampler(0.8, forbidden=(0,))
    chosen = list(generate(predictor.step, logits, state, sampler, np.random.default_rng(5), 400))
    pieces = list(predictor.stream(prompt, max_tokens=400, seed=5))
    # random bytes: the very bytes in one go are the oracle, for what never makes a character too
    assert "".join(pieces) == bytes(token - 1 for token in chosen).decode("utf-8", "replace")
    for piece in pieces:
        piece.encode("utf-8")  # raises at half a character
    assert "" in pieces  # some bytes were held back


def test_a_character_spelled_in_bytes_is_one_piece() -> None:
    predictor = tiny_predictor(level="byte")
    spelled = [BYTE_TOKENS[byte] for byte in "你".encode()]
    decoder = predictor.codec.decoder()
    assert [decoder.push(token) for token in spelled] == ["", "", "你"]


@pytest.mark.parametrize(("level", "prompt"), [("char", "☃ xyz"), ("word", "unheard-of things"), ("char", "你好吗")])
def test_a_prompt_with_what_the_vocabulary_lacks_is_kept_and_continued(level: str, prompt: str) -> None:
    predictor = tiny_predictor(level=level)
    text = predictor.generate(prompt, max_tokens=10, seed=0)
    assert text.startswith(prompt)
    assert len(text) >= len(prompt) + 10
    assert "\ufffd" not in text


def test_a_character_that_byte_fallback_spells_is_read_as_its_bytes() -> None:
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
        ("char", ("<unk>", "的", "我", "罕"), "的"),  # the commonest is the first after <unk>
    ],
)
def test_an_empty_prompt_is_a_line_end_or_else_the_commonest_token(
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


def test_a_prompt_of_spaces_alone_is_continued_at_word_level() -> None:
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
def test_at_word_level_a_space_stands_where_one_belongs_and_never_two(prompt: str, token: str, text: str) -> None:
    predictor = favouring(tiny_predictor(level="word"), token)
    assert predictor.generate(prompt, max_tokens=1, temperature=0.0) == text


def test_only_the_first_word_after_a_typed_space_loses_its_own() -> None:
    predictor = favouring(tiny_predictor(level="word"), "you")
    assert predictor.generate("the ", max_tokens=3, temperature=0.0) == "the you you you"


def test_no_token_at_all_gives_the_prompt() -> None:
    assert tiny_predictor().generate("abba", max_tokens=0) == "abba"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "temperature: given -1.0, expected 0 (greedy) or more"),
        ({"top_k": 0}, "top_k: given 0, expected 1 or more"),
        ({"top_p": 2.0}, "top_p: given 2.0, expected more than 0 and at most 1"),
    ],
)
def test_impossible_options_are_usage_errors(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        tiny_predictor().generate("a", **options)  # type: ignore[arg-type]
    assert str(raised.value) == message
    assert raised.value.exit_code == 2


# Suggesting


def words_by_character(predictor: LanguageModelPredictor, prompt: str, stem: str, longest: int) -> dict[str, float]:
    """P of every word up to so many further characters: its characters, then anything that is not in words."""
    tokens, parts = predictor.vocabulary.tokens, classify_tokens(predictor.vocabulary.tokens)
    logits, state = predictor.read(predictor.prompt_ids(prompt), predictor.initial_state())
    level, words = [(stem, 1.0, logits, state)], {}
    for length in range(longest + 1):
        following = []
        for word, p, row, here in level:
            z = row.astype(np.float64)
            q = np.exp(z - np.logaddexp.reduce(z))
            if word:
                words[word] = p * float(q[~parts.inside].sum())
            else:
                words |= {tokens[i]: float(q[i]) for i in np.flatnonzero(parts.whole)}
            if length < longest:
                for i in np.flatnonzero(parts.inside):
                    rows, after = predictor.step(np.array([i]), here)
                    following.append((word + tokens[i], p * float(q[i]), rows[0], after))
        level = following
    words["(longer)"] = max(p for _, p, _, _ in level) if level else 0.0
    return words


@pytest.mark.parametrize("prompt", ["abba", "abba ", "", "你", "ab 好c", "a'b", "ab\n"])
def test_the_likeliest_words_are_found_among_all_from_characters(prompt: str) -> None:
    predictor = tiny_predictor("gru", tokens=("<unk>", "\n", " ", "a", "b", "c", "'", "你", "好"))
    predictor.tensors["readout.bias"][[0, 1, 2, 7, 8]] += 1.0  # words are short, so that all can be tried
    stem = {"abba": "abba", "ab 好c": "c", "a'b": "a'b"}.get(prompt, "")
    words = words_by_character(predictor, prompt, stem, 4)
    longer = words.pop("(longer)")
    expected = sorted(words.items(), key=lambda word: -word[1])[:4]
    assert expected[-1][1] > longer  # so nothing longer can be among them
    found = predictor.suggest(prompt, 4)
    assert [word for word, _ in found] == [word for word, _ in expected]
    # float32 logits, of one row or of a batch
    assert [p for _, p in found] == pytest.approx([p for _, p in expected], rel=FLOAT32)
    assert bool(stem) == all(word.startswith(stem or "?") for word, _ in found)


def test_a_word_in_progress_may_end_as_it_is() -> None:
    predictor = favouring(tiny_predictor(), " ", by=12.0)
    assert predictor.suggest("ab cad", 1)[0][0] == "cad"


@pytest.mark.parametrize("prompt", ["", "the time ", "the time, ", "你"])
def test_the_likeliest_words_at_word_level_are_those_of_the_next_token(prompt: str) -> None:
    predictor = tiny_predictor("gru", "word")
    logits = stepped(predictor, predictor.prompt_ids(prompt).tolist())[-1]
    p = np.exp(logits - np.logaddexp.reduce(logits))
    words = {token: p[i] for i, token in enumerate(predictor.vocabulary.tokens) if token[0].isalpha()}
    expected = sorted(words.items(), key=lambda word: -word[1])[:5]
    found = predictor.suggest(prompt, 5)
    assert [word for word, _ in found] == [word for word, _ in expected]
    assert [q for _, q in found] == pytest.approx([q for _, q in expected], rel=FLOAT32)


def test_a_word_begun_is_completed_by_what_begins_so_and_the_shares_add_up() -> None:
    predictor = tiny_predictor("gru", "word")
    found = predictor.suggest("time, th", 10)
    logits = stepped(predictor, predictor.prompt_ids("time, ").tolist())[-1]
    weights = {word: math.exp(logits[predictor.vocabulary[word]]) for word in ("the", "these")}
    assert {word for word, _ in found} == {"the", "these"}
    assert dict(found) == pytest.approx({word: w / sum(weights.values()) for word, w in weights.items()}, rel=FLOAT32)
    assert predictor.suggest("the don'", 10) != []
    assert predictor.suggest("time xyz", 10) == []
    assert predictor.suggest("time tra", 10) == [("traveller", 1.0)]


@pytest.mark.parametrize("normalize", ["lower", "textbook"])
def test_a_word_begun_in_capitals_is_completed_where_the_model_knows_none(normalize: str) -> None:
    predictor = tiny_predictor("gru", "word", normalize=normalize)
    assert predictor.suggest("TIME TRA", 3) == predictor.suggest("time tra", 3) == [("traveller", 1.0)]


def test_suggesting_from_logits_that_leave_a_stem_no_share_does_not_warn() -> None:
    predictor = favouring(tiny_predictor("gru", "word"), "time", by=5000.0)
    assert predictor.suggest("the tra", 3) == [("traveller", 1.0)]


def test_no_suggestion_at_all_is_refused() -> None:
    with pytest.raises(ConfigError) as raised:
        tiny_predictor().suggest("a", 0)
    assert str(raised.value) == "suggest: given 0, expected 1 or more"


# Saving, memory, early mistakes


def test_saving_refuses_a_folder_of_other_files_and_takes_its_own(tmp_path: Path) -> None:
    predictor = tiny_predictor()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(ConfigError) as caught:
        predictor.save(tmp_path / "photos")
    where = tmp_path / "photos"
    assert str(caught.value) == f"{where}: holds other files (a.jpg): not replaced; choose a new folder"
    assert [entry.name for entry in where.iterdir()] == ["a.jpg"]
    for card in ("one", "two"):
        predictor.save(tmp_path / "model", card=card)
        assert load(tmp_path / "model").card == card


@pytest.mark.parametrize(("vocabulary", "steps"), [(2, 128), (900, 128), (5_000, 25), (100_000, 1), (10**9, 1)])
def test_fewer_tokens_are_scored_at_a_time_where_the_vocabulary_is_large(vocabulary: int, steps: int) -> None:
    assert scored_steps(vocabulary) == steps
    assert steps == 1 or steps * 32 * vocabulary <= language_model.SCORED_LOGITS


@pytest.mark.parametrize("logits", [1, 1000, 10_000, 10**9])
def test_the_score_is_the_same_however_much_is_scored_at_a_time(logits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = tiny_predictor()
    tokens = MemoryTokens(random_ids(predictor, 2500))
    expected = predictor.score(tokens)
    steps: list[int] = []
    real = language_model.held_out

    def watched(ids: Any, at_a_time: int, **options: Any) -> Any:
        steps.append(at_a_time)
        return real(ids, at_a_time, **options)

    monkeypatch.setattr(language_model, "held_out", watched)
    monkeypatch.setattr(language_model, "SCORED_LOGITS", logits)
    found = predictor.score(tokens)
    assert steps == [max(1, min(128, logits // (32 * len(predictor.vocabulary))))]
    assert found.count == expected.count == 2499
    assert found.value == pytest.approx(expected.value, abs=SUMMED)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"temperature": -1.0}, "temperature: given -1.0, expected 0 (greedy) or more"),
        ({"top_k": 0}, "top_k: given 0, expected 1 or more"),
        ({"top_p": 1.5}, "top_p: given 1.5, expected more than 0 and at most 1"),
    ],
)
def test_a_wrong_option_is_told_when_stream_is_called_and_not_at_its_first_piece(
    options: dict[str, Any], told: str
) -> None:
    predictor = tiny_predictor()
    with pytest.raises(ConfigError) as caught:
        predictor.stream("ab", **options)
    assert str(caught.value) == told
