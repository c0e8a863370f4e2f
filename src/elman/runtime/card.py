"""The model card: what a stranger who finds the folder needs to know. No clock in it: the same model, the same card."""

from __future__ import annotations

from typing import Any

from elman.data.corpus import Corpus

from .language_model import LanguageModelPredictor


def write_card(predictor: LanguageModelPredictor, valid: dict[str, Any], corpus: Corpus) -> str:
    """Return the text of a model folder's README.md."""
    config, text = predictor.config, predictor.text
    sources = "\n".join(
        f"- {source.name.rsplit('/', 1)[-1]}, {source.bytes:,} bytes, SHA-256 {source.sha256}"
        for source in corpus.sources
    )
    sizes = ", ".join(map(str, config.hidden_sizes))
    return f"""# Language model

Continues text and suggests next words, one {text.level} at a time. Made with elman; runs without PyTorch.

| | |
|---|---|
| cell | {config.cell}, hidden {sizes}, embedding {config.embedding_size} |
| size | {predictor.num_parameters:,} weights, {predictor.num_parameters * 4 / 1e6:.1f} MB |
| text | {text.level} level, {len(predictor.vocabulary):,} tokens in the vocabulary, normalisation: {text.normalize} |
| trained on | {corpus.train.tokens:,} tokens |
| held out | {valid["count"]:,} tokens: loss {valid["loss"]:.4f} nats per token, perplexity {valid["perplexity"]:.3f}, \
{valid["bits_per_character"]:.4f} bits per character |

Read from:

{sources}

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
