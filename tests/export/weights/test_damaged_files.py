"""Damaged files of weights: flipped and overwritten bytes and cut files are imported or refused, and nothing else."""

import random
from pathlib import Path

import pytest
import torch

from elman.errors import ElmanError
from elman.export.weights import import_file

from .conftest import Network, export_onnx

TRIALS = 15
KERAS = "gru_reset_before_classifier"


def damaged(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    place = rng.randrange(len(changed))
    kind = rng.randrange(3)
    if kind == 0:
        for _ in range(rng.randrange(1, 8)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    elif kind == 1:
        del changed[place:]
    else:
        changed[place : place + 8] = rng.randrange(2**64).to_bytes(8, "little")
    return bytes(changed)


@pytest.mark.parametrize("ending", [".pt", ".safetensors", ".onnx", ".keras", ".h5", ".weights.h5"])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, keras_files: Path, ending: str) -> None:
    network, path = Network("gru"), tmp_path / f"whole{ending}"
    if ending == ".pt":
        torch.save(network.state_dict(), path)
    elif ending == ".safetensors":
        torch.save(network.state_dict(), tmp_path / "whole.pt")
        import_file(tmp_path / "whole.pt", path)
    elif ending == ".onnx":
        export_onnx(network, torch.zeros(2, 3, dtype=torch.long), path)
    else:
        path.write_bytes((keras_files / f"{KERAS}{ending}").read_bytes())
    content, rng, codes = path.read_bytes(), random.Random(1), []
    import_file(path, tmp_path / "ours.safetensors")
    for _ in range(TRIALS):
        path.write_bytes(damaged(content, rng))
        try:
            import_file(path, tmp_path / "ours.safetensors")
        except ElmanError as error:
            codes.append(error.exit_code)
    assert codes
    assert set(codes) <= {2, 4}
