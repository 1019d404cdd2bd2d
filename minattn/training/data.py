"""From a text file to token ids, in two parts: one to train on, one held out."""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from ..errors import InputError
from ..runs import TEXT
from ..text import Piece, WordPiece, cut, pieces_of, read_content, read_pieces, shipped, split_pieces

READERS = {"en": "reader.en.txt", "zh": "reader.zh.txt"}
VOCAB_SIZE = 1000
"""Pieces of a vocabulary unless another number is asked for; with more, some are too rare to be learned in a minute."""

HELD_BACK = 100
"""The most sentences that are held back from training; with more, scoring them would cost more than it tells."""


@dataclass(frozen=True)
class TextFile:
    """The text of a run, as config.json remembers it, and the sha256 of its bytes.

    name: "en", "zh", a whole path, or "text.txt" for the file of this name in the run's own folder
    """

    name: str
    sha256: str


@dataclass(frozen=True)
class Text:
    """A text that was read, once: it may have come through a pipe.

    name: what the user calls it. path: where it is; content: its bytes
    """

    name: str
    path: Path
    content: bytes

    @classmethod
    def read(cls, name: str) -> Self:
        """The text that a user means. Raises InputError where it cannot be read."""
        path = find_text(name)
        return cls(name, path, read_content(path))

    @cached_property
    def pieces(self) -> list[Piece]:
        """What it says. Raises InputError for what is no text."""
        return pieces_of(self.content, self.path)

    @property
    def is_shipped(self) -> bool:
        """Whether it is one of READERS."""
        return self.name in READERS and self.path == shipped(READERS[self.name])

    @property
    def is_lasting(self) -> bool:
        """Whether it can be read again: it is a file, and neither a pipe nor one that nobody can find any more."""
        return self.path.resolve().is_file()

    @property
    def remembered(self) -> TextFile:
        """What a run remembers of it, so that it is found again from any folder."""
        name = self.name if self.is_shipped else str(self.path.resolve()) if self.is_lasting else TEXT
        return TextFile(name, hashlib.sha256(self.content).hexdigest())


@dataclass(frozen=True)
class Data:
    """A text, tokenized.

    training, held_out: sentences as lists of ids with [CLS] and [SEP]; split by piece
    tokens: how many ids the training part has; cut: how many sentences were longer than the model's positions
    unknown: how many tokens of both parts are [UNK], which nothing can give back
    repeated: how many sentences are in neither, for they could be held out but are in the training part as well
    """

    tokenizer: WordPiece
    training: list[list[int]]
    held_out: list[list[int]]
    tokens: int
    cut: int
    unknown: int = 0
    repeated: int = 0


def find_text(name: str) -> Path:
    """The file that a user means: a path, "-" for standard input, or "en" or "zh" for a shipped reader."""
    if name == "-":
        return Path("/dev/stdin")
    return shipped(READERS[name]) if name in READERS and not Path(name).is_file() else Path(name)


def choose_tokenizer(text: Text, vocab_size: int | None) -> WordPiece:
    """The shipped vocabulary for a shipped reader, unless another size is wanted; else one made from the text."""
    if vocab_size is None and text.is_shipped:
        return WordPiece.load(shipped(f"{text.name}/tokenizer.json"))
    sentences = [sentence for piece in text.pieces for sentence in piece.sentences]
    return WordPiece.train(sentences, VOCAB_SIZE if vocab_size is None else vocab_size, grows=vocab_size is None)


def split_text(text: Text | str | os.PathLike[str]) -> tuple[list[Piece], list[Piece], int]:
    """A text, or that of a file, in two parts, to train on and to hold out, and how many sentences are in neither.

    Raises InputError, naming the file, where it cannot be divided.
    """
    pieces = text.pieces if isinstance(text, Text) else read_pieces(text)
    try:
        parts = split_pieces(pieces)
    except InputError as error:
        raise InputError(f"{text.path if isinstance(text, Text) else text}: {error}") from None
    total, *counts = (sum(len(piece.sentences) for piece in part) for part in (pieces, *parts))
    return *parts, total - sum(counts)


def load_data(text: Text | str | os.PathLike[str], tokenizer: WordPiece, max_tokens: int) -> Data:
    """Split and tokenize a text, or that of a file; what is longer than max_tokens is cut into windows, nothing lost.

    Raises InputError for a text that cannot be read or has nothing to hold out.
    """
    training_pieces, held_out_pieces, repeated = split_text(text)
    encoded = [
        tokenizer.encode_batch(sentence for piece in part for sentence in piece.sentences)
        for part in (training_pieces, held_out_pieces)
    ]
    if not encoded[1]:
        path = text.path if isinstance(text, Text) else text
        raise InputError(f"{path}: every sentence that could be held out is also in the training part; give more text")
    training, held_out = ([window for ids in part for window in cut(ids, max_tokens)] for part in encoded)
    too_long = sum(len(ids) > max_tokens for part in encoded for ids in part)
    unknown = sum(ids.count(tokenizer.unk_id) for part in encoded for ids in part)
    return Data(tokenizer, training, held_out, sum(map(len, training)), too_long, unknown, repeated)


def hold_back(training: list[list[int]], at_least: int) -> tuple[list[list[int]], list[list[int]]]:
    """Divide the training part into what is learned and what is held back, to find the best step by it.

    A tenth is held back, at most HELD_BACK sentences, evenly spread, and none that is there twice.

    at_least: how many sentences must be learned
    """
    times = Counter(map(tuple, training))
    once = [i for i, ids in enumerate(training) if times[tuple(ids)] == 1]
    count = max(min(len(training) // 10, HELD_BACK, len(once), len(training) - at_least), 0)
    chosen = {once[(2 * i + 1) * len(once) // (2 * count)] for i in range(count)}
    learned = [ids for i, ids in enumerate(training) if i not in chosen]
    return learned, [training[i] for i in sorted(chosen)]
