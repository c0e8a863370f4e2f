"""to_torch: modules of torch.nn alone that compute what predictors do, and that run without elman."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from elman.data.batches.padded import IdLists, pad_ids
from elman.decoding import viterbi
from elman.errors import ConfigError
from elman.export import export
from elman.export.weights import import_file
from elman.text.spans import FORBIDDEN_SCORE

from ..tasks.classifier import models as classifiers
from ..tasks.forecaster import models as forecasters
from ..tasks.language_model import models as language_models
from ..tasks.tagger import models as taggers

CELLS = ("elman", "gru", "lstm")


def of_torch(architectures: dict[str, dict[str, Any]]) -> list[str]:
    return [name for name, options in architectures.items() if options["cell"] in CELLS]


def padded(lists: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    ids, lengths = pad_ids(IdLists.from_arrays(lists), np.arange(len(lists)))
    return torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(lengths.astype(np.int64))


def characters_of(vocabulary: Any, lists: list[list[str]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Characters (B, T, S) of tokens, and their counts (B, T)."""
    T, S = max(map(len, lists)), max(len(token) for tokens in lists for token in tokens)
    ids, lengths = torch.zeros(len(lists), T, S, dtype=torch.long), torch.zeros(len(lists), T, dtype=torch.long)
    for b, tokens in enumerate(lists):
        for t, token in enumerate(tokens):
            ids[b, t, : len(token)] = torch.from_numpy(vocabulary.encode(token))
            lengths[b, t] = len(token)
    return ids, lengths


@pytest.mark.parametrize("architecture", of_torch(language_models.ARCHITECTURES))
def test_a_language_model_has_the_logits_and_the_state_of_its_predictor(architecture: str) -> None:
    predictor = language_models.tiny_predictor(architecture)
    module: Any = predictor.to_torch()
    assert {type(layer).__module__ for layer in module.layers} == {"torch.nn.modules.rnn"}
    ids = np.random.default_rng(0).integers(0, len(predictor.vocabulary), (3, 9))
    expected, state = predictor.run(list(ids), predictor.initial_state(3))
    first, carried = module(torch.from_numpy(ids[:, :4]))
    second, carried = module(torch.from_numpy(ids[:, 4:]), carried)
    # float32 on both sides, sums in another order
    np.testing.assert_allclose(torch.cat([first, second], 1).detach().numpy(), expected, rtol=0, atol=1e-5)
    last = carried[-1][0] if isinstance(carried[-1], tuple) else carried[-1]
    np.testing.assert_allclose(last[0].detach().numpy(), state[f"layers.{len(carried) - 1}.h"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("architecture", of_torch(classifiers.ARCHITECTURES))
def test_a_classifier_has_the_probabilities_of_its_predictor(architecture: str) -> None:
    predictor = classifiers.tiny_predictor(architecture, temperature=1.7)
    module: Any = predictor.to_torch()
    texts = ["abc fed", "f", "你好 abzzcab aaaa", "Abc"]
    lists = [predictor.tokens(text) for text in texts]
    words, lengths = padded([predictor.vocabulary.encode(map(predictor.text.word, tokens)) for tokens in lists])
    inputs: list[Any] = [words, lengths]
    if predictor.config.character_size:
        inputs += characters_of(predictor.characters, lists)
    log_p = module(*inputs).detach().numpy()
    np.testing.assert_allclose(log_p, predictor.log_probabilities(texts), rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", of_torch(taggers.ARCHITECTURES))
def test_a_tagger_has_the_emissions_and_the_tags_of_its_predictor(architecture: str) -> None:
    predictor = taggers.tiny_predictor(architecture)
    module: Any = predictor.to_torch()
    lists = [["Ann", "left", "the", "city"], ["The", "", "zebra"], ["北"]]  # one token has no characters
    words, lengths = padded([predictor.words.encode(map(predictor.text.word, tokens)) for tokens in lists])
    inputs: list[Any] = [words, lengths]
    if predictor.config.character_size:
        inputs += characters_of(predictor.characters, lists)
    emissions = module(*inputs).detach().numpy()
    if module.crf is None:
        paths = [row[: len(tokens)].argmax(1) for row, tokens in zip(emissions, lists, strict=True)]
        for row, p in zip(emissions, predictor.predict_proba(lists), strict=True):
            softmax = torch.from_numpy(row[: len(p)]).softmax(-1).numpy()
            np.testing.assert_allclose(softmax, p, rtol=0, atol=1e-5)
    else:
        scores = [getattr(module.crf, name).detach().numpy() for name in ("transitions", "start", "end")]
        if predictor.config.scheme == "bio":
            outside, inside = predictor.labels.index("O"), predictor.labels.index("I-X")
            assert scores[0][outside, inside] == scores[1][inside] == FORBIDDEN_SCORE
        paths = viterbi(emissions, lengths.numpy(), *scores)
    assert [[predictor.labels[i] for i in path] for path in paths] == predictor.predict(lists)


def test_what_torch_nn_does_not_have_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"to_torch: the cell 'min_gru'; expected one that torch.nn has, elman, gru, lstm"
    ):
        language_models.tiny_predictor("min_gru").to_torch()
    name = next(iter(forecasters.ARCHITECTURES))
    with pytest.raises(ConfigError, match=r"to_torch: the task 'forecast'; expected a language model, classifier or"):
        forecasters.tiny_predictor(name).to_torch()


def test_quantized_models_are_refused(tmp_path: Path) -> None:
    quantized = language_models.tiny_predictor("gru").quantized()
    with pytest.raises(ConfigError, match="the weights of the model are int8; expected float32"):
        quantized.to_torch()
    with pytest.raises(ConfigError, match="the weights of the model are int8; expected float32"):
        export(quantized, tmp_path / "model.safetensors")


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", ["lm", "classify", "tag"])
def test_what_torch_jit_saves_runs_without_elman(tmp_path: Path, kind: str) -> None:
    predictors: dict[str, Any] = {
        "lm": language_models.tiny_predictor("lstm_two_layers"),
        "classify": classifiers.tiny_predictor("max"),
        "tag": taggers.tiny_predictor("words"),
    }
    module = predictors[kind].to_torch()
    ids, lengths = torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2])
    inputs = (ids,) if kind == "lm" else (ids, lengths)
    expected = module(*inputs)
    script: Any = torch.jit.script
    script(module).save(tmp_path / "module.pt")
    torch.save({"inputs": inputs, "expected": expected[0] if kind == "lm" else expected}, tmp_path / "case.pt")
    program = (
        "import sys, torch\n"
        "module, case = torch.jit.load('module.pt'), torch.load('case.pt')\n"
        "result = module(*case['inputs'])\n"
        "torch.testing.assert_close(result[0] if isinstance(result, tuple) else result, case['expected'])\n"
        "assert not [name for name in sys.modules if name.startswith('elman')]\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("architecture", ["gru_two_layers", "lstm_tied", "reset_before_gru"])
def test_the_weights_of_a_language_model_go_out_and_in_again(tmp_path: Path, architecture: str) -> None:
    predictor = language_models.tiny_predictor(architecture)
    export(predictor, tmp_path / "model.safetensors")
    result = import_file(tmp_path / "model.safetensors", tmp_path / "again.safetensors")
    weights = result.source.weights
    assert weights.cell == predictor.config.cell
    ids = np.random.default_rng(0).integers(0, len(predictor.vocabulary), (2, 5))
    expected, _ = predictor.run(list(ids), predictor.initial_state(2))
    np.testing.assert_allclose(weights.run(ids)[0], expected, rtol=0, atol=1e-6)


def test_the_file_has_the_names_of_the_module(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file

    predictor = classifiers.tiny_predictor("attention")
    result = export(predictor, tmp_path / "model.safetensors")
    with safe_open(tmp_path / "model.safetensors", "numpy") as file:
        metadata = json.loads(file.metadata()["elman"])
    assert metadata["task"] == result.task == "classify"
    assert metadata["vocabularies"]["labels"] == list(predictor.labels)
    assert result.summary == f"{len(predictor.tensors)} tensors, read again and equal to the model's"
    module: nn.Module = predictor.to_torch()
    state = load_file(tmp_path / "model.safetensors")
    assert set(state) == set(module.state_dict())
    module.load_state_dict(state, strict=True)
