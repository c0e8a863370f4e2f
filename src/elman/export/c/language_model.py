"""A language model in C: tokens to the logits of the next token."""

from __future__ import annotations

import numpy as np

from elman.tasks.language_model.predictor import LanguageModelPredictor

from .layers import add_stack, check_cell, has_int8_layers, step_stack
from .matrices import Row, add_matrix, add_vector
from .program import Program, block, function
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
    V, E = len(predictor.vocabulary), config.embedding_size
    is_dense = not has_int8_layers(config.build_cell(), tensors, "layers.0")
    embedding = add_matrix(program, "embedding.weight", tensors, c_name="embedding", is_dense=is_dense)
    layers = add_stack(program, config.build_cell(), tensors, E, config.hidden_sizes)
    name = "embedding.weight" if config.tie_weights else "readout.weight"
    is_shared = config.tie_weights and embedding.is_int8 == (tensors[name].dtype == np.int8)
    readout = embedding if is_shared else add_matrix(program, name, tensors, c_name="readout_weight")
    bias = add_vector(program, "readout.bias", tensors)
    program.public_size("TOKENS", V, "in the vocabulary; token 0 is <unk>")
    initial = predictor.initial_state(1)
    declare_state(program, predictor, initial)
    declare_statuses(program, lengths=False, states=True)
    steps, output = step_stack(layers, Row(embedding, "token"))
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
    if (logits) {readout.product("logits", bias, output, f"{upper}_TOKENS")}
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
