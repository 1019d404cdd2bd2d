"""The training loop."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import get_device, to_host
from ..errors import InputError, RunError
from ..models import ReconstructionConfig, ReconstructionModel
from ..optim import AdamW, clip_grad_norm_, learning_rate
from ..parallel import Parallel, Threads, sharing
from ..runs import Run
from ..text import Batch, Batches
from ..trace import is_finite
from .data import Data
from .evaluation import BLANKED, HeldOut
from .model import Model
from .settings import TrainingConfig

EVALUATIONS = 10
"""How many times in a training the held-out text is scored."""

FEWER_EVALUATIONS, FEWER_BLANKED = 5, 2000
"""The same for a masked-LM model, and how often sentences are scored with blanks: it takes longer for each."""

DROPOUT_STREAM = 3
"""Keeps the random numbers of dropout apart from those of the batches, which are drawn from the same seed and step."""


class Trainer:
    """A model in training: everything that changes from step to step, and how it is saved.

    A step depends on the seed, its number, the number of threads, the parameters and the optimizer's state alone; hence
    a training that was saved and resumed continues bit for bit.
    """

    def __init__(
        self, model: ReconstructionConfig | Model, training: TrainingConfig, data: Data, run: Run, device: str = "cpu"
    ) -> None:
        """model: the one to go on with, in which parameters without requires_grad are frozen; or that of a new one.

        A masked-LM model goes on as it was trained, by the loss of the blanks alone (Devlin et al., 2019, section 3.1);
        a batch that has none is copied, as a new model copies what is not blank in every batch.
        """
        self.config, self.run, self.device = training, run, get_device(device)
        if isinstance(model, ReconstructionConfig):
            model = ReconstructionModel(model, generator=np.random.default_rng(training.seed))
        self.model: Model = model.to(device)
        trained = [(name, parameter) for name, parameter in self.model.named_parameters() if parameter.requires_grad]
        self.optimizer = AdamW(trained, training.lr, betas=(0.9, 0.98), weight_decay=training.weight_decay)
        self.batches = Batches(data.training, data.tokenizer, training.batch, training.blanks, training.seed)
        blanked = FEWER_BLANKED if self.model.learns_from_blanks else BLANKED
        self.held_out = HeldOut(data.held_out, data.tokenizer, training.blanks or 0.15, blanked)
        self.step = 0

    def train(
        self,
        report: Callable[[dict[str, Any]], None] = lambda row: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Train to the last step, saving on the way and at the end.

        report: called with the row of each step that goes into metrics.jsonl
        stop: asked before each step; True saves and ends
        Returns whether the last step was reached. Raises RunError when the loss, a gradient or a weight is no longer
        finite; what was saved before stays.
        """
        try:
            with (
                np.errstate(all="ignore"),  # NaN and Inf are looked for, and reported once
                self.threads() as threads,
                sharing(self.model, self.optimizer, threads) as parallel,
            ):
                return self._train(threads, parallel, report, stop)
        except FloatingPointError as error:
            saved = self.run.saved_steps()
            kept = f"the checkpoint of step {saved[-1]} is kept" if saved else "no checkpoint was saved before"
            raise RunError(f"training stopped at step {self.step}: {error}; {kept}; try a lower --lr") from None

    def threads(self) -> Threads:
        """Those that the settings ask for; one on a GPU, which has its own."""
        return Threads(self.config.threads if self.device.name == "cpu" else 1)

    def _train(
        self,
        threads: Threads,
        parallel: Parallel,
        report: Callable[[dict[str, Any]], None],
        stop: Callable[[], bool],
    ) -> bool:
        steps = self.config.steps
        every = max(steps // (FEWER_EVALUATIONS if self.model.learns_from_blanks else EVALUATIONS), 1)
        self.model.train()
        while self.step < steps and not stop():
            row = self.train_step(self.batches.at(self.step), parallel)
            if self.step % every == 0 or self.step == steps:
                score = self.held_out.score(self.model, draws=1, threads=threads)
                row |= {"copied": score.copied, "blanks_filled": score.blanks_filled}
            self.run.log(row)
            if self.step % self.config.save_every == 0 and self.step < steps:
                self.save()
            report(row)
        self.save()
        return self.step >= steps

    def train_step(self, batch: Batch, parallel: Parallel) -> dict[str, Any]:
        """One step on one batch; returns step, loss, lr and tokens_per_second."""
        started = time.perf_counter()
        place = self.device.from_host
        lr = learning_rate(self.step, self.config.steps, self.config.lr, round(self.config.warmup * self.config.steps))
        self.step += 1
        seed = [self.config.seed, self.step, DROPOUT_STREAM]
        generators = [np.random.default_rng([*seed, thread]) for thread in range(parallel.count)]
        targets = batch.targets
        if self.model.learns_from_blanks and batch.blanked.any():
            targets = np.where(batch.blanked, targets, -100)
        loss = parallel.backward(place(batch.ids), place(batch.attention_mask), place(targets), generators)
        norm = clip_grad_norm_(self.optimizer.parameters.values(), self.config.clip)
        if not math.isfinite(norm):
            raise FloatingPointError("the length of the gradient overflowed")
        self.optimizer.lr = lr
        parallel.step(self.optimizer)
        self.optimizer.zero_grad()
        seconds = time.perf_counter() - started
        return {
            "step": self.step,
            "loss": loss,
            "lr": lr,
            "tokens_per_second": round(int(batch.attention_mask.sum()) / seconds),
        }

    def save(self) -> None:
        """Save a checkpoint of this step. Raises FloatingPointError rather than save a weight that is NaN or Inf."""
        for name, parameter in self.model.named_parameters():
            if not is_finite(parameter.data):
                raise FloatingPointError(f"{name} holds NaN or Inf")
        optimizer = {name: to_host(array) for name, array in self.optimizer.state_dict().items()}
        self.run.save(self.step, self.model.state_dict(), optimizer, {})

    def resume(self) -> None:
        """Go back to the newest checkpoint of the run, or to the start if it was stopped before the first one.

        Raises InputError if the checkpoint is damaged or does not fit.
        """
        if self.run.saved_steps():
            shapes = {name: parameter.shape for name, parameter in self.model.named_parameters()}
            checkpoint = self.run.load(shapes)
            try:
                self.optimizer.load_state_dict(checkpoint.optimizer)
                self.model.load_state_dict(checkpoint.weights)
            except ValueError as error:
                raise InputError(
                    f"{self.run.folder}: the checkpoint of step {checkpoint.step} does not fit: {error}"
                ) from None
            self.step = checkpoint.step
        self.run.trim_metrics(self.step)
