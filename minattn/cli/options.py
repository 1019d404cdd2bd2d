"""The options that several commands have, the texts that they are given, and what they print for programs."""

import argparse
import itertools
import json
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ..errors import InputError, did_you_mean
from ..parallel import MOST_THREADS, cores
from ..runs import read_at_most
from ..terminal import labelled, print_wrapped


class HelpFormatter(argparse.HelpFormatter):
    """Keeps the lines of a description and of examples, and wraps those that the terminal has no room for."""

    def __init__(self, prog: str, *arguments: Any, **options: Any) -> None:
        super().__init__(prog, *arguments, **options)
        self._action_max_length = 15  # the longest command with its indent, which argparse counts too low

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        starts = (re.match(" *", line)[0] for line in text.splitlines())  # type: ignore[index]
        lines = zip(starts, text.splitlines(), strict=True)
        return "\n".join(part for start, line in lines for part in labelled(indent + start, line.strip(), width))


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, and what was probably meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # type: ignore[override, unused-ignore]
        """As argparse does it, and remember what was given."""
        self._given = [str(word) for word in args or ()]
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise InputError with the message."""
        # A mistyped option leaves its value over, and argparse complains of that, or of what is then missing.
        choice = re.fullmatch(r"(.*invalid choice: '(.*)') \(choose from (.*)\)", message, re.DOTALL)
        end = self._given.index(choice[2]) if choice and "COMMAND" in message and choice[2] in self._given else None
        if (end or "are required" in message) and (unknown := self._unknown_option(self._given[:end])):
            message, choice = f"unrecognized arguments: {unknown}", None
        meant = ""
        if choice:
            meant = did_you_mean(choice[2], re.findall(r"[\w-]+", choice[3]))
            message = choice[1] if meant else message
        elif option := re.search(r"unrecognized arguments: .*?(--[\w-]+)", message):
            meant = did_you_mean(option[1], self._option_string_actions)
        raise InputError(f"{message}{meant} See {self.prog} --help" if meant else f"{message}; see {self.prog} --help")

    def _unknown_option(self, words: Sequence[str]) -> str | None:
        """The first of the words that is an option of another name; the beginning of a name stands for it."""
        names = [word.partition("=")[0] for word in itertools.takewhile(lambda word: word != "--", words)]
        known = tuple(self._option_string_actions)
        return next((name for name in names if name[:2] == "--" and not any(k.startswith(name) for k in known)), None)


def add_usual(parser: argparse.ArgumentParser, json: str, textbook: bool = True, threads: bool = False) -> None:
    """Add --json, which prints something for programs, --textbook, in which the whole command runs, and --threads."""
    if threads:
        parser.add_argument("--threads", type=int, metavar="N", help=f"threads that share the work ({cores()})")
    if textbook:
        about = "run each op as its file reads, without fast kernels"
        parser.add_argument("--textbook", action="store_true", help=about)
    parser.add_argument("--json", action="store_true", help=f"print {json} as JSON")


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add FOLDER and --truncate, for a command that gives texts to a pretrained model."""
    parser.add_argument("folder", metavar="FOLDER", help="a folder with a pretrained model, or a fine-tuning run")
    parser.add_argument("--truncate", action="store_true", help="use the beginning of a text that is too long")


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
        return read_at_most(sys.stdin.buffer, "standard input").decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"standard input must be UTF-8 text, but byte {error.start} is not; save it as UTF-8"
        ) from None


def report(line: str) -> None:
    """Say something beside the result: on standard error."""
    print_wrapped(line, stream=sys.stderr)


def print_json(value: object, indent: int | None = 1) -> None:
    """Print a value for programs."""
    print(json.dumps(value, indent=indent, ensure_ascii=False))


def print_blank(best: list[tuple[str, float]]) -> None:
    """Print the likeliest tokens for a blank with their probabilities."""
    print_wrapped(", ".join(f"{token} {probability:.1%}" for token, probability in best), "blank: ")
