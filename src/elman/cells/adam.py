"""Adam (Kingma and Ba, 2015, algorithm 1), as torch.optim.Adam computes it.

    m = beta1 m + (1 - beta1) g                      mean of the gradients
    v = beta2 v + (1 - beta2) g^2                    mean of their squares
    w = w - rate m' / (sqrt(v') + epsilon)           m' = m / (1 - beta1^t), v' = v / (1 - beta2^t)

m and v start from zero, which makes them too small in the first updates; the divisions correct this. There is no weight
decay.
"""

from __future__ import annotations

import numpy as np

from .activations import Array


class Adam:
    """The state of the optimizer for one array of parameters: m, v, and the number t of updates so far."""

    def __init__(
        self, parameters: Array, rate: float = 0.001, betas: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8
    ) -> None:
        self.parameters = parameters
        self.rate, self.betas, self.epsilon = rate, betas, epsilon
        self.m, self.v = np.zeros_like(parameters), np.zeros_like(parameters)
        self.t = 0

    def update(self, gradient: Array) -> None:
        """Change the parameters in place, against the gradient; both have the same shape."""
        beta1, beta2 = self.betas
        self.t += 1
        self.m += (1.0 - beta1) * (gradient - self.m)
        self.v += (1.0 - beta2) * (gradient * gradient - self.v)
        rate = self.rate / (1.0 - beta1**self.t)
        self.parameters -= rate * self.m / (np.sqrt(self.v / (1.0 - beta2**self.t)) + self.epsilon)
