"""The set of labels that a classifier or a tagger learns, and the checks that tell labels from other columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from elman.data.readers.encodings import Notify
from elman.data.readers.excerpts import list_names
from elman.errors import DataError

MISSING_VALUES = {"nan", "null", "none", "n/a", "na", "#n/a", "?", "-"}  # as pandas, databases and Excel write them


@dataclass(frozen=True, slots=True)
class LabelRules:
    """How labels and examples are called in messages, and how many different labels are plausible."""

    label: str  # "label", "tag"
    example: str  # "text", "token"
    many: int  # more labels than this must also be fewer than many_share of the examples
    many_share: float
    other_column_hint: str
    least: int = 2  # labels


def without_validation_set(rules: LabelRules, examples: int, valid_fraction: float | None) -> LabelRules:
    """Return the rules without a validation set: one label is enough for one example, or where the user asks for it."""
    return replace(rules, least=1) if examples == 1 or valid_fraction == 0.0 else rules


def label_set(
    train: Iterable[str], valid: Iterable[tuple[str, str]], rules: LabelRules, *, examples: int, where: str
) -> tuple[str, ...]:
    """Return the labels of the training set in alphabetical order.

    valid are the labels of the validation set, each with its place. Too few or too many labels, and a validation label
    that the training set lacks, are DataErrors.
    """
    labels = tuple(sorted(set(train)))
    noun = rules.label
    if len(labels) < rules.least:
        problem = f"all {rules.example}s have the {noun} {labels[0]!r}; expected two {noun}s or more"
        raise DataError(problem, hint=rules.other_column_hint, where=where)
    if len(labels) > max(rules.many, rules.many_share * examples):
        problem = f"{len(labels):,} different {noun}s for {examples:,} {rules.example}s; expected {noun}s that repeat"
        raise DataError(problem, hint=rules.other_column_hint, where=where)
    known = set(labels)
    for label, place in valid:
        if label not in known:
            problem = f"the {noun} {label!r} is not in the training set; expected one of {list_names(labels)}"
            raise DataError(problem, where=place)
    return labels


def report_doubtful_labels(counts: Mapping[str, int], rules: LabelRules, notify: Notify) -> None:
    """Report labels that look like mistakes: spelled like another one, named like a missing value, or used once."""
    spellings: dict[str, list[str]] = {}
    for label in sorted(counts):
        spellings.setdefault(label.casefold(), []).append(label)
    for alike in spellings.values():
        if len(alike) > 1:
            notify(
                f"the {rules.label}s {list_names(alike)} differ only in upper and lower case. Is it one {rules.label}?"
            )
    for label in sorted(counts):
        if label.casefold() in MISSING_VALUES:
            notify(f"the {rules.label} {label!r} may be a missing value; leave out its rows if it is one")
    single = [label for label in sorted(counts) if counts[label] == 1]
    if single and len(counts) > len(single):
        notify(f"{rules.label}s of a single {rules.example}, which cannot be learned: {list_names(single)}")


def require_known_labels(labels: Iterable[tuple[str, str]], known: Sequence[str], noun: str) -> None:
    """Raise a DataError for a label, given with its place, that the model from which training continues lacks."""
    names = set(known)
    for label, place in labels:
        if label not in names:
            problem = f"the {noun} {label!r} is none of the model; expected one of {list_names(known)}"
            hint = f"Training that continues from a model keeps its {noun}s; train a new model for others"
            raise DataError(problem, hint=hint, where=place)
