# ruff: noqa: F821
from .ops.new_op import NewOp


def new_op(parameters: Tensor) -> Tensor:
    """Say what the function does, in a sentence.

    Args:
        input: Tensor (…, D), say what each argument is
    """
    return apply(NewOp(options), arguments)
