"""Damage to files: to their bytes, to the JSON in them, and to the headers of safetensors."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

SNIPPETS = (
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",  # half a character
    "\u2028\u202e\U0001f600".encode(),
    b"\r",
    b"\n\n",
    b"1e400",
    b"NaN",
    b"-",
    b'"',
    b"{",
    b"[" * 5000,
    b"9" * 5000,
    b"a" * 50_000,
)

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    3,
    2**31,
    -(2**63),
    10**30,
    10**310,
    0.5,
    6.0,
    float("nan"),
    float("inf"),
    "",
    "6",
    "\ud800",
    "a\x00b",
    "../config.json",
    "x" * 300,
    [],
    {},
    [1],
    ["bert"],
    {"a": 1},
)
"""Values that may stand where another one belongs."""


def span(content: bytes, rng: Random, longest: int = 64) -> tuple[int, int]:
    """A random part of the content, from and to."""
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.randint(1, longest))


def flip_bit(content: bytes, rng: Random) -> bytes:
    """One bit is another."""
    return _each_once(content, rng, lambda byte: byte ^ (1 << rng.randrange(8)))


def set_byte(content: bytes, rng: Random) -> bytes:
    """One byte is another."""
    return _each_once(content, rng, lambda byte: rng.randrange(256))


def change_digit(content: bytes, rng: Random) -> bytes:
    """One digit is another, so that the file stays what it was but for a number."""
    places = [i for i, byte in enumerate(content) if 48 <= byte <= 57]
    if not places:
        return content
    place = rng.choice(places)
    return content[:place] + bytes([rng.randint(48, 57)]) + content[place + 1 :]


def delete(content: bytes, rng: Random) -> bytes:
    """A part is missing."""
    start, end = span(content, rng)
    return content[:start] + content[end:]


def truncate(content: bytes, rng: Random) -> bytes:
    """The end is missing, as of a download that stopped."""
    return content[: rng.randrange(len(content) + 1)]


def blank(content: bytes, rng: Random) -> bytes:
    """A part is zeros, as after a power cut."""
    start, end = span(content, rng)
    return content[:start] + bytes(end - start) + content[end:]


def repeat(content: bytes, rng: Random) -> bytes:
    """A part stands twice."""
    start, end = span(content, rng, 200)
    return content[:end] + content[start:end] + content[end:]


def insert(content: bytes, rng: Random) -> bytes:
    """Something is put in that does not belong there."""
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice(SNIPPETS) + content[place:]


def noise(content: bytes, rng: Random) -> bytes:
    """Random bytes, of any length, also none."""
    return rng.randbytes(rng.choice((0, 1, 8, 100, 3000)))


def swap_lines(content: bytes, rng: Random) -> bytes:
    """Two lines have changed places, or one is gone."""
    lines = content.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    if rng.random() < 0.3:
        del lines[i]
    return b"\n".join(lines)


BYTES: tuple[Mutation, ...] = (
    flip_bit,
    set_byte,
    change_digit,
    delete,
    truncate,
    blank,
    repeat,
    insert,
    noise,
    swap_lines,
)


def change_json(content: bytes, rng: Random) -> bytes:
    """One place in the JSON of a file, or of one line of it, is another; the rest stays."""
    lines = content.split(b"\n")
    whole = rng.randrange(len(lines))
    try:
        changed = _changed(json.loads(content), rng)
    except (ValueError, RecursionError):
        try:
            lines[whole] = _changed(json.loads(lines[whole]), rng).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            return flip_bit(content, rng)
        return b"\n".join(lines)
    return changed.encode("utf-8", "surrogatepass")


def change_header(content: bytes, rng: Random) -> bytes:
    """A safetensors file whose header says something else, or of which only the header's length does."""
    if len(content) < 8:
        return noise(content, rng)
    (length,) = struct.unpack("<Q", content[:8])
    header, body = content[8 : 8 + length], content[8 + length :]
    match rng.randrange(5):
        case 0:
            length = rng.choice((0, 1, max(length, 1) - 1, min(length, 2**60) + 1, 10**8, 2**63, 2**64 - 1))
            return struct.pack("<Q", length) + header + body
        case 1:
            before = rng.choice((b"module.", b"model.", b"_orig_mod.", b"a.b."))
            header = header.replace(b'{"', b'{"' + before).replace(b'},"', b'},"' + before)
            header = header.replace(before + b"__metadata__", b"__metadata__").replace(before + b"dtype", b"dtype")
        case 2:
            header = change_digit(header, rng)
        case 3:
            names = (b"weight", b"bias", b"F32", b"F16", b"bert.", b"query", b"key", b"layer.0", b"layer.1")
            header = header.replace(rng.choice(names), rng.choice(names), rng.randint(1, 3))
        case _:
            header = change_json(header, rng)
    return struct.pack("<Q", len(header)) + header + body


def damage(name: str, content: bytes, others: list[bytes], rng: Random) -> bytes:
    """The content of a file, damaged in one way, seldom in two.

    Args:
        name: of the file; its ending says what else can happen to it than to any bytes
        others: what other files hold, one of which may have taken its place
    """
    special: tuple[Mutation, ...] = ()
    if name.endswith((".json", ".jsonl")):
        special = (change_json,)
    elif name.endswith(".safetensors"):
        special = (change_header,)
    for _ in range(1 if rng.random() < 0.85 else 2):
        if others and rng.random() < 0.03:
            content = rng.choice(others)
        else:
            content = rng.choice(special if special and rng.random() < 0.6 else BYTES)(content, rng)
    return content


def _each_once(content: bytes, rng: Random, change: Callable[[int], int]) -> bytes:
    if not content:
        return content
    place = rng.randrange(len(content))
    return content[:place] + bytes([change(content[place])]) + content[place + 1 :]


def _changed(value: Any, rng: Random) -> str:
    """The text of a JSON value, in which one place is changed."""
    places: list[tuple[Any, Any]] = []

    def visit(part: Any) -> None:
        for key in list(part) if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ():
            places.append((part, key))
            visit(part[key])

    visit(value)
    if not places:
        return json.dumps(rng.choice(ODD))
    owner, key = rng.choice(places)
    mark = "the place that is changed"
    match rng.randrange(7):
        case 0:
            del owner[key]
        case 1 | 2:
            owner[key] = rng.choice(ODD)
        case 3:
            other, place = rng.choice(places)
            if other is not owner or place != key:
                owner[key] = json.loads(json.dumps(other[place]))
        case 4:
            if isinstance(owner, dict):
                owner[rng.choice(("", "step", "a" * 200, str(key).upper(), "\ud800", f"module.{key}"))] = owner.pop(key)
        case 5:
            depth = rng.choice((2, 99, 101, 1000, 50_000))
            opened, closed = rng.choice((("[", "]"), ('{"a":', "}")))
            owner[key] = mark
            return json.dumps(value).replace(json.dumps(mark), opened * depth + "1" + closed * depth)
        case _:
            if isinstance(owner, dict):
                again = f"{json.dumps(key)}: {json.dumps(rng.choice((owner[key], *ODD)))}, {json.dumps(mark)}: "
                inner = {mark: owner[key]} | {name: part for name, part in owner.items() if name != key}
                owner.clear()
                owner.update(inner)
                return json.dumps(value).replace(
                    f"{json.dumps(mark)}: ", again.replace(json.dumps(mark), json.dumps(key))
                )
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)
