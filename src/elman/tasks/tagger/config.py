"""The sizes of a tagger: what is known of one without its weights."""

from __future__ import annotations

from elman.models.token_encoder_config import ReaderConfig
from elman.text.spans import Scheme


class TaggerConfig(ReaderConfig):
    """The sizes of a tagger. Labels are smoothed where tags are not chosen together."""

    crf: bool = False  # a tag is chosen together with its neighbours
    scheme: Scheme = "none"  # how spans are written in tags
