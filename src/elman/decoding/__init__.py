"""Decoding: a step function in, tokens out. NumPy, pure functions, no task.

A step takes tokens (B,) and a state, a dict of arrays with the batch axis first, and returns logits (B, V) and the next
state; search's own step also sees what stays as it is, the context. Random generators are passed in.
"""

from .generation import Step, generate
from .sampling import Sampler, distribution
from .search import Hypothesis, SearchStep, search
from .suggestion import WordTokens, suggest
from .viterbi import viterbi

__all__ = [
    "Hypothesis",
    "Sampler",
    "SearchStep",
    "Step",
    "WordTokens",
    "distribution",
    "generate",
    "search",
    "suggest",
    "viterbi",
]
