"""The main function of an encoder-decoder: a source in each line of stdin, its target in each line of stdout."""

from __future__ import annotations

from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.text.subwords import WORD_START

from ..checks import notes_of, number_reason
from ..program import Program, block
from ..text import TextReader, add_vocabulary
from .inputs import add_limits, add_line_loop, print_statements, token_statements


def seq2seq_main(predictor: Seq2SeqPredictor, program: Program) -> list[str]:
    """Add the main function of an encoder-decoder; return what it reads or prints as numbers, and why."""
    prefix, upper, sides = program.prefix, program.upper, predictor.text
    sources, targets = predictor.source_vocabulary.tokens, predictor.target_vocabulary.tokens
    reason = number_reason(sources, sides.source.level, sides.source.normalize)
    add_limits(program)
    level = {"word": "space"}.get(sides.source.level, sides.source.level)
    reader = TextReader(
        program, sources, level, table="sources", lower_first=sides.source.normalize == "lower", reserved=3
    )
    tokens = token_statements(program, reader, reason, None)
    target_reason = number_reason(
        targets, "char", sides.target.normalize.replace("nfc", "none").replace("lower", "none")
    )
    after: list[str] = []
    if target_reason is not None:
        prints = ['printf("%s%d", n > 0 ? " " : "", token);']
    elif sides.target.level in ("char", "byte"):
        prints, after = print_statements(program, targets, "targets", defined=False)
    elif sides.target.level == "word":
        add_vocabulary(program, "targets", targets)
        prints = ['printf("%s%s", n > 0 ? " " : "", targets[token]);']
    else:
        add_vocabulary(program, "targets", [token.replace(WORD_START, " ") for token in targets])
        prints = ["fputs(targets[token] + (n == 0 && targets[token][0] == ' '), stdout);"]
    body = [
        "slice text = strip(line, size);",
        *tokens,
        f"int length = count > 0 ? {prefix}_predict(tokens, count, target, NULL) : 0;",
        'if (length < 0) fail("a line is too long, or a number is not that of a token");',
        "for (int n = 0; n < length; ++n) {",
        "    int token = target[n];",
        block(prints),
        "}",
        *after,
        'printf("\\n");',
    ]
    target = f"    static int target[{upper}_MAX_TARGET];"
    add_line_loop(program, "Print the target of each line of stdin.", target, body, reason)
    return [*notes_of("Tokens of sources", reason), *notes_of("Tokens of targets", target_reason)]
