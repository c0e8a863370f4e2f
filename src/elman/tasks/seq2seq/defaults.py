"""The values that an encoder-decoder chooses where the user gives none.

- Tokens of each side, and their normalization: see levels.py.
- Hidden size: the largest one with which the budget allows MIN_PASSES passes over the pairs, and which the pairs fill.
- Layers: two in the encoder if there are many pairs, with fewer units in each direction than the decoder's only layer.
  Most of the operations are in the encoder's second layer, and with fewer units it learns as much in less time.
- Aligned input: if sources and targets have about the same length, so that target token t often depends on source
  token t.
- Dropout and label smoothing: for a model that sees its pairs many times.
- Learning rate: higher for subwords than for few different tokens.
- Mini-batch: small if there are few pairs, for many updates in an epoch.
- The weights of the model folder are averaged over the last fiftieth of the training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elman.cells import CELLS
from elman.config import Values, get_table, merge_values, positive_or_none, validate_config
from elman.tasks.sizing import (
    averaged_updates,
    budget_of,
    known_cell,
    largest_size,
    learning_rate,
    passes_over_data,
    size_for_tokens,
)

from .config import Seq2SeqRun

if TYPE_CHECKING:
    from .corpus import Seq2SeqCorpus

ASSUMED_CPU_FLOPS = 1e11
RATES = {"elman": 1e-3, "gru": 2e-3, "lstm": 2e-3}  # of adamw, at 256 hidden units
SENTENCE_RATES = {**RATES, "lstm": 4.2e-3}  # of subwords, each of which is in few mini-batches
SGD_RATE = 1.0  # Luong et al. (2015), section 4.1
MIN_PASSES = 6
HIDDEN_SIZES = (64, 96, 128, 192, 256, 320, 384, 448, 512)
REFERENCE_TOKENS, REFERENCE_SIZE = 5e5, 256  # tokens of the targets
SENTENCE_REFERENCE_SIZE = 160  # of subwords: most operations are in the readout, and more passes teach more than units
SMALL_VOCABULARY, SMALL_EMBEDDING, LARGE_EMBEDDING = 512, 64, 128
MANY_PAIRS, MANY_SENTENCES = 20_000, 100_000  # two layers in the encoder, and label smoothing
NARROW = 0.6  # hidden units of each direction of a deep encoder, as a share of the decoder's
ALIGNED_RATIO = 2 / 3  # least tokens of the shorter side for each token of the longer side
DROPOUTS = ((40, 0.2), (8, 0.1))  # (least passes over the pairs, dropout)
REFERENCE_SENTENCE_TOKENS = 5e5  # of the targets; more of them are memorized after more passes
LABEL_SMOOTHING = 0.1
AVERAGED_SHARE = 0.02  # of the updates
MIN_BATCH, MAX_BATCH = 16, 64
UPDATES_PER_EPOCH = 100  # at least, before mini-batches grow


def resolve(values: Values, corpus: Seq2SeqCorpus | None = None, flops: float = ASSUMED_CPU_FLOPS) -> Seq2SeqRun:
    """Return the whole config; mistakes among the values are one ConfigError.

    corpus is None before the data is read. flops is the rate at which this machine trains: a budget in minutes is worth
    that many operations.
    """
    if corpus is None:
        choices = _sizes(values, pairs=100_000, source_tokens=10**6, target_tokens=10**6, vocabulary=100, flops=flops)
        return validate_config(Seq2SeqRun, merge_values({"data": {}}, choices, values))
    train, text = corpus.train_set, corpus.text
    choices = _sizes(
        values,
        pairs=train.count,
        source_tokens=train.source.tokens,
        target_tokens=train.target.tokens,
        vocabulary=len(corpus.target_vocabulary),
        flops=flops,
        are_sentences=text.target.level == "bpe",
    )
    data = {
        "source_level": text.source.level,
        "target_level": text.target.level,
        "normalize": text.source.normalize,
        "max_length": corpus.max_length or 0,
    }
    return validate_config(Seq2SeqRun, merge_values({"data": data}, choices, values))


def _sizes(
    values: Values,
    *,
    pairs: int,
    source_tokens: int,
    target_tokens: int,
    vocabulary: int,
    flops: float,
    are_sentences: bool = False,
) -> Values:
    model, training = get_table(values, "model"), get_table(values, "training")
    budget = budget_of(training, default_minutes(target_tokens, are_sentences=are_sentences))
    many = MANY_SENTENCES if are_sentences else MANY_PAIRS
    cell = known_cell(model)
    ratio = source_tokens / max(1, target_tokens)
    aligned = min(ratio, 1.0 / max(ratio, 1e-9)) >= ALIGNED_RATIO and model.get("attention") != "none"
    batch = training.get("batch_size", batch_size(pairs))
    per_update = (positive_or_none(batch) or 1.0) / max(1, pairs)

    def passes(hidden_size: int) -> float:
        sizes = {"hidden_size": hidden_size, "aligned_input": aligned, **_layers(model, hidden_size, pairs, many)}
        operations = operations_per_token({"cell": cell, **sizes, **model}, ratio, vocabulary)
        return passes_over_data(
            budget, per_minute=60.0 * flops / operations / max(1, target_tokens), per_step=per_update
        )

    reference_size = SENTENCE_REFERENCE_SIZE if are_sentences else REFERENCE_SIZE
    limit = size_for_tokens(target_tokens, reference_tokens=REFERENCE_TOKENS, reference_size=reference_size)
    automatic = largest_size(HIDDEN_SIZES, at_most=limit, passes=passes, min_passes=MIN_PASSES)
    hidden_size = model.get("hidden_size", automatic)
    size = max(1, int(positive_or_none(hidden_size) or 1))
    updates = passes(size) * pairs / (positive_or_none(batch) or 1.0)
    rates = SENTENCE_RATES if are_sentences else RATES
    amount = max(1.0, target_tokens / REFERENCE_SENTENCE_TOKENS) if are_sentences else 1.0
    return {
        "model": {
            "hidden_size": hidden_size,
            "embedding_size": min(size, SMALL_EMBEDDING if vocabulary <= SMALL_VOCABULARY else LARGE_EMBEDDING),
            **_layers(model, size, pairs, many),
            "aligned_input": aligned,
            "dropout": next((dropout for least, dropout in DROPOUTS if passes(size) >= least * amount), 0.0),
            "label_smoothing": LABEL_SMOOTHING if pairs >= many else 0.0,
        },
        "training": {
            **budget,
            "batch_size": batch,
            "learning_rate": learning_rate(training, rates, cell, size, reference_size=256.0, sgd=SGD_RATE),
            "average_steps": averaged_updates(updates, share=AVERAGED_SHARE),
        },
    }


def _layers(model: Values, hidden_size: int, pairs: int, many: int) -> Values:
    """Return the layers of encoder and decoder, and the size of the encoder where it differs from the decoder's.

    many pairs give the encoder two layers.
    """
    if "num_layers" in model:
        return {}
    if pairs < many or model.get("bridge") == "copy":
        return {"num_layers": 1}
    narrow = max(32, 32 * round(NARROW * hidden_size / 32))
    is_bidirectional = model.get("bidirectional", True) is not False
    is_narrow = is_bidirectional and "hidden_size" not in model and narrow < hidden_size
    return {"num_layers": 2, "decoder_layers": 1, **({"encoder_hidden_size": narrow} if is_narrow else {})}


def operations_per_token(model: Values, ratio: float, vocabulary: int) -> float:
    """Return the floating-point operations of training on one target token, with `ratio` source tokens for each."""
    layers = _number(model, "num_layers", 1)
    hidden, D = _number(model, "hidden_size", 1), 1 if model.get("bidirectional") is False else 2
    inner = _number(model, "encoder_hidden_size", hidden)
    embedding = min(hidden, SMALL_EMBEDDING)
    encoder_gates = _gates(model.get("cell"))
    decoder_gates = _gates(model.get("decoder_cell") or model.get("cell"))
    encoder = D * encoder_gates * inner * (inner + embedding + (layers - 1) * (inner + D * inner))
    upper_inputs = (_number(model, "decoder_layers", layers) - 1) * 2 * hidden
    upper_inputs += hidden if model.get("attention_layer") == "first" else 0  # the context vectors
    other_inputs = hidden * sum(model.get(name) is True for name in ("aligned_input", "input_feeding"))
    decoder = decoder_gates * hidden * (hidden + embedding + other_inputs + upper_inputs)
    outputs = 2 * hidden * hidden + hidden * vocabulary
    return 6.0 * (ratio * (encoder + D * inner * hidden) + decoder + outputs)


def _number(model: Values, name: str, default: int) -> int:
    return max(1, int(positive_or_none(model.get(name)) or default))


def _gates(cell: Any) -> int:
    return CELLS[known_cell({"cell": cell})]().gates


def batch_size(pairs: int) -> int:
    """Return a mini-batch that is large enough to be fast, and small enough for many updates in an epoch."""
    return max(1, min(pairs, max(MIN_BATCH, min(MAX_BATCH, pairs // UPDATES_PER_EPOCH))))


def default_minutes(target_tokens: int, *, are_sentences: bool = False) -> float:
    """Return one minute for a small file, ten for a million tokens; for subwords of sentences four times as much."""
    minutes = round(min(10.0, max(1.0, target_tokens / 1e5)), 1)
    return min(20.0, 4.0 * minutes) if are_sentences else minutes
