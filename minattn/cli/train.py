"""The options of `minattn train`, and what it calls."""

import argparse
import shlex
import sys
from functools import partial
from typing import Any

from ..errors import InputError
from ..models import ReconstructionConfig
from ..nn.positional import KINDS as POSITIONS
from ..parallel import joined, launched
from ..pretrained.finetune import EPOCHS, FINE_TUNING, NEW_HEAD_LR
from ..runs import newest_run
from ..terminal import print_command, print_wrapped, stoppable
from ..training.data import VOCAB_SIZE
from ..training.settings import FEWEST, PER_PIECE, PER_SENTENCE, RECIPE, TrainingConfig
from ..training.start_and_resume import RESUME_OPTIONS
from .options import add_usual, print_json

EXAMPLES = """examples:
  minattn train
    the shipped English reader; some minutes on two cores
  minattn train my.txt --out runs/mine --vocab-size 1000
    a text of your own
  minattn train --blanks 0 --positions none
    the pure copy, without positions
  minattn train --resume runs/mine
    go on where it was stopped
  minattn train my.txt --from FOLDER
    fine-tune the BERT or DistilBERT in a folder
  minattn train my.txt --from FOLDER --freeze layer.0-3"""

NEWEST = object()
"""What --resume is without a folder."""

SETTINGS = {
    "vocab_size": "train a vocabulary of so many pieces from the text",
    "steps": "optimizer steps; the model that does best on a tenth of the text, which is held back, is used; none "
    "stops early, because the falling rate often helps to the end",
    "save_every": "steps between checkpoints",
    "seed": "of weights, order, blanks and dropout",
    "blanks": "share of tokens blanked out; 0 is the pure copy",
    "layers": "encoder blocks",
    "width": "width of the model",
    "heads": "attention heads",
    "positions": f"positional encoding: {', '.join(POSITIONS)}",
    "lr": "highest learning rate",
    "batch": "sentences in a step",
    "parts": "parts of a batch, whose gradients are added in one order: with the seed they decide the bits of the "
    "result, whoever computes them; as many cores can share a step",
    "threads": "threads that share the parts of a step; by default the number of cores",
}

LR = f"{FINE_TUNING['lr']}, or {NEW_HEAD_LR} for a new head"
FITTED = {
    "steps": f"{FEWEST} and {PER_SENTENCE} a sentence, at least {PER_PIECE} a piece, at most {TrainingConfig.steps}",
    "batch": f"{TrainingConfig.batch}, or all of a smaller text",
}
"""What is the default of a setting that depends on the text."""

FINE_TUNED = {
    "steps": f"{EPOCHS} times the text",
    "lr": LR,
    "batch": FINE_TUNING["batch"],
    "blanks": FINE_TUNING["blanks"],
    "save_every": FINE_TUNING["save_every"],
}
"""What is the default of a setting with --from, where it is another."""


def add_train(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `minattn train` its options."""
    parser.add_argument(
        "text",
        nargs="?",
        metavar="TEXT",
        help='a UTF-8 text file, - for standard input, or "en" or "zh" for a shipped reader (en)',
    )
    parser.add_argument("--out", metavar="DIR", help="the run folder to make (runs/ and the time)")
    which = "go on with this run (the newest in runs/), with its own settings"
    parser.add_argument("--resume", nargs="?", const=NEWEST, metavar="DIR", help=which)
    parser.add_argument(
        "--from",
        metavar="FOLDER",
        help="fine-tune a pretrained model, or that of a run; defaults as in Devlin et al., 2019, appendix A.3",
    )
    parser.add_argument(
        "--freeze",
        metavar="PARTS",
        help="with --from: what shall not change, of embeddings, layer.0, layer.0-3, …, head, with commas between",
    )
    for name, text in SETTINGS.items():
        _add_setting(parser, name, text)
    within = "instead of --steps: as many as take so long here, from the first step to the last"
    parser.add_argument("--minutes", type=float, metavar="M", help=within)
    ranks = "work on all ranks of an MPI job: mpiexec -n N minattn train … --mpi (pip install 'minattn[mpi]')"
    parser.add_argument("--mpi", action="store_true", help=ranks)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="gpu needs CuPy (cpu)")
    parser.add_argument("--no-figures", dest="figures", action="store_false", help="draw nothing at the end")
    add_usual(parser, "the result")


def _add_setting(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    """Add the option of a setting, with the type and the default that the setting has."""
    default = getattr(TrainingConfig, name, None)
    default = RECIPE.get(name, getattr(ReconstructionConfig, name, VOCAB_SIZE)) if default is None else default
    shown = FITTED.get(name, default)
    parser.add_argument(
        "--" + name.replace("_", "-"),
        type=type(default),
        choices=POSITIONS if name == "positions" else None,
        metavar="KIND" if name == "positions" else "RATE" if name == "lr" else "SHARE" if name == "blanks" else "N",
        help=f"{text} ({shown}{f'; with --from {FINE_TUNED[name]}' if name in FINE_TUNED else ''})",
    )


@stoppable()
def run_train(options: argparse.Namespace) -> int:
    """Train, or go on with a run; returns the exit code."""
    from ..pretrained.finetune import fine_tune
    from ..training import resume_training, train_new_model
    from .run_figures import draw_run, example

    given = {
        key: getattr(options, key)
        for key in ("out", "from", "freeze", "minutes", *SETTINGS)
        if getattr(options, key) is not None
    }
    rank, size = launched()
    if size > 1 and not options.mpi:
        if rank:
            return 2
        started = f"this was started {size} times, as by mpiexec, and each would train by itself"
        raise InputError(f"{started}; add --mpi to train together")
    if options.mpi:
        given = _on_ranks(given, options)
    stream = sys.stderr if options.json else sys.stdout
    say = partial(print_wrapped, stream=stream)
    draw = partial(draw_run, say=say) if options.figures else None
    if options.resume is not None:
        if options.text or given.keys() - set(RESUME_OPTIONS):
            wrong = "TEXT" if options.text else "--" + min(given.keys() - set(RESUME_OPTIONS)).replace("_", "-")
            raise InputError(f"--resume goes on with the run's own settings; {wrong} cannot be given with it")
        folder = newest_run() if options.resume is NEWEST else options.resume
        outcome = resume_training(folder, given, options.device, stream, draw)
    elif "freeze" in given and "from" not in given:
        raise InputError("--freeze keeps parts of a pretrained model as they are; say with --from which model")
    else:
        start = fine_tune if "from" in given else train_new_model
        outcome = start(options.text or "en", given, options.device, stream, draw)
    if outcome.finished:
        run = outcome.run
        if outcome.figures:
            names = ", ".join(path.name for path in outcome.figures if path.suffix == ".png")
            say(f"figures: {names} in {run.figures_folder}")
            if outcome.scores is not None and outcome.scores.draws > 1:
                say(f"the curves are scored on one of the {outcome.scores.draws} draws of blanks, the table on all")
        which = "" if options.out is None and options.resume is None else f" --run {shlex.quote(str(run.folder))}"
        print_command("next: ", f'minattn reconstruct "{example(outcome.data)}"{which}', stream)
    if options.json:
        figures = {"figures": [str(path) for path in outcome.figures]} if outcome.finished else {}
        print_json(outcome.to_dict() | figures)
    return 128 + outcome.signal if outcome.signal else 0


def _on_ranks(given: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """The options with what MPI decides where they do not: the threads of each rank, and a part for each of them."""
    ranks = joined()
    if ranks is None:
        raise InputError("--mpi must be spelt out on the command line")
    if options.device != "cpu":
        raise InputError("--mpi shares the work among processors; it cannot be given with --device gpu")
    given = {"threads": ranks.threads_here} | given
    workers = ranks.size * given["threads"]
    return ({"parts": max(TrainingConfig.parts, workers)} if options.resume is None else {}) | given
