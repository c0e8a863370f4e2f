"""The main function of a language model: the prompt is all of stdin."""

from __future__ import annotations

from elman.tasks.language_model.predictor import LanguageModelPredictor

from ..checks import notes_of, number_reason
from ..program import Program, block
from ..text import TextReader, add_spacing
from .inputs import MAX_LINE, add_limits, print_statements

_READ_ALL_NUMBERS = ["static char line[MAX_LINE + 1];", "int size = read_text(line, MAX_LINE);"]


def language_model_main(predictor: LanguageModelPredictor, program: Program) -> list[str]:
    """Add the main function of a language model; return what it reads and prints as numbers, and why."""
    prefix, upper, config, tokens = program.prefix, program.upper, predictor.text, predictor.vocabulary.tokens
    reason = number_reason(tokens, config.level, config.normalize)
    start = int(predictor.prompt_ids("")[0])
    add_limits(program)
    reads: list[str]
    if reason is None:
        reader = TextReader(
            program,
            tokens,
            config.level,
            lower_first=config.normalize == "lower",
            textbook=config.normalize == "textbook",
            byte_fallback=config.byte_fallback,
        )
        reader.add()
        reads = [
            "static char prompt[MAX_LINE];",
            "slice text = {prompt, read_text(prompt, MAX_LINE)};",
            *reader.statements(),
            "fwrite(prompt, 1, (size_t)text.size, stdout);",
        ]
    else:
        program.main_table(MAX_LINE)
        reads = [*_READ_ALL_NUMBERS, "int count = read_numbers(line, size, numbers, MAX_TOKENS);"]
    print_token, after, before = _print_generated(predictor, program, as_text=reason is None)
    generation = [
        *before,
        "for (int n = 0; n < num_tokens; ++n) {",
        "    logits[0] = -INFINITY;  // <unk> is no answer",
        f"    int token = argmax(logits, {upper}_TOKENS);",
        block(print_token),
        f"    {prefix}_step(&state, token, logits);",
        "}",
        *after,
    ]
    program.main.append(f"""\
// Continue the prompt on stdin by the most probable tokens; the argument is their number, 300 if it is missing.
int main(int argc, char** argv) {{
    static {prefix}_state state;
    static float logits[{upper}_TOKENS];
    int num_tokens = argc > 1 ? atoi(argv[1]) : 300;
{block(reads)}
    if (count == 0) numbers[count++] = {start};  // the beginning of a text
    {prefix}_init(&state);
    if ({prefix}_run(&state, numbers, count - 1, NULL) != {upper}_OK ||
        {prefix}_step(&state, numbers[count - 1], logits) != {upper}_OK) {{
        fail("a number is not that of a token");
    }}
{block(generation)}
    return 0;
}}""")
    return notes_of("Tokens", reason)


def _print_generated(
    predictor: LanguageModelPredictor, program: Program, *, as_text: bool
) -> tuple[list[str], list[str], list[str]]:
    """Return the statements that print a token, those after the last token, and those before the first one."""
    tokens = predictor.vocabulary.tokens
    if not as_text:
        return ['printf("%d\\n", token);'], [], []
    if predictor.text.level == "word":
        add_spacing(program, tokens)
        before = [
            "for (int i = 0; text.size > 0 && i < count; ++i) needs_space(numbers[i]);",
            "const char* last = prompt + text.size - (text.size > 0);",
            "while (last > prompt && ((uint8_t)*last & 0xc0) == 0x80) --last;  // the last character",
            "int has_space = text.size > 0 && is_space(next_character(&last, prompt + text.size));",
        ]
        prints = [
            "int space = needs_space(token);",
            'printf("%s%s", space && !(n == 0 && has_space) ? " " : "", vocabulary[token]);',
        ]
        return prints, ['printf("\\n");'], before
    prints, after = print_statements(program, tokens, "vocabulary", defined=predictor.text.level != "byte")
    return prints, [*after, 'printf("\\n");'], []
