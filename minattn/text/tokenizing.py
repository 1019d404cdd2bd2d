"""From the sentences of a text to a file of its ids, divided into those to train on and those that are held out.

Nothing here grows with the text but a number for each piece and a bit for each sentence: what else there is for each of
them goes through files without a name, which are gone when the process is.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .batches import cut
from .corpus import no_sentences
from .dividing import choose_held_out, once, row_keys, text_keys
from .ids_file import IN_MEMORY, START, Header, IdsFile
from .parsing import TextPart, piece_sizes
from .wordpiece import WordPiece

TOGETHER = 4096
"""Sentences that are tokenized at a time."""

BLOCK = 1 << 16
"""Sentences that are divided at a time."""

WORDS, LONGEST_WORD = 1 << 18, 24
"""How many words are remembered with their ids, and the characters of the longest of them."""


class WordEncoder:
    """The ids of sentences without [CLS] and [SEP], each word looked up where it was there before.

    A text of many sentences has few words. Where a tokenizer splits at spaces, whatever stands on the other side,
    each word is encoded once, which takes a fraction of the time.
    """

    def __init__(self, tokenizer: WordPiece, id_type: np.dtype[Any], words: int = WORDS) -> None:
        self._tokenizer, self._type, self._most = tokenizer, id_type, words
        self._known: dict[str, bytes] = {}

    def __call__(self, sentences: list[str]) -> tuple[NDArray[Any], NDArray[np.uint32]]:
        """The ids, sentence after sentence, and how many each sentence has (N,)."""
        splits = self._tokenizer.splits_at_spaces
        rows = [sentence.split(" ") if splits else [sentence] for sentence in sentences]
        known = self._known
        new = list({word for row in rows for word in row} - known.keys())
        for word, ids in zip(new, self._tokenizer.encode_words(new), strict=True):
            known[word] = np.array(ids, self._type).tobytes()
        found = [b"".join(map(known.__getitem__, row)) for row in rows]
        is_full = len(known) > self._most
        for word in new:
            if is_full or len(word) > LONGEST_WORD:  # the words that come first are the common ones
                del known[word]
        lengths = np.array([len(row) // self._type.itemsize for row in found], np.uint32)
        return np.frombuffer(b"".join(found), self._type), lengths


class Spool:
    """Numbers of one type, one after the other, in memory or, if they are many, in a file without a name."""

    def __init__(self, dtype: Any, new_file: Callable[[], Any]) -> None:
        self._type, self._file = np.dtype(dtype), new_file()

    def append(self, numbers: NDArray[Any]) -> None:
        """Put numbers behind those that are there."""
        self._file.write(np.ascontiguousarray(numbers, self._type))

    def read(self, count: int) -> NDArray[Any]:
        """The next numbers, after `rewind`."""
        return np.frombuffer(self._file.read(count * self._type.itemsize), self._type)

    def rewind(self) -> None:
        """Read from the first number on."""
        self._file.seek(0)

    def blocks(self, count: int = 16 * BLOCK) -> Iterator[NDArray[Any]]:
        """All numbers, so many at a time."""
        self.rewind()
        while len(block := self.read(count)):
            yield block

    def close(self) -> None:
        """Give the memory or the disk back."""
        self._file.close()


class Tokenized:
    """The bodies of all sentences of a text, in its order, before they are divided."""

    def __init__(
        self,
        parts: Iterable[TextPart],
        path: str | PathLike[str],
        tokenizer: WordPiece,
        id_type: Any,
        new_file: Callable[[], Any],
    ) -> None:
        self.ids, self.lengths, keys = Spool(id_type, new_file), Spool("<u4", new_file), Spool("<u8", new_file)
        sizes = array("q")
        encode = WordEncoder(tokenizer, id_type)
        for sentences in _gathered(parts, sizes):
            ids, lengths = encode(sentences)
            self.ids.append(ids)
            self.lengths.append(lengths)
            keys.append(text_keys(sentences))
        if not sizes:
            raise no_sentences(path)
        pieces = piece_sizes(np.frombuffer(sizes, np.int64))[0]
        try:
            self._held, self._known = choose_held_out(keys.blocks, pieces)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        self._last = np.cumsum(pieces, dtype=np.int64)
        self.repeated = int(self._known.sum())
        keys.close()

    def blocks(self, is_held_out: bool) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
        """Bodies one after the other and their lengths, of one part."""
        self.ids.rewind()
        start = 0
        for block in self.lengths.blocks(BLOCK):
            lengths = block.astype(np.int64)
            ids = self.ids.read(int(lengths.sum()))
            piece = np.searchsorted(self._last, np.arange(start, start + len(lengths)), side="right")
            chosen = (self._held[piece] == is_held_out) & ~self._known[start : start + len(lengths)]
            start += len(lengths)
            yield ids[np.repeat(chosen, lengths)], lengths[chosen]

    def close(self) -> None:
        """Give the disk back."""
        self.ids.close()
        self.lengths.close()


def _gathered(parts: Iterable[TextPart], sizes: array[int]) -> Iterator[list[str]]:
    """Sentences, many at a time; sizes gets the number of each piece."""
    gathered: list[str] = []
    for part in parts:
        if part.begins:
            sizes.append(0)
        sizes[-1] += len(part.sentences)
        gathered += part.sentences
        if len(gathered) >= TOGETHER:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def make_ids(
    parts: Iterable[TextPart],
    path: str | PathLike[str],
    tokenizer: WordPiece,
    longest: int,
    key: str,
    folder: Path | None = None,
    in_memory: int = IN_MEMORY,
) -> IdsFile:
    """Tokenize a text and divide it; what is longer than `longest` ids is cut into windows, nothing lost.

    parts: of the text. path: how an error calls it. key: as `ids_key` gives it
    folder: for files without a name, unless it is small; the system's place for such files unless given
    in_memory: bytes up to which each of these is kept in memory
    Returns the file, which has no name yet.
    Raises InputError for a text that has nothing to hold out; OSError where the disk refuses.
    """
    header = Header(key, tokenizer.vocab_size, longest, 0, 0, 0, 0, 0, 0, 0)
    with contextlib.ExitStack() as files:

        def new_file() -> Any:
            return files.enter_context(
                tempfile.SpooledTemporaryFile(in_memory, dir=None if folder is None else str(folder))
            )

        text = Tokenized(parts, path, tokenizer, header.id_type, new_file)
        file, lengths, keys = new_file(), Spool(header.length_type, new_file), Spool("<u8", new_file)
        file.write(bytes(START))
        frame = tokenizer.cls_id, tokenizer.sep_id
        counts, tokens, too_long, unknown = [0, 0], [0, 0], 0, 0
        for part in (0, 1):
            for bodies, body_lengths in text.blocks(bool(part)):
                too_long += int((body_lengths + 2 > longest).sum())
                unknown += int((bodies == tokenizer.unk_id).sum())
                windows = body_windows(body_lengths, longest)
                ids = framed(bodies, windows, *frame)
                file.write(ids)
                lengths.append(windows + 2)
                counts[part] += len(windows)
                tokens[part] += len(ids)
                if not part:
                    keys.append(row_keys(ids, windows + 2))
        text.close()
        if not counts[1]:
            raise InputError(
                f"{path}: every sentence that could be held out is also in the training part; give more text"
            )
        for block in lengths.blocks():
            file.write(block)
        file.write(np.packbits(once(keys.blocks, counts[0])))
        numbers = counts[0], counts[1], tokens[0], tokens[1], too_long, unknown, text.repeated
        header = Header(key, tokenizer.vocab_size, longest, *numbers)
        digest = header.digest()
        file.seek(START)
        while content := file.read(1 << 20):
            digest.update(content)
        header = replace(header, sha256=digest.hexdigest())
        file.seek(0)
        file.write(header.to_bytes())
        file.flush()
        return IdsFile(file, header, in_memory=in_memory)


def body_windows(lengths: NDArray[np.int64], longest: int) -> NDArray[np.int64]:
    """The lengths of the windows (M,) into which bodies of these lengths (N,) are cut, as `cut` does it."""
    if len(lengths) and lengths.max() + 2 > longest:
        cut([0] * (longest + 1), longest)  # which says what is too short
    counts = np.maximum(-(-lengths // max(longest - 2, 1)), 1)
    origin = np.repeat(np.arange(len(lengths)), counts)
    i = np.arange(len(origin)) - (np.cumsum(counts) - counts)[origin]
    total, count = lengths[origin], counts[origin]
    windows: NDArray[np.int64] = total * (i + 1) // count - total * i // count
    return windows


def framed(bodies: NDArray[Any], windows: NDArray[np.int64], cls_id: int, sep_id: int) -> NDArray[Any]:
    """Bodies, cut into windows of these lengths, with [CLS] before and [SEP] after each, one after the other."""
    ends = np.cumsum(windows + 2)
    ids = np.empty(int(ends[-1]) if len(ends) else 0, bodies.dtype)
    is_body = np.ones(len(ids), np.bool_)
    starts = ends - windows - 2
    is_body[starts] = is_body[ends - 1] = False
    ids[is_body] = bodies
    ids[starts], ids[ends - 1] = cls_id, sep_id
    return ids


def nearest_folder(folder: Path) -> Path:
    """A folder, or the one nearest above it that is there: on the same disk."""
    return next(place for place in (folder, *folder.absolute().parents) if os.path.isdir(place))
