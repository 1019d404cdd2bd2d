"""The slope of a function along a line, two ways: by a complex step, and by central differences.

Complex step (Squire and Trapp, 1998): where f is analytic, f(x + ih) = f(x) + ih f'(x) + O(h²), so that the imaginary
part holds the slope without any subtraction. h may be so small that h² is nothing: there is no step size to choose.

Central differences, three step sizes extrapolated to zero (Richardson, 1911), and an estimate of what is left. Where
the step sizes disagree, smaller ones are tried: a kink nearby no longer matters then, and a kink at the very place
shows as a slope to the right that differs from the slope to the left, however small the step.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..backend import Array

Line = Callable[[complex], Array]
"""t -> the outputs, flat, at the point that lies t along the line; 0 is where the slope is wanted."""

_COMPLEX_STEP = 1e-30  # the complex step
_STEP_RATIO = 1.7133  # of one step to the next; 2 would let an oscillation that fits into one step fit into all
_STEP_SIZES = {8: (1e-3, 1e-5, 1e-7, 1e-9), 4: (3e-2, 3e-3)}  # by the bytes of a number that forward computes with


@dataclass(frozen=True, eq=False)
class Slope:
    """The slope of each output. left and right differ at a kink only; error is how far off they may be; is_settled:
    whether a smaller step would tell no more; moves: whether the output depends on where it is along the line;
    noise: what the rounding of forward may do to the slope."""

    value: Array
    left: Array
    right: Array
    error: Array
    is_settled: Array
    moves: Array
    noise: Array

    @property
    def is_kink(self) -> Array:
        """Whether the slopes on both sides differ."""
        return self.left != self.right


def complex_slope(line: Line, length: float) -> Array | None:
    """The slope of each output by a complex step; None where the function does not take complex numbers."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return np.asarray(line(1j * _COMPLEX_STEP * length).imag / (_COMPLEX_STEP * length))
    except Exception:  # whatever a stranger's function raises on numbers that it was not written for
        return None


def difference_slope(line: Line, here: Array, length: float, exact: bool = True) -> Slope:
    """The slope of each output by differences.

    here: the outputs at 0; length: the step that is large for this function; exact: float64, not float32
    """
    precision = float(np.finfo(np.float64 if exact else np.float32).eps)
    first, *smaller = _STEP_SIZES[8 if exact else 4]
    with np.errstate(all="ignore"):
        best = _extrapolate(line, here, first * length, precision, np.zeros(here.shape, bool))
        for step in smaller:
            if best.is_settled.all():
                break
            best = _better(best, _extrapolate(line, here, step * length, precision, best.moves))
    return best


def _extrapolate(line: Line, here: Array, h: float, precision: float, moves: Array) -> Slope:
    """The slope from steps of r² h, r h and h, r the ratio. moves: the outputs that larger steps have moved."""
    rights, lefts, largest, r = [], [], np.abs(here), _STEP_RATIO
    for step in (r * r * h, r * h, h):
        up, down = line(step).real, line(-step).real
        rights.append(_difference(up, here) / step)
        lefts.append(_difference(here, down) / step)
        largest = np.maximum(largest, np.maximum(np.abs(up), np.abs(down)))
    wide, middle, narrow = ((right + left) / 2 for right, left in zip(rights, lefts, strict=True))
    better, best = ((r**2 * near - far) / (r**2 - 1) for near, far in ((middle, wide), (narrow, middle)))
    value = (r**4 * best - better) / (r**4 - 1)
    moves = moves | np.any([*rights, *lefts], axis=0)  # an output that never moves has no slope, exactly
    noise = np.where(moves & np.isfinite(largest), largest, 0.0) * precision / h
    error = np.abs(value - best) + noise

    right, left = ((r * side[2] - side[1]) / (r - 1) for side in (rights, lefts))
    scale = np.abs(value[np.isfinite(value)]).max(initial=0.0)
    is_kink = ~(np.abs(right - left) <= np.maximum(1e-5 * scale, 100 * noise))
    is_settled = (error <= 1e-8 * scale + 20 * noise) & ~is_kink
    gap, off_centre = np.abs(right - left), np.abs((right + left) / 2 - value)
    error = np.where(is_kink, error + gap + off_centre, error)  # the gap, until a smaller step has confirmed the kink
    left, right = (np.where(is_kink, side, value) for side in (left, right))
    return Slope(value, left, right, error, is_settled, moves, noise)


def _better(old: Slope, new: Slope) -> Slope:
    """Output by output, the better of two. A kink is one if a smaller step shows the same slopes on both sides."""
    gap = np.abs(old.right - old.left)
    change = np.abs(new.right - old.right) + np.abs(new.left - old.left)
    is_kink = old.is_kink & new.is_kink & (change <= 0.01 * gap)
    larger = np.maximum(np.abs(new.value), np.abs(old.value))
    is_clear = new.noise <= 1e-3 * larger  # else the larger step may be better
    takes_new = ~old.is_settled & (is_kink | is_clear | ~(new.error >= old.error))
    error = np.where(is_kink, new.error - np.abs(new.right - new.left) + change, new.error)
    new = replace(new, error=error, is_settled=new.is_settled | is_kink)
    chosen = ("value", "left", "right", "error", "is_settled")
    return replace(new, **{name: np.where(takes_new, getattr(new, name), getattr(old, name)) for name in chosen})


def _difference(a: Array, b: Array) -> Array:
    """a - b, and 0 where both are the same infinity."""
    return np.where(a == b, 0.0, a - b)
