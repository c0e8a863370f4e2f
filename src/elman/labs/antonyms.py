"""Encoder-decoder of six pairs of words, character by character: two simple recurrent networks with 128 hidden units.

    encoder   h_t = tanh(W x_t + b + U h_(t-1) + c)        reads the word, padded with ? to 5 characters, and E
    decoder   s_t = tanh(W' y_(t-1) + b' + U' s_(t-1) + c'),   s_0 = the encoder's last h
              o_t = V s_t + b_o                            reads S and the target, is trained to output the target and E

Inputs are one-hot. The summed loss of a batch is the sum over its pairs of the mean cross-entropy of their six steps.
When it translates, the source feeds the decoder S????? instead of its own previous output, as in no step of training:
the lab antonyms-decoding compares both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .lab import Lab, Report, Text

CHARACTERS = "SE?abcdefghijklmnopqrstuvwxyz"
PAIRS = {"man": "women", "black": "white", "king": "queen", "girl": "boy", "up": "down", "high": "low"}
UNSEEN = ("mans", "old")
EXPECTED_PARAMETERS = 44_445  # 2 (128·29 + 128·128 + 128 + 128) + 29·128 + 29
EPOCHS, BATCH_SIZE, LEARNING_RATE = 5000, 3, 0.001  # Adam
FEW_EPOCHS = 140  # at smoke scale
LENGTH = 5


def encode(texts: Sequence[str]) -> Any:
    """Return the ids (B, T) of texts of one length."""
    import torch

    return torch.tensor([[CHARACTERS.index(character) for character in text] for text in texts])


def create_network(seed: int) -> Any:
    """Return encoder, decoder and output layer."""
    import torch

    from elman import nn

    torch.manual_seed(seed)
    encoder, decoder = (nn.RNN(len(CHARACTERS), 128, batch_first=True) for _ in range(2))
    return torch.nn.ModuleDict(
        {"encoder": encoder, "decoder": decoder, "linear": torch.nn.Linear(128, len(CHARACTERS))}
    )


def decode(network: Any, ids: Any, state: Any) -> tuple[Any, Any]:
    """Return the decoder's logits (B, T, 29) and its last state."""
    import torch

    s, state = network["decoder"](torch.eye(len(CHARACTERS))[ids], state)
    return network["linear"](s), state


def encode_words(network: Any, words: Sequence[str]) -> Any:
    """Return the encoder's last state."""
    import torch

    ids = encode([word.ljust(LENGTH, "?") + "E" for word in words])
    return network["encoder"](torch.eye(len(CHARACTERS))[ids])[1]


def translate(network: Any, words: Sequence[str], *, own_output: bool) -> list[str]:
    """Return the outputs up to E, without ?; the decoder reads its own previous output, or S????? as in the source."""
    import torch

    with torch.no_grad():
        state = encode_words(network, words)
        if own_output:
            ids, steps = encode(["S"] * len(words)), []
            for _ in range(LENGTH + 1):
                logits, state = decode(network, ids, state)
                ids = logits.argmax(dim=2)
                steps.append(ids)
            outputs = torch.cat(steps, dim=1)
        else:
            outputs = decode(network, encode(["S" + "?" * LENGTH] * len(words)), state)[0].argmax(dim=2)
    texts = ("".join(CHARACTERS[k] for k in row) for row in outputs.tolist())
    return [text.partition("E")[0].replace("?", "") for text in texts]


def count_correct(network: Any, *, own_output: bool) -> int:
    """Return how many of the six words are translated correctly."""
    outputs = translate(network, list(PAIRS), own_output=own_output)
    return sum(output == target for output, target in zip(outputs, PAIRS.values(), strict=True))


def train(seed: int, epochs: int, interval: int | None = None) -> tuple[Any, float, list[tuple[int, int]]]:
    """Return the network, the first summed loss, and after each interval the number of correct words in both ways."""
    import torch

    network = create_network(seed)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    words, targets = list(PAIRS), [target.ljust(LENGTH, "?") for target in PAIRS.values()]
    decoder_ids, target_ids = encode(["S" + target for target in targets]), encode([target + "E" for target in targets])
    first_loss, correct = math.nan, []
    for epoch in range(1, epochs + 1):
        for rows in torch.randperm(len(words)).split(BATCH_SIZE):
            state = encode_words(network, [words[row] for row in rows])
            logits, _ = decode(network, decoder_ids[rows], state)
            loss = BATCH_SIZE * torch.nn.functional.cross_entropy(logits.transpose(1, 2), target_ids[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            first_loss = loss.item() if math.isnan(first_loss) else first_loss
        if interval and epoch % interval == 0:
            correct.append((count_correct(network, own_output=False), count_correct(network, own_output=True)))
    return network, first_loss, correct


def run(report: Report) -> None:
    """Train for as long as the source; translate the six words, and two that are new."""
    num_parameters = sum(p.numel() for p in create_network(0).parameters())
    report.equal(Text("parameters", "参数个数"), num_parameters, EXPECTED_PARAMETERS)
    num_targets, num_padding = (LENGTH + 1) * len(PAIRS), sum(LENGTH - len(target) for target in PAIRS.values())
    report.say(
        en=f"As in the source, padding is trained as a target: {num_padding} of the {num_targets} target characters "
        "are ?. Its dropout is left out: dropout between layers does nothing with a single layer.",
        zh=f"和原程序一样，填充也当作训练目标：{num_targets} 个目标字符里有 {num_padding} 个是 ?。"
        "原程序的 dropout 作用于层与层之间，单层网络里不起作用，这里省去。",
    )
    first_loss = np.mean([train(seed, 1)[1] for seed in report.seeds(10)])
    report.equal(
        Text("mean of the first summed losses", "最初的损失之和的平均值"), first_loss, 3.0 * math.log(29.0), within=0.1
    )
    epochs = FEW_EPOCHS if report.smoke else EPOCHS
    networks = [train(seed, epochs)[0] for seed in report.seeds(3)]
    report.say(
        en=f"{epochs} epochs, {len(networks)} seeds. New words have no expected translation; this is what the network "
        "makes of them:",
        zh=f"训练 {epochs} 轮，{len(networks)} 个随机种子。新词没有标准译文，网络的输出如下：",
    )
    rows: list[tuple[Any, ...]] = []
    for seed, network in enumerate(networks):
        both = [translate(network, UNSEEN, own_output=own) for own in (False, True)]
        rows.extend((seed, *row) for row in zip(UNSEEN, *both, strict=True))
    report.table(
        [Text("seed", "种子"), Text("new word", "新词"), "S?????", Text("its own output", "自己的上一个输出")], rows
    )
    if not report.smoke:
        for own, name, zh_name in ((False, "S?????", "S?????"), (True, "its own output", "自己的上一个输出")):
            fewest = min(count_correct(network, own_output=own) for network in networks)
            report.equal(
                Text(f"words translated by every seed, {name}", f"每个种子都译对的词数，{zh_name}"), fewest, len(PAIRS)
            )


LAB = Lab(
    name="antonyms",
    chapter="sequences",
    title=Text("Encoder and decoder: six pairs of words", "编码器-解码器：六对词"),
    claim=Text(
        "44,445 parameters; the first summed loss is about 3 ln 29 = 10.1; after the 5,000 epochs of the source, all "
        "six words are translated.",
        "44,445 个参数；最初的损失之和约为 3 ln 29 = 10.1；像原程序那样训练 5,000 轮，六个词全部译对。",
    ),
    source=Text(
        "Cho et al. (2014); graykode/nlp-tutorial 4-1; assignment 8",
        "Cho 等（2014）；graykode/nlp-tutorial 4-1；作业8",
    ),
    seconds=40.0,
    run=run,
)
