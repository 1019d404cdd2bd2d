"""A run that is on the disk, opened to be used."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Self, TextIO, get_type_hints

from ..errors import InputError
from ..parallel import Threads
from ..runs import Run
from .evaluation import BLANKED, HeldOut, ScoreTable
from .restore import Restoration, load_model, restore
from .run_config import training_config
from .start_and_resume import RESUME_OPTIONS, TrainOptions, data_of_run, resume_training
from .train_and_report import TrainingOutcome, score_run
from .trainer import FEWER_BLANKED


class TrainedRun:
    """A run whose model can restore text, be scored and be trained further.

    run         its folder and what is in it
    model       the model of its best checkpoint, with dropout off
    tokenizer   the one that the model was trained with
    """

    def __init__(self, run: Run, scores: ScoreTable | None = None) -> None:
        self.run = run
        self.model, self.tokenizer = load_model(run)
        self._scores = scores

    def __repr__(self) -> str:
        best = "" if self.best_step == self.step else f", best {self.best_step:,}"
        return f"TrainedRun({str(self.run.folder)!r}, step {self.step:,} of {training_config(self.run).steps:,}{best})"

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Self:
        """Open a run folder. Raises InputError for what is not one, is damaged, or has no checkpoint yet."""
        return cls(Run.open(folder))

    @property
    def step(self) -> int:
        """The step of the newest checkpoint, from which `resume` goes on."""
        return self.run.saved_steps()[-1]

    @property
    def best_step(self) -> int:
        """The step of the best checkpoint, whose model this is."""
        return self.run.best_step() or 0

    def restore(self, text: str, best: int = 5) -> Restoration:
        """Give a text to the model and see what comes back; [MASK] in it stands for a blank.

        Args:
            best: how many of the most probable pieces to tell for each token
        Returns: a Restoration, which prints as a table.
        Raises: InputError for a text without words or with more tokens than the model has positions.
        """
        return restore(self.model, self.tokenizer, text, best)

    def score(self) -> ScoreTable:
        """Score the model on the part of its text that it was not trained on, beside what it has to beat.

        Returns: a ScoreTable, which prints as a table; `run.score()["trained"].blanks_filled` is a number of it.
        Raises: InputError where the text is gone or has changed.
        """
        if self._scores is None:
            training, data = training_config(self.run), data_of_run(self.run)
            blanked = FEWER_BLANKED if self.model.learns_from_blanks else BLANKED
            held_out = HeldOut(data.held_out, data.tokenizer, training.blanks or 0.15, blanked)
            with Threads(training.threads) as threads:
                self._scores = score_run(self.run, self.model, data, held_out, training.seed, threads)
        return self._scores

    def resume(self, *, device: str = "cpu", progress: bool = True, **options: int) -> Self:
        """Go on with the training, and with the model as it is then.

        Args:
            device: "cpu" or "gpu"
            progress: show it on standard error
            options: steps (the last one), save_every and threads, where they are to change
        Returns: this run.
        Raises: InputError where there is nothing to go on with; KeyboardInterrupt where Ctrl-C stopped it, saved.
        """
        check_options("resume", options, RESUME_OPTIONS)
        with progress_stream(progress) as stream:
            outcome = resume_training(self.run.folder, options, device, stream)
        self.__dict__.update(vars(opened(outcome)))
        return self


def opened(outcome: TrainingOutcome) -> TrainedRun:
    """The run of a training that has just ended. Raises KeyboardInterrupt where it was stopped."""
    if outcome.scores is None:
        raise KeyboardInterrupt(f"stopped at step {outcome.step}")
    return TrainedRun(Run.open(outcome.run.folder), outcome.scores)


def check_options(function: str, options: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Refuse options with another name, and values of another type than TrainOptions says."""
    types = get_type_hints(TrainOptions)
    for name, value in options.items():
        if name not in known:
            raise TypeError(f"{function}: unknown option {name!r}; known are {', '.join(known)}")
        fits = name == "out" or type(value) is types[name] or (types[name] is float and type(value) is int)
        if not fits:
            raise InputError(f"{function}: {name} must be of type {types[name].__name__}, got {value!r}")


@contextlib.contextmanager
def progress_stream(progress: bool) -> Iterator[TextIO]:
    """Standard error, or nowhere."""
    if progress:
        yield sys.stderr
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        yield nowhere
