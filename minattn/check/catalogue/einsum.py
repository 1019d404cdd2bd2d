"""Wrong backward passes of einsum for two operands.

Right is: the einsum of g and the other operand, with the letters of the one as the output; letters that were summed
away in one operand alone are repeated, axes that were stretched are summed.
"""

import numpy as np

from ...backend import Array
from .base import mistake
from .right_parts import Pair, unbroadcast


def _letters(equation: str, a: Array, b: Array) -> tuple[str, str, str]:
    """The letters of a, of b and of the output; capitals stand for the axes that "..." covers."""
    terms, _, out = equation.replace(" ", "").replace("...", "…").partition("->")
    first, second = terms.split(",")
    if not out and "->" not in equation:
        seen = terms.replace(",", "").replace("…", "")
        out = "…" * ("…" in terms) + "".join(sorted(c for c in seen if seen.count(c) == 1))
    covered = [x.ndim - len(term.replace("…", "")) for term, x in ((first, a), (second, b))]
    dots = "ABCDEFGH"[: max(covered)]
    first = first.replace("…", dots[len(dots) - covered[0] :])
    second = second.replace("…", dots[len(dots) - covered[1] :])
    return first, second, out.replace("…", dots)


def _pull(g: Array, out: str, other: Array, other_letters: str, x: Array, letters: str) -> Array:
    """The gradient of x before stretched axes are summed."""
    known = "".join(c for c in letters if c in out or c in other_letters)
    dx = np.einsum(f"{out},{other_letters}->{known}", g, other)
    for i, c in enumerate(letters):
        if c not in known:
            dx = np.repeat(np.expand_dims(dx, i), x.shape[i], axis=i)
    longer = [max(n, m) for n, m in zip(dx.shape, x.shape, strict=True)]
    return np.broadcast_to(dx, longer)


@mistake("Einsum", "broadcast_not_summed")
def einsum_stretched_axis_not_summed(g: Array, a: Array, b: Array, equation: str) -> Pair:
    """An axis of length 1 that was stretched keeps its full length in the gradient; the sum along it belongs there."""
    first, second, out = _letters(equation, a, b)
    return _pull(g, out, b, second, a, first).copy(), _pull(g, out, a, first, b, second).copy()


@mistake("Einsum", "constant_factor")
def einsum_summed_letters_averaged(g: Array, a: Array, b: Array, equation: str) -> Pair:
    """A letter that was summed away gets the mean of the gradient along it; every element along it gets the whole."""
    first, second, out = _letters(equation, a, b)

    def share(letters: str, others: str, x: Array) -> int:
        return int(np.prod([n for c, n in zip(letters, x.shape, strict=True) if c not in out and c not in others]))

    da, db = _pull(g, out, b, second, a, first), _pull(g, out, a, first, b, second)
    return unbroadcast(da / share(first, second, a), a.shape), unbroadcast(db / share(second, first, b), b.shape)


@mistake("Einsum", "wrong_variable")
def einsum_other_operand_forgotten(g: Array, a: Array, b: Array, equation: str) -> Pair:
    """The other operand is left out, as if it were 1 everywhere; each gradient is the einsum of g with the other
    operand."""
    first, second, out = _letters(equation, a, b)
    da = _pull(g, out, np.ones_like(b), second, a, first)
    db = _pull(g, out, np.ones_like(a), first, b, second)
    return unbroadcast(da, a.shape), unbroadcast(db, b.shape)


@mistake("Einsum", "transposed")
def einsum_letters_reversed(g: Array, a: Array, b: Array, equation: str) -> Pair:
    """The gradient of a has its letters in reverse order; they stand in the order in which a has them."""
    first, second, out = _letters(equation, a, b)
    da = unbroadcast(_pull(g, out, b, second, a, first), a.shape)
    return da.T.copy(), unbroadcast(_pull(g, out, a, first, b, second), b.shape)


@mistake("Einsum", "swapped_arguments")
def einsum_own_operand(g: Array, a: Array, b: Array, equation: str) -> Pair:
    """Each gradient is the einsum of g with the operand itself, which fits only where both have the same letters; with
    the other operand it belongs."""
    first, second, out = _letters(equation, a, b)
    da, db = np.einsum(f"{out},{first}->{first}", g, a), np.einsum(f"{out},{second}->{second}", g, b)
    return da, db
