"""What a complete op has beside its registration, and what one lacks, each in a sentence that says where it belongs."""

import inspect

from new import mistakes_file

from minattn import functional
from minattn.check.catalogue import catalogue, find_op
from minattn.check.catalogue.registered_op import snake_case
from minattn.errors import InputError
from minattn.tensor import Tensor
from support.parity_cases import CASES

SAMPLED = {
    *(
        "abs",
        "add",
        "amax",
        "amin",
        "argmax",
        "argmin",
        "bmm",
        "broadcast_to",
        "cat",
        "chunk",
        "clamp",
        "cross_entropy",
    ),
    *("div", "dropout", "einsum", "embedding", "exp", "expand", "flatten", "gelu", "layer_norm", "linear"),
    *("linear_cross_entropy", "log", "log_softmax", "logsumexp", "masked_fill", "matmul", "max", "maximum", "mean"),
    *("min", "minimum", "mm", "mse_loss", "mul", "neg", "nll_loss", "permute", "pow", "relu", "reshape"),
    *("scaled_dot_product_attention", "sigmoid", "softmax", "split", "sqrt", "squeeze", "stack", "std", "sub", "sum"),
    *("tanh", "transpose", "unsqueeze", "var", "view", "where"),
}
"""The functions that tests/parity/test_torch_samples.py compares with PyTorch on its own samples."""

MISTAKES = 5
"""How many known mistakes an op has at least: fewer are not what people do, but what one person thought of."""


def functions():
    """The public functions of `minattn.functional`."""
    names = (n for n, f in vars(functional).items() if inspect.isfunction(f) and f.__module__ == functional.__name__)
    return [name for name in names if not name.startswith("_") and name != "method"]


def op_of(name):
    """The op that a function or method is; None if it is none's."""
    try:
        return find_op(name.strip("_"))
    except InputError:
        return None


def missing_from(op):
    """What a registered op lacks: a sentence for each thing."""
    name = snake_case(op)
    known = [entry for entry in catalogue.get(op, []) if "NotImplementedError" not in entry.backward.__code__.co_names]
    own = [function for function in functions() if op_of(function) == op]
    if not own and op not in map(op_of, vars(Tensor)):
        yield f"{op} has no function: put one into minattn/functional.py (python tools/new.py function {name})"
        own = [name]
    if len(known) < MISTAKES:
        yield (
            f"{op} has {len(known)} of at least {MISTAKES} known mistakes: put some into "
            f"minattn/check/catalogue/{mistakes_file(op).name} (python tools/new.py mistake {name})"
        )
    for function in own:
        if function not in CASES and function not in SAMPLED:
            yield (
                f"{function} is not compared with PyTorch: put calls of it into tests/support/parity_cases.py "
                f"(python tools/new.py parity {name})"
            )
