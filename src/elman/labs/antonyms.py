"""Encoder-decoder of six pairs of antonyms, character by character: two simple recurrent networks of 128 hidden units.

    encoder   h_t = tanh(W x_t + b + U h_(t-1) + c)        reads the word, padded with ? to 5 characters, and E
    decoder   s_t = tanh(W' y_(t-1) + b' + U' s_(t-1) + c'),   s_0 = the encoder's last h
              o_t = V s_t + b_o                            reads S and the target, is trained to output the target and E

Three characters are not letters: S starts the decoder, E ends a word, and ? pads a word to 5 characters.

Inputs are one-hot. The summed loss of a batch is the sum over its pairs of the mean cross-entropy of their six steps.
When it translates, the source feeds the decoder S????? instead of its own previous output, as in no step of training:
the lab antonyms-decoding compares both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .lab import Draw, Lab, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def train(seed: int, epochs: int, interval: int | None = None) -> tuple[Any, list[float], list[tuple[int, int]]]:
    """Return the network, the summed loss of each batch, and after each interval the correct words in both ways."""
    import torch

    network = create_network(seed)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=True)
    words, targets = list(PAIRS), [target.ljust(LENGTH, "?") for target in PAIRS.values()]
    decoder_ids, target_ids = encode(["S" + target for target in targets]), encode([target + "E" for target in targets])
    losses, correct = [], []
    for epoch in range(1, epochs + 1):
        for rows in torch.randperm(len(words)).split(BATCH_SIZE):
            state = encode_words(network, [words[row] for row in rows])
            logits, _ = decode(network, decoder_ids[rows], state)
            loss = BATCH_SIZE * torch.nn.functional.cross_entropy(logits.transpose(1, 2), target_ids[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if interval and epoch % interval == 0:
            correct.append((count_correct(network, own_output=False), count_correct(network, own_output=True)))
    return network, losses, correct


def run(report: Report) -> None:
    """Train for as long as the source; translate the six words, and two that are new."""
    report.say(
        en="The encoder reads a word, the decoder outputs its antonym. Three characters are not letters: S (start) is "
        "the first input of the decoder, E (end) ends a word, and ? (padding) fills a word up to 5 characters. For "
        "man, the encoder reads man??E; the decoder reads Swomen and is trained to output womenE.",
        zh="编码器读入一个词，解码器输出它的反义词。有三个字符不是字母：S（start，开始）是解码器的第一个输入，"
        "E（end，结束）表示词到此为止，?（填充）把词补足 5 个字符。以 man 为例，编码器读入 man??E；"
        "解码器读入 Swomen，学习输出 womenE。",
    )
    num_parameters = sum(p.numel() for p in create_network(0).parameters())
    report.equal(Text("parameters", "参数个数"), num_parameters, EXPECTED_PARAMETERS)
    num_targets, num_padding = (LENGTH + 1) * len(PAIRS), sum(LENGTH - len(target) for target in PAIRS.values())
    report.say(
        en=f"As in the source, padding is trained as a target: the target of up is down?E, and {num_padding} of the "
        f"{num_targets} target characters are ?. Its dropout is left out: dropout between layers does nothing with a "
        "single layer.",
        zh=f"和原程序一样，填充也当作训练目标：up 的目标是 down?E，{num_targets} 个目标字符里有 {num_padding} 个是 ?。"
        "原程序的 dropout 作用于层与层之间，单层网络里不起作用，这里省去。",
    )
    first_loss = np.mean([train(seed, 1)[1][0] for seed in report.seeds(10)])
    report.equal(
        Text("mean of the first summed losses", "最初的损失之和的平均值"), first_loss, 3.0 * math.log(29.0), within=0.1
    )
    epochs = FEW_EPOCHS if report.smoke else EPOCHS
    seeds = report.seeds(3)
    report.start(
        en=f"Training {len(seeds)} seeds, {epochs:,} epochs each",
        zh=f"训练 {len(seeds)} 个随机种子，各 {epochs:,} 轮",
        seconds=13.0 * len(seeds),
    )
    trained = [train(seed, epochs) for seed in seeds]
    networks = [network for network, _, _ in trained]
    show_translations(report, networks[0])
    report.say(
        en="Now words that were not trained. They have no expected translation; this is what the network makes of "
        "them:",
        zh="再给网络没有训练过的新词。新词没有标准译文，网络的输出如下：",
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
    report.figure("loss", loss_by_epoch(np.array([losses for _, losses, _ in trained])))


def show_translations(report: Report, network: Any) -> None:
    """Show the six words, their targets, and what the network outputs in both ways."""
    report.say(
        en="The six words after the training (seed 0). What the decoder reads when it translates: S?????, as in the "
        "source, or its own previous output. The lab antonyms-decoding compares both ways:",
        zh="训练之后的六个词（种子 0）。翻译时，解码器的输入有两种：原程序输入 S?????，"
        "也可以输入解码器自己的上一个输出。两种做法的比较见实验 antonyms-decoding：",
    )
    outputs = [translate(network, list(PAIRS), own_output=own) for own in (False, True)]
    report.table(
        [
            *(Text("word", "词"), Text("target", "目标")),
            *(Text("translation: S?????", "译文：S?????"), Text("its own output", "译文：自己的上一个输出")),
        ],
        zip(PAIRS, PAIRS.values(), *outputs, strict=True),
    )


def loss_by_epoch(losses: Any) -> Draw:
    """Return the drawing of the loss of a character by epoch: losses (seeds, batches) are summed over three words."""
    by_epoch = losses.reshape(len(losses), -1, len(PAIRS) // BATCH_SIZE).sum(axis=2) / len(PAIRS)

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.subplots()
        epochs = range(1, by_epoch.shape[1] + 1)
        for seed, line in enumerate(by_epoch):
            axes.plot(epochs, line, label=Text(f"seed {seed}", f"种子 {seed}").in_language(language))
        chance = Text("ln 29: all characters equally probable", "ln 29：29 个字符等可能").in_language(language)
        axes.axhline(math.log(len(CHARACTERS)), color="0.4", linestyle=":", label=chance)
        axes.set_yscale("log")
        axes.set_xlabel(Text("epochs", "轮数").in_language(language))
        name = Text("mean loss of a character (nats, log scale)", "每个字符的平均损失（纳特，对数坐标）")
        axes.set_ylabel(name.in_language(language))
        axes.legend()

    return draw


LAB = Lab(
    name="antonyms",
    chapter="sequences",
    title=Text("Encoder and decoder: six pairs of antonyms", "编码器-解码器：六对反义词"),
    claim=Text(
        "44,445 parameters; the first summed loss is about 3 ln 29 = 10.1; after the 5,000 epochs of the source, all "
        "six words are translated.",
        "44,445 个参数；最初的损失之和约为 3 ln 29 = 10.1；像原程序那样训练 5,000 轮，六个词全部译对。",
    ),
    source=Text(
        "Cho et al. (2014); graykode/nlp-tutorial 4-1; assignment 8, exercise 7",
        "Cho 等（2014）；graykode/nlp-tutorial 4-1；作业8 第 7 题",
    ),
    seconds=82.0,
    run=run,
)
