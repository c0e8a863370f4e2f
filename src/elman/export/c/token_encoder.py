"""Words, their characters and the recurrent layers above in C: what classifiers and taggers have in common.

A token is the number of its word, or, with a layer over the characters, a struct that has their numbers, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from elman.checkpoint import Tensors
from elman.data.batches.token_characters import MAX_CHARACTERS
from elman.models.token_encoder import CHARACTER_ENCODER
from elman.models.token_encoder_config import TokenEncoderConfig

from .layers import Layer, add_stack, check_cell, has_int8_layers, sequence_statements, step_stack
from .matrices import Matrix, Row, add_matrix
from .program import Program, block


@dataclass(frozen=True)
class TokenEncoder:
    """The encoder of a program. token_type is that of a token in C, output_size that of the layers' outputs."""

    program: Program
    config: TokenEncoderConfig
    layers: list[list[Layer]]
    words: Matrix
    reads_characters: bool

    @property
    def token_type(self) -> str:
        """The type of a token."""
        return f"{self.program.prefix}_token" if self.reads_characters else "int"

    @property
    def parameter(self) -> str:
        """The parameter of a function that reads a token."""
        return f"const {self.token_type}* token" if self.reads_characters else "int token"

    @property
    def output_size(self) -> int:
        """N, of the outputs of the layers."""
        return self.config.output_size

    def step(self) -> tuple[list[str], str]:
        """Return the statements that read a token into the state, and the output. A wrong token returns a status."""
        size = self.config.input_size
        if self.reads_characters:
            before = [f"float x[{size}];", _return_if_wrong("encode_token(token, x)", self.program.upper)]
            steps, output = step_stack(self.layers, "x")
            return [*before, *steps], output
        steps, output = step_stack(self.layers, Row(self.words, "token"))
        return [
            f"if ({_is_wrong('token', self.program.upper)}) return {self.program.upper}_WRONG_INPUT;",
            *steps,
        ], output

    def sequence(self, max_length: int, *, keeps_outputs: bool = True) -> tuple[list[str], str]:
        """Return the statements that read tokens[t] for t < length, and the buffer of the outputs."""
        program, size, upper = self.program, self.config.input_size, self.program.upper
        length = f"{upper}_MAX_LENGTH"
        statements = [f"if (length < 1 || length > {length}) return {upper}_WRONG_LENGTH;"]
        if self.reads_characters:
            program.buffer("inputs", max_length * size, f"of the layers: {length} x {size}")
            read = _return_if_wrong(f"encode_token(tokens + t, inputs + (size_t)t * {size})", upper).split("\n")
            statements.append("\n".join(["for (int t = 0; t < length; ++t) {", block(read), "}"]))
            x: str | Row = f"inputs + (size_t)t * {size}"
        else:
            check = f"if ({_is_wrong('tokens[t]', upper)}) return {upper}_WRONG_INPUT;"
            statements.append(f"for (int t = 0; t < length; ++t) {{\n    {check}\n}}")
            x = Row(self.words, "tokens[t]")
        count = len(self.layers) - (not keeps_outputs)
        names = ["outputs", "other_outputs"][: min(count, 2)]
        if keeps_outputs and len(self.layers) % 2 == 0:
            names.reverse()  # so that the last layer writes to `outputs`
        for name in sorted(names, reverse=True):
            program.buffer(name, max_length * self.output_size, f"of a layer: {length} x {self.output_size}")
        return [*statements, *sequence_statements(self.layers, x, names, keeps_outputs=keeps_outputs)], "outputs"


def add_token_encoder(program: Program, config: TokenEncoderConfig, tensors: Tensors, num_words: int) -> TokenEncoder:
    """Add the weights, the sizes and, if there is a layer over the characters, the type of a token and its encoder."""
    check_cell(config.build_cell(), config.cell)
    program.public_size("WORDS", num_words, "in the vocabulary of tokens; number 0 is <unk>")
    cell, note = config.build_cell(), "the embedding of tokens"
    is_dense = not config.character_size and not has_int8_layers(cell, tensors, "layers.0")
    words = add_matrix(program, "tokens.words.weight", tensors, note, c_name="words", is_dense=is_dense)
    if config.character_size:
        _add_characters(program, config, tensors, words)
    sizes = [config.hidden_size] * config.num_layers
    layers = add_stack(program, cell, tensors, config.input_size, sizes, bidirectional=config.bidirectional)
    return TokenEncoder(program, config, layers, words, bool(config.character_size))


def _add_characters(program: Program, config: TokenEncoderConfig, tensors: Tensors, words: Matrix) -> None:
    prefix, upper, E, C = program.prefix, program.upper, config.embedding_size, config.character_size
    name, note = f"{CHARACTER_ENCODER}embedding.weight", "the embedding of characters"
    is_dense = not has_int8_layers(config.build_cell(), tensors, f"{CHARACTER_ENCODER}layers.0")
    embedding = add_matrix(program, name, tensors, note, c_name="characters", is_dense=is_dense)
    program.public_size("CHARACTERS", embedding.rows, "in the vocabulary of characters; number 0 is <unk>")
    ((forward, backward),) = add_stack(
        program, config.build_cell(), tensors, embedding.columns, [C], prefix=CHARACTER_ENCODER, bidirectional=True
    )
    program.header.append(f"""
// A token: the number of its word, and the numbers of its characters, of which the first {MAX_CHARACTERS:,} are read.
typedef struct {{
    int word;
    const int* characters;
    int num_characters;
}} {prefix}_token;""")
    x = Row(embedding, "token->characters[i]")
    loops = []
    for layer, times, place in (
        (forward, "int i = 0; i < count; ++i", E),
        (backward, "int i = count - 1; i >= 0; --i", E + C),
    ):
        others = [f"{state}_of_{layer.name}" for state in layer.states[1:]]
        loops += [f"float {name}[{C}] = {{0.0f}};" for name in others]
        loops.append(f"for ({times}) {layer.step(x, [f'x + {place}', *others])}")
    program.functions.append(f"""\
// x = [the embedding of the word; the last outputs of the layer over its characters, forward and backward]
static int encode_token(const {prefix}_token* token, float* x) {{
    int count = token->num_characters < {MAX_CHARACTERS} ? token->num_characters : {MAX_CHARACTERS};
    if ({_is_wrong("token->word", upper)}) return {upper}_WRONG_INPUT;
    for (int i = 0; i < count; ++i) {{
        int character = token->characters[i];
        if (character < 0 || character >= {upper}_CHARACTERS) return {upper}_WRONG_INPUT;
    }}
    {words.copy_row("x", "token->word")}
    fill(x + {E}, {2 * C}, 0.0f);
{block(loops)}
    return {upper}_OK;
}}""")


def _is_wrong(word: str, upper: str) -> str:
    return f"{word} < 0 || {word} >= {upper}_WORDS"


def _return_if_wrong(call: str, upper: str) -> str:
    return f"int status = {call};\nif (status != {upper}_OK) return status;"


def run_function(encoder: TokenEncoder, outputs: str, size: str) -> str:
    """Return the function that reads several tokens, one step for each."""
    prefix, upper = encoder.program.prefix, encoder.program.upper
    token = "tokens + t" if encoder.reads_characters else "tokens[t]"
    return f"""\
int {prefix}_run({prefix}_state* state, const {encoder.token_type}* tokens, int count, float* {outputs}) {{
    int status = {upper}_OK;
    for (int t = 0; t < count && status == {upper}_OK; ++t) {{
        status = {prefix}_step(state, {token}, {outputs} ? {outputs} + (size_t)t * {size} : NULL);
    }}
    return status;
}}"""


def first_outputs(parts: Sequence[tuple[str, int]], target: str) -> list[str]:
    """Return the statements that write several arrays one after another to a target."""
    statements, begin = [], 0
    for name, size in parts:
        statements.append(f"memcpy({target}{f' + {begin}' if begin else ''}, {name}, {size} * sizeof *{target});")
        begin += size
    return statements
