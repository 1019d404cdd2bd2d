"""Every kernel gives what its op gives, on every sample of the op."""

import zlib

import numpy as np
import pytest
from support.kernel_contract import LAYOUTS, hold

import minattn
from minattn import Tensor
from minattn import functional as F
from minattn.fast.attention import FastAttention
from minattn.fast.products import EXP, POWER_OF_2
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.ops import Op, registry
from minattn.ops.kernels import implements, kernel_of, kernels, textbook, use_kernels
from minattn.optim import AdamW, Optimizer

OPS = {op: kernel for op, kernel in kernels.items() if issubclass(op, Op)}


def blocked_by_two_and_three():
    return type("Blocked", (FastAttention,), {"long": 0, "block": (2, 3)})


def with_either_exponential():
    for op, kernel in OPS.items():
        if hasattr(kernel, "exponential"):
            yield from ((op, type(each.name, (kernel,), {"exponential": each})) for each in (EXP, POWER_OF_2))


CASES = [*OPS.items(), (FastAttention.__mro__[1], blocked_by_two_and_three()), *with_either_exponential()]


def samples():
    for op, kernel in CASES:
        rng = np.random.default_rng(zlib.crc32(op.__name__.encode()))
        for sample in registry[op.__name__].samples(rng):
            yield pytest.param(op, kernel, sample, id=f"{kernel.__name__}-{sample.name}")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("op", "kernel", "sample"), [*samples()])
def test_a_kernel_keeps_the_contract(op, kernel, sample, dtype, layout):
    hold(op, kernel, sample, dtype, layout)


class DropsTheMean(kernels[minattn.ops.LayerNorm]):
    def backward(self, g):
        dx, dgamma, dbeta = super().backward(g)
        return dx + g.mean(), dgamma, dbeta


class WritesIntoItsInput(kernels[minattn.ops.Add]):
    def forward(self, a, b):
        a += b
        return a


class KeepsTheUpstream(kernels[minattn.ops.GELU]):
    def backward(self, g):
        g *= self.slope
        return g


class HandsOutAnInput(kernels[minattn.ops.Linear]):
    def backward(self, g):
        dx, dweight, *dbias = super().backward(g)
        self.rows[...] = dx.reshape(self.rows.shape)
        return (self.rows.reshape(self.x_shape), dweight, *dbias)


@pytest.mark.parametrize("wrong", [DropsTheMean, WritesIntoItsInput, KeepsTheUpstream, HandsOutAnInput])
def test_the_contract_refuses_a_kernel_that_breaks_it(wrong):
    op = next(op for op in OPS if issubclass(wrong, op))
    with pytest.raises(AssertionError):
        for sample in registry[op.__name__].samples(np.random.default_rng(0)):
            hold(op, wrong, sample, np.float64)


def test_float64_runs_the_textbook_and_float32_the_kernels_unless_told_otherwise():
    single, double = np.zeros(2, np.float32), np.zeros(2)
    op = minattn.ops.GELU
    assert kernel_of(op, [single]) is kernels[op] and kernel_of(op, [double]) is None
    assert kernel_of(op, [single, double]) is None and kernel_of(op, [single, np.zeros(2, int)]) is kernels[op]
    with textbook():
        assert kernel_of(op, [single]) is None
        with use_kernels():
            assert kernel_of(op, [double]) is kernels[op]
        assert kernel_of(op, [single]) is None
    assert kernel_of(op, [single]) is kernels[op]


def test_the_switch_is_what_runs():
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    assert type(F.gelu(x).node.op) is kernels[minattn.ops.GELU]
    with minattn.textbook():
        assert type(F.gelu(x).node.op) is minattn.ops.GELU
    assert type(F.gelu(Tensor(np.ones(3), requires_grad=True)).node.op) is minattn.ops.GELU


def test_a_kernel_has_the_options_of_its_op_and_its_name():
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    op = F.gelu(x, approximate="tanh").node.op
    assert op.approximate == "tanh" and str(op) == "GELU"


def test_what_is_no_subclass_of_an_op_cannot_stand_in_for_it():
    with pytest.raises(TypeError, match="must be a subclass of Softmax"):
        implements(minattn.ops.Softmax)(minattn.ops.LogSoftmax)


def test_every_kernel_says_what_its_trick_is():
    for op, kernel in kernels.items():
        inherited = op.__doc__ if issubclass(op, Op) else Optimizer.__doc__
        assert kernel.__doc__ and kernel.__doc__ != inherited, f"{kernel.__module__}: {kernel.__name__}"


def tiny_model():
    """A model of all that the default one has, and a batch with padding."""
    rng = np.random.default_rng(0)
    config = ReconstructionConfig(50, width=16, layers=2, heads=2, hidden=32, max_tokens=12, dropout=0.1)
    model = ReconstructionModel(config, generator=rng)
    ids, mask = rng.integers(0, 50, (6, 9)), np.arange(9) < rng.integers(4, 10, (6, 1))
    return model, (ids, mask, np.where(mask, ids, -100))


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.__name__)
def test_an_op_says_which_kernel_runs_in_its_place(op):
    assert f"float32 runs the kernel in {kernels[op].__module__.replace('.', '/')}.py." in op.__doc__


def test_a_hundred_steps_in_float64_agree_with_the_textbook():
    weights = []
    for choice in (textbook, use_kernels):
        model, batch = tiny_model()
        model.double()
        optimizer = AdamW(model.named_parameters(), 3e-3)
        with choice():
            for _ in range(100):
                model.loss(*batch).backward()
                optimizer.step()
                optimizer.zero_grad()
        weights.append(model.state_dict())
    for name, expected in weights[0].items():
        np.testing.assert_allclose(weights[1][name], expected, rtol=0, atol=1e-9, err_msg=name)
