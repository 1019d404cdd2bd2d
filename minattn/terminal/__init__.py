"""What a terminal shows and says: progress, tables that fit, single keys, Ctrl-C. The one door to it."""

from .interrupt import Interrupt
from .keys import Keys, keyboard
from .progress import Count, Progress, clock
from .tables import columns, padded, print_table, shortened

__all__ = [
    "Count",
    "Interrupt",
    "Keys",
    "Progress",
    "clock",
    "columns",
    "keyboard",
    "padded",
    "print_table",
    "shortened",
]
