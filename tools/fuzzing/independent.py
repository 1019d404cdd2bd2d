"""The same files read in another way than minattn reads them, as short as can be: what is accepted is held to this."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .outcome import WrongAcceptance

Arrays = dict[str, NDArray[Any]]

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "BF16": "<u2"}


def expect(condition: object, sentence: str) -> None:
    """Raise WrongAcceptance, with what is wrong, where a condition does not hold."""
    if not condition:
        raise WrongAcceptance(sentence)


def tensors(path: Path) -> Arrays:
    """The tensors of a safetensors file, half precision widened."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    found = {}
    for name, entry in json.loads(content[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        array = np.frombuffer(content[8 + length + start : 8 + length + end], DTYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        found[name] = array.reshape(entry["shape"])
    return found


def json_of(path: Path) -> Any:
    """What a JSON file says; WrongAcceptance where it says two things of one key."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        expect(len(set(keys)) == len(keys), f"{path.name} has a key twice")
        return dict(pairs)

    return json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=once)


def rows(path: Path) -> list[tuple[bytes, dict[str, Any]]]:
    """The lines of metrics.jsonl that are JSON objects, with what they say; all must be but a torn last one."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    found = []
    for i, line in enumerate(lines):
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except ValueError:
            expect(i == len(lines) - 1, f"line {i + 1} of {len(lines)} is no JSON")
            break
        expect(isinstance(row, dict), f"line {i + 1} is no object")
        step = row.get("step", 0)
        expect(type(step) is int and step >= 0, f"line {i + 1} has the step {step!r}")
        found.append((line, row))
    return found


def is_same(got: NDArray[Any], stored: NDArray[Any]) -> bool:
    """Whether an array that was loaded holds the numbers of the file, in its own precision."""
    with np.errstate(over="ignore"):
        wanted = stored.astype(got.dtype)
    return got.shape == wanted.shape and got.tobytes() == wanted.tobytes()


def pieces(vocabulary: dict[str, int], added: list[dict[str, Any]]) -> list[str]:
    """The pieces of a tokenizer in the order of their ids."""
    ids = {**vocabulary, **{token["content"]: token["id"] for token in added}}
    return sorted(ids, key=lambda piece: ids[piece])


def greedy(vocabulary: dict[str, int], word: str, unknown: int) -> list[int]:
    """The ids of a word: the longest piece that it begins with, again and again (Wu et al., 2016)."""
    found, rest, inside = [], word, ""
    while rest:
        length = next((n for n in range(len(rest), 0, -1) if inside + rest[:n] in vocabulary), 0)
        if not length:
            return [unknown]
        found.append(vocabulary[inside + rest[:length]])
        rest, inside = rest[length:], "##"
    return found


def write_tensors(path: Path, arrays: Arrays, dtype: str) -> None:
    """Write a safetensors file in one of DTYPES; BF16 loses the lower half of each number."""
    header: dict[str, Any] = {}
    body = b""
    for name, array in arrays.items():
        wide = array.astype(np.float32)
        stored = (wide.view(np.uint32) >> 16).astype("<u2") if dtype == "BF16" else array.astype(DTYPES[dtype])
        start, body = len(body), body + stored.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [start, len(body)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
