"""Torch modules with torch.nn's constructors, state_dict and results, and what recurrent models need beside them.

The layers run on the kernels where they can (layers.py says where); a module of ours is a torch.nn module wherever one
is asked for.
"""

from .cells import GRUCell, LSTMCell, RNNCell
from .dropout import dropout
from .layers import GRU, LSTM, RNN
from .readout import cross_entropy

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell", "cross_entropy", "dropout"]
