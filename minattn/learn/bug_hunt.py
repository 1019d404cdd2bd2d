"""What the exercises have in common in which a bug is to be found: how their answer is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .comparison import differences, hold


def finds(ops: tuple[str, ...]) -> Callable[[tuple[Any, ...], Any, Any], str | None]:
    """A judge of answers (name of the wrong op, the model's gradients); it says what is wrong, not what is right.

    ops: the names that there are
    """

    def accepts(arguments: tuple[Any, ...], answer: Any, expected: Any) -> str | None:
        if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[0], str):
            return "WRONG must be a name in quotes"
        name, gradients = answer
        if name not in ops:
            return f"WRONG is {name!r}; the names are {', '.join(ops)}"
        if name != expected[0]:
            return (
                f"the backward of {name} is right: check_backward finds nothing wrong with it. Ask it about the others"
            )
        if said := hold(gradients, expected[1], "repaired", ("gradients",), {}):
            return f"{name} it is; but with your repair {said[1]}"
        for found in differences(gradients, expected[1], ("gradients",)):
            return f"{name} it is; but your repair is not right yet: {found.where} has {found}"
        return None

    return accepts
