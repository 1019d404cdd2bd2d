"""Everything one looks at."""

from .canvas import undrawable
from .figures import attention_maps, nearest_neighbours, positional_encoding, save_figure, training_curves

__all__ = [
    "attention_maps",
    "nearest_neighbours",
    "positional_encoding",
    "save_figure",
    "training_curves",
    "undrawable",
]
