"""From a text file to token ids, in two parts: one to train on, one held out."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..text import WordPiece, cut, read_pieces, shipped, split_pieces

READERS = {"en": "reader.en.txt", "zh": "reader.zh.txt"}


@dataclass(frozen=True)
class Data:
    """A text, tokenized.

    training, held_out: sentences as lists of ids with [CLS] and [SEP]; split by piece
    tokens: how many ids the training part has; cut: how many sentences were longer than the model's positions
    """

    tokenizer: WordPiece
    training: list[list[int]]
    held_out: list[list[int]]
    tokens: int
    cut: int


def find_text(name: str) -> Path:
    """The file that a user means: a path, or "en" or "zh" for a shipped reader."""
    return shipped(READERS[name]) if name in READERS and not Path(name).exists() else Path(name)


def fingerprint(text: Path) -> str:
    """The sha256 of a text file."""
    return hashlib.sha256(text.read_bytes()).hexdigest()


def choose_tokenizer(name: str, text: Path, vocab_size: int | None) -> WordPiece:
    """The shipped vocabulary for a shipped reader, unless another size is wanted; else one made from the text."""
    if vocab_size is None and name in READERS and text == shipped(READERS[name]):
        return WordPiece.load(shipped(f"{name}/tokenizer.json"))
    sentences = [sentence for piece in read_pieces(text) for sentence in piece.sentences]
    return WordPiece.train(sentences, vocab_size or 2000)


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
        raise InputError(
            f"{text}: every sentence that could be held out is also in the training part; give more text"
        )
    training, held_out = ([window for ids in part for window in cut(ids, max_tokens)] for part in encoded)
    too_long = sum(len(ids) > max_tokens for part in encoded for ids in part)
    return Data(tokenizer, training, held_out, sum(map(len, training)), too_long)
