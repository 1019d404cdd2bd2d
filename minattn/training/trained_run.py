"""Using a run that is on the disk: give it a text and get the text back, score it, and train it further."""

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TextIO, get_type_hints

import numpy as np

from ..backend import to_host
from ..errors import InputError
from ..functional import softmax
from ..parallel import Threads
from ..runs import Run
from ..tensor import no_grad
from ..terminal import UNLIMITED, table_lines
from ..text import WordPiece, no_blanks
from ..trace import finite_results
from .evaluation import BLANKED, HeldOut, ScoreTable
from .model import Model
from .run_config import model_config, model_kind, training_config
from .settings import check_size
from .start_and_resume import RESUME_OPTIONS, TrainOptions, data_of_run, resume_training
from .train_and_report import TrainingOutcome, score_run
from .trainer import FEWER_BLANKED


@dataclass(frozen=True)
class Restoration:
    """A text as a model restored it, which prints as a table; lists have an item a token, [CLS] and [SEP] included.

    given, restored   pieces that went in and came out
    confidence        the probability of each restored piece
    best              the most probable pieces at each position with their probabilities
    attention         an array (H, T, T) a layer: how much each token (row) looked at each token
    text              what came out, as text
    lost              words that the vocabulary lacks; they went in as [UNK]
    note              a sentence about what looks like a blank but is none; "" where nothing does
    """

    given: list[str]
    restored: list[str]
    confidence: list[float]
    best: list[list[tuple[str, float]]]
    attention: list[np.ndarray[Any, np.dtype[Any]]]
    text: str
    lost: list[str]
    note: str = ""

    def looked_at(self, position: int, most: int = 3) -> list[tuple[str, float]]:
        """The tokens that one position looked at most, in the mean over the heads of the last layer."""
        if not self.attention:
            return []
        weights = self.attention[-1].mean(axis=0)[position]
        return [(self.given[i], float(weights[i])) for i in np.argsort(-weights, kind="stable")[:most]]

    def rows(self) -> list[tuple[str, ...]]:
        """The rows of a table, the first of which names its columns."""
        rows: list[tuple[str, ...]] = [("given", "restored", "confidence", "looked at most")]
        for i, (given, restored) in enumerate(zip(self.given, self.restored, strict=True)):
            looked = ", ".join(f"{token} {weight:.0%}" for token, weight in self.looked_at(i))
            rows.append((given, restored, f"{self.confidence[i]:.1%}", looked))
        return rows

    def __str__(self) -> str:
        lines = table_lines(self.rows(), UNLIMITED)
        for given, best in zip(self.given, self.best, strict=True):
            if given == "[MASK]":
                lines += ["", "blank: " + ", ".join(f"{token} {probability:.1%}" for token, probability in best)]
        lines += ["", self.text]
        if self.lost:
            lines.append(f"lost, because the vocabulary lacks their letters: {' '.join(self.lost)}")
        lines += [self.note] if self.note else []
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """The same for programs; the attention maps are left out."""
        tokens = [
            {
                "given": given,
                "restored": self.restored[i],
                "confidence": self.confidence[i],
                "best": [{"token": token, "probability": p} for token, p in self.best[i]],
                "looked_at": [{"token": token, "weight": weight} for token, weight in self.looked_at(i)],
            }
            for i, given in enumerate(self.given)
        ]
        return {"text": self.text, "lost": self.lost, "tokens": tokens}


def load_model(run: Run) -> tuple[Model, WordPiece]:
    """The model of a run's best checkpoint, ready for use, and its tokenizer.

    Raises InputError if the run is damaged.
    """
    config = model_config(run)
    check_size(config, run.count_weights(), f"{run.folder}/config.json: model")
    model = model_kind(run).build(config, seed=0)
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    weights = run.load(shapes, best=True).weights
    try:
        model.load_state_dict(weights)
    except ValueError as error:
        raise InputError(f"{run.folder}: the checkpoint does not fit the model: {error}") from None
    model.eval()
    tokenizer = WordPiece(run.tokenizer_json, f"{run.folder}/tokenizer.json")
    if tokenizer.vocab_size != model.config.vocab_size:
        raise InputError(
            f"{run.folder}: the tokenizer has {tokenizer.vocab_size} pieces, "
            f"but the model was made for {model.config.vocab_size}"
        )
    return model, tokenizer


def restore(model: Model, tokenizer: WordPiece, text: str, best: int = 5) -> Restoration:
    """Give a text to a model and see what comes back; [MASK] in it stands for a blank.

    Raises InputError for a text without words or with more tokens than the model has positions.
    """
    ids = tokenizer.encode(text, blanks=True)
    if len(ids) <= 2:
        raise InputError('the text is empty; try minattn reconstruct "The old [MASK] slept by the fire."')
    if len(ids) > model.config.max_tokens:
        raise InputError(
            f"the text has {len(ids)} tokens, but this model has {model.config.max_tokens} positions; give it a part"
        )
    return replace(
        restore_ids(model, tokenizer, ids, best), lost=tokenizer.lost(text, blanks=True), note=no_blanks(text)
    )


def restore_ids(model: Model, tokenizer: WordPiece, ids: list[int], best: int = 5) -> Restoration:
    """The same for ids, [CLS] first and [SEP] last, at most as many as the model has positions."""
    batch = np.array([ids])
    with no_grad(), model.evaluating(), finite_results() as finite:
        probabilities = finite(to_host(softmax(model.logits(batch), -1).data[0]))
        attention = [to_host(weights[0]) for weights in model.attention_maps(batch)]
    order = np.argsort(-probabilities, axis=-1, kind="stable")[:, :best]
    pieces = tokenizer.pieces
    return Restoration(
        given=[pieces[i] for i in ids],
        restored=[pieces[row[0]] for row in order],
        confidence=[float(p[row[0]]) for p, row in zip(probabilities, order, strict=True)],
        best=[[(pieces[i], float(p[i])) for i in row] for p, row in zip(probabilities, order, strict=True)],
        attention=attention,
        text=tokenizer.decode(order[:, 0].tolist()),
        lost=[],
    )


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
            held_out = HeldOut(data.held_out, data.tokenizer, blanked=blanked)
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


def progress_stream(progress: bool) -> contextlib.AbstractContextManager[TextIO]:
    """Standard error, or nowhere, for a `with`."""
    return contextlib.nullcontext(sys.stderr) if progress else open(os.devnull, "w", encoding="utf-8")
