"""Functions of NumPy that were called with a Tensor and have no op: answered where no gradient is lost, or refused.

`minattn.functional` has the third kind, those with an op, which are followed. A function that is in no list is refused
too, so that one which NumPy gets tomorrow cannot lose a gradient. docs/PYTORCH.md says the same to users.
"""

from typing import Any

import numpy as np

# Their answers are shapes, booleans, places or text, or numbers of which the Tensor's own do not matter.
ANSWERED = {
    *(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj),
    *(np.may_share_memory, np.shares_memory, np.zeros_like, np.ones_like, np.empty_like, np.full_like),
    *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal, np.array_equal, np.array_equiv),
    *(np.isclose, np.allclose, np.isnan, np.isinf, np.isfinite, np.signbit, np.isin),
    *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.any, np.all, np.bitwise_and, np.bitwise_or),
    *(np.argmax, np.argmin, np.argsort, np.argpartition, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero),
    *(np.searchsorted, np.digitize, np.bincount, np.invert, np.array_repr, np.array_str, np.array2string),
}

ADVICE: dict[str, tuple[Any, ...]] = {
    "x[indices]": (np.take, np.take_along_axis, np.choose, np.compress, np.extract, np.diagonal, np.diag),
    "F.cat": (np.vstack, np.hstack, np.dstack, np.column_stack, np.append, np.block),
    "F.split or F.chunk": (np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit),
    "F.einsum": (np.inner, np.outer, np.tensordot, np.vdot, np.kron, np.cross, np.trace, np.linalg.multi_dot),
    "x.permute": (np.moveaxis, np.rollaxis),
    "x.expand": (np.repeat, np.tile, np.broadcast_arrays),
    "x[::-1]": (np.flip, np.fliplr, np.flipud),
    "x.reshape": (np.atleast_1d, np.atleast_2d, np.atleast_3d, np.resize),
    "x.mean": (np.average,),
    "x.exp": (np.exp2, np.expm1),
    "x.log": (np.log2, np.log10, np.log1p),
    "F.logsumexp": (np.logaddexp,),
    "x.relu": (np.heaviside,),
    "x.clamp": (np.fmax, np.fmin, np.nan_to_num),
    "x.detach()": (np.copy,),
}
"""What to use in place of functions that are often wanted.

A method or function of minattn, and the functions of NumPy that it stands for. Each has its gradient.
"""


def answer_without_graph(function: Any, name: str, args: Any, options: Any) -> Any:
    """What NumPy's function says of bare arrays, if its answer has no gradient.

    Args:
        function: of NumPy, or one of its ufuncs
        name: as it stands after "np."
        args, options: what it was called with, arrays in the place of Tensors
    Raises:
        TypeError: it has one, which would be lost; says what to use.
    """
    if function in ANSWERED:
        return function(*args, **options)
    advice = next((f"use {use}, or " for use, functions in ADVICE.items() if function in functions), "use ")
    raise TypeError(
        f"np.{name} does not follow a Tensor, so that its gradient would be lost; {advice}a function of "
        "minattn.functional; x.numpy() gives the numbers alone"
    )
