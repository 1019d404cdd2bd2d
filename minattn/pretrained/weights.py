"""Tensors in safetensors files: which there are, read one by one into memory that is there already."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Array
from ..errors import InputError
from ..runs import brief, parse_json, read_json, reading, write_atomically

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
LFS = b"version https://git-lfs.github.com/"
READABLE = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}


@dataclass(frozen=True)
class Stored:
    """Where a tensor stands: its file, dtype by safetensors' name, shape, and the offset of its first byte."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def read_into(self, array: Array, name: str) -> None:
        """Fill an array (contiguous, float32 or float64) of the same shape from READABLE; half precision is widened.

        Raises InputError for a file that ends too early.
        """
        dtype = np.dtype(READABLE[self.dtype])
        direct = dtype == array.dtype
        place: Array = array if direct else np.empty(self.shape, dtype)
        with reading(self.path), open(self.path, "rb", buffering=0) as file:
            file.seek(self.offset)
            view, done = memoryview(place.reshape(-1)).cast("B"), 0
            while done < len(view):
                count = file.readinto(view[done:])
                if not count:
                    raise InputError(f"{self.path} ends inside {name}; get the file again")
                done += count
        if self.dtype == "BF16":  # the upper half of a float32
            wide = np.left_shift(place, 16, dtype=np.uint32)
            place = wide.view(np.float32)
        if not direct:
            with np.errstate(over="ignore"):  # what is too large becomes Inf, which is refused
                array[...] = place


def find_tensors(folder: Path) -> dict[str, Stored]:
    """Every tensor in a folder's model.safetensors, or in the parts that its index names.

    Raises InputError, naming the file, where there is none, or one is damaged, and for PyTorch's pickles.
    """
    if (folder / WEIGHTS).exists():
        return tensors_in(folder / WEIGHTS)
    if (folder / INDEX).exists():
        return sharded(folder / INDEX)
    for pickle in PICKLES:
        if (folder / pickle).exists():
            raise InputError(
                f"{folder / pickle} is not read, because a pickle can run code; convert it where you trust it: "
                "AutoModel.from_pretrained(…).save_pretrained(…) in transformers writes model.safetensors"
            )
    raise InputError(
        f"{folder} has no {WEIGHTS}, nor {INDEX}; get the weights too, or write them by save_pretrained in transformers"
    )


def sharded(index: Path) -> dict[str, Stored]:
    """The tensors that an index deals out to several files beside it."""
    parts = read_json(index).get("weight_map")
    if not isinstance(parts, dict) or not all(isinstance(part, str) for part in parts.values()):
        raise InputError(f"{index} is damaged: expected weight_map, from names of tensors to names of files")
    found: dict[str, Stored] = {}
    for part in sorted(set(parts.values())):
        if Path(part).name != part or not part.isprintable():
            raise InputError(f"{index}: expected the name of a file beside it, got {brief(part)}")
        there = tensors_in(index.parent / part)
        for name in (name for name, file in parts.items() if file == part):
            if name not in there:
                raise InputError(f"{index} says that {part} holds {name}, which it does not")
            found[name] = there[name]
    return found


def tensors_in(path: Path) -> dict[str, Stored]:
    """The tensors of one file, from its header, which safetensors checks before anything is allocated."""
    from safetensors import SafetensorError, safe_open

    with reading(path):
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        with open(path, "rb") as file:  # first, for safetensors says of what may not be read that it is not there
            try:
                with safe_open(path, framework="np"):
                    pass
            except SafetensorError:
                if file.read(len(LFS)) == LFS:
                    raise InputError(f"{path} only names a file of Git LFS; git lfs pull there gets it") from None
                raise InputError(f"{path} is damaged: {_damage(path)}; get the file again") from None
            length = int.from_bytes(file.read(8), "little")
            try:
                header: dict[str, Any] = parse_json(file.read(length))
            except ValueError as error:
                raise InputError(f"{path} is damaged: its header is broken, because {error}") from None
    header.pop("__metadata__", None)
    return {
        name: Stored(path, entry["dtype"], tuple(entry["shape"]), 8 + length + entry["data_offsets"][0])
        for name, entry in header.items()
    }


def _damage(path: Path) -> str:
    """What is wrong with a file that safetensors refuses."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if 8 + length < size else {}
            end = 8 + length + max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return "it does not begin with a whole header of safetensors"
    return f"it has {size:,} bytes, and {end:,} by its header" if end != size else "its header is broken"


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray[Any, np.dtype[Any]]]) -> None:
    """Write arrays as one safetensors file. Raises RunError where the disk refuses."""
    from safetensors.numpy import save

    # safetensors writes the memory of an array as it lies, whatever its strides
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    write_atomically(path, save(contiguous, metadata={"format": "pt"}))
