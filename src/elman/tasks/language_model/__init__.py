"""The language model: it predicts the next token of a text, and so continues a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elman.tasks.spec import TaskSpec

    from .config import LanguageModelRun
    from .corpus import LanguageModelCorpus
    from .predictor import LanguageModelPredictor


def spec() -> TaskSpec[LanguageModelRun, LanguageModelCorpus, str, LanguageModelPredictor]:
    """Return the table of the functions in this folder. An example is a block of text."""
    from elman.tasks.spec import Continuation, Errors, Evaluation, Pictures, Report, TaskSpec

    from . import (
        comparison,
        config,
        corpus,
        defaults,
        errors,
        evaluation,
        pictures,
        predictor,
        preparation,
        readers,
        report,
        stream_form,
    )

    return TaskSpec(
        name="lm",
        title="language model",
        package=__name__,
        data_help="Text files (.gz too), -, or the name of a data set.",
        single_file=False,
        parallel_files=False,
        generates=True,
        run_config=config.LanguageModelRun,
        reader_config=config.LanguageModelReaderConfig,
        resolve=defaults.resolve,
        open_source=readers.open_source,
        prepare=preparation.prepare,
        open_corpus=corpus.LanguageModelCorpus.open,
        load=predictor.LanguageModelPredictor.from_folder,
        prediction=None,
        stream_form=stream_form.STREAM_FORM,
        evaluation=Evaluation(
            config.EvaluateOptions,
            score_validation_set=evaluation.score_validation_set,
            score=evaluation.score,
            comparison=comparison.COMPARISON,
            errors=Errors(lambda corpus: corpus.ids("valid"), errors.wrong_predictions),
        ),
        pictures=Pictures(pictures.of_validation_set, pictures.of_examples),
        continuation=Continuation(predictor.LanguageModelPredictor.determined_values, preparation.prepare),
        report=Report(
            describe_run=report.describe_run,
            measure_speed=report.measure_speed,
            model_card=report.model_card,
            summary=report.summary,
            next_commands=report.next_commands,
        ),
    )
