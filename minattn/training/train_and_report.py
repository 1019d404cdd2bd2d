"""A training to its end with everything a user sees of it: progress, the table of the held-out text, the report."""

import contextlib
import json
import os
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from ..errors import RunError
from ..parallel import Threads, joined
from ..runs import MODEL, Run, read_json, write_atomically
from ..terminal import Interrupt, Progress, Stopped, clock, print_command, print_wrapped
from .counting import in_memory
from .data import Data
from .evaluation import HeldOut, Score, ScoreTable
from .model import Model
from .run_config import model_config, model_kind, text_file, training_config
from .settings import SMALL
from .trainer import Best, Trainer

REPORT = "report.json"
STOPPING = "stopping and saving after this step or scoring; Ctrl-C again: at once, unsaved"

FELL, HARMS = 0.01, 0.005
"""By how much copying has to fall, and attention to do harm, before it is said; less can be chance in a small text."""

Draw = Callable[[Run, Data, ScoreTable], list[Path]]
"""Draws the figures of a run that is trained, and says which files it wrote."""


@dataclass(frozen=True)
class TrainingOutcome:
    """How a training ended.

    step: the last one that was made. scores: on held-out text; None where the training was stopped before its last step
    signal: the number of the one that stopped it; 0 for none
    """

    run: Run
    data: Data
    step: int
    scores: ScoreTable | None = None
    figures: list[Path] = field(default_factory=list)
    signal: int = 0

    @property
    def finished(self) -> bool:
        """Whether the training reached its last step."""
        return self.scores is not None

    def to_dict(self) -> dict[str, Any]:
        """The same for programs."""
        told = {"run": str(self.run.folder), "step": self.step, "finished": self.finished}
        if self.scores is None:
            return told
        return told | {"best_step": self.run.best_step(), "held_out": self.scores.to_dict()}


def train_and_report(trainer: Trainer, data: Data, stream: TextIO, draw: Draw | None = None) -> TrainingOutcome:
    """Train to the last step, or until a signal; then score the model on held-out text and write the report.

    Args:
        stream: where progress goes
        draw: draws the figures, if there shall be some
    Raises: RunError where the numbers are no longer finite or the disk refuses; KeyboardInterrupt at a second Ctrl-C.
    """

    def say(line: str) -> None:
        print_wrapped(line, stream=stream)

    run, started = trainer.run, time.monotonic()
    _introduce(trainer, data, say)
    finished, progress = False, Progress(trainer.config.steps, trainer.step, stream)
    with Interrupt(lambda: progress.note(STOPPING)) as interrupt:
        if not model_kind(run).starts_from_seed and trainer.step == 0 and _first_score(run) is None:
            _score_first(trainer, say)
            progress.started = time.monotonic()
        try:
            finished = trainer.train(progress.show, lambda: bool(interrupt.requested))
        except OSError:  # nobody takes the progress any more
            trainer.save()
            if not interrupt.requested:
                raise
        finally:
            if not finished:
                with contextlib.suppress(OSError):
                    progress.end()
    name = shlex.quote(str(run.folder))
    if not finished:
        with contextlib.suppress(OSError):  # the terminal may be closed
            print_command(
                f"stopped and saved at step {trainer.step:,}; go on with: ", f"minattn train --resume {name}", stream
            )
        return TrainingOutcome(run, data, trainer.step, signal=interrupt.requested)
    try:
        if interrupt.requested:  # in the last step
            raise Stopped(interrupt.requested)
        say(f"trained in {clock(time.monotonic() - started)}")
        trainer.use_best()
        return _report(trainer, data, say, draw)
    except KeyboardInterrupt as error:
        number = error.number if isinstance(error, Stopped) else signal.SIGINT
        more = f"; the model is saved, for its table and figures: minattn train --resume {name}"
        raise Stopped(number, more) from None


def score_run(
    run: Run, model: Model, data: Data, held_out: HeldOut, seed: int, threads: Threads, device: str = "cpu"
) -> ScoreTable:
    """The scores of a trained model beside what it has to beat; of a pretrained one also what it scored as it came.

    Raises RunError where the model gives NaN or Inf.
    """
    kind, first = model_kind(run), _first_score(run)
    untrained = kind.build(model.config, seed).to(device) if kind.starts_from_seed else None
    scores = {} if first is None else {"before fine-tuning": first}
    try:
        scores |= held_out.compare(model, untrained, data.training, threads)
        return held_out.table(scores, None if model.learns_from_blanks else held_out.pieces_copied(model, threads))
    except FloatingPointError as error:
        raise RunError(f"{run.folder}: the model cannot be scored: {error}") from None


def remarks(rows: Sequence[Mapping[str, Any]], best: Best | None, scores: ScoreTable, copies: bool) -> Iterator[str]:
    """What a user should know of a training, a sentence each: nothing where it went as it should.

    Args:
        rows: of metrics.jsonl, to the last step
        best: the step whose model was scored
        scores: of that model
        copies: whether it is trained to copy, and not to fill blanks alone
    """
    rows = [row for row in rows if "step" in row]
    last = rows[-1] if rows else {}
    restored = {row["step"]: row["held_back"] for row in rows if "held_back" in row}
    if best is not None and best.step < last.get("step", 0) and {best.step, last["step"]} <= restored.keys():
        yield (
            f"the model is that of step {best.step:,}, which restored {restored[best.step]:.1%} of the held-back text, "
            f"the last step {restored[last['step']]:.1%}"
        )
    copied = [(row["copied"], row["step"]) for row in rows if row.get("copied") is not None]
    if copies and copied and max(copied)[0] - copied[-1][0] > FELL:
        (highest, at), (share, step) = max(copied), copied[-1]
        yield (
            f"copying of held-out tokens fell from {highest:.1%} at step {at:,} to {share:.1%} at step {step:,}: "
            "the model learned its text by heart; fewer --steps or more text would help"
        )
    on, off = scores["trained"], scores["trained, attention switched off"]
    counted = scores.scores.get("both neighbours, counted", Score(None, None)).blanks_filled
    if counted is not None and on.blanks_filled is not None and counted - on.blanks_filled > HARMS:
        yield (
            f"counting both neighbours fills more blanks, {counted:.1%} instead of {on.blanks_filled:.1%}: the model "
            "learned less than what stands in the text; more --steps or --minutes, or more text would help"
        )
    shares = [("copies", on.copied, off.copied)] * copies + [("fills", on.blanks_filled, off.blanks_filled)]
    for does, with_it, without in shares:
        if with_it is not None and without is not None and without - with_it > HARMS:
            yield (
                f"with attention switched off the model {does} more, {without:.1%} instead of {with_it:.1%}: "
                "what its attention learned does not hold for other text; more text would help"
            )


def is_reported(run: Run, step: int) -> bool:
    """Whether a training that ended at a step also left its table and figures."""
    told = _read_report(run).get("step")
    return type(told) is int and told == step


def run_information(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """What is in a run, as `Run.info` says, and the table of its last training if there is one.

    Raises: InputError for what is not a run, and a config.json that is damaged.
    """
    run = Run.open(folder)
    model_kind(run).frozen_parts(run, model_config(run)), training_config(run), text_file(run)
    table = _read_report(run).get("table")
    return run.info() | {"table": table if isinstance(table, str) else None}


def _read_report(run: Run) -> dict[str, Any]:
    """What the last training that came to its end left; {} where none did."""
    path = run.folder / REPORT
    return read_json(path) if path.exists() else {}


def _introduce(trainer: Trainer, data: Data, say: Callable[[str], None]) -> None:
    """Say what is trained on what, and what of the text is cut or lost."""
    count = sum(parameter.size for parameter in trainer.model.parameters())
    trained = sum(parameter.size for parameter in trainer.optimizer.parameters.values())
    some = f", of which {trained:,} train" if trained < count else ""
    pieces = data.tokenizer.vocab_size
    held_out = f"{len(data.held_out):,} sentences held out"
    say(f"{len(data.training):,} sentences, {data.tokens:,} tokens to train on; {held_out}")
    if data.repeated:
        say(f"{data.repeated:,} more could be held out, but are left out: they are in the training part as well")
    say(f"{pieces:,} pieces; {count:,} parameters{some}")
    if data.cut:
        limit = trainer.model.config.max_tokens
        say(f"{data.cut:,} sentences are longer than {limit} tokens and were cut into parts")
    if data.unknown:
        say(f"lost as [UNK], being too long or with letters that the vocabulary lacks: {data.unknown:,} words")
    if trainer.held_back is not None:
        say(f"{trainer.held_back.sentences:,} of the sentences are held back, to choose the best step by them")
    if len(data.training) < SMALL:
        say(f"the text is very small: from fewer than {SMALL} sentences a model learns to copy, hardly to fill blanks")
    for line in _who_works(trainer):
        say(line)
    say(f"run folder: {trainer.run.folder}" + (f", from step {trainer.step:,}" if trainer.step else ""))


def _who_works(trainer: Trainer) -> Iterator[str]:
    """What there is to say of those that share a batch: nothing where each of several threads has a part or more."""
    parts, ranks, each = trainer.config.parts, joined(), trainer.threads().count
    workers = each * (ranks.size if ranks else 1)
    if ranks:
        same = f"the bits are those of --parts {parts} on one process"
        yield f"{ranks.size:,} ranks of {each:,} {'process' if each == 1 else 'processes'}; {same}"
    if workers > parts:
        all_work = f"--parts {workers} would let all of them work, and move the last digits"
        yield f"a batch has {parts:,} {'part' if parts == 1 else 'parts'}, for {workers:,} workers; {all_work}"


def _score_first(trainer: Trainer, say: Callable[[str], None]) -> None:
    """Score a pretrained model as it came, before its first step, and log that as step 0."""
    say("scoring the model as it is, on held-out text …")
    with trainer.threads() as threads:
        score = trainer.held_out.score(trainer.model, threads=threads)
    copied, filled = score.shares()
    say(f"before fine-tuning: copied {copied}, blanks filled {filled}")
    trainer.run.log({"step": 0, **asdict(score)})


def _first_score(run: Run) -> Score | None:
    """What a pretrained model scored as it came, which was logged as step 0; None where nothing was."""
    rows = [row for row in run.metrics()[:1] if row.get("step") == 0]
    return Score(rows[0].get("copied"), rows[0].get("blanks_filled")) if rows else None


def _report(trainer: Trainer, data: Data, say: Callable[[str], None], draw: Draw | None) -> TrainingOutcome:
    """Score a trained model, draw its figures, and write the report."""
    run, model = trainer.run, trainer.model
    say("scoring on held-out text …")
    if (counted := len(in_memory(data.training))) < len(data.training):
        say(f"what is counted is counted in {counted:,} of the sentences to train on, evenly spread")
    with trainer.threads() as threads:
        scores = score_run(run, model, data, trainer.held_out, trainer.config.seed, threads, trainer.device.name)
    say(f"\n{scores}")
    for remark in remarks(run.metrics(), trainer.best, scores, copies=not model.learns_from_blanks):
        say(f"\n{remark}")
    if model_kind(run).save_model(model, run.folder / MODEL):
        say(f"\nthe model, for --from and for transformers: {run.folder / MODEL}")
    if draw is not None:
        say("\ndrawing figures …")
    outcome = TrainingOutcome(run, data, trainer.step, scores, draw(run, data, scores) if draw is not None else [])
    # The report comes last: without it, the run is not finished, and resuming makes up for what is missing.
    report = outcome.to_dict() | {"table": str(scores)}
    write_atomically(run.folder / REPORT, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    return outcome
