"""An encoder-decoder in C: source tokens to target tokens, by greedy search."""

from __future__ import annotations

from dataclasses import dataclass

from elman.checkpoint.weight_formats import weight_names
from elman.tasks.seq2seq.config import MAX_RATIO
from elman.tasks.seq2seq.predictor import Seq2SeqPredictor
from elman.text.vocabulary import END_ID, START_ID

from .layers import Layer, add_stack, check_cell, has_int8_layers, sequence_statements, step_stack
from .matrices import Matrix, Row, add_matrix, add_vector
from .names import identifier
from .program import Program, function
from .state import declare_statuses

EQUATIONS = """
    m, s_0     = encoder(source </s>)                    outputs; the last states become the first ones of the decoder
    s_t        = decoder(embedding[y_(t-1)], s_(t-1))    y_0 = <s>
    h~_t       = {output}
    y_t        = the most probable token of softmax(V h~_t + b), until </s>
"""
_SCORES = {
    "dot": "a = softmax over s of s_t . m_s",
    "general": "a = softmax over s of s_t . W m_s",
    "additive": "a = softmax over s of v . tanh(W s_t + U m_s)",
}


def equations(predictor: Seq2SeqPredictor) -> str:
    """Return the equations of an encoder-decoder, for a comment."""
    kind = predictor.config.attention
    if kind == "none":
        return EQUATIONS.format(output="s_t")
    more = f"\n    c_t        = sum over s of a_s m_s,    {_SCORES[kind]}"
    return EQUATIONS.format(output=f"tanh(W [c_t; s_t] + b){more}")


@dataclass(frozen=True)
class _Parts:
    """The layers of the network: those of the decoder up to attention, and those above it."""

    encoder: list[list[Layer]]
    lower: list[list[Layer]]
    upper: list[list[Layer]]
    embeddings: tuple[Matrix, Matrix]  # of sources and targets
    matrices: dict[str, Matrix]  # by name: bridges, attention and so on

    @property
    def decoder(self) -> list[list[Layer]]:
        return [*self.lower, *self.upper]


def write_seq2seq(predictor: Seq2SeqPredictor, program: Program, max_length: int | None) -> None:
    """Add the functions of an encoder-decoder."""
    assert max_length is not None
    prefix, upper = program.prefix, program.upper
    longest = predictor.text.longest_target(max_length)
    program.public_size("SOURCE_TOKENS", len(predictor.source_vocabulary), "in the vocabulary of sources; 0 is <unk>")
    program.public_size("TARGET_TOKENS", len(predictor.target_vocabulary), "in the vocabulary of targets; 0 is <unk>")
    program.public_size("MAX_LENGTH", max_length, "tokens of a source")
    program.public_size("MAX_TARGET", longest, "tokens of a target")
    declare_statuses(program, lengths=True, states=False)
    program.header.append(f"""
// Write the target of a source of 1 to {max_length} tokens, both without start and end tokens. The function returns the
// length of the target, or what is wrong, a number below 0. log_probability is that of the target before calibration;
// NULL if it is not needed. The function has static memory: no two calls at the same time.
int {prefix}_predict(const int* source, int length, int target[{upper}_MAX_TARGET], double* log_probability);""")
    parts = _add_layers(predictor, program)
    _add_encoder(predictor, program, parts, max_length)
    _add_decoder(predictor, program, parts, max_length)
    ratio = min(predictor.text.longest_ratio, MAX_RATIO)
    program.functions.append(f"""\
int {prefix}_predict(const int* source, int length, int target[{upper}_MAX_TARGET], double* log_probability) {{
    if (length < 1 || length > {upper}_MAX_LENGTH) return {upper}_WRONG_LENGTH;
    for (int t = 0; t < length; ++t) {{
        if (source[t] < 0 || source[t] >= {upper}_SOURCE_TOKENS) return {upper}_WRONG_INPUT;
        source_tokens[t] = source[t];
    }}
    source_tokens[length] = {END_ID};  // </s>
    encode(length + 1);
    float log_p[{upper}_TARGET_TOKENS];
    int longest = (int)({ratio!r} * (length + 1)) + 10, token = {START_ID}, count = 0;  // <s>
    double sum = 0.0;
    while (count < longest) {{
        decode(token, log_p);
        log_p[0] = log_p[{START_ID}] = -INFINITY;  // <unk> and <s> are no answers
        token = argmax(log_p, {upper}_TARGET_TOKENS);
        sum += (double)log_p[token];
        if (token == {END_ID}) break;
        target[count++] = token;
    }}
    if (log_probability) *log_probability = sum;
    return count;
}}""")


def _add_layers(predictor: Seq2SeqPredictor, program: Program) -> _Parts:
    config, tensors = predictor.config, predictor.tensors
    E, H, L = config.embedding_size, config.hidden_size, config.num_decoder_layers
    cells = config.build_cell("encoder"), config.build_cell("decoder")
    check_cell(cells[0], config.cell)
    check_cell(cells[1], config.decoder_cell_name)
    embeddings = []
    for part, cell in zip(("encoder", "decoder"), cells, strict=True):
        reads_rows = part == "encoder" or config.decoder_input_size == E
        is_dense = reads_rows and not has_int8_layers(cell, tensors, f"{part}.layers.0")
        name = f"{part}.embedding.weight"
        embeddings.append(add_matrix(program, name, tensors, c_name=f"{part}_embedding", is_dense=is_dense))
    sizes = [config.encoder_size] * config.num_layers
    encoder = add_stack(program, cells[0], tensors, E, sizes, prefix="encoder.", bidirectional=config.bidirectional)
    lower = 1 if config.attention_layer == "first" else L
    decoder = add_stack(program, cells[1], tensors, config.decoder_input_size, [H] * lower, prefix="decoder.")
    above = add_stack(program, cells[1], tensors, 2 * H, [H] * (L - lower), prefix="decoder.", first=lower)
    matrices = {}
    for name in weight_names(tensors):
        if name.split(".")[0] not in ("bridge", "memory", "attention", "combine", "readout"):
            continue
        if tensors[name].ndim == 2:
            matrices[name] = add_matrix(program, name, tensors)
        else:
            add_vector(program, name, tensors)
    return _Parts(encoder, decoder, above, (embeddings[0], embeddings[1]), matrices)


def _add_encoder(predictor: Seq2SeqPredictor, program: Program, parts: _Parts, max_length: int) -> None:
    """Add the static memory and the function that reads a source and sets the first state of the decoder."""
    config, H, M = predictor.config, predictor.config.hidden_size, predictor.config.encoder_output_size
    kind, has_attention, rows = config.attention, config.attention != "none", max_length + 1
    shape = f"({program.upper}_MAX_LENGTH + 1) x "
    program.buffer("source_tokens", rows, "and the end token", "int")
    names = []
    if has_attention or len(parts.encoder) > 1:
        names.append(program.buffer("outputs", rows * M, f"of the encoder: {shape}{M}"))
    if len(parts.encoder) > 1 and (has_attention or len(parts.encoder) > 2):
        names.append(program.buffer("other_outputs", rows * M, f"of a layer of the encoder: {shape}{M}"))
    if has_attention and len(parts.encoder) % 2 == 0:
        names.reverse()  # so that the last layer writes to `outputs`
    x = Row(parts.embeddings[0], "source_tokens[t]")
    statements = sequence_statements(parts.encoder, x, names or [""], keeps_outputs=has_attention)
    if has_attention:
        program.buffer("source_length", 1, "with the end token", "int")
        statements.append("source_length[0] = length;")
        m = "outputs"
        if M != H:
            m = program.buffer("memory", rows * H, f"the projected outputs: {shape}{H}")
            statements.append(_product_of_each("memory", parts.matrices["memory.weight"], "outputs"))
        if kind != "dot":
            program.buffer("keys", rows * H, f"of attention: {shape}{H}")
            statements.append(_product_of_each("keys", parts.matrices["attention.key.weight"], m))
    for (layer,) in parts.decoder:
        for state in layer.states:
            program.buffer(f"{layer.name}_{state}", H, "a state of the decoder")
    statements += _bridges(predictor, parts)
    if config.input_feeding:
        program.buffer("attentional_output", H, "h~ of the step before")
        statements.append(f"fill(attentional_output, {H}, 0.0f);")
    if config.aligned_input:
        program.buffer("position", 1, "of the next step", "int")
        statements.append("position[0] = 0;")
    text = function("static void encode(int length)", statements)
    program.functions.append(f"// Read a source of this length, with its end token, and begin a target.\n{text}")


def _product_of_each(target: str, matrix: Matrix, source: str) -> str:
    y, x = f"{target} + (size_t)t * {matrix.rows}", f"{source} + (size_t)t * {matrix.columns}"
    return f"for (int t = 0; t < length; ++t) {{\n    {matrix.product(y, 'NULL', x)}\n}}"


def _bridges(predictor: Seq2SeqPredictor, parts: _Parts) -> list[str]:
    """Return the statements that set the first states of the decoder from the last ones of the encoder."""
    config, H, size = predictor.config, predictor.config.hidden_size, predictor.config.encoder_size
    statements = []
    for layer, name, encoder_state in config.bridges:
        target, source = f"decoder_layers_{layer}_{name}", f"encoder_{identifier(encoder_state)}"
        if config.bridge == "copy":
            statements.append(f"memcpy({target}, {source}, sizeof {target});")
            continue
        bridge = f"bridge_{layer}_{name}"
        last = source
        if config.bidirectional:
            layer_name, _, state = source.rpartition("_")
            last = f"last_{layer}_{name}"
            statements += [
                f"float {last}[{2 * size}];  // both directions",
                f"memcpy({last}, {source}, sizeof {source});",
                f"memcpy({last} + {size}, {layer_name}_reverse_{state}, sizeof {source});",
            ]
        matrix = parts.matrices[f"bridge.{layer}_{name}.weight"]
        statements.append(matrix.product(target, f"{bridge}_bias", last))
        if name == "h":
            statements.append(f"apply_tanh({target}, {H});")
    return statements


def _add_decoder(predictor: Seq2SeqPredictor, program: Program, parts: _Parts, max_length: int) -> None:
    """Add the function that reads a target token and returns the log probabilities of the next one."""
    config, H, E = predictor.config, predictor.config.hidden_size, predictor.config.embedding_size
    m = "memory" if config.encoder_output_size != H else "outputs"
    statements = []
    x: str | Row = Row(parts.embeddings[1], "token")
    if config.decoder_input_size != E:
        statements += [f"float x[{config.decoder_input_size}];", parts.embeddings[1].copy_row("x", "token")]
        begin = E
        if config.aligned_input:
            statements += [
                "if (position[0] < source_length[0]) {  // the output of the encoder for this position",
                f"    memcpy(x + {begin}, {m} + (size_t)position[0] * {H}, {H} * sizeof *x);",
                "} else {",
                f"    fill(x + {begin}, {H}, 0.0f);",
                "}",
                "++position[0];",
            ]
            begin += H
        if config.input_feeding:
            statements.append(f"memcpy(x + {begin}, attentional_output, sizeof attentional_output);")
        x = "x"
    steps, top = step_stack(parts.lower, x, "")
    statements += steps
    if config.attention != "none":
        program.buffer("attention", max_length + 1, "the weights of the source tokens")
        statements += [f"float joined[{2 * H}];", *_attention(predictor, parts, top, m)]
        if parts.upper:  # they read [s; c]
            statements += [f"memcpy(joined, {top}, {H} * sizeof *joined);", f"memcpy(joined + {H}, c, sizeof c);"]
            steps, top = step_stack(parts.upper, "joined", "")
            statements += steps
        output = "attentional_output" if config.input_feeding else "h"
        statements += [
            "memcpy(joined, c, sizeof c);  // h~ = tanh(W [c; s] + b)",
            f"memcpy(joined + {H}, {top}, {H} * sizeof *joined);",
            *([] if config.input_feeding else [f"float h[{H}];"]),
            parts.matrices["combine.weight"].product(output, "combine_bias", "joined"),
            f"apply_tanh({output}, {H});",
        ]
        top = output
    count = f"{program.upper}_TARGET_TOKENS"
    statements += [
        parts.matrices["readout.weight"].product("log_p", "readout_bias", top, count),
        f"log_softmax(log_p, {count});",
    ]
    text = function("static void decode(int token, float* log_p)", statements)
    program.functions.append(f"// Read a target token; log_p are the log probabilities of the next one.\n{text}")


def _attention(predictor: Seq2SeqPredictor, parts: _Parts, query: str, m: str) -> list[str]:
    """Return the statements that compute the context vector c of a query."""
    kind, H = predictor.config.attention, predictor.config.hidden_size
    keys = m if kind == "dot" else "keys"
    if kind == "additive":
        product = parts.matrices["attention.query.weight"].product("query", "NULL", query)
        scores = f"""\
float query[{H}], sum[{H}];
{product}
for (int t = 0; t < source_length[0]; ++t) {{
    for (int j = 0; j < {H}; ++j) sum[j] = hyperbolic_tangent(query[j] + keys[(size_t)t * {H} + j]);
    attention[t] = dot(attention_score, sum, {H});
}}"""
    else:
        scores = f"multiply(attention, {keys}, NULL, {query}, source_length[0], {H});"
    return [
        scores,
        "softmax(attention, source_length[0]);",
        f"float c[{H}];  // the context vector",
        f"weighted_sum(c, attention, {m}, source_length[0], {H});",
    ]
