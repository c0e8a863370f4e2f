"""The character language model by a framework's layer: torch.nn.RNN, and elman.nn.RNN with the same weights.

    h_t = tanh(W x_t + b + U h_(t-1) + c)          o_t = V h_t + d          p_t = softmax(o_t)

The layer has two biases where the formula of the book has one: they are added, so one of them would do, but both count
as parameters. The initial weights are those of PyTorch, uniform between -1/sqrt(H) and 1/sqrt(H).
"""

from __future__ import annotations

from .character_models import Network, claim_perplexities, compare_layers, continuation, draw_perplexities, memorize
from .characters import read_characters
from .lab import Lab, Report, Text

HIDDEN, EPOCHS, RATE = 256, 500, 1.0
EXPECTED_PARAMETERS = 80_412  # Dive into Deep Learning, 9.6; with 28 symbols
EXPECTED_PERPLEXITY = 1.4  # "about 1.3"


def create(size: int, *, plain: bool) -> Network:
    """Return a network of torch's layer or of elman's, with the same initial weights."""
    import torch

    import elman.nn

    torch.manual_seed(0)
    layer = torch.nn.RNN(size, HIDDEN) if plain else elman.nn.RNN(size, HIDDEN)
    return Network(layer, torch.nn.Linear(HIDDEN, size))


def run(report: Report) -> None:
    """Compare the layers, train, and generate."""
    characters = read_characters(report)
    size = len(characters.vocabulary)
    network = create(size, plain=False)
    if size == 28:
        parameters = sum(weight.numel() for weight in network.parameters())
        report.equal(Text("parameters", "参数个数"), parameters, EXPECTED_PARAMETERS)
    names = "elman.nn.RNN", "torch.nn.RNN"
    compare_layers(report, characters, create(size, plain=False), create(size, plain=True), names, RATE)
    perplexities = memorize(report, network, characters, 1 if report.smoke else EPOCHS, RATE)
    if not report.smoke:
        claim_perplexities(report, characters, network, perplexities, EXPECTED_PERPLEXITY)
    for prefix in characters.prefixes:
        report.show(prefix + continuation(network.step, {}, characters, prefix))
    report.figure("perplexity", draw_perplexities(perplexities, size))


LAB = Lab(
    name="rnn-concise",
    chapter="language",
    title=Text("A character RNN by a framework", "循环神经网络的简洁实现：字符级语言模型"),
    claim=Text(
        "torch.nn.RNN with 256 hidden units reaches a training perplexity of about 1.3; held-out text gets worse.",
        "用 torch.nn.RNN、256 个隐藏单元，训练困惑度约为 1.3；与此同时，未见文本的困惑度越来越差。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, section 9.6; H. G. Wells, The Time Machine",
        "Zhang 等《动手学深度学习》8.6 节（英文版 9.6 节）；H. G. Wells《时光机器》",
    ),
    seconds=68.0,
    run=run,
    reads_text=True,
)
