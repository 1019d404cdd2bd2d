"""Functions of NumPy on Tensors: followed, answered where there is no gradient, or refused; never a lost gradient."""

import inspect

import numpy as np
import pytest
from support.numeric import assert_differentiated

from minattn import Tensor
from minattn import functional as F
from minattn.tensor import NUMPY_FUNCTIONS
from minattn.trace.unfollowed_numpy import ADVICE, ANSWERED

X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])

FOLLOWED = [
    lambda np, x: np.concatenate([x, x]),
    lambda np, x: np.concatenate([x, x], axis=None),
    lambda np, x: np.stack([x, x], axis=1),
    lambda np, x: np.where(x > 0, x, 0.0),
    lambda np, x: np.where(X > 0, x, X),
    lambda np, x: np.clip(x, -1.5, 2),
    lambda np, x: np.clip(x, None, 2),
    lambda np, x: np.clip(x, min=0.0, max=1.5),
    lambda np, x: np.einsum("ij,kj->ik", x, x),
    lambda np, x: np.einsum("ij->j", x),
    lambda np, x: np.linalg.norm(x),
    lambda np, x: np.linalg.norm(x, axis=1, keepdims=True),
    lambda np, x: np.dot(x, x.T),
    lambda np, x: np.dot(x, 2.0),
    lambda np, x: np.sum(x, axis=0),
    lambda np, x: np.mean(x, 1, keepdims=True),
    lambda np, x: np.var(x, axis=1),
    lambda np, x: np.var(x, ddof=1),
    lambda np, x: np.std(x, axis=0),
    lambda np, x: np.max(x, axis=1),
    lambda np, x: np.min(x, axis=1),
    lambda np, x: np.abs(x),
    lambda np, x: np.square(x),
    lambda np, x: np.minimum(x, 1.0),
    lambda np, x: np.maximum(X[::-1], x),
    lambda np, x: np.exp(np.reshape(x, (3, 2))),
    lambda np, x: np.reshape(x, -1),
    lambda np, x: np.transpose(x),
    lambda np, x: np.transpose(x, (1, 0)),
    lambda np, x: np.swapaxes(x, 0, 1),
    lambda np, x: np.expand_dims(x, 1),
    lambda np, x: np.squeeze(x[:1]),
    lambda np, x: np.ravel(x),
    lambda np, x: np.broadcast_to(x, (4, 2, 3)),
    lambda np, x: np.float64(2.0) * x,
]


@pytest.mark.parametrize("call", FOLLOWED, ids=lambda call: inspect.getsource(call).strip(" ,\n").partition(": ")[2])
def test_a_function_that_has_an_op_gives_its_value_and_its_gradient(call):
    assert_differentiated(lambda x: call(np, x), [X], rtol=1e-14)


def numpy_functions():
    """Every public function of NumPy that asks its arguments whether they want to answer, and every ufunc."""
    for module, prefix in ((np, "np."), (np.linalg, "np.linalg."), (np.fft, "np.fft.")):
        for name in dir(module):
            function = getattr(module, name)
            if isinstance(function, np.ufunc) or hasattr(function, "_implementation"):
                yield pytest.param(function, id=prefix + name)


@pytest.mark.parametrize("function", list(numpy_functions()))
def test_no_function_of_numpy_answers_with_numbers_that_have_lost_the_gradient(function):
    x = Tensor(np.abs(X), requires_grad=True)
    for arguments in ((x,), (x, x), ([x, x],), (x, 1), (x, 1, 1), (x, (1, 0)), (1, x), ("ij->ij", x)):
        try:
            answer = function(*arguments)
        except Exception:
            continue
        if function in (np.zeros_like, np.ones_like, np.empty_like, np.full_like):
            continue  # of its shape only
        for part in answer if isinstance(answer, tuple | list) else [answer]:
            is_safe = isinstance(part, Tensor) and part.requires_grad
            assert is_safe or not np.issubdtype(np.asarray(part).dtype, np.inexact), function


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (np.cumsum, "a function of minattn.functional"),
        (np.sort, "a function of minattn.functional"),
        (np.median, "a function of minattn.functional"),
        (lambda x: np.tensordot(x, x, 2), "use F.einsum"),
        (lambda x: np.vstack([x, x]), "use F.cat"),
        (lambda x: np.split(x, 2), "use F.split or F.chunk"),
        (lambda x: np.moveaxis(x, 0, 1), "use x.permute"),
        (np.copy, r"use x.detach\(\)"),
        (np.sin, "a function of minattn.functional"),
        (lambda x: np.linalg.norm(x, 1), "leave ord away"),
        (lambda x: np.dot(x[None], x.T), "use F.matmul or F.einsum"),
        (np.linalg.svd, "np.linalg.svd does not follow"),
    ],
)
def test_a_function_without_an_op_is_refused_with_what_to_use(call, advice):
    x = Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match=advice) as caught:
        call(x)
    assert "\n" not in str(caught.value)


def test_questions_of_shape_order_and_equality_are_answered():
    x = Tensor(X, requires_grad=True)
    assert np.shape(x) == (2, 3) and np.ndim(x) == 2 and np.size(x) == 6
    assert np.array_equal(x, X) and np.allclose(x, X) and not np.isnan(x).any()
    assert np.argmax(x) == 4 and np.argsort(x, axis=1).tolist() == np.argsort(X, axis=1).tolist()
    assert np.nonzero(x > 1)[0].tolist() == np.where(x > 1)[0].tolist() == [0, 1]
    assert type(np.zeros_like(x)) is np.ndarray and np.count_nonzero(x) == 6
    assert np.array_equal(x > 0, X > 0) and np.logical_and(x > 0, x < 2).any()


def test_no_function_stands_in_two_lists():
    advised = [function for functions in ADVICE.values() for function in functions]
    assert not set(advised) & ANSWERED and not set(advised) & NUMPY_FUNCTIONS.keys()
    assert not ANSWERED & NUMPY_FUNCTIONS.keys()


def test_max_with_an_axis_is_numpys_in_numpys_function_and_pytorchs_in_the_method():
    x = Tensor(X, requires_grad=True)
    values, indices = x.max(1)
    np.testing.assert_array_equal(values.data, [3.0, 4.0])
    assert indices.tolist() == [2, 1] and x.max(dim=1, keepdim=True).values.shape == (2, 1)
    np.testing.assert_array_equal(np.max(x, axis=1).data, [3.0, 4.0])
    np.testing.assert_array_equal(x.max(Tensor(-X)).data, F.maximum(x, -X).data)
