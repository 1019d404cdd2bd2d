"""The command `minattn`: finds the file of the command that was typed, runs it, and says in a sentence what failed."""

import argparse
import contextlib
import errno
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from .. import __version__, textbook
from ..errors import InputError, RunError
from ..terminal import Stopped, ended, print_wrapped
from .options import HelpFormatter, Parser

COMMANDS = {
    "train": "train a model to restore text, and show what it learned",
    "reconstruct": "give a trained model a sentence and see what comes back",
    "vocab": "make a WordPiece vocabulary from a text",
    "show": "click every number of a training step, on a page",
    "info": "show what is in a run",
    "check": "check a backward pass and say what is wrong with it",
    "learn": "exercises: write backward passes, be told what is wrong",
    "embed": "vectors of texts by a pretrained encoder, compared",
    "deembed": "map an encoder's vectors back to tokens, layer by layer",
    "fill": "fill the blanks of a text by a pretrained masked-LM model",
}
"""What each command is for. The file of its name has its EXAMPLES, add_NAME(parser) and run_NAME(options)."""

HINT = "minattn COMMAND --help shows its options"
EXAMPLE = """example:
  minattn train
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns the exit code: 0 fine, 1 it failed on the way, 2 wrong usage or input, 130, 143 or 129 ended by a signal.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if "--mpi" not in arguments:
        return _run_and_say(arguments)
    return _run_on_ranks(arguments)


def _run_on_ranks(arguments: Sequence[str]) -> int:
    """Run a command on the ranks of an MPI job: rank 0 runs it, the others do what it asks of them, all end alike."""
    from ..parallel import join, launched

    if launched()[0]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for rank 0, which gets it too
    try:
        ranks = join()
    except InputError as error:
        return 2 if launched()[0] else _fail(error, 2)
    if ranks.rank:
        from ..pretrained import finetune  # noqa: F401 - enters the kinds of model that it can train
        from ..training.trainer import crew_of

        return ranks.follow(crew_of)
    code = 1
    try:
        code = _run_and_say(arguments)
    finally:
        ended()
        ranks.end(code)
    return code


def _run_and_say(arguments: Sequence[str]) -> int:
    """Run a command, and say in a sentence what failed."""
    code = 0
    try:
        _prepare_streams()
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except InputError as error:
        return _fail(error, 2)
    except (RunError, FloatingPointError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt as error:
        stopped = error if isinstance(error, Stopped) else Stopped()
        return _fail(stopped, stopped.code)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        _drop_output()
        return 1
    except OSError as error:
        _drop_output()
        if code > 128:  # a signal ended the command, perhaps because the terminal was closed
            return code
        code = 2 if error.errno == errno.ENAMETOOLONG else 1
        return _fail(f"{error.filename or 'the output'}: {error.strerror or error}", code)
    except MemoryError:
        return _fail("not enough memory; try a smaller --width, --batch or --vocab-size", 1)


def parser(name: str | None) -> Parser:
    """All commands, with the options of the named one: only its file is imported."""
    about = "Train a self-attention model from text back to the same text, in NumPy"
    top = Parser(prog="minattn", **_texts(about, EXAMPLE))
    top.add_argument("--version", action="version", version=f"minattn {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", title="commands", required=True, help=HINT)
    for command, purpose in COMMANDS.items():
        if command != name:
            commands.add_parser(command, help=purpose)
            continue
        module = importlib.import_module(f".{command}", __package__)
        chosen = commands.add_parser(command, help=purpose, **_texts(purpose, module.EXAMPLES))
        chosen.set_defaults(run_command=getattr(module, f"run_{command}"), parser=chosen)
        getattr(module, f"add_{command}")(chosen)
    return top


def _texts(purpose: str, examples: str) -> dict[str, Any]:
    """What --help says before the options and after them."""
    description = f"{purpose[0].upper()}{purpose[1:]}."
    return {"description": description, "epilog": examples, "formatter_class": HelpFormatter}


def _run(arguments: Sequence[str]) -> int:
    top = parser(next((word for word in arguments if not word.startswith("-")), None))
    if not arguments:
        top.print_help()
        return 0
    try:
        options, rest = top.parse_known_args(arguments)
    except SystemExit as stopped:  # --help and --version
        return stopped.code if isinstance(stopped.code, int) else 1
    _take_texts(options, rest)
    for name, value in vars(options).items():
        if isinstance(value, str) and not value:  # as an unset variable of a shell leaves it
            options.parser.error(f"{name} is empty")
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                try:
                    text.encode()
                except UnicodeEncodeError:
                    raise InputError(f"{name} must be UTF-8, got {text!a}") from None
    with textbook() if getattr(options, "textbook", False) else contextlib.nullcontext():
        code: int = options.run_command(options)
    return code


def _take_texts(options: argparse.Namespace, rest: list[str]) -> None:
    """Take texts that argparse leaves over, because an option stands before them; refuse anything else."""
    are_options = any(word.startswith("-") and word != "-" for word in rest)
    if rest and not are_options:
        if "texts" in options:
            options.texts += rest
            return
        if getattr(options, "text", "") is None:
            options.text, *rest = rest
    if rest:
        hint = "" if are_options else "; what has spaces in it needs quotes"
        options.parser.error(f"unrecognized arguments: {' '.join(rest)}{hint}")


def _prepare_streams() -> None:
    """Let a stream that is closed, as by `>&-`, go nowhere, and characters that a terminal lacks be shown escaped."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Let what no one takes go nowhere, so that Python does not complain at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(error: object, code: int) -> int:
    ended()
    # What a user's text or file brought along into the message moves no cursor.
    said = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(InputError(error)))
    message = f"minattn: {''.join(said)}"
    with contextlib.suppress(OSError):  # nobody takes that either
        if sys.stderr.isatty():
            print_wrapped(message, stream=sys.stderr)
        else:  # one line, whatever COLUMNS says
            print(message, file=sys.stderr)
    _drop_output()
    return code
