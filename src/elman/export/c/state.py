"""The state of a stream in C: its type, its values before the first input, and its bytes (models/stream_state.py)."""

from __future__ import annotations

import numpy as np

from elman.models.stream_state import FINGERPRINT_BYTES, Entry
from elman.models.streaming import StreamingPredictor

from .literals import C_TYPES, Array
from .names import identifier
from .program import Program, block

HEADER_BYTES = 24
STATUSES = {
    "OK": "",
    "WRONG_INPUT": "a token or a number that the model cannot read",
    "WRONG_LENGTH": "an empty sequence, or one that is longer than the largest length",
    "NOT_A_STATE": "these bytes are not the state of a model",
    "OTHER_VERSION": "the state has another version of the format",
    "OTHER_MODEL": "the state is of another model",
    "WRONG_SIZE": "the state has another size; expected one stream",
    "DAMAGED": "the state is damaged: its checksum differs",
}
_OF_STATES = ("NOT_A_STATE", "OTHER_VERSION", "OTHER_MODEL", "WRONG_SIZE", "DAMAGED")
# Constants of C, for entries whose values before the first input are not zero.
_INITIAL = {"inf": "INFINITY", "-inf": "-INFINITY", "nan": "NAN"}


def declare_statuses(program: Program, *, lengths: bool, states: bool) -> None:
    """Declare the status codes that the functions return."""
    left_out = {*(() if lengths else ("WRONG_LENGTH",)), *(() if states else _OF_STATES)}
    program.header.append("\n// What functions return: 0, or what is wrong.")
    names = [name for name in STATUSES if name not in left_out]
    codes = {name: -number for number, name in enumerate(STATUSES)}
    width = max(len(f"{program.upper}_{name} = {codes[name]},") for name in names)
    lines = [
        f"    {f'{program.upper}_{name} = {codes[name]},':<{width}}{f'  // {STATUSES[name]}' if STATUSES[name] else ''}"
        for name in names
    ]
    program.header.append("\n".join(["enum {", *map(str.rstrip, lines), "};"]))


def declare_state(program: Program, predictor: StreamingPredictor, initial: dict[str, Array]) -> None:
    """Add the type of the state, and the functions between it and bytes. initial is the state of a batch of one."""
    layout = predictor.state_layout()
    entries = [entry for entry in layout.entries if entry.size]
    record, prefix = layout.record_size, program.prefix
    program.state_bytes = record
    program.public_size("STATE_BYTES", HEADER_BYTES + record, "of a state as bytes")
    members = "\n".join(
        f"    {C_TYPES[_native(entry)]} {identifier(entry.name)}[{_count(entry)}];" for entry in entries
    )
    program.header.append(
        f"\n// The state of a stream: all that the model remembers of its inputs.\n"
        f"typedef struct {{\n{members}\n}} {prefix}_state;"
    )
    fingerprint = np.frombuffer(bytes.fromhex(predictor.fingerprint)[:FINGERPRINT_BYTES], np.uint8)
    program.constant("fingerprint", fingerprint, "the beginning of the SHA-256 of model.safetensors")
    program.functions += [_to_bytes(program, entries, record), _from_bytes(program, entries, record)]


def declare_bytes(program: Program) -> None:
    """Declare the functions between a state and bytes in the header."""
    prefix, upper = program.prefix, program.upper
    program.header.append(f"""
// Write the state as bytes, in the format of elman's state_to_bytes.
void {prefix}_state_to_bytes(const {prefix}_state* state, uint8_t bytes[{upper}_STATE_BYTES]);

// Read a state of one stream that {prefix}_state_to_bytes or elman has written. If the bytes are anything else, the
// state is unchanged.
int {prefix}_state_from_bytes({prefix}_state* state, const uint8_t* bytes, size_t size);""")


def initial_statements(initial: dict[str, Array]) -> list[str]:
    """Return the statements that give a state its values before the first input."""
    statements = ["memset(state, 0, sizeof *state);"]
    for name, array in initial.items():
        if not array.size or not array.any():
            continue
        value = _INITIAL[str(float(array.flat[0]))]
        function = "fill" if array.dtype == np.float32 else "fill_doubles"
        statements.append(f"{function}(state->{identifier(name)}, {array.size}, {value});")
    return statements


def _to_bytes(program: Program, entries: list[Entry], record: int) -> str:
    prefix = program.prefix
    lines = [f"end = put_{C_TYPES[_native(e)]}s(end, state->{identifier(e.name)}, {_count(e)});" for e in entries]
    return f"""\
void {prefix}_state_to_bytes(const {prefix}_state* state, uint8_t bytes[{program.upper}_STATE_BYTES]) {{
    uint8_t* end = bytes + {HEADER_BYTES};
{block(lines)}
    put_header(bytes, fingerprint, (size_t)(end - bytes - {HEADER_BYTES}));
}}"""


def _from_bytes(program: Program, entries: list[Entry], record: int) -> str:
    prefix, upper = program.prefix, program.upper
    lines = [f"record = get_{C_TYPES[_native(e)]}s(record, state->{identifier(e.name)}, {_count(e)});" for e in entries]
    return f"""\
int {prefix}_state_from_bytes({prefix}_state* state, const uint8_t* bytes, size_t size) {{
    if (size < {HEADER_BYTES} || memcmp(bytes, "ELST", 4) != 0) return {upper}_NOT_A_STATE;
    if (get_uint32(bytes + 4) != 1) return {upper}_OTHER_VERSION;
    if (memcmp(bytes + 8, fingerprint, 8) != 0) return {upper}_OTHER_MODEL;
    if (size != {upper}_STATE_BYTES || get_uint32(bytes + 16) != 1) return {upper}_WRONG_SIZE;
    const uint8_t* record = bytes + {HEADER_BYTES};
    if (get_uint32(bytes + 20) != crc32(record, {record})) return {upper}_DAMAGED;
{block([*lines[:-1], lines[-1].removeprefix("record = ")])}
    return {upper}_OK;
}}"""


def _count(entry: Entry) -> int:
    return entry.size // entry.dtype.itemsize


def _native(entry: Entry) -> np.dtype[np.generic]:
    return np.dtype(entry.dtype.newbyteorder("="))
