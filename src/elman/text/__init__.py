"""Text to tokens to ids, and back: normalization, tokenizers, vocabularies. NumPy only."""

from .codec import TextCodec
from .normalize import NORMALIZERS
from .tokenizers import TOKENIZERS, CorpusTokenizer
from .vocabulary import END, START, UNKNOWN, Vocabulary

__all__ = ["END", "NORMALIZERS", "START", "TOKENIZERS", "UNKNOWN", "CorpusTokenizer", "TextCodec", "Vocabulary"]
