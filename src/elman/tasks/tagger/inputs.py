"""The inputs of `elman predict` by a tagger: sentences, which are read as the training files were, without tags.

    lines             a sentence on each line; what follows a tab is ignored, and so are tags that a mark joins to words
    conllu, columns   a token on each line, a blank line between sentences
    csv               a table (tables.py) with a row for each token, or for each sentence
    jsonl             an object with a list of tokens on each line, or an array of such objects

The first lines decide the format. They are those of `columns` if all have as many columns, and the tags in them are
tags of the model, or the model was trained on such files and there are tabs, or blank lines between sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from elman.data.readers.column_layout import ColumnLayout
from elman.data.readers.input_formats import (
    InputColumn,
    is_array,
    open_table,
    read_json_inputs,
    read_line_inputs,
)
from elman.data.readers.inputs import Input, InputFile, InputReader, Inputs, NumberedLine, line_number
from elman.data.readers.tables import Row
from elman.data.readers.text import Line
from elman.data.readers.token_lines import (
    detect_format,
    is_blank_or_comment,
    joining_mark,
    read_column_tokens,
    read_column_words,
    read_conllu_tokens,
    sentence_blocks,
)
from elman.errors import DataError
from elman.tasks.spec import InputOptions

from .answers import ADDED_COLUMNS
from .config import PredictOptions, TaggerReaderConfig
from .predictor import TaggerPredictor
from .tables import SentenceColumns, find_columns, given_names, header_names, sentence_groups

TOKEN_LINES = ("conllu", "columns")  # the formats of training files with a token on each line


def input_options(predictor: TaggerPredictor, options: PredictOptions) -> InputOptions:
    """Return how sentences are read, and which columns a table of them gets."""
    return InputOptions(_reader(predictor, options), options.format, "sentence", ADDED_COLUMNS)


def _reader(predictor: TaggerPredictor, options: PredictOptions) -> InputReader:
    trained, trained_format = predictor.reader, predictor.layout.format
    by_name = trained.token_column if trained_format in ("csv", "jsonl") else None  # a column, or a key
    by_number = trained.token_column if trained_format in TOKEN_LINES else None
    reader = TaggerReaderConfig(
        token_column=options.token_column or by_name,
        tag_column=trained.tag_column if trained_format == "csv" else None,
        sentence_column=options.sentence_column or trained.sentence_column,
    )
    of_lines = {name: options.token_column or (by_number if name == trained_format else None) for name in TOKEN_LINES}
    key = InputColumn(reader.token_column or "tokens", "--words", holds_lists=True)
    return InputReader(
        {
            "lines": partial(read_line_inputs, text_of=partial(_without_tags, predictor=predictor)),
            "conllu": partial(_read_conllu, token_column=of_lines["conllu"]),
            "columns": partial(_read_columns, token_column=of_lines["columns"]),
            "csv": partial(_read_table, reader=reader, predictor=predictor),
            "jsonl": partial(read_json_inputs, column=key),
        },
        partial(_detect, reader=reader, predictor=predictor),
    )


def _detect(file: InputFile, reader: TaggerReaderConfig, predictor: TaggerPredictor) -> str:
    """Return the format of a file."""
    if is_array(file):
        return "jsonl"
    lines = [text for _, text in file.readable_sample]
    first = next((text for text in lines if not is_blank_or_comment(text)), None)
    if first is None:
        return "lines"
    detected = detect_format(first)
    if detected in ("conllu", "jsonl"):
        return detected
    names = header_names(file.readable_sample, reader)
    if ("tokens" in names and ("tags" in names or predictor.layout.format == "csv")) or file.suffix == ".csv":
        return "csv"
    return "columns" if detected == "columns" and _has_columns(file, predictor) else "lines"


def _has_columns(file: InputFile, predictor: TaggerPredictor) -> bool:
    """Return whether the first lines have a token each; see above."""
    blocks = list(sentence_blocks(iter(file.readable_sample)))
    layout = ColumnLayout.of([[text for _, text in block] for block in blocks])
    sentences = [read_column_words(block, layout) for block in blocks]
    rows = [cells for words in sentences for _, cells in words]
    if len({len(cells) for cells in rows}) != 1:
        return False
    has_columns = len(rows[0]) > 1
    if has_columns and all(cells[layout.tag_index] in predictor.labels for cells in rows):
        return True
    has_sentences = len(blocks) > 1 and any(len(words) > 1 for words in sentences)
    has_tabs = has_columns and "\t" in file.first
    return predictor.layout.format in TOKEN_LINES and (has_tabs or has_sentences)


def _without_tags(line: str, predictor: TaggerPredictor) -> str:
    """Return the sentence of a line: what stands before a tab, or the words of `EU/B-ORG rejects/O`.

    Tags are joined to words if all of them are tags of the model, and its training files were lines, too.
    """
    mark = joining_mark([line]) if predictor.layout.format == "lines" else None
    words = [word.rpartition(mark) for word in line.split()] if mark is not None else []
    if words and all(tag in predictor.labels for _, _, tag in words):
        return " ".join(token for token, _, _ in words)
    return line.split("\t")[0]


def _read_conllu(file: InputFile, token_column: str | None) -> Inputs:
    return file.inputs("lines", _sentences(file, lambda block: read_conllu_tokens(block, token_column)))


def _read_columns(file: InputFile, token_column: str | None) -> Inputs:
    """Return the sentences of columns. Of a pipe, each sentence shows its layout itself."""
    blocks = [[text for _, text in block] for block in sentence_blocks(iter(file.readable_sample))]
    layout = ColumnLayout.of(blocks) if len(file.sample) > 1 else None
    return file.inputs("lines", _sentences(file, lambda block: read_column_tokens(block, token_column, layout)))


def _sentences(file: InputFile, read: Callable[[list[Line]], list[str]]) -> Iterator[Input]:
    """Yield a sentence for the lines between blank lines, if there are tokens in them."""
    for block in _between_blank_lines(file.lines):
        broken = next((Input(number, error=error) for number, _, error in block if error is not None), None)
        if broken is not None:
            yield broken
            continue
        try:
            tokens = read([(str(number), text) for number, text, _ in block])
        except DataError as error:
            yield Input(int(error.where or block[0][0]), error=_described(error))
            continue
        if tokens:
            yield Input(block[0][0], tokens=tuple(tokens))


def _between_blank_lines(lines: Iterator[NumberedLine]) -> Iterator[list[NumberedLine]]:
    """Yield the lines between blank ones. A line that cannot be read is not blank."""
    block: list[NumberedLine] = []
    for line in lines:
        if line[1].strip() or line[2]:
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _read_table(file: InputFile, reader: TaggerReaderConfig, predictor: TaggerPredictor) -> Inputs:
    table = open_table(file, given_names(reader.model_copy(update={"tag_column": None})))
    columns = find_columns(table, reader, row=predictor.layout.row, sample_rows=len(file.sample), needs_tags=False)
    groups = sentence_groups(table, columns) if columns is not None else iter(())
    items = (_of_rows(rows, columns) for rows in groups if columns is not None)
    return file.inputs("table", items, table.dialect, table.header)


def _of_rows(rows: list[Row], columns: SentenceColumns) -> Input:
    """Return the sentence of rows, of which some may be blank."""
    filled = [row for row in rows if not row.is_blank]
    number = line_number(filled[0].where)
    try:
        cells = [columns.token_cell(row) for row in filled]
    except DataError as error:
        return Input(line_number(error.where or filled[0].where), error=_described(error), rows=tuple(rows))
    if columns.rows_are_sentences:
        return Input(number, cells[0].strip(), rows=tuple(rows))
    return Input(number, tokens=tuple(cells), rows=tuple(rows))


def _described(error: DataError) -> str:
    return ". ".join(filter(None, (error.message, error.hint)))
