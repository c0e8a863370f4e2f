"""Dropout with its generator passed in, of the two kinds that recurrent networks use.

    standard      every activation by itself (Srivastava et al., 2014; between layers only: Zaremba et al., 2014)
    variational   one mask a sequence, the same at every step (Gal and Ghahramani, 2016)

What is kept is scaled by 1 / (1 - rate), so nothing changes at prediction.
"""

from __future__ import annotations

import torch
from torch import Tensor


def dropout(x: Tensor, rate: float, generator: torch.Generator, *, shared_over_time: bool = False) -> Tensor:
    """Return x (T, B, H) with a share `rate` of it zeroed and the rest scaled up.

    shared_over_time: one mask (1, B, H) for all T steps, the variational kind.
    """
    if rate == 0.0:
        return x
    shape = (1, *x.shape[1:]) if shared_over_time else x.shape
    kept = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(1.0 - rate, generator=generator)
    return x * kept.div_(1.0 - rate)
