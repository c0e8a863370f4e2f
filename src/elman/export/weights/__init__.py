"""Weights of other libraries, in and out.

    weights.py          recurrent layers with an embedding and a readout, as they are imported, and their file
    state_dicts.py      .safetensors, .pt and .pth: state dicts of torch.nn's RNN, GRU and LSTM
    onnx_files.py       .onnx: RNN, GRU and LSTM nodes
    keras_files.py      .keras and .h5: SimpleRNN, GRU in both forms, and LSTM
    parity.py           the comparison with the library that the weights come from
    model_folders.py    imported weights, with a vocabulary, as a language model, classifier or tagger

Every reader returns what it read together with a reference: the function that the library of the file computes from it.
`import_file` compares the result with it at 12 shapes before a file is written, and refuses weights that differ.
"""

from .importing import ImportResult, import_file
from .options import ImportOptions
from .weights import Weights, read_weights, write_weights

__all__ = ["ImportOptions", "ImportResult", "Weights", "import_file", "read_weights", "write_weights"]
