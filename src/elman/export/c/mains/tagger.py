"""The main function of a tagger: a sentence in each line of stdin, a line TOKEN TAB TAG for each token on stdout."""

from __future__ import annotations

from elman.tasks.tagger.predictor import TaggerPredictor

from ..checks import notes_of, number_reason
from ..program import Program
from ..text import TextReader, add_vocabulary
from .inputs import add_limits, add_line_loop, token_statements


def tagger_main(predictor: TaggerPredictor, program: Program) -> list[str]:
    """Add the main function of a tagger; return what it reads as numbers, and why."""
    prefix, upper, config, text = program.prefix, program.upper, predictor.config, predictor.text
    reason = number_reason(predictor.words.tokens, text.level, text.normalize)
    add_vocabulary(program, "tags_by_number", predictor.labels)
    add_limits(program)
    level = "space" if text.level == "word" else "full_char"
    reader = TextReader(program, predictor.words.tokens, level, lower_tokens=text.normalize == "lower")
    tokens = token_statements(program, reader, reason, predictor.characters.tokens if config.character_size else None)
    token = 'printf("%.*s\\t%s\\n", slices[i].size, slices[i].begin, tags_by_number[tags[i]]);'
    if reason is not None:
        number = "tokens[i].word" if config.character_size else "tokens[i]"
        token = f'printf("%d\\t%s\\n", {number}, tags_by_number[tags[i]]);'
    body = [
        "slice text = strip(line, size);",
        *tokens,
        f"if (count > 0 && {prefix}_predict(tokens, count, tags) != {upper}_OK) {{",
        '    fail("a line is too long, or a number is not that of a token");',
        "}",
        f"for (int i = 0; i < count; ++i) {token}",
        'printf("\\n");',
    ]
    tags = f"    static int tags[{upper}_MAX_LENGTH];"
    add_line_loop(program, "Print the tags of each line of stdin.", tags, body, reason)
    return notes_of("Tokens", reason)
