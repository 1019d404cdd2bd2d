"""The step that a training repeats, from top to bottom as a course teaches it."""

from ..backend import Array
from ..optim import Optimizer
from ..parallel import SharedModel, SharedOptimizer, SplittableModel


def train_step(
    model: SplittableModel | SharedModel,
    optimizer: Optimizer | SharedOptimizer,
    ids: Array,
    attention_mask: Array | None,
    targets: Array,
    max_norm: float,
) -> float:
    """Let a model learn from one batch.

    Where a batch is one part, model and optimizer are what they are called; else `parallel` stands in for both.

    Args:
        ids: (B, T) integers, what the model sees
        attention_mask: (B, T) boolean, True at real tokens
        targets: (B, T) integers, what it has to give back, -100 where nothing is wanted
        max_norm: the largest length of the gradient

    Returns:
        The mean loss of the batch, before the step.
    """
    loss = model.loss(ids, attention_mask, targets)  # forward
    loss.backward()  # every parameter gets its gradient
    optimizer.clip_grad_norm_(max_norm)
    optimizer.step()  # every parameter goes a little against its gradient
    optimizer.zero_grad()
    return loss.item()
