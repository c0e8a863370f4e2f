"""Sentences that the tasks share: what is printed before training, the frame of a model card, and a measured speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from elman.data.readers.text import SourceRecord
from elman.training.config import TrainingConfig
from elman.translations import translate

_MADE_WITH = "Made with elman; runs without PyTorch."
LEVEL_NOUNS = {"char": "characters", "word": "words", "byte": "bytes", "bpe": "subwords"}


class Corpus(Protocol):
    """What the corpora of all tasks have."""

    @property
    def has_validation_set(self) -> bool:
        """Whether some data are not trained on; if not, the training set is scored."""


def scored_set(corpus: Corpus) -> str:
    """Return the name of the set that the metrics are of."""
    return "validation set" if corpus.has_validation_set else "training set"


def scores_row(corpus: Corpus) -> str:
    """Return the name of the row of a model card that has the metrics."""
    return "validation set" if corpus.has_validation_set else "scores of the training set"


def describe_validation_set(corpus: Corpus, size: str) -> str:
    """Return the size of the validation set after its name, or that there is none."""
    return f"validation set: {size}" if corpus.has_validation_set else "no validation set"


def describe_training(training: TrainingConfig, examples: str) -> str:
    """Return mini-batch, optimizer, machine and budget; examples says what a mini-batch holds."""
    budgets = {"steps": training.steps, "epochs": training.epochs, "minutes": training.minutes}
    budget = next(f"{value:g} {name}" for name, value in budgets.items() if value is not None)
    threads = f"{training.threads} thread{'s' * (training.threads > 1)} on {training.device}"
    return (
        f"mini-batches of {training.batch_size} {examples}; {training.optimizer} with learning rate "
        f"{training.learning_rate:g}; {threads}; {budget}"
    )


def items_per_second(work: Callable[[], int], seconds: float = 0.02) -> float:
    """Return the best rate of `work`, which returns how many items it has done, repeated for about that long."""
    best, until = 0.0, time.perf_counter() + seconds
    while not best or time.perf_counter() < until:
        began = time.perf_counter()
        count = work()
        best = max(best, count / (time.perf_counter() - began))
    return best


def model_card(
    *,
    title: str,
    summary: str,
    rows: Iterable[tuple[str, str]],
    tables: str,
    sources: Sequence[SourceRecord],
    commands: Sequence[str],
    code: str,
    limits: str,
) -> str:
    """Return the text of a model folder's README.md, in the current language. The arguments are in English.

    `tables` stands between the facts and the sources.

    Everything but the speed depends on the model and its data alone: the same model has the same card.
    """
    facts = "".join(f"| {translate(name, 'words')} | {translate(value)} |\n" for name, value in rows)
    read = "\n".join(
        translate(f"- {source.name.rsplit('/', 1)[-1]}, {source.bytes:,} bytes, SHA-256 {source.sha256}")
        for source in sources
    )
    heading = translate("Training data:")
    usage = "\n".join(commands)
    return f"""# {translate(title, "words")}

{translate(f"{summary} {_MADE_WITH}")}

| | |
|---|---|
{facts}{translate(tables)}
{heading}

{read}

## {translate("Use", "words")}

```
{usage}
```

```python
import elman

model = elman.load("FOLDER")
{translate(code)}
```

{translate(limits)}
"""


def describe_size(num_parameters: int) -> str:
    """Return the number of weights and the megabytes that they take."""
    return f"{num_parameters:,} weights, {num_parameters * 4 / 1e6:.1f} MB"


def table_cell(text: str) -> str:
    """Return a text as a cell of a Markdown table."""
    return text.replace("|", "\\|")


def on_one_line(text: str) -> str:
    """Return the text with spaces for line ends and tabs, which separate lines and columns of output."""
    return text.replace("\r\n", " ").translate({ord(c): " " for c in "\r\n\t"})
