"""What every drawing starts from: an empty figure, its title, its panels, and words that the fonts here can draw."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from ..text import is_cjk

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008): colours that stay apart for every kind of colour vision.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"

MOST_TICKS = 40
"""How many tokens an axis names; of more, every second or third."""

# Matplotlib brings the first, which lacks Chinese; the others are what systems that write it usually have.
_FONTS = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Hiragino Sans GB"),
    *("Microsoft YaHei", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "SimHei"),
)


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure, in inches, that pyplot does not know of, so that nothing keeps it alive."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def rendered(figure: Figure, kind: str, **metadata: str) -> bytes:
    """A figure as "png" or "svg" with this metadata; the same figure gives the same bytes."""
    from matplotlib import rc_context

    content = io.BytesIO()
    # A fixed salt and no date or version: without them each file would differ from the one before.
    fixed = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}[kind]
    with rc_context({"svg.hashsalt": "minattn", "svg.fonttype": "path"}):  # letters as shapes: no font is needed
        figure.savefig(content, format=kind, dpi=150, metadata=fixed | metadata)
    return content.getvalue()


def set_title(figure: Figure, title: str) -> None:
    """Write the title of the whole figure, as large as suits it, broken into lines that fit."""
    size = max(13.0, 0.8 * figure.get_figwidth())
    lines = _wrapped(figure, drawable(title, longest=300), size)
    # Each line after the first takes its height (in points, 72 an inch) from no panel.
    figure.set_figheight(figure.get_figheight() + max(0, len(lines) - 1) * 1.3 * size / 72)
    figure.suptitle("\n".join(lines), parse_math=False, fontsize=size, family=installed_fonts())


def set_horizontal_label(figure: Figure, label: str, size: float, tokens: Iterable[str]) -> None:
    """Write the label below all panels and, where no font here can draw some of the tokens, a sentence that says so."""
    missing = _missing(tokens)
    note = f"{_code(missing[0])} is a character that no font here can draw{_remedy(missing)}." if missing else ""
    figure.supxlabel("\n".join([label, *_wrapped(figure, note, size)]), fontsize=size)


def undrawable(texts: Iterable[str]) -> str:
    """A sentence about the characters of texts that no font here can draw; "" where there are none."""
    missing = _missing(texts)
    if not missing:
        return ""
    others = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
    return f"no font here can draw {missing[0]}{others}, so the figures show code points{_remedy(missing)}"


def panel_grid(panels: int) -> tuple[int, int]:
    """Rows and columns for so many panels: nearly square, and a column more where that leaves no hole.

    >>> [panel_grid(panels) for panels in (1, 3, 4, 7, 8, 12)]
    [(1, 1), (1, 3), (2, 2), (3, 3), (2, 4), (3, 4)]
    """
    root = math.ceil(math.sqrt(panels))
    across = root + 1 if panels % root and panels % (root + 1) == 0 else root
    return math.ceil(panels / across), across


def label_tokens(axis: Axes, labels: Sequence[str]) -> None:
    """Write the tokens on both axes; of very many, every second or third, so that they can be read."""
    every = math.ceil(len(labels) / MOST_TICKS)
    places, size = range(0, len(labels), every), 8 if len(labels) <= 24 else 7
    axis.set_xticks(places, labels[::every], rotation=90, fontsize=size, parse_math=False, family=installed_fonts())
    axis.set_yticks(places, labels[::every], fontsize=size, parse_math=False, family=installed_fonts())
    axis.tick_params(length=2, pad=2)


def drawable(text: str, longest: int = 16) -> str:
    """The text as it can be drawn: a character that no font has as its code point, a long text cut short.

    >>> drawable("##ing"), drawable("a\\u200bb"), drawable("incomprehensibilities")
    ('##ing', 'aU+200Bb', 'incomprehensibi…')
    """
    fonts = _fonts()
    drawn, after_code = "", False
    for char in text:
        code = "" if _has(fonts, char) and char.isprintable() else _code(char)
        drawn += " " * bool(after_code and code) + (code or char)
        after_code = bool(code)
    return drawn if len(drawn) <= longest else drawn[: longest - 1] + "…"


def installed_fonts() -> list[str]:
    """The names of the known fonts that are installed here, in the order in which a character is looked up."""
    return list(_fonts())


def _fonts() -> dict[str, frozenset[int]]:
    """The code points that each installed font draws, by the font's name."""
    from matplotlib.font_manager import fontManager

    files = {font.name: font.fname for font in reversed(fontManager.ttflist) if font.style == "normal"}
    return {name: _code_points(files[name]) for name in _FONTS if name in files}


@cache
def _code_points(file: str) -> frozenset[int]:
    from matplotlib.font_manager import get_font

    return frozenset(get_font(file).get_charmap())


def _has(fonts: dict[str, frozenset[int]], char: str) -> bool:
    return any(ord(char) in code_points for code_points in fonts.values())


def _missing(texts: Iterable[str]) -> list[str]:
    """The characters that no font here can draw, each once."""
    fonts = _fonts()
    chars = dict.fromkeys(char for text in texts for char in text)
    return [char for char in chars if char.isprintable() and not _has(fonts, char)]


def _remedy(missing: list[str]) -> str:
    return f"; install {_FONTS[1]}" if any(map(is_cjk, missing)) else ""


def _code(char: str) -> str:
    return f"U+{ord(char):04X}"


def _wrapped(figure: Figure, text: str, size: float) -> list[str]:
    """The text in lines that fit the width of the figure at this size of letters, in points."""
    return textwrap.wrap(text, int(110 * figure.get_figwidth() / size))
