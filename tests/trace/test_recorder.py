"""Following a forward pass: its steps can be run again, and hold the true gradient at each of them."""

import math

import numpy as np
import pytest
from support import wrong

from minattn.check.diagnosis.forward_steps import follow_forward
from minattn.check.diagnosis.measurements import Measurements
from minattn.check.prepare import prepare
from minattn.check.referee import measure_gradient
from minattn.ops import registry
from minattn.trace import record


def normal(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape)


def written_into_zeros(x):
    out = np.zeros((len(x), 2))
    for i, row in enumerate(x):
        out[i] = row[:2] * row.sum()
    return out


def in_place(x):
    y = x.copy()
    y *= 2
    y[0] = 0
    y -= y.max(axis=0)
    np.exp(y, out=y)
    return y


def added_at(x):
    out = np.zeros(3)
    np.add.at(out, np.array([0, 2, 0, 1]), x[:4, 0])
    return out


def in_pieces(x):
    a, b = np.split(x, 2, axis=1)
    return np.stack([np.where(a > 0, a, b), np.asarray(a @ b.T @ a)], axis=0)


def by_einsum(x):
    return np.einsum("ij,kj->ik", x, x)[..., None].swapaxes(0, 1).reshape(-1)


erf = np.vectorize(math.erf)


def by_number(x):
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def by_helper(x):
    def inner(y):
        return in_place(y) + 1

    return inner(x) ** 2


def put_by_functions(x):
    out = np.zeros_like(x)
    np.put_along_axis(out, np.argsort(x, axis=1), x**2, axis=1)
    np.fill_diagonal(out, 3.0)
    return out


def chosen_by_what_is_followed(x):
    return x * np.arange(1, 5)[x[:, 0] > -9].max() + np.eye(4)[np.argsort(x[0])]


FORWARDS = [
    *(written_into_zeros, in_place, added_at, in_pieces, by_einsum, by_number, by_helper, put_by_functions),
    chosen_by_what_is_followed,
]


def test_an_expression_in_a_loop_is_one_place_however_often_it_runs():
    def forward(x):
        total = 0 * x[0]
        for i in range(30):
            total = total + x[i]
        return total

    steps = record(forward, [normal(30)], [0]).steps
    assert {step.name: len({s.place for s in steps if s.name == step.name}) for step in steps[3:]} == {
        "getitem": 2,
        "add": 1,
    }


@pytest.mark.parametrize("forward", FORWARDS, ids=lambda forward: forward.__name__)
def test_the_steps_give_the_same_as_the_function_at_other_inputs(forward):
    trace = record(forward, [normal(4, 4)], [0])
    assert trace is not None
    other = normal(4, 4, seed=8)
    np.testing.assert_array_equal(trace.run([other])[trace.output], forward(other))


@pytest.mark.parametrize("forward", [*FORWARDS[:1], *FORWARDS[2:]], ids=lambda forward: forward.__name__)
def test_the_gradient_at_the_first_step_is_the_true_one(forward):
    problem = prepare(forward, lambda g, x: 0 * x, [normal(4, 4)], None, np.random.default_rng(1))[0]
    steps = follow_forward(Measurements(problem, 0, problem.gradients()[0], measure_gradient(problem, 0)))
    assert steps is not None
    for sample in steps.samples:
        there = problem.at(sample.all_inputs, sample.upstream)
        np.testing.assert_allclose(sample.true_gradient, measure_gradient(there, 0).value, rtol=1e-6, atol=1e-8)


def floats(x):
    return np.array([float(value) for value in x.ravel()])


def plain_array(x):
    return np.exp(np.frombuffer(x.tobytes()))


@pytest.mark.parametrize("forward", [floats, plain_array], ids=lambda forward: forward.__name__)
def test_what_cannot_be_followed_is_said_to_be_so(forward):
    assert record(forward, [normal(2, 3)], [0]) is None


def test_steps_that_do_not_make_up_the_function_are_not_used():
    def aliased(x):
        y = x.copy()
        row = y[0]
        row *= 3
        return y

    problem = prepare(aliased, lambda g, x: 0 * x, [normal(2, 3)], None, np.random.default_rng(1))[0]
    assert follow_forward(Measurements(problem, 0, problem.gradients()[0], measure_gradient(problem, 0))) is None


def test_a_function_keeps_its_own_numpy_and_globals_after_it_was_followed():
    before = dict(in_place.__globals__)
    record(by_helper, [normal(4, 4)], [0])
    assert in_place.__globals__ == before


def test_a_value_that_makes_no_difference_is_held_still():
    def softmax(x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    problem = prepare(softmax, lambda g, x: 0 * x, [normal(2, 3)], None, np.random.default_rng(1))[0]
    steps = follow_forward(Measurements(problem, 0, problem.gradients()[0], measure_gradient(problem, 0)))
    assert [steps.steps[i].name for i in steps.held] == ["max"]


def test_most_registered_ops_can_be_followed():
    followed = []
    for name, (op, samples) in registry.items():
        sample = next(iter(samples(np.random.default_rng(0))))
        real = [i for i, x in enumerate(sample.inputs) if x.dtype.kind == "f"]
        if record(lambda *inputs, op=op, sample=sample: op(**sample.options)(*inputs), sample.inputs, real):
            followed.append(name)
    assert len(followed) >= 0.8 * len(registry)


def test_all_forward_passes_of_the_wrong_passes_can_be_followed():
    for group in [*wrong.DEVELOPED, *wrong.APART, *wrong.LATER]:
        real = [i for i, x in enumerate(group.inputs) if np.asarray(x).dtype.kind == "f"]
        assert record(group.forward, group.inputs, real) is not None, group.name
