"""The classifier: one label for a text."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elman.tasks.spec import TaskSpec

    from .config import ClassifierRun
    from .corpus import ClassifierCorpus
    from .predictor import ClassifierPredictor
    from .readers import LabelledText


def spec() -> TaskSpec[ClassifierRun, ClassifierCorpus, LabelledText, ClassifierPredictor]:
    """Return the table of the functions in this folder."""
    from elman.tasks.spec import Continuation, Decisions, Errors, Evaluation, Pictures, Prediction, Report, TaskSpec

    from . import (
        answers,
        comparison,
        config,
        corpus,
        decisions,
        defaults,
        errors,
        evaluation,
        inputs,
        pictures,
        predictor,
        preparation,
        readers,
        report,
        stream_form,
    )

    return TaskSpec(
        name="classify",
        title="classifier",
        package=__name__,
        data_help="TSV or CSV, JSON lines, fastText (.gz too), -, or a folder with a file or a folder for each class.",
        single_file=False,
        parallel_files=False,
        generates=False,
        run_config=config.ClassifierRun,
        reader_config=config.ClassifierReaderConfig,
        resolve=defaults.resolve,
        open_source=readers.open_source,
        prepare=preparation.prepare,
        open_corpus=corpus.ClassifierCorpus.open,
        load=predictor.ClassifierPredictor.from_folder,
        prediction=Prediction(
            config.PredictOptions,
            by_input=answers.ClassifierAnswers,
            inputs=inputs.input_options,
            request_options=("threshold", "explain"),
        ),
        stream_form=stream_form.STREAM_FORM,
        evaluation=Evaluation(
            config.EvaluateOptions,
            score_validation_set=evaluation.score_validation_set,
            score=evaluation.score,
            comparison=comparison.COMPARISON,
            errors=Errors(
                corpus.ClassifierCorpus.valid,
                errors.wrong_predictions,
                partial(readers.open_source, with_other_columns=True),
            ),
            decisions=Decisions(corpus.ClassifierCorpus.valid, decisions.decisions),
            tables=report.tables,
        ),
        reader_defaults=predictor.ClassifierPredictor.reader_values,
        pictures=Pictures(pictures.of_validation_set, pictures.of_examples),
        continuation=Continuation(predictor.ClassifierPredictor.determined_values, preparation.prepare),
        report=Report(
            describe_run=report.describe_run,
            measure_speed=report.measure_speed,
            model_card=report.model_card,
            summary=report.summary,
            next_commands=report.next_commands,
        ),
    )
