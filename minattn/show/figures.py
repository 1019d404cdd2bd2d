"""The figures of a run: each function draws plain arrays as a Matplotlib Figure; `save_figure` writes it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from ..runs import make_folder, write_atomically
from .canvas import (
    BLUE,
    GREEN,
    MOST_TICKS,
    ORANGE,
    PURPLE,
    drawable,
    installed_fonts,
    label_tokens,
    new_figure,
    panel_grid,
    rendered,
    set_horizontal_label,
    set_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The steps at which there is a value, and the values."""

LINE_STYLES = ("--", ":", "-.")
_MOST_PANELS = 12


def training_curves(
    rows: Sequence[Mapping[str, Any]], note: str = "", to_beat: Mapping[str, float] | None = None
) -> Figure:
    """Draw loss and accuracy by step.

    Args:
        to_beat: what fills blanks without the model, and which share of them; each is a line across the accuracies
        note: a sentence below the curves, such as what the accuracy is of
        rows: as a run logs them, {"step", "loss"} and now and then {"step", "held_out_loss", "copied",
            "blanks_filled"}; accuracies are shares in [0, 1], None is a gap

    Raises:
        InputError: no row has a loss
    """
    curves = {key: _curve(rows, key) for key in ("loss", "held_out_loss", "copied", "blanks_filled")}
    if not len(curves["loss"][0]) and not len(curves["held_out_loss"][0]):
        raise InputError('training_curves: rows must hold a "step" and a "loss", got none; train a few steps first')
    with_accuracy = any(len(curves[key][0]) for key in ("copied", "blanks_filled"))
    figure = new_figure(8, 6.4 if with_accuracy else 3.8)
    axes = figure.subplots(2 if with_accuracy else 1, sharex=True, squeeze=False)[:, 0]

    steps, loss = curves["loss"]
    window = max(1, len(loss) // 50)
    if window > 1:
        axes[0].plot(steps, loss, color=BLUE, alpha=0.25, linewidth=0.8)
        # the ends, where a window is not full, are left out
        steps, loss = (np.convolve(values, np.full(window, 1 / window), mode="valid") for values in (steps, loss))
    averaged = f", mean of {window} values" if window > 1 else ""
    _draw_curve(axes[0], (steps, loss), f"training{averaged}", BLUE, "", "{:.2f}")
    _draw_curve(axes[0], curves["held_out_loss"], "held-out", ORANGE, "o", "{:.2f}")
    axes[0].set(title="Loss while training", ylabel="cross-entropy (nats per token)")
    axes[0].set_ylim(0, 1.05 * axes[0].get_ylim()[1])

    if with_accuracy:
        for key, label, colour, marker in (
            ("copied", "tokens copied", GREEN, "s"),
            ("blanks_filled", "blanks filled", PURPLE, "D"),
        ):
            steps, share = curves[key]
            _draw_curve(axes[1], (steps, 100 * share), label, colour, marker, "{:.2f} %")
        for i, (label, filled) in enumerate((to_beat or {}).items()):
            style = LINE_STYLES[i % len(LINE_STYLES)]
            text = f"blanks: {label}, {filled:.2%}"
            axes[1].axhline(100 * filled, color="0.35", linewidth=1, linestyle=style, label=text)
        axes[1].set(title="Accuracy on held-out sentences", ylabel="right tokens (%)", ylim=(-3, 103))
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    axes[-1].set_xlabel(f"step\n{note}".strip())
    axes[-1].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    figure.align_ylabels()
    return figure


def attention_maps(weights: ArrayLike, tokens: Sequence[str], title: str = "Attention, head by head") -> Figure:
    """Draw what each token looks at, one panel per head: row = the token that looks, column = what it looks at.

    Args:
        weights: (H, T, T), H at most 12, rows summing to 1
        tokens: the T tokens

    Raises:
        InputError: other shapes, NaN or infinities
    """
    maps = _finite("attention_maps", "weights", weights, 3)
    heads, rows, columns = maps.shape
    if rows != columns or rows != len(tokens) or not maps.size:
        raise InputError(
            f"attention_maps: weights must have shape (H, T, T) for T tokens, got {maps.shape} for {len(tokens)} tokens"
        )
    if heads > _MOST_PANELS:
        raise InputError(f"attention_maps: at most {_MOST_PANELS} heads fit, got {heads}; pass weights[:12]")
    down, across = panel_grid(heads)
    labels = [drawable(token) for token in tokens]
    side = max(2.6, 0.19 * min(rows, MOST_TICKS)) + 0.075 * max(map(len, labels))
    figure = new_figure(across * side + 1.2, down * side + 0.9)
    set_title(figure, title)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for head, axis in enumerate(axes[:heads]):
        image = axis.imshow(maps[head], cmap="viridis", vmin=0, vmax=maps.max() or 1, interpolation="nearest")
        axis.set_title(f"head {head + 1}", fontsize=10)
        label_tokens(axis, labels)
    for axis in axes[heads:]:
        axis.remove()
    size = max(10.0, 0.5 * figure.get_figwidth())
    figure.supylabel("token that looks (query)", fontsize=size)
    set_horizontal_label(figure, "token looked at (key)", size, [title, *tokens])
    figure.colorbar(image, ax=list(axes[:heads]), label="attention weight", shrink=min(1, 1.6 / down), aspect=30)
    return figure


def positional_encoding(table: ArrayLike) -> Figure:
    """Draw a positional encoding, and how much two positions have in common by their distance.

    Args:
        table: (T, D), one row per position

    Raises:
        InputError: other shapes, NaN or infinities
    """
    encoding = _finite("positional_encoding", "table", table, 2)
    if not encoding.size:
        raise InputError(f"positional_encoding: table must have shape (T, D), got {encoding.shape}")
    figure = new_figure(11, 4.4)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    limit = np.abs(encoding).max() or 1
    image = left.imshow(encoding, cmap="viridis", aspect="auto", vmin=-limit, vmax=limit, interpolation="nearest")
    figure.colorbar(image, ax=left, label="value")
    left.set(title="Positional encoding", xlabel="dimension", ylabel="position")

    products, distances = encoding @ encoding.T, np.arange(len(encoding))
    by_distance = [np.diagonal(products, distance) for distance in distances]
    lowest, mean, highest = (np.array([of(pairs) for pairs in by_distance]) for of in (np.min, np.mean, np.max))
    # Of sinusoids all pairs at one distance have the same product, which is the point of them.
    alike = np.allclose(lowest, highest, rtol=0, atol=1e-5 * np.abs(products).max())
    right.plot(distances, mean, color=BLUE, label="the same for all pairs" if alike else "mean over all pairs")
    if not alike:
        right.fill_between(distances, lowest, highest, color=BLUE, alpha=0.2, linewidth=0, label="range of pairs")
    right.set(title="Dot product of two positions", xlabel="distance between them", ylabel="dot product")
    right.grid(alpha=0.3)
    right.legend(frameon=False)
    for axis in (left.yaxis, left.xaxis, right.xaxis):
        axis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    return figure


def nearest_neighbours(table: ArrayLike, pieces: Sequence[str], words: Sequence[str], count: int = 8) -> Figure:
    """Draw, for each word, the tokens whose embeddings point most nearly the same way.

    Args:
        table: (V, D), one row per piece
        pieces: the V pieces of the vocabulary
        words: 1 to 12 of them
        count: how many neighbours to show

    Raises:
        InputError: other shapes, NaN or infinities, or a word that is not a piece
    """
    embeddings = _finite("nearest_neighbours", "table", table, 2)
    if len(embeddings) != len(pieces):
        raise InputError(f"nearest_neighbours: table has {len(embeddings)} rows, but there are {len(pieces)} pieces")
    if not 1 <= len(words) <= _MOST_PANELS:
        raise InputError(f"nearest_neighbours: words must be 1 to {_MOST_PANELS}, got {len(words)}")
    if count < 1:
        raise InputError(f"nearest_neighbours: count must be 1 or more, got {count}")
    ids = {piece: i for i, piece in enumerate(pieces)}
    if unknown := [word for word in words if word not in ids]:
        raise InputError(f"nearest_neighbours: {unknown[0]!r} is not a piece of the vocabulary; choose one that is")
    count = min(count, len(pieces) - 1)
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    directions = embeddings / np.where(norms > 0, norms, 1)

    down, across = panel_grid(len(words))
    figure = new_figure(max(4.5, 3.1 * across), down * (0.24 * count + 0.8) + 0.7)
    set_title(figure, "Nearest tokens in the embedding table")
    axes = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    drawn: list[str] = []
    for axis, word in zip(axes, words, strict=False):
        cosines = directions @ directions[ids[word]]
        nearest = [i for i in np.argsort(-cosines, kind="stable") if i != ids[word]][:count]
        drawn += [word, *(pieces[i] for i in nearest)]
        bars = axis.barh(range(count), cosines[nearest], color=BLUE, height=0.72)
        axis.bar_label(bars, fmt="%.2f", padding=2, fontsize=7)
        labels = [drawable(pieces[i]) for i in nearest]
        axis.set_yticks(range(count), labels, fontsize=8, parse_math=False, family=installed_fonts())
        axis.invert_yaxis()  # the nearest on top
        axis.margins(x=0.15)
        axis.spines[["top", "right"]].set_visible(False)
        # sharing hides the numbers below a column whose last panel is empty
        axis.tick_params(left=False, labelbottom=True)
        axis.set_title(drawable(word), parse_math=False, fontsize=10, fontweight="bold", family=installed_fonts())
    for axis in axes[len(words) :]:
        axis.remove()
    set_horizontal_label(figure, "cosine similarity", 10, drawn)
    return figure


def save_figure(figure: Figure, folder: str | os.PathLike[str], name: str) -> list[Path]:
    """Write a figure as PNG and as SVG, each whole or not at all; the same figure gives the same bytes.

    Args:
        folder: made where it is missing
        name: the files' name without its ending

    Returns:
        the paths of the PNG and the SVG

    Raises:
        InputError: the name is a path
        RunError: the disk refuses
    """
    if not name or Path(name).name != name:
        raise InputError(f"save_figure: name must be a plain file name without its ending, got {name!r}")
    make_folder(Path(folder))
    paths = []
    for kind in ("png", "svg"):
        paths.append(Path(folder) / f"{name}.{kind}")
        write_atomically(paths[-1], rendered(figure, kind))
    return paths


def _curve(rows: Sequence[Mapping[str, Any]], key: str) -> Curve:
    """The steps that have a value of this name, rising, and the values; None becomes NaN, drawn as a gap."""
    found = sorted(
        (row["step"], math.nan if row[key] is None else float(row[key])) for row in rows if "step" in row and key in row
    )
    return np.array([step for step, _ in found], float), np.array([value for _, value in found], float)


def _draw_curve(axis: Axes, curve: Curve, label: str, colour: str, marker: str, number: str) -> None:
    """One line, with its last value in the legend; nothing where there are no values."""
    steps, values = curve
    if len(values):
        marker = marker or ("o" if len(values) == 1 else "")
        legend = f"{label}: {number.format(values[-1])}"
        axis.plot(steps, values, color=colour, marker=marker, markersize=4, label=legend)


def _finite(function: str, name: str, values: ArrayLike, axes: int) -> NDArray[np.float64]:
    """The values as float64, once they have so many axes and no NaN or infinity."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != axes:
        raise InputError(f"{function}: {name} must have {axes} axes, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{function}: {name} must be finite, got NaN or infinity in shape {array.shape}")
    return array
