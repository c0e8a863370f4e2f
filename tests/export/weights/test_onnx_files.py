"""ONNX files of torch's own exporter and of onnx.helper, equal to onnxruntime at 12 shapes; and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import elman
from elman.errors import ConfigError, ModelError
from elman.export.weights import ImportOptions, Weights, import_file
from elman.export.weights.parity import PAIRS

from .conftest import KINDS, NUM_TOKENS, Network, export_onnx

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
IDS = torch.tensor([[0, 3, 1], [5, 4, 2]])


def one_node(
    kind: str = "GRU",
    *,
    directions: int = 1,
    inputs: int = 3,
    hidden: int = 4,
    states: dict[str, Any] | None = None,
    more_nodes: tuple[Any, ...] = (),
    output: str = "Y",
    **attributes: Any,
) -> onnx.ModelProto:
    """A graph of one recurrent node with random weights: x (T, B, I) to Y (T, D, B, H)."""
    rng, rows = np.random.default_rng(0), GATES[kind] * hidden
    arrays = {
        "W": rng.normal(size=(directions, rows, inputs)),
        "R": rng.normal(size=(directions, rows, hidden)),
        "B": rng.normal(size=(directions, 2 * rows)),
        **(states or {}),
    }
    if directions == 2:
        attributes["direction"] = "bidirectional"
    names = ["x", "W", "R", "B", *(["", *states] if states else [])]
    node = helper.make_node(kind, names, ["Y"], name="node", hidden_size=hidden, **attributes)
    graph = helper.make_graph(
        [node, *more_nodes],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["time", "batch", inputs])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def write(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize(
    ("kind", "attributes", "cell"),
    [
        ("RNN", {}, "elman"),
        ("RNN", {"activations": ["Relu"]}, "elman"),
        ("GRU", {"linear_before_reset": 1}, "gru"),
        ("GRU", {"linear_before_reset": 0}, "reset_before_gru"),
        ("GRU", {}, "reset_before_gru"),
        ("LSTM", {}, "lstm"),
    ],
)
def test_a_node_is_equal_to_onnxruntime_at_twelve_shapes(
    tmp_path: Path, kind: str, attributes: dict[str, Any], cell: str, directions: int
) -> None:
    if "activations" in attributes:
        attributes = {"activations": attributes["activations"] * directions}
    path = write(
        one_node(kind, directions=directions, hidden=3 if "activations" in attributes else 4, **attributes),
        tmp_path / "a.onnx",
    )
    result = import_file(path, tmp_path / "ours.safetensors", ImportOptions(cell=cell))
    assert result.source.weights.cell == cell
    assert result.source.weights.activation == ("relu" if "activations" in attributes else "tanh")
    assert [(c.batch_size, c.length) for c in result.parity.comparisons] == list(PAIRS)
    assert result.parity.reference.startswith("onnxruntime")
    # and the file of the imported weights is read again
    again = import_file(tmp_path / "ours.safetensors", tmp_path / "again.safetensors")
    assert again.source.weights.cell == cell
    assert (tmp_path / "ours.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize(
    ("options", "last"),
    [({}, False), ({"num_layers": 2, "bidirectional": True}, True), ({"batch_first": False, "num_layers": 2}, False)],
)
def test_files_of_the_exporter_of_torch(tmp_path: Path, cell: str, options: dict[str, Any], last: bool) -> None:
    network = Network(cell, last=last, **options)
    path = export_onnx(network, IDS, tmp_path / "a.onnx")
    result = import_file(path, tmp_path / "ours.safetensors")
    assert result.parity.outputs == ("last" if last else "each")
    assert result.source.weights.embedding is not None
    assert result.source.weights.readout is not None
    each, of_end = result.source.weights.run(IDS.numpy())
    x = IDS if options.get("batch_first", True) else IDS.T
    expected = network(x).detach().numpy()
    expected = expected if options.get("batch_first", True) else expected.swapaxes(0, 1)
    np.testing.assert_allclose(of_end if last else each, expected, rtol=0, atol=2e-5)


def test_a_language_model_and_a_classifier(tmp_path: Path, vocabulary: Path, labels: Path) -> None:
    lm, classifier = Network("gru"), Network("lstm", 3, last=True, bidirectional=True)
    lm_path = export_onnx(lm, IDS, tmp_path / "lm.onnx")
    classifier_path = export_onnx(nn.Sequential(classifier, nn.Softmax(-1)), IDS, tmp_path / "classifier.onnx")
    import_file(lm_path, tmp_path / "lm", ImportOptions(vocabulary=vocabulary))
    assert elman.load(tmp_path / "lm").generate("abc", max_tokens=5, seed=0).startswith("abc")
    options = ImportOptions(task="classify", vocabulary=vocabulary, labels=labels)
    import_file(classifier_path, tmp_path / "classifier", options)
    expected = classifier(IDS).softmax(-1).detach().numpy()
    texts = ["".join("abcdefg"[i] for i in row) for row in IDS.tolist()]
    np.testing.assert_allclose(elman.load(tmp_path / "classifier").predict_proba(texts), expected, atol=1e-6)
    with pytest.raises(ModelError, match=r"the file computes outputs after the last step of each direction; expected"):
        import_file(
            classifier_path, tmp_path / "tagger", ImportOptions(task="tag", vocabulary=vocabulary, labels=labels)
        )
    with pytest.raises(ModelError, match=r"the file computes outputs after each step; expected after the last step"):
        import_file(
            lm_path, tmp_path / "other", ImportOptions(task="classify", vocabulary=vocabulary, labels=vocabulary)
        )


def test_a_file_with_fixed_axes_is_compared_at_its_own_shape(tmp_path: Path) -> None:
    path = export_onnx(Network("lstm"), IDS, tmp_path / "a.onnx", fixed=True)
    result = import_file(path, tmp_path / "ours.safetensors")
    assert {(c.batch_size, c.length) for c in result.parity.comparisons} == {(2, 3)}
    assert result.notes == ("the file reads batches of these sizes and lengths alone: 2x3",)


@pytest.mark.parametrize(("kind", "order"), [("GRU", (0, 1, 2)), ("LSTM", (0, 1, 2, 3))])
def test_a_planted_wrong_order_of_gates_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, order: tuple[int, ...]
) -> None:
    from elman.export.weights import onnx_files

    monkeypatch.setitem(onnx_files.GATE_ORDER, kind, order)
    path = write(one_node(kind), tmp_path / "a.onnx")
    with pytest.raises(ModelError, match=r"no output of the file is that of the imported weights \(the closest one by"):
        import_file(path, tmp_path / "ours.safetensors")
    assert not (tmp_path / "ours.safetensors").exists()


def test_the_wrong_form_of_the_gru_is_refused(tmp_path: Path) -> None:
    """onnxruntime and the import disagree: the attribute says 0, and the weights are those of the other form."""
    path = write(one_node("GRU", linear_before_reset=0), tmp_path / "a.onnx")
    with pytest.raises(ConfigError, match=r"--cell gru: the nodes of the file are those of reset_before_gru"):
        import_file(path, tmp_path / "ours.safetensors", ImportOptions(cell="gru"))


def test_a_readout_that_is_more_than_a_product_is_refused(tmp_path: Path) -> None:
    relu = helper.make_node("Relu", ["Y"], ["y"], name="relu")
    path = write(one_node(more_nodes=(relu,), output="y"), tmp_path / "a.onnx")
    with pytest.raises(ModelError, match=r"the graph has the nodes Relu; expected RNN, GRU or LSTM between"):
        import_file(path, tmp_path / "ours.safetensors")
    doubled = helper.make_node("Add", ["Y", "Y"], ["y"], name="doubled")  # a node that is known, with another meaning
    path = write(one_node(more_nodes=(doubled,), output="y"), tmp_path / "b.onnx")
    with pytest.raises(ModelError, match=r"no output of the file is that of the imported weights"):
        import_file(path, tmp_path / "ours.safetensors")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kind": "GRU", "activations": ["HardSigmoid", "Tanh"]},
            "has the activations hardsigmoid, tanh; expected Sigmoid, Tanh",
        ),
        ({"kind": "RNN", "activations": ["Affine"]}, "has the activations affine; expected Tanh or Relu"),
        ({"kind": "LSTM", "clip": 1.0}, "has the option clip; expected none"),
        ({"kind": "LSTM", "input_forget": 1}, "has the option input_forget; expected none"),
        ({"kind": "GRU", "direction": "reverse"}, "has the option direction; expected none"),
        ({"kind": "GRU", "states": {"h0": np.ones((1, 1, 4))}}, "starts from a state that is not zero; expected zeros"),
    ],
)
def test_options_that_no_cell_has_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        import_file(write(one_node(**options), tmp_path / "a.onnx"), tmp_path / "ours.safetensors")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"the file is not in the ONNX format|has no RNN, GRU or LSTM node"):
        import_file(tmp_path / "a.onnx", tmp_path / "ours.safetensors")
    linear = export_onnx(nn.Linear(NUM_TOKENS, 2), torch.zeros(2, NUM_TOKENS), tmp_path / "b.onnx")
    with pytest.raises(ModelError, match=r"the graph has no RNN, GRU or LSTM node; expected one or more"):
        import_file(linear, tmp_path / "ours.safetensors")
    with pytest.raises(ConfigError, match=r"--map: given for a file .onnx; expected a state dict"):
        import_file(linear, tmp_path / "ours.safetensors", ImportOptions(renamed={"a": "b"}))


def test_rounding_in_a_chaotic_network_is_no_other_convention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large weights make 200 steps depend on the last bit; what two steps compute is compared all the same."""
    model, run = one_node("RNN", hidden=16), Weights.run
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(2.0 * numpy_helper.to_array(tensor), tensor.name))
    path = write(model, tmp_path / "a.onnx")
    result = import_file(path, tmp_path / "ours.safetensors")
    assert result.parity.largest_difference > 1e-2
    short = [c for c in result.parity.comparisons if c.length <= 2]
    assert len(short) == 4
    assert all(c.difference < 1e-6 for c in short)
    monkeypatch.setattr("elman.export.weights.onnx_session.TOLERANCE", 10.0)  # so that all batches are compared
    monkeypatch.setattr(
        "elman.export.weights.weights.Weights.run", lambda self, x: tuple(0.99 * y for y in run(self, x))
    )
    with pytest.raises(
        ModelError, match=r"differ from onnxruntime, version .* at batch 1, length 1; expected at most 1e-05"
    ):
        import_file(path, tmp_path / "other.safetensors")
