"""Damage to safetensors files: hostile headers, and numbers that are no weights."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

import numpy as np

from .content import Content, Damage, Sparse

LENGTHS = (0, 1, 2, 7, 8, 2**16, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 8, 2**64 - 1)
SIZES = (0, -1, 1, 2**31, 2**32, 2**53, 2**62, 2**63, 2**64 - 1, 2**64, 10**30, 0.5, None, "8", True, [1], 1e300)
TYPES = (
    "F64",
    "F16",
    "BF16",
    "I8",
    "U8",
    "I64",
    "BOOL",
    "F8_E4M3",
    "F8_E5M2",
    "C64",
    "object",
    "O",
    "F4",
    "",
    None,
    1,
    "f32",
)


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and the data of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def join(header: Any, data: bytes, length: int | None = None) -> bytes:
    """Return a safetensors file; with a length, one that states a wrong one."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _weights(content: Content, rng: random.Random) -> str:
    return rng.choice(content.names(".safetensors"))


def state_length(content: Content, rng: random.Random) -> None:
    """State a wrong length of the header."""
    name = _weights(content, rng)
    header, data = split(content.bytes_of(name))
    text = json.dumps(header).encode()
    length = rng.choice((*LENGTHS, len(text) + 1, len(text) - 1, len(text) + len(data), len(text) + len(data) + 1))
    content.files[name] = join(text, data, length)
    content.note = f"{name}: length {length}"


def change_header(content: Content, rng: random.Random) -> None:
    """Change shapes, types, offsets and names of a header."""
    name = _weights(content, rng)
    header, data = split(content.bytes_of(name))
    for _ in range(rng.choice((1, 1, 2))):
        tensor = rng.choice([key for key in header if key != "__metadata__"] or [""])
        entry = header.get(tensor)
        if not isinstance(entry, dict) or not {"shape", "data_offsets"} <= set(entry):
            continue
        action = rng.choice(list(_HEADER_CHANGES))
        content.note += f"{name}: {tensor} {action} "
        _HEADER_CHANGES[action](header, tensor, rng, len(data))
    content.files[name] = join(header, data)


def _change_shape(header: dict[str, Any], tensor: str, rng: random.Random, size: int) -> None:
    shape = header[tensor]["shape"]
    if not isinstance(shape, list):
        return  # it was changed before
    wrong = [list(shape), list(shape)[::-1], [*shape, 1], [1, *shape], [], [0], [0, 2**63], [2**32, 2**32], [1] * 1000]
    chosen = rng.choice(wrong)
    if chosen and rng.random() < 0.6:
        chosen[rng.randrange(len(chosen))] = rng.choice(SIZES)
    header[tensor]["shape"] = rng.choice((chosen, chosen, chosen, None, "x", 3))


def _change_offsets(header: dict[str, Any], tensor: str, rng: random.Random, size: int) -> None:
    offsets = header[tensor]["data_offsets"]
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(isinstance(offset, int) for offset in offsets):
        return  # it was changed before
    begin, end = offsets
    other = rng.choice([entry for entry in header.values() if isinstance(entry, dict) and "data_offsets" in entry])[
        "data_offsets"
    ]
    choices: tuple[Any, ...] = (
        [end, begin],
        other,
        [begin, end + 4],
        [begin - 4, end],
        [0, size],
        [size, size],
        [end],
        [],
        None,
    )
    more = ([rng.choice(SIZES), end], [begin, rng.choice(SIZES)], [2**64 - 4, 2**64], [begin, end, end], [0, 0])
    header[tensor]["data_offsets"] = rng.choice((*choices, *more))


def _change_type(header: dict[str, Any], tensor: str, rng: random.Random, size: int) -> None:
    header[tensor]["dtype"] = rng.choice(TYPES)


def _rename(header: dict[str, Any], tensor: str, rng: random.Random, size: int) -> None:
    names = ("", "\0", "../x", "\x1b[2J", "x" * 10_000, "__class__", tensor + "x", "readout.weight", "ä\ud800")
    header[rng.choice(names)] = header.pop(tensor)


def _delete(header: dict[str, Any], tensor: str, rng: random.Random, size: int) -> None:
    del header[tensor]


def _add(header: dict[str, Any], tensor: str, rng: random.Random, size: int) -> None:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [size, size]}
    header.update({f"extra{n}": empty for n in range(rng.choice((1, 100, 20_000)))})


def _metadata(header: dict[str, Any], tensor: str, rng: random.Random, size: int) -> None:
    header["__metadata__"] = rng.choice(
        ({"a": "b"}, {"a": 1}, [], None, {"x" * 1000: "y"}, {str(n): "" for n in range(9999)})
    )


def _change_entry(header: dict[str, Any], tensor: str, rng: random.Random, size: int) -> None:
    header[tensor] = rng.choice((None, [], {}, 0, "x", {**header[tensor], "extra": 1}, {"dtype": "F32"}))


_HEADER_CHANGES = {
    "shape": _change_shape,
    "offsets": _change_offsets,
    "type": _change_type,
    "name": _rename,
    "deleted": _delete,
    "added": _add,
    "metadata": _metadata,
    "entry": _change_entry,
}


def replace_header(content: Content, rng: random.Random) -> None:
    """Replace the header by text that is hard to read: deep, repeated, in another encoding, of another type."""
    name = _weights(content, rng)
    header, data = split(content.bytes_of(name))
    text = json.dumps(header).encode()
    first = next(iter(header))
    again = json.dumps({first: header[first]}).encode()
    depth = rng.choice((100, 1000, 100_000))
    choices = {
        "twice": text[:-1] + b"," + again[1:],
        "deep": b'{"a":' * depth + b"1" + b"}" * depth,
        "deep list": b"[" * depth,
        "type": rng.choice((b"[]", b"null", b"0", b"", b'""', b"{")),
        "encoding": text.decode().encode(rng.choice(("utf-16", "utf-32", "utf-8-sig"))),
        "spaces": text + b" " * rng.choice((1, 7, 8, 1000)),
        "zeros": text + bytes(8),
        "invalid": b"\xff" + text,
        "number": text.replace(b"[", b"[" + b"9" * rng.choice((20, 5000)) + b",", 1),
    }
    chosen = rng.choice(list(choices))
    content.files[name] = join(choices[chosen], data)
    content.note = f"{name}: {chosen}"


def long_header(content: Content, rng: random.Random) -> None:
    """Write a header that is longer than the format allows, or as long as it allows."""
    name = _weights(content, rng)
    size = rng.choice((1_000_000, 20_000_000, 100_000_000, 120_000_000))
    head = struct.pack("<Q", size) + b"{"
    content.files[name] = head + b" " * (size - 2) + b"}" if rng.random() < 0.5 else Sparse(size + 8, head)
    content.note = f"{name}: {size}"


def many_tensors(content: Content, rng: random.Random) -> None:
    """Write very many tensors, each without data."""
    name = _weights(content, rng)
    number = rng.choice((1000, 50_000, 300_000))
    empty = {"dtype": "F32", "shape": [0, 3], "data_offsets": [0, 0]}
    content.files[name] = join({f"t{n}": empty for n in range(number)}, b"")
    content.note = f"{name}: {number} tensors"


def change_numbers(content: Content, rng: random.Random) -> None:
    """Put numbers in the weights that are not finite, very large or very small, or exchange whole tensors."""
    name = _weights(content, rng)
    header, data = split(content.bytes_of(name))
    changed = bytearray(data)
    special = (np.nan, np.inf, -np.inf, 1e-42, 3.4e38, -3.4e38, 1e30, -1e30, 0.0, -0.0, 1e-30)
    value = np.float32(rng.choice(special)).tobytes()
    tensors = [entry for key, entry in header.items() if key != "__metadata__"]
    for entry in rng.sample(tensors, min(len(tensors), rng.choice((1, 2, 100)))):
        begin, end = entry["data_offsets"]
        numbers = (end - begin) // 4
        if rng.random() < 0.3 and numbers:
            place = begin + 4 * rng.randrange(numbers)
            changed[place : place + 4] = value
        else:
            changed[begin : begin + 4 * numbers] = value * numbers
    content.files[name] = join(header, bytes(changed))
    content.note = f"{name}: {np.frombuffer(value, 'f4')[0]}"


KINDS = {
    "header length": Damage(4, state_length),
    "header entry": Damage(12, change_header),
    "header text": Damage(4, replace_header),
    "long header": Damage(0.1, long_header),
    "many tensors": Damage(0.1, many_tensors),
    "numbers": Damage(8, change_numbers),
}
