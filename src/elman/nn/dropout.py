"""Dropout with its generator passed in, of the two kinds that recurrent networks use.

    standard      every activation by itself (Srivastava et al., 2014; between layers only: Zaremba et al., 2014)
    variational   one mask a sequence, the same at every step (Gal and Ghahramani, 2016)

What is kept is scaled by 1 / (1 - rate), so nothing changes at prediction. To draw is most of the work, and one
thread's: so four activations share 64 random bits, and a rate counts to the nearest of 65,536.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def dropout(x: Tensor, rate: float, generator: torch.Generator, *, shared_over_time: bool = False) -> Tensor:
    """Return x (T, B, H) with a share `rate` of it zeroed and the rest scaled up.

    shared_over_time: one mask (1, B, H) for all T steps, the variational kind.
    """
    if rate == 0.0:
        return x
    shape = (1, *x.shape[1:]) if shared_over_time else x.shape
    count = math.prod(shape)
    bits = torch.empty(-(-count // 4), dtype=torch.int64, device=x.device).random_(-(2**63), None, generator=generator)
    drawn = bits.view(torch.int16)[:count].view(shape)  # from -32,768 to 32,767, each as likely
    kept = drawn >= round(rate * 2**16) - 2**15
    return x * kept.to(x.dtype).div_(1.0 - rate)
