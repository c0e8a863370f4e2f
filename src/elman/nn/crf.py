"""The linear-chain conditional random field, with derivatives; runtime/crf.py has the equations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elman.text.spans import FORBIDDEN_SCORE, TransitionMask


class ConditionalRandomField(nn.Module):
    """Scores of what follows what: log p of labels, given emissions."""

    def __init__(self, allowed: TransitionMask) -> None:
        super().__init__()
        labels = len(allowed.start)
        self.transitions = nn.Parameter(torch.zeros(labels, labels))
        self.start = nn.Parameter(torch.zeros(labels))
        self.end = nn.Parameter(torch.zeros(labels))
        for name, mask in allowed._asdict().items():
            self.register_buffer(f"_{name}_forbidden", ~torch.from_numpy(mask), persistent=False)

    def forward(self, emissions: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """Return log p (B,) of labels (T, B), whatever they are after the lengths (B,), given emissions (T, B, C)."""
        A, start, end = self._scores(emissions.dtype)
        T = len(emissions)
        inside = torch.arange(T, device=lengths.device)[:, None] < lengths
        labels = labels.masked_fill(~inside, 0)
        of_tokens = emissions.gather(2, labels[:, :, None])[:, :, 0]
        of_pairs = A[labels[:-1], labels[1:]]
        last = labels.gather(0, lengths[None] - 1)[0]
        score = (of_tokens * inside).sum(0) + (of_pairs * inside[1:]).sum(0) + start[labels[0]] + end[last]
        return score - self._log_partition(emissions, inside, A, start, end)

    def _log_partition(self, emissions: Tensor, inside: Tensor, A: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """Log Z (B,). The largest numbers are taken off before exponentials, and have no derivative of their own."""
        highest_A = A.detach().amax()
        exp_A = torch.exp(A - highest_A)
        tiny = torch.finfo(emissions.dtype).tiny
        a = start + emissions[0]
        for e, goes_on in zip(emissions[1:], inside[1:, :, None], strict=True):
            highest = a.detach().amax(1, keepdim=True)
            reached = torch.log((torch.exp(a - highest) @ exp_A).clamp_min(tiny)) + (highest + highest_A) + e
            a = torch.where(goes_on, reached, a)
        return torch.logsumexp(a + end, 1)

    def _scores(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """What follows what, what is first and what last, what is forbidden told."""
        named = ((self.transitions, "after"), (self.start, "first"), (self.end, "last"))
        A, start, end = (
            scores.to(dtype).masked_fill(getattr(self, f"_{name}_forbidden"), FORBIDDEN_SCORE) for scores, name in named
        )
        return A, start, end
