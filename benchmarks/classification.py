"""Compare text classifiers of elman with TF-IDF and a linear model on the same splits of real data sets.

    python benchmarks/classification.py names FOLDER --test 0.15 --splits 3 --minutes 2
    python benchmarks/classification.py sms FILE --test 0.2 --splits 5 --minutes 2

FOLDER has one file per class; FILE has lines of `label TAB text` and no header. Exact duplicates are removed first.
Each split has its own seed and is stratified by label. elman takes its validation set from the training set; each
test set is used once. The other model is a linear support vector machine on scikit-learn's TF-IDF of character
n-grams (1 to 4).
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
from elman.bench.arguments import at_least
from elman.config import parse_assignments
from elman.tasks.classifier.config import ClassifierReaderConfig
from elman.tasks.classifier.readers import open_source

READERS = {
    "names": ClassifierReaderConfig(),
    "sms": ClassifierReaderConfig(columns=("label", "text"), format="tsv"),
}


def main() -> None:
    """Print accuracy and F1 of both models for every split, and their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=READERS)
    parser.add_argument("path", type=Path)
    parser.add_argument("--test", type=float, required=True, help="share of the test set")
    parser.add_argument("--splits", type=at_least(1), default=3, help="number of random splits")
    parser.add_argument("--minutes", type=float, default=2.0, help="training time per split")
    parser.add_argument("--rare", help="print the F1 of this label only")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of Classifier")
    arguments = parser.parse_args()
    examples = open_source(arguments.path, READERS[arguments.data], print).examples()
    pairs = list({(example.text, example.label): None for example in examples})
    texts, labels = map(list, zip(*pairs, strict=True))
    parameters: dict[str, Any] = parse_assignments(arguments.set)
    print(f"{len(texts):,} different texts, {len(set(labels))} labels; load {os.getloadavg()[0]:.1f}; {parameters}")
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in range(arguments.splits):
        split = train_test_split(texts, labels, test_size=arguments.test, random_state=seed, stratify=labels)
        models = {
            "elman": elman.Classifier(minutes=arguments.minutes, seed=seed, verbose=False, **parameters),
            "tf-idf": make_pipeline(
                TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True), LinearSVC(C=1.0)
            ),
        }
        for name, model in models.items():
            accuracy, f1 = evaluate(model, split, arguments.rare)
            scores.setdefault(name, []).append((accuracy, f1))
            print(f"split {seed}  {name:<8} accuracy {accuracy:.4f}  F1 {f1:.4f}", flush=True)
    for name, model_scores in scores.items():
        accuracy, f1 = (statistics.mean(column) for column in zip(*model_scores, strict=True))
        print(f"mean     {name:<8} accuracy {accuracy:.4f}  F1 {f1:.4f}")


def evaluate(model: Any, split: list[list[str]], rare_label: str | None) -> tuple[float, float]:
    """Train a model, and return its accuracy on the test set and its F1: the mean over labels, or that of one label."""
    train_texts, test_texts, train_labels, test_labels = split
    model.fit(train_texts, train_labels)
    predictions = list(model.predict(test_texts))
    accuracy = statistics.mean(a == b for a, b in zip(predictions, test_labels, strict=True))
    labels = [rare_label] if rare_label else None
    f1 = float(f1_score(test_labels, predictions, labels=labels, average="macro", zero_division=0.0))
    return accuracy, f1


if __name__ == "__main__":
    main()
