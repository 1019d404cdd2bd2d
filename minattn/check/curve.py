"""The step-size curve: how far a backward is from a slope that is measured with ever smaller steps.

The slope (f(x + hd) - f(x - hd)) / 2h is off by a multiple of h², and by the rounding of f, divided by h. Against a
right gradient the error therefore falls with the step, meets a floor and rises again: a V. Against a wrong one it stays
where it is, however small the step.
"""

import math
import os
from dataclasses import dataclass

import numpy as np

from ..backend import Array
from ..errors import InputError
from .problem import Problem
from .referee import step_lengths

_CURVE_STEPS = tuple(10 ** (-k / 2) for k in range(2, 27))
_PLOT_WIDTH, _PLOT_HEIGHT = 50, 11


@dataclass(frozen=True)
class Curve:
    """Error against step size, along one random direction of one argument.

    steps: falling, as shares of the size of the argument's entries; errors: |measured - backward's| / |measured|, with
    the true slope as the measure; is_right: what the check says of this gradient
    """

    argument: str
    steps: tuple[float, ...]
    errors: tuple[float, ...]
    is_right: bool

    @property
    def floor(self) -> float:
        """The smallest error."""
        return min(self.errors)

    @property
    def caption(self) -> str:
        """What the shape says."""
        floor = f"{self.floor:.0e}".replace("e-0", "e-")
        if self.is_right:
            return f"{self.argument}: a V with its floor at {floor}. The gradient is right."
        return f"{self.argument}: flat at {floor}, however small the step. The gradient is wrong."

    def __str__(self) -> str:
        """The curve for a terminal, both axes logarithmic."""
        heights = [math.log10(max(error, 1e-17)) for error in self.errors]
        top, bottom = math.ceil(max(*heights, 0.0)), math.floor(min(*heights, -12.0))
        rows = [[" "] * _PLOT_WIDTH for _ in range(_PLOT_HEIGHT)]
        for i, height in enumerate(heights):
            row = round((top - height) / (top - bottom) * (_PLOT_HEIGHT - 1))
            rows[row][round(i / max(len(heights) - 1, 1) * (_PLOT_WIDTH - 1))] = "●"
        labels = {0: f"1e{top}", _PLOT_HEIGHT - 1: f"1e{bottom}"}
        lines = [f"{labels.get(i, ''):>6} │{''.join(row).rstrip()}" for i, row in enumerate(rows)]
        ends = f"{_exponent(self.steps[0])}{_exponent(self.steps[-1]):>{_PLOT_WIDTH - 4}}"
        frame = [f"{'':6} └{'─' * _PLOT_WIDTH}", f"{'':8}{ends}", f"{'':8}{'step size':^{_PLOT_WIDTH}}".rstrip()]
        return "\n".join([f"{'error':>6}", *lines, *frame, "", self.caption])

    def figure(self, path: str | os.PathLike[str]) -> None:
        """Draw the curve into a file, whose ending says what kind: .png, .svg, .pdf."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.4, 4.2), layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axis = figure.subplots()
        colour = "#009E73" if self.is_right else "#D55E00"
        axis.loglog(self.steps, np.maximum(self.errors, 1e-17), color=colour, marker="o", markersize=4)
        axis.invert_xaxis()
        low, high = axis.get_ylim()
        axis.set_ylim(min(low, 1e-12), max(high, 10.0))  # the same range for all, or a flat line would look steep
        axis.set(xlabel="step size", ylabel="relative error")
        axis.set_title(self.caption, fontsize=10, parse_math=False)
        axis.grid(alpha=0.3)
        figure.savefig(os.fspath(path), dpi=150)


def taylor_rate(problem: Problem, argument: int, gradient: Array) -> float:
    """The rate at which the Taylor remainder |f(x + hd) - f(x) - h g·d| falls with h, f the upstream times the output:
    2 for a right gradient, 1 for a wrong one (Farrell et al., 2013, section 6); NaN where nothing is left to fall.
    """
    x = problem.inputs[argument]
    direction = np.random.default_rng(1).normal(size=x.shape) * step_lengths(x)
    slope, live = float((gradient * direction).sum()), problem.upstream != 0
    remainders = []
    with np.errstate(all="ignore"):
        here = problem.output[live] * problem.upstream[live]
        for h in (1e-2, 5e-3, 2.5e-3):
            moved = (*problem.inputs[:argument], x + h * direction, *problem.inputs[argument + 1 :])
            there = problem.run_forward_beside(moved)[live] * problem.upstream[live]
            remainders.append(abs(float((there - here).sum()) - h * slope))
    size = float(np.abs(here).sum()) + abs(slope)
    if not all(math.isfinite(r) and r > 1e-12 * size for r in remainders):
        return math.nan
    return math.log2(remainders[0] / remainders[2]) / 2


def measure_curve(
    problem: Problem, argument: int, gradient: Array, is_right: bool, still: Array | None = None
) -> Curve:
    """The curve of one gradient. Raises InputError where the slope is zero, so that there is nothing to divide by.

    still: entries that do not move, because they sit at a kink, for which no step is small enough
    """
    x, name = problem.inputs[argument], problem.names[argument]
    rng = np.random.default_rng(0)
    direction = rng.normal(size=x.shape) * step_lengths(x)
    if still is not None:
        direction *= ~still
    claimed = float((direction * gradient).sum())
    rest, following = problem.inputs[:argument], problem.inputs[argument + 1 :]
    slopes = []
    with np.errstate(all="ignore"):
        for step in _CURVE_STEPS:
            ends = (x + step * direction, x - step * direction)
            up, down = (problem.run_forward_beside((*rest, end, *following)) for end in ends)
            change = np.where(up == down, 0.0, up - down)
            slopes.append(float((problem.upstream * change).sum()) / (2 * step))
    pairs = [(step, slope) for step, slope in zip(_CURVE_STEPS, slopes, strict=True) if math.isfinite(slope)]
    if not pairs:
        raise InputError(f"there is no curve for {name}: forward is not finite beside it, however small the step")
    steps, finite = zip(*pairs, strict=True)
    scale = max(abs(claimed), float(np.median(np.abs(finite))))
    if not scale > 0 or not math.isfinite(scale):
        raise InputError(f"there is no curve for {name}: its true gradient is zero")
    errors = tuple(abs(slope - claimed) / scale for slope in finite)
    return Curve(name, steps, errors, is_right)


def _exponent(step: float) -> str:
    return f"1e{round(math.log10(step))}"
