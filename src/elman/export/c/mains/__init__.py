"""The main functions of exported files, which read stdin and print what `elman generate` and `elman predict` print.

    language model   the prompt: all of stdin; its continuation by the most probable tokens (--temperature 0)
    classifier       a text in each line; the most probable label
    tagger           a sentence in each line; a line TOKEN TAB TAG for each token, and an empty line
    encoder-decoder  a source in each line; the most probable target by greedy search
    forecaster       a row of numbers in each line; the next rows as CSV

Tokens that C cannot make from text are read or printed as numbers: text.py. An input that is too long or broken ends
the program with code 3, and a message.
"""

from __future__ import annotations

from .classifier import classifier_main
from .forecaster import forecaster_main
from .language_model import language_model_main
from .seq2seq import seq2seq_main
from .tagger import tagger_main

__all__ = ["classifier_main", "forecaster_main", "language_model_main", "seq2seq_main", "tagger_main"]
