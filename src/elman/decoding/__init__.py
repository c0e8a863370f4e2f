"""Decoding: a step function in, tokens out. NumPy, pure functions, no task.

A step takes tokens (B,) and a state, a dict of arrays with the batch axis first, and returns logits (B, V) and the next
state. Random generators are passed in.
"""

from .generation import Step, generate
from .sampling import Sampler, distribution
from .suggestion import WordTokens, suggest

__all__ = ["Sampler", "Step", "WordTokens", "distribution", "generate", "suggest"]
