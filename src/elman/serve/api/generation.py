"""/v1/MODEL/generate: a language model continues a text, and the pieces are sent as they are made.

Server-sent events: `piece` with a part of the text, and at last `end` with the whole text and the seed.
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

from pydantic import Field

from .batches import Batches
from .bodies import Body
from .limits import Limits
from .predictions import MAX_CHARACTERS

PIECES_AT_A_TIME = 16  # that are computed between two batches


class GenerateRequest(Body):
    """A prompt, and how tokens are chosen; the defaults are those of `elman generate`."""

    prompt: str = Field(default="", max_length=MAX_CHARACTERS)
    max_tokens: int = Field(default=300, ge=1, le=Limits().tokens)
    temperature: float = Field(default=0.8, ge=0.0, le=100.0, allow_inf_nan=False, description="0 is greedy.")
    top_k: int | None = Field(default=None, ge=1, le=1_000_000, description="Choose among the K likeliest.")
    top_p: float | None = Field(default=None, gt=0.0, le=1.0, description="Choose among the likeliest that reach P.")
    seed: int | None = Field(default=None, ge=0, lt=2**63, description="The same seed gives the same text.")


async def events(predictor: Any, body: GenerateRequest, batches: Batches) -> AsyncIterator[str]:
    """Yield the events of a text."""
    seed = secrets.randbelow(2**32) if body.seed is None else body.seed
    options = body.model_dump(exclude={"prompt", "seed"})
    pieces = predictor.stream(body.prompt, **options, seed=seed)
    text = [body.prompt]
    while part := await batches.in_thread(_next_pieces, pieces):
        text += part
        yield _event("piece", {"text": "".join(part)})
    yield _event("end", {"text": "".join(text), "seed": seed})


def _next_pieces(pieces: Iterator[str]) -> list[str]:
    return list(itertools.islice(pieces, PIECES_AT_A_TIME))


def _event(name: str, value: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n"
