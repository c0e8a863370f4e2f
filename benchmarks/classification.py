"""How right classifiers are on real texts, beside TF-IDF and a linear model on the same splits.

    python benchmarks/classification.py names FOLDER --test 0.15 --splits 3 --minutes 2
    python benchmarks/classification.py sms FILE --test 0.2 --splits 5 --minutes 2

FOLDER has one file a class, FILE is `label TAB text` without a header. Exact duplicates are removed first; each split
is drawn by its seed, label by label. Of the training part, elman holds a share out for itself; the test part is scored
once. The peer is scikit-learn's TF-IDF of characters (n-grams of 1 to 4) with a linear support vector machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import elman
from elman.config import parse_assignments
from elman.data.readers import TextSource
from elman.tasks.classifier.readers import ClassFolder, Columns, read_labelled

READERS = {
    "names": lambda path: ClassFolder(path).labelled(),
    "sms": lambda path: read_labelled(TextSource(path), columns=Columns(names=("label", "text")), format="tsv"),
}


def main() -> None:
    """Print accuracy and F1 of both on each split, and their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=READERS)
    parser.add_argument("path", type=Path)
    parser.add_argument("--test", type=float, required=True, help="share")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=2.0, help="of training, each split")
    parser.add_argument("--rare", help="the label whose F1 is told too")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of Classifier")
    given = parser.parse_args()
    pairs = list({(each.text, each.label): None for each in READERS[given.data](given.path)})
    texts, labels = map(list, zip(*pairs, strict=True))
    chosen: dict[str, Any] = parse_assignments(given.set)
    print(f"{len(texts):,} different texts, {len(set(labels))} labels; load {os.getloadavg()[0]:.1f}; {chosen}")
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(given.splits):
        parts = train_test_split(texts, labels, test_size=given.test, random_state=seed, stratify=labels)
        learned, test, learned_labels, test_labels = parts
        models = {
            "elman": elman.Classifier(minutes=given.minutes, seed=seed, verbose=False, **chosen),
            "tf-idf": make_pipeline(
                TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True), LinearSVC(C=1.0)
            ),
        }
        for name, model in models.items():
            model.fit(learned, learned_labels)
            decided = list(model.predict(test))
            accuracy = statistics.mean(a == b for a, b in zip(decided, test_labels, strict=True))
            only = {"labels": [given.rare], "average": "macro"} if given.rare else {"average": "macro"}
            f1 = float(f1_score(test_labels, decided, zero_division=0.0, **only))
            found.setdefault(name, []).append((accuracy, f1))
            print(f"split {seed}  {name:<8} accuracy {accuracy:.4f}  F1 {f1:.4f}", flush=True)
    for name, scores in found.items():
        accuracy, f1 = (statistics.mean(column) for column in zip(*scores, strict=True))
        print(f"mean     {name:<8} accuracy {accuracy:.4f}  F1 {f1:.4f}")


if __name__ == "__main__":
    main()
