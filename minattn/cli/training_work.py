"""What each command does, without the parsing and most of the printing."""

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from .. import __version__
from ..backend import get_device
from ..errors import InputError, RunError
from ..models import ReconstructionConfig, ReconstructionModel
from ..pretrained import EncoderConfig
from ..pretrained.finetune import (
    EPOCHS,
    FINE_TUNING,
    NEW_HEAD_LR,
    find_pretrained,
    freeze,
    frozen_of,
    frozen_parts,
    open_pretrained,
    prepare_model_folder,
    pretrained_config,
)
from ..pretrained.masked_lm import MaskedLM
from ..runs import MODEL, Run, read_json, write_atomically
from ..terminal import Interrupt, Progress, clock
from ..text import WordPiece, read_pieces, split_pieces
from ..training import (
    Data,
    Model,
    Restoration,
    Score,
    Source,
    Start,
    Trainer,
    TrainingConfig,
    check_memory,
    check_trainable,
    choose_tokenizer,
    described,
    find_text,
    fingerprint,
    load_data,
    load_model,
    model_config,
    restore,
    source,
    text_of,
    training_config,
    unfilled_model,
)
from .run_figures import HEADS, draw_run, example

REPORT = "report.json"
STOPPING = "stopping after this step or scoring, and saving; Ctrl-C again stops at once, without saving"
OF_A_NEW_MODEL = ("vocab_size", "layers", "width", "heads", "positions")
"""Options that a pretrained model has settled."""


@dataclass(frozen=True)
class Done:
    """How a training ended: at its last step or before, and the result as JSON can hold it."""

    finished: bool
    result: dict[str, Any]


def train_job(name: str, given: dict[str, Any], device: str, stream: TextIO) -> Done:
    """Start a training. given: the options that were set, by name. Progress is written to the stream.

    Everything that can be refused is refused before the run folder is made.
    """
    if "from" in given:
        return finetune_job(name, given, device, stream)
    if "freeze" in given:
        raise InputError("--freeze keeps parts of a pretrained model as they are; say with --from which model")
    training = _training(given)
    sizes: dict[str, Any] = {key: given[key] for key in OF_A_NEW_MODEL[1:] if key in given}
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
    run = _create(given, source(name, text), {"model": asdict(model), "training": asdict(training)}, tokenizer)
    with run.locked():
        return _train(Trainer(model, training, data, run, device), data, stream)


def finetune_job(name: str, given: dict[str, Any], device: str, stream: TextIO) -> Done:
    """Go on with the pretrained model in the folder given["from"]; otherwise as `train_job`."""
    if settled := [option for option in OF_A_NEW_MODEL if option in given]:
        option = settled[0].replace("_", "-")
        raise InputError(f"--{option} is for a new model and cannot be given with --from, whose model has its own")
    training = _training(FINE_TUNING | given)
    get_device(device)
    text, folder = find_text(name), find_pretrained(given["from"])
    split_pieces(read_pieces(text))
    config = pretrained_config(folder)
    frozen = frozen_parts(given.get("freeze", ""), config.layers)
    check_memory(config, frozen)
    model, tokenizer, head_is_new = open_pretrained(folder, lambda line: print(line, file=stream, flush=True))
    freeze(model, frozen)
    data = load_data(text, tokenizer, config.max_tokens)
    check_trainable(data, training)
    if "lr" not in given and head_is_new:
        training = replace(training, lr=NEW_HEAD_LR)
    if "steps" not in given:
        training = replace(training, steps=EPOCHS * -(-len(data.training) // training.batch))
    start = Start(str(folder.resolve()), given.get("freeze", ""))
    parts = {"from": asdict(start), "model": described(model), "training": asdict(training)}
    run = _create(given, source(name, text), parts, tokenizer)
    with run.locked():
        with run.undone_unless_saved():
            trainer = Trainer(model, training, data, run, device)
            prepare_model_folder(run, folder, tokenizer)
            trainer.save()  # so that the run can go on without the folder
        return _train(trainer, data, stream)


def resume_job(folder: str, given: dict[str, Any], device: str, stream: TextIO) -> Done:
    """Go on with a run. given: steps, save_every and threads, where they are to change."""
    run = Run.open(folder)
    config, before, text_was, frozen = model_config(run), training_config(run), text_of(run), frozen_of(run)
    training = replace(before, **given)
    saved = run.saved_steps()
    if isinstance(config, EncoderConfig) and not saved:
        early = "was stopped before its pretrained weights were saved"
        raise InputError(f"{run.folder} {early}; remove it and start anew with --from")
    newest = max(saved, default=0)
    if training.steps < newest:
        raise InputError(f"{run.folder} is at step {newest:,} already; --steps must be more than that")
    if training.steps == newest and _is_reported(run, newest):
        raise InputError(f"{run.folder} is finished at step {newest:,}; --steps {2 * newest} would go on")
    text = find_text(text_was.name)
    if fingerprint(text) != text_was.sha256:
        raise InputError(
            f"{text} has changed since {run.folder} was trained on it; put the old text back, or start anew"
        )
    data = load_data(text, WordPiece(run.tokenizer_json, f"{run.folder}/tokenizer.json"), config.max_tokens)
    check_trainable(data, training)
    check_memory(config, frozen)
    model: ReconstructionConfig | Model
    if isinstance(config, ReconstructionConfig):
        model = config
    else:
        model = unfilled_model(run)
        freeze(model, frozen)
    with run.locked():
        trainer = Trainer(model, training, data, run, device)
        trainer.resume()
        if training != before:
            run.reconfigure(run.config | {"training": asdict(training)})
        return _train(trainer, data, stream)


def reconstruct_job(folder: str | Path, text: str, draw: bool) -> tuple[Restoration, Path | None]:
    """Restore a text with a run; draw: also draw the attention maps, into the run's figures."""
    run = Run.open(folder)
    model, tokenizer = load_model(run)
    restoration = restore(model, tokenizer, text)
    if not (draw and restoration.attention):
        return restoration, None
    from ..show import attention_maps, save_figure

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
    frozen_of(run), training_config(run), text_of(run)  # refuses a config.json that does not describe a run
    report = run.folder / REPORT
    return run.info() | {"table": read_json(report).get("table") if report.exists() else None}


def _training(given: dict[str, Any]) -> TrainingConfig:
    return TrainingConfig(**{key: given[key] for key in TrainingConfig.__dataclass_fields__ if key in given})


def _create(given: dict[str, Any], text: Source, parts: dict[str, Any], tokenizer: WordPiece) -> Run:
    """Make the run folder that was asked for, or one that is called by the time."""
    folder = given.get("out") or time.strftime("runs/%Y-%m-%d-%H%M%S")
    return Run.create(folder, {"minattn": __version__, "text": asdict(text), **parts}, tokenizer.to_json())


def _train(trainer: Trainer, data: Data, stream: TextIO) -> Done:
    def say(line: str) -> None:
        print(line, file=stream, flush=True)

    run, model = trainer.run, trainer.model
    started = time.monotonic()
    count = sum(parameter.size for parameter in model.parameters())
    trained = sum(parameter.size for parameter in trainer.optimizer.parameters.values())
    still = f", of which {trained:,} train" if trained < count else ""
    pieces = data.tokenizer.vocab_size
    say(f"{len(data.training):,} sentences, {data.tokens:,} tokens; {pieces:,} pieces; {count:,} parameters{still}")
    if data.cut:
        say(f"{data.cut:,} sentences are longer than {model.config.max_tokens} tokens and were cut into parts")
    if data.unknown:
        say(f"lost as [UNK], being too long or with letters that the vocabulary lacks: {data.unknown:,} words")
    say(f"run folder: {run.folder}" + (f", from step {trainer.step:,}" if trainer.step else ""))
    finished = False
    with Interrupt(lambda: say("\n" * stream.isatty() + STOPPING)) as interrupt:  # below the line of the progress
        _score_start(trainer, say)
        progress = Progress(trainer.config.steps, trainer.step, stream)
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


def _score_start(trainer: Trainer, say: Callable[[str], None]) -> None:
    """Score a pretrained model as it came, before its first step, and log that as step 0."""
    if isinstance(trainer.model, ReconstructionModel) or trainer.step or _start_score(trainer.run):
        return
    say("scoring the model as it is, on held-out text …")
    with trainer.threads() as threads:
        score = trainer.held_out.score(trainer.model, threads=threads)
    copied, filled = ("-" if s is None else f"{s:.2%}" for s in (score.copied, score.blanks_filled))
    say(f"before fine-tuning: copied {copied}, blanks filled {filled}")
    trainer.run.log({"step": 0, **asdict(score)})


def _start_score(run: Run) -> Score | None:
    """What a pretrained model scored as it came, which was logged as step 0; None where nothing was."""
    rows = [row for row in run.metrics()[:1] if row.get("step") == 0]
    return Score(rows[0]["copied"], rows[0]["blanks_filled"]) if rows else None


def _report(trainer: Trainer, data: Data, say: Callable[[str], None]) -> Done:
    """Score a trained model, draw its figures, and write the report."""
    run, model = trainer.run, trainer.model
    say("scoring on held-out text …")
    untrained, start = None, _start_score(run)
    if isinstance(model, ReconstructionModel):
        untrained = ReconstructionModel(model.config, generator=np.random.default_rng(trainer.config.seed))
        untrained.to(trainer.device.name)
    scores = {} if start is None else {"before fine-tuning": start}
    with trainer.threads() as threads:
        scores |= trainer.held_out.compare(model, untrained, data.training, threads)
    table = trainer.held_out.table(scores)
    say("\n" + table)
    result = {
        "run": str(run.folder),
        "step": trainer.step,
        "finished": True,
        "held_out": trainer.held_out.to_dict(scores),
    }
    if isinstance(model, MaskedLM):
        model.save_pretrained(run.folder / MODEL)
        say(f"\nthe model, for --from and for transformers: {run.folder / MODEL}")
    say("\ndrawing figures …")
    figures = draw_run(run, data)
    # The report comes last: without it, the run is not finished, and resuming makes up for what is missing.
    write_atomically(run.folder / REPORT, json.dumps(result | {"table": table}, indent=1, ensure_ascii=False) + "\n")
    say(f"figures: {', '.join(path.name for path in figures if path.suffix == '.png')} in {run.figures_folder}")
    say(f'next: minattn reconstruct "{example(data)}" --run {shlex.quote(str(run.folder))}')
    return Done(True, result | {"figures": [str(path) for path in figures]})


def _is_reported(run: Run, step: int) -> bool:
    """Whether a training that ended at a step also left its table and figures."""
    report = run.folder / REPORT
    return report.exists() and read_json(report).get("step") == step
