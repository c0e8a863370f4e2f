"""The parameters of an estimator as scikit-learn has them: those of its constructor, kept as they were given.

So an estimator can be cloned, searched and cross-validated. scikit-learn itself is not needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Self

from elman.errors import ConfigError


class Parameters:
    """What an estimator has of its parameters; its constructor does nothing but keep them under their names."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters of the constructor; they count from the next fit on."""
        known = inspect.signature(type(self)).parameters
        for name, value in parameters.items():
            if name not in known:
                raise ConfigError(f"unknown parameter {name!r}", hint=f"choose of {', '.join(known)}")
            setattr(self, name, value)
        return self


def budget_of(parameters: Parameters, **given: float | None) -> Mapping[str, float | None]:
    """Return the budget that fit was given or, where it was given none, the constructor's."""
    return given if any(given.values()) else {name: getattr(parameters, name) for name in given}


def sequence_tags(*, required: bool = True) -> Any:
    """Return what scikit-learn is told of an estimator of sequences: what it takes is no matrix."""
    from sklearn.utils import InputTags, Tags, TargetTags

    inputs = InputTags(one_d_array=True, two_d_array=False, string=True)
    return Tags(estimator_type=None, target_tags=TargetTags(required=required), input_tags=inputs)
