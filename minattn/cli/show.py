"""`minattn show`: the page of numbers, of a small model, of a sentence, or of an op."""

import argparse
import contextlib
import os
import sys
import webbrowser
from pathlib import Path

from ..check.catalogue import find_op
from ..errors import InputError
from ..pretrained import open_run
from ..runs import newest_run
from ..show import NumberPage, example_page, op_page, sentence_page
from ..terminal import print_wrapped
from .options import read_text

EXAMPLES = """examples:
  minattn show                    a small model, with numbers
                                  few enough to read
  minattn show "The old [MASK] slept."
                                  a sentence, by the newest run
  minattn show softmax            an op on its samples

The page is one HTML file that needs no network: click any
number and see what it was made of, change it and see what
follows."""


def add_show(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn show` its options."""
    parser.add_argument("text", nargs="?", metavar="TEXT|OP", help="a sentence with a [MASK], or a registered op")
    parser.add_argument("--run", metavar="DIR", help="the run whose model is shown (the newest in runs/)")
    parser.add_argument("--out", metavar="FILE", help="the file to write (numbers.html)")
    parser.add_argument(
        "--answer", metavar="WORDS", help="what is wanted at the blanks (the second guess of the model)"
    )
    parser.add_argument("--copies", action="store_true", help="ask for the tokens that are seen too")
    parser.add_argument("--layers", type=int, metavar="N", help="keep the first N blocks of the model")
    parser.add_argument("--tokens", type=int, metavar="N", help="keep the first N tokens of the sentence")
    parser.add_argument("--top", type=int, metavar="N", help="keep N pieces of the vocabulary, the likeliest")
    parser.add_argument("--language", choices=("en", "zh"), default="en", help="that the page opens with (en)")
    parser.add_argument("--no-open", action="store_true", help="write the page and do not open it")


def run_show(options: argparse.Namespace) -> int:
    """Write the page, say where it is, and open it where there is a screen. Returns the exit code."""
    open_page(_page(options), Path(options.out or "numbers.html"), sys.stdout.isatty() and not options.no_open)
    return 0


def open_page(page: NumberPage, path: Path, opens: bool) -> None:
    """Write a page, say where it is, and open it, if there is a screen. Raises InputError for a folder."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; --out needs the name of a file, such as {path / 'numbers.html'}")
    print_wrapped(f"{page.save(path)}: {len(page.html.encode()) / 1e6:.1f} MB; open it in a browser")
    has_screen = os.environ.get("DISPLAY") or sys.platform in ("darwin", "win32")
    if has_screen and opens:
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(path.resolve().as_uri())


def _page(options: argparse.Namespace) -> NumberPage:
    text, language = options.text, options.language
    for_sentences = {"--run": options.run, "--answer": options.answer, "--layers": options.layers}
    for_sentences |= {"--tokens": options.tokens, "--top": options.top, "--copies": options.copies or None}
    given = [name for name, value in for_sentences.items() if value is not None]
    if text is None and not given:
        return example_page(language=language)
    if text is None:
        raise InputError(f'{given[0]} needs a sentence: minattn show "The old [MASK] slept." {given[0]} …')
    if _is_op(text):
        if given:
            raise InputError(f"{given[0]} is for a sentence, and {text} is an op; leave it out")
        return op_page(find_op(text), language=language)
    text = read_text(text).strip()
    try:
        run = open_run(options.run or newest_run())
    except InputError as error:
        if options.run is None and " " not in text:  # a word alone may have been meant as an op
            why = f"{text[:60]!r} is no op (minattn check --all lists them), and for a sentence {error}"
            raise InputError(why) from None
        raise
    names = ("answer", "copies", "layers", "tokens", "top")
    return sentence_page(run, text, language=language, **{name: getattr(options, name) for name in names})


def _is_op(text: str) -> bool:
    try:
        find_op(text)
    except InputError:
        return False
    return True
