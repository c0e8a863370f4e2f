"""A classifier in C: tokens to log probabilities of the labels, after each token or of a whole sequence."""

from __future__ import annotations

from elman.tasks.classifier.predictor import ClassifierPredictor

from .layers import last_outputs
from .matrices import Matrix, add_matrix, add_vector
from .program import Program, block, function
from .state import declare_bytes, declare_state, declare_statuses, initial_statements
from .token_encoder import TokenEncoder, add_token_encoder, first_outputs, run_function

EQUATIONS = """
    h_1 .. h_T = layers(x_1 .. x_T)          outputs of one direction or both
    c          = pooling(h_1 .. h_T)
    log p(y)   = log softmax(V c + b)        V and b are divided by the temperature of the calibration
"""


def write_classifier(predictor: ClassifierPredictor, program: Program, max_length: int | None) -> None:
    """Add the functions of a classifier: of a stream, or of a whole sequence if the model reads in both directions."""
    config, tensors, temperature = predictor.config, predictor.tensors, predictor.calibration.temperature
    program.public_size("LABELS", len(predictor.labels), "whose numbers are those of the comment below")
    program.header.append(
        "".join(f"// label {n}: {label!r}\n" for n, label in enumerate(predictor.labels)).rstrip("\n")
    )
    encoder = add_token_encoder(program, config, tensors, len(predictor.vocabulary))
    readout = add_matrix(program, "readout.weight", tensors, divisor=temperature)
    add_vector(program, "readout.bias", tensors, temperature)
    outputs = readout.product("log_p", "readout_bias", "pooled", f"{program.upper}_LABELS")
    key = None
    if config.pooling == "attention":
        key = add_matrix(program, "pooling.key.weight", tensors)
        for name in ("key.bias", "score"):
            add_vector(program, f"pooling.{name}", tensors)
    if config.bidirectional:
        assert max_length is not None
        _add_whole_sequences(encoder, config.pooling, key, outputs, max_length)
    else:
        _add_streams(predictor, encoder, key, outputs)


def _add_streams(predictor: ClassifierPredictor, encoder: TokenEncoder, key: Matrix | None, outputs: str) -> None:
    program, kind = encoder.program, predictor.config.pooling
    prefix, upper, N = program.prefix, program.upper, encoder.output_size
    initial = predictor.initial_state(1)
    declare_state(program, predictor, initial)
    declare_statuses(program, lengths=False, states=True)
    program.header.append(f"""
// Begin a text.
void {prefix}_init({prefix}_state* state);

// Read a token. log_p are the log probabilities of the labels after the tokens so far; NULL if they are not needed.
int {prefix}_step({prefix}_state* state, {encoder.parameter}, float log_p[{upper}_LABELS]);

// Read tokens one after another; log_p (count, {upper}_LABELS) is after each of them; NULL if it is not needed.
int {prefix}_run({prefix}_state* state, const {encoder.token_type}* tokens, int count, float* log_p);""")
    declare_bytes(program)
    steps, output = encoder.step()
    state = "state->pooling_{}".format
    pool = _pool(kind, key, output, N, state("count"), state("sum"), state("highest"))
    program.functions += [
        function(f"void {prefix}_init({prefix}_state* state)", initial_statements(initial)),
        f"""\
int {prefix}_step({prefix}_state* state, {encoder.parameter}, float log_p[{upper}_LABELS]) {{
    float pooled[{N}];
{block(steps)}
{block(pool)}
    if (log_p) {{
        {outputs}
        log_softmax(log_p, {upper}_LABELS);
    }}
    return {upper}_OK;
}}""",
        run_function(encoder, "log_p", f"{upper}_LABELS"),
    ]


def _add_whole_sequences(encoder: TokenEncoder, kind: str, key: Matrix | None, outputs: str, max_length: int) -> None:
    program = encoder.program
    prefix, upper, N = program.prefix, program.upper, encoder.output_size
    program.public_size("MAX_LENGTH", max_length, "tokens of a text")
    declare_statuses(program, lengths=True, states=False)
    program.header.append(f"""
// Read a text of 1 to {max_length} tokens. log_p are the log probabilities of the labels. The function has static
// memory: no two calls at the same time.
int {prefix}_predict(const {encoder.token_type}* tokens, int length, float log_p[{upper}_LABELS]);""")
    steps, buffer = encoder.sequence(max_length, keeps_outputs=kind != "last")
    if kind == "last":
        pool = first_outputs(last_outputs(encoder.layers), "pooled")
    else:
        states = {
            "mean": f"float count = 0.0f, sum[{N}] = {{0.0f}};",
            "max": f"float highest[{N}];\nfill(highest, {N}, -INFINITY);",
            "attention": f"float count = 0.0f, sum[{N}] = {{0.0f}}, highest[{N}];\nfill(highest, {N}, -INFINITY);",
        }
        push = _pool(kind, key, f"{buffer} + (size_t)t * {N}", N, "&count", "sum", "highest")
        pool = [states[kind], f"for (int t = 0; t < length; ++t) {{\n{block(push)}\n}}"]
    program.functions.append(f"""\
int {prefix}_predict(const {encoder.token_type}* tokens, int length, float log_p[{upper}_LABELS]) {{
{block(steps)}
    float pooled[{N}] = {{0.0f}};
{block(pool)}
    {outputs}
    log_softmax(log_p, {upper}_LABELS);
    return {upper}_OK;
}}""")


def _pool(kind: str, key: Matrix | None, h: str, N: int, count: str, total: str, highest: str) -> list[str]:
    """Return the statements that add an output to the pooled ones; key is the matrix of attention pooling."""
    arguments = {
        "last": [],
        "mean": [count, total],
        "max": [highest],
        "attention": ["key", "pooling_score", count, total, highest],
    }[kind]
    before = [] if key is None else [f"float key[{N}];", key.product("key", "pooling_key_bias", h)]
    return [*before, f"pool_{kind}({', '.join(['pooled', h, str(N), *arguments])});"]
