"""Why `minattn train` has the defaults it has: variations of about the same cost, on the shipped reader.

python benchmarks/defaults.py                  all, several minutes each on two cores
python benchmarks/defaults.py "width 128"      some
"""

import argparse
import tempfile
import time
from dataclasses import replace

from minattn.models import ReconstructionConfig
from minattn.runs import Run
from minattn.training import Text, Trainer, TrainingConfig, choose_tokenizer, load_data

VARIATIONS = {  # name: changes of the model, changes of the training
    "defaults": ({}, {}),
    "width 128": ({"width": 128, "hidden": 512}, {"steps": 1500}),
    "width 48": ({"width": 48, "hidden": 192}, {"steps": 4500}),
    "3 layers": ({"layers": 3}, {"steps": 2500}),
    "embedding_std 0.3": ({"embedding_std": 0.3}, {}),
    "position_scale 1": ({"position_scale": 1.0}, {}),
    "lr 0.002": ({}, {"lr": 0.002}),
    "lr 0.008": ({}, {"lr": 0.008}),
    "no dropout": ({"dropout": 0.0}, {}),
    "batch 64": ({}, {"batch": 64, "steps": 2000}),
    "norm last": ({"norm_first": False}, {}),
    "positions learned": ({"positions": "learned"}, {}),
    "positions none": ({"positions": "none"}, {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ", ".join(VARIATIONS)
    parser.add_argument("variations", nargs="*", metavar="NAME", help=f"of {names} (all)")
    chosen = parser.parse_args().variations
    if unknown := [name for name in chosen if name not in VARIATIONS]:
        parser.error(f"there is no variation {unknown[0]!r}; there are {names}")
    text = Text.read("en")
    tokenizer = choose_tokenizer(text, None)
    base = ReconstructionConfig(tokenizer.vocab_size)
    data = load_data(text, tokenizer, base.max_tokens)
    print(f"{'':20}{'steps':>7}{'seconds':>9}{'copied':>10}{'blanks filled':>15}")
    for name in chosen or VARIATIONS:
        model_changes, training_changes = VARIATIONS[name]
        training = replace(TrainingConfig(), **training_changes)
        with tempfile.TemporaryDirectory() as folder:
            run = Run.create(folder, {}, tokenizer.to_json())
            trainer = Trainer(replace(base, **model_changes), training, data, run)
            started = time.perf_counter()
            trainer.train()
            seconds = time.perf_counter() - started
        score = trainer.held_out.score(trainer.model)
        print(f"{name:20}{training.steps:7}{seconds:9.0f}{score.copied:10.2%}{score.blanks_filled:15.2%}", flush=True)


if __name__ == "__main__":
    main()
