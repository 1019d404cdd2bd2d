"""Why `minattn train` has the defaults it has: one change at a time, on text that no table reports.

    python benchmarks/defaults.py                              all, two minutes and more each on two cores
    python benchmarks/defaults.py "1 layer" --seeds 0 1 2      some, with several seeds
    python benchmarks/defaults.py --text zh

Every ninth piece of the training part is left out of it and scored; the held-out text is not touched. "counted" is the
row of both neighbours, counted, on the same blanks.
"""

import argparse
import tempfile
import time
from dataclasses import replace

from minattn.models import ReconstructionConfig
from minattn.runs import Run
from minattn.text import Sentences, WordPiece, read_pieces, split_pieces
from minattn.training import Data, HeldOut, Text, Trainer, TrainingConfig, choose_tokenizer
from minattn.training.counting import both_neighbours
from minattn.training.settings import RECIPE, fitted

VARIATIONS = {  # name: changes of the model, changes of the training
    "defaults": ({}, {}),
    "1 layer": ({"layers": 1}, {}),
    "width 64": ({"width": 64, "hidden": 128}, {}),
    "width 192": ({"width": 192, "hidden": 384}, {}),
    "hidden 512": ({"hidden": 512}, {}),
    "8 heads": ({"heads": 8}, {}),
    "GELU": ({"activation": "gelu"}, {}),
    "norm first": ({"norm_first": True}, {}),
    "own de-embedding": ({"de_embedding": "own"}, {}),
    "sinusoids": ({"positions": "sinusoidal"}, {}),
    "no positions": ({"positions": "none"}, {}),
    "dropout 0.2, not of embeddings": ({"dropout": 0.2, "embedding_dropout": 0.0}, {}),
    "15 % blanks": ({}, {"blanks": 0.15}),
    "60 % blanks": ({}, {"blanks": 0.6}),
    "all copied": ({}, {"copies": 1.0}),
    "none swapped": ({}, {"swapped": 0.0}),
    "BERT's blanks": ({}, {"swapped": None}),
    "decay 0.01": ({}, {"weight_decay": 0.01}),
    "lr 0.004": ({}, {"lr": 0.004}),
    "lr 0.012": ({}, {"lr": 0.012}),
    "batch 32": ({}, {"batch": 32, "steps": 6000, "lr": 0.006}),
    "1,000 steps": ({}, {"steps": 1000}),
    "6,000 steps": ({}, {"steps": 6000}),
}


def third_split(text: Text, tokenizer: WordPiece) -> Data:
    """The training part of a text, of whose pieces every ninth is held out instead of what the tables report."""
    pieces = split_pieces(read_pieces(text.path))[0]
    parts = [p for i, p in enumerate(pieces) if i % 9 != 4], pieces[4::9]
    encoded = [tokenizer.encode_batch(sentence for piece in part for sentence in piece.sentences) for part in parts]
    known = set(map(tuple, encoded[0]))
    held_out = [ids for ids in encoded[1] if tuple(ids) not in known]
    training = Sentences.of(encoded[0])
    return Data(tokenizer, training, Sentences.of(held_out), training.tokens, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ", ".join(VARIATIONS)
    parser.add_argument("variations", nargs="*", metavar="NAME", help=f"of {names} (all)".replace("%", "%%"))
    parser.add_argument("--text", default="en", help='a text file, or "en" or "zh"')
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    if unknown := [name for name in options.variations if name not in VARIATIONS]:
        parser.error(f"there is no variation {unknown[0]!r}; there are {names}")
    text = Text.read(options.text)
    tokenizer = choose_tokenizer(text, None)
    base = ReconstructionConfig(tokenizer.vocab_size, **RECIPE)
    data = third_split(text, tokenizer)
    counted = HeldOut(data.held_out, tokenizer).score_without_model(both_neighbours(data.training, tokenizer))
    print(f"{'':32}{'seed':>5}{'steps':>7}{'seconds':>9}{'copied':>10}{'blanks filled':>15}")
    print(f"{'counted':63}{counted.blanks_filled:15.2%}", flush=True)
    for name in options.variations or VARIATIONS:
        model_changes, training_changes = VARIATIONS[name]
        for seed in options.seeds:
            training = fitted(TrainingConfig(seed=seed), (), len(data.training), tokenizer.vocab_size)
            training = replace(training, **training_changes)
            with tempfile.TemporaryDirectory() as folder:
                run = Run.create(folder, {}, tokenizer.to_json())
                trainer = Trainer(replace(base, **model_changes), training, data, run)
                trainer.evaluate = lambda threads: {}  # the last step is scored
                started = time.perf_counter()
                trainer.train()
                seconds = time.perf_counter() - started
            score = trainer.held_out.score(trainer.model)
            print(
                f"{name:32}{seed:5}{training.steps:7}{seconds:9.0f}{score.copied:10.2%}{score.blanks_filled:15.2%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
