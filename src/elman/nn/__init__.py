"""Torch modules with torch.nn's constructors, state_dict and results, and what recurrent models need beside them.

The layers run on the kernels where they can (layers.py says where); a module of ours is a torch.nn module wherever one
is asked for.
"""

from .attention import Attention
from .cells import GRUCell, LSTMCell, RNNCell
from .crf import ConditionalRandomField
from .dropout import dropout
from .encoder import Encoder, States, as_states, read_through, start_embedding
from .layers import GRU, LSTM, RNN
from .pooling import Pooling
from .readout import cross_entropy
from .stack import recurrent_layers, start_recurrent
from .token_reader import TokenReader

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Attention",
    "ConditionalRandomField",
    "Encoder",
    "GRUCell",
    "LSTMCell",
    "Pooling",
    "RNNCell",
    "States",
    "TokenReader",
    "as_states",
    "cross_entropy",
    "dropout",
    "read_through",
    "recurrent_layers",
    "start_embedding",
    "start_recurrent",
]
