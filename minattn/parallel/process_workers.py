"""One batch on several processes: each takes some of its parts, and a share of the sums and of the update."""

from __future__ import annotations

from ..optim import Optimizer
from .crew import Crew, Table
from .parts import Gradients, Part, SplittableModel, deal
from .workers import Workers


class ProcessWorkers(Workers):
    """Processes, in each of which Python runs one thread at a time, and so all of them.

    The processes are copies of this one, made on entering `with`.

    Args:
        least_update: the parameters below which sums and updates are too little to be shared
    """

    def __init__(
        self, model: SplittableModel, optimizer: Optimizer, parts: int, count: int, least_update: int = 1 << 18
    ) -> None:
        super().__init__(model, optimizer, parts, count)
        self.crew = Crew(model, optimizer, self.flat_optimizer, parts, count, 4 * least_update)
        self.names: list[str] = []  # of the parameters that got a gradient last

    def __enter__(self) -> ProcessWorkers:
        self.crew.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.crew.__exit__()

    def add_gradients(self, batch: Part) -> float:
        """As Workers.add_gradients."""
        self.names = []
        dealt = deal(batch, self.parts)
        losses, table = self.crew.compute_parts(dealt, self.crew.part_gradients.modes(), self.seed)
        self.lengths = self.crew.total_up(table)
        self.names = self._named(table)
        return sum(loss for _, loss in sorted(losses))

    def gradients(self) -> Gradients:
        """As Workers.gradients."""
        return {name: self.crew.total[name].copy() for name in self.names}

    def update(self) -> None:
        """As Workers.update; the processes share it."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if self.runs_textbook():
            self.crew.step_textbook(self.scale, rates, self.names)
        else:
            for name in self.names:
                self.optimizer.steps[name] += 1
            steps = {name: self.optimizer.steps[name] for name in self.names}
            self.crew.update_share(self.scale, rates, steps, self.names)
        self.names = []

    def _named(self, table: Table) -> list[str]:
        """The parameters that have a gradient in some node, in the order of the update."""
        found = {name for names in table.values() for name in names}
        return [name for name in self.crew.layout.offsets if name in found]
