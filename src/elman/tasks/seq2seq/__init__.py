"""Sequence to sequence: an encoder-decoder, which turns one sequence into another of any length."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elman.tasks.spec import TaskSpec

    from .config import Seq2SeqRun
    from .corpus import Seq2SeqCorpus
    from .predictor import Seq2SeqPredictor
    from .readers import Pair


def spec() -> TaskSpec[Seq2SeqRun, Seq2SeqCorpus, Pair, Seq2SeqPredictor]:
    """Return the table of the functions in this folder."""
    from elman.tasks.spec import Continuation, Errors, Evaluation, Pictures, Prediction, Report, TaskSpec

    from . import (
        answers,
        comparison,
        config,
        corpus,
        defaults,
        errors,
        evaluation,
        inputs,
        pictures,
        predictor,
        preparation,
        readers,
        report,
    )

    return TaskSpec(
        name="seq2seq",
        title="sequence-to-sequence model",
        package=__name__,
        data_help="SOURCE TAB TARGET on each line, CSV, JSON lines (.gz too), -, or the name of a data set.",
        single_file=False,
        parallel_files=True,
        generates=False,
        run_config=config.Seq2SeqRun,
        reader_config=config.Seq2SeqReaderConfig,
        resolve=defaults.resolve,
        open_source=readers.open_source,
        prepare=preparation.prepare,
        open_corpus=corpus.Seq2SeqCorpus.open,
        load=predictor.Seq2SeqPredictor.from_folder,
        prediction=Prediction(
            config.PredictOptions,
            by_input=answers.Seq2SeqAnswers,
            inputs=inputs.input_options,
            request_options=("beam", "n_best", "length_penalty"),
        ),
        reader_defaults=predictor.Seq2SeqPredictor.reader_values,
        evaluation=Evaluation(
            config.EvaluateOptions,
            score_validation_set=evaluation.score_validation_set,
            score=evaluation.score,
            comparison=comparison.COMPARISON,
            errors=Errors(
                corpus.Seq2SeqCorpus.valid,
                errors.wrong_predictions,
                partial(readers.open_source, with_other_columns=True),
            ),
        ),
        pictures=Pictures(pictures.of_validation_set, pictures.of_examples),
        continuation=Continuation(predictor.Seq2SeqPredictor.determined_values, preparation.prepare),
        report=Report(
            describe_run=report.describe_run,
            measure_speed=report.measure_speed,
            model_card=report.model_card,
            summary=report.summary,
            next_commands=report.next_commands,
        ),
    )
