"""Starting a training of a new model on a text, and going on with one that was stopped."""

import math
import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO, TypedDict

import numpy as np

from .. import __version__
from ..backend import get_device
from ..errors import InputError
from ..models import ReconstructionConfig
from ..runs import IDS, TEXT, Run, naming, reading, refuse_occupied
from ..terminal import print_wrapped
from ..text import WordPiece
from .data import Data, Text, choose_tokenizer, find_text, load_data
from .run_config import model_config, model_kind, text_file, training_config
from .settings import RECIPE, TrainingConfig, check_memory, check_size, check_trainable, fitted
from .train_and_report import Draw, TrainingOutcome, is_reported, train_and_report
from .trainer import EVALUATIONS, Trainer

MODEL_OPTIONS = ("vocab_size", "layers", "width", "heads", "positions")
"""Options that make a new model what it is."""

MEASURED = 3.0
"""Seconds of steps by which it is found out how many fit into a number of minutes."""

RESUME_OPTIONS = ("steps", "save_every", "threads")
"""Options that may change where a training goes on."""


class TrainOptions(TypedDict, total=False):
    """The options of a training, which `minattn train --help` explains; what is left out has its default."""

    out: str | os.PathLike[str]
    vocab_size: int
    steps: int
    minutes: float
    save_every: int
    seed: int
    blanks: float
    layers: int
    width: int
    heads: int
    positions: str
    lr: float
    batch: int
    parts: int
    threads: int


def train_new_model(
    text_name: str, options: Mapping[str, Any], device: str, stream: TextIO, draw: Draw | None = None
) -> TrainingOutcome:
    """Train a new model; what can be refused is refused before the run folder is made.

    Args:
        text_name: the path of a text, or "en" or "zh" for a shipped reader
        options: of TrainOptions, those that are given
        device, stream, draw: as for `train_and_report`
    """
    training, minutes = settings_of(options), options.get("minutes")
    if minutes is not None and ("steps" in options or not 0 < minutes < math.inf):
        raise InputError(f"minutes must be a number above 0, and given without steps, got {minutes}")
    sizes = {name: options[name] for name in MODEL_OPTIONS[1:] if name in options}
    if "width" in sizes:
        sizes["hidden"] = 2 * sizes["width"]
    config = ReconstructionConfig(1, **(RECIPE | sizes))
    get_device(device)
    folder = new_folder(options)
    text = Text.read(text_name)
    tokenizer = choose_tokenizer(text, options.get("vocab_size"), partial(print_wrapped, stream=stream))
    config = replace(config, vocab_size=tokenizer.vocab_size)
    data = load_data(text, tokenizer, config.max_tokens, folder, stream)
    training = fitted(training, options, len(data.training), config.vocab_size)
    check_trainable(data, training)
    check_memory(config)
    parts = {"model": asdict(config), "training": asdict(training)}
    run = create_run(folder, text, parts, data)
    with run.locked():
        trainer = Trainer(config, training, data, run, device)
        if minutes is not None:
            print_wrapped("measuring how long a step takes …", stream=stream)
            training = replace(training, steps=steps_within(minutes, trainer))
            run.reconfigure(run.config | {"training": asdict(training)})
            trainer = Trainer(config, training, data, run, device)
        return train_and_report(trainer, data, stream, draw)


def steps_within(minutes: float, trainer: Trainer) -> int:
    """The steps that take so long here with all scorings, by the median of some; the trainer is used up."""
    taken: list[float] = []
    with np.errstate(all="ignore"), trainer.threads() as threads:
        trainer.model.train()
        with trainer.shared(threads) as shared:
            while sum(taken) < MEASURED or len(taken) < 5:
                started = time.perf_counter()
                trainer.train_step(trainer.batches.at(trainer.step), shared)
                taken.append(time.perf_counter() - started)
            started = time.perf_counter()
            trainer.evaluate(threads)
            scoring = EVALUATIONS * (time.perf_counter() - started)
    return max(round((60 * minutes - scoring) / statistics.median(taken)), 1)


def resume_training(
    folder: str | os.PathLike[str], options: Mapping[str, Any], device: str, stream: TextIO, draw: Draw | None = None
) -> TrainingOutcome:
    """Go on with a run, with its own settings and those of RESUME_OPTIONS that are given."""
    run = Run.open(folder)
    kind, config, before = model_kind(run), model_config(run), training_config(run)
    text_file(run)
    frozen = kind.frozen_parts(run, config)
    training = replace(before, **options)
    saved = run.saved_steps()
    if not (saved or kind.starts_from_seed):
        early = "was stopped before its pretrained weights were saved"
        raise InputError(f"{run.folder} {early}; remove it and start anew with --from")
    newest = max(saved, default=0)
    if training.steps < newest:
        raise InputError(f"{run.folder} is at step {newest:,} already; --steps must be more than that")
    if training.steps == newest and is_reported(run, newest):
        raise InputError(f"{run.folder} is finished at step {newest:,}; --steps {2 * newest} would go on")
    data = data_of_run(run, stream)
    check_trainable(data, training)
    check_memory(config, frozen)
    if saved:
        check_size(config, run.count_weights(), f"{run.folder}/config.json: model")
    model = kind.build(config, training.seed, frozen)
    with run.locked():
        if data.file is not None:
            data.file.keep(run.folder / IDS)
        trainer = Trainer(model, training, data, run, device)
        trainer.resume()
        if training != before:
            run.reconfigure(run.config | {"training": asdict(training)})
        return train_and_report(trainer, data, stream, draw)


def settings_of(options: Mapping[str, Any]) -> TrainingConfig:
    """The settings of a training, of which options name some. Raises InputError for a number out of range."""
    return TrainingConfig(**{name: options[name] for name in TrainingConfig.__dataclass_fields__ if name in options})


def new_folder(options: Mapping[str, Any]) -> Path:
    """The folder for a new run: the one that was asked for, or one that is called by the time.

    Raises InputError where a run is there already.
    """
    folder = Path(options.get("out") or time.strftime("runs/%Y-%m-%d-%H%M%S"))
    with naming(folder):  # a name that is too long
        refuse_occupied(folder, {})
    return folder


def create_run(folder: Path, text: Text, parts: Mapping[str, Any], data: Data) -> Run:
    """Make a run folder; it keeps the ids, and a text that does not last.

    parts: what config.json holds beside the text, such as the settings of the model and the training
    """
    config = {"minattn": __version__, "text": asdict(text.remembered), **parts}
    run = Run.create(folder, config, data.tokenizer.to_json(), None if text.is_lasting else text.content)
    if data.file is not None:
        with run.undone_unless_saved():
            data.file.keep(folder / IDS)
    return run


def data_of_run(run: Run, stream: TextIO | None = None) -> Data:
    """The text of a run with the run's own tokenizer. Raises InputError where the text is gone or has changed.

    stream: as for `load_data`
    """
    remembered = text_file(run)
    path = run.folder / TEXT if remembered.name == TEXT else find_text(remembered.name)
    try:
        with reading(path):
            path.stat()
            text = Text.at(path, remembered.name)
    except InputError as error:
        raise InputError(f"the text that {run.folder}/config.json names cannot be used: {error}") from None
    if text.sha256 != remembered.sha256:
        raise InputError(
            f"{path} has changed since {run.folder} was trained on it; put the old text back, or start anew"
        )
    tokenizer = WordPiece(run.tokenizer_json, f"{run.folder}/tokenizer.json")
    return load_data(text, tokenizer, model_config(run).max_tokens, run.folder, stream)
