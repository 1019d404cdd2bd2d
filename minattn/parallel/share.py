"""The one place that chooses who computes a training step, and what stands in for the model where several do.

There is one interface, `Workers`: parts of a batch go in, added gradients come out. On one host there are two kinds:
processes where the system can fork, else threads of this process. Ranks of MPI would be a third kind, chosen here where
the program was started by `mpiexec`: `add_gradients` would compute this rank's part and sum over all ranks.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from ..backend import Array
from ..optim import Optimizer
from ..tensor import Tensor
from .process_workers import ProcessWorkers
from .processes import can_fork
from .threads import Threads, ThreadWorkers
from .workers import Part, SplittableModel, Workers, dropouts_of, seed_dropout


class SharedLoss:
    """The mean loss of a batch that workers share. Both passes run in `backward`: workers then meet once, not twice."""

    def __init__(self, workers: Workers, batch: Part) -> None:
        self._workers, self._batch = workers, batch
        self._value: float | None = None

    def backward(self) -> None:
        """Compute the loss and add its gradient to every parameter's `.grad`."""
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
    """Stands in for an optimizer in a training step; its update is computed by workers."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Those of the optimizer, by name."""
        return self._workers.optimizer.parameters

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        self._workers.step()

    def zero_grad(self) -> None:
        """Drop all gradients."""
        self._workers.optimizer.zero_grad()


class Shared(NamedTuple):
    """What a training step works with, and how to decide before it what dropout will draw."""

    model: SplittableModel | SharedModel
    optimizer: Optimizer | SharedOptimizer
    seed_dropout: Callable[[Sequence[int]], None]


@contextmanager
def share_batches(
    model: SplittableModel,
    optimizer: Optimizer,
    threads: Threads,
    *,
    processes: bool | None = None,
    least_work: int | None = None,
    least_update: int = 1 << 18,
) -> Iterator[Shared]:
    """Inside this `with`, as many workers as there are threads share each batch; with one, the model itself is used.

    To be used inside `with threads`, which hold BLAS to one thread each.

    Args:
        processes: whether the workers are processes; where they can be forked, unless given
        least_work: the numbers in one layer below which a part of a batch is not worth a worker; measured, unless given
        least_update: the parameters below which one process adds and updates alone
    """
    with ExitStack() as stack:
        workers: Workers
        if threads.count == 1:
            stack.enter_context(threads.memory_of_caller())
            yield Shared(model, optimizer, partial(seed_dropout, dropouts_of(model)))
            return
        if can_fork() if processes is None else processes:
            workers = ProcessWorkers(model, optimizer, threads.count, least_work or 1 << 13, least_update)
            stack.enter_context(workers)
        else:
            workers = ThreadWorkers(model, optimizer, threads, least_work or 1 << 15)
        yield Shared(SharedModel(workers), SharedOptimizer(workers), workers.seed_dropout)
