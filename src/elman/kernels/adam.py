"""Adam by one call of the compiled kernels: the bits of cells/adam.py, about three times as fast."""

from __future__ import annotations

import numpy as np

from elman.cells.activations import Array
from elman.cells.adam import Adam as NumPyAdam

from . import backend

_DTYPES = (np.float32, np.float64)


class Adam(NumPyAdam):
    """elman.cells.adam.Adam, compiled where the kernels are available and the arrays are contiguous."""

    def update(self, gradient: Array) -> None:
        """Change the parameters in place, against the gradient; both have the same shape and dtype."""
        arrays = (self.parameters, gradient, self.m, self.v)
        if backend.native is None or not all(a.flags.c_contiguous and a.dtype in _DTYPES for a in arrays):
            super().update(gradient)
            return
        t, (beta1, beta2) = self.t + 1, self.betas
        rate, square_correction = self.rate / (1.0 - beta1**t), 1.0 - beta2**t
        backend.native.update_by_adam(*arrays, 1.0 - beta1, 1.0 - beta2, rate, square_correction, self.epsilon)
        self.t = t
