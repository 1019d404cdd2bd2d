"""The ways in: plain functions, an op, anything made of Tensors."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import Array
from ..errors import InputError
from ..ops import Op, registry
from ..tensor import Tensor
from .catalogue import find_op
from .graph_check import gradients_of, wrong_ops
from .op_check import check_on_samples, check_once
from .prepare import joined, names_of, prepare
from .problem import SEED_SALT, Code, has_gradient
from .problem_check import check_problem
from .report import Report


def check_backward(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Any,
    like: str | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
    name: str | None = None,
    *,
    code: Code | None = None,
) -> Report:
    """Check a backward pass against its forward, and say what is probably wrong with it.

    forward(*inputs) -> array, or a tuple of arrays; backward(upstream, *inputs) -> gradient, or a tuple of gradients,
    one an input, None for integers. Where forward gives a tuple, upstream is one too. Before every backward, forward is
    called on the same inputs.
    inputs: arrays; a numpy Generator among them is handed on as a copy, so that every call draws the same numbers
    like: a registered op that computes the same ("layer_norm"); the mistakes that people make there are looked for too
    names: of the inputs, if not those of forward's parameters; name: of the whole, for the report
    code: the passes as they were written, where forward and backward only hand on to them

    Raises InputError where nothing can be checked: a forward that raises, inputs without real numbers, an unknown op.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(3, 4))
    >>> check_backward(np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), [x]).ok
    True
    """
    rng = np.random.default_rng([seed, SEED_SALT])
    op = None if like is None else find_op(like, "like: ")
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    passes = joined(forward, backward, given)
    if passes[0] is not forward:
        names = names_of(forward, len(given), names)
    problem, notes = prepare(*passes, inputs, names, rng)
    problem = replace(problem, code=code)
    called = getattr(backward, "__name__", "<lambda>").replace("<lambda>", like or "backward")
    return check_problem(problem, name or called, rng, notes, op)


def assert_right(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Any,
    like: str | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> Report:
    """`check_backward` for a test of one line: the report, if the backward pass is right.

    Raises AssertionError with the report, the diagnosis in it, where it is wrong, or nothing could be proven; and
    InputError as `check_backward` does.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(3, 4))
    >>> assert_right(np.sin, lambda g, x: g * np.cos(x), [x]).ok
    True
    """
    report = check_backward(forward, backward, inputs, like, names, seed)
    if report.ok is not True:
        raise AssertionError(f"the backward pass is {'wrong' if report.ok is False else 'not proven'}\n\n{report}")
    return report


def check_op(
    op: Op | type[Op] | str, inputs: Sequence[Any] | None = None, like: str | None = None, seed: int = 0
) -> Report:
    """Check an op on samples of its inputs: those it is registered with, or the given ones.

    op: an op of one's own or of minattn.ops; a class or a name stands for that op with each of its samples' options
    inputs: to check it on these alone; needed for an op that is not registered, and like none that is
    like: a registered op that computes the same: its samples are used where there are no inputs, and its mistakes

    Raises InputError where there are no inputs that the op takes.

    >>> from minattn.ops import Softmax
    >>> check_op(Softmax()).ok
    True
    """
    if isinstance(op, str):
        op = registry[find_op(op)].op
    kind = op if isinstance(op, type) else type(op)
    known = find_op(like, "like: ") if like is not None else kind.__name__ if kind.__name__ in registry else None
    if inputs is not None:
        made = op() if isinstance(op, type) else op
        return check_once(made, tuple(inputs), kind.__name__, known, seed)
    if known is None:
        raise InputError(f"{kind.__name__} is not registered: pass inputs=(…), or like= with the op that it is like")
    return check_on_samples(op, known, seed)


def check_function(
    function: Callable[..., Any], *inputs: Any, names: Sequence[str] | None = None, seed: int = 0
) -> Report:
    """Check the gradients that come back through a function of Tensors, and where they are wrong, which op it was.

    inputs: Tensors or arrays; integers and masks have no gradient. The function returns a Tensor of any shape; what is
    random in it must come from numpy Generators that it holds or is given.

    Raises InputError where nothing can be checked.

    >>> import numpy as np
    >>> x, w = np.random.default_rng(0).normal(size=(2, 3, 3))
    >>> check_function(lambda x, w: (x @ w).tanh().sum(), x, w).ok
    True
    """
    arrays = tuple(x.data if isinstance(x, Tensor) else x for x in inputs)
    passes, rng = _TensorPasses(function, inputs), np.random.default_rng([seed, SEED_SALT])
    called = names_of(function, len(arrays), names)
    problem, notes = prepare(passes.forward, passes.backward, arrays, called, rng)
    title = getattr(function, "__name__", type(function).__name__).replace("<lambda>", "function")
    report = check_problem(problem, title, rng, notes)
    if report.ok is not False:
        return report
    problem.run_forward()
    ops = wrong_ops(passes.output, problem.upstream) if passes.output is not None else []
    return replace(report, findings=tuple(ops) or report.findings)


class _TensorPasses:
    """The two passes of a function of Tensors: forward runs it and keeps its graph, backward goes back through that.

    given: what the function is called with; Tensors and arrays of real numbers are replaced, the rest stays.
    """

    def __init__(self, function: Callable[..., Any], given: Sequence[Any]) -> None:
        self.function = function
        self.is_tensor = [isinstance(x, Tensor) or has_gradient(x) for x in given]
        self.inputs: list[Any] = []
        self.output: Tensor | None = None

    def forward(self, *arrays: Any) -> Array:
        """The function's output as an array."""
        self.inputs = [
            Tensor(x, requires_grad=has_gradient(x)) if is_tensor else x
            for x, is_tensor in zip(arrays, self.is_tensor, strict=True)
        ]
        output = self.function(*self.inputs)
        if not isinstance(output, Tensor):
            raise InputError(f"the function must return a Tensor, got {type(output).__name__}")
        self.output = output
        return output.data

    def backward(self, upstream: Array, *arrays: Any) -> tuple[Array | None, ...]:
        """The gradients that `Tensor.backward` leaves."""
        assert self.output is not None  # forward runs first
        return gradients_of(self.output, upstream, self.inputs)
