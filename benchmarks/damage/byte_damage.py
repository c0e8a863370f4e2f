"""Damage that knows nothing of a file's format: flipped bits, wrong ends, copied and exchanged parts."""

from __future__ import annotations

import random

from .content import Content, Damage


def flip_bits(content: Content, rng: random.Random) -> None:
    """Flip up to eight bits of a file."""
    name = rng.choice(content.names())
    changed = bytearray(content.bytes_of(name))
    for _ in range(rng.choice((1, 1, 1, 2, 8)) if changed else 0):
        place = rng.randrange(len(changed)) if rng.random() < 0.5 else rng.randrange(min(len(changed), 300))
        changed[place] ^= 1 << rng.randrange(8)
    content.files[name] = bytes(changed)
    content.note = name


def truncate(content: Content, rng: random.Random) -> None:
    """Cut a file."""
    name = rng.choice(content.names())
    size = len(content.bytes_of(name))
    content.files[name] = content.bytes_of(name)[
        : rng.choice((0, 1, 7, 8, 9, size // 2, max(0, size - 1), rng.randint(0, size)))
    ]
    content.note = name


def extend(content: Content, rng: random.Random) -> None:
    """Append to a file."""
    name = rng.choice(content.names())
    tail = rng.choice((b"\0", b" ", b"\n{}", b"}", rng.randbytes(100), bytes(1 << 16), content.bytes_of(name)))
    content.files[name] = content.bytes_of(name) + tail
    content.note = name


def scramble(content: Content, rng: random.Random) -> None:
    """Replace a part of a file by random bytes, or by a part of another file."""
    name, other = rng.choice(content.names()), rng.choice(content.names())
    old = content.bytes_of(name)
    begin = rng.randint(0, len(old))
    end = min(len(old), begin + rng.choice((1, 8, 64, 4096)))
    source = content.bytes_of(other)
    start = rng.randint(0, len(source))
    new = rng.choice((rng.randbytes(end - begin), source[start : start + end - begin], b"", b"\xff" * (end - begin)))
    content.files[name] = old[:begin] + new + old[end:]
    content.note = name


def exchange(content: Content, rng: random.Random) -> None:
    """Exchange the content of two files."""
    names = content.names()
    a, b = rng.choice(names), rng.choice(names)
    content.files[a], content.files[b] = content.files[b], content.files[a]
    content.note = f"{a}, {b}"


KINDS = {
    "bit flips": Damage(8, flip_bits),
    "truncation": Damage(4, truncate),
    "extension": Damage(4, extend),
    "scrambled part": Damage(6, scramble),
    "files exchanged": Damage(1, exchange),
}
