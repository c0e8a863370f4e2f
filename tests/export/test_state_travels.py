"""One stream that is read in turn by Python, by another process, by C and by onnxruntime, and again, as if by one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.export import export
from tests.models.streaming_models import MODELS, random_inputs

from .c.libraries import COMPILERS, Library, largest_difference

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang"),
]

OTHER_PROCESS = """
import json, sys
from pathlib import Path
import elman
model = elman.load(sys.argv[1])
state = model.state_from_bytes(Path(sys.argv[2]).read_bytes())
outputs, state = model.run([json.loads(sys.argv[3])], state)
Path(sys.argv[2]).write_bytes(model.state_to_bytes(state))
print(json.dumps(outputs[0].tolist()))
"""


class Travel:
    """A stream, of which each method reads some inputs, from the bytes of the state and to them."""

    def __init__(self, model: Any, folder: Path) -> None:
        import onnxruntime

        self.model, self.folder = model, folder
        model.save(folder / "model")
        self.library = Library(model, folder, compiler=COMPILERS[0])
        export(model, folder / "model.onnx")
        path = str(folder / "model.onnx")
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.content = model.state_to_bytes(model.initial_state(1))

    def by_python(self, inputs: Any) -> Any:
        outputs, state = self.model.run([inputs], self.model.state_from_bytes(self.content))
        self.content = self.model.state_to_bytes(state)
        return outputs[0]

    def by_another_process(self, inputs: Any) -> Any:
        (self.folder / "state").write_bytes(self.content)
        values = inputs.tolist() if isinstance(inputs, np.ndarray) else inputs
        command = [sys.executable, "-c", OTHER_PROCESS, str(self.folder / "model"), str(self.folder / "state")]
        done = subprocess.run([*command, json.dumps(values)], capture_output=True, text=True, check=True)
        self.content = (self.folder / "state").read_bytes()
        return np.array(json.loads(done.stdout))

    def by_c(self, inputs: Any) -> Any:
        memory = self.library.initial_state()
        assert self.library.from_bytes(self.content, memory) == 0
        outputs = self.library.run(inputs, memory)
        self.content = self.library.to_bytes(memory)
        return outputs

    def by_onnxruntime(self, inputs: Any) -> Any:
        state = self.model.state_from_bytes(self.content)
        name = "values" if self.model.task == "forecast" else "tokens"
        array = np.asarray(inputs)[None]
        names = [output.name for output in self.session.get_outputs()]
        feeds = {name: array, "lengths": np.array([len(inputs)]), **state}
        outputs = dict(zip(names, self.session.run(None, feeds), strict=True))
        self.content = self.model.state_to_bytes({entry: outputs[f"next.{entry}"] for entry in state})
        return outputs["quantiles" if self.model.task == "forecast" else "logits"][0]


@pytest.mark.parametrize(
    "name", ["lm-tanh", "lm-gru_two_layers", "lm-lstm_two_layers", "forecast-lstm", "forecast-narx"]
)
def test_a_stream_travels_and_nobody_notices(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model, rng = MODELS[name](), np.random.default_rng(4)
    travel = Travel(model, tmp_path)
    stations = (travel.by_python, travel.by_another_process, travel.by_c, travel.by_onnxruntime) * 2
    inputs = random_inputs(model, 5 * len(stations), rng)
    expected, last = model.run([inputs], model.initial_state(1))
    outputs = np.concatenate([station(inputs[5 * n : 5 * n + 5]) for n, station in enumerate(stations)])
    assert largest_difference(outputs, expected[0]) <= 1e-5
    for entry, array in model.state_from_bytes(travel.content).items():
        np.testing.assert_allclose(array, last[entry], rtol=1e-5, atol=1e-6)
