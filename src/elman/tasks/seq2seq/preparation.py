"""Preparation of the corpus of an encoder-decoder: pairs to a corpus folder.

The split is by source: a source and all its targets are either in the training set or in the validation set. Sources
with the same tokens are the same source. A source with several targets makes several pairs in the training set, and one
example with several references in the validation set. Levels, subwords and vocabularies come from the training data
alone. The text of the pairs is in memory while the folder is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from elman.checkpoint.durable_files import sync_file, write_synced
from elman.config import Values
from elman.data.corpora.folder import source_names, write_examples, write_record
from elman.data.corpora.lengths import choose_max_length, report_long_examples, require_short_examples
from elman.data.corpora.split import (
    AUTOMATIC_VALID_EXAMPLES,
    has_split,
    in_random_order,
    report_no_validation_set,
    report_overlap,
    validation_size,
)
from elman.data.corpora.vocabularies import (
    VOCABULARIES,
    build_vocabulary,
    report_unknown_tokens,
    write_vocabularies,
)
from elman.data.layout import Layout
from elman.data.readers.encodings import Notify
from elman.data.sources import ExampleSource, common_layout
from elman.errors import DataError
from elman.text import NORMALIZERS, Vocabulary
from elman.text.sides import RESERVED, SideCodec
from elman.text.subwords import learn_merges
from elman.text.tokenizers import BYTE_TOKENS

from .config import MAX_RATIO, Level, Seq2SeqDataConfig, Seq2SeqRun, Seq2SeqTextConfig, SideConfig
from .corpus import RECORD, PairSet, Seq2SeqCorpus, SideCounts, group_by_source, without_repeated_targets
from .levels import choose_level, choose_normalization, number_of_subwords
from .readers import Pair, records_of, require_single_targets

Ids = npt.NDArray[np.int64]

SIDES = ("source", "target")
FILES = (*(f"train.{side}.{kind}" for side in SIDES for kind in ("ids", "ends")), "valid.jsonl", VOCABULARIES)
MAX_VALID_SOURCES = AUTOMATIC_VALID_EXAMPLES  # if the user gives no share
MIN_TARGET_TOKENS = 2  # of a vocabulary: with one target token, only the length of the targets is learned


class TextPair(NamedTuple):
    """A source and one target, as the training set has them."""

    source: str
    target: str


class StartModel(Protocol):
    """What the corpus takes from a model from which training continues."""

    text: Seq2SeqTextConfig
    source_codec: SideCodec
    target_codec: SideCodec


def prepare(
    folder: Path,
    values: Values,
    run: Seq2SeqRun,
    train_sources: Sequence[ExampleSource[Pair]],
    valid_sources: Sequence[ExampleSource[Pair]],
    notify: Notify,
    start: StartModel | None = None,
) -> Seq2SeqCorpus:
    """Read the sources, write the corpus folder, and open it; without valid_sources, split off the validation set.

    start is the model from which training continues, whose subwords and vocabularies are used.
    """
    config = run.data
    pairs: Iterable[Pair] = (pair for source in train_sources for pair in source.examples())
    train = list(pairs if config.extra_targets else require_single_targets(pairs))
    valid = [pair for source in valid_sources for pair in source.examples()] if valid_sources else None
    sources = [record for source in (*train_sources, *valid_sources) for record in records_of(source)]
    where = source_names(sources)
    layout = common_layout(train_sources)
    text = start.text if start is not None else _text_config(config, train, layout, notify)
    train, max_length = _without_long_pairs(train, text, config.max_length, where, notify)
    has_validation_set = valid is not None or has_split(len(group_by_source(train, text.source)), config.valid_fraction)
    train, examples = _sets(train, valid, text.source, config, where, notify)
    text_pairs = [TextPair(pair.source, target) for pair in train for target in pair.targets]
    least_targets = MIN_TARGET_TOKENS if has_validation_set else 1
    if start is not None:
        sides = {"source": text.source, "target": text.target}
        codecs = {"source": start.source_codec, "target": start.target_codec}
    else:
        sides, codecs = _codecs(text, text_pairs, config, least_targets, where)
    folder.mkdir(parents=True, exist_ok=True)
    record = _write_sets(folder, text_pairs, [without_repeated_targets(pair) for pair in examples], codecs)
    record |= {"has_validation_set": has_validation_set, "max_length": max_length}
    record["layout"] = layout.model_dump(mode="json")
    ratios = [record.pop("longest_ratio"), *([text.longest_ratio] if start is not None else [])]
    if ratios[0] > MAX_RATIO:
        notify(f"targets of more than {MAX_RATIO:.0f} tokens for each token of the source are cut there in predictions")
    record["text"] = Seq2SeqTextConfig(**sides, longest_ratio=max(ratios)).model_dump(mode="json")
    write_record(folder, RECORD, record, sources, FILES)
    corpus = Seq2SeqCorpus.open(folder)
    if start is not None:
        for side, counts in (("sources", corpus.train_set.source), ("targets", corpus.train_set.target)):
            report_unknown_tokens(counts.unknown, counts.tokens, f"tokens of the {side}", notify)
    return corpus


def _text_config(config: Seq2SeqDataConfig, pairs: Sequence[Pair], layout: Layout, notify: Notify) -> Seq2SeqTextConfig:
    """Return the tokenization of both sides, still without subwords. The targets of a dictionary are phones."""
    sources, targets = [pair.source for pair in pairs], [pair.targets[0] for pair in pairs]
    normalize = config.normalize or choose_normalization((sources, targets))
    phones: Level | None = "word" if layout.format == "lexicon" else None
    levels = [
        level or _level(texts, notify)
        for level, texts in ((config.source_level, sources), (config.target_level or phones, targets))
    ]
    source, target = (SideConfig(level=level, normalize=normalize) for level in levels)
    return Seq2SeqTextConfig(source=source, target=target)


def _level(texts: Sequence[str], notify: Notify) -> Level:
    """Return the level for a side; sentences are read by characters where subwords cannot be learned."""
    level = choose_level(texts)
    if level != "bpe" or find_spec("tokenizers"):
        return level
    notify("reading sentences by characters; subwords give better translations. Install elman[bpe] to use them")
    return choose_level(texts, subwords=False)


def _without_long_pairs(
    pairs: Sequence[Pair], text: Seq2SeqTextConfig, max_length: int | None, where: str, notify: Notify
) -> tuple[list[Pair], int | None]:
    """Return the pairs of which no text is longer than the limit, and the limit; both sides are measured in tokens.

    Subwords are not learned yet, so texts of level bpe are measured in characters.
    """
    source, target = text.source.tokenizer(), text.target.tokenizer()
    lengths = [
        max(len(source.split(pair.source)), *(len(target.split(text)) for text in pair.targets)) for pair in pairs
    ]
    limit = choose_max_length(lengths, max_length)
    if limit is None:
        return list(pairs), None
    longest = pairs[lengths.index(max(lengths))].where if lengths else ""
    report_long_examples(lengths, limit, "pairs", "left out", notify, longest)
    short = [pair for pair, length in zip(pairs, lengths, strict=True) if length <= limit]
    if pairs:
        require_short_examples(len(short), limit, where)
    return short, limit


def _sets(
    train: Sequence[Pair],
    valid: Sequence[Pair] | None,
    side: SideConfig,
    config: Seq2SeqDataConfig,
    where: str,
    notify: Notify,
) -> tuple[list[Pair], list[Pair]]:
    """Return training set and validation set, a pair for each source; too few sources are a DataError.

    valid is None if the validation set is to be split off. Without a validation set, both are the training set.
    """
    groups = group_by_source(train, side)
    if not groups:
        raise DataError("has no pairs; expected some", hint="Write SOURCE TAB TARGET on each line", where=where)
    if len(groups) < 2 and len(train) > 1 and config.valid_fraction != 0.0:
        hint = "Check that the first column is the source; --columns names other columns"
        raise DataError("all pairs have the same source; expected different sources", hint=hint, where=where)
    if valid is None and not has_split(len(groups), config.valid_fraction):
        report_no_validation_set(len(groups), "sources", config.valid_fraction, notify)
        return list(groups.values()), list(groups.values())
    rng = np.random.default_rng([config.split_seed, 0x9A125])
    if valid is None:
        train_set, valid_set = _split(list(groups.values()), config.valid_fraction, rng)
    else:
        valid_groups = group_by_source(valid, side)
        report_overlap(groups.keys(), list(valid_groups), "sources", notify)
        train_set, valid_set = list(groups.values()), in_random_order(list(valid_groups.values()), rng)
    if not train_set or not valid_set:
        problem = f"{len(train_set):,} sources in the training set and {len(valid_set):,} in the validation set"
        hint = "Choose another --valid-fraction" if valid is None else "Name a --valid that has pairs"
        raise DataError(f"{problem}; expected at least 1 in each", hint=hint, where=where)
    return train_set, valid_set


def _split(pairs: Sequence[Pair], fraction: float | None, rng: np.random.Generator) -> tuple[list[Pair], list[Pair]]:
    """Return the training set in order, and the validation set in random order."""
    size = validation_size(len(pairs), fraction, at_most=MAX_VALID_SOURCES)
    chosen = in_random_order(range(len(pairs)), rng)[:size]
    outside = set(chosen)
    return [pair for i, pair in enumerate(pairs) if i not in outside], [pairs[i] for i in chosen]


def _codecs(
    text: Seq2SeqTextConfig, pairs: Sequence[TextPair], config: Seq2SeqDataConfig, least_targets: int, where: str
) -> tuple[dict[str, SideConfig], dict[str, SideCodec]]:
    """Return both sides with their subwords, and their codecs, learned from the training set."""
    sides, codecs = {}, {}
    for number, (name, side) in enumerate((("source", text.source), ("target", text.target))):
        texts = [pair[number] for pair in pairs]
        sides[name] = _with_merges(side, texts, config.vocabulary_size)
        least = least_targets if name == "target" else 1
        codecs[name] = sides[name].codec(_vocabulary(name, sides[name], texts, config, least, where))
    return sides, codecs


def _with_merges(side: SideConfig, texts: Sequence[str], size: int | None) -> SideConfig:
    """Return the side with subwords that are learned from these texts; a side of another level as it is."""
    if side.level != "bpe":
        return side
    normalized = map(NORMALIZERS[side.normalize].prompt, texts)
    return side.model_copy(update={"merges": learn_merges(normalized, size or number_of_subwords(texts))})


def _vocabulary(
    name: str, side: SideConfig, texts: Iterable[str], config: Seq2SeqDataConfig, least: int, where: str
) -> Vocabulary:
    """Return the vocabulary of one side; fewer than `least` tokens are a DataError."""
    if side.level == "byte":
        return Vocabulary((*RESERVED, *BYTE_TOKENS))
    tokenizer = side.tokenizer()
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(tokenizer.split(text))
    min_frequency = 1 if config.min_frequency is None and side.level == "bpe" else config.min_frequency
    vocabulary = build_vocabulary(
        counts, min_frequency=min_frequency, max_size=config.vocabulary_size, reserved=RESERVED
    )
    size = max(len(vocabulary) - len(RESERVED), 0)
    if size < least:
        has_enough = len(counts) >= least
        hint = "Lower min_frequency or raise vocabulary_size" if has_enough else "Check the columns; see --columns"
        problem = f"the {name}s have {size} different tokens in the vocabulary; expected at least {least}"
        raise DataError(problem, hint=hint, where=where)
    return vocabulary


def _write_sets(
    folder: Path,
    pairs: Sequence[TextPair],
    examples: Sequence[Pair],
    codecs: Mapping[str, SideCodec],
) -> dict[str, Any]:
    """Write all files but the record, and return counts, types of the ids and longest_ratio."""
    train, lengths, dtypes = {}, {}, {}
    for number, (side, codec) in enumerate(codecs.items()):
        dtype = np.min_scalar_type(len(codec.vocabulary) - 1)
        ids = (codec.encode(pair[number]) for pair in pairs)
        train[side], lengths[side] = _write_ids(folder / f"train.{side}.ids", ids, dtype)
        dtypes[side] = dtype.name
    write_examples(
        folder / "valid.jsonl", ({"source": example.source, "targets": example.targets} for example in examples)
    )
    write_vocabularies(folder, {side: codec.vocabulary.tokens for side, codec in codecs.items()})
    source, _ = _counted(codecs["source"].encode(example.source) for example in examples)
    target, _ = _counted(codecs["target"].encode(text) for example in examples for text in example.targets)
    return {
        "train": asdict(PairSet(len(pairs), train["source"], train["target"])),
        "valid": asdict(PairSet(len(examples), source, target)),
        "dtypes": dtypes,
        "longest_ratio": float(((lengths["target"] + 1) / (lengths["source"] + 1)).max()),
    }


def _write_ids(path: Path, lists: Iterable[Ids], dtype: np.dtype[Any]) -> tuple[SideCounts, Ids]:
    """Write the ids of all lists and the position where each list ends; return the counts and the lengths."""
    with path.open("wb") as stream:

        def written() -> Iterator[Ids]:
            for ids in lists:
                stream.write(ids.astype(dtype).tobytes())
                yield ids

        counts, lengths = _counted(written())
    sync_file(path)
    write_synced(path.with_suffix(".ends"), np.cumsum(lengths).tobytes())
    return counts, lengths


def _counted(lists: Iterable[Ids]) -> tuple[SideCounts, Ids]:
    """Return the counts of lists of ids, and the length of each list."""
    counts = np.array([(len(ids), np.count_nonzero(ids == 0)) for ids in lists], np.int64)
    tokens, unknown = counts.sum(0).tolist()
    return SideCounts(tokens, unknown, int(counts[:, 0].max())), counts[:, 0]
