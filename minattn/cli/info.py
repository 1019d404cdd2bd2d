"""`minattn info`: what is in a run."""

import argparse

from .. import pretrained  # noqa: F401  its kinds of model may be in a run
from ..runs import newest_run
from ..terminal import print_table, print_wrapped
from ..training import run_information
from .options import add_usual, print_json

EXAMPLES = """examples:
  minattn info
  minattn info runs/mine --json"""


def add_info(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn info` its options."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="a run folder (the newest in runs/)")
    add_usual(parser, "it", textbook=False)


def run_info(options: argparse.Namespace) -> int:
    """Print what is in a run. Returns the exit code."""
    info = run_information(options.run or newest_run())
    if options.json:
        print_json(info)
        return 0
    config = info["config"]
    saved = ", ".join(f"{step}{' (the best)' * (step == info['best_step'])}" for step in info["saved_steps"]) or "none"
    rows = [
        ("run", info["folder"]),
        ("text", f"{config['text']['name']}, sha256 {config['text']['sha256'][:12]}"),
        ("model", ", ".join(f"{name} {value}" for name, value in config["model"].items())),
        ("training", ", ".join(f"{name} {value}" for name, value in config["training"].items())),
        ("parameters", f"{info['parameters']:,}" if info["parameters"] else "none saved yet"),
        ("steps", f"{info['steps']:,} of {config['training']['steps']:,}, saved: {saved}"),
        ("size", ", ".join(f"{name} {size:,}" for name, size in info["bytes"].items()) + " bytes"),
        ("figures", ", ".join(info["figures"]) or "none yet"),
    ]
    if start := config.get("from"):
        rows.insert(3, ("from", f"{start['folder']}, frozen: {start['freeze'] or 'nothing'}"))
    print_table(rows)
    if info["table"]:
        print()
        print_wrapped(str(info["table"]))
    return 0
