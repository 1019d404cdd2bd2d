"""Tokens as text that the fonts at hand can draw."""

from __future__ import annotations

from functools import cache

# Matplotlib brings the first, which lacks Chinese; the others are what systems that write it usually have.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "SimHei",
)


def shown(token: str, longest: int = 16) -> str:
    """The token as it can be drawn: a character that no font has as its code point, a long one cut short.

    >>> shown("##ing"), shown("a\\u200bb"), shown("incomprehensibilities")
    ('##ing', 'aU+200Bb', 'incomprehensibi…')
    """
    glyphs = _glyphs()
    drawn, after_code = "", False
    for char in token:
        code = "" if ord(char) in glyphs and char.isprintable() else f"U+{ord(char):04X}"
        drawn += " " * bool(after_code and code) + (code or char)
        after_code = bool(code)
    return drawn if len(drawn) <= longest else drawn[: longest - 1] + "…"


def families() -> list[str]:
    """The names of the fonts that are installed here, in the order in which a character is looked up."""
    return list(_installed())


@cache
def _installed() -> dict[str, str]:
    """Name -> file of each known font that is installed."""
    from matplotlib.font_manager import fontManager

    files = {font.name: font.fname for font in reversed(fontManager.ttflist) if font.style == "normal"}
    return {name: files[name] for name in _FONTS if name in files}


@cache
def _glyphs() -> frozenset[int]:
    """The code points that some installed font draws."""
    from matplotlib.font_manager import get_font

    return frozenset(code for file in _installed().values() for code in get_font(file).get_charmap())
