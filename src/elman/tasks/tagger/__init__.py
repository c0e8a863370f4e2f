"""The tagger: a tag for each token of a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elman.tasks.spec import TaskSpec

    from .config import TaggerRun
    from .corpus import TaggerCorpus
    from .predictor import TaggerPredictor
    from .readers import TaggedSentence


def spec() -> TaskSpec[TaggerRun, TaggerCorpus, TaggedSentence, TaggerPredictor]:
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
        name="tag",
        title="tagger",
        package=__name__,
        data_help="CoNLL-U, columns, CSV, TOKENS TAB TAGS, JSON lines (.gz too), -, or the name of a data set.",
        single_file=False,
        parallel_files=False,
        generates=False,
        run_config=config.TaggerRun,
        reader_config=config.TaggerReaderConfig,
        resolve=defaults.resolve,
        open_source=readers.open_source,
        prepare=preparation.prepare,
        open_corpus=corpus.TaggerCorpus.open,
        load=predictor.TaggerPredictor.from_folder,
        prediction=Prediction(
            config.PredictOptions,
            by_input=answers.TaggerAnswers,
            inputs=inputs.input_options,
            request_options=("probabilities",),
            reads_tokens=True,
        ),
        stream_form=stream_form.STREAM_FORM,
        reader_defaults=predictor.TaggerPredictor.reader_values,
        evaluation=Evaluation(
            config.EvaluateOptions,
            score_validation_set=evaluation.score_validation_set,
            score=evaluation.score,
            comparison=comparison.COMPARISON,
            errors=Errors(corpus.TaggerCorpus.valid, errors.wrong_predictions),
            decisions=Decisions(corpus.TaggerCorpus.valid, decisions.decisions),
            tables=report.tables,
        ),
        pictures=Pictures(pictures.of_validation_set, pictures.of_examples),
        continuation=Continuation(predictor.TaggerPredictor.determined_values, preparation.prepare),
        report=Report(
            describe_run=report.describe_run,
            measure_speed=report.measure_speed,
            model_card=report.model_card,
            summary=report.summary,
            next_commands=report.next_commands,
        ),
    )
