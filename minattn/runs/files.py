"""Files that are whole or absent: a reader, a crash or a full disk never leaves half of one behind."""

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError, RunError, nearest_name

BLOCK = 1 << 20
"""Bytes that are read at a time."""


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write a file beside its place, sync it to the disk, and rename it into its place.

    path     where the file shall be; its folder must exist. A device or a pipe there stays one and is written to
    content  bytes, or text that is written as UTF-8 with its line ends as they are

    Raises RunError when the disk is full, read-only or otherwise refuses; what was there is then untouched.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(f"{folder}/note.txt", "kept whole")
    ...     Path(folder, "note.txt").read_text()
    'kept whole'
    """
    path = Path(path)
    with naming(path):
        if os.path.isdir(path):  # a link to one would be replaced
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if _is_special(path):
            path.write_bytes(_encoded(content))
            return
        # A name of its own for each writer: two writers of one file must not share a temporary one.
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            write_synced(beside, content)
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise
        sync_folder(path.parent)


def write_synced(path: Path, content: bytes | str) -> None:
    """Write a new file and return when the disk has it; raises OSError, also where a file is there."""
    with open(path, "xb") as file:
        file.write(_encoded(content))
        file.flush()
        os.fsync(file.fileno())


def check_place(path: str | os.PathLike[str]) -> None:
    """Refuse a place where no file can be written, before the work whose result is to go there.

    Raises InputError where a folder is there or its own is not, RunError where the system does not permit it.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise InputError(f"expected the name of a file, but {path} is a folder")
    if not os.path.isdir(path.parent):
        raise InputError(f"{path} cannot be written, because {path.parent} is not a folder; make it first")
    with naming(path):
        if not os.access(path if _is_special(path) else path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder (new files, renames) survive a power cut."""
    if os.name == "nt":  # Windows cannot open a folder, and writes its names through by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(handle)


def make_folder(folder: Path) -> bool:
    """Make a folder and those above it, and say whether it was not there.

    Raises InputError where a file is there, RunError where the disk refuses.
    """
    with naming(folder):
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        if not nearest.is_dir():
            raise InputError(f"expected a folder at {nearest}, but a file is there; choose another folder")
        if nearest != folder:
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
        return nearest != folder


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn an OSError of a write inside into a RunError that says which path and why."""
    try:
        yield
    except OSError as error:
        raise RunError(f"{path} could not be written: {_reason(error)}") from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an OSError of a read inside into an InputError that says which path and why; refuse a pipe and a device."""
    try:
        refuse_special(path)
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing") from error
    except OSError as error:
        raise InputError(f"{path} could not be read: {_reason(error)}") from error
    except ValueError as error:  # of the path: a NUL in it, or half a character
        if isinstance(error, InputError):
            raise
        raise InputError(f"{str(path)!a} cannot be the name of a file") from error


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; InputError when it is missing or cannot be read."""
    with reading(path):
        return path.read_bytes()


def similar_path(path: str | os.PathLike[str], fits: Callable[[Path], bool] = os.path.isfile) -> str:
    """The end of a sentence about a path that is not there: "; did you mean runs/mine?", or "" where none is near.

    fits: what it may be, a file unless said
    """
    path = Path(path)
    for part in (*reversed(path.parents), path):
        if os.path.lexists(part):
            continue
        with contextlib.suppress(OSError, ValueError):
            rest, ending = path.relative_to(part), part.suffix
            names = [name for name in sorted(os.listdir(part.parent))[:1000] if name[0] != "."]
            names = [name for name in names if fits(part.with_name(name) / rest)]
            # An ending that is right makes no two names alike.
            stems = {name.removesuffix(ending): name for name in names if ending and name.endswith(ending)}
            stem = nearest_name(part.stem, stems)
            near = nearest_name(part.name, set(names) - {*stems.values()}) if stem is None else stems[stem]
            return f"; did you mean {part.with_name(near) / rest}?" if near else ""
    return ""


def read_at_most(file: BinaryIO, name: object, most: int = 1 << 28) -> bytes:
    """All that comes from a file, a pipe or a device, which may have no end; InputError for more than `most` bytes."""
    parts, size, part = [], 0, file.read(BLOCK)
    while part:
        parts.append(part)
        size += len(part)
        if size > most:
            raise InputError(
                f"{name} has more than {most >> 20:,} MiB, the most that is read of a text; give a part of it"
            )
        # less than was asked for is the end, and a terminal would wait for another
        part = file.read(BLOCK) if len(part) == BLOCK else b""
    return b"".join(parts)


def files_below(folder: Path) -> list[Path]:
    """The files below a folder that are not still being written; [] where there is no folder."""
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


def size_of(path: Path) -> int:
    """The bytes in a file or in a folder's files."""
    total = 0
    for file in [path] if path.is_file() else files_below(path):
        with contextlib.suppress(FileNotFoundError):  # replaced meanwhile by a training that is running
            total += file.stat().st_size
    return total


def refuse_special(path: Path) -> None:
    """Refuse a pipe or a device, from which too much may come, or nothing for ever. Raises InputError."""
    if _is_special(path) and not os.path.isdir(path):
        raise InputError(f"{path} is a pipe or a device; expected a file")


def identity(folder: Path) -> tuple[int, int] | None:
    """What changes when a folder is renamed or replaced by another of its name; None where there is none."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_ctime_ns


def _is_special(path: Path) -> bool:
    """Whether a device, a pipe or the like is there."""
    return os.path.exists(path) and not os.path.isfile(path)


def _encoded(content: bytes | str) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def _reason(error: OSError) -> str:
    """What the system said, and what to do about it where that is known."""
    said = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{said}; free some space and try again"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{said}; choose another place, or change the permissions of this one"
    return said
