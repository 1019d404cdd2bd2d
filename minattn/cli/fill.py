"""`minattn fill`: the blanks of a text, filled by a pretrained masked-LM model."""

import argparse

from ..errors import InputError
from ..pretrained import fill_blanks
from ..pretrained.load import open_folder
from ..pretrained.masked_lm import MaskedLM
from ..runs import json_ready
from ..terminal import print_wrapped
from .options import add_folder, add_usual, print_blank, print_json, read_text, report

EXAMPLES = """examples:
  minattn fill FOLDER "The cat [MASK] on the mat."
  minattn fill FOLDER "[MASK] is in [MASK]." --top 3 --json"""


def add_fill(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn fill` its options."""
    add_folder(parser)
    parser.add_argument("text", metavar="TEXT", help="a text, - for standard input; [MASK] is a blank")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="how many tokens to show for each blank (5)")
    add_usual(parser, "the result")


def run_fill(options: argparse.Namespace) -> int:
    """Print the likeliest tokens for each blank, and the text with the very likeliest. Returns the exit code."""
    if options.top < 1:
        raise InputError(f"--top must be at least 1, got {options.top}")
    text, opened = read_text(options.text), open_folder(options.folder, report)
    if not isinstance(opened.model, MaskedLM):
        raise InputError(
            f"{opened.folder} holds an encoder without a masked-LM head, so it cannot fill blanks; take a masked-LM "
            "model, or make one of it: minattn train TEXT --from FOLDER"
        )
    tokenizer = opened.tokenizer
    (row,) = opened.encode([text], options.truncate, blanks=True)
    if "[MASK]" in text and tokenizer.mask_id not in row:
        raise InputError("the blank is in the part that was cut off; move [MASK] nearer to the beginning")
    blanks = fill_blanks(opened.model, tokenizer, row, options.top)
    places = [i for i, number in enumerate(row) if number == tokenizer.mask_id]
    ids = {piece: i for i, piece in enumerate(tokenizer.pieces)}
    for place, best in zip(places, blanks, strict=True):
        row[place] = ids[best[0][0]]
    filled = tokenizer.decode(row)
    if options.json:
        listed = [
            {"position": place, "best": [{"token": token, "probability": p} for token, p in best]}
            for place, best in zip(places, blanks, strict=True)
        ]
        print_json({"text": filled, "blanks": json_ready(listed, "blanks", null_for_nan=True)})
        return 0
    for best in blanks:
        print_blank(best)
    print()
    print_wrapped(filled)
    return 0
