"""The inputs of `elman predict` by an encoder-decoder: sources, which are read as the training files were."""

from __future__ import annotations

from functools import partial

from elman.data.readers.input_formats import InputColumn, column_readers, detect_format, read_line_inputs
from elman.data.readers.inputs import InputFile, InputReader
from elman.tasks.spec import InputOptions

from .answers import added_columns
from .config import PredictOptions
from .lexicons import LEXICON, has_pronunciations, looks_like_lexicon, word_of
from .predictor import Seq2SeqPredictor


def input_options(predictor: Seq2SeqPredictor, options: PredictOptions) -> InputOptions:
    """Return how sources are read, and which columns a table of them gets.

    In a line with tabs, the source is what is before the first one, unless the model was trained on parallel files.
    """
    reader, layout = predictor.reader, predictor.layout
    name = options.source_column or str((reader.columns or ("source",))[0])
    is_number = name.isdecimal() and int(name) > 0
    is_default = options.source_column is None and reader.columns is None
    column = InputColumn(name, "--source", index=int(name) - 1 if is_number else 0 if is_default else None)
    readers = column_readers(column, str if layout.format == "parallel" else _first_column)
    readers[LEXICON] = partial(read_line_inputs, text_of=word_of)
    of_dictionaries = LEXICON in (layout.format, reader.format)
    detect = partial(_detect, predictor=predictor if of_dictionaries else None, column=column)
    return InputOptions(InputReader(readers, detect), options.format, name, added_columns(options))


def _detect(file: InputFile, column: InputColumn, predictor: Seq2SeqPredictor | None) -> str:
    """Return the format of a file; predictor is a model of pronouncing dictionaries, or None."""
    if predictor is not None:
        lines = [text for _, text in file.readable_sample]
        symbols = predictor.target_vocabulary.tokens if predictor.text.target.level == "word" else ()
        if looks_like_lexicon(lines) or has_pronunciations(lines, frozenset(symbols)):
            return LEXICON
    return detect_format(file, column)


def _first_column(line: str) -> str:
    return line.split("\t")[0]
