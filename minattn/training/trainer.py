"""A whole training: the steps, what is measured and logged between them, and how they are saved."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Array, get_device, to_host
from ..errors import InputError, RunError
from ..fast import flat_optimizer_of
from ..models import ReconstructionConfig, ReconstructionModel
from ..ops.kernels import textbook
from ..optim import AdamW, learning_rate
from ..parallel import RankCrew, Ranks, Shared, Threads, share_batches
from ..runs import Checkpoint, Run, from_json
from ..text import Batch, Batches
from ..trace import is_finite
from .data import Data, hold_back
from .evaluation import BLANKED, HeldOut
from .model import Model
from .run_config import model_config, model_kind
from .settings import TrainingConfig
from .step import train_step

EVALUATIONS = 10
"""How many times in a training the model is scored."""

FEWER_EVALUATIONS, FEWER_BLANKED = 5, 2000
"""The same for a model that learns from blanks alone, and its sentences with blanks: each takes longer to score."""

CHANCE = 0.005
"""Scores on held-back text that differ by less count as equal: the best step is then the later, whose rate is lower."""

COPIES_STREAM, DROPOUT_STREAM = 4, 3
"""Keeps the random numbers of dropout apart from those of the batches, which are drawn from the same seed and step."""


def optimizer_of(model: Model, training: TrainingConfig) -> AdamW:
    """The optimizer of those parameters of a model that have requires_grad."""
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [(name, p) for name, p in trained if p.ndim > 1]},
        # biases and norms: to shrink them helps nobody
        {"params": [(name, p) for name, p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return AdamW(groups, training.lr, betas=(0.9, 0.98), weight_decay=training.weight_decay)


@dataclass(frozen=True)
class Best:
    """The best step of a training until now, and the highest share of the held-back text restored until now."""

    step: int
    score: float


class Trainer:
    """A model in training: everything that changes from step to step, and how it is saved.

    A part of the training text is held back. Now and then the model is scored on it, and the checkpoint of the step
    that scores best is kept beside the newest: the best one is for use, the newest one to go on from.

    A step depends on the seed, its number, the number of parts, the parameters and the optimizer's state alone; hence
    a training that was saved and resumed continues bit for bit, on any number of threads.

    Args:
        model: the one to go on with, in which parameters without requires_grad are frozen; or that of a new one
    """

    def __init__(
        self, model: ReconstructionConfig | Model, training: TrainingConfig, data: Data, run: Run, device: str = "cpu"
    ) -> None:
        self.config, self.run, self.device = training, run, get_device(device)
        if isinstance(model, ReconstructionConfig):
            model = ReconstructionModel(model, generator=np.random.default_rng(training.seed))
        self.model: Model = model.to(device)
        self.optimizer = optimizer_of(self.model, training)
        learned, held_back = hold_back(data.training, training.batch)
        copies = not self.model.learns_from_blanks
        self.batches = Batches(
            *(learned, data.tokenizer, training.batch, training.blanks, training.seed),
            mask_only=training.swapped is not None,
            swapped=training.swapped or 0.0,
        )
        blanked = BLANKED if copies else FEWER_BLANKED
        self.held_out = HeldOut(data.held_out, data.tokenizer, blanked=blanked)
        self.held_back = HeldOut(held_back, data.tokenizer, blanked=blanked // 5) if held_back else None
        self.mask_id = data.tokenizer.mask_id
        self.share_batches = share_batches
        self.step = 0
        self.best: Best | None = None

    def train(
        self, report: Callable[[dict[str, Any]], None] = lambda row: None, stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Train to the last step, saving on the way and at the end.

        Args:
            report: called with the row of each step that goes into metrics.jsonl
            stop: asked before each step; True saves and ends

        Returns:
            Whether the last step was reached.

        Raises:
            RunError: The loss, a gradient or a weight is no longer finite; what was saved before stays.
        """
        steps = self.config.steps
        every = max(steps // (FEWER_EVALUATIONS if self.model.learns_from_blanks else EVALUATIONS), 1)
        self.model.train()
        try:
            with (
                np.errstate(all="ignore"),  # NaN and Inf are looked for, and reported once
                self.threads() as threads,
                self.shared(threads) as shared,
            ):
                while self.step < steps and not stop():
                    row = self.train_step(self.batches.at(self.step), shared)
                    if self.step % every == 0 or self.step == steps:
                        row |= self.evaluate(threads)
                    self.run.log(row)
                    is_best = self.best is not None and self.best.step == self.step
                    if (is_best or self.step % self.config.save_every == 0) and self.step < steps:
                        shared.collect()
                        self.save()
                    report(row)
                shared.collect()
                self.save()
        except FloatingPointError as error:
            saved = self.run.saved_steps()
            kept = f"the checkpoint of step {saved[-1]} is kept" if saved else "no checkpoint was saved before"
            raise RunError(f"training stopped at step {self.step}: {error}; {kept}; try a lower --lr") from None
        return self.step >= steps

    def shared(self, threads: Threads) -> AbstractContextManager[Shared]:
        """What the steps work with inside its `with`."""
        description = {"folder": str(self.run.folder), "config": self.run.config, "training": asdict(self.config)}
        return self.share_batches(self.model, self.optimizer, threads, self.config.parts, description=description)

    def threads(self) -> Threads:
        """Those that the settings ask for; one on a GPU, which has its own."""
        return Threads(self.config.threads if self.device.name == "cpu" else 1)

    def train_step(self, batch: Batch, shared: Shared) -> dict[str, Any]:
        """One step on one batch, at this step's learning rate; returns step, loss, lr and tokens_per_second."""
        started = time.perf_counter()
        lr = learning_rate(self.step, self.config.steps, self.config.lr, round(self.config.warmup * self.config.steps))
        self.step += 1
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        shared.seed_dropout([self.config.seed, self.step, DROPOUT_STREAM])
        ids, mask, targets = map(self.device.from_host, (batch.ids, batch.attention_mask, self.targets(batch)))
        loss = train_step(shared.model, shared.optimizer, ids, mask, targets, self.config.clip)
        return {
            "step": self.step,
            "loss": loss,
            "lr": lr,
            "tokens_per_second": round(int(batch.attention_mask.sum()) / (time.perf_counter() - started)),
        }

    def evaluate(self, threads: Threads) -> dict[str, Any]:
        """Score the model at this step, and note whether it is the best until now.

        Returns what is logged: copied and blanks_filled of the held-out text, an example of it in words; held_back, by
        which the best is found.
        """
        score = self.held_out.score(self.model, draws=1, threads=threads)
        row: dict[str, Any] = {"copied": score.copied, "blanks_filled": score.blanks_filled}
        if example := self.held_out.example(self.model):
            row["example"] = example
        if self.held_back is None:
            return row
        blanks = self.config.blanks
        if self.model.learns_from_blanks and blanks:
            blanks = 1.0
        restored = self.held_back.score(self.model, threads=threads).restored(blanks)
        highest = max(restored, self.best.score if self.best else 0.0)
        if self.best is None or restored >= highest - CHANCE:
            self.best = Best(self.step, highest)
        return row | {"held_back": restored}

    def targets(self, batch: Batch) -> Array:
        """What the model has to give back.

        A model that learns from blanks restores them alone (Devlin et al., 2019, section 3.1). Any other restores the
        tokens under [MASK], and copies a share of those that it sees. A token that stands there by chance is copied as
        well: that teaches every piece of the vocabulary, and not to believe what is likely more than what is there.
        """
        if not self.model.learns_from_blanks:
            rng = np.random.default_rng([self.config.seed, self.step, COPIES_STREAM])
            share = self.config.copies if batch.blanked.any() else 1.0
            wanted = batch.attention_mask & (batch.blanked | (rng.random(batch.ids.shape) < share))
            return np.where(wanted, np.where(batch.ids == self.mask_id, batch.targets, batch.ids), -100)
        return np.where(batch.blanked, batch.targets, -100) if batch.blanked.any() else batch.targets

    def save(self) -> None:
        """Save a checkpoint of this step. Raises FloatingPointError rather than save a weight that is NaN or Inf."""
        for name, parameter in self.model.named_parameters():
            if not is_finite(parameter.data):
                raise FloatingPointError(f"{name} holds NaN or Inf")
        optimizer = {name: to_host(array) for name, array in self.optimizer.state_dict().items()}
        state = {"best": asdict(self.best)} if self.best else {}
        self.run.save(self.step, self.model.state_dict(), optimizer, state)

    def resume(self) -> None:
        """Go back to the newest checkpoint of the run, or to the start if it was stopped before the first one.

        Raises:
            InputError: The checkpoint is damaged or does not fit.
        """
        if self.run.saved_steps():
            self.run.best_step()  # refused where it is missing
            self.step, state = self._load()
            self.best = Best(**state["best"]) if "best" in state else None
        self.run.trim_metrics(self.step)

    def use_best(self) -> None:
        """Give the model the weights of the best step, where that is not the last one. Raises what `resume` raises."""
        if self.best is not None and self.best.step < self.step:
            self._load(best=True)

    def _load(self, best: bool = False) -> tuple[int, dict[str, Any]]:
        """Load the weights of the best checkpoint, or all of the newest; its step and its state."""
        shapes = {name: parameter.shape for name, parameter in self.model.named_parameters()}
        checkpoint = self.run.load(shapes, best)
        try:
            if not best:
                self._check_optimizer(checkpoint)
                self.optimizer.load_state_dict(checkpoint.optimizer)
            self.model.load_state_dict(checkpoint.weights)
        except ValueError as error:
            raise InputError(
                f"{self.run.folder}: the checkpoint of step {checkpoint.step} does not fit: {error}"
            ) from None
        return checkpoint.step, checkpoint.state

    def _check_optimizer(self, checkpoint: Checkpoint) -> None:
        """Refuse a state of the optimizer that no training can have left. Raises ValueError."""
        for name, array in checkpoint.optimizer.items():
            counts, squares = name == "steps", name.startswith("v.")
            if array.dtype.kind != ("i" if counts else "f") or not is_finite(array):
                raise ValueError(
                    f"the optimizer's {name} must hold {'whole ' * counts}numbers, none of them NaN or Inf"
                )
            if (counts or squares) and array.size and array.min() < 0:
                raise ValueError(f"the optimizer's {name} must not be negative, got {array.min()}")
            if counts and array.size and array.max() > checkpoint.step:
                raise ValueError(
                    f"the optimizer made {array.max()} steps, more than the {checkpoint.step} of the training"
                )


@contextmanager
def crew_of(description: dict[str, Any], ranks: Ranks) -> Iterator[RankCrew]:
    """What a rank beside rank 0 works with, built as `Trainer.shared` describes it there; the weights come from there.

    Raises:
        InputError: this version of the package does not know the model, and so is another than that of rank 0
    """
    run = Run(Path(description["folder"]), description["config"], b"")
    try:
        kind, config = model_kind(run), model_config(run)
        training = from_json(TrainingConfig, description["training"], "the training of rank 0")
    except InputError as error:
        raise InputError(f"{error}; is the same minattn installed for every rank?") from None
    model = kind.build(config, training.seed, kind.frozen_parts(run, config))
    optimizer = optimizer_of(model, training)
    parts, count, least_update = (description[name] for name in ("parts", "count", "least_update"))
    with (
        np.errstate(all="ignore"),
        textbook() if description["textbook"] else nullcontext(),
        Threads(1),
        RankCrew(model, optimizer, flat_optimizer_of(optimizer), parts, count, least_update, ranks) as crew,
    ):
        yield crew
