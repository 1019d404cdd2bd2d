"""Runs the same call on minattn and on PyTorch, and holds results and gradients to each other in float64."""

import numpy as np
import pytest

from minattn import Tensor

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # these arrays are tiny

TOLERANCE = 1e-10
"""Of the largest expected element: float64 gives 1e-15 an operation, and sums here are short."""
ROUNDING = 1e-13
"""Where the right answer is 0 either side may carry rounding: inputs and upstream are about 1."""


def to_torch(array, requires_grad=False):
    """A copy of an array as a torch tensor of the same dtype."""
    return torch.tensor(np.asarray(array), requires_grad=requires_grad)


def is_float(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def assert_same(got, expected, name=""):
    """Same shape and dtype, and every element within TOLERANCE of the largest expected one."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, name
    assert got.dtype == expected.dtype, name
    scale = np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(got, expected, rtol=0, atol=max(TOLERANCE * scale, ROUNDING), err_msg=name)


def assert_agrees(ours, theirs, *inputs):
    """ours(*Tensors) and theirs(*torch tensors) give the same, and the same gradients for a random upstream.

    Float arrays among the inputs need a gradient; other arrays go in bare here and as tensors there.
    """
    mine = [Tensor(x.copy(), requires_grad=True) if is_float(x) else x for x in inputs]
    other = [to_torch(x, is_float(x)) if isinstance(x, np.ndarray) else x for x in inputs]
    outputs, expected = as_tuple(ours(*mine)), as_tuple(theirs(*other))
    assert len(outputs) == len(expected)
    rng = np.random.default_rng(1)
    upstreams = [np.asarray(rng.normal(size=output.shape)) for output in outputs]
    for i, (output, value, upstream) in enumerate(zip(outputs, expected, upstreams, strict=True)):
        assert_same(output.data, value.detach(), f"output {i}")
        output.backward(upstream)
    torch.autograd.backward(expected, [to_torch(upstream) for upstream in upstreams])
    for i, (x, y) in enumerate(zip(mine, other, strict=True)):
        if isinstance(x, Tensor):
            assert_same(x.grad, y.grad, f"gradient of input {i}")


def as_tuple(outputs):
    return tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)


def load(layer, state):
    """A torch layer in float64 with the parameters of ours, named and joined as PyTorch does it."""
    layer.double().load_state_dict({name: to_torch(array) for name, array in torch_names(state).items()})
    return layer


def gradients(layer):
    """The gradient of every parameter of our layer or model, under PyTorch's names."""
    return torch_names({name: parameter.grad for name, parameter in layer.named_parameters()})


RENAMED = (
    ("attention.", "self_attn."),
    ("query.", "in_proj_"),
    ("out.", "out_proj."),
    ("feed_forward.widen.", "linear1."),
    ("feed_forward.narrow.", "linear2."),
    ("attention_norm.", "norm1."),
    ("feed_forward_norm.", "norm2."),
)


def torch_names(arrays):
    """Arrays by our parameter names -> arrays by PyTorch's; query, key and value lie there in one matrix."""
    renamed = {}
    for name, array in arrays.items():
        if ".key." in f".{name}" or ".value." in f".{name}":
            continue
        if "query." in name:
            array = np.concatenate([arrays[name.replace("query.", part)] for part in ("query.", "key.", "value.")])
        for ours, theirs in RENAMED:
            name = name.replace(ours, theirs)
        renamed[name] = array
    return renamed
