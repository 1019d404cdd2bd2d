"""The optimizers and gradient clipping against torch.optim, over 20 steps in float64."""

import numpy as np
import pytest
from support.against_torch import TOLERANCE, assert_same, to_torch, torch

from minattn.fast.flat_optimizer import BLOCK
from minattn.nn import Parameter
from minattn.optim import SGD, Adam, AdamW, clip_grad_norm_

STEPS = 20
SHAPES = {"matrix": (4, 3), "bias": (4,), "gain": (1,), "cube": (2, 3, 2), "large": (BLOCK // 256 + 1, 300)}
CHOICES = {
    "plain SGD": (SGD, torch.optim.SGD, {"lr": 0.1}),
    "SGD with momentum": (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "SGD with momentum and decay": (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.2}),
    "Adam": (Adam, torch.optim.Adam, {}),
    "Adam with decay": (Adam, torch.optim.Adam, {"lr": 0.05, "weight_decay": 0.2, "betas": (0.8, 0.95)}),
    "AdamW": (AdamW, torch.optim.AdamW, {}),
    "AdamW with more decay": (AdamW, torch.optim.AdamW, {"lr": 0.05, "weight_decay": 0.5, "eps": 1e-3}),
}


def pair(shapes=SHAPES):
    """The same random parameters for both libraries."""
    rng = np.random.default_rng(0)
    start = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return {n: Parameter(a.copy()) for n, a in start.items()}, {n: to_torch(a, True) for n, a in start.items()}


def set_gradients(ours, theirs, rng):
    for name, parameter in ours.items():
        parameter.grad = rng.normal(size=parameter.shape)
        theirs[name].grad = to_torch(parameter.grad)


@pytest.mark.parametrize(("ours", "theirs", "options"), CHOICES.values(), ids=CHOICES.keys())
def test_every_one_of_20_steps_is_pytorchs_while_the_rate_changes(ours, theirs, options):
    mine, other = pair()
    first, second = (
        ours(mine.items(), **options),
        theirs(other.values(), **options),
    )
    rng = np.random.default_rng(1)
    for step in range(STEPS):
        set_gradients(mine, other, rng)
        for group in (*first.param_groups, *second.param_groups):
            group["lr"] *= 0.95
        first.step()
        second.step()
        for name, parameter in mine.items():
            assert_same(parameter.data, other[name].detach(), f"{name} after step {step + 1}")


def test_a_parameter_without_a_gradient_stays_as_in_pytorch():
    for ours, theirs in ((SGD, torch.optim.SGD), (AdamW, torch.optim.AdamW)):
        mine, other = pair({"a": (2, 3), "b": (3,)})
        first, second = ours(mine.items(), lr=0.1), theirs(other.values(), lr=0.1)
        rng = np.random.default_rng(1)
        for _ in range(3):
            set_gradients(mine, other, rng)
            mine["a"].grad = other["a"].grad = None
            first.step()
            second.step()
        for name, parameter in mine.items():
            assert (parameter.data == pair({"a": (2, 3), "b": (3,)})[0][name].data).all() == (name == "a")
        assert_same(mine["a"].data, other["a"].detach(), "a")


@pytest.mark.parametrize("max_norm", [0.5, 3.0])
def test_clipping_scales_all_gradients_together_and_returns_pytorchs_norm(max_norm):
    mine, other = pair()
    set_gradients(mine, other, np.random.default_rng(1))
    norm = clip_grad_norm_(mine.values(), max_norm)
    expected = torch.nn.utils.clip_grad_norm_(other.values(), max_norm).item()
    assert abs(norm - expected) <= TOLERANCE * expected
    for name, parameter in mine.items():
        assert_same(parameter.grad, other[name].grad, name)


def test_a_norm_below_the_limit_leaves_the_gradients_alone_as_in_pytorch():
    mine, other = pair()
    set_gradients(mine, other, np.random.default_rng(1))
    before = {name: parameter.grad.copy() for name, parameter in mine.items()}
    norm = clip_grad_norm_(mine.values(), 1e6)
    assert abs(norm - torch.nn.utils.clip_grad_norm_(other.values(), 1e6).item()) <= TOLERANCE * norm
    for name, parameter in mine.items():
        np.testing.assert_array_equal(parameter.grad, before[name])
        np.testing.assert_array_equal(parameter.grad, other[name].grad.numpy())


def test_clipping_passes_over_a_parameter_without_a_gradient():
    mine, other = pair({"a": (2, 3), "b": (3,)})
    set_gradients(mine, other, np.random.default_rng(1))
    mine["b"].grad = other["b"].grad = None
    norm = clip_grad_norm_(mine.values(), 0.1)
    expected = torch.nn.utils.clip_grad_norm_(other.values(), 0.1).item()
    assert abs(norm - expected) <= TOLERANCE * expected
    assert mine["b"].grad is None
