"""`minattn vocab`: a WordPiece vocabulary from a text."""

import argparse

from ..terminal import print_wrapped, stoppable
from ..training import Text, choose_tokenizer

EXAMPLES = """example:
  minattn vocab my.txt --size 1000 --out my-vocab"""


def add_vocab(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn vocab` its options."""
    parser.add_argument("text", metavar="TEXT", help='a UTF-8 text file, - for standard input, or "en" or "zh"')
    parser.add_argument("--size", type=int, required=True, metavar="N", help="the most pieces to have")
    parser.add_argument("--out", required=True, metavar="DIR", help="where tokenizer.json and vocab.txt go")


def run_vocab(options: argparse.Namespace) -> int:
    """Make the vocabulary, and print where it is. Returns the exit code."""
    tokenizer = choose_tokenizer(Text.read(options.text), options.size)
    with stoppable():
        path = tokenizer.save(options.out)
    print_wrapped(f"{path}: {tokenizer.vocab_size:,} pieces, fingerprint {tokenizer.fingerprint[:12]}")
    return 0
