"""Decoding: sampling, greedy and beam search, suggestion and Viterbi, for any model that is a step function.

A step takes tokens (B,) and a state, a dict of arrays with the batch axis first, and returns logits (B, V) and the next
state. A step of `search` also takes a context, arrays that do not change. Random generators are arguments.
"""

from .generation import Step, generate
from .sampling import Sampler, distribution
from .search import Hypothesis, Prefixes, SearchStep, search
from .suggestion import suggest
from .tree import search_tree
from .viterbi import viterbi

__all__ = [
    "Hypothesis",
    "Prefixes",
    "Sampler",
    "SearchStep",
    "Step",
    "distribution",
    "generate",
    "search",
    "search_tree",
    "suggest",
    "viterbi",
]
