"""Which code runs: an op as the textbook writes it, or the kernel that stands in for it.

`minattn.fast` registers the kernels here. This table is all that the rest of the engine knows of them.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

from ..backend import Array
from .base import Op

Choice = Literal["by dtype", "textbook", "kernels"]

kernels: dict[type[Any], type[Any]] = {}
"""The kernel of each textbook class that has one."""

_choice: ContextVar[Choice] = ContextVar("choice", default="by dtype")

Kernel = TypeVar("Kernel", bound=type[Any])


def implements(textbook_class: type[Any]) -> Callable[[Kernel], Kernel]:
    """Class decorator: from now on this kernel stands in for `textbook_class`, an op or an optimizer.

    A kernel of an op is a subclass of it, and so has its options. Raises TypeError for another class.
    """

    def enter(kernel: Kernel) -> Kernel:
        if issubclass(textbook_class, Op) and not issubclass(kernel, textbook_class):
            raise TypeError(f"implements: {kernel.__name__} must be a subclass of {textbook_class.__name__}")
        kernel.__name__ = textbook_class.__name__  # messages name the op, whichever code ran
        kernels[textbook_class] = kernel
        return kernel

    return enter


def kernel_of(textbook_class: type[Any], arrays: list[Array]) -> type[Any] | None:
    """The kernel that is to run in place of a textbook class on these arrays; None if the textbook is.

    float64 runs the textbook and float32 the kernels, unless `textbook()` or `use_kernels()` says otherwise.
    """
    kernel = kernels.get(textbook_class)
    if kernel is None or (choice := _choice.get()) == "kernels":
        return kernel
    if choice == "textbook":
        return None
    for array in arrays:
        if array.dtype.char == "d":  # the character of float64
            return None
    return kernel


def textbook() -> AbstractContextManager[None]:
    """Inside `with minattn.textbook():` every op and optimizer runs as its file in `ops` or `optim.py` reads.

    >>> import minattn
    >>> with minattn.textbook():
    ...     y = minattn.functional.softmax(minattn.Tensor([[0.0, 0.0]]), -1)
    """
    return _chosen("textbook")


def textbook_is_chosen() -> bool:
    """Whether this is inside `with textbook():`."""
    return _choice.get() == "textbook"


def use_kernels() -> AbstractContextManager[None]:
    """Inside `with use_kernels():` the kernels run in float64 too, where they can be held to the textbook closely."""
    return _chosen("kernels")


@contextmanager
def _chosen(choice: Choice) -> Iterator[None]:
    token = _choice.set(choice)
    try:
        yield
    finally:
        _choice.reset(token)
