"""Dropout with a generator as an argument, of the two kinds that recurrent networks use.

    standard      every activation independently (Srivastava et al., 2014; between layers only: Zaremba et al., 2014)
    variational   one mask for each sequence, the same at every step (Gal and Ghahramani, 2016)

The other activations are scaled by 1 / (1 - rate), so prediction needs no change. Drawing random bits is most of the
work, and runs on one thread: four activations share 64 bits, so the rate is rounded to a multiple of 1 / 65,536.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def dropout(x: Tensor, rate: float, generator: torch.Generator, *, shared_over_time: bool = False) -> Tensor:
    """Return x (T, B, H) with the fraction `rate` of its numbers zeroed and the rest scaled up.

    shared_over_time: one mask (1, B, H) for all T steps, which is the variational kind.
    """
    if rate == 0.0:
        return x
    shape = (1, *x.shape[1:]) if shared_over_time else x.shape
    count = math.prod(shape)
    bits = torch.empty(-(-count // 4), dtype=torch.int64, device=x.device).random_(-(2**63), None, generator=generator)
    uniform = bits.view(torch.int16)[:count].view(shape)  # from -32,768 to 32,767, each equally likely
    mask = uniform >= round(rate * 2**16) - 2**15
    return x * mask.to(x.dtype).div_(1.0 - rate)
