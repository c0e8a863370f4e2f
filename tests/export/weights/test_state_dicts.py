"""State dicts of torch.nn as weights files and model folders, equal to torch at 12 shapes; and what is refused."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import elman
from elman.errors import ConfigError, ElmanError, ModelError
from elman.export.weights import ImportOptions, import_file, read_weights
from elman.export.weights.parity import PAIRS, TOLERANCE

from .conftest import EMBEDDING_SIZE, HIDDEN_SIZE, KINDS, NUM_TOKENS, Network

IDS = torch.tensor([[0, 3, 1, 6, 2], [5, 5, 4, 0, 1]])


def save(module: nn.Module, path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(module.state_dict(), path)
    else:
        torch.save(module.state_dict(), path)
    return path


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}])
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_a_weights_file_is_equal_to_torch_at_twelve_shapes(
    tmp_path: Path, cell: str, options: dict[str, Any], ending: str
) -> None:
    network = Network(cell, **options)
    result = import_file(save(network, tmp_path / f"theirs{ending}"), tmp_path / "ours.safetensors")
    assert [(c.batch_size, c.length) for c in result.parity.comparisons] == list(PAIRS)
    assert result.parity.reference.startswith("PyTorch")
    weights = read_weights(tmp_path / "ours.safetensors")
    expected = network(IDS).detach().numpy()
    np.testing.assert_allclose(weights.run(IDS.numpy())[0], expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_elman_nn_and_torch_nn_load_the_weights_file(tmp_path: Path) -> None:
    network = Network("gru", num_layers=2)
    import_file(save(network, tmp_path / "theirs.pt"), tmp_path / "ours.safetensors")
    libraries: list[Any] = [elman.nn, torch.nn]
    for library in libraries:
        sizes = (EMBEDDING_SIZE, HIDDEN_SIZE), (HIDDEN_SIZE, HIDDEN_SIZE)
        module: Any = nn.ModuleDict(
            {
                "embedding": nn.Embedding(NUM_TOKENS, EMBEDDING_SIZE),
                "layers": nn.ModuleList(library.GRU(*size, batch_first=True) for size in sizes),
                "readout": nn.Linear(HIDDEN_SIZE, NUM_TOKENS),
            }
        )
        module.load_state_dict(load_file(tmp_path / "ours.safetensors"))
        h = module["embedding"](IDS)
        for layer in module["layers"]:
            h, _ = layer(h)
        torch.testing.assert_close(module["readout"](h), network(IDS), rtol=0, atol=1e-5)


def test_a_language_model_predicts_what_torch_predicts(tmp_path: Path, vocabulary: Path) -> None:
    network = Network("lstm", num_layers=2)
    path = save(network, tmp_path / "theirs.pt")
    import_file(path, tmp_path / "model", ImportOptions(vocabulary=vocabulary))
    model = elman.load(tmp_path / "model")
    ids = np.array([model.vocabulary["abcdefg"[i]] for i in IDS[0].tolist()])
    logits, _ = model.run([ids], model.initial_state())
    order = [model.vocabulary[token] for token in "abcdefg"]
    np.testing.assert_allclose(logits[0][:, order], network(IDS)[0].detach().numpy(), rtol=1e-5, atol=1e-5)
    p = np.exp(logits[0] - logits[0].max(1, keepdims=True))
    assert (p[:, 0] == 0.0).all()  # <unk>, which is added, is never predicted
    text = model.generate("abc", max_tokens=30, seed=1)
    assert len(text) == 33
    assert set(text) <= set("abcdefg")


def test_the_unknown_token_of_the_file_moves_to_the_front(tmp_path: Path, vocabulary: Path) -> None:
    vocabulary.write_text('{"a": 0, "b": 1, "[UNK]": 2, "c": 3, "d": 4, "e": 5, "f": 6}')
    network = Network("gru")
    path = save(network, tmp_path / "theirs.pt")
    result = import_file(path, tmp_path / "model", ImportOptions(vocabulary=vocabulary, level="char"))
    model = elman.load(tmp_path / "model")
    assert model.vocabulary.tokens == ("<unk>", "a", "b", "c", "d", "e", "f")
    assert result.notes == ("'[UNK]' stands for unknown tokens",)
    np.testing.assert_array_equal(model.tensors["embedding.weight"][0], network.emb.weight[2].detach())


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_classifier_and_a_tagger_predict_what_torch_predicts(
    tmp_path: Path, vocabulary: Path, labels: Path, bidirectional: bool
) -> None:
    options: dict[str, Any] = {"num_layers": 2, "bidirectional": bidirectional}
    classifier, tagger = (Network("gru", 3, last=last, **options) for last in (True, False))
    path = save(classifier, tmp_path / "theirs.pt")
    for task in ("classify", "tag"):
        chosen: Any = task
        import_file(path, tmp_path / task, ImportOptions(task=chosen, vocabulary=vocabulary, labels=labels))
    text = "".join("abcdefg"[i] for i in IDS[0].tolist())
    expected = classifier(IDS[:1]).softmax(-1).detach().numpy()
    np.testing.assert_allclose(elman.load(tmp_path / "classify").predict_proba([text]), expected, atol=1e-6)
    tagger.load_state_dict(classifier.state_dict())
    (p,) = elman.load(tmp_path / "tag").predict_proba([list(text)])
    np.testing.assert_allclose(p, tagger(IDS[:1])[0].softmax(-1).detach().numpy(), atol=1e-6)


def test_names_of_ones_own_are_mapped(tmp_path: Path) -> None:
    network = Network("lstm")
    theirs = {"encoder.A": "rnn.weight_ih_l0", "encoder.B": "rnn.weight_hh_l0", "table": "emb.weight"}
    state = {name: tensor for name, tensor in network.state_dict().items() if name not in theirs.values()}
    state |= {name: network.state_dict()[original] for name, original in theirs.items()}
    save_file(state, tmp_path / "theirs.safetensors")
    names = {"rnn.weight_ih_l0": "encoder.A", "rnn.weight_hh_l0": "encoder.B", "embedding.weight": "table"}
    result = import_file(tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors", ImportOptions(renamed=names))
    mapping = {mapped.ours: mapped.theirs for mapped in result.source.mapping}
    assert mapping["layers.0.weight_ih_l0"] == "encoder.A"
    assert mapping["embedding.weight"] == "table"
    assert mapping["readout.weight"] == "fc.weight"


def test_a_checkpoint_with_a_state_dict_and_layers_by_name(tmp_path: Path) -> None:
    modules = nn.ModuleDict({"decoder": nn.GRU(3, 4), "encoder": nn.GRU(3, 5)})
    torch.save({"state_dict": modules.state_dict(), "epoch": 3}, tmp_path / "theirs.pt")
    with pytest.raises(ModelError, match=r"encoder reads 3 numbers; expected 4, the outputs of decoder below it"):
        import_file(tmp_path / "theirs.pt", tmp_path / "ours.safetensors")
    options = ImportOptions(layers=("encoder",))
    result = import_file(tmp_path / "theirs.pt", tmp_path / "ours.safetensors", options)
    assert result.source.weights.hidden_sizes == (5,)
    assert len(result.source.ignored) == 4


def test_gates_in_another_order_are_refused_by_examples(tmp_path: Path) -> None:
    """A program of one's own that stores the gates of its LSTM as i f o g: names and shapes are those of torch."""
    network = Network("lstm")
    np.savez(tmp_path / "examples.npz", inputs=IDS.numpy(), outputs=network(IDS).detach().numpy())
    state = network.state_dict()
    save_file(state, tmp_path / "right.safetensors")
    for name in [name for name in state if name.startswith("rnn")]:
        i, f, g, o = state[name].chunk(4)
        state[name] = torch.cat([i, f, o, g])
    save_file(state, tmp_path / "wrong.safetensors")
    options = ImportOptions(examples=tmp_path / "examples.npz")
    result = import_file(tmp_path / "right.safetensors", tmp_path / "ours.safetensors", options)
    assert result.examples == 2 * 5 * NUM_TOKENS
    with pytest.raises(ModelError, match=r"the outputs of the examples differ from those of the imported weights by"):
        import_file(tmp_path / "wrong.safetensors", tmp_path / "other.safetensors", options)
    assert not (tmp_path / "other.safetensors").exists()


def test_a_planted_wrong_convention_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.cells import LayerParameters
    from elman.export.weights import state_dicts

    def with_r_and_z_exchanged(*args: Any) -> LayerParameters:
        p = read(*args)
        H = p.hidden_size
        order = np.r_[H : 2 * H, :H, 2 * H : 3 * H]
        return LayerParameters.from_arrays({name: array[order] for name, array in p.arrays().items()}, H)

    read = state_dicts._parameters
    monkeypatch.setattr(state_dicts, "_parameters", with_r_and_z_exchanged)
    path = save(Network("gru"), tmp_path / "theirs.pt")
    with pytest.raises(
        ModelError, match=r"the imported weights differ from PyTorch, version .* expected at most 1e-05"
    ):
        import_file(path, tmp_path / "ours.safetensors")
    assert not (tmp_path / "ours.safetensors").exists()


class Touch:
    """A class whose unpickling would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_the_cell_of_a_weights_file_is_checked(tmp_path: Path) -> None:
    import_file(save(Network("gru"), tmp_path / "theirs.pt"), tmp_path / "ours.safetensors")
    with pytest.raises(ConfigError, match="--cell lstm: the layers of the file are those of gru"):
        import_file(tmp_path / "ours.safetensors", tmp_path / "again.safetensors", ImportOptions(cell="lstm"))
    with pytest.raises(ConfigError, match="--activation: given for a file with a cell in its metadata"):
        import_file(tmp_path / "ours.safetensors", tmp_path / "again.safetensors", ImportOptions(activation="relu"))


def test_without_torch_a_state_dict_is_compared_by_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(Network("lstm"), tmp_path / "theirs.safetensors")
    save(Network("lstm"), tmp_path / "theirs.pt")
    monkeypatch.setitem(sys.modules, "torch", None)
    result = import_file(tmp_path / "theirs.safetensors", tmp_path / "ours.safetensors")
    assert result.parity.reference == "elman.cells by NumPy (PyTorch is not installed)"
    with pytest.raises(ElmanError, match=r"a file \.pt or \.pth needs PyTorch, which is not installed"):
        import_file(tmp_path / "theirs.pt", tmp_path / "ours.safetensors")


def test_no_code_of_a_file_is_run(tmp_path: Path) -> None:
    torch.save(
        {"state_dict": {"rnn.weight_ih_l0": torch.zeros(4, 2)}, "extra": Touch(tmp_path / "touched")}, tmp_path / "a.pt"
    )
    with pytest.raises(ModelError, match=r"has Python objects beside tensors; expected a state dict"):
        import_file(tmp_path / "a.pt", tmp_path / "ours.safetensors")
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("tensors", "options", "message"),
    [
        ({"a.weight": (3, 2)}, {}, "has the tensors a.weight; expected a recurrent layer"),
        ({"r.weight_ih_l0": (8, 3), "r.weight_hh_l0": (8, 2), "r.weight_hr_l0": (1, 2)}, {}, "projection of an LSTM"),
        ({"r.weight_ih_l0": (4, 3), "r.weight_hh_l0": (4, 2)}, {}, "the layers have 2 gates; expected 1"),
        ({"r.weight_ih_l0": (8, 3), "r.weight_hh_l0": (8, 2)}, {"cell": "gru"}, "--cell gru: the weights have 4 gates"),
        (
            {"r.weight_ih_l0": (6, 3), "r.weight_hh_l0": (6, 2)},
            {"cell": "reset_before_gru"},
            "applies the reset gate after",
        ),
        (
            {"r.weight_ih_l0": (7, 3), "r.weight_hh_l0": (8, 2)},
            {},
            r"'r.weight_ih_l0' has shape \(7, 3\); expected \(8, 3\)",
        ),
        ({"r.weight_ih_l0_reverse": (2, 3), "r.weight_hh_l0_reverse": (2, 2)}, {}, "has a backward direction alone"),
        (
            {"r.weight_ih_l0": (2, 3), "r.weight_hh_l0": (2, 2), "a.weight": (4, 3), "b.weight": (5, 3)},
            {},
            "a.weight, b.weight may each be embedding.weight",
        ),
    ],
)
def test_files_that_are_not_such_a_model_are_refused(
    tmp_path: Path, tensors: dict[str, tuple[int, ...]], options: dict[str, Any], message: str
) -> None:
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, tmp_path / "a.safetensors")
    with pytest.raises((ModelError, ConfigError), match=message):
        import_file(tmp_path / "a.safetensors", tmp_path / "ours.safetensors", ImportOptions(**options))


def test_numbers_that_are_not_finite_and_half_precision(tmp_path: Path) -> None:
    layer = nn.RNN(2, 3)
    save_file({name: tensor.half() for name, tensor in layer.state_dict().items()}, tmp_path / "half.safetensors")
    assert import_file(tmp_path / "half.safetensors", tmp_path / "ours.safetensors").parity.largest_difference < 1e-5
    save_file({name: tensor.bfloat16() for name, tensor in layer.state_dict().items()}, tmp_path / "brain.safetensors")
    with pytest.raises(ModelError, match=r"is BF16; expected float32"):
        import_file(tmp_path / "brain.safetensors", tmp_path / "ours.safetensors")
    save_file(
        {name: tensor * float("inf") for name, tensor in layer.state_dict().items()}, tmp_path / "inf.safetensors"
    )
    with pytest.raises(ModelError, match=r"has infinite numbers or NaN; expected finite float32 numbers"):
        import_file(tmp_path / "inf.safetensors", tmp_path / "ours.safetensors")
