"""From a text file to token ids, in two parts: one to train on, one held out."""

import contextlib
import ctypes
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, TextIO

from ..errors import InputError
from ..runs import IDS, TEXT, naming, read_at_most
from ..terminal import Count, print_wrapped
from ..text import (
    IdsFile,
    Sentences,
    TextPart,
    WordPiece,
    decoded,
    ids_key,
    make_ids,
    nearest_folder,
    no_sentences,
    open_text,
    parts_of,
    read_ids,
    shipped,
)

READERS = {"en": "reader.en.txt", "zh": "reader.zh.txt"}
VOCAB_SIZE = 1000
"""Pieces of a vocabulary unless another number is asked for; with more, some are too rare to be learned in a minute."""

SAMPLE, SAMPLE_PARTS = 1 << 24, 256
"""The most bytes of a text from which a vocabulary is learned, and from how many places of it where it has more."""

BLOCK = 1 << 20
"""Bytes that are read at a time."""

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
    """A text that can be read as often as one likes, though it may have come through a pipe.

    name: what the user calls it. path: where it is
    size, sha256: of its bytes; content: these, where they came through a pipe
    """

    name: str
    path: Path
    size: int
    sha256: str
    content: bytes | None = None

    @classmethod
    def read(cls, name: str) -> Self:
        """The text that a user means. Raises InputError where it cannot be read, is empty or not UTF-8."""
        return cls.at(find_text(name), name)

    @classmethod
    def at(cls, path: Path, name: str) -> Self:
        """The text at a path. Raises InputError likewise."""
        with open_text(path) as file:
            is_file = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            content = None if is_file else read_at_most(file, path)
            digest, size = hashlib.sha256(), 0
            blocks = iter(partial(file.read, BLOCK), b"") if content is None else iter([content])

            def counted() -> Iterator[bytes]:
                nonlocal size
                for block in blocks:
                    digest.update(block)
                    size += len(block)
                    yield block

            for _ in decoded(counted(), path):
                pass
        return cls(name, path, size, digest.hexdigest(), content)

    def parts(self, progress: Callable[[int], object] = lambda done: None) -> Iterator[TextPart]:
        """What it says, from the first sentence to the last.

        progress: is told how many bytes were read
        Raises InputError where it cannot be read, or is not what it was when it was read first.
        """
        return parts_of(self._blocks(progress), self.path)

    def _blocks(self, progress: Callable[[int], object]) -> Iterator[bytes]:
        if self.content is not None:
            yield self.content
            return
        digest, done = hashlib.sha256(), 0
        with open_text(self.path) as file:
            while block := file.read(min(BLOCK, self.size + 1 - done)):
                digest.update(block)
                done += len(block)
                yield block
                progress(done)
        if digest.hexdigest() != self.sha256:
            raise InputError(f"{self.path} has changed while it was read; start again when nobody writes to it")

    def sample(self, most: int = SAMPLE, places: int = SAMPLE_PARTS) -> list[str]:
        """Its sentences, or where it has more bytes than `most`, those at places that are evenly spread over it.

        Raises InputError where there are none.
        """
        if self.size <= most:
            parts = self.parts()
        else:
            parts = (part for block in self._sampled(most // places, places) for part in parts_of([block], self.path))
        sentences = [sentence for part in parts for sentence in part.sentences]
        if not sentences:
            raise no_sentences(self.path)
        return sentences

    def _sampled(self, length: int, places: int) -> Iterator[bytes]:
        """Runs of whole lines, or of whole words where a line is longer than what is read."""
        with open_text(self.path) if self.content is None else contextlib.nullcontext() as file:
            for i in range(places):
                first = (self.size - length) * i // (places - 1)
                if file is None:
                    block = (self.content or b"")[first : first + length]
                else:
                    file.seek(first)
                    block = file.read(length)
                edge = b"\n" if block.count(b"\n") > 1 else b" "
                block = block[block.find(edge) + 1 : block.rfind(edge) + 1] or block
                if whole := block.decode(errors="ignore").encode():
                    yield whole

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
        return TextFile(name, self.sha256)


@dataclass(frozen=True)
class Data:
    """A text, tokenized.

    training, held_out: sentences as ids with [CLS] and [SEP]; split by piece
    tokens: how many ids the training part has; cut: how many sentences were longer than the model's positions
    unknown: how many tokens of both parts are [UNK], which nothing can give back
    repeated: how many sentences are in neither, for they could be held out but are in the training part as well
    file: where the ids are, if they are in a file that a run can keep
    """

    tokenizer: WordPiece
    training: Sentences
    held_out: Sentences
    tokens: int
    cut: int
    unknown: int = 0
    repeated: int = 0
    file: IdsFile | None = None


def find_text(name: str) -> Path:
    """The file that a user means: a path, "-" for standard input, or "en" or "zh" for a shipped reader."""
    if name == "-":
        return Path("/dev/stdin")
    return shipped(READERS[name]) if name in READERS and not Path(name).is_file() else Path(name)


def choose_tokenizer(
    text: Text, vocab_size: int | None, say: Callable[[str], object] = lambda line: None, sample: int = SAMPLE
) -> WordPiece:
    """The shipped vocabulary for a shipped reader, unless another size is wanted; else one made from the text.

    say: is told where a part of the text has to do: it has more bytes than `sample`
    """
    if vocab_size is None and text.is_shipped:
        return WordPiece.load(shipped(f"{text.name}/tokenizer.json"))
    if text.size > sample:
        say(f"learning the vocabulary from {sample >> 20} MiB, evenly spread over the text's {text.size >> 20:,} …")
    size = VOCAB_SIZE if vocab_size is None else vocab_size
    tokenizer = WordPiece.train(text.sample(sample), size, grows=vocab_size is None)
    give_back_memory()
    return tokenizer


def give_back_memory() -> None:
    """Give the system what the C library keeps for itself after much was freed, where that is glibc: 200 MB."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def load_data(
    text: Text | str | os.PathLike[str],
    tokenizer: WordPiece,
    max_tokens: int,
    folder: Path | None = None,
    stream: TextIO | None = None,
) -> Data:
    """Split and tokenize a text, or that of a file; what is longer than max_tokens is cut into windows, nothing lost.

    folder: of a run, if there is or will be one: the ids may be there, or in a run beside it, and need not be made then
    stream: where progress goes, and what was found damaged
    Raises InputError for a text that cannot be read or has nothing to hold out, RunError where the disk refuses.
    """
    text = text if isinstance(text, Text) else Text.at(Path(text), str(text))
    key = ids_key(text.sha256, tokenizer.fingerprint, max_tokens)
    file = None if folder is None else find_ids(folder, key, stream)
    if file is None:
        nearest = None if folder is None else nearest_folder(folder)
        with contextlib.ExitStack() as inside:
            progress: Callable[[int], object] = lambda done: None  # noqa: E731
            if stream is not None:
                count = inside.enter_context(Count(max(text.size >> 20, 1), "MiB of text tokenized", stream))
                progress = lambda done: count.show(max(done >> 20, 1))  # noqa: E731
            inside.enter_context(naming(Path(IDS) if folder is None else folder / IDS))
            file = make_ids(text.parts(progress), text.path, tokenizer, max_tokens, key, nearest)
        give_back_memory()
    header = file.header
    counts = header.training_tokens, header.cut, header.unknown, header.repeated
    return Data(tokenizer, file.training, file.held_out, *counts, file)


def find_ids(folder: Path, key: str, stream: TextIO | None = None) -> IdsFile | None:
    """The ids that a run or one beside it has, of what the key says; None where there are none that are whole."""
    try:
        if (own := read_ids(folder / IDS, key)) is not None:
            return own
    except InputError as error:
        if stream is not None:
            print_wrapped(f"{error}; it is made anew", stream=stream)
    with contextlib.suppress(OSError):
        for beside in sorted(folder.absolute().parent.iterdir())[:1000]:
            with contextlib.suppress(InputError, OSError):  # its own training will say what is wrong with it
                if (found := read_ids(beside / IDS, key)) is not None:
                    return found
    return None


def hold_back(training: Sentences, at_least: int) -> tuple[Sentences, list[list[int]]]:
    """Divide the training part into what is learned and what is held back, to find the best step by it.

    A tenth is held back, at most HELD_BACK sentences, evenly spread, and none that is there twice.

    at_least: how many sentences must be learned
    """
    once, total = training.alone(), len(training)
    count = max(min(total // 10, HELD_BACK, len(once), total - at_least), 0)
    chosen = [once[(2 * i + 1) * len(once) // (2 * count)] for i in range(count)]
    return training.without(chosen), [training[i] for i in chosen]
