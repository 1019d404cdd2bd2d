"""What each command does, without the parsing and most of the printing."""

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from . import __version__
from .backend import get_device
from .errors import InputError, RunError
from .files import read_json, write_atomically
from .interrupt import Interrupt
from .memory import physical_memory
from .models import ReconstructionConfig, ReconstructionModel
from .progress import Progress, clock
from .text import WordPiece, read_pieces, split_pieces
from .training import (
    Data,
    Restoration,
    Run,
    Source,
    Trainer,
    TrainingConfig,
    choose_tokenizer,
    find_text,
    fingerprint,
    from_json,
    load_data,
    load_model,
    model_config,
    restore,
    restore_ids,
    source,
)

REPORT = "report.json"
HEADS = 12
"""The most heads that are drawn of a layer."""


@dataclass(frozen=True)
class Done:
    """How a training ended: at its last step or before, and the result as JSON can hold it."""

    finished: bool
    result: dict[str, Any]


def train_job(name: str, given: dict[str, Any], device: str, stream: TextIO) -> Done:
    """Start a training. given: the options that were set, by name. Progress is written to the stream.

    Everything that can be refused is refused before the run folder is made.
    """
    training = TrainingConfig(**{key: given[key] for key in TrainingConfig.__dataclass_fields__ if key in given})
    sizes: dict[str, Any] = {key: given[key] for key in ("layers", "width", "heads", "positions") if key in given}
    if "width" in sizes:
        sizes["hidden"] = 4 * sizes["width"]
    model = ReconstructionConfig(1, **sizes)
    get_device(device)
    text = find_text(name)
    split_pieces(read_pieces(text))
    tokenizer = choose_tokenizer(name, text, given.get("vocab_size"))
    model = replace(model, vocab_size=tokenizer.vocab_size)
    data = load_data(text, tokenizer, model.max_tokens)
    check_trainable(data, training)
    check_memory(model)
    config = {
        "minattn": __version__,
        "text": asdict(source(name, text)),
        "model": asdict(model),
        "training": asdict(training),
    }
    folder = given.get("out") or time.strftime("runs/%Y-%m-%d-%H%M%S")
    run = Run.create(folder, config, tokenizer.to_json())
    with run.locked():
        return _train(Trainer(model, training, data, run, device), data, stream)


def resume_job(folder: str, given: dict[str, Any], device: str, stream: TextIO) -> Done:
    """Go on with a run. given: steps, save_every and threads, where they are to change."""
    run = Run.open(folder)
    model, before, text_was = model_config(run), training_config(run), text_of(run)
    training = replace(before, **given)
    saved = max(run.saved_steps(), default=0)
    if training.steps < saved:
        raise InputError(f"{run.folder} is at step {saved:,} already; --steps must be more than that")
    if training.steps == saved and _is_reported(run, saved):
        raise InputError(f"{run.folder} is finished at step {saved:,}; --steps {2 * saved} would go on")
    text = find_text(text_was.name)
    if fingerprint(text) != text_was.sha256:
        raise InputError(
            f"{text} has changed since {run.folder} was trained on it; put the old text back, or start anew"
        )
    data = load_data(text, WordPiece(run.tokenizer_json, f"{run.folder}/tokenizer.json"), model.max_tokens)
    check_trainable(data, training)
    check_memory(model)
    with run.locked():
        trainer = Trainer(model, training, data, run, device)
        trainer.resume()
        if training != before:
            run.reconfigure(run.config | {"training": asdict(training)})
        return _train(trainer, data, stream)


def training_config(run: Run) -> TrainingConfig:
    """The training's part of a run's config.json. Raises InputError if it is not one that this version knows."""
    return from_json(TrainingConfig, run.config.get("training"), f"{run.folder}/config.json: training")


def text_of(run: Run) -> Source:
    """The text's part of a run's config.json. Raises InputError likewise."""
    return from_json(Source, run.config.get("text"), f"{run.folder}/config.json: text")


def reconstruct_job(folder: str | Path, text: str, draw: bool) -> tuple[Restoration, Path | None]:
    """Restore a text with a run; draw: also draw the attention maps, into the run's figures."""
    run = Run.open(folder)
    model, tokenizer = load_model(run)
    restoration = restore(model, tokenizer, text)
    if not (draw and restoration.attention):
        return restoration, None
    from .show import attention_maps, save_figure

    title = f"What each token looks at, last layer: {text.strip()}"
    figure = attention_maps(restoration.attention[-1][:HEADS], restoration.given, title)
    try:
        paths = save_figure(figure, run.figures_folder, "reconstruct")
    except RunError:  # a run that may only be read still restores
        return restoration, None
    return restoration, paths[0]


def vocab_job(name: str, size: int, out: str) -> tuple[WordPiece, Path]:
    """Make a vocabulary from a text."""
    tokenizer = choose_tokenizer(name, find_text(name), size)
    return tokenizer, tokenizer.save(out)


def info_job(folder: str) -> dict[str, Any]:
    """What is in a run, with the table of its last training if there is one."""
    run = Run.open(folder)
    model_config(run), training_config(run), text_of(run)  # refuses a config.json that does not describe a run
    report = run.folder / REPORT
    return run.info() | {"table": read_json(report).get("table") if report.exists() else None}


def check_trainable(data: Data, training: TrainingConfig) -> None:
    """Refuse, before a folder is made, a text that does not fill a batch."""
    if len(data.training) < training.batch:
        raise InputError(
            f"the text has {len(data.training)} sentences to train on, fewer than a batch of {training.batch}; "
            f"give more text, or --batch {max(len(data.training) // 4, 1)}"
        )


def check_memory(model: ReconstructionConfig) -> None:
    """Refuse a model whose training this machine cannot hold."""
    matrices = 2 * model.vocab_size + model.layers * (4 * model.width + 2 * model.hidden)
    needed, there = 16 * model.width * matrices, physical_memory()  # float32: weight, gradient and two moments
    if there is not None and needed > there:
        raise InputError(
            f"training this model takes {needed >> 30:,} GiB of memory, and this machine has {there >> 30:,}; "
            "try a smaller --width, --layers or --vocab-size"
        )


def _train(trainer: Trainer, data: Data, stream: TextIO) -> Done:
    def say(line: str) -> None:
        print(line, file=stream, flush=True)

    run, model = trainer.run, trainer.model
    started = time.monotonic()
    count = sum(parameter.size for parameter in model.parameters())
    pieces = data.tokenizer.vocab_size
    say(f"{len(data.training):,} sentences, {data.tokens:,} tokens; {pieces:,} pieces; {count:,} parameters")
    if data.cut:
        say(f"{data.cut:,} sentences are longer than {model.config.max_tokens} tokens and were cut into parts")
    if data.unknown:
        say(f"lost as [UNK], being too long or with letters that the vocabulary lacks: {data.unknown:,} words")
    say(f"run folder: {run.folder}" + (f", from step {trainer.step:,}" if trainer.step else ""))
    progress = Progress(trainer.config.steps, trainer.step, stream)
    finished = False
    with Interrupt() as interrupt:
        try:
            finished = trainer.train(progress.show, lambda: interrupt.requested)
        except OSError:  # nobody takes the progress any more
            trainer.save()
            raise
        finally:
            if not finished:
                progress.end()
    name = shlex.quote(str(run.folder))
    if not finished:
        say(f"stopped and saved at step {trainer.step:,}; go on with: minattn train --resume {name}")
        return Done(False, {"run": str(run.folder), "step": trainer.step, "finished": False})
    say(f"trained in {clock(time.monotonic() - started)}")

    try:
        return _report(trainer, data, say)
    except KeyboardInterrupt:
        say(f"\nthe model is saved; for its table and figures: minattn train --resume {name}")
        raise


def _report(trainer: Trainer, data: Data, say: Callable[[str], None]) -> Done:
    """Score a trained model, draw its figures, and write the report."""
    run, model = trainer.run, trainer.model
    say("scoring on held-out text …")
    untrained = ReconstructionModel(model.config, generator=np.random.default_rng(trainer.config.seed)).to(
        trainer.device.name
    )
    with trainer.threads() as threads:
        scores = trainer.held_out.compare(model, untrained, data.training, threads)
    table = trainer.held_out.table(scores)
    say("\n" + table)
    result = {
        "run": str(run.folder),
        "step": trainer.step,
        "finished": True,
        "held_out": trainer.held_out.to_dict(scores),
    }
    say("\ndrawing figures …")
    figures = draw_run(run, data)
    # The report comes last: without it, the run is not finished, and resuming makes up for what is missing.
    write_atomically(run.folder / REPORT, json.dumps(result | {"table": table}, indent=1, ensure_ascii=False) + "\n")
    say(f"figures: {', '.join(path.name for path in figures if path.suffix == '.png')} in {run.figures_folder}")
    say(f'next: minattn reconstruct "{example(data)}" --run {shlex.quote(str(run.folder))}')
    return Done(True, result | {"figures": [str(path) for path in figures]})


def draw_run(run: Run, data: Data) -> list[Path]:
    """Draw what there is to see in a run: the curves, attention, positions, neighbours."""
    from .show import attention_maps, nearest_neighbours, positional_encoding, save_figure, training_curves

    model, tokenizer = load_model(run)
    restoration = restore_ids(model, tokenizer, data.held_out[0])
    drawn = {"curves": training_curves(run.metrics())}
    for i, weights in enumerate(restoration.attention):
        title = f"What each token of a held-out sentence looks at, layer {i + 1}"
        drawn[f"attention-layer-{i + 1}"] = attention_maps(weights[:HEADS], restoration.given, title)
    table = model.positions.table if model.positions.weight is None else model.positions.weight.data
    if table is not None:
        drawn["positions"] = positional_encoding(table)
    if words := common_words(data, 8):
        drawn["neighbours"] = nearest_neighbours(model.embedding.weight.data, tokenizer.pieces, words)
    return [path for name, figure in drawn.items() for path in save_figure(figure, run.figures_folder, name)]


def common_words(data: Data, most: int) -> list[str]:
    """Whole words that the training text has often, commonest first; the very commonest say little about each other."""
    counts = np.bincount([i for ids in data.training for i in ids], minlength=data.tokenizer.vocab_size)
    words = (data.tokenizer.pieces[i] for i in np.argsort(-counts, kind="stable")[50:])
    return [word for word in words if word.isalpha() and (len(word) > 3 or not word.isascii())][:most]


def example(data: Data) -> str:
    """A short held-out sentence with a blank in it."""
    ids = min(data.held_out, key=lambda ids: abs(len(ids) - 10))
    middle = len(ids) // 2
    return data.tokenizer.decode([*ids[:middle], data.tokenizer.mask_id, *ids[middle + 1 :]]).replace('"', "")


def _is_reported(run: Run, step: int) -> bool:
    """Whether a training that ended at a step also left its table and figures."""
    report = run.folder / REPORT
    return report.exists() and read_json(report).get("step") == step
