"""What all estimators do alike: train in a folder that stays or goes, and hold the predictor that came of it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.config import Values, merged
from elman.errors import ConfigError, Interrupted, missing_package
from elman.experiment.config import layered
from elman.runtime import load

if TYPE_CHECKING:
    from elman.experiment import Given
    from elman.training.progress import Display


class Learner:
    """A task, what is given of its config, and the predictor once there is one."""

    def __init__(self, task: str, config: Mapping[str, Any] | None, given: Mapping[str, Any]) -> None:
        """Take config values, nested as in a TOML file, and those of a constructor, which win; None is not given."""
        self._task = task
        self._given: Values = merged(
            config or {},
            {key: without_none(value) if isinstance(value, Mapping) else value for key, value in given.items()},
        )
        self._predictor: Any = None

    def fit(
        self,
        sources: Sequence[Given],
        *,
        budget: Mapping[str, float | None],
        run: str | Path | None,
        overwrite: bool,
        verbose: bool,
        **others: Sequence[Given],
    ) -> dict[str, Any]:
        """Train, and return what training came to; others are further sources, as experiment.train names them."""
        try:
            from elman.experiment import train
        except ModuleNotFoundError as error:
            raise missing_package(error) or error from None

        given = layered(self._given, {"training": without_none(budget)})
        with tempfile.TemporaryDirectory(prefix="elman-") as scratch:
            out = Path(run) if run is not None else Path(scratch) / "run"
            display = display_of(verbose=verbose)
            try:
                result = train(sources, out, given, display, task=self._task, overwrite=overwrite, **others)
            except Interrupted as stop:
                if run is not None:
                    raise
                self._predictor = load(out) if (out / "model").is_dir() else None
                kept = "the best model so far is kept" if self._predictor else "nothing was validated yet"
                raise Interrupted(stop.exit_code - 128, "stopped", hint=f"{kept}; give run= to go on later") from None
            self._predictor = load(out)
        return result if run is not None else {key: result[key] for key in result if key not in ("run", "model")}

    @property
    def trained(self) -> bool:
        """Whether there is a trained model."""
        return self._predictor is not None

    @property
    def predictor(self) -> Any:
        """The trained model."""
        if self._predictor is None:
            raise ConfigError("the model is not trained yet", hint="call fit first, or use elman.load")
        return self._predictor


def without_none(values: Mapping[str, Any]) -> Values:
    """Return the values that are given."""
    return {key: value for key, value in values.items() if value is not None}


def display_of(*, verbose: bool) -> Display:
    """Return where training tells of itself."""
    from rich.console import Console

    from elman.training.progress import ConsoleDisplay, Silence

    return ConsoleDisplay(Console(stderr=True)) if verbose else Silence()
