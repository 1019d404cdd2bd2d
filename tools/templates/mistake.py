"""Wrong backward passes of NewOp. Right is: write the derivation in a line."""

from typing import Any

from ...backend import Array
from .base import mistake


@mistake("NewOp", "sign")
def new_op_sign(g: Array, parameters: Array) -> Any:
    """Say here what the code does; then what belongs there, in a sentence of 40 to 260 letters."""
    raise NotImplementedError
