"""What every drawing starts from: an empty figure, its title, its panels, and axes that carry tokens."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .glyphs import families, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_TICKS = 40


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure that pyplot does not know of, so that nothing keeps it alive."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def set_title(figure: Figure, title: str) -> None:
    """The title of the whole figure, as large as suits it, broken into lines that fit."""
    size = max(13.0, 0.8 * figure.get_figwidth())
    fitting = int(110 * figure.get_figwidth() / size)
    lines = textwrap.wrap(shown(title, longest=300), fitting)
    # Each line after the first takes its height (in points, 72 an inch) from no panel.
    figure.set_figheight(figure.get_figheight() + max(0, len(lines) - 1) * 1.3 * size / 72)
    figure.suptitle("\n".join(lines), parse_math=False, fontsize=size, family=families())


def grid(panels: int) -> tuple[int, int]:
    """Rows and columns for so many panels: nearly square, and a column more where that leaves no hole.

    >>> [grid(panels) for panels in (1, 3, 4, 7, 8, 12)]
    [(1, 1), (1, 3), (2, 2), (3, 3), (2, 4), (3, 4)]
    """
    root = math.ceil(math.sqrt(panels))
    across = root + 1 if panels % root and panels % (root + 1) == 0 else root
    return math.ceil(panels / across), across


def label_tokens(axis: Axes, labels: Sequence[str]) -> None:
    """Write the tokens on both axes; of very many, every second or third, so that they can be read."""
    every = math.ceil(len(labels) / MOST_TICKS)
    places, size = range(0, len(labels), every), 8 if len(labels) <= 24 else 7
    axis.set_xticks(places, labels[::every], rotation=90, fontsize=size, parse_math=False, family=families())
    axis.set_yticks(places, labels[::every], fontsize=size, parse_math=False, family=families())
    axis.tick_params(length=2, pad=2)
