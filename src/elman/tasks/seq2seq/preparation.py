"""Preparation of pairs: pairs to a pair corpus.

Whole sources are held out, so that none of them is in the training part: a source is told by its tokens, and a target
of a source seen before is one more pair in training, one more reference in the held-out part. The vocabularies know
nothing of the held-out part. Its examples are in random order, so that the first ones are a sample of it. The text of
the pairs is held in memory while the folder is written.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.checkpoint.sealed import json_bytes, sync_file, write_synced
from elman.data.encodings import Notify
from elman.data.readers import SourceRecord
from elman.data.sealed_record import file_sha256, sealed
from elman.errors import DataError
from elman.tasks.language_model.preparation import AUTOMATIC_VALID_SHARE, RARE_FROM_KINDS
from elman.tasks.seq2seq.corpus import Example, PairCorpus, PairPart, SideConfig, SidePart, by_source, references_of
from elman.tasks.seq2seq.readers import Pair
from elman.text import NORMALIZERS, Vocabulary
from elman.text.sides import RESERVED, SideCodec
from elman.text.subwords import learn_merges
from elman.text.tokenizers import BYTE_TOKENS

Ids = npt.NDArray[np.int64]
Texts = Sequence[tuple[str, str]]  # source and target

AUTOMATIC_VALID_SOURCES = 5_000
SUBWORDS = 4_000  # of a side, where nothing is said
MIN_TARGET_TOKENS = 2  # different ones: of a single one there is nothing to choose
FILES = (
    "train.source.ids",
    "train.source.ends",
    "train.target.ids",
    "train.target.ends",
    "valid.jsonl",
    "vocabulary.json",
)


def prepare_pairs(
    folder: Path,
    train: Iterable[Pair],
    source: SideConfig,
    target: SideConfig,
    *,
    valid: Iterable[Pair] | None = None,
    valid_fraction: float | None = None,
    min_frequency: int | None = None,
    vocabulary_size: int | None = None,
    seed: int = 0,
    records: Callable[[], Sequence[SourceRecord]],
    notify: Notify = lambda message: None,
) -> PairCorpus:
    """Read the pairs, write the folder, and open it.

    The held-out part is `valid`, or valid_fraction of the different sources, chosen by the seed; None is a tenth, at
    most 5,000. min_frequency None keeps every token of a small vocabulary, and of a large one those seen twice.
    `records` is asked once everything is read.
    """
    groups = by_source(train, source)
    given = None if valid is None else by_source(valid, source)
    sources = records()
    where = ", ".join(record.name for record in sources)
    learned, held_out = _parts(groups, given, valid_fraction, seed, where)
    if given is not None and (shared := len(groups.keys() & given.keys())):
        notify(f"{shared:,} of the {len(given):,} held-out sources are in the training data too")
    pairs = [(example.source, text) for example in learned for text in example.targets]
    source = _learned(source, (text for text, _ in pairs), vocabulary_size)
    target = _learned(target, (text for _, text in pairs), vocabulary_size)
    limits = _Limits(min_frequency, vocabulary_size, where)
    codecs = {
        "source": source.codec(limits.vocabulary(source, (text for text, _ in pairs), "sources", least=1)),
        "target": target.codec(
            limits.vocabulary(target, (text for _, text in pairs), "targets", least=MIN_TARGET_TOKENS)
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    record = _write(folder, pairs, held_out, codecs)
    record["sources"] = [asdict(each) for each in sources]
    record["sides"] = {"source": source.model_dump(mode="json"), "target": target.model_dump(mode="json")}
    write_synced(folder / "pairs.json", sealed(record))
    return PairCorpus.open(folder)


def _learned(side: SideConfig, texts: Iterable[str], size: int | None) -> SideConfig:
    """The side with merges for so many subwords, learned from these texts; a side of another level as it is."""
    if side.level != "bpe" or side.merges:
        return side
    normalized = map(NORMALIZERS[side.normalize].prompt, texts)
    return side.model_copy(update={"merges": learn_merges(normalized, size or SUBWORDS)})


def _parts(
    groups: Mapping[str, Example],
    given: Mapping[str, Example] | None,
    fraction: float | None,
    seed: int,
    where: str,
) -> tuple[list[Example], list[Example]]:
    """What is learned, with repeated targets, and what is held out, in random order, without."""
    learned = list(groups.values())
    if not learned:
        raise DataError("holds no pairs, expected some", hint="write SOURCE TAB TARGET, a pair a line", where=where)
    if len(learned) < 2:
        hint = "is the first column the source? --columns picks others"
        raise DataError("all pairs have one source, expected different ones", hint=hint, where=where)
    rng = np.random.default_rng([seed, 0x9A125])
    if given is not None:
        examples = list(given.values())
        held_out = [examples[i] for i in rng.permutation(len(examples))]
    else:
        chosen = rng.permutation(len(learned))[: _held_out_sources(len(learned), fraction)].tolist()
        held_out = [learned[i] for i in chosen]
        outside = set(chosen)
        learned = [example for i, example in enumerate(learned) if i not in outside]
    if not learned or not held_out:
        what = f"{len(learned):,} sources to train on and {len(held_out):,} held out, expected at least 1 and 1"
        hint = "name another --valid-fraction" if given is None else "name a --valid that holds pairs"
        raise DataError(what, hint=hint, where=where)
    return learned, [references_of(example) for example in held_out]


def _held_out_sources(total: int, fraction: float | None) -> int:
    share = AUTOMATIC_VALID_SHARE if fraction is None else fraction
    held_out = min(max(total - int(total * (1.0 - share)), 0), total)
    return held_out if fraction is not None else min(held_out, AUTOMATIC_VALID_SOURCES)


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a vocabulary may hold, and where to say that it holds too little."""

    min_frequency: int | None
    max_size: int | None
    where: str

    def vocabulary(self, side: SideConfig, texts: Iterable[str], noun: str, *, least: int) -> Vocabulary:
        if side.level == "byte":
            return Vocabulary((*RESERVED, *BYTE_TOKENS))
        counts: Counter[str] = Counter()
        cutter = side.cutter()
        for text in texts:
            counts.update(cutter.tokens(text))
        min_frequency = self.min_frequency
        if min_frequency is None:
            min_frequency = 1 if len(counts) < RARE_FROM_KINDS or side.level == "bpe" else 2
        vocabulary = Vocabulary.from_counts(
            counts, min_frequency=min_frequency, max_size=self.max_size, reserved=RESERVED
        )
        known = max(len(vocabulary) - len(RESERVED), 0)
        if known < least:
            enough = len(counts) >= least
            hint = "lower min_frequency or raise vocabulary_size" if enough else "are the columns right? see --columns"
            what = f"the {noun} have a vocabulary of {known}, expected at least {least} different tokens"
            raise DataError(what, hint=hint, where=self.where)
        return vocabulary


def _write(folder: Path, pairs: Texts, held_out: Sequence[Example], codecs: Mapping[str, SideCodec]) -> dict[str, Any]:
    """Write all files but pairs.json, and return what it says of them."""
    train, lengths, dtypes = {}, {}, {}
    for number, (side, codec) in enumerate(codecs.items()):
        dtype = np.min_scalar_type(len(codec.vocabulary) - 1)
        lists = (codec.encode(pair[number]) for pair in pairs)
        train[side], lengths[side] = _write_ids(folder / f"train.{side}.ids", lists, dtype)
        dtypes[side] = dtype.name
    lines = (json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in held_out)
    write_synced(folder / "valid.jsonl", "".join(lines).encode())
    source, _ = _counted(codecs["source"].encode(example.source) for example in held_out)
    target, _ = _counted(codecs["target"].encode(text) for example in held_out for text in example.targets)
    listed = {side: list(codec.vocabulary.tokens) for side, codec in codecs.items()}
    write_synced(folder / "vocabulary.json", json_bytes(listed))
    return {
        "train": asdict(PairPart(len(pairs), train["source"], train["target"])),
        "valid": asdict(PairPart(len(held_out), source, target)),
        "dtypes": dtypes,
        "longest_ratio": float(((lengths["target"] + 1) / (lengths["source"] + 1)).max()),
        "files": {name: file_sha256(folder / name) for name in FILES},
    }


def _write_ids(path: Path, lists: Iterable[Ids], dtype: np.dtype[Any]) -> tuple[SidePart, Ids]:
    """Write the ids, and beside them where each list ends."""
    with path.open("wb") as stream:

        def written() -> Iterator[Ids]:
            for ids in lists:
                stream.write(ids.astype(dtype).tobytes())
                yield ids

        part, lengths = _counted(written())
    sync_file(path)
    write_synced(path.with_suffix(".ends"), np.cumsum(lengths).tobytes())
    return part, lengths


def _counted(lists: Iterable[Ids]) -> tuple[SidePart, Ids]:
    """The counts of lists of ids, and the length of each."""
    counts = np.array([(len(ids), np.count_nonzero(ids == 0)) for ids in lists], np.int64)
    tokens, unknown = counts.sum(0).tolist()
    return SidePart(tokens, unknown, int(counts[:, 0].max())), counts[:, 0]
