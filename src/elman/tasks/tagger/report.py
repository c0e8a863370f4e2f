"""What a tagger writes for people: descriptions of a run, the table of `evaluate`, and the model card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from elman.tasks.descriptions import (
    describe_size,
    describe_training,
    describe_validation_set,
    items_per_second,
    scored_set,
    scores_row,
    table_cell,
)
from elman.tasks.descriptions import model_card as card_of
from elman.translations import translate

from .config import TaggerRun
from .corpus import TaggerCorpus
from .predictor import TaggerPredictor

SPEED_SENTENCES = 500  # tagged at once to measure the speed
MAX_TAGS = 60  # rows of a table; --json has all
TOKENS_DESCRIBED = {"word": "words between spaces", "char": "single characters"}


def describe_run(config: TaggerRun, corpus: TaggerCorpus) -> Iterator[str]:
    """Yield the data, the model and the training in one line each."""
    model, train = config.model, corpus.train_set
    validation_set = describe_validation_set(corpus, f"{corpus.valid_set.count:,} sentences")
    yield (
        f"training set: {train.count:,} sentences, {train.tokens:,} tokens; {validation_set}; "
        f"{len(corpus.words):,} different words, {len(corpus.labels):,} tags"
    )
    yield (
        f"{model.num_layers} x {model.cell} {model.hidden_size}, {model.directions_described}"
        f"{', conditional random field' if model.crf else ''}; inputs: {model.inputs_described}; "
        f"dropout {model.dropout:g}"
    )
    yield describe_training(config.training, "sentences")


def summary(metrics: dict[str, Any]) -> str:
    """Return the metrics on one line."""
    by_span = f", F1 of spans {metrics['span_f1']:.4f}" if "span_f1" in metrics else ""
    return f"{metrics['accuracy']:.2%} of {metrics['count']:,} tags correct{by_span}"


def next_commands(run: str) -> str:
    """Return what a user may do next with a run."""
    return f"elman predict {run} sentences.txt   or   elman evaluate {run} tagged.conllu"


def measure_speed(predictor: TaggerPredictor, corpus: TaggerCorpus) -> str:
    """Return how many tokens a second are tagged here."""
    sentences = [example.tokens for example in corpus.valid()[:SPEED_SENTENCES]]
    rate = items_per_second(lambda: sum(map(len, predictor.predict(sentences))))
    return f"{rate:,.0f} tokens a second, where it was trained"


def tables(metrics: dict[str, Any]) -> list[str]:
    """Return F1 of each tag."""
    from rich.cells import cell_len, set_cell_size  # a Chinese character is two cells wide

    rows = list(metrics["f1"].items())[:MAX_TAGS]
    heading = translate("tag", "words")
    width = max(cell_len(label) for label in [heading, *(label for label, _ in rows)]) + 2
    lines = ["", f"{set_cell_size(heading, width)}{'f1':>7}"]
    for label, f1 in rows:
        lines.append(f"{set_cell_size(label, width)}{'' if f1 is None else format(f1, '.4f'):>7}")
    if more := len(metrics["f1"]) - len(rows):
        lines.append(translate(f"and {more:,} more"))
    return lines


def model_card(predictor: TaggerPredictor, valid: dict[str, Any], corpus: TaggerCorpus, speed: str) -> str:
    """Return the text of the model folder's README.md."""
    config, text = predictor.config, predictor.text
    by_span = f", F1 of spans {valid['span_f1']:.4f}" if "span_f1" in valid else ""
    unknown = translate("none", "words")
    if valid["unknown_words"]:
        unknown = f"accuracy {valid['unknown_accuracy']:.4f} of {valid['unknown_words']:,}"
    tags = "".join(
        f"| {table_cell(label)} | {'' if f1 is None else format(f1, '.4f')} |\n"
        for label, f1 in list(valid["f1"].items())[:MAX_TAGS]
    )
    return card_of(
        title="Tagger",
        summary=f"Gives each token of a sentence one of {len(predictor.labels):,} tags.",
        rows=[
            ("cell", f"{config.num_layers} x {config.cell} {config.hidden_size}, {config.directions_described}"),
            ("inputs", config.inputs_described),
            ("tags", "all of a sentence together (conditional random field)" if config.crf else "each independently"),
            ("size", describe_size(predictor.num_parameters)),
            ("speed", speed),
            (
                "text",
                f"{TOKENS_DESCRIBED[text.level]}, {len(predictor.words):,} words in the vocabulary, "
                f"normalization: {text.normalize}",
            ),
            ("training set", f"{corpus.train_set.count:,} sentences, {corpus.train_set.tokens:,} tokens"),
            (
                scores_row(corpus),
                f"{valid['sentences']:,} sentences, {valid['count']:,} tokens: accuracy {valid['accuracy']:.4f}"
                f"{by_span}, loss {valid['loss']:.4f} nats for each token",
            ),
            ("words not in the vocabulary", unknown),
        ],
        tables=f"\n| tag | F1 on the {scored_set(corpus)} |\n|---|---|\n{tags}",
        sources=corpus.sources,
        commands=["elman predict FOLDER sentences.txt", "elman evaluate FOLDER tagged.conllu"],
        code='print(model.predict([["...", "..."]]))',
        limits="It knows only these tags, and gives one of them to every token.",
    )
