"""Files of other libraries: state dicts and ONNX files of torch, and the files of Keras in keras_files/files.zip."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

KERAS_FILES = Path(__file__).parent / "keras_files" / "files.zip"
NUM_TOKENS, EMBEDDING_SIZE, HIDDEN_SIZE = 7, 5, 6
KINDS: dict[str, Any] = {"elman": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Network(nn.Module):
    """An ordinary module of torch: embedding, recurrent layers, readout after each step or at the end."""

    def __init__(self, cell: str, num_outputs: int = NUM_TOKENS, *, last: bool = False, **options: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.emb = nn.Embedding(NUM_TOKENS, EMBEDDING_SIZE)
        self.rnn = KINDS[cell](EMBEDDING_SIZE, HIDDEN_SIZE, **{"batch_first": True, **options})
        self.fc = nn.Linear(HIDDEN_SIZE * (1 + self.rnn.bidirectional), num_outputs)
        self.last = last
        for parameter in self.parameters():  # of a size that shows the non-linear parts of the gates
            nn.init.normal_(parameter, std=0.7)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        y, h = self.rnn(self.emb(ids))
        if not self.last:
            return torch.as_tensor(self.fc(y))
        h = h[0] if isinstance(h, tuple) else h
        return torch.as_tensor(self.fc(torch.cat(list(h[-1 - self.rnn.bidirectional :]), dim=-1)))


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps(list("abcdefg")))
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(["x", "y", "z"]))
    return path


@pytest.fixture(scope="session")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files that Keras has made (keras_files/make.py)."""
    folder = tmp_path_factory.mktemp("keras")
    with zipfile.ZipFile(KERAS_FILES) as archive:
        archive.extractall(folder)
    return folder


def export_onnx(module: nn.Module, x: torch.Tensor, path: Path, *, fixed: bool = False) -> Path:
    """Write a module as ONNX by torch's own exporter."""
    import warnings

    axes = {} if fixed else {"x": {0: "first", 1: "second"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is deprecated, and it warns of variable batch sizes
        torch.onnx.export(
            module.eval(), (x,), path, dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes=axes
        )
    return path
