"""What a terminal shows and says: progress, tables that fit, single keys, Ctrl-C."""

from .interrupt import Interrupt, loaded, quiet_while_loading
from .keys import Keys, keyboard
from .progress import Count, Progress, clock
from .tables import (
    columns,
    labelled,
    padded,
    print_command,
    print_table,
    print_wide_table,
    print_wrapped,
    shortened,
    table_lines,
    width_of,
    wrapped,
)

__all__ = [
    "Count",
    "Interrupt",
    "Keys",
    "Progress",
    "clock",
    "columns",
    "keyboard",
    "labelled",
    "loaded",
    "padded",
    "print_command",
    "print_table",
    "print_wide_table",
    "print_wrapped",
    "quiet_while_loading",
    "shortened",
    "table_lines",
    "width_of",
    "wrapped",
]
