# ruff: noqa: F821
from .ops.new_op import NewOp


def new_op(parameters: Tensor) -> Tensor:
    """Say what the function does, in a sentence.

    Args:
        arguments: say shape and dtype of each, and give them PyTorch's names where it has the function
    """
    validation()
    return apply(NewOp(options), arguments)
