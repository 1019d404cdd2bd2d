"""The one place that chooses who computes a training step, and what stands in for the model where several parts are.

There is one interface, `Workers`: a batch goes in, a step of the optimizer comes out. On one host there are two kinds:
processes where the system can fork, else threads of this process. Where the program has joined the ranks of an MPI job,
each of them has such processes, and all ranks work together.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

from ..backend import Array
from ..optim import Optimizer
from .parts import Part, SplittableModel, dropouts_of, seed_dropout
from .process_workers import ProcessWorkers
from .processes import can_fork
from .rank_workers import RankWorkers
from .ranks import joined
from .threads import Threads, ThreadWorkers
from .workers import Workers


class SharedLoss:
    """The mean loss of a batch that workers share. Both passes run in `backward`: workers then meet once, not twice."""

    def __init__(self, workers: Workers, batch: Part) -> None:
        self._workers, self._batch = workers, batch
        self._value: float | None = None

    def backward(self) -> None:
        """Compute the loss, and its gradients, which stay with the workers."""
        self._value = self._workers.add_gradients(self._batch)

    def item(self) -> float:
        """The loss, once `backward` has computed it."""
        if self._value is None:
            raise RuntimeError("SharedLoss: item was called before backward, which computes the loss; call it first")
        return self._value


class SharedModel:
    """Stands in for a model in a training step; its loss is computed by workers."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def loss(self, ids: Array, attention_mask: Array | None, targets: Array) -> SharedLoss:
        """As the model's: arrays (B, T), -100 in targets where no token is wanted."""
        return SharedLoss(self._workers, Part(ids, attention_mask, targets))


class SharedOptimizer:
    """Stands in for an optimizer in a training step; its update is computed by workers, of their gradients."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def clip_grad_norm_(self, max_norm: float) -> float:
        """As the optimizer's; the gradients are scaled in `step`."""
        return self._workers.clip(max_norm)

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        self._workers.step()

    def zero_grad(self) -> None:
        """Nothing is left to drop after `step`."""


class Shared(NamedTuple):
    """What a training step works with, and how to decide before it what dropout will draw; the workers, if any."""

    model: SplittableModel | SharedModel
    optimizer: Optimizer | SharedOptimizer
    seed_dropout: Callable[[Sequence[int]], None]
    workers: Workers | None = None

    def collect(self) -> None:
        """Bring the whole state of the optimizer here, before it is saved: ranks divide it among themselves."""
        if self.workers is not None:
            self.workers.collect()


@contextmanager
def share_batches(
    model: SplittableModel,
    optimizer: Optimizer,
    threads: Threads,
    parts: int,
    *,
    processes: bool | None = None,
    least_update: int = 1 << 18,
    description: dict[str, Any] | None = None,
) -> Iterator[Shared]:
    """Inside this `with`, as many workers as there are threads share the parts of each batch. One part the model has.

    To be used inside `with threads`, which hold BLAS to one thread each.

    Args:
        parts: into how many parts each batch is dealt, P: with the seed they decide the bits
        processes: whether the workers are processes; where they can be forked and there are several, unless given
        least_update: the parameters below which one process adds and updates alone
        description: by which other ranks build the model and the optimizer; without it they do not take part
    """
    with ExitStack() as stack:
        workers: Workers
        if parts == 1:
            stack.enter_context(threads.memory_of_caller())
            yield Shared(model, optimizer, partial(seed_dropout, dropouts_of(model)))
            return
        ranks = joined()
        if ranks is not None and ranks.size > 1 and description is not None:
            arguments = parts, threads.count, ranks, description
            workers = stack.enter_context(RankWorkers(model, optimizer, *arguments, least_update))
        elif can_fork() and threads.count > 1 if processes is None else processes:
            workers = stack.enter_context(ProcessWorkers(model, optimizer, parts, threads.count, least_update))
        else:
            workers = ThreadWorkers(model, optimizer, parts, threads)
        yield Shared(SharedModel(workers), SharedOptimizer(workers), workers.seed_dropout, workers)
