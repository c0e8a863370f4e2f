"""What the labs of character language models share: a network of torch modules, its training, and its perplexity.

perplexity = exp(mean cross-entropy in nats): as uncertain as a uniform choice among so many symbols
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.decoding import Sampler, Step, generate

from .characters import BATCH, STEPS, Characters, Ids, sequential_batches
from .lab import Draw, Language, Report, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

State = dict[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.floating[Any]]

NEW_SYMBOLS = 50  # of a continuation
POINTS = 20  # at which held-out text is measured during a training
HELD_OUT_RATIO = 10.0  # held-out / training; measured: more than 50
SAME_GRADIENT = 1e-6  # float32


def tokens_per_second(updates: dict[str, Callable[[], object]], tokens: int, rounds: int = 7) -> dict[str, float]:
    """Return the median speed of functions that read so many tokens a call; they run in turn, first once unmeasured."""
    seconds: dict[str, list[float]] = {name: [] for name in updates}
    for number in range(rounds + 1):
        for name, update in updates.items():
            started = perf_counter()
            update()
            if number:
                seconds[name].append(perf_counter() - started)
    return {name: tokens / median(times) for name, times in seconds.items()}


class Network(NamedTuple):
    """A character model of torch modules: a recurrent layer over one-hot vectors (T, B, V), and a linear readout."""

    layer: Any  # torch.nn.RNN, GRU or LSTM, or those of elman.nn
    readout: Any  # torch.nn.Linear

    def parameters(self) -> list[Any]:
        """Return all parameters."""
        return [*self.layer.parameters(), *self.readout.parameters()]

    def logits(self, inputs: Any, state: Any = None) -> tuple[Any, Any]:
        """Return the logits (T * B, V), ordered by time, after ids (B, T), and the final state."""
        from torch.nn.functional import one_hot

        outputs, state = self.layer(one_hot(inputs.T, self.layer.input_size).float(), state)
        return self.readout(outputs.flatten(0, 1)), state

    def loss(self, inputs: Ids, targets: Ids, state: Any = None) -> tuple[Any, Any]:
        """Return the mean cross-entropy of ids (B, T), and the final state."""
        import torch

        logits, state = self.logits(torch.from_numpy(inputs), state)
        return torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets).T.flatten()), state

    def step(self, tokens: Ids, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the logits (B, V) after one token of each row, and the next state; the form of elman.decoding."""
        import torch

        with torch.no_grad():
            logits, carried = self.logits(torch.from_numpy(tokens)[:, None], state.get("carried"))
        return logits.numpy(), {"carried": carried}


def detached(state: Any) -> Any:
    """Return a state without its history: the backward pass ends here. An LSTM's state is a pair."""
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def update_network(network: Network, loss: Any, optimizer: Any, clip: float = 1.0) -> float:
    """Take one step of gradient descent, and return the norm of the gradient before clipping."""
    from torch.nn.utils import clip_grad_norm_

    optimizer.zero_grad()
    loss.backward()
    norm = float(clip_grad_norm_(network.parameters(), clip))
    optimizer.step()
    return norm


def train(
    network: Network, ids: Ids, optimizer: Any, *, epochs: int, after_epoch: Callable[[int], None] = lambda epoch: None
) -> list[float]:
    """Train in sequential order with clipping at 1, and return the perplexity of each epoch."""
    rng = np.random.default_rng(0)
    perplexities = []
    for epoch in range(1, epochs + 1):
        state, losses = None, []
        for inputs, targets in sequential_batches(ids, int(rng.integers(STEPS + 1))):
            loss, state = network.loss(inputs, targets, state)
            update_network(network, loss, optimizer)
            state = detached(state)
            losses.append(loss.item())
        perplexities.append(float(np.exp(np.mean(losses))))
        after_epoch(epoch)
    return perplexities


def perplexity_of(network: Network, ids: Ids) -> float:
    """Return the perplexity of a text that is read in B streams, each from a state of zero."""
    import torch

    state, losses = None, []
    with torch.no_grad():
        for inputs, targets in sequential_batches(ids, offset=0):
            loss, state = network.loss(inputs, targets, state)
            losses.append(loss.item())
    return float(np.exp(np.mean(losses)))


def memorize(report: Report, network: Network, characters: Characters, epochs: int, rate: float) -> Perplexities:
    """Train a network on the first 10,000 characters by SGD, and show its perplexity on them and on held-out text."""
    import torch

    held_out = []

    def after_epoch(epoch: int) -> None:
        if epoch % max(1, epochs // POINTS) == 0:
            held_out.append(perplexity_of(network, characters.held_out[: len(characters.training)]))

    optimizer = torch.optim.SGD(network.parameters(), lr=rate)
    training = train(network, characters.training, optimizer, epochs=epochs, after_epoch=after_epoch)
    perplexities = Perplexities(training, held_out)
    show_perplexities(report, perplexities)
    return perplexities


class Perplexities(NamedTuple):
    """The perplexity of the training text in each epoch, and that of held-out text at POINTS of them."""

    training: list[float]
    held_out: list[float]

    @property
    def distance(self) -> int:
        """The epochs from one measurement of held-out text to the next."""
        return len(self.training) // len(self.held_out)


def show_perplexities(report: Report, perplexities: Perplexities) -> None:
    """Show the perplexities as a table, and where that of held-out text is lowest."""
    training, held_out = perplexities
    epochs = [perplexities.distance * (k + 1) for k in range(len(held_out))]
    report.table(
        [Text("epoch", "轮"), Text("training", "训练文本"), Text("held-out", "未见文本")],
        [(epoch, f"{training[epoch - 1]:.3f}", f"{value:.1f}") for epoch, value in zip(epochs, held_out, strict=True)],
    )
    best = int(np.argmin(held_out))
    if best + 1 < len(held_out):
        report.say(
            en=f"On text that it has not read, the network was best after {epochs[best]} epochs: {held_out[best]:.1f}. "
            "After that it only learned by heart (overfitting).",
            zh=f"在没有读过的文本上，第 {epochs[best]} 轮时最好：{held_out[best]:.1f}。之后只是死记硬背（过拟合）。",
        )


def claim_perplexities(
    report: Report, characters: Characters, network: Network, perplexities: Perplexities, expected: float
) -> None:
    """Claim the training perplexity of the book, and that the perplexity of all held-out text is far above it."""
    training = perplexities.training[-1]
    if characters.is_book:
        report.at_most(Text("training perplexity", "训练困惑度"), training, expected)
    held_out = perplexity_of(network, characters.held_out)
    report.at_least(Text("held-out perplexity", "未见文本的困惑度"), held_out, HELD_OUT_RATIO * training)


def read_prefix(step: Step, state: State, prefix: Ids) -> tuple[Floats, State]:
    """Return the logits (V,) and the state after a prefix; each of its symbols is read once."""
    for token in prefix:
        logits, state = step(np.array([token]), state)
    return logits[0], state


def continuation(step: Step, state: State, characters: Characters, prefix: str, size: int = NEW_SYMBOLS) -> str:
    """Return the greedy continuation of a prefix by a model of one row; each symbol of the prefix is read once."""
    logits, state = read_prefix(step, state, characters.vocabulary.encode(prefix))
    ids = generate(step, logits, state, Sampler(temperature=0.0), np.random.default_rng(0), size)
    return "".join(characters.vocabulary.decode(list(ids))).replace("\n", " ")


def compare_layers(
    report: Report, characters: Characters, mine: Network, plain: Network, names: tuple[str, str], rate: float
) -> None:
    """Claim that two networks with the same weights have the same gradients; show their speed, which changes them."""
    import torch

    inputs, targets = next(sequential_batches(characters.training, 0))
    networks = dict(zip(names, (mine, plain), strict=True))
    for network in networks.values():
        network.loss(inputs, targets)[0].backward()
    differences = [
        float((a.grad - b.grad).abs().max()) for a, b in zip(mine.parameters(), plain.parameters(), strict=True)
    ]
    report.at_most(Text("largest difference of the gradients", "梯度的最大差别"), max(differences), SAME_GRADIENT)
    updates: dict[str, Callable[[], object]] = {}
    for name, network in networks.items():
        optimizer = torch.optim.SGD(network.parameters(), lr=rate)

        def update(network: Network = network, optimizer: Any = optimizer) -> None:
            update_network(network, network.loss(inputs, targets)[0], optimizer)

        updates[name] = update
    show_speed(report, updates)


def show_speed(report: Report, updates: dict[str, Callable[[], object]]) -> None:
    """Show the median speed of updates on one batch each, taken in turn."""
    rounds = 1 if report.smoke else 15
    report.say(
        en=f"Speed of training, the median of {rounds} updates each, taken in turn:",
        zh=f"训练速度（交替进行，各取 {rounds} 次更新的中位数）：",
    )
    speeds = tokens_per_second(updates, BATCH * STEPS, rounds)
    report.table(["", Text("tokens/s", "词元/秒")], [(name, f"{speed:,.0f}") for name, speed in speeds.items()])


def draw_perplexities(perplexities: Perplexities, size: int) -> Draw:
    """Return the drawing of both perplexities by epoch, beside that of a uniform guess among `size` symbols."""
    training, held_out = perplexities

    def draw(figure: Figure, language: Language) -> None:
        axes = figure.add_subplot()
        names = Text("training text", "训练文本"), Text("held-out text", "未见文本"), Text("uniform guess", "均匀猜测")
        labels = [name.in_language(language) for name in names]
        axes.semilogy(range(1, len(training) + 1), training, label=labels[0])
        epochs = [perplexities.distance * (k + 1) for k in range(len(held_out))]
        axes.semilogy(epochs, held_out, marker="o", label=labels[1])
        axes.axhline(size, color="0.5", linestyle=":", label=labels[2])
        axes.set_xlabel(Text("epoch", "轮").in_language(language))
        axes.set_ylabel(Text("perplexity", "困惑度").in_language(language))
        axes.legend(frameon=False)

    return draw
