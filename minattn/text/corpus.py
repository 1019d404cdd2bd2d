"""From a text file to pieces of sentences, and from pieces to what is trained on and what is held out.

The file is plain UTF-8: blank lines separate pieces, a first line `# Title` names one, and a line holds one
sentence or more.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError
from ..runs import read_at_most, similar_path
from .dividing import choose_held_out, text_keys
from .parsing import parts_of, piece_sizes


@dataclass(frozen=True)
class Piece:
    """A few sentences that belong together; title is "" where the text names none."""

    title: str
    sentences: tuple[str, ...]


def read_pieces(path: str | PathLike[str]) -> list[Piece]:
    """Read a text file as pieces of sentences.

    path: any UTF-8 text file
    Returns at least one piece, none of them empty; what has no letter or digit (a row of stars) is left out.
    Raises InputError when there is no such file, or it is a folder, too large, not UTF-8, or without a sentence.
    """
    return pieces_of(read_content(Path(path)), path)


def pieces_of(content: bytes, path: str | PathLike[str]) -> list[Piece]:
    """The same for a text that was read from a path already."""
    titles: list[str] = []
    sizes: list[int] = []
    sentences: list[str] = []
    for part in parts_of([content], path):
        if part.begins:
            titles.append(part.title)
            sizes.append(0)
        sizes[-1] += len(part.sentences)
        sentences += part.sentences
    if not sizes:
        raise no_sentences(path)
    made, counts = piece_sizes(np.array(sizes))
    rest = iter(sentences)
    return [
        Piece(title, tuple(islice(rest, size)))
        for title, size in zip(np.repeat(np.array(titles, object), counts).tolist(), made.tolist(), strict=True)
    ]


def no_sentences(path: str | PathLike[str]) -> InputError:
    """The error for a text in which there are none."""
    return InputError(f"{path}: expected sentences, found none; put plain text into the file")


def split_pieces(pieces: Sequence[Piece], share: float = 0.1, seed: int = 0) -> tuple[list[Piece], list[Piece]]:
    """Divide pieces into those to train on and those to hold out, the same way for the same seed.

    pieces: two or more
    share: the part of the pieces to hold out, between 0 and 1
    seed: 0 or more
    Returns (training, held out), both in the order of the text, at least one piece each. A held-out sentence
    that is also in training, in whatever case, is left out, because a model could have it by heart.
    Raises InputError when the pieces cannot be divided so.
    """
    keys = text_keys(sentence for piece in pieces for sentence in piece.sentences)
    sizes = np.array([len(piece.sentences) for piece in pieces], dtype=np.int64)
    held, known = choose_held_out(lambda: iter([keys]), sizes, share, seed)
    is_known = iter(known.tolist())
    kept = [Piece(piece.title, tuple(s for s in piece.sentences if not next(is_known))) for piece in pieces]
    return (
        [piece for piece, is_held in zip(kept, held, strict=True) if not is_held],
        [piece for piece, is_held in zip(kept, held, strict=True) if is_held],
    )


def shipped(name: str, package: Path | None = None) -> Path:
    """Find a file of the shipped `vocab` folder, in an installed package as in a checkout.

    name: such as "reader.en.txt" or "en/tokenizer.json"; package: the folder of minattn, unless this one
    Raises InputError when there is none of that name; it lists those that there are.
    """
    package = Path(__file__).resolve().parents[1] if package is None else package
    # Beside an installed package, `vocab` could be anybody's, so the package's own folder comes first.
    folder = package / "vocab" if (package / "vocab").is_dir() else package.parent / "vocab"
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    if name not in files:
        raise InputError(f"{name}: expected the name of a shipped file, one of {', '.join(files) or 'none'}")
    return files[name]


def read_content(path: Path) -> bytes:
    """Read a text file, or a pipe, which can be read but once. Raises InputError, also for what is too large."""
    with open_text(path) as file:
        return read_at_most(file, path)


@contextlib.contextmanager
def open_text(path: Path) -> Iterator[BinaryIO]:
    """Open a text file or a pipe. Raises InputError where that or a read inside the `with` fails."""
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError:
        remedy = similar_path(path) or "; check the path"
        raise InputError(f"{path}: expected a text file, found nothing there{remedy}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: expected a text file, found a folder; name a file in it") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InputError(f"{path}: expected a text file, but it cannot be read: {error}") from None
