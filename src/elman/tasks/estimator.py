"""What all estimators have in common: parameters as scikit-learn has them, training, and the trained model.

An estimator's constructor keeps its parameters under their names, so it can be cloned, searched and cross-validated
without scikit-learn being needed. A parameter has the name of a config field; `values` puts each into its place.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from elman.config import Config, Values, get_table, layer_values, merge_values, nest_value, validate_config
from elman.errors import ConfigError, Interrupted, missing_package_error

from .spec import AnyTask, load, task_spec

if TYPE_CHECKING:
    from elman.data.sources import SourceArgument
    from elman.models.trace import Trace
    from elman.training.progress import Display
    from elman.translations import Language

OWN_PARAMETERS = frozenset({"config", "verbose"})  # that are no config fields


class Estimator:
    """A task with parameters to train by, and the predictor once there is one."""

    task: ClassVar[str]
    config: Mapping[str, Any] | None
    verbose: bool
    _predictor: Any = None
    _metrics: Sequence[Mapping[str, Any]] = ()  # the records of metrics.jsonl of the last `fit`

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters of the constructor; they are used from the next `fit` on."""
        names = inspect.signature(type(self)).parameters
        for name, value in parameters.items():
            if name not in names:
                raise ConfigError(f"unknown parameter {name!r}", hint=f"Choose one of {', '.join(names)}")
            setattr(self, name, value)
        return self

    def save(self, path: str | Path) -> None:
        """Write the model folder, which `elman.load` reads without torch."""
        self._trained.save(path)

    def trace(self, input: Any, **options: Any) -> Trace:  # noqa: A002 - the name that all tasks share
        """Return what happens inside the trained model on one input; options are those of the predictor's `trace`."""
        trace: Trace = self._trained.trace(input, **options)
        return trace

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a trained model, for scikit-learn."""
        return self._predictor is not None

    @property
    def _trained(self) -> Any:
        """The predictor; there is none before `fit`, which is a ConfigError."""
        if self._predictor is None:
            raise ConfigError("the model is not trained yet", hint="Call fit first, or use elman.load")
        return self._predictor

    @property
    def _spec(self) -> AnyTask:
        return task_spec(self.task)

    def _fit(
        self,
        sources: Sequence[SourceArgument],
        *,
        valid: Sequence[SourceArgument],
        budget: Mapping[str, float | None],
        run: str | Path | None,
        overwrite: bool,
        verbose: bool | None,
    ) -> dict[str, Any]:
        """Train in `run`, or in a folder that is deleted afterwards, and return the result of training.

        A budget replaces that of the constructor. After Ctrl-C the best model so far is kept.
        """
        try:
            from elman.experiment import train
            from elman.inspect import read_metrics
        except ModuleNotFoundError as error:
            raise missing_package_error(error) or error from None

        values = layer_values(self._values(), {"training": without_none(budget)})
        display = display_for(verbose=self.verbose if verbose is None else verbose)
        with tempfile.TemporaryDirectory(prefix="elman-") as scratch:
            out = Path(run) if run is not None else Path(scratch) / "run"
            try:
                result = train(sources, out, values, display, task=self.task, valid=valid, overwrite=overwrite)
            except Interrupted as stop:
                if (out / "model").is_dir():
                    self._predictor = load(out)
                    self._metrics = read_metrics(out)
                if run is not None:
                    raise
                state = "The best model so far is kept" if self._predictor else "No model was validated yet"
                raise Interrupted(stop.exit_code - 128, "stopped", hint=f"{state}. Give run= to resume later") from None
            self._predictor = load(out)
            self._metrics = read_metrics(out)
        return result if run is not None else {key: result[key] for key in result if key not in ("run", "model")}

    def _plot(self, folder: str | Path, source: SourceArgument | None, language: Language | None) -> list[Path]:
        """Draw the training of the last `fit`, and what the task draws of the examples of a source, if one is given."""
        from elman.figures.style import save_drawings
        from elman.inspect import training_drawings

        drawings = training_drawings(self._metrics)
        spec, trained = self._spec, self._trained
        if source is not None and spec.pictures is not None:
            drawings |= spec.pictures.of_examples(trained, self._examples(source))
        return save_drawings(folder, drawings, language)

    def _values(self) -> Values:
        """Return the config values of the parameters that are not None, laid over `config`."""
        places = config_places(self._spec.run_config)
        parameters = without_none(self.get_params())
        nested = (nest_value(places[name], value) for name, value in parameters.items() if name not in OWN_PARAMETERS)
        return layer_values(dict(self.config or {}), merge_values(*nested))

    def _reader(self) -> Any:
        """Return the reader config with which `fit` reads files."""
        kind = self._spec.reader_config
        data = get_table(self._values(), "data")
        return validate_config(kind, {name: value for name, value in data.items() if name in kind.model_fields})

    def _examples(self, source: SourceArgument) -> Any:
        """Return the examples of a source, read as `fit` reads them; options that the model sets are the model's."""
        from elman.data.sources import located

        reader = self._reader().model_copy(update=self._spec.reader_defaults(self._trained))
        return self._spec.open_source(located(source), reader, lambda message: None).examples()


def config_places(model: type[Config], prefix: str = "") -> dict[str, str]:
    """Return the key of each config field by the field's name, such as hidden_size: model.hidden_size."""
    places: dict[str, str] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Config):
            places |= config_places(field.annotation, f"{prefix}{name}.")
        else:
            places[name] = f"{prefix}{name}"
    return places


def paired(left: Any, right: Any, names: str) -> list[tuple[Any, Any]]:
    """Return two collections of equal length as pairs; other lengths are a ConfigError."""
    first, second = list(left), list(right)
    if len(first) != len(second):
        raise ConfigError(f"{names}: given {len(first):,} and {len(second):,}; expected as many of each")
    return list(zip(first, second, strict=True))


def rows_of(pairs: Any, columns: tuple[str, str]) -> list[Any]:
    """Return the rows of a list of pairs, or of two columns of a DataFrame."""
    if not hasattr(pairs, "itertuples"):
        return [tuple(row.tolist()) if hasattr(row, "tolist") else row for row in pairs]
    names = list(pairs.columns)
    if not set(columns) <= set(names):
        message = f"given a DataFrame with the columns {', '.join(map(str, names))}; expected {' and '.join(columns)}"
        raise ConfigError(message, hint='Rename the columns, or give two of them: fit(frame["a"], frame["b"])')
    return list(pairs[list(columns)].itertuples(index=False, name=None))


def sequence_tags(kind: str | None, *, targets_required: bool = True) -> Any:
    """Return scikit-learn's tags of an estimator of sequences, whose input is not a matrix."""
    from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

    return Tags(
        estimator_type=kind,
        target_tags=TargetTags(required=targets_required),
        classifier_tags=ClassifierTags() if kind == "classifier" else None,
        input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
    )


def without_none(values: Mapping[str, Any]) -> Values:
    """Return the values that are not None."""
    return {key: value for key, value in values.items() if value is not None}


def display_for(*, verbose: bool) -> Display:
    """Return the display of training: a text in a notebook, lines on stderr elsewhere, or none."""
    from rich.console import Console

    from elman.training.displays import display_on

    return display_on(Console(stderr=True), quiet=not verbose)
