"""Everything one looks at."""

from .canvas import undrawable
from .check_page import check_page
from .example import example_page
from .figures import attention_maps, nearest_neighbours, positional_encoding, save_figure, training_curves
from .number_page import NumberPage, op_page, page
from .sentence_page import sentence_page

__all__ = [
    "NumberPage",
    "attention_maps",
    "check_page",
    "example_page",
    "nearest_neighbours",
    "op_page",
    "page",
    "positional_encoding",
    "save_figure",
    "sentence_page",
    "training_curves",
    "undrawable",
]
