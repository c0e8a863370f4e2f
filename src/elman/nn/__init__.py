"""Torch modules with torch.nn's constructors, state_dict and results, and what recurrent models need beside them.

RNN, GRU and LSTM run on the kernels where they can (layers.py says where); Recurrent runs any cell of elman.cells, by
NumPy. RNNCell, GRUCell and LSTMCell are torch.nn's own classes: they are here so that elman.nn can stand in for
torch.nn wherever recurrent layers are used. Importing this package changes nothing in the process: the kernels borrow
torch's threads and tune the allocator at the first call.
"""

from torch.nn import GRUCell, LSTMCell, RNNCell

from .attention import Attention
from .conversion import to_torch
from .crf import ConditionalRandomField
from .dropout import dropout
from .encoder import Encoder, States, as_states, initialize_embedding, run_layers
from .layers import GRU, LSTM, RNN
from .pooling import Pooling
from .readout import cross_entropy
from .recurrent import Recurrent
from .stack import LAYERS, initialize_recurrent, recurrent_layers
from .token_encoder import TokenEncoder

__all__ = [
    "GRU",
    "LAYERS",
    "LSTM",
    "RNN",
    "Attention",
    "ConditionalRandomField",
    "Encoder",
    "GRUCell",
    "LSTMCell",
    "Pooling",
    "RNNCell",
    "Recurrent",
    "States",
    "TokenEncoder",
    "as_states",
    "cross_entropy",
    "dropout",
    "initialize_embedding",
    "initialize_recurrent",
    "recurrent_layers",
    "run_layers",
    "to_torch",
]
