"""The linear-chain conditional random field, with derivatives; runtime/crf.py has the equations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elman.text.spans import FORBIDDEN_SCORE, TransitionMask


class ConditionalRandomField(nn.Module):
    """Scores of pairs of neighbouring labels: log p of a sequence of labels, given emissions."""

    def __init__(self, allowed: TransitionMask) -> None:
        super().__init__()
        labels = len(allowed.start)
        self.transitions = nn.Parameter(torch.zeros(labels, labels))
        self.start = nn.Parameter(torch.zeros(labels))
        self.end = nn.Parameter(torch.zeros(labels))
        for name, mask in allowed._asdict().items():
            self.register_buffer(f"_{name}_forbidden", ~torch.from_numpy(mask), persistent=False)

    def forward(self, emissions: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """Return log p (B,) of labels (T, B), of which the first lengths (B,) count, given emissions (T, B, C)."""
        A, start, end = self._scores(emissions.dtype)
        T = len(emissions)
        inside = torch.arange(T, device=lengths.device)[:, None] < lengths
        labels = labels.masked_fill(~inside, 0)
        token_scores = emissions.gather(2, labels[:, :, None])[:, :, 0]
        pair_scores = A[labels[:-1], labels[1:]]
        last = labels.gather(0, lengths[None] - 1)[0]
        score = (token_scores * inside).sum(0) + (pair_scores * inside[1:]).sum(0) + start[labels[0]] + end[last]
        return score - self._log_partition(emissions, inside, A, start, end)

    def _log_partition(self, emissions: Tensor, inside: Tensor, A: Tensor, start: Tensor, end: Tensor) -> Tensor:
        """Return log Z (B,). The maxima are subtracted before exponentials, without a derivative of their own."""
        highest_A = A.detach().amax()
        exp_A = torch.exp(A - highest_A)
        tiny = torch.finfo(emissions.dtype).tiny
        a = start + emissions[0]
        for e, active in zip(emissions[1:], inside[1:, :, None], strict=True):
            highest = a.detach().amax(1, keepdim=True)
            a_next = torch.log((torch.exp(a - highest) @ exp_A).clamp_min(tiny)) + (highest + highest_A) + e
            a = torch.where(active, a_next, a)
        return torch.logsumexp(a + end, 1)

    def _scores(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Return the scores of transitions, first and last labels, with a very low score where one is forbidden."""
        scores_and_masks = ((self.transitions, "transitions"), (self.start, "start"), (self.end, "end"))
        A, start, end = (
            scores.to(dtype).masked_fill(getattr(self, f"_{name}_forbidden"), FORBIDDEN_SCORE)
            for scores, name in scores_and_masks
        )
        return A, start, end
