"""Lines and tokens of the input of a main function, and tokens that are printed: what several tasks have in common."""

from __future__ import annotations

from collections.abc import Sequence

from ..program import Program, block
from ..text import LINE_BYTES, MAX_TOKENS, TextReader, add_token_bytes, add_vocabulary

MAX_LINE = f"#define MAX_LINE {LINE_BYTES}  // bytes of a line of the input"


def add_limits(program: Program) -> None:
    """Add the largest number of tokens, and the numbers of the tokens of an input."""
    program.main_table(f"#define MAX_TOKENS {MAX_TOKENS}  // of an input")
    program.main.append("static int numbers[MAX_TOKENS];  // of the tokens of the input")


def token_statements(
    program: Program, reader: TextReader, reason: str | None, characters: Sequence[str] | None
) -> list[str]:
    """Return the statements that turn `text` into `tokens` and their `count`, and add what they need."""
    if reason is None:
        reader.add()
    statements = ["int count = read_numbers(line, size, numbers, MAX_TOKENS);"] if reason else reader.statements()
    if characters is None:
        return [*statements, "const int* tokens = numbers;"]
    if reason is not None:
        return _numbers_with_characters(program)
    add_vocabulary(program, "character_texts", characters, ordered=True)
    token = f"{program.prefix}_token"
    program.main.append(f"""\
static {token} tokens[MAX_TOKENS];
static int character_numbers[MAX_LINE];

// Set the tokens: the number of each word, and those of its characters.
static void set_tokens(int count) {{
    int* next = character_numbers;
    for (int i = 0; i < count; ++i) {{
        const char *at = slices[i].begin, *end = at + slices[i].size;
        tokens[i].word = numbers[i];
        tokens[i].characters = next;
        while (at < end) {{
            slice character = {{at, 0}};
            next_character(&at, end);
            character.size = (int)(at - character.begin);
            *next++ = look_up(character_texts, character_texts_order, {len(characters)}, character);
        }}
        tokens[i].num_characters = (int)(next - tokens[i].characters);
    }}
}}""")
    return [*statements, "set_tokens(count);"]


def _numbers_with_characters(program: Program) -> list[str]:
    """Return the statements that read tokens such as `12:3,4,5`: the number of a word, and those of its characters."""
    program.main.append(f"""\
static {program.prefix}_token tokens[MAX_TOKENS];

// Read tokens such as 12:3,4,5 (a word, and its characters) between spaces; return how many there are.
static int read_tokens(char* line, int size) {{
    int count = 0, *next = numbers;
    line[size] = '\\0';
    for (char* word = strtok(line, " \\t\\r"); word; word = strtok(NULL, " \\t\\r")) {{
        if (count == MAX_TOKENS) fail("the input has too many tokens");
        tokens[count].word = (int)strtol(word, &word, 10);
        tokens[count].characters = next;
        while (*word == ':' || *word == ',') {{
            if (next == numbers + MAX_TOKENS) fail("the input has too many characters");
            *next++ = (int)strtol(word + 1, &word, 10);
        }}
        if (*word) fail("the input has a token that is not WORD:CHARACTER,CHARACTER...");
        tokens[count].num_characters = (int)(next - tokens[count].characters);
        ++count;
    }}
    return count;
}}""")
    return ["int count = read_tokens(line, size);"]


def add_line_loop(program: Program, comment: str, variables: str, body: Sequence[str], reason: str | None) -> None:
    """Add the main function, whose body reads `line` with `size` bytes; with a reason, tokens are numbers."""
    if reason is not None:
        program.main_table(MAX_LINE)
        body = [line for line in body if not line.startswith("slice text")]
    program.main.append(f"""\
// {comment}{" Tokens are numbers." if reason is not None else ""}
int main(void) {{
    static char line[MAX_LINE + 1];
{variables}
    int size;
    while ((size = read_line(line, MAX_LINE)) >= 0) {{
{block(body, 2)}
    }}
    return 0;
}}""")


def print_statements(
    program: Program, tokens: Sequence[str], table: str, *, defined: bool
) -> tuple[list[str], list[str]]:
    """Return the statements that print a token of characters or bytes, and those after the last token."""
    if not add_token_bytes(program, tokens):
        if not defined:
            add_vocabulary(program, table, tokens)
        return [f"fputs({table}[token], stdout);"], []
    if all(token in tokens[:1] or token.startswith("<0x") for token in tokens) and not defined:
        return ["if (token_bytes[token] >= 0) print_byte(token_bytes[token]);"], ["end_of_bytes();"]
    if not defined:
        add_vocabulary(program, table, tokens)
    prints = [
        "if (token_bytes[token] >= 0) {",
        "    print_byte(token_bytes[token]);",
        "} else {",
        "    end_of_bytes();",
        f"    fputs({table}[token], stdout);",
        "}",
    ]
    return prints, ["end_of_bytes();"]
