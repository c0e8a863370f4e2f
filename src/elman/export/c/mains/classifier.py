"""The main function of a classifier: a text in each line of stdin, its label in each line of stdout."""

from __future__ import annotations

from elman.tasks.classifier.predictor import ClassifierPredictor

from ..checks import notes_of, number_reason
from ..program import Program
from ..text import TextReader, add_vocabulary
from .inputs import add_limits, add_line_loop, token_statements


def classifier_main(predictor: ClassifierPredictor, program: Program) -> list[str]:
    """Add the main function of a classifier; return what it reads as numbers, and why."""
    prefix, upper, config, text = program.prefix, program.upper, predictor.config, predictor.text
    reason = number_reason(predictor.vocabulary.tokens, text.level, text.normalize)
    add_vocabulary(program, "labels", predictor.labels)
    add_limits(program)
    by_word = text.level == "word"
    reader = TextReader(
        program,
        predictor.vocabulary.tokens,
        text.level,
        lower_first=text.normalize == "lower" and not by_word,
        lower_tokens=text.normalize == "lower" and by_word,
    )
    tokens = token_statements(program, reader, reason, predictor.characters.tokens if config.character_size else None)
    if config.bidirectional:
        call = [f"int status = {prefix}_predict(tokens, count, log_p);"]
    else:
        call = [f"{prefix}_init(&state);", f"int status = {prefix}_run(&state, tokens, count - 1, NULL);"]
        last = "tokens + count - 1" if config.character_size else "tokens[count - 1]"
        call.append(f"if (status == {upper}_OK) status = {prefix}_step(&state, {last}, log_p);")
    body = [
        "slice text = strip(line, size);",
        *tokens,
        "if (count == 0) {  // an empty line has no label",
        '    printf("\\n");',
        "    continue;",
        "}",
        *call,
        f'if (status != {upper}_OK) fail("a line is too long, or a number is not that of a token");',
        f'printf("%s\\n", labels[argmax(log_p, {upper}_LABELS)]);',
    ]
    state = "" if config.bidirectional else f"    static {prefix}_state state;\n"
    add_line_loop(
        program, "Print the label of each line of stdin.", f"{state}    float log_p[{upper}_LABELS];", body, reason
    )
    return notes_of("Tokens", reason)
