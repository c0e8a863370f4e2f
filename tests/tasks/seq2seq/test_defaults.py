"""Automatic choices for pairs: valid for any data and budget, in proportion to them, and never against given values."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.cells import CELLS
from elman.tasks.seq2seq.config import Level, Seq2SeqRun, Seq2SeqTextConfig, SideConfig
from elman.tasks.seq2seq.corpus import PairSet, Seq2SeqCorpus, SideCounts
from elman.tasks.seq2seq.defaults import batch_size, default_minutes, operations_per_token, resolve
from elman.tasks.seq2seq.network import Seq2SeqNetwork
from elman.text import UNKNOWN, Vocabulary

from .models import corpus_of

exhaustive = settings(max_examples=200, deadline=None, derandomize=True, database=None)
VALUES: dict[str, Any] = {
    "seed": 7,
    "data": {"source_level": "byte", "target_level": "word", "valid_fraction": 0.2, "columns": (2, 1)},
    "model": {
        "cell": "gru", "hidden_size": 48, "num_layers": 3, "embedding_size": 24, "dropout": 0.35,
        "attention": "general", "bidirectional": False, "label_smoothing": 0.05,
    },
    "training": {"batch_size": 5, "learning_rate": 0.123, "epochs": 3.0, "optimizer": "sgd"},
}  # fmt: skip
KEYS = [(table, key) for table in ("data", "model", "training") for key in VALUES[table]]

PAIRS = st.floats(0, 7).map(lambda digits: int(10**digits))  # 1 to ten million
LENGTHS = st.floats(1.0, 60.0)  # tokens of a text
VOCABULARIES = st.floats(0.7, 5).map(lambda digits: int(10**digits))
CELL_NAMES = st.sampled_from(list(CELLS))
BUDGETS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.floats(0.01, 1e5).map(lambda minutes: {"minutes": minutes}),
    st.floats(0.01, 1e4).map(lambda epochs: {"epochs": epochs}),
    st.integers(1, 10**7).map(lambda steps: {"steps": steps}),
)
SPEEDS = st.floats(8, 14).map(lambda digits: 10**digits)


class SizedVocabulary(Vocabulary):
    """A vocabulary of a size, without its tokens."""

    def __init__(self, size: int) -> None:
        super().__init__((UNKNOWN,))
        self._size = size

    def __len__(self) -> int:
        return self._size


def corpus(pairs: int, source_tokens: int, target_tokens: int, vocabulary: int, level: Level = "char") -> Seq2SeqCorpus:
    """Return a corpus without files that has these counts."""
    counts = PairSet(pairs, SideCounts(source_tokens, 0, 1), SideCounts(target_tokens, 0, 1))
    tokens = SizedVocabulary(vocabulary)
    text = Seq2SeqTextConfig(target=SideConfig(level=level))
    return Seq2SeqCorpus(Path(), (), text, tokens, tokens, counts, counts, {})


def chosen(
    values: dict[str, Any], pairs: int = 100_000, length: float = 7.0, vocabulary: int = 100, flops: float = 1e11
) -> Seq2SeqRun:
    return resolve(values, corpus(pairs, int(pairs * length), int(pairs * length), vocabulary), flops)


@exhaustive
@given(PAIRS, LENGTHS, LENGTHS, VOCABULARIES, CELL_NAMES, BUDGETS, SPEEDS, st.booleans())
def test_the_choices_are_valid_for_any_data_and_budget(
    pairs: int,
    source: float,
    target: float,
    vocabulary: int,
    cell: str,
    budget: dict[str, Any],
    flops: float,
    unidirectional: bool,
) -> None:
    values = {"model": {"cell": cell, "bidirectional": not unidirectional}, "training": budget}
    config = resolve(values, corpus(pairs, int(pairs * source), int(pairs * target), vocabulary), flops)
    model, training = config.model, config.training
    assert model.cell == cell
    assert 64 <= model.hidden_size <= 512
    assert model.embedding_size <= model.hidden_size
    assert 0.0 <= model.dropout <= 0.5
    assert 1e-4 < training.learning_rate < 1e-2
    assert 1 <= training.batch_size <= min(pairs, 64)
    assert [name for name in ("steps", "epochs", "minutes") if getattr(training, name)] == list(budget or ["minutes"])


@exhaustive
@given(PAIRS, LENGTHS, VOCABULARIES, CELL_NAMES, BUDGETS, st.floats(1.0, 1000.0))
def test_a_larger_budget_never_gives_a_smaller_model(
    pairs: int, length: float, vocabulary: int, cell: str, budget: dict[str, Any], factor: float
) -> None:
    more = {name: type(value)(value * factor) for name, value in budget.items()}
    both = [{"model": {"cell": cell}, "training": training} for training in (budget, more)]
    small, large = (chosen(values, pairs, length, vocabulary).model.hidden_size for values in both)
    assert small <= large


@exhaustive
@given(PAIRS, LENGTHS, CELL_NAMES, st.floats(0.1, 1e4), SPEEDS, st.floats(1.0, 100.0))
def test_a_faster_machine_never_gives_a_smaller_model(
    pairs: int, length: float, cell: str, minutes: float, flops: float, factor: float
) -> None:
    values = {"model": {"cell": cell}, "training": {"minutes": minutes}}
    slow, fast = (chosen(values, pairs, length, flops=rate).model.hidden_size for rate in (flops, factor * flops))
    assert slow <= fast


def test_larger_budgets_give_larger_models() -> None:
    sizes = [chosen({"training": {"minutes": m}}, 500_000).model.hidden_size for m in (0.01, 10, 60, 300, 10_000)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) >= 3
    assert sizes[0] == 64


def test_few_pairs_give_a_small_model_for_any_budget() -> None:
    endless = {"training": {"minutes": 1e6}}
    sizes = [chosen(endless, int(tokens / 8), 8.0).model.hidden_size for tokens in (30, 5e4, 8e5, 8e6)]
    assert sizes == [64, 128, 256, 512]  # 256 for 8e5 tokens; half of it for a sixteenth; 512 for ten times as many


def test_few_pairs_give_one_layer_no_smoothing_and_few_minutes() -> None:
    few, many = chosen({}, 19_999), chosen({}, 20_000)
    assert (few.model.num_layers, many.model.num_layers) == (1, 2)
    assert (few.model.label_smoothing, many.model.label_smoothing) == (0.0, 0.1)
    assert [default_minutes(tokens) for tokens in (1, 100_000, 550_000, 10**6, 10**9)] == [1.0, 1.0, 5.5, 10.0, 10.0]
    assert [default_minutes(tokens, are_sentences=True) for tokens in (1, 200_000, 10**6)] == [4.0, 8.0, 20.0]


def test_more_passes_over_the_pairs_give_more_dropout() -> None:
    rates = [chosen({"training": {"epochs": epochs}}).model.dropout for epochs in (1, 7.9, 8, 39, 40, 100)]
    assert rates == [0.0, 0.0, 0.1, 0.1, 0.2, 0.2]


def test_the_input_is_aligned_if_both_sides_have_about_the_same_length() -> None:
    def aligned(source: int, target: int, **model: str) -> bool:
        return resolve({"model": model}, corpus(100, source, target, 50)).model.aligned_input

    assert [aligned(s, t) for s, t in ((600, 1000), (700, 1000), (1000, 1000), (1400, 1000), (1600, 1000))] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert not aligned(1000, 1000, attention="none")
    assert aligned(1000, 1000, attention="general")


def test_mini_batches_grow_with_the_number_of_pairs() -> None:
    assert [batch_size(pairs) for pairs in (1, 10, 1000, 1600, 4000, 6400, 10**6)] == [1, 10, 16, 16, 40, 64, 64]


def test_there_are_six_operations_for_each_weight_that_a_token_uses() -> None:
    one = {"num_layers": 1, "bidirectional": False, "hidden_size": 32}
    cell, outputs = 4 * 32 * (32 + 32), 2 * 32 * 32 + 32 * 10
    assert operations_per_token(one, 0.0, 10) == 6 * (cell + outputs)
    assert operations_per_token(one, 2.0, 10) == 6 * (2 * (cell + 32 * 32) + cell + outputs)
    steps: list[dict[str, Any]] = [
        {"cell": "elman"}, {"cell": "gru"}, {"cell": "lstm"}, {"bidirectional": True}, {"num_layers": 2},
        {"encoder_hidden_size": 48}, {"decoder_layers": 3}, {"hidden_size": 64},
    ]  # fmt: skip
    costs = [operations_per_token({**one, **_merged(steps[: n + 1])}, 1.0, 10) for n in range(len(steps))]
    assert costs == sorted(set(costs))
    odd = {"num_layers": "two", "hidden_size": -1, "cell": 3, "encoder_hidden_size": None, "bidirectional": "maybe"}
    assert operations_per_token(odd, 1.0, 10) > 0.0


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"attention_layer": "first", "decoder_layers": 3},
        {"cell": "gru"},
        {"aligned_input": False},
        {"input_feeding": True},
    ],
)
def test_the_operations_are_those_of_the_weights_of_the_network(more: dict[str, Any]) -> None:
    model = chosen({"model": more, "training": {"minutes": 1e6}}, 115_000).model
    network = Seq2SeqNetwork(model, 50, 40)
    weights = {name: p.numel() for name, p in network.named_parameters() if p.dim() > 1 and "embedding" not in name}
    source = sum(n for name, n in weights.items() if name.startswith(("encoder", "memory")))
    target = sum(n for name, n in weights.items() if name.startswith(("decoder", "combine", "readout")))
    assert operations_per_token(model.model_dump(exclude_none=True), 1.5, 40) == pytest.approx(
        6 * (1.5 * source + target)
    )


def test_a_deep_encoder_is_narrower_than_the_decoder_unless_sizes_are_given() -> None:
    model = chosen({"training": {"minutes": 1e6}}, 115_000).model
    assert (model.hidden_size, model.num_layers, model.encoder_size, model.num_decoder_layers) == (256, 2, 160, 1)
    for sizes in ({"hidden_size": 256}, {"num_layers": 2}, {"bidirectional": False}):
        model = chosen({"model": sizes, "training": {"minutes": 1e6}}, 115_000).model
        assert model.encoder_size == model.hidden_size, sizes
    copied = chosen({"model": {"bridge": "copy", "bidirectional": False, "attention": "none"}}, 115_000).model
    assert (copied.num_layers, copied.num_decoder_layers) == (1, 1)


def test_weights_are_averaged_over_a_fiftieth_of_the_updates_and_at_most_a_thousand() -> None:
    def averaged(steps: int) -> int:
        return chosen({"training": {"steps": steps}}).training.average_steps

    assert [averaged(steps) for steps in (10, 500, 5000, 10**6)] == [0, 10, 100, 1000]


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


def test_the_learning_rate_falls_with_the_size_and_sgd_has_its_own() -> None:
    rates = [chosen({"model": {"hidden_size": H}}).training.learning_rate for H in (32, 64, 256, 1024)]
    assert rates == [0.004, 0.004, 0.002, 0.001]
    assert chosen({"training": {"optimizer": "sgd"}}).training.learning_rate == 1.0


@exhaustive
@given(PAIRS, VOCABULARIES, st.sets(st.sampled_from(KEYS)))
def test_given_values_are_never_replaced(pairs: int, vocabulary: int, keys: set[tuple[str, str]]) -> None:
    values: dict[str, Any] = {"data": {}, "model": {}, "training": {}}
    for table, key in keys:
        values[table][key] = VALUES[table][key]
    dumped = chosen(values, pairs, vocabulary=vocabulary).model_dump()
    for table, key in keys:
        assert dumped[table][key] == VALUES[table][key]


def test_every_value_has_a_default() -> None:
    config = resolve({})
    assert (config.task, config.seed, config.model.cell, config.model.attention) == ("seq2seq", 0, "lstm", "dot")
    assert (config.data.source_level, config.data.target_level) == (None, None), "chosen once there is data"


def test_the_levels_of_the_corpus_are_in_the_config(tmp_path: Path) -> None:
    pairs = [(f"a{i}b", "HH AH L OW") for i in range(30)] + [("x", "HH L")]
    data = resolve({}, corpus_of(tmp_path, pairs)).data
    assert (data.source_level, data.target_level) == ("char", "word")


def test_sentences_get_fewer_units_and_a_second_layer_with_more_pairs() -> None:
    def of(level: Level, pairs: int) -> Seq2SeqRun:
        return resolve({"training": {"epochs": 20}}, corpus(pairs, 10 * pairs, 10 * pairs, 2000, level))

    assert (of("char", 50_000).model.hidden_size, of("bpe", 50_000).model.hidden_size) == (256, 128)
    assert [of("char", pairs).model.num_layers for pairs in (19_999, 20_000)] == [1, 2]
    assert [of("bpe", pairs).model.num_layers for pairs in (99_999, 100_000)] == [1, 2]
    assert [of("char", pairs).model.label_smoothing for pairs in (19_999, 20_000)] == [0.0, 0.1]
    assert [of("bpe", pairs).model.label_smoothing for pairs in (99_999, 100_000)] == [0.0, 0.1]


def test_sentences_get_a_higher_learning_rate_and_many_of_them_less_dropout() -> None:
    def of(level: Level, tokens: int = 500_000, **values: Any) -> Seq2SeqRun:
        return resolve(values, corpus(100_000, tokens, tokens, 4000, level))

    sizes = {"hidden_size": 128}
    assert [of(level, model=sizes).training.learning_rate for level in ("char", "bpe")] == [0.0028, 0.0059]
    gru = {**sizes, "cell": "gru"}
    assert of("bpe", model=gru).training.learning_rate == of("char", model=gru).training.learning_rate
    passes = (7.9, 8, 23.9, 24)
    few, many = ([of("bpe", n, training={"epochs": p}).model.dropout for p in passes] for n in (500_000, 1_500_000))
    assert (few, many) == ([0.0, 0.1, 0.1, 0.1], [0.0, 0.0, 0.0, 0.1])
