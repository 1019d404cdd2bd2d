"""The file of a text's ids: made once, found again by what it was made of, mapped into memory where it is large.

    1,024 bytes             a JSON object, then spaces
    ids                     of the sentences to train on, one after the other, then of those that are held out;
                            2 bytes each, or 4 for more than 65,536 pieces, the lowest first
    lengths                 of the sentences in this order, in 1, 2 or 4 bytes, by the most that there can be
    bits                    for each sentence to train on, 1 where no other is equal to it; the highest bit comes first

The object holds format, version, and the fields of `Header` under "header".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..runs import check_format, from_json, naming, parse_json, reading, refuse_special, sync_folder
from .sentences import Sentences

FORMAT, VERSION = "minattn ids", 1
START = 1024
BLOCK = 1 << 20
IN_MEMORY = 1 << 24
"""Bytes of a file up to which it is read into memory; a larger one is mapped."""

NEAR, TOUCHED = 1 << 16, 1 << 24
"""Bytes around a place that a read brings into memory, and those of a mapped file that may be there at a time."""


@dataclass(frozen=True)
class Header:
    """What the ids are.

    key: the fingerprint of what they were made of, as `ids_key` gives it
    pieces, longest: of the vocabulary; the most ids that a sentence may have
    training, held_out: sentences of each part; training_tokens, held_out_tokens: their ids
    cut, unknown, repeated: as in `Data`
    sha256: of all that follows in the file, and of the other fields
    """

    key: str
    pieces: int
    longest: int
    training: int
    held_out: int
    training_tokens: int
    held_out_tokens: int
    cut: int
    unknown: int
    repeated: int
    sha256: str = ""

    def __post_init__(self) -> None:
        if any(value < 0 for value in asdict(self).values() if isinstance(value, int)) or not self.pieces:
            raise InputError("a number is negative, or there are no pieces")

    @property
    def id_type(self) -> np.dtype[Any]:
        """Of the ids in the file."""
        return np.dtype("<u2" if self.pieces <= 1 << 16 else "<u4")

    @property
    def length_type(self) -> np.dtype[Any]:
        """Of the lengths in the file."""
        return np.dtype("u1" if self.longest < 1 << 8 else "<u2" if self.longest < 1 << 16 else "<u4")

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The bytes of ids, lengths and bits."""
        ids = self.id_type.itemsize * (self.training_tokens + self.held_out_tokens)
        return ids, self.length_type.itemsize * (self.training + self.held_out), -(-self.training // 8)

    def digest(self) -> Any:
        """A sha256 that has taken in these fields but the last, to take in the rest of the file."""
        return hashlib.sha256(json.dumps(list(asdict(self).values())[:-1]).encode())

    def to_bytes(self) -> bytes:
        """The beginning of the file."""
        stored = {"format": FORMAT, "version": VERSION, "header": asdict(self)}
        return json.dumps(stored).encode().ljust(START - 1) + b"\n"


def ids_key(text_sha256: str, tokenizer_fingerprint: str, longest: int) -> str:
    """The fingerprint of what a file of ids is made of; another VERSION makes other ones."""
    return hashlib.sha256(f"{VERSION} {text_sha256} {tokenizer_fingerprint} {longest}".encode()).hexdigest()


class IdsFile:
    """A file of ids: in memory, or mapped, which processes share.

    header
    training, held_out: its sentences
    """

    def __init__(self, file: IO[bytes], header: Header, path: Path | None = None, in_memory: int = IN_MEMORY) -> None:
        """Read a file that is known to be whole, and may be closed then.

        path: its name; None if it has none. in_memory: bytes up to which it is not mapped
        """
        self.header, self._path = header, path
        self._content = _Content(file, header, in_memory)
        ids, lengths, _ = header.sizes
        file.seek(START + ids)
        read = np.frombuffer(file.read(lengths), header.length_type)
        bits = np.frombuffer(file.read(), np.uint8)
        self.training = Sentences(_Slices(self._content, 0), read[: header.training], bits)
        self.held_out = Sentences(_Slices(self._content, header.training_tokens), read[header.training :])

    def keep(self, place: Path) -> None:
        """Give the file this name: a link to where it is already, or a copy. Raises RunError where the disk refuses."""
        with naming(place):
            if self._path is not None and place.exists() and os.path.samefile(self._path, place):
                return
            beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
            try:
                if self._path is None or not _linked(self._path, beside):
                    self._content.copy(beside)
                os.replace(beside, place)
            except BaseException:
                with contextlib.suppress(OSError):
                    beside.unlink()
                raise
            sync_folder(place.parent)
            self._path = place
            with open(place, "rb") as file:
                self._content.open(file)


class _Content:
    """The bytes of a file and the ids in it."""

    def __init__(self, file: IO[bytes], header: Header, in_memory: int) -> None:
        self._in_memory = in_memory
        self._type, self._size = header.id_type, START + sum(header.sizes)
        self._count = header.training_tokens + header.held_out_tokens
        self.open(file)

    def open(self, file: IO[bytes]) -> None:
        """Read or map a file, which may be closed then."""
        file.seek(0)
        self._touched = 0
        self._data: bytes | mmap.mmap = (
            file.read() if self._size <= self._in_memory else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        )
        self._ids: NDArray[Any] = np.frombuffer(self._data, self._type, self._count, START)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Ids by their places in the file."""
        if not isinstance(self._data, mmap.mmap):
            return self._ids[start:stop]
        ids = self._ids[start:stop].copy()  # now, while their pages are there
        self._give_back((stop - start) * self._type.itemsize)
        return ids

    def _give_back(self, size: int) -> None:
        """Note that so many bytes were read, and let go of what was: the system keeps it, and it is ours no more.

        Mapped pages count as memory of a process from the first read on.
        """
        self._touched += size + NEAR
        if self._touched > TOUCHED and isinstance(self._data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self._data.madvise(mmap.MADV_DONTNEED)
            self._touched = 0

    def copy(self, place: Path) -> None:
        """Write all of it into a new file. Raises OSError."""
        with open(place, "xb") as copy:
            for first in range(0, self._size, BLOCK):
                copy.write(self._data[first : first + BLOCK])
                self._give_back(BLOCK)
            copy.flush()
            os.fsync(copy.fileno())


class _Slices:
    """The ids of a part of a file."""

    def __init__(self, content: _Content, first: int) -> None:
        self._content, self._first = content, first

    def __getitem__(self, places: slice) -> NDArray[Any]:
        return self._content.read(self._first + places.start, self._first + places.stop)


def read_ids(path: Path, key: str, in_memory: int = IN_MEMORY) -> IdsFile | None:
    """Open a file of ids, if there is one there that was made of what the key says.

    Raises InputError where it is damaged.
    """
    if not path.is_file():
        return None
    with reading(path), open(path, "rb") as file:
        header = _header(path, file.read(START))
        if header.key != key:
            return None
        _check(path, file, header)
        return IdsFile(file, header, path, in_memory)


def is_ids_file(path: Path) -> bool:
    """Whether a file of ids is there, of whatever text."""
    refuse_special(path)
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(START).startswith(json.dumps({"format": FORMAT})[:-1].encode())
    return False


def _header(path: Path, beginning: bytes) -> Header:
    try:
        stored = parse_json(beginning)
    except ValueError as error:
        raise InputError(f"{path} is damaged: expected JSON in its first line, but {error}") from None
    if not isinstance(stored, dict):
        raise InputError(f"{path} is damaged: expected a JSON object in its first line")
    check_format(path, stored, FORMAT, VERSION)
    return from_json(Header, stored.get("header"), f"{path}: header")


def _check(path: Path, file: IO[bytes], header: Header) -> None:
    """Refuse a file that is not what its header says: read whole, but never held whole."""
    size, found = START + sum(header.sizes), os.fstat(file.fileno()).st_size
    if size != found:
        raise InputError(f"{path} is damaged: expected {size:,} bytes, found {found:,}")
    digest, left = header.digest(), header.sizes[0]
    while left:
        block = file.read(min(BLOCK, left))
        digest.update(block)
        left -= len(block)
        if not block or np.frombuffer(block, header.id_type).max() >= header.pieces:
            raise InputError(f"{path} is damaged: it has an id outside its vocabulary of {header.pieces:,} pieces")
    lengths = np.frombuffer(rest := file.read(), header.length_type, header.training + header.held_out)
    digest.update(rest)
    totals = [part.sum(dtype=np.int64) for part in np.split(lengths, [header.training])]
    if not lengths.all() or totals != [header.training_tokens, header.held_out_tokens]:
        raise InputError(f"{path} is damaged: its lengths are not those of its ids")
    if digest.hexdigest() != header.sha256:
        raise InputError(f"{path} is damaged: its content is not the one that its sha256 is of")


def _linked(path: Path, beside: Path) -> bool:
    """Make another name of a file; False where the disk has no such thing, or the file is gone."""
    try:
        os.link(path, beside)
    except OSError:
        return False
    return True
