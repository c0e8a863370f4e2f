"""The forecaster: the next rows of a series, with prediction intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elman.tasks.spec import TaskSpec

    from .config import ForecasterRun
    from .corpus import ForecasterCorpus
    from .predictor import ForecasterPredictor
    from .series import Series


def spec() -> TaskSpec[ForecasterRun, ForecasterCorpus, Series, ForecasterPredictor]:
    """Return the table of the functions in this folder. A source has one example for each series."""
    from elman.tasks.spec import Continuation, Errors, Evaluation, Pictures, Prediction, Report, TaskSpec

    from . import (
        answers,
        comparison,
        config,
        corpus,
        defaults,
        errors,
        evaluation,
        pictures,
        predictor,
        readers,
        report,
        stream_form,
    )

    return TaskSpec(
        name="forecast",
        title="forecaster",
        package=__name__,
        data_help="CSV with a header and one row for each time, oldest first (.gz too), -, or the name of a data set.",
        single_file=True,
        parallel_files=False,
        generates=False,
        run_config=config.ForecasterRun,
        reader_config=config.ForecasterReaderConfig,
        resolve=defaults.resolve,
        open_source=readers.open_source,
        prepare=corpus.prepare,
        open_corpus=corpus.ForecasterCorpus.open,
        load=predictor.ForecasterPredictor.from_folder,
        reader_defaults=predictor.ForecasterPredictor.reader_values,
        prediction=Prediction(config.PredictOptions, by_file=answers.predict_file, of_columns=answers.predict_columns),
        stream_form=stream_form.STREAM_FORM,
        evaluation=Evaluation(
            config.EvaluateOptions,
            score_validation_set=evaluation.score_validation_set,
            score=evaluation.score,
            comparison=comparison.COMPARISON,
            errors=Errors(lambda corpus: corpus.scored, errors.wrong_predictions),
            tables=report.tables,
            reader_options=config.NotationConfig,
        ),
        pictures=Pictures(pictures.of_validation_set, pictures.of_examples),
        continuation=Continuation(predictor.ForecasterPredictor.determined_values, corpus.prepare),
        report=Report(
            describe_run=report.describe_run,
            measure_speed=report.measure_speed,
            model_card=report.model_card,
            summary=report.summary,
            next_commands=report.next_commands,
        ),
    )
