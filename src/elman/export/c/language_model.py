"""A language model in C: tokens to the logits of the next token."""

from __future__ import annotations

from elman.tasks.language_model.predictor import LanguageModelPredictor

from .layers import add_stack, check_cell, step_stack
from .program import Program, block, float32, function
from .state import declare_bytes, declare_state, declare_statuses, initial_statements

EQUATIONS = """
    x_t      = embedding[token_t]
    h_t      = layers(x_t, h_(t-1))
    logits_t = V h_t + b                 of the token at t + 1
"""


def write_language_model(predictor: LanguageModelPredictor, program: Program, max_length: int | None) -> None:
    """Add the functions of a language model."""
    config, tensors, prefix, upper = predictor.config, predictor.tensors, program.prefix, program.upper
    check_cell(config.build_cell(), config.cell)
    V, E, H = len(predictor.vocabulary), config.embedding_size, config.hidden_sizes[-1]
    embedding = program.constant("embedding", float32(tensors["embedding.weight"]))
    layers = add_stack(program, config.build_cell(), tensors, E, config.hidden_sizes)
    weight = embedding if config.tie_weights else program.constant("readout_weight", float32(tensors["readout.weight"]))
    bias = program.constant("readout_bias", float32(tensors["readout.bias"]))
    program.public_size("TOKENS", V, "in the vocabulary; token 0 is <unk>")
    initial = predictor.initial_state(1)
    declare_state(program, predictor, initial)
    declare_statuses(program, lengths=False, states=True)
    steps, output = step_stack(layers, f"embedding + (size_t)token * {E}")
    program.header.append(f"""
// Begin a stream.
void {prefix}_init({prefix}_state* state);

// Read a token, 0 to {V - 1}. logits are those of the next token; NULL if they are not needed.
int {prefix}_step({prefix}_state* state, int token, float logits[{upper}_TOKENS]);

// Read tokens one after another; logits (count, {V}) are those after each of them; NULL if they are not needed.
int {prefix}_run({prefix}_state* state, const int* tokens, int count, float* logits);""")
    declare_bytes(program)
    program.functions += [
        function(f"void {prefix}_init({prefix}_state* state)", initial_statements(initial)),
        f"""\
int {prefix}_step({prefix}_state* state, int token, float logits[{upper}_TOKENS]) {{
    if (token < 0 || token >= {upper}_TOKENS) return {upper}_WRONG_INPUT;
{block(steps)}
    if (logits) multiply(logits, {weight}, {bias}, {output}, {upper}_TOKENS, {H});
    return {upper}_OK;
}}""",
        f"""\
int {prefix}_run({prefix}_state* state, const int* tokens, int count, float* logits) {{
    int status = {upper}_OK;
    for (int t = 0; t < count && status == {upper}_OK; ++t) {{
        status = {prefix}_step(state, tokens[t], logits ? logits + (size_t)t * {upper}_TOKENS : NULL);
    }}
    return status;
}}""",
    ]
