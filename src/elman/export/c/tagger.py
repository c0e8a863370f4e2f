"""A tagger in C: tokens to log probabilities of tags as they come, and the tags of whole sentences."""

from __future__ import annotations

import numpy as np

from elman.tasks.tagger.predictor import CRF_STATE, TaggerPredictor
from elman.text.spans import FORBIDDEN_SCORE

from .checks import require_tags
from .matrices import Matrix, add_matrix, add_vector
from .names import identifier
from .program import Program, block, float32, function
from .state import declare_bytes, declare_state, declare_statuses, initial_statements
from .token_encoder import TokenEncoder, add_token_encoder, run_function

EQUATIONS = """
    h_1 .. h_T = layers(x_1 .. x_T)          outputs of one direction or both
    e_t        = V h_t + b                   scores of the tags of token t
    p(y_t)     = softmax(e_t)                each tag independently
"""
CRF_EQUATIONS = """
    h_1 .. h_T = layers(x_1 .. x_T)          outputs of one direction or both
    e_t        = V h_t + b                   scores of the tags of token t
    s(y)       = start_(y_1) + sum over t of e_(t, y_t) + sum over t > 1 of A_(y_(t-1), y_t) + end_(y_T)
    p(y)       = exp(s(y)) / Z               all tags together: a conditional random field
"""


def write_tagger(predictor: TaggerPredictor, program: Program, max_length: int | None) -> None:
    """Add the functions of a tagger: of a stream, if the model reads in one direction, and of whole sentences."""
    assert max_length is not None
    config, tensors, C = predictor.config, predictor.tensors, len(predictor.labels)
    require_tags(C)
    program.public_size("TAGS", C, "whose numbers are those of the comment below")
    program.header.append("".join(f"// tag {n}: {label!r}\n" for n, label in enumerate(predictor.labels)).rstrip("\n"))
    program.public_size("MAX_LENGTH", max_length, "tokens of a whole sentence")
    encoder = add_token_encoder(program, config, tensors, len(predictor.words))
    readout = add_matrix(program, "readout.weight", tensors)
    add_vector(program, "readout.bias", tensors)
    if config.crf:
        _add_crf(predictor, program)
    if not config.bidirectional:
        declare_state(program, predictor, predictor.initial_state(1))
    declare_statuses(program, lengths=True, states=not config.bidirectional)
    if not config.bidirectional:
        _add_streams(predictor, encoder, readout)
    _add_whole_sentences(encoder, readout, max_length, C if config.crf else None)


def _add_crf(predictor: TaggerPredictor, program: Program) -> None:
    config, C = predictor.config, len(predictor.labels)
    scores = predictor.transition_scores
    assert scores is not None
    A = float32(scores.transitions)
    note = f"{FORBIDDEN_SCORE:g} where the scheme of the tags forbids it"
    program.constant("crf_A", A, f"from row to column; {note}")
    program.constant("crf_start", float32(scores.start), note)
    program.constant("crf_end", float32(scores.end), note)
    program.size("MAX_LABELS", C, "of the conditional random field")
    if not config.bidirectional:
        program.constant("crf_exp_A", np.exp(A - A.max()), "exp(A - max_A)")
        program.constant("crf_max_A", A.max().reshape(1))


def _add_streams(predictor: TaggerPredictor, encoder: TokenEncoder, readout: Matrix) -> None:
    program, initial = encoder.program, predictor.initial_state(1)
    prefix, upper = program.prefix, program.upper
    program.header.append(f"""
// Begin a sentence.
void {prefix}_init({prefix}_state* state);

// Read a token. log_p are the log probabilities of its tags, given the tokens so far; NULL if they are not needed.
int {prefix}_step({prefix}_state* state, {encoder.parameter}, float log_p[{upper}_TAGS]);

// Read tokens one after another; log_p (count, {upper}_TAGS) is after each of them; NULL if it is not needed.
int {prefix}_run({prefix}_state* state, const {encoder.token_type}* tokens, int count, float* log_p);""")
    declare_bytes(program)
    steps, output = encoder.step()
    emissions = readout.product("{}", "readout_bias", output, f"{upper}_TAGS")
    if predictor.config.crf:
        state = f"state->{identifier(CRF_STATE)}"
        steps += [
            f"float emissions[{upper}_TAGS];",
            emissions.format("emissions"),
            f"if (isnan({state}[0])) {{  // the first token",
            f"    crf_first({state}, emissions, crf_start, {upper}_TAGS);",
            "} else {",
            f"    crf_next({state}, emissions, crf_exp_A, crf_max_A[0], {upper}_TAGS);",
            "}",
            f"if (log_p) memcpy(log_p, {state}, sizeof {state});",
        ]
    else:
        softmax = [emissions.format("log_p"), f"log_softmax(log_p, {upper}_TAGS);"]
        steps += ["if (log_p) {", block(softmax), "}"]
    signature = f"int {prefix}_step({prefix}_state* state, {encoder.parameter}, float log_p[{upper}_TAGS])"
    program.functions += [
        function(f"void {prefix}_init({prefix}_state* state)", initial_statements(initial)),
        function(signature, [*steps, f"return {upper}_OK;"]),
        run_function(encoder, "log_p", f"{upper}_TAGS"),
    ]


def _add_whole_sentences(encoder: TokenEncoder, readout: Matrix, max_length: int, crf_tags: int | None) -> None:
    """Add the function that tags a sentence; crf_tags is their number with a conditional random field."""
    program, prefix, upper, N = encoder.program, encoder.program.prefix, encoder.program.upper, encoder.output_size
    C = f"{upper}_TAGS"
    program.header.append(f"""
// Choose the tags of a sentence of 1 to {max_length} tokens, as `elman predict` does. The function has static
// memory: no two calls at the same time.
int {prefix}_predict(const {encoder.token_type}* tokens, int length, int* tags);""")
    steps, outputs = encoder.sequence(max_length)
    emissions = readout.product("{}", "readout_bias", f"{outputs} + (size_t)t * {N}", C)
    if crf_tags is not None:
        program.buffer("all_emissions", max_length * crf_tags, f"{upper}_MAX_LENGTH x {C}")
        program.buffer("back_pointers", max_length * crf_tags, f"{upper}_MAX_LENGTH x {C}", "unsigned short")
        write = emissions.format(f"all_emissions + (size_t)t * {C}")
        steps += [
            f"for (int t = 0; t < length; ++t) {{\n{block([write])}\n}}",
            f"viterbi(tags, back_pointers, all_emissions, length, crf_A, crf_start, crf_end, {C});",
        ]
    else:
        body = [f"float emissions[{C}];", emissions.format("emissions"), f"tags[t] = argmax(emissions, {C});"]
        steps.append(f"for (int t = 0; t < length; ++t) {{\n{block(body)}\n}}")
    signature = f"int {prefix}_predict(const {encoder.token_type}* tokens, int length, int* tags)"
    program.functions.append(function(signature, [*steps, f"return {upper}_OK;"]))
