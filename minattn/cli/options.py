"""The options that several commands have, the texts that they are given, and what they print for programs."""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

from ..errors import InputError
from ..parallel import MOST_THREADS, cores
from ..terminal import print_wrapped


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, and what was probably meant."""

    def error(self, message: str) -> NoReturn:
        """Raise InputError with the message."""
        wrong, words = message, []
        if choice := re.fullmatch(r"(.*invalid choice: '(.*)') \(choose from (.*)\)", message, re.DOTALL):
            wrong, words = choice[1], similar(choice[2], re.findall(r"[\w-]+", choice[3]))
        elif option := re.search(r"unrecognized arguments: .*?(--[\w-]+)", message):
            words = similar(option[1], self._option_string_actions)
        if words:
            raise InputError(f"{wrong}; did you mean {words[0]}? See {self.prog} --help")
        raise InputError(f"{message}; see {self.prog} --help")


def similar(word: str, known: Iterable[str]) -> list[str]:
    """Those of the known words that are spelt nearly like a word, the likest first.

    >>> similar("trian", ["train", "check", "fill"])
    ['train']
    """
    return difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --json: print something for programs instead of for people."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON")


def add_textbook(parser: argparse.ArgumentParser) -> None:
    """Add --textbook, inside which the whole command then runs."""
    parser.add_argument("--textbook", action="store_true", help="run each op as its file reads, without fast kernels")


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add FOLDER and --truncate, for a command that gives texts to a pretrained model."""
    parser.add_argument("folder", metavar="FOLDER", help="a folder with a pretrained model, or a fine-tuning run")
    parser.add_argument("--truncate", action="store_true", help="use the beginning of a text that is too long")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --threads."""
    parser.add_argument("--threads", type=int, metavar="N", help=f"threads that share the work ({cores()})")


def threads_of(options: argparse.Namespace) -> int:
    """How many threads were asked for: a number of at least 1."""
    count: int = cores() if options.threads is None else options.threads
    if not 1 <= count <= MOST_THREADS:
        limit = "at least 1" if count < 1 else f"at most {MOST_THREADS:,}"
        raise InputError(f"--threads must be {limit}, got {count}")
    return count


def read_texts(given: Sequence[str]) -> list[str]:
    """The texts, with the lines of standard input in the place of `-`. Raises InputError for a blank line."""
    texts: list[str] = []
    for text in given:
        if text != "-":
            texts.append(text)
            continue
        content = read_text(text)
        lines = content.removesuffix("\n").split("\n") if content else []
        if blank := [i for i, line in enumerate(lines, 1) if not line.strip()]:
            raise InputError(f"line {blank[0]:,} of standard input is blank; each line is a text, leave it out")
        texts += lines
    if not texts:
        raise InputError("there are no texts: standard input is empty")
    return texts


def read_text(given: str) -> str:
    """The text, or all of standard input for `-`. Raises InputError for what is not UTF-8."""
    if given != "-":
        return given
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"standard input must be UTF-8 text, but byte {error.start} is not; save it as UTF-8"
        ) from None


def report(line: str) -> None:
    """Say something beside the result: on standard error."""
    print(line, file=sys.stderr, flush=True)


def print_json(value: object, indent: int | None = 1) -> None:
    """Print a value for programs."""
    print(json.dumps(value, indent=indent, ensure_ascii=False))


def print_blank(best: list[tuple[str, float]]) -> None:
    """Print the likeliest tokens for a blank with their probabilities."""
    print_wrapped(", ".join(f"{token} {probability:.1%}" for token, probability in best), "blank: ")
