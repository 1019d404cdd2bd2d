"""Optimizers against their formulas, their state, clipping, and the learning rate over the steps."""

import math
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from support.numeric import assert_close

from minattn import Tensor
from minattn.nn import Linear, Parameter
from minattn.ops.kernels import kernels, textbook, use_kernels
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
        # a constant rate would leave Adam circling the goal
        optimizer.param_groups[0]["lr"] = learning_rate(step, 600, 0.1, warmup=10)
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


@contextmanager
def in_blocks(block, optimizer):
    """The kernels run, in blocks of this size."""
    with use_kernels():
        kernel = kernels[type(optimizer)]
        kernel.keep(optimizer, kernel(optimizer, block))
        yield


WAYS = {"textbook": lambda _: textbook(), "small blocks": partial(in_blocks, 3), "blocks": partial(in_blocks, 1 << 16)}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("name", EVERY)
def test_steps_are_those_of_the_paper_in_the_textbook_and_in_blocks_of_any_size(name, way):
    params = parameters()
    before, history = [p.data.copy() for p in params], [[] for _ in params]
    optimizer = EVERY[name](params, weight_decay=0.3)
    with way(optimizer):
        for step in range(4):
            random_gradients(params, step)
            if step == 1:
                params[1].grad = None  # it counts its own steps
            for p, seen in zip(params, history, strict=True):
                if p.grad is not None:
                    seen.append(p.grad.copy())
            optimizer.step()
            for p, seen in zip(params, history, strict=True):
                if p.grad is not None:
                    np.testing.assert_array_equal(p.grad, seen[-1])  # a step reads gradients and leaves them
    for p, start, gradients in zip(params, before, history, strict=True):
        assert_close(p.data, by_the_paper(name, start, gradients, 0.3), 1e-12)  # rounding


@each_optimizer
def test_the_state_goes_on_when_the_kernels_take_over_from_the_textbook_and_back(make):
    weights = []
    for ways in ((textbook, use_kernels, textbook), (textbook,) * 3):
        params = parameters()
        optimizer = make(params)
        for step, way in enumerate(ways):
            random_gradients(params, step)
            with way():
                optimizer.step()
        weights.append([p.data for p in params])
    for got, expected in zip(*weights, strict=True):
        assert_close(got, expected, 1e-12)


def test_groups_have_options_of_their_own():
    vector, matrix = Parameter(np.ones(2)), Parameter(np.ones((2, 2)))
    groups = [{"params": [("w", matrix)]}, {"params": [("v", vector)], "weight_decay": 0.0, "lr": 0.2}]
    optimizer = AdamW(groups, lr=0.1, weight_decay=0.5)
    matrix.grad, vector.grad = np.ones((2, 2)), np.ones(2)
    optimizer.step()
    np.testing.assert_allclose(matrix.data, 0.85)
    np.testing.assert_allclose(vector.data, 0.8)
    assert list(optimizer.state["m"]) == ["w", "v"]


def test_adamw_lets_every_parameter_decay_as_in_pytorch():
    p = Parameter(np.array([1.0]))
    p.grad = np.array([1.0])
    AdamW([p], lr=0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(p.data, 0.85)


def test_each_parameter_counts_its_own_steps():
    p, other = Parameter(np.zeros(1)), Parameter(np.zeros(1))
    optimizer = Adam([p, other], lr=0.1)
    for _ in range(2):
        other.grad = np.ones(1)
        optimizer.step()
        p.grad = np.ones(1)
    np.testing.assert_allclose(p.data, -0.1)


@each_optimizer
def test_a_gradient_of_another_shape_never_steps(make):
    p = Parameter(np.zeros((2, 3)))
    p.grad = np.ones((3, 2))
    optimizer = make([p])
    with pytest.raises(ValueError, match=r"the gradient of 0 has shape \(3, 2\), expected \(2, 3\)"):
        optimizer.step()
    assert not p.data.any() and optimizer.steps == {"0": 0}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (lambda p: p, "expected several parameters, got a Tensor; put it into a list"),
        (lambda p: [p, p], "parameter 1 is there twice"),
        (lambda p: [("w", p), ("w", Parameter(np.ones(1)))], "two parameters have the same name, w"),
        (lambda p: [p * 2.0], "parameter 0 must be a floating-point Tensor that no op has made"),
        (lambda p: [np.ones(2)], "parameter 0 must be a floating-point Tensor"),
        (lambda p: [{"params": [p]}, {"params": p}], "parameter 1 is there twice"),
        (lambda p: (q for q in ()), "there are no parameters"),
        (lambda p: [{"params": [p]}, {"params": iter(())}], "there are no parameters"),
        (lambda p: [("w", p), Parameter(np.ones(1))], "all parameters must come with a name, or none"),
        (lambda p: [{"params": [p], "learning_rate": 1.0}], "a group has an unknown option, 'learning_rate'"),
        (lambda p: [{"params": [p], "amsgrad": True}], "amsgrad must be the same in all groups"),
        (lambda p: [Tensor(np.broadcast_to(np.ones(1), 3), True)], "parameter 0 is memory that cannot be written"),
        (lambda p: [Tensor(as_strided(np.zeros(1), (3,), (0,)), True)], "parameter 0 is memory that .* for several"),
    ],
)
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_what_is_not_a_list_of_leaves_with_known_options_is_refused(kind, params, message):
    with pytest.raises((TypeError, ValueError), match=f"^{kind.__name__}: {message}"):
        kind(params(Parameter(np.ones(2))))


def test_one_parameter_and_a_generator_are_clipped():
    p = Parameter(np.zeros(2))
    for given in (p, (x for x in [p])):
        p.grad = np.array([3.0, 4.0])
        assert clip_grad_norm_(given, 1.0) == 5
        np.testing.assert_allclose(p.grad, [0.6, 0.8], rtol=1e-6)


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
    assert set(resumed.steps.values()) == {6}


def test_the_state_is_named_after_the_parameters():
    layer = Linear(2, 3, generator=np.random.default_rng(0))
    assert list(AdamW(layer.named_parameters()).state_dict()) == ["steps", "m.weight", "m.bias", "v.weight", "v.bias"]
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
        (lambda p: Adam(p, lr=-1.0), "Adam: lr must not be negative, got -1.0"),
        (lambda p: AdamW(p, weight_decay=-0.1), "AdamW: weight_decay must not be negative, got -0.1"),
        (lambda p: SGD(p, momentum=1.0), r"SGD: momentum must be in \[0, 1\), got 1\.0"),
        (lambda p: Adam(p, betas=(0.9, 1.0)), r"Adam: betas must be in \[0, 1\), got \(0\.9, 1\.0\)"),
        (lambda p: AdamW(p, eps=-1.0), "AdamW: eps must not be negative, got -1.0"),
        (lambda p: clip_grad_norm_(p, -1.0), "max_norm must not be negative, got -1.0"),
        (lambda p: clip_grad_norm_(p, math.nan), "max_norm must not be negative, got nan"),
        (lambda p: clip_grad_norm_(p, 1.0, 0.0), "the order of a norm must be above 0, got 0"),
        (lambda p: clip_grad_norm_(iter(()), 1.0), r"^clip_grad_norm_: there are no parameters \(a generator"),
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
    np.testing.assert_allclose(after, before * 0.5 / (length + 1e-6), rtol=1e-14)


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
    assert x.grad == pytest.approx(1.0, rel=1e-6)


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
    with pytest.raises(ValueError, match="decay must be one of 'cosine', 'linear', 'constant', got 'step'"):
        learning_rate(0, 10, 1.0, 5, "step")


def test_a_rate_that_would_change_nothing_is_refused():
    optimizer = SGD(parameters(), lr=0.5)
    assert optimizer.lr == 0.5
    with pytest.raises(AttributeError):
        optimizer.lr = 0.1  # it belongs into param_groups


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e20), (np.float32, -3e38), (np.float64, 1e200)])
@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_a_gradient_whose_square_overflows_moves_by_the_rate(kind, dtype, size, kernels):
    p = Parameter(np.zeros(3, dtype))
    p.grad = np.array([size, 0, 1], dtype)
    with use_kernels() if kernels else textbook():
        kind([p], lr=0.1).step()
    np.testing.assert_allclose(p.data, [-0.1 * np.sign(size), 0, -0.1], rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float32, 1e20), (np.float32, 1e-30), (np.float64, 1e200), (np.float64, 1e-200)]
)
def test_a_norm_does_not_overflow_or_round_to_0(dtype, size):
    p = Parameter(np.zeros(2, dtype))
    p.grad = np.array([3 * size, 4 * size], dtype)
    np.testing.assert_allclose(clip_grad_norm_([p], 0.5 * size), 5 * size, rtol=1e-6)


@pytest.mark.parametrize(("order", "norm"), [(1.0, 7.0), (2.0, 5.0), (3.0, 91 ** (1 / 3)), (math.inf, 4.0)])
def test_the_norm_may_be_of_another_order(order, norm):
    p = Parameter(np.zeros(2))
    p.grad = np.array([3.0, -4.0])
    np.testing.assert_allclose(clip_grad_norm_(p, 1.0, order), norm)
    np.testing.assert_allclose(p.grad, np.array([3.0, -4.0]) / (norm + 1e-6))


@pytest.mark.parametrize("value", [Tensor(0.1), "0.1", None])
def test_a_rate_that_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match=r"^SGD: lr must be a number, got"):
        SGD([Parameter(np.ones(1))], lr=value)


def test_a_length_that_is_not_finite_is_refused_and_nothing_is_clipped():
    for order in (2.0, math.inf):
        a, b = Parameter(np.zeros(2)), Parameter(np.zeros(1))
        a.grad, b.grad = np.array([3.0, 1.0]), np.array([np.nan])
        with pytest.raises(FloatingPointError, match="the length of the gradients is nan"):
            clip_grad_norm_([a, b], 1.0, order)
        np.testing.assert_array_equal(a.grad, [3.0, 1.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_snapshot_of_the_state_does_not_change_with_the_next_step(dtype):
    p = Parameter(np.array([1.0], dtype))
    optimizer, found = Adam([p], lr=0.1), []
    p.grad = np.array([1.0], dtype)
    optimizer.step()
    weights, state = p.data.copy(), optimizer.state_dict()
    for _ in range(2):
        p.set(weights)
        optimizer.load_state_dict(state)
        p.grad = np.array([5.0], dtype)
        optimizer.step()
        found.append(p.data.copy())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sgd_without_momentum_keeps_no_gradient(dtype):
    p = Parameter(np.array([1.0], dtype))
    optimizer = SGD([p], lr=0.1)
    p.grad = np.array([np.inf], dtype)
    optimizer.step()
    p.set(np.array([1.0]))
    p.grad = np.array([1.0], dtype)
    optimizer.step()
    np.testing.assert_allclose(p.data, 0.9)
    optimizer.param_groups[0]["momentum"] = 0.9
    optimizer.step()
    np.testing.assert_allclose(p.data, 0.8)  # PyTorch's buffer begins here
