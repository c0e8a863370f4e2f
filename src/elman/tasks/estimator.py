"""What all estimators have in common: parameters as scikit-learn has them, training, and the trained model.

An estimator's constructor keeps its parameters under their names, so it can be cloned, searched and cross-validated
without scikit-learn being needed. A parameter has the name of a config field; `values` puts each into its place.

    history_   what was recorded during the last `fit`: the loss and the norm of the gradient of some updates, the
               metrics of every validation; a list of dicts, the lines of metrics.jsonl
    result_    what the last `fit` reported: steps, seconds, best_step, train and valid (metrics); empty after Ctrl-C
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from elman.config import Config, Values, get_table, layer_values, merge_values, nest_value, validate_config
from elman.errors import ConfigError, Interrupted, NotFittedError, missing_package_error

from .estimator_display import describe_as_html, describe_call
from .loading import load
from .python_messages import python_messages, python_names, warn_of_caution
from .spec import AnyTask, task_spec

if TYPE_CHECKING:
    from elman.data.sources import SourceArgument
    from elman.models.trace import Trace
    from elman.training.progress import Display
    from elman.translations import Language

OWN_PARAMETERS = frozenset({"config", "run", "overwrite", "warm_start", "verbose"})  # that are no config fields


class Estimator:
    """A task with parameters to train by, and the predictor once there is one."""

    task: ClassVar[str]
    config: Mapping[str, Any] | None
    run: str | Path | None
    overwrite: bool
    warm_start: bool | str | Path
    verbose: bool
    history_: list[dict[str, Any]]
    result_: dict[str, Any]
    _predictor: Any = None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters of the constructor; they are used from the next `fit` on."""
        names = inspect.signature(type(self)).parameters
        for name in parameters:
            if name not in names:
                raise ConfigError(f"unknown parameter {name!r}", hint=f"Choose one of {', '.join(names)}")
        for name, value in parameters.items():
            setattr(self, name, value)
        return self

    def save(self, path: str | Path) -> None:
        """Write the model folder, which `elman.load` reads without torch."""
        self._trained.save(path)

    def trace(self, input: Any, **options: Any) -> Trace:  # noqa: A002 - the name that all tasks share
        """Return what happens inside the trained model on one input; options are those of the predictor's `trace`."""
        trace: Trace = self._trained.trace(input, **options)
        return trace

    def __repr__(self) -> str:
        return describe_call(type(self), self.get_params())

    def _repr_html_(self) -> str:
        """Return the estimator as notebooks show it."""
        return describe_as_html(type(self), self.get_params(), getattr(self, "result_", {}))

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a trained model, for scikit-learn."""
        return self._predictor is not None

    @property
    def _trained(self) -> Any:
        """The predictor; there is none before `fit`, which is a NotFittedError."""
        if self._predictor is None:
            raise NotFittedError("the model is not trained yet", hint="Call fit first, or use elman.load")
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
        overwrite: bool | None,
        verbose: bool | None,
    ) -> Self:
        """Train in the run folder, or in a folder that is deleted afterwards.

        What is not None replaces the parameter of the constructor for this `fit`. After Ctrl-C, the best model so far
        is kept or, before the first validation, the model as it is.
        """
        try:
            from elman.experiment import train
            from elman.inspect import read_metrics
        except ModuleNotFoundError as error:
            raise missing_package_error(error) or error from None

        run = self.run if run is None else run
        values = layer_values(self._values(), {"training": _plain(without_none(budget))})
        is_verbose = self.verbose if verbose is None else verbose
        names = python_names(self._spec.run_config, self.get_params())
        display = display_for(verbose=is_verbose, names=names)
        with tempfile.TemporaryDirectory(prefix="elman-") as scratch:
            out = Path(run) if run is not None else Path(scratch) / "run"

            def keep(result: dict[str, Any]) -> None:
                self._predictor, self.history_, self.result_ = load(out), list(read_metrics(out)), result

            try:
                with python_messages(self._spec.run_config, self.get_params()):
                    result = train(
                        sources,
                        out,
                        values,
                        display,
                        task=self.task,
                        valid=valid,
                        overwrite=self.overwrite if overwrite is None else overwrite,
                        start=self._start,
                    )
            except Interrupted as stop:
                keep({})
                if run is not None:
                    raise
                hint = "The model so far is kept. With a folder as run, elman resume continues the training later"
                raise Interrupted(stop.exit_code - 128, stop.message.removesuffix(" and saved"), hint=hint) from None
            keep(result if run is not None else {key: result[key] for key in result if key not in ("run", "model")})
        return self

    @property
    def _start(self) -> Any:
        """What training starts from: the present model, the path of another, or None for a new model."""
        if isinstance(self.warm_start, bool):
            return self._predictor if self.warm_start else None
        return self.warm_start

    def _plot(self, folder: str | Path, source: SourceArgument | None, language: Language | None) -> list[Path]:
        """Draw the training of the last `fit`, and what the task draws of the examples of a source, if one is given."""
        from elman.figures.style import save_drawings
        from elman.inspect import training_drawings

        drawings = training_drawings(getattr(self, "history_", ()))
        spec, trained = self._spec, self._trained
        if source is not None and spec.pictures is not None:
            drawings |= spec.pictures.of_examples(trained, self._examples(source))
        return save_drawings(folder, drawings, language)

    def _values(self) -> Values:
        """Return the config values of the parameters that are not None, laid over `config`."""
        places = config_places(self._spec.run_config)
        parameters = _plain(without_none(self.get_params()))
        nested = (nest_value(places[name], value) for name, value in parameters.items() if name not in OWN_PARAMETERS)
        return layer_values(_plain(dict(self.config or {})), merge_values(*nested))

    def _reader_of_model(self) -> Any:
        """Return the reader config with which `fit` reads files; options that the model sets are the model's."""
        kind = self._spec.reader_config
        data = get_table(self._values(), "data")
        reader = validate_config(kind, {name: value for name, value in data.items() if name in kind.model_fields})
        return reader.model_copy(update=self._spec.reader_defaults(self._trained))

    def _examples(self, source: SourceArgument) -> Iterator[Any]:
        """Yield the examples of a source, read as `fit` reads them."""
        from elman.data.sources import located

        with python_messages(self._spec.run_config, self.get_params()):
            reader = self._reader_of_model()
            yield from self._spec.open_source(located(source), reader, lambda message: None).examples()


def config_places(model: type[Config], prefix: str = "") -> dict[str, str]:
    """Return the key of each config field by the field's name, such as hidden_size: model.hidden_size."""
    places: dict[str, str] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Config):
            places |= config_places(field.annotation, f"{prefix}{name}.")
        else:
            places[name] = f"{prefix}{name}"
    return places


def sequence_tags(kind: str | None, *, targets_required: bool = True) -> Any:
    """Return scikit-learn's tags of an estimator of sequences, whose input is not a matrix."""
    from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

    return Tags(
        estimator_type=kind,
        target_tags=TargetTags(required=targets_required),
        classifier_tags=ClassifierTags() if kind == "classifier" else None,
        input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
    )


def _plain(value: Any) -> Any:
    """Return parameters with Python's numbers in the place of NumPy's, which a search of scikit-learn passes."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def without_none(values: Mapping[str, Any]) -> Values:
    """Return the values that are not None."""
    return {key: value for key, value in values.items() if value is not None}


def display_for(*, verbose: bool, names: Mapping[str, str]) -> Display:
    """Return the display of training: a text in a notebook, lines on stderr elsewhere, or warnings alone.

    names are those in Python of the flags in warnings.
    """
    from rich.console import Console

    from elman.training.displays import display_on
    from elman.training.progress import MessageDisplay

    return display_on(Console(stderr=True)) if verbose else MessageDisplay(partial(warn_of_caution, names=names))
