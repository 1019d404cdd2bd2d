"""Finding the registered op that a user means by a name."""

import difflib
import re

from ...errors import InputError
from ...ops import registry

OTHER_NAMES = {
    "attention": "ScaledDotProductAttention",
    "add": "Add",
    "sub": "Subtract",
    "mul": "Multiply",
    "div": "Divide",
    "pow": "Power",
    "neg": "Negate",
    "var": "Variance",
    "amax": "Max",
    "permute": "Transpose",
    "expand": "BroadcastTo",
    "cat": "Concatenate",
    "getitem": "Index",
}
"""Names from `minattn.functional` and PyTorch that are not the class's own in other letters."""


def find_op(name: str) -> str:
    """The class name of a registered op, from that name, its snake_case form or its name as a function.

    "LayerNorm", "layer_norm" and "layernorm" are one, as are "scaled_dot_product_attention" and "attention".
    Raises InputError for a name that is no op's, with those that are spelt like it.
    """
    by_letters = {_letters(op): op for op in registry} | OTHER_NAMES
    found = by_letters.get(_letters(name))
    if found is not None:
        return found
    close = difflib.get_close_matches(_letters(name), by_letters, n=3)
    known = [_snake_case(by_letters[letters]) for letters in close] or sorted(map(_snake_case, registry))
    raise InputError(f"like: expected the name of an op, got {name!r}; did you mean {', '.join(dict.fromkeys(known))}?")


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
