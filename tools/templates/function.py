# ruff: noqa: F821
from .ops.new_op import NewOp


def new_op(parameters: Tensor) -> Tensor:
    """Say what the function does, in a sentence.

    Args:
        arguments: say shape and dtype of each; the first is called input, and names are PyTorch's where it has them
    """
    return apply(NewOp(options), arguments)
