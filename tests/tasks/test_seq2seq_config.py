"""What is chosen for pairs: valid for all of them and every budget, in proportion, never against what is told."""

from typing import Any

import pytest
from elman.experiment.config import Seq2SeqRun, resolve_seq2seq
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.cells import CELLS
from elman.config import validate_config
from elman.errors import ConfigError
from elman.tasks.seq2seq.defaults import PairDataConfig, batch_size, default_minutes, level_of, operations_per_token

exhaustive = settings(max_examples=200, deadline=None, derandomize=True, database=None)

PAIRS = st.floats(0, 7).map(lambda digits: int(10**digits))  # 1 to ten million
LENGTHS = st.floats(1.0, 60.0)  # tokens a side
VOCABULARIES = st.floats(0.7, 5).map(lambda digits: int(10**digits))
CELL_NAMES = st.sampled_from(list(CELLS))
BUDGETS = st.one_of(
    st.just({}),
    st.floats(0.01, 1e5).map(lambda minutes: {"minutes": minutes}),
    st.floats(0.01, 1e4).map(lambda epochs: {"epochs": epochs}),
    st.integers(1, 10**7).map(lambda steps: {"steps": steps}),
)
SPEEDS = st.floats(8, 14).map(lambda digits: 10**digits)


def mistakes(given_: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        resolve_seq2seq(given_)
    assert raised.value.exit_code == 2
    return raised.value.message.splitlines()


def chosen(
    given_: dict[str, Any], pairs: int = 100_000, length: float = 7.0, vocabulary: int = 100, **more: Any
) -> Seq2SeqRun:
    tokens = {"source_tokens": int(pairs * length), "target_tokens": int(pairs * length)}
    return resolve_seq2seq(given_, pairs=pairs, **tokens, vocabulary=vocabulary, **more)


# Every file, every budget


@exhaustive
@given(PAIRS, LENGTHS, LENGTHS, VOCABULARIES, CELL_NAMES, BUDGETS, SPEEDS, st.booleans())
def test_whatever_the_pairs_and_the_budget_the_choices_are_valid(
    pairs: int,
    source: float,
    target: float,
    vocabulary: int,
    cell: str,
    budget: dict[str, Any],
    flops: float,
    one: bool,
) -> None:
    config = resolve_seq2seq(
        {"model": {"cell": cell, "bidirectional": not one}, "training": budget},
        pairs=pairs,
        source_tokens=int(pairs * source),
        target_tokens=int(pairs * target),
        vocabulary=vocabulary,
        flops=flops,
    )
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
def test_more_of_the_same_budget_never_chooses_a_smaller_model(
    pairs: int, length: float, vocabulary: int, cell: str, budget: dict[str, Any], factor: float
) -> None:
    more = {name: type(value)(value * factor) for name, value in budget.items()}
    settings_ = [{"model": {"cell": cell}, "training": each} for each in (budget, more)]
    small, large = (chosen(each, pairs, length, vocabulary).model.hidden_size for each in settings_)
    assert small <= large


@exhaustive
@given(PAIRS, LENGTHS, CELL_NAMES, st.floats(0.1, 1e4), SPEEDS, st.floats(1.0, 100.0))
def test_a_faster_machine_never_chooses_a_smaller_model(
    pairs: int, length: float, cell: str, minutes: float, flops: float, factor: float
) -> None:
    given_ = {"model": {"cell": cell}, "training": {"minutes": minutes}}
    slow, fast = (chosen(given_, pairs, length, flops=rate).model.hidden_size for rate in (flops, factor * flops))
    assert slow <= fast


def test_budgets_from_small_to_large_choose_models_from_small_to_large() -> None:
    sizes = [chosen({"training": {"minutes": m}}, 500_000).model.hidden_size for m in (0.01, 10, 60, 300, 10_000)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) >= 3
    assert sizes[0] == 64


def test_no_budget_makes_a_few_pairs_fill_a_large_model() -> None:
    endless = {"training": {"minutes": 1e6}}
    sizes = [chosen(endless, int(tokens / 8), 8.0).model.hidden_size for tokens in (30, 5e4, 8e5, 8e6)]
    assert sizes == [64, 128, 256, 512]  # 256 for 8e5 tokens; half of it for a sixteenth; 512 for ten times as many


def test_few_pairs_have_one_layer_no_smoothing_and_no_more_minutes_than_they_need() -> None:
    few, many = chosen({}, 19_999), chosen({}, 20_000)
    assert (few.model.num_layers, many.model.num_layers) == (1, 2)
    assert (few.model.label_smoothing, many.model.label_smoothing) == (0.0, 0.1)
    assert [default_minutes(tokens) for tokens in (1, 100_000, 550_000, 10**6, 10**9)] == [1.0, 1.0, 5.5, 10.0, 10.0]


def test_the_more_often_pairs_are_read_the_more_dropout() -> None:
    rates = [chosen({"training": {"epochs": epochs}}).model.dropout for epochs in (1, 7.9, 8, 39, 40, 100)]
    assert rates == [0.0, 0.0, 0.1, 0.1, 0.2, 0.2]


def test_the_input_is_aligned_where_both_sides_are_about_as_long() -> None:
    def aligned(source: int, target: int, **model: str) -> bool:
        tokens = {"source_tokens": source, "target_tokens": target}
        given_ = {"model": model}
        return resolve_seq2seq(given_, pairs=100, **tokens, vocabulary=50, flops=1e11).model.aligned_input

    assert [aligned(s, t) for s, t in ((600, 1000), (700, 1000), (1000, 1000), (1400, 1000), (1600, 1000))] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert not aligned(1000, 1000, attention="none")
    assert aligned(1000, 1000, attention="general")


def test_batches_grow_once_an_epoch_has_its_updates() -> None:
    assert [batch_size(pairs) for pairs in (1, 10, 1000, 1600, 4000, 6400, 10**6)] == [1, 10, 16, 16, 40, 64, 64]


def test_operations_are_six_for_each_weight_that_a_token_meets() -> None:
    one = {"num_layers": 1, "bidirectional": False, "hidden_size": 32}
    cell, attended = 4 * 32 * (32 + 32), 2 * 32 * 32 + 32 * 10
    assert operations_per_token(one, 0.0, 10) == 6 * (cell + attended)
    assert operations_per_token(one, 2.0, 10) == 6 * (2 * (cell + 32 * 32) + cell + attended)
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
def test_the_operations_are_those_of_the_network_s_weights(more: dict[str, Any]) -> None:
    from elman.tasks.seq2seq.training import Seq2SeqNetwork

    model = chosen({"model": more, "training": {"minutes": 1e6}}, 115_000).model
    network = Seq2SeqNetwork(model, 50, 40)
    weights = {name: p.numel() for name, p in network.named_parameters() if p.dim() > 1 and "embedding" not in name}
    source = sum(n for name, n in weights.items() if name.startswith(("encoder", "memory")))
    target = sum(n for name, n in weights.items() if name.startswith(("decoder", "combine", "readout")))
    given_ = model.model_dump(exclude_none=True)
    assert operations_per_token(given_, 1.5, 40) == pytest.approx(6 * (1.5 * source + target))


def test_a_deep_encoder_is_narrower_than_its_decoder_unless_sizes_are_given() -> None:
    model = chosen({"training": {"minutes": 1e6}}, 115_000).model
    assert (model.hidden_size, model.num_layers, model.encoder_size, model.num_decoder_layers) == (256, 2, 160, 1)
    for given_ in ({"hidden_size": 256}, {"num_layers": 2}, {"bidirectional": False}):
        model = chosen({"model": given_, "training": {"minutes": 1e6}}, 115_000).model
        assert model.encoder_size == model.hidden_size, given_
    copied = chosen({"model": {"bridge": "copy", "bidirectional": False, "attention": "none"}}, 115_000).model
    assert (copied.num_layers, copied.num_decoder_layers) == (1, 1)


def test_weights_are_averaged_over_a_fiftieth_of_the_updates_and_at_most_a_thousand() -> None:
    def averaged(steps: int) -> int:
        return chosen({"training": {"steps": steps}}).training.average_steps

    assert [averaged(steps) for steps in (10, 500, 5000, 10**6)] == [0, 10, 100, 1000]


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


def test_the_rate_falls_with_the_size_and_plain_gradient_descent_has_its_own() -> None:
    rates = [chosen({"model": {"hidden_size": H}}).training.learning_rate for H in (32, 64, 256, 1024)]
    assert rates == [0.004, 0.004, 0.002, 0.001]
    assert chosen({"training": {"optimizer": "sgd"}}).training.learning_rate == 1.0


# Levels


def test_a_side_of_few_pieces_that_come_again_is_of_words_and_any_other_of_characters() -> None:
    phones = ["HH AH L OW", "W ER L D", "L OW"] * 40
    assert level_of(phones) == "word"
    assert level_of(phones[:9]) == "char", "too few to tell"
    assert level_of(text.replace(" ", "") for text in phones) == "char"
    assert level_of(["yes", "no"] * 500) == "char", "one piece a side is no sequence of words"
    assert level_of(["a cat sat", "the dog ran off"] + [f"word{i} other{i}" for i in range(600)]) == "char"


def test_a_side_of_ever_new_pieces_is_told_without_reading_all_of_it() -> None:
    read = []

    def texts() -> Any:
        for number in range(10**6):
            read.append(number)
            yield f"w{number} w{number}"

    assert level_of(texts()) == "char"
    assert len(read) == 1001


# What is given

GIVEN = {
    "seed": 7,
    "data": {"source_level": "byte", "target_level": "word", "valid_fraction": 0.2, "columns": (2, 1)},
    "model": {
        "cell": "gru", "hidden_size": 48, "num_layers": 3, "embedding_size": 24, "dropout": 0.35,
        "attention": "general", "bidirectional": False, "label_smoothing": 0.05,
    },
    "training": {"batch_size": 5, "learning_rate": 0.123, "epochs": 3.0, "optimizer": "sgd"},
}  # fmt: skip


@exhaustive
@given(PAIRS, VOCABULARIES, st.sets(st.sampled_from([(t, k) for t in ("data", "model", "training") for k in GIVEN[t]])))  # type: ignore[attr-defined]
def test_what_is_given_is_never_overridden(pairs: int, vocabulary: int, keys: set[tuple[str, str]]) -> None:
    given_: dict[str, Any] = {"data": {}, "model": {}, "training": {}}
    for table, key in keys:
        given_[table][key] = GIVEN[table][key]  # type: ignore[index]
    dumped = chosen(given_, pairs, vocabulary=vocabulary).model_dump()
    for table, key in keys:
        assert dumped[table][key] == GIVEN[table][key]  # type: ignore[index]


def test_nothing_given_is_enough() -> None:
    config = resolve_seq2seq({})
    assert (config.task, config.seed, config.model.cell, config.model.attention) == ("seq2seq", 0, "lstm", "dot")
    assert (config.data.source_level, config.data.target_level) == (None, None), "by the data, once there are some"


# Mistakes


def test_several_mistakes_are_told_at_once() -> None:
    messages = mistakes(
        {"model": {"cell": "gur", "hiden_size": 3}, "training": {"steps": 0}, "data": {"source_level": "lines"}}
    )
    assert [message.split(":")[0] for message in messages] == [
        "data.source_level",
        "model.cell",
        "model.hiden_size",
        "training.steps",
    ]
    assert messages[2].startswith("model.hiden_size: unknown key (did you mean 'hidden_size'?): choose cell, ")


@pytest.mark.parametrize("second", [{"minutes": 1.0}, {"epochs": 1.0}])
def test_there_is_one_budget_only(second: dict[str, Any]) -> None:
    (name,) = second
    told = f"training: one budget only, given steps and {name}: choose one"
    assert mistakes({"training": {"steps": 5, **second}}) == [told]


@pytest.mark.parametrize(
    "value", [3, [1], [1, 1], [0, 1], [-1, 2], [1, 2, 3], ["a", "b"], [1, "b"], [1.0, 2.0], [True, 2], "1,2", {}]
)
def test_columns_are_two_different_numbers_from_one(value: Any) -> None:
    expected = "two different numbers from 1: of the source and of the target"
    assert mistakes({"data": {"columns": value}}) == [f"data.columns: given {value!r}, expected {expected}"]
    for right in ([2, 1], (1, 3), None):
        assert validate_config(PairDataConfig, {"columns": right}).columns == (tuple(right) if right else None)


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        (
            {"data": {"columns": [1, 2], "extra_targets": True}},
            "data: extra_targets takes all columns after the second, given columns too: choose one",
        ),
        (
            {"model": {"attention": "none", "input_feeding": True}},
            "model: input_feeding feeds what attention gives, given attention 'none'",
        ),
        (
            {"model": {"attention": "none", "aligned_input": True}},
            "model: aligned_input reads the memory that attention needs, given attention 'none'",
        ),
        (
            {"model": {"bridge": "copy"}},
            "model: bridge 'copy' needs a decoder of the encoder's cell, layers and size, and bidirectional = false",
        ),
    ],
)
def test_keys_that_disagree_are_told(given_: dict[str, Any], told: str) -> None:
    assert mistakes(given_) == [told]


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        *(("training", key, value) for key in ("minutes", "epochs") for value in (0, -1, float("inf"), "x", [3])),
        *(("training", "batch_size", value) for value in (0, -1, 0.5, float("nan"), "x", [3])),
        ("training", "minutes", float("nan")),
        ("training", "steps", 0.5),
        ("training", "steps", float("inf")),
        *(("model", "hidden_size", value) for value in (0, -3, 0.5, 1e300, float("nan"), "x", [32], {})),
        *(("model", "num_layers", value) for value in (0, 0.5, -1, 10**9, "x", [2])),
        ("model", "cell", ["gru"]),
        ("model", "bidirectional", "perhaps"),
        ("model", "embedding_size", -3),
        ("model", "dropout", 1.0),
        ("data", "source_level", ["char"]),
        ("data", "normalize", "textbook"),
        ("data", "valid_fraction", 1.0),
        ("data", "min_frequency", 0),
        ("data", "vocabulary_size", 0),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_never_breaks_the_choices(table: str, key: str, value: Any) -> None:
    (message,) = mistakes({table: {key: value}})
    assert message.startswith(f"{table}.{key}: given {value!r}, expected ")


@pytest.mark.parametrize("table", ["data", "model", "training"])
@pytest.mark.parametrize("value", [3, "lstm", []])
def test_a_value_in_the_place_of_a_table_is_told(table: str, value: Any) -> None:
    assert mistakes({table: value}) == [f"{table}: given {value!r}, expected a table of keys"]
