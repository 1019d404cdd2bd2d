"""One checkpoint: the folder of three files that holds everything a run needs to go on."""

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .files import read_bytes, reading, sync_folder, write_synced
from .json_files import brief, check_format, json_ready, read_json

VERSION = 1
WEIGHTS, OPTIMIZER, STATE = "weights.safetensors", "optimizer.safetensors", "state.json"

Arrays = Mapping[str, NDArray[Any]]
Shapes = Mapping[str, tuple[int, ...]]

_STORABLE = {"bool", "float16", "float32", "float64"} | {f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)}
# The names of whole checkpoints; the second while one of the same step takes its place.
WHOLE, SET_ASIDE = re.compile(r"step-([0-9]+)"), re.compile(r"\.step-([0-9]+)\.old")


@dataclass(frozen=True)
class Checkpoint:
    """What a run was at one step.

    step       how many optimizer steps were made
    weights    name -> array, the model's parameters and buffers
    optimizer  name -> array, the optimizer's moments
    state      what else is needed to go on, as JSON can hold it
    """

    step: int
    weights: dict[str, NDArray[Any]]
    optimizer: dict[str, NDArray[Any]]
    state: dict[str, Any]


def folder_name(step: int) -> str:
    """The name of a step's checkpoint folder.

    >>> folder_name(400)
    'step-000400'
    """
    return f"step-{step:06d}"


def whole_checkpoints(folder: Path) -> dict[int, Path]:
    """The whole checkpoints in a folder, by rising step; {} where there are none or no such folder."""
    with reading(folder):
        names = os.listdir(folder) if folder.is_dir() else []
    found: dict[int, Path] = {}
    # One that was set aside counts only where its replacement never arrived: hence first, to be overwritten.
    for pattern in (SET_ASIDE, WHOLE):
        for name in names:
            if match := pattern.fullmatch(name):
                found[int(match[1])] = folder / name
    return dict(sorted(found.items()))


def write_checkpoint(
    folder: Path, step: int, weights: Arrays, optimizer: Arrays, state: Mapping[str, Any], belongs_to: Mapping[str, str]
) -> None:
    """Write and sync the three files into an empty folder; state.json proves the other two whole.

    belongs_to: the fingerprints of the run's "tokenizer" and "model", as for `read_checkpoint`
    """
    contents = {WEIGHTS: _to_bytes(weights, "weights"), OPTIMIZER: _to_bytes(optimizer, "optimizer")}
    described = {
        "format": "minattn checkpoint",
        "version": VERSION,
        "step": step,
        **{f"{what}_sha256": sha256 for what, sha256 in belongs_to.items()},
        "files": {name: {"bytes": len(data), "sha256": _sha256(data)} for name, data in contents.items()},
        "state": json_ready(state, "state"),
    }
    for name, data in contents.items():
        write_synced(folder / name, data)
    write_synced(folder / STATE, json.dumps(described, indent=1, ensure_ascii=False) + "\n")
    sync_folder(folder)


def read_checkpoint(
    folder: Path, belongs_to: Mapping[str, str], expected: Shapes | None = None, to_resume: bool = True
) -> Checkpoint:
    """Read a checkpoint after proving that it is whole and fits.

    folder      the checkpoint
    belongs_to  sha256 of the run's "tokenizer", of its file, and of its "model", as config.json describes it
    expected    the weights' names and shapes that the caller can use; None takes any
    to_resume   whether the optimizer's moments are read; to use the model they are not needed, and may be absent

    Raises InputError, naming the file, where one is missing, truncated, altered, of another version, of
    another step, tokenizer or model, or holds other tensors, NaN or Inf.
    """
    described = description(folder)
    theirs, ours = described["tokenizer_sha256"], belongs_to["tokenizer"]
    if theirs != ours:
        raise InputError(
            f"{folder / STATE} belongs to another tokenizer than the run's tokenizer.json "
            f"(sha256 {theirs[:12]}..., not {ours[:12]}...); put the original back"
        )
    weights = _from_bytes(folder / WEIGHTS, described["files"])
    optimizer = _from_bytes(folder / OPTIMIZER, described["files"]) if to_resume else {}
    if expected is not None:
        _compare(folder / WEIGHTS, {name: array.shape for name, array in weights.items()}, expected)
    # Older checkpoints do not say. What the shapes tell is told first, for it says more.
    if described.get("model_sha256", belongs_to["model"]) != belongs_to["model"]:
        raise InputError(
            f"{folder / STATE} belongs to another model than the run's config.json describes; put the original back"
        )
    if spoilt := [name for name, array in weights.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]:
        raise InputError(f"{folder / WEIGHTS}: {spoilt[0]} holds NaN or Inf, as would every result")
    return Checkpoint(described["step"], weights, optimizer, described["state"])


def description(folder: Path) -> dict[str, Any]:
    """The content of a checkpoint's state.json, once it is known to hold every field that the reader uses."""
    path = folder / STATE
    described = read_json(path)
    check_format(path, described, "minattn checkpoint", VERSION)
    kinds = {"step": int, "tokenizer_sha256": str, "files": dict, "state": dict}
    wrong = [key for key, kind in kinds.items() if type(described.get(key)) is not kind]
    for name in (WEIGHTS, OPTIMIZER):
        told = described["files"].get(name) if "files" not in wrong else None
        if not (isinstance(told, dict) and type(told.get("bytes")) is int and type(told.get("sha256")) is str):
            wrong.append(f"files[{name!r}]")
    if wrong:
        raise InputError(f"{path} is damaged: it lacks {', '.join(wrong)}")
    named = WHOLE.fullmatch(folder.name) or SET_ASIDE.fullmatch(folder.name)
    if named is not None and described["step"] != int(named[1]):
        step = brief(described["step"])
        raise InputError(f"{path} is damaged: its step is {step}, but its folder is that of step {int(named[1])}")
    return described


def fingerprint(value: Any) -> str:
    """The sha256 of a value of JSON, whatever the order of its keys."""
    return _sha256(json.dumps(value, sort_keys=True).encode())


def newest_run(root: str | os.PathLike[str] = "runs") -> Path:
    """The run in a folder of runs that was saved last; InputError where there is none."""
    saved: list[tuple[int, Path]] = []
    for state in Path(root).glob(f"*/checkpoints/step-*/{STATE}"):
        with contextlib.suppress(FileNotFoundError):  # a training that is running may just have replaced it
            saved.append((state.stat().st_mtime_ns, state.parents[2]))
    if not saved:
        raise InputError(f"there is no trained run in {root}; make one with `minattn train`")
    return max(saved)[1]


def best_step(saved: Mapping[int, Path]) -> int:
    """The step that the newest of these checkpoints names as the best; the newest itself where it names none.

    Raises InputError where its state.json is damaged, or the one that it names is not among them.
    """
    newest = max(saved)
    path = saved[newest] / STATE
    best = description(saved[newest])["state"].get("best")
    if best is None:
        return newest
    if not (isinstance(best, dict) and type(best.get("step")) is int and type(best.get("score")) is float):
        raise InputError(f"{path} is damaged: best must hold a step and a score, got {brief(best)}")
    if best["step"] not in saved:
        way = f'put it back, or take "best" out of that file to use step {newest}'
        raise InputError(f"{path} names step {best['step']} as the best, whose checkpoint is missing; {way}")
    return int(best["step"])


def count_weights(folder: Path) -> int:
    """How many numbers the weights of a checkpoint hold, read from the header alone; its state.json is checked too."""
    from safetensors import SafetensorError, safe_open

    path, told = folder / WEIGHTS, description(folder)["files"][WEIGHTS]["bytes"]
    with reading(path):
        _check_size(path, path.stat().st_size, told)
    try:
        with safe_open(path, framework="np") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no whole safetensors file") from error


def _to_bytes(arrays: Arrays, what: str) -> bytes:
    """The arrays as one safetensors file."""
    from safetensors.numpy import save

    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.name not in _STORABLE:
            got = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
            raise InputError(f"{what}[{name!r}] must be a NumPy array of numbers or booleans, got {got}")
    # safetensors takes the memory as it lies: strided or big-endian arrays would be written scrambled.
    # (np.ascontiguousarray would turn a scalar into a vector.)
    return save({name: np.asarray(a, a.dtype.newbyteorder("<"), order="C") for name, a in arrays.items()})


def _from_bytes(path: Path, files: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file, once its length and checksum are those that state.json tells."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data, told = read_bytes(path), files[path.name]
    _check_size(path, len(data), told["bytes"])
    if _sha256(data) != told["sha256"]:
        raise InputError(f"{path} is damaged: its bytes are not those that were written (sha256 differs)")
    try:
        return load(data)
    except SafetensorError as error:
        raise InputError(f"{path} is no whole safetensors file") from error


def _check_size(path: Path, size: int, written: int) -> None:
    if size != written:
        raise InputError(f"{path} is damaged: it has {size:,} bytes, {written:,} were written")


def _compare(path: Path, got: Shapes, expected: Shapes) -> None:
    """Refuse tensors with other names or shapes than the model's."""
    if missing := [name for name in expected if name not in got]:
        raise InputError(f"{path} lacks {_some(missing)}, which the model of the run's config.json needs")
    if surplus := sorted(got.keys() - expected.keys()):
        raise InputError(f"{path} holds {_some(surplus)}, which the model of the run's config.json does not have")
    for name, shape in expected.items():
        if got[name] != tuple(shape):
            raise InputError(
                f"{path} holds {name} with shape {got[name]}, but the model of the run's config.json "
                f"needs {tuple(shape)}"
            )


def _some(names: list[str], shown: int = 3) -> str:
    """The first few of many names."""
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
