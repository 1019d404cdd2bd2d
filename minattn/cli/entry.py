"""The command line: parses, calls, prints."""

import argparse
import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .. import __version__
from ..errors import InputError, RunError
from ..terminal import print_table
from .encoders import COMMANDS as ENCODER_COMMANDS
from .encoders import EXAMPLES as ENCODER_EXAMPLES
from .learn_parser import EXAMPLES as LEARN_EXAMPLES
from .learn_parser import add_learn, run_learn
from .train import EXAMPLES as TRAIN_EXAMPLES
from .train import add_train, run_train

EXAMPLES = {
    "": """example:
  minattn train && minattn reconstruct "The old [MASK] slept by the fire."

minattn COMMAND --help shows the options of a command, with examples.""",
    "train": TRAIN_EXAMPLES,
    "reconstruct": """examples:
  minattn reconstruct "The old [MASK] slept by the fire."
  minattn reconstruct "She opened the [MASK]." --run runs/mine --json""",
    "vocab": """example:
  minattn vocab my.txt --size 1000 --out my-vocab""",
    "info": """examples:
  minattn info runs/mine
  minattn info runs/mine --json""",
    "check": """examples:
  minattn check                        every op of minattn, a line each
  minattn check softmax                one of them, by its name
  minattn check mine.py                forward(*inputs) and backward(upstream, *inputs) in a file of your own
  minattn check mine.py:Softmax        a class in it, or softmax_forward and softmax_backward by mine.py:softmax

The file says on which inputs: inputs = (array, array), or like = "softmax" for those of a registered op, whose
mistakes are then looked for too. Exit code 0: right; 1: wrong, or not proven; 2: nothing that can be checked.""",
    "learn": LEARN_EXAMPLES,
    **ENCODER_EXAMPLES,
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")


def parser() -> Parser:
    """The commands and their options."""
    top = Parser(
        prog="minattn",
        description="Train a self-attention model from text back to the same text, in NumPy.",
        epilog=EXAMPLES[""],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"minattn {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=run, parser=sub)
        return sub

    add_train(command("train", run_train, "train a model to restore text, and show what it learned"))

    restore = command("reconstruct", _reconstruct, "give a sentence to a trained model and see what comes back")
    restore.add_argument("text", metavar="TEXT", help="a sentence; [MASK] stands for a blank")
    restore.add_argument("--run", metavar="DIR", help="the run to use (the newest in runs/)")
    restore.add_argument("--json", action="store_true", help="print the result as JSON")

    vocab = command("vocab", _vocab, "make a WordPiece vocabulary from a text; the same text gives the same vocabulary")
    vocab.add_argument("text", metavar="TEXT", help='a UTF-8 text file, or "en" or "zh" for a shipped reader')
    vocab.add_argument("--size", type=int, required=True, metavar="N", help="the most pieces to have")
    vocab.add_argument("--out", required=True, metavar="DIR", help="where tokenizer.json and vocab.txt go")

    info = command("info", _info, "show what is in a run")
    info.add_argument("run", metavar="RUN", help="a run folder")
    info.add_argument("--json", action="store_true", help="print it as JSON")

    check = command("check", _check_gradients, "check a backward pass and say what is wrong with it")
    check.add_argument("target", nargs="?", metavar="OP|FILE.py[:NAME]", help="a registered op, or a file of your own")
    check.add_argument("--all", action="store_true", help="every registered op, a line each")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    check.add_argument("--curve", action="store_true", help="draw error against step size: a V if right, flat if wrong")

    add_learn(command("learn", run_learn, "exercises: write the backward passes yourself, and be told what is wrong"))
    for name, text, add, run in ENCODER_COMMANDS:
        add(command(name, run, text))
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 fine, 1 it failed on the way, 2 wrong usage or input, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the terminal cannot show is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except InputError as error:
        return _fail(error, 2)
    except (RunError, FloatingPointError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        _drop_output()
        return 1
    except OSError as error:
        _drop_output()
        return _fail(f"{error.filename or 'the output'}: {error.strerror or error}", 1)
    except MemoryError:
        return _fail("not enough memory; try a smaller --width, --batch or --vocab-size", 1)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options, rest = parser().parse_known_args(arguments)
    except SystemExit as stopped:  # --help and --version
        return stopped.code if isinstance(stopped.code, int) else 1
    _take_texts(options, rest)
    for name, value in vars(options).items():
        if isinstance(value, str) and not value:  # as an unset variable of a shell leaves it
            options.parser.error(f"{name} is empty")
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                _check_utf8(name, text)
    code: int = options.command(options)
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


def _check_utf8(name: str, value: str) -> None:
    """Refuse what no file of ours could hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name} must be UTF-8, got {value!a}") from None


def _drop_output() -> None:
    """Let what no one takes go nowhere, lest Python complain of it at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(error: object, code: int) -> int:
    print(f"minattn: {error}", file=sys.stderr)
    return code


def _reconstruct(options: argparse.Namespace) -> int:
    from ..pretrained import open_run
    from ..runs import newest_run
    from .run_figures import draw_restoration

    opened = open_run(options.run or newest_run())
    restoration = opened.restore(options.text)
    figure = None if options.json else draw_restoration(opened.run, options.text, restoration)
    if options.json:
        print(json.dumps(restoration.to_dict(), indent=1, ensure_ascii=False))
        return 0
    rows = [("given", "restored", "confidence", "looked at most")]
    for i, (given, restored) in enumerate(zip(restoration.given, restoration.restored, strict=True)):
        looked = ", ".join(f"{token} {weight:.0%}" for token, weight in restoration.looked_at(i))
        rows.append((given, restored, f"{restoration.confidence[i]:.1%}", looked))
    print_table(rows)
    for given, best in zip(restoration.given, restoration.best, strict=True):
        if given == "[MASK]":
            print("\nblank: " + ", ".join(f"{token} {probability:.1%}" for token, probability in best))
    print(f"\n{restoration.text}")
    if restoration.lost:
        print(f"lost, because the vocabulary lacks their letters: {' '.join(restoration.lost)}")
    if figure:
        print(f"attention maps: {figure}")
    return 0


def _vocab(options: argparse.Namespace) -> int:
    from ..training import choose_tokenizer, find_text

    tokenizer = choose_tokenizer(options.text, find_text(options.text), options.size)
    path = tokenizer.save(options.out)
    print(f"{path}: {tokenizer.vocab_size:,} pieces, fingerprint {tokenizer.fingerprint[:12]}")
    return 0


def _info(options: argparse.Namespace) -> int:
    from .. import pretrained  # noqa: F401  its kinds of model may be in a run
    from ..training import run_information

    info: dict[str, Any] = run_information(options.run)
    if options.json:
        print(json.dumps(info, indent=1, ensure_ascii=False))
        return 0
    config = info["config"]
    rows = [
        ("run", info["folder"]),
        ("text", f"{config['text']['name']}, sha256 {config['text']['sha256'][:12]}"),
        ("model", ", ".join(f"{name} {value}" for name, value in config["model"].items())),
        *_start_row(config),
        ("training", ", ".join(f"{name} {value}" for name, value in config["training"].items())),
        ("parameters", f"{info['parameters']:,}" if info["parameters"] else "none saved yet"),
        ("steps", f"{info['steps']:,} of {config['training']['steps']:,}, saved: {info['saved_steps'] or 'none'}"),
        ("size", ", ".join(f"{name} {size:,}" for name, size in info["bytes"].items()) + " bytes"),
        ("figures", ", ".join(info["figures"]) or "none yet"),
    ]
    print_table(rows)
    if info["table"]:
        print(f"\n{info['table']}")
    return 0


def _start_row(config: dict[str, Any]) -> list[tuple[str, str]]:
    """Where a fine-tuning began; nothing for another run."""
    start = config.get("from")
    return [("from", f"{start['folder']}, frozen: {start['freeze'] or 'nothing'}")] if start else []


def _check_gradients(options: argparse.Namespace) -> int:
    from .check import check_command

    return check_command(options.target, options.all, options.json, options.curve)
