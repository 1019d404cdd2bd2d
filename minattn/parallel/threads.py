"""Several threads at once: NumPy lets other threads run while it computes."""

from __future__ import annotations

import contextvars
import copy
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from typing import TypeVar

from ..fast import Workspace, reuse_memory
from ..optim import Optimizer
from .parts import Gradients, Part, PartGradients, SplittableModel, TreeNode, add_gradients, add_in_tree, deal, stretch
from .workers import Workers, lengths_of, step_alone

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_THREADS = 1024
"""More than any machine has cores; it keeps a slip of the finger from starting a million."""


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """Inside `with Threads(count) as threads:` that many threads share work, each with a workspace of its own.

    The BLAS library, which would start threads of its own for every product and wait for the slowest of them, is held
    to one: threads that meet once a step lose less, and do not collapse when the machine has other work.

    >>> with Threads(2) as threads:
    ...     threads.map(lambda part: sum(part), [[1, 2], [3, 4]])
    [3, 7]
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"Threads: count must be at least 1, got {count}")
        self.count = count
        self._workspaces = [Workspace() for _ in range(count)]
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Threads:
        from threadpoolctl import threadpool_limits

        self._limits = threadpool_limits(1, user_api="blas")
        self._pool = ThreadPoolExecutor(max(self.count - 1, 1), "minattn")  # starts each thread when it is needed
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._limits.restore_original_limits()

    def map(self, function: Callable[[Item], Result], parts: Sequence[Item]) -> list[Result]:
        """function(part) for each of at most `count` parts, in their order; the first runs in the calling thread.

        Part i always has thread i's workspace. A part must not call map itself: it would wait for ever. Raises what the
        first part that failed raised, when all have ended.
        """
        if self._pool is None:
            raise RuntimeError("Threads: map was called outside of `with Threads(count) as threads:`; call it inside")
        if len(parts) > self.count:
            raise ValueError(f"Threads: {len(parts)} parts for {self.count} threads")

        def run(i: int) -> Result:
            with reuse_memory(self._workspaces[i]):
                return function(parts[i])

        # a copy of the context takes no_grad and NumPy's error settings along
        others = [self._pool.submit(contextvars.copy_context().run, run, i) for i in range(1, len(parts))]
        try:
            results = [run(0)] if parts else []
        finally:
            wait(others)
        return results + [other.result() for other in others]

    def memory_of_caller(self) -> AbstractContextManager[None]:
        """Inside this `with`, what the calling thread computes has the workspace of the first part."""
        return reuse_memory(self._workspaces[0])

    def deal(self, items: Sequence[Item]) -> list[Sequence[Item]]:
        """The items in `count` parts, dealt out in turn."""
        return [items[i :: self.count] for i in range(self.count)]


class ThreadWorkers(Workers):
    """Threads of this process, for systems where processes cannot be forked, or one for all parts, on any device.

    Each has a copy of the model, and a graph; the copies share the parameters.
    """

    def __init__(self, model: SplittableModel, optimizer: Optimizer, parts: int, threads: Threads) -> None:
        super().__init__(model, optimizer, parts, threads.count)
        self.threads = threads
        shared = {id(parameter): parameter for _, parameter in model.named_parameters()}
        copies = [model, *(copy.deepcopy(model, dict(shared)) for _ in range(self.count - 1))]
        self.parts_on = [PartGradients(copied) for copied in copies]
        self.computed: Gradients = {}

    def add_gradients(self, batch: Part) -> float:
        """As Workers.add_gradients."""
        self.computed = {}
        dealt = {part.number: part for part in deal(batch, self.parts)}
        modes, root = self.parts_on[0].modes(), TreeNode(0, self.parts)

        def run(worker: int) -> tuple[dict[int, float], dict[TreeNode, Gradients]]:
            losses: dict[int, float] = {}

            def computed(node: TreeNode) -> Gradients | None:
                if node.end - node.start > 1 or node.start not in dealt:
                    return None
                losses[node.start], gradients = self.parts_on[worker].of(dealt[node.start], modes, self.seed)
                return gradients

            nodes = root.within(*stretch(0, self.parts, worker, self.count))
            sums = {node: add_in_tree(node, computed, add_gradients) for node in nodes}
            return losses, {node: gradients for node, gradients in sums.items() if gradients is not None}

        results = self.threads.map(run, range(self.count))
        sums = {node: gradients for _, own in results for node, gradients in own.items()}
        with self.threads.memory_of_caller():
            self.computed = add_in_tree(root, sums.get, add_gradients) or {}
            pieces = self.flat_optimizer.pieces(self.computed)
            self.lengths = lengths_of(pieces, self.computed)
        return sum(loss for own, _ in results for loss in own.values())

    def gradients(self) -> Gradients:
        """As Workers.gradients."""
        return {name: gradient.copy() for name, gradient in self.computed.items()}

    def update(self) -> None:
        """As Workers.update, by the calling thread alone."""
        with self.threads.memory_of_caller():
            step_alone(self.optimizer, self.computed, self.scale)
        self.computed = {}
