"""The set of labels that a classifier or a tagger learns, and the checks that tell labels from other columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from elman.data.readers.excerpts import list_names
from elman.errors import DataError


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


def require_known_labels(labels: Iterable[tuple[str, str]], known: Sequence[str], noun: str) -> None:
    """Raise a DataError for a label, given with its place, that the model from which training continues lacks."""
    names = set(known)
    for label, place in labels:
        if label not in names:
            problem = f"the {noun} {label!r} is none of the model; expected one of {list_names(known)}"
            hint = f"Training that continues from a model keeps its {noun}s; train a new model for others"
            raise DataError(problem, hint=hint, where=place)
