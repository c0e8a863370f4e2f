"""The model card: what a stranger who finds the folder needs to know.

All but its speed depends on the model and its data alone: the same model, the same card.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from elman.data.readers import SourceRecord
from elman.tasks.classifier.corpus import LabelledCorpus
from elman.tasks.classifier.predictor import ClassifierPredictor
from elman.tasks.forecaster.corpus import SeriesCorpus
from elman.tasks.forecaster.predictor import ForecasterPredictor
from elman.tasks.language_model.corpus import Corpus
from elman.tasks.language_model.predictor import LanguageModelPredictor
from elman.tasks.seq2seq.corpus import PairCorpus
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.tasks.tagger.corpus import TaggedCorpus
from elman.tasks.tagger.predictor import TaggerPredictor
from elman.text.sides import RESERVED

MOST_TAGS = 60  # listed with their F1; the first ones of more
TOKENS_TOLD = {"word": "tokens are what stands between spaces", "char": "every character is a token"}
NOUNS = {"char": "characters", "word": "words", "byte": "bytes", "bpe": "subwords"}  # of levels


def language_model_card(predictor: LanguageModelPredictor, valid: dict[str, Any], corpus: Corpus, speed: str) -> str:
    """Return the text of a model folder's README.md; speed in words."""
    config, text = predictor.config, predictor.text
    sizes = ", ".join(map(str, config.hidden_sizes))
    return f"""# Language model

Continues text and suggests next words, one {text.level} at a time. Made with elman; runs without PyTorch.

| | |
|---|---|
| cell | {config.cell}, hidden {sizes}, embedding {config.embedding_size} |
| size | {predictor.num_parameters:,} weights, {predictor.num_parameters * 4 / 1e6:.1f} MB |
| speed | {speed} |
| text | {text.level} level, {len(predictor.vocabulary):,} tokens in the vocabulary, normalisation: {text.normalize} |
| trained on | {corpus.train.tokens:,} tokens |
| held out | {valid["count"]:,} tokens: loss {valid["loss"]:.4f} nats per token, perplexity {valid["perplexity"]:.3f}, \
{valid["bits_per_character"]:.4f} bits per character |

Read from:

{_read_from(corpus.sources)}

## Use

```
elman generate FOLDER --prompt "..." --max-tokens 300 --temperature 0.7
elman generate FOLDER --prompt "..." --suggest 3
elman evaluate FOLDER other.txt
```

```python
import elman

model = elman.load("FOLDER")
print(model.generate("...", max_tokens=300, temperature=0.7))
```

It knows only what its text says, and repeats what is in it.
"""


def seq2seq_card(predictor: Seq2SeqPredictor, valid: dict[str, Any], corpus: PairCorpus, speed: str) -> str:
    """Return the text of an encoder-decoder's README.md; speed in words."""
    config, sides = predictor.config, predictor.sides
    ways = "both ways" if config.bidirectional else "one way"
    scores = "".join(
        f"| {name.replace('_', ' ')} | {value:.4f}{' nats per token' * (name == 'loss')} |\n"
        for name, value in valid.items()
        if isinstance(value, float)
    )
    known = [
        len(vocabulary) - len(RESERVED) for vocabulary in (predictor.source_vocabulary, predictor.target_vocabulary)
    ]
    return f"""# Sequence to sequence

Turns one sequence into another: {NOUNS[sides.source.level]} in, {NOUNS[sides.target.level]} out. Made with elman; \
runs without PyTorch.

| | |
|---|---|
| encoder | {config.num_layers} x {config.cell} {config.encoder_size}, {ways} |
| decoder | {config.num_decoder_layers} x {config.decoder_cell_name} {config.hidden_size}, \
attention {config.attention_told} |
| size | {predictor.num_parameters:,} weights, {predictor.num_parameters * 4 / 1e6:.1f} MB |
| speed | {speed} |
| source | {sides.source.level} level, {known[0]:,} tokens |
| target | {sides.target.level} level, {known[1]:,} tokens |
| trained on | {corpus.train_part.count:,} pairs |
| held out | {valid["count"]:,} sources, greedy |
{scores}
Read from:

{_read_from(corpus.sources)}

## Use

```
elman predict FOLDER sources.txt
elman evaluate FOLDER pairs.tsv
```

```python
import elman

model = elman.load("FOLDER")
print(model.predict(["..."]))
print(model.n_best(["..."], beam=5))
```

It knows only what its pairs say, and says something for every source.
"""


def classifier_card(predictor: ClassifierPredictor, valid: dict[str, Any], corpus: LabelledCorpus, speed: str) -> str:
    """Return the text of a classifier's README.md; speed in words."""
    config, text = predictor.config, predictor.text
    ways = "both ways" if config.bidirectional else "one way"
    f1 = {label: "" if value is None else f"{value:.4f}" for label, value in valid["f1"].items()}
    labels = "".join(
        f"| {_cell(label)} | {count:,} | {f1[label]} |\n"
        for label, count in zip(corpus.labels, corpus.label_counts, strict=True)
    )
    return f"""# Classifier

Gives a text one of {len(predictor.labels)} labels. Made with elman; runs without PyTorch.

| | |
|---|---|
| cell | {config.num_layers} x {config.cell} {config.hidden_size}, {ways}, of {config.reading_told}, \
pooling {config.pooling} |
| size | {predictor.num_parameters:,} weights, {predictor.num_parameters * 4 / 1e6:.1f} MB |
| speed | {speed} |
| text | {text.level} level, {len(predictor.vocabulary):,} tokens in the vocabulary, normalisation: {text.normalize} |
| trained on | {corpus.train_part.count:,} texts |
| held out | {valid["count"]:,} texts: accuracy {valid["accuracy"]:.4f}, macro F1 {valid["macro_f1"]:.4f}, \
loss {valid["loss"]:.4f} nats |

| label | texts trained on | F1, held out |
|---|---|---|
{labels}
Read from:

{_read_from(corpus.sources)}

## Use

```
elman predict FOLDER texts.txt
elman predict FOLDER texts.txt --explain
elman evaluate FOLDER labelled.tsv
```

```python
import elman

model = elman.load("FOLDER")
print(model.predict(["..."]))
print(model.predict_proba(["..."]))
```

It knows these labels alone, and gives one of them to every text.
"""


def tagger_card(predictor: TaggerPredictor, valid: dict[str, Any], corpus: TaggedCorpus, speed: str) -> str:
    """Return the text of a tagger's README.md; speed in words."""
    config, text = predictor.config, predictor.text
    ways = "both ways" if config.bidirectional else "one way"
    chosen = "all of a sentence together (conditional random field)" if config.crf else "each by itself"
    of_spans = f", F1 of spans {valid['span_f1']:.4f}" if "span_f1" in valid else ""
    unknown = f"{valid['unknown_accuracy']:.4f} of {valid['unknown_words']:,}" if valid["unknown_words"] else "none"
    tags = "".join(
        f"| {_cell(label)} | {'' if f1 is None else format(f1, '.4f')} |\n"
        for label, f1 in list(valid["f1"].items())[:MOST_TAGS]
    )
    return f"""# Tagger

Gives each token of a sentence one of {len(predictor.labels):,} tags. Made with elman; runs without PyTorch.

| | |
|---|---|
| cell | {config.num_layers} x {config.cell} {config.hidden_size}, {ways}, of {config.reading_told} |
| tags | chosen {chosen} |
| size | {predictor.num_parameters:,} weights, {predictor.num_parameters * 4 / 1e6:.1f} MB |
| speed | {speed} |
| text | {TOKENS_TOLD[text.level]}; {len(predictor.words):,} words in the vocabulary, normalisation: {text.normalize} |
| trained on | {corpus.train_part.count:,} sentences of {corpus.train_part.tokens:,} tokens |
| held out | {valid["sentences"]:,} sentences of {valid["count"]:,} tokens: \
accuracy {valid["accuracy"]:.4f}{of_spans}, loss {valid["loss"]:.4f} nats per token |
| words not in the vocabulary | accuracy {unknown} |

| tag | F1, held out |
|---|---|
{tags}
Read from:

{_read_from(corpus.sources)}

## Use

```
elman predict FOLDER sentences.txt
elman evaluate FOLDER tagged.conllu
```

```python
import elman

model = elman.load("FOLDER")
print(model.predict([["...", "..."]]))
```

It knows these tags alone, and gives one of them to every token.
"""


def forecaster_card(predictor: ForecasterPredictor, valid: dict[str, Any], corpus: SeriesCorpus, speed: str) -> str:
    """Return the text of a forecaster's README.md; speed in words."""
    config, scales = predictor.config, predictor.scales
    kept = f"{config.cell}, " if config.memory == "recurrent" else f"{config.delays} rows, "
    told = "the last value" if config.reference == "last" else f"the value a season ({config.season} rows) before"
    dates = corpus.series.dates
    step = f", a row a {dates.step}" if dates is not None and dates.step is not None else ""
    errors = "".join(
        f"| {_cell(name)} | {each['mae']:.6g} | {each['mae_last_value']:.6g} | {each['mae_seasonal_naive']:.6g} | "
        f"{each['relative_mae']:.3f} | {each['mase']:.3f} | {each['coverage']:.3f} |\n"
        for name, each in valid["targets"].items()
    )
    return f"""# Forecaster

Says the next {config.horizon} rows of a series. Made with elman; runs without PyTorch.

| | |
|---|---|
| memory | {config.memory}: {kept}{config.num_layers} x {config.hidden_size} |
| targets | {", ".join(map(_cell, scales.targets))}{", by their logarithms" * config.logarithm} |
| inputs | {", ".join(map(_cell, scales.inputs)) or "none"} |
| told as | differences from {told}; quantiles {", ".join(f"{q:g}" for q in config.quantiles)} |
| size | {predictor.num_parameters:,} weights, {predictor.num_parameters * 4 / 1e6:.1f} MB |
| speed | {speed} |
| trained on | {corpus.train_rows:,} rows{step} |
| held out | {valid["forecasts"]:,} forecasts, one from each row on: relative MAE {valid["relative_mae"]:.4f} |

| target | MAE, held out | last value | seasonal naive | relative MAE | MASE | coverage |
|---|---|---|---|---|---|---|
{errors}
Relative MAE is the error over that of the better of the two naive forecasts; coverage is the share of values between
the outermost quantiles, of which {valid["coverage_expected"]:.2f} is expected: the band was set on these very rows.

Read from:

{_read_from(corpus.sources)}

## Use

```
elman predict FOLDER history.csv
elman evaluate FOLDER series.csv --context {predictor.config.history_rows}
```

```python
import elman

model = elman.load("FOLDER")
print(model.predict(history).median)   # history: rows in time, the newest last
```

It knows this series alone, and goes on as it went on before.
"""


def _cell(text: str) -> str:
    """The text as a cell of a table."""
    return text.replace("|", "\\|")


def _read_from(sources: Sequence[SourceRecord]) -> str:
    return "\n".join(
        f"- {source.name.rsplit('/', 1)[-1]}, {source.bytes:,} bytes, SHA-256 {source.sha256}" for source in sources
    )
