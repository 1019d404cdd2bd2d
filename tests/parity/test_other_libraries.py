"""Backward passes that were written for PyTorch or JAX: the same findings as for NumPy."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from minattn.check import check_autograd_function
from minattn.cli import main
from minattn.errors import InputError

torch = pytest.importorskip("torch")


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


class Layer(torch.autograd.Function):
    """tanh(x w)."""

    @staticmethod
    def forward(ctx, x, w):
        t = torch.tanh(x @ w)
        ctx.save_for_backward(x, w, t)
        return t

    @staticmethod
    def backward(ctx, g):
        x, w, t = ctx.saved_tensors
        ds = g * (1 - t**2)
        return ds @ w.t(), x.t() @ ds


class NeighboursSlope(Layer):
    @staticmethod
    def backward(ctx, g):
        x, w, t = ctx.saved_tensors
        ds = g * (1 - t)
        return ds @ w.t(), x.t() @ ds


class NotTransposed(Layer):
    @staticmethod
    def backward(ctx, g):
        x, w, t = ctx.saved_tensors
        ds = g * (1 - t**2)
        return ds @ w, x.t() @ ds


class Normalised(torch.autograd.Function):
    """Layer norm, in whose dx a sum stands where a mean belongs."""

    @staticmethod
    def forward(ctx, x, gain):
        mean = x.mean(dim=-1, keepdim=True)
        inverse = 1 / torch.sqrt(((x - mean) ** 2).mean(dim=-1, keepdim=True) + 1e-5)
        xhat = (x - mean) * inverse
        ctx.save_for_backward(xhat, inverse, gain)
        return xhat * gain

    @staticmethod
    def backward(ctx, g):
        xhat, inverse, gain = ctx.saved_tensors
        d = g * gain
        dx = inverse * (d - d.mean(dim=-1, keepdim=True) - xhat * (d * xhat).sum(dim=-1, keepdim=True))
        return dx, (g * xhat).sum(dim=0)


class Attention(torch.autograd.Function):
    """Attention, in whose dk the scale is forgotten."""

    @staticmethod
    def forward(ctx, q, k, v):
        p = torch.softmax(q @ k.transpose(-1, -2) / q.size(-1) ** 0.5, dim=-1)
        ctx.save_for_backward(q, k, v, p)
        return p @ v

    @staticmethod
    def backward(ctx, g):
        q, k, v, p = ctx.saved_tensors
        dp = g @ v.transpose(-1, -2)
        ds = p * (dp - (dp * p).sum(dim=-1, keepdim=True))
        return ds @ k / q.size(-1) ** 0.5, ds.transpose(-1, -2) @ q, p.transpose(-1, -2) @ g


class TwoOutputs(torch.autograd.Function):
    """sin(x) and x², the second of which has the wrong sign."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sin(x), x * x

    @staticmethod
    def backward(ctx, g, h):
        (x,) = ctx.saved_tensors
        return g * torch.cos(x) - 2 * h * x


WRONG = {
    NeighboursSlope: ([normal(3, 4), normal(4, 5)], "x and w", "wrong_variable", "`1 - t` stands where the slope"),
    NotTransposed: ([normal(3, 4), normal(4, 4)], "x", "missing_transpose", "`w` is to be transposed"),
    Normalised: ([normal(3, 4), normal(4)], "x", "constant_factor", "the sum stands where a mean belongs"),
    Attention: ([normal(3, 4), normal(5, 4), normal(5, 2)], "k", "constant_factor", "1/√4, where 4 is the length"),
}


def test_a_right_autograd_function_is_right():
    assert check_autograd_function(Layer, [torch.tensor(normal(3, 4)), normal(4, 5)]).ok is True


@pytest.mark.parametrize("function", WRONG)
def test_a_wrong_autograd_function_is_diagnosed_as_for_numpy(function):
    inputs, argument, kind, words = WRONG[function]
    (finding,) = check_autograd_function(function, inputs).findings
    assert (finding.argument, finding.kind, finding.sure) == (argument, kind, "exactly")
    assert words in finding.sentence


def test_an_autograd_function_with_several_outputs_is_checked():
    report = check_autograd_function(TwoOutputs, [normal(3)])
    assert report.ok is False and report.arguments[0].name == "x"


def test_what_is_no_function_of_the_library_is_refused_in_a_sentence():
    with pytest.raises(InputError, match=r"a subclass of torch.autograd.Function"):
        check_autograd_function(np.sin, [normal(3)])


JAX = """
import numpy as np, jax
from minattn.check import check_custom_vjp
from minattn.errors import InputError
jnp = jax.numpy


def made(slope):
    layer = jax.custom_vjp(lambda x, w: jnp.tanh(x @ w))

    def forward(x, w):
        t = jnp.tanh(x @ w)
        return t, (x, w, t)

    def backward(kept, g):
        x, w, t = kept
        ds = g * slope(t)
        return ds @ w.T, x.T @ ds

    layer.defvjp(forward, backward)
    return layer


inputs = [np.random.default_rng(0).normal(size=shape) for shape in ((3, 4), (4, 5))]
assert check_custom_vjp(made(lambda t: 1 - t**2), inputs).ok is True
(finding,) = check_custom_vjp(made(lambda t: 1 + t**2), inputs).findings
assert (finding.argument, finding.kind, finding.sure) == ("x and w", "sign", "exactly"), finding
assert "`1 + t**2`" in finding.sentence, finding
try:
    check_custom_vjp(jnp.tanh, inputs)
except InputError as error:
    assert "jax.custom_vjp" in str(error)
else:
    raise AssertionError("a plain function was taken")
"""


def test_a_custom_vjp_is_checked_and_diagnosed(tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")
    file = tmp_path / "layer.py"  # a process of its own: JAX has threads, and other tests fork
    file.write_text(JAX)
    ran = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_file_with_an_autograd_function_is_checked_from_the_command_line(tmp_path, capsys):
    file = tmp_path / "cube.py"
    file.write_text(
        "import numpy as np\nimport torch\n\n\nclass Cube(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(ctx, x):\n        ctx.save_for_backward(x)\n        return x * x * x\n\n"
        "    @staticmethod\n    def backward(ctx, g):\n        (x,) = ctx.saved_tensors\n        return 3 * x * g\n\n\n"
        "inputs = (np.random.default_rng(0).normal(size=(3, 4)),)\n"
    )
    assert main(["check", str(file)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "x: missing_factor (exactly)" in said and "the factor `x` is missing" in said
