"""Wrong backward passes of dropout. Right is: dx = g keep / (1 - p)."""

from ...backend import Array
from .base import mistake

Pair = tuple[Array, None]


def _scale(p: float) -> float:
    return 1 / (1 - p) if p < 1 else 0.0


@mistake("Dropout", "constant_factor")
def dropout_scale_forgotten(g: Array, x: Array, keep: Array, p: float = 0.5) -> Pair:
    """The scale 1 / (1 - p) is forgotten: g keep in place of g keep / (1 - p)."""
    return g * keep, None


@mistake("Dropout", "mask_leak")
def dropout_mask_forgotten(g: Array, x: Array, keep: Array, p: float = 0.5) -> Pair:
    """The mask is forgotten: elements that were dropped get a gradient, and 0 belongs there."""
    return g * _scale(p), None


@mistake("Dropout", "mask_leak")
def dropout_as_in_evaluation(g: Array, x: Array, keep: Array, p: float = 0.5) -> Pair:
    """The upstream gradient is handed on unchanged, as in evaluation; g keep / (1 - p) belongs there."""
    return g.copy(), None


@mistake("Dropout", "mask_leak")
def dropout_mask_inverted(g: Array, x: Array, keep: Array, p: float = 0.5) -> Pair:
    """The mask is inverted: the dropped elements get the gradient, which belongs to those that were kept."""
    return g * ~keep.astype(bool) * _scale(p), None


@mistake("Dropout", "constant_factor")
def dropout_scale_multiplied(g: Array, x: Array, keep: Array, p: float = 0.5) -> Pair:
    """The gradient is multiplied by 1 - p; the forward pass divided by it, and so does the backward pass."""
    return g * keep * (1 - p), None


@mistake("Dropout", "constant_factor")
def dropout_divided_by_p(g: Array, x: Array, keep: Array, p: float = 0.5) -> Pair:
    """The gradient is divided by p, the share that was dropped; it is divided by 1 - p, the share that was kept."""
    return g * keep / p, None


@mistake("Dropout", "constant_factor")
def dropout_scale_twice(g: Array, x: Array, keep: Array, p: float = 0.5) -> Pair:
    """The scale is applied twice: g keep / (1 - p)² in place of g keep / (1 - p)."""
    return g * keep * _scale(p) ** 2, None


@mistake("Dropout", "wrong_variable")
def dropout_times_output(g: Array, x: Array, keep: Array, p: float = 0.5) -> Pair:
    """The upstream gradient is multiplied by the output; it is multiplied by the slope, keep / (1 - p)."""
    return g * x * keep * _scale(p), None


@mistake("Dropout", "upstream_ignored")
def dropout_upstream_ignored(g: Array, x: Array, keep: Array, p: float = 0.5) -> Pair:
    """The slope keep / (1 - p) is returned alone; the upstream gradient belongs on it as a factor."""
    return keep * _scale(p), None
