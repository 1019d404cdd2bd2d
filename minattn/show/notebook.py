"""What a walkthrough needs to run as a notebook, a script or a page: figures of one style, `show`, and `needs`."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from .canvas import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, new_figure, rendered, set_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "GREEN",
    "ORANGE",
    "PURPLE",
    "RED",
    "SKY",
    "NotInstalled",
    "draw_matrix",
    "figure",
    "needs",
    "png_of",
    "send_figures_to",
    "show",
    "svg_of",
    "title_of",
    "words_of",
]

# Inches. At the usual 10 points, text can still be read when the figure is shown at half the width of a page.
_WIDTH = 6.4
_MOST_BYTES = 150_000

_receiver: list[Callable[[Figure], None]] = []


def figure(
    title: str, rows: int = 1, columns: int = 1, height: float = 2.9, sharex: bool = False, sharey: bool = False
) -> tuple[Figure, Any]:
    """An empty figure and its axes: one, an array of them, or (rows, columns).

    Args:
        title: what the figure shows, in words
        rows, columns: of panels
        height: inches per row; the width is the same for all
        sharex, sharey: one scale for all panels, written once

    >>> drawing, (left, right) = figure("A line and its slope", columns=2)
    >>> _ = left.plot([0, 1], [0, 2]), right.plot([0, 1], [2, 2])
    >>> for axis, name in ((left, "y"), (right, "dy/dx")):
    ...     _ = axis.set(xlabel="x", ylabel=name)
    >>> show(drawing)
    [figure] A line and its slope
    """
    drawing = new_figure(_WIDTH, rows * height + 0.4)
    set_title(drawing, title)
    drawing.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    axes = drawing.subplots(rows, columns, sharex=sharex, sharey=sharey)
    for axis in np.ravel(axes):
        axis.grid(alpha=0.3)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    return drawing, axes


def draw_matrix(axis: Axes, values: ArrayLike, numbers: str = ".2f", limit: float | None = None) -> Any:
    """Draw a small matrix with its numbers in its cells, blue below zero and red above.

    Args:
        axis: where to draw
        values: (rows, columns)
        numbers: the format of each number, "" for colours alone
        limit: the value of the deepest colour; the largest magnitude by default

    Returns:
        the image, for a colour bar
    """
    matrix = np.asarray(values, float)
    limit = limit or float(np.abs(matrix).max()) or 1.0
    image = axis.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    for (row, column), value in np.ndenumerate(matrix) if numbers else ():
        colour = "white" if abs(value) > 0.65 * limit else "black"
        text = format(value, numbers)
        axis.text(column, row, text.strip("-") if float(text) == 0 else text, ha="center", va="center", color=colour)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    axis.set_xticks(range(matrix.shape[1]))
    axis.set_yticks(range(matrix.shape[0]))
    axis.tick_params(length=0)
    return image


def show(drawing: Figure) -> None:
    """Show a finished figure: in a notebook below its cell, on a built page after its code, else by its title.

    Raises:
        InputError: the title or the label of an axis is missing
    """
    _refuse_unlabelled(drawing)
    if _receiver:
        _receiver[-1](drawing)
    elif "ipykernel" in sys.modules:
        notebook = importlib.import_module("IPython.display")
        notebook.display(notebook.SVG(svg_of(drawing)))
    else:
        print(f"[figure] {title_of(drawing)}")


def send_figures_to(receiver: Callable[[Figure], None]) -> None:
    """From now on, `show` calls this function with each figure, as the builder of the pages wants it."""
    _receiver.append(receiver)


class NotInstalled(SystemExit):
    """Ends a walkthrough whose package is absent: a script with status 0, for nothing is wrong with it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = 0


def needs(package: str, install: str) -> Path:
    """Find the folder of an installed package, which is not imported.

    Args:
        package: as one imports it, without dots
        install: the command that installs it

    Raises:
        NotInstalled: the package is absent; a sentence says so first, and the builder leaves the page as it is

    >>> needs("tokenizers", "pip install tokenizers").name
    'tokenizers'
    """
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        message = f"{package} is not installed, and this page needs it: {install}"
        print(message)
        raise NotInstalled(message)
    return Path(found.submodule_search_locations[0])


def title_of(drawing: Figure) -> str:
    """The title of the whole, or those of its panels."""
    whole = " ".join(drawing.get_suptitle().split())
    return whole or "; ".join(axis.get_title() for axis in drawing.axes if axis.get_title())


def words_of(drawing: Figure) -> list[str]:
    """Every word that was written on a figure, apart from the numbers of its ticks."""
    words = [title_of(drawing), drawing.get_supxlabel(), drawing.get_supylabel()]
    for axis in drawing.axes:
        words += [axis.get_title(), axis.get_xlabel(), axis.get_ylabel(), *(text.get_text() for text in axis.texts)]
        legend = axis.get_legend()
        words += [text.get_text() for text in legend.get_texts()] if legend else []
    return [" ".join(word.split()) for word in words if word.strip()]


def svg_of(drawing: Figure) -> str:
    """A figure as SVG, its words in the description; the same figure gives the same text.

    Raises:
        InputError: it is too large for a page
    """
    content = rendered(drawing, "svg", Title=title_of(drawing), Description="\n".join(words_of(drawing)))
    if len(content) > _MOST_BYTES:
        raise InputError(
            f"the figure {title_of(drawing)!r} is {len(content):,} bytes of SVG, at most {_MOST_BYTES:,} are wanted; "
            "draw fewer points, or pass rasterized=True to what has many"
        )
    return "\n".join(line.rstrip() for line in content.decode("utf-8").splitlines()) + "\n"


def png_of(drawing: Figure) -> bytes:
    """A figure as PNG in few colours, for where SVG is not shown."""
    from PIL import Image

    small = io.BytesIO()
    with Image.open(io.BytesIO(rendered(drawing, "png"))) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def _refuse_unlabelled(drawing: Figure) -> None:
    title = title_of(drawing)
    if not title:
        raise InputError("show: the figure has no title; say in it what the figure shows")
    for axis in drawing.axes:
        if not axis.axison or axis.get_label() == "<colorbar>":
            continue
        for name, siblings, whole in (
            ("xlabel", axis.get_shared_x_axes().get_siblings(axis), drawing.get_supxlabel()),
            ("ylabel", axis.get_shared_y_axes().get_siblings(axis), drawing.get_supylabel()),
        ):
            if not whole and not any(getattr(other, f"get_{name}")() for other in siblings):
                raise InputError(f"show: an axis of the figure {title!r} has no {name}; say what it measures")
