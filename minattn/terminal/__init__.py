"""What a terminal shows and says: progress, tables that fit, single keys, Ctrl-C."""

# ruff: noqa: E402 - first of all, Ctrl-C shall end the command in one line, also in the imports that follow
from .ending import end_in_one_line, ended  # isort: split

end_in_one_line()

from .interrupt import SIGNALS, Interrupt, Stopped, stoppable
from .keys import Keys, keyboard
from .progress import Count, Progress, clock
from .tables import (
    UNLIMITED,
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
    "SIGNALS",
    "UNLIMITED",
    "Count",
    "Interrupt",
    "Keys",
    "Progress",
    "Stopped",
    "clock",
    "columns",
    "ended",
    "keyboard",
    "labelled",
    "padded",
    "print_command",
    "print_table",
    "print_wide_table",
    "print_wrapped",
    "shortened",
    "stoppable",
    "table_lines",
    "width_of",
    "wrapped",
]
