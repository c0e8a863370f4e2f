"""The inputs of `elman predict` by a classifier: texts, which are read as the training files were."""

from __future__ import annotations

from functools import partial

from elman.data.readers.input_formats import InputColumn, column_readers, detect_format, read_line_inputs
from elman.data.readers.inputs import InputFile, InputReader
from elman.tasks.spec import InputOptions

from .answers import added_columns
from .config import PredictOptions
from .predictor import ClassifierPredictor
from .readers import is_fasttext, split_fasttext
from .tables import DEFAULT_NAMES


def input_options(predictor: ClassifierPredictor, options: PredictOptions) -> InputOptions:
    """Return how texts are read, and which columns a table of them gets."""
    reader, layout = predictor.reader, predictor.layout
    has_default_names = options.text_column is None and (reader.text_column, reader.label_column) == DEFAULT_NAMES
    column = InputColumn(
        options.text_column or reader.text_column,
        "--text",
        reader.columns or layout.columns,
        label="" if reader.columns else reader.label_column,
        labels=frozenset(predictor.labels if has_default_names else ()),
        has_tables=layout.format == "table",
    )
    readers = column_readers(column) | {"fasttext": partial(read_line_inputs, text_of=_fasttext_text)}
    return InputOptions(
        InputReader(readers, partial(_detect, column=column)),
        options.format,
        column.name,
        added_columns(predictor, options),
    )


def _detect(file: InputFile, column: InputColumn) -> str:
    return "fasttext" if is_fasttext(file.first) else detect_format(file, column)


def _fasttext_text(line: str) -> str:
    """Return a line without its labels."""
    return split_fasttext(line)[1]
