"""A deep recurrent network: two LSTM layers, of which the second reads the hidden states of the first.

    i, f, o = sigmoid(W x_t + b + U h_(t-1) + c)        each gate with weights of its own
    g = tanh(W x_t + b + U h_(t-1) + c)                 candidate
    c_t = f * c_(t-1) + i * g                           h_t = o * tanh(c_t)

    layer 1: x_t -> h_t^(1)        layer 2: h_t^(1) -> h_t^(2)        o_t = V h_t^(2) + d

Here the state of a layer is the pair (h, c), and both are carried from window to window and detached.
"""

from __future__ import annotations

from .character_models import Network, claim_perplexities, compare_layers, continuation, draw_perplexities, memorize
from .characters import read_characters
from .lab import Lab, Report, Text

LAYERS, HIDDEN, RATE = 2, 256, 2.0
EPOCHS = 300  # of the source's 500: the median perplexity of 25 epochs is 1.05 at 300 and 1.03 at 500
EXPECTED_PARAMETERS = 826_396  # Dive into Deep Learning, 10.3; with 28 symbols
EXPECTED_PERPLEXITY = 1.1  # "about 1.0"


def create(size: int, *, plain: bool) -> Network:
    """Return a network of torch's layer or of elman's, with the same initial weights."""
    import torch

    import elman.nn

    torch.manual_seed(0)
    layer = torch.nn.LSTM(size, HIDDEN, LAYERS) if plain else elman.nn.LSTM(size, HIDDEN, LAYERS)
    return Network(layer, torch.nn.Linear(HIDDEN, size))


def run(report: Report) -> None:
    """Compare the layers, train, and generate."""
    characters = read_characters(report)
    size = len(characters.vocabulary)
    network = create(size, plain=False)
    if size == 28:
        parameters = sum(weight.numel() for weight in network.parameters())
        report.equal(Text("parameters", "参数个数"), parameters, EXPECTED_PARAMETERS)
    names = "elman.nn.LSTM", "torch.nn.LSTM"
    compare_layers(report, characters, create(size, plain=False), create(size, plain=True), names, RATE)
    perplexities = memorize(report, network, characters, 1 if report.smoke else EPOCHS, RATE)
    if not report.smoke:
        claim_perplexities(report, characters, network, perplexities, EXPECTED_PERPLEXITY)
    for prefix in characters.prefixes:
        report.show(prefix + continuation(network.step, {}, characters, prefix))
    report.figure("perplexity", draw_perplexities(perplexities, size))


LAB = Lab(
    name="lstm-deep",
    chapter="language",
    title=Text("A deep recurrent network: two LSTM layers", "深度循环神经网络：两层 LSTM 字符语言模型"),
    claim=Text(
        "Two LSTM layers of 256 units reach a training perplexity of about 1.0, while held-out text gets worse.",
        "两层 LSTM，各 256 个隐藏单元，训练困惑度约为 1.0；与此同时，未见文本的困惑度越来越差。",
    ),
    source=Text(
        "Zhang et al., Dive into Deep Learning, section 10.3; H. G. Wells, The Time Machine",
        "Zhang 等《动手学深度学习》9.3 节（英文版 10.3 节）；H. G. Wells《时光机器》",
    ),
    seconds=340.0,
    run=run,
    reads_text=True,
)
