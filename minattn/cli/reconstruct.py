"""`minattn reconstruct`: a sentence through a trained model, what comes back of it, and what each token looked at."""

import argparse

from ..pretrained import open_run
from ..runs import newest_run
from ..terminal import print_table, print_wrapped, stoppable
from .options import add_usual, print_blank, print_json, report
from .run_figures import draw_restoration

EXAMPLES = """examples:
  minattn reconstruct "The old [MASK] slept by the fire."
  minattn reconstruct "A [MASK] fell." --run runs/mine --json"""


def add_reconstruct(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn reconstruct` its options."""
    parser.add_argument("text", metavar="TEXT", help="a sentence; [MASK] stands for a blank")
    parser.add_argument("--run", metavar="DIR", help="the run to use (the newest in runs/)")
    add_usual(parser, "the result")


def run_reconstruct(options: argparse.Namespace) -> int:
    """Restore a text, print it token by token and draw the attention maps. Returns the exit code."""
    opened = open_run(options.run or newest_run())
    restoration = opened.restore(options.text)
    if options.json:
        if restoration.note:
            report(restoration.note)
        print_json(restoration.to_dict())
        return 0
    if options.run is None:
        print_wrapped(f"the newest run: {opened.run.folder}\n")
    print_table(restoration.rows())
    for given, best in zip(restoration.given, restoration.best, strict=True):
        if given == "[MASK]":
            print()
            print_blank(best)
    print()
    print_wrapped(restoration.text)
    if restoration.lost:
        print_wrapped(f"lost, because the vocabulary lacks their letters: {' '.join(restoration.lost)}")
    with stoppable():
        figure = draw_restoration(opened.run, options.text, restoration)
    for line in (restoration.note, figure):
        if line:
            print_wrapped(line)
    return 0
