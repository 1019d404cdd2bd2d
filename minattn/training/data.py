"""From a text file to token ids, in two parts: one to train on, one held out."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..runs import read_bytes
from ..text import WordPiece, cut, read_pieces, shipped, split_pieces

READERS = {"en": "reader.en.txt", "zh": "reader.zh.txt"}
VOCAB_SIZE = 1000
"""Pieces of a vocabulary unless another number is asked for; with more, some are too rare to be learned in a minute."""


HELD_BACK = 100
"""The most sentences that are held back from training; with more, scoring them would cost more than it tells."""


@dataclass(frozen=True)
class TextFile:
    """The text of a run, as config.json remembers it: "en", "zh" or a whole path, and the sha256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Data:
    """A text, tokenized.

    training, held_out: sentences as lists of ids with [CLS] and [SEP]; split by piece
    tokens: how many ids the training part has; cut: how many sentences were longer than the model's positions
    unknown: how many tokens of both parts are [UNK], which nothing can give back
    """

    tokenizer: WordPiece
    training: list[list[int]]
    held_out: list[list[int]]
    tokens: int
    cut: int
    unknown: int = 0


def find_text(name: str) -> Path:
    """The file that a user means: a path, or "en" or "zh" for a shipped reader."""
    return shipped(READERS[name]) if name in READERS and not Path(name).is_file() else Path(name)


def remember_text(name: str, text: Path) -> TextFile:
    """What to remember of the text that a user called `name`, so that it is found again from any folder."""
    return TextFile(name if _is_shipped(name, text) else str(text.resolve()), fingerprint(text))


def fingerprint(text: Path) -> str:
    """The sha256 of a text file. Raises InputError if it is missing."""
    return hashlib.sha256(read_bytes(text)).hexdigest()


def choose_tokenizer(name: str, text: Path, vocab_size: int | None) -> WordPiece:
    """The shipped vocabulary for a shipped reader, unless another size is wanted; else one made from the text."""
    if vocab_size is None and _is_shipped(name, text):
        return WordPiece.load(shipped(f"{name}/tokenizer.json"))
    sentences = [sentence for piece in read_pieces(text) for sentence in piece.sentences]
    return WordPiece.train(sentences, VOCAB_SIZE if vocab_size is None else vocab_size)


def load_data(text: Path, tokenizer: WordPiece, max_tokens: int) -> Data:
    """Read, split and tokenize a text; what is longer than max_tokens is cut into windows, nothing is lost.

    Raises InputError for a text that cannot be read or has nothing to hold out.
    """
    training_pieces, held_out_pieces = split_pieces(read_pieces(text))
    encoded = [
        tokenizer.encode_batch(sentence for piece in pieces for sentence in piece.sentences)
        for pieces in (training_pieces, held_out_pieces)
    ]
    if not encoded[1]:
        raise InputError(f"{text}: every sentence that could be held out is also in the training part; give more text")
    training, held_out = ([window for ids in part for window in cut(ids, max_tokens)] for part in encoded)
    too_long = sum(len(ids) > max_tokens for part in encoded for ids in part)
    unknown = sum(ids.count(tokenizer.unk_id) for part in encoded for ids in part)
    return Data(tokenizer, training, held_out, sum(map(len, training)), too_long, unknown)


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


def _is_shipped(name: str, text: Path) -> bool:
    return name in READERS and text == shipped(READERS[name])
