"""Damage to the folder: files that are missing, links, pipes and folders in their places, paths that lead outside."""

from __future__ import annotations

import json
import random

from .content import Change, Content, Damage, Folder, Link, Pipe, Sparse, json_text, sha256

OUTSIDE = (
    "../secret",
    "../outside/secret",
    "{outside}/secret",
    "/etc/passwd",
    "/dev/zero",
    "/proc/self/environ",
    "",
    ".",
    "..",
)
NAMES = (
    *OUTSIDE,
    "README.md",
    "manifest.json",
    "lock",
    "model.safetensors/x",
    "./config.json",
    "con",
    "x\0y",
    "C:\\x",
    "\x1b[2J",
)


def remove(content: Content, rng: random.Random) -> None:
    """Delete one to three files, or all."""
    names = list(content.files)
    chosen = names if rng.random() < 0.05 else rng.sample(names, min(len(names), rng.choice((1, 1, 2, 3))))
    for name in chosen:
        del content.files[name]
    content.note = ", ".join(chosen[:3])


def add(content: Content, rng: random.Random) -> None:
    """Add files that a reader could trip over."""
    names = (
        "__init__.py",
        "elman.py",
        "numpy.py",
        "sitecustomize.py",
        "model.pkl",
        "pytorch_model.bin",
        "vocabulary.json",
    )
    name = rng.choice(names)
    code = b"import pathlib; pathlib.Path('executed').touch()\n"
    content.files.setdefault(name, rng.choice((code, b"{}", b'{"a": ["<unk>"]}', b"\x80\x04cos\nsystem\n")))
    content.note = name


def special_entry(content: Content, rng: random.Random) -> None:
    """Put a link, a pipe or a folder in the place of a file."""
    name = rng.choice(list(content.files))
    if rng.random() < 0.15 and "/" in name:
        name = name.rpartition("/")[0]  # a folder inside
    targets = (
        "{outside}/secret",
        "{outside}/copy/" + name,
        "/etc/passwd",
        "/dev/zero",
        "/dev/tty",
        "/dev/stdin",
        "nowhere",
    )
    links = (Link(target) for target in (*targets, name.rpartition("/")[2], "..", "/proc/self/mem", "/proc/kmsg"))
    content.outside[name] = content.bytes_of(name)
    entries: list[Link | Pipe | Folder] = [Pipe(), Folder(), *links]
    entry = rng.choice(entries)
    content.files[name] = entry
    content.note = f"{name}: {entry!r}"


def change_manifest(content: Content, rng: random.Random) -> None:
    """Let a manifest name other files: outside, absolute, of other folders, or with wrong sizes."""
    names = content.names("manifest.json")
    if not names:
        return
    name = rng.choice(names)
    manifest = json.loads(content.bytes_of(name))
    files = manifest["files"]
    old = rng.choice(list(files))
    new = rng.choice(NAMES)
    action = rng.choice(("add", "rename", "size", "sha256", "format"))
    if action == "add":
        files[new] = {"sha256": sha256(b"secret"), "size": 6}
    elif action == "rename":
        files[new] = files.pop(old)
    elif action == "size":
        files[old]["size"] = rng.choice((0, -1, 2**31, 2**63, 2**64, 10**40, 1e300, "6", None, True, [], float("nan")))
    elif action == "sha256":
        files[old]["sha256"] = rng.choice((None, 0, "", "x" * 64, [], files[old]["sha256"].upper()))
    else:
        manifest["format"] = rng.choice((0, 2, None, "1", 10**9))
    content.files[name] = json_text(manifest)
    content.note = f"{name}: {action} {old} {new!r}"


def long_file(content: Content, rng: random.Random) -> None:
    """Make a file as long as a disk; it takes no space on this one."""
    name = rng.choice(content.names())
    content.files[name] = Sparse(rng.choice((3 << 20, 1 << 31, 1 << 36, 1 << 40)), content.bytes_of(name))
    content.note = f"{name}: {content.size:,}"


def change_while_reading(content: Content, rng: random.Random) -> None:
    """Change a file at the moment when this file, or another one, is opened."""
    actions = ("truncate", "grow", "grow far", "delete", "replace", "link", "pipe")
    for _ in range(rng.choice((1, 1, 2))):
        content.changes.append(Change(rng.randrange(8), rng.choice(list(content.files)), rng.choice(actions)))
    content.note = ", ".join(f"{change.name} {change.action} at {change.at}" for change in content.changes)


KINDS = {
    "missing files": Damage(2, remove),
    "added files": Damage(1, add),
    "links and pipes": Damage(4, special_entry),
    "manifest": Damage(4, change_manifest),
    "long file": Damage(1, long_file),
    "changes while read": Damage(3, change_while_reading),
}
