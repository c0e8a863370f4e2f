"""Text to tokens to ids, and back: normalisation, tokenizers, vocabularies. NumPy only."""

from .codec import TextCodec
from .normalize import NORMALIZERS
from .tokenizers import TOKENIZERS, Tokenizer
from .vocabulary import END, START, UNKNOWN, Vocabulary

__all__ = ["END", "NORMALIZERS", "START", "TOKENIZERS", "UNKNOWN", "TextCodec", "Tokenizer", "Vocabulary"]
