"""Optimizers against their formulas, their state, clipping, and the learning rate over the steps."""

import math

import numpy as np
import pytest
from support.numeric import assert_close

from minattn import Tensor, optim
from minattn.errors import InputError
from minattn.nn import Linear, Parameter
from minattn.optim import SGD, Adam, AdamW, clip_grad_norm_, learning_rate

EVERY = {
    "SGD": lambda p, **o: SGD(p, lr=0.1, **o),
    "momentum": lambda p, **o: SGD(p, lr=0.05, momentum=0.8, **o),
    "Adam": lambda p, **o: Adam(p, lr=0.1, betas=(0.8, 0.9), **o),
    "AdamW": lambda p, **o: AdamW(p, lr=0.1, betas=(0.8, 0.9), **({"weight_decay": 0.0} | o)),
}
each_optimizer = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


def parameters(dtype=np.float64):
    rng = np.random.default_rng(0)
    return [Parameter(rng.normal(size=shape).astype(dtype)) for shape in ((3, 4), (5,), ())]


def random_gradients(params, seed):
    rng = np.random.default_rng(seed)
    for p in params:
        p.grad = np.asarray(rng.normal(size=p.shape).astype(p.dtype))


@each_optimizer
def test_a_quadratic_is_minimised(make):
    goals = [np.full(p.shape, i + 1.0) for i, p in enumerate(parameters())]
    params = parameters()
    optimizer = make(params)
    for step in range(600):
        optimizer.lr = learning_rate(step, 600, 0.1, warmup=10)  # a constant rate would leave Adam circling the goal
        optimizer.zero_grad()
        for p, goal in zip(params, goals, strict=True):
            ((p - goal) * (p - goal)).sum().backward()
        optimizer.step()
    for p, goal in zip(params, goals, strict=True):
        np.testing.assert_allclose(p.data, goal, atol=1e-4)  # Adam's last steps are about 1e-5 long


def by_the_paper(name, p, gradients, decay):
    """Each update as its paper writes it, on whole arrays; decay is already 0 where there is none."""
    p, first, second = p.copy(), np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        if name in ("SGD", "momentum"):
            first = (0.8 if name == "momentum" else 0.0) * first + g + decay * p
            p = p - (0.05 if name == "momentum" else 0.1) * first
            continue
        if name == "Adam":
            g = g + decay * p
        else:
            p = p - 0.1 * decay * p
        first, second = 0.8 * first + 0.2 * g, 0.9 * second + 0.1 * g * g
        p = p - 0.1 * (first / (1 - 0.8**t)) / (np.sqrt(second / (1 - 0.9**t)) + 1e-8)
    return p


@pytest.mark.parametrize("block", [3, 1 << 16])
@pytest.mark.parametrize("name", EVERY)
def test_steps_are_those_of_the_paper_in_blocks_of_any_size_and_adamw_spares_vectors(name, block, monkeypatch):
    monkeypatch.setattr(optim, "BLOCK", block)
    params = parameters()
    before, history = [p.data.copy() for p in params], [[] for _ in params]
    optimizer = EVERY[name](params, weight_decay=0.3)
    for step in range(4):
        random_gradients(params, step)
        for p, seen in zip(params, history, strict=True):
            seen.append(p.grad.copy())
        optimizer.step()
        for p, seen in zip(params, history, strict=True):
            np.testing.assert_array_equal(p.grad, seen[-1])  # a step reads gradients and leaves them
    for p, start, gradients in zip(params, before, history, strict=True):
        expected = by_the_paper(name, start, gradients, 0.0 if name == "AdamW" and p.ndim < 2 else 0.3)
        assert_close(p.data, expected, 1e-12)  # rounding


@each_optimizer
def test_without_a_gradient_a_parameter_stays_and_does_not_decay(make):
    params = parameters()
    optimizer = make(params, weight_decay=0.3)
    random_gradients(params, 0)
    params[0].grad = None
    before = [p.data.copy() for p in params]
    optimizer.step()
    np.testing.assert_array_equal(params[0].data, before[0])
    assert (params[1].data != before[1]).all()


@each_optimizer
def test_a_step_is_taken_in_place_in_float32(make):
    params = parameters(np.float32)
    blocks = [p.data for p in params]
    random_gradients(params, 0)
    optimizer = make(params)
    optimizer.step()
    for p, block in zip(params, blocks, strict=True):
        assert p.data is block and p.dtype == np.float32
    assert {x.dtype for name, x in optimizer.state_dict().items() if name != "steps"} <= {np.dtype(np.float32)}


@each_optimizer
def test_saved_and_restored_it_continues_bit_for_bit(make):
    def run(params, optimizer, steps):
        for step in steps:
            random_gradients(params, step)
            optimizer.step()

    whole = parameters(np.float32)
    run(whole, make(whole), range(6))

    first = parameters(np.float32)
    optimizer = make(first)
    run(first, optimizer, range(3))
    saved = {name: x.copy() for name, x in optimizer.state_dict().items()}
    second = [Parameter(p.data.copy()) for p in first]
    resumed = make(second)
    resumed.load_state_dict(saved)
    run(second, resumed, range(3, 6))
    for p, q in zip(whole, second, strict=True):
        np.testing.assert_array_equal(p.data, q.data)
    assert resumed.steps == 6


def test_the_state_is_named_after_the_parameters():
    layer = Linear(2, 3, generator=np.random.default_rng(0))
    assert list(AdamW(layer.named_parameters()).state_dict()) == [
        "steps",
        "m.weight",
        "m.bias",
        "v.weight",
        "v.bias",
    ]
    assert list(SGD(layer.parameters()).state_dict()) == ["steps", "momentum.0", "momentum.1"]


@pytest.mark.parametrize("spoil", ["missing", "unexpected", "shape"])
def test_a_state_of_something_else_is_refused_and_nothing_is_changed(spoil):
    params = parameters()
    optimizer = AdamW(params)
    random_gradients(params, 0)
    optimizer.step()
    state = {name: x + 1 for name, x in optimizer.state_dict().items()}
    before = {name: x.copy() for name, x in optimizer.state_dict().items()}
    if spoil == "missing":
        del state["v.1"]
    elif spoil == "unexpected":
        state["w.1"] = np.ones(1)
    else:
        state["v.1"] = np.ones(6)
    name = {"missing": "v.1", "unexpected": "w.1", "shape": "v.1"}[spoil]
    with pytest.raises(ValueError, match=f"optimizer state: {name} is missing, unexpected, or has another shape"):
        optimizer.load_state_dict(state)
    for name, x in optimizer.state_dict().items():
        np.testing.assert_array_equal(x, before[name])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: SGD([]), "SGD: there are no parameters"),
        (lambda p: Adam(p, lr=-1.0), "Adam: lr -1.0 and weight_decay 0.0 must not be negative"),
        (lambda p: AdamW(p, weight_decay=-0.1), "AdamW: lr 0.001 and weight_decay -0.1 must not be negative"),
        (lambda p: SGD(p, momentum=1.0), r"SGD: momentum must be in \[0, 1\), got 1\.0"),
        (lambda p: Adam(p, betas=(0.9, 1.0)), r"Adam: betas must be in \[0, 1\) .* got \(0\.9, 1\.0\)"),
        (lambda p: AdamW(p, eps=-1.0), r"AdamW: .* eps >= 0, got .* and -1\.0"),
        (lambda p: clip_grad_norm_(p, -1.0), "max_norm must not be negative, got -1.0"),
        (lambda p: clip_grad_norm_(p, math.nan), "max_norm must not be negative, got nan"),
    ],
)
def test_settings_that_cannot_work_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(parameters())


def test_clipping_shortens_all_gradients_together_and_tells_the_length_before():
    params = parameters()
    random_gradients(params, 0)
    before = np.concatenate([p.grad.reshape(-1) for p in params])
    length = np.sqrt((before**2).sum())
    assert clip_grad_norm_(params, 0.5) == pytest.approx(length, rel=1e-14)  # rounding
    after = np.concatenate([p.grad.reshape(-1) for p in params])
    np.testing.assert_allclose(after, before * 0.5 / length, rtol=1e-14)


def test_clipping_leaves_short_gradients_and_missing_ones():
    params = parameters()
    random_gradients(params, 0)
    params[1].grad = None
    before = [p.grad if p.grad is None else p.grad.copy() for p in params]
    assert clip_grad_norm_(iter(params), 100.0) < 100
    for p, grad in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


def test_a_gradient_that_backward_added_up_can_be_clipped_even_without_dimensions():
    x = Tensor(3.0, requires_grad=True)
    for _ in range(2):
        (x * 4.0).backward()
    assert clip_grad_norm_([x], 1.0) == 8.0
    assert x.grad == 1.0


def test_the_rate_rises_straight_and_falls_to_zero():
    rates = {d: [learning_rate(s, 100, 2.0, 10, d) for s in range(130)] for d in ("cosine", "linear", "constant")}
    for rate in rates.values():
        np.testing.assert_allclose(rate[:10], np.arange(1, 11) * 0.2)
        assert rate[10] == 2.0
    assert rates["linear"][55] == pytest.approx(1.0) and rates["cosine"][55] == pytest.approx(1.0)
    assert rates["cosine"][32] > rates["linear"][32] and rates["cosine"][78] < rates["linear"][78]
    for name in ("cosine", "linear"):
        assert all(a > b > 0 for a, b in zip(rates[name][10:99], rates[name][11:100], strict=True))
        assert rates[name][100:] == [0.0] * 30  # after the end it stays there
    assert rates["constant"][10:] == [2.0] * 120


def test_short_schedules_have_a_rate_at_every_step():
    assert [learning_rate(s, 1, 1.0, 0) for s in (0, 1)] == [1.0, 0.0]
    assert learning_rate(0, 0, 1.0, 0) == 1.0
    assert [learning_rate(s, 2, 1.0, 4) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_an_unknown_decay_is_refused_even_while_warming_up():
    with pytest.raises(InputError, match="decay must be cosine, linear or constant, got 'step'"):
        learning_rate(0, 10, 1.0, 5, "step")
