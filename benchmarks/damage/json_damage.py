"""Damage to JSON and TOML: one value exchanged for a hostile one, or a text that is a bomb for its reader."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from .content import Content, Damage, json_text

CODE = "__import__('os').system('touch {outside}/executed')"
NUMBERS = (
    *(
        0,
        1,
        -1,
        2,
        3,
        5,
        7,
        100,
        1000,
        65536,
        10**6,
        10**9,
        2**31 - 1,
        2**31,
        2**32,
        2**53,
        2**63 - 1,
        2**63,
        2**64 - 1,
    ),
    *(2**64, 10**30, -(2**63), 0.0, -0.0, 0.5, 1.0, 1e-320, 1e-30, 1e18, 1e30, 1e300, 1.7e308, -1e300, float("nan")),
    *(float("inf"), float("-inf")),
)
TEXTS = (
    *("", " ", "\0", "\n", "\t", "x", "ä", "\ud800", "\udfff\ud800", "\u202e", "\x1b[2J\x1b]0;x\x07", "x" * 10_000),
    *("../../etc/passwd", "/dev/zero", "file:///etc/passwd", "%s%n{0.__class__}", "${HOME}", "(a+)+$", "a" * 60 + "!"),
    *("os.system", "builtins.eval", "elman.cells.lstm", CODE, "!!python/object/apply:os.system", "__reduce__", "<unk>"),
    *(
        "elman",
        "gru",
        "lstm",
        "min_gru",
        "layer_norm_lstm",
        "bpe",
        "byte",
        "char",
        "word",
        "true",
        "null",
        "1e999",
        "NaN",
    ),
    *("none", "dot", "general", "additive", "first", "last", "copy", "linear", "season", "narx", "tdnn", "recurrent"),
    *("bio", "bioes", "max", "mean", "attention", "nfd", "nfc", "lower", "textbook", "lm", "tag", "forecast", "pickle"),
)


def hostile_value(rng: random.Random, old: Any) -> Any:
    """Return a value for the place of an old one: of its type, of another, or related to it."""
    choice = rng.random()
    if choice < 0.35:
        return rng.choice(NUMBERS)
    if choice < 0.6:
        return rng.choice(TEXTS)
    if choice < 0.7:
        return rng.choice(
            (None, True, False, [], {}, [[]], [None], {"": None}, {"a": {"a": {}}}, [0] * 1000, ["x", "x"])
        )
    if choice < 0.73:
        return rng.choice(([0] * 100_000, ["ab"] * 50_000, [[]] * 50_000, {str(n): n for n in range(20_000)}))
    if isinstance(old, bool):
        return not old
    if isinstance(old, int | float):
        return rng.choice((old + 1, old - 1, -old, old * 2, old * 1000, old / 2, str(old), [old], float(old)))
    if isinstance(old, str):
        return rng.choice(
            (old + "x", old[:-1], old * 2, old.upper(), old[::-1], [old], {old: old}, f"{old}\0", f" {old}")
        )
    if isinstance(old, list) and old:
        n = rng.randrange(len(old))
        shuffled = rng.sample(old, len(old))
        return rng.choice(
            (old[:-1], old[1:], old + old, [*old, old[n]], old[:n] + old[n + 1 :], [old], shuffled, old * 50)
        )
    return [old]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return (container, key) of every value inside a JSON value; of a long list only the first and last ones."""
    all_places: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        container = waiting.pop()
        keys: list[Any] = list(container) if isinstance(container, dict) else list(range(len(container)))
        for key in keys if len(keys) <= 12 or isinstance(container, dict) else [*keys[:6], *keys[-6:]]:
            all_places.append((container, key))
            if isinstance(container[key], dict | list):
                waiting.append(container[key])
    return all_places


def change_value(content: Content, rng: random.Random) -> None:
    """Exchange, delete or add one to three values of a JSON or TOML file."""
    name = rng.choice(content.names(".json", ".toml", ".jsonl"))
    try:
        value = parse(name, content.bytes_of(name))
    except (ValueError, RecursionError):
        return
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        all_places = places(value)
        if not all_places:
            return
        container, key = rng.choice(all_places)
        content.note += f"{name}: {key!r}"[:80]
        action = rng.random()
        if action < 0.12:
            del container[key]
        elif action < 0.2 and isinstance(container, dict):
            container[rng.choice(TEXTS)] = hostile_value(rng, container[key])
        elif action < 0.25:
            other, other_key = rng.choice(all_places)
            container[key] = json.loads(json.dumps(other[other_key])) if other_key in _keys(other) else None
        else:
            container[key] = hostile_value(rng, container[key])
    content.files[name] = written(name, value)


def _keys(container: Any) -> Any:
    return container if isinstance(container, dict) else range(len(container))


def parse(name: str, text: bytes) -> Any:
    """Return the value of a JSON, JSON lines or TOML file."""
    if name.endswith(".toml"):
        import tomllib

        return tomllib.loads(text.decode())
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in text.splitlines()]
    return json.loads(text)


def written(name: str, value: Any) -> bytes:
    """Return the file of a value; what TOML cannot hold is written as JSON, which is damage as well."""
    if name.endswith(".jsonl"):
        return b"".join(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n" for line in value)
    if name.endswith(".toml"):
        import tomli_w

        try:
            return tomli_w.dumps(value).encode("utf-8", "surrogatepass")
        except (TypeError, ValueError, AttributeError):
            pass
    return json_text(value)


def replace_text(content: Content, rng: random.Random) -> None:
    """Replace a whole JSON file by a bomb, or put the bomb in the place of one of its values."""
    name = rng.choice(content.names(".json", ".toml", ".jsonl"))
    bomb_name = rng.choice(list(BOMBS))
    bomb = BOMBS[bomb_name](rng)
    content.note = f"{name}: {bomb_name}"
    if rng.random() < 0.5:
        content.files[name] = bomb
        return
    try:
        value = json.loads(content.bytes_of(name))
        container, key = rng.choice(places(value))
    except (ValueError, IndexError, RecursionError):
        content.files[name] = bomb
        return
    container[key] = "@bomb@"
    content.files[name] = json_text(value).replace(b'"@bomb@"', bomb)


def repeat_key(content: Content, rng: random.Random) -> None:
    """Write a key of a JSON object twice, with different values."""
    name = rng.choice(content.names(".json"))
    text = content.bytes_of(name)
    keys = [line.split(b":")[0].strip() for line in text.splitlines() if b'":' in line]
    if keys:
        repeated = b"{" + rng.choice(keys) + b": " + rng.choice((b"0", b"[]", b'"x"', b"null", b"{}")) + b","
        content.files[name] = text.replace(b"{", repeated, 1)
    content.note = name


def other_encoding(content: Content, rng: random.Random) -> None:
    """Write a JSON file in another encoding, or with invalid bytes."""
    name = rng.choice(content.names(".json", ".toml", ".jsonl"))
    text = content.bytes_of(name)
    encoding = rng.choice(("utf-16", "utf-32", "utf-16-be", "utf-8-sig", "latin-1", "utf-7", "invalid"))
    content.note = f"{name}: {encoding}"
    if encoding == "invalid":
        place = rng.randint(0, len(text))
        content.files[name] = text[:place] + rng.choice((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8")) + text[place:]
    else:
        content.files[name] = text.decode("utf-8", "replace").encode(encoding, "replace")


BOMBS: dict[str, Callable[[random.Random], bytes]] = {
    "deep lists": lambda rng: b"[" * rng.choice((50, 900, 1000, 100_000)),
    "deep closed lists": lambda rng: (lambda n: b"[" * n + b"]" * n)(rng.choice((50, 500, 990, 5000, 200_000))),
    "deep objects": lambda rng: (lambda n: b'{"a":' * n + b"1" + b"}" * n)(rng.choice((50, 500, 990, 5000, 200_000))),
    "long number": lambda rng: b"9" * rng.choice((400, 4300, 4301, 1_000_000)),
    "long fraction": lambda rng: b"0." + b"1" * rng.choice((400, 1_000_000)),
    "large exponent": lambda rng: rng.choice((b"1e999", b"-1e99999", b"1e-99999", b"1E308", b"1e+400")),
    "not a number": lambda rng: rng.choice((b"NaN", b"Infinity", b"-Infinity", b"nan")),
    "many keys": lambda rng: b"{" + b",".join(b'"%d":0' % n for n in range(rng.choice((1000, 50_000, 400_000)))) + b"}",
    "many empty lists": lambda rng: b"[" + b",".join([b"[]"] * rng.choice((1000, 100_000, 2_000_000))) + b"]",
    "many empty objects": lambda rng: b"[" + b",".join([b'{"":{}}'] * rng.choice((1000, 100_000, 700_000))) + b"]",
    "many numbers": lambda rng: b"[" + b",".join([b"0.25"] * rng.choice((1000, 100_000, 1_500_000))) + b"]",
    "many texts": lambda rng: b"[" + b",".join(b'"%x"' % n for n in range(rng.choice((1000, 100_000, 900_000)))) + b"]",
    "long text": lambda rng: b'"' + b"a" * rng.choice((10_000, 10_000_000)) + b'"',
    "long wide text": lambda rng: b'"' + b"a" * rng.choice((10_000, 5_000_000)) + "\U0001f600".encode() + b'"',
    "many escapes": lambda rng: (
        b'"' + rng.choice((b"\\ud800", b"\\u0000", b"\\n", b"\\u202e")) * rng.choice((10, 500_000)) + b'"'
    ),
    "spaces": lambda rng: b" " * rng.choice((1000, 5_000_000)) + b"{}",
    "nothing": lambda rng: b"",
    "other type": lambda rng: rng.choice((b"null", b"[]", b"0", b'""', b"true", b"{}", b"[{}]")),
}

KINDS = {
    "JSON value": Damage(24, change_value),
    "JSON bomb": Damage(4, replace_text),
    "repeated key": Damage(1, repeat_key),
    "other encoding": Damage(1, other_encoding),
}
