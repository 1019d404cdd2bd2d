"""What may come in at the door of a Tensor, and what becomes of it: docs/PYTORCH.md has the table."""

import copy
import math
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minattn import Tensor, no_grad
from minattn import functional as F
from minattn.nn import Parameter

NUMBERS = [[1.0, 2.0], [3.0, 4.0]]


def test_a_matrix_multiplies_element_by_element():
    with pytest.warns(PendingDeprecationWarning):
        x = Tensor(np.matrix(NUMBERS))
    np.testing.assert_array_equal((x * x).data, [[1, 4], [9, 16]])
    assert type(x.data) is np.ndarray


def test_big_endian_numbers_give_gradients_in_this_machines_order():
    x = Tensor(np.array(NUMBERS, ">f4"), requires_grad=True)
    (x * x).sum().backward()
    assert x.dtype == np.float32 and x.dtype.isnative
    np.testing.assert_array_equal(x.grad, 2 * np.array(NUMBERS))


def test_a_memory_map_is_read_where_it_lies(tmp_path):
    np.save(tmp_path / "x.npy", np.array(NUMBERS))
    x = Tensor(np.load(tmp_path / "x.npy", mmap_mode="r"), requires_grad=True)
    (x * x).sum().backward()
    assert type(x.data) is np.ndarray and type(x.grad) is np.ndarray
    np.testing.assert_array_equal(x.grad, 2 * np.array(NUMBERS))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.ones(2, np.float16), r"got dtype float16; use data\.astype\(numpy\.float32\)$"),
        (np.ones(2, np.longdouble), "got dtype "),
        (np.ones(2, complex), "got dtype complex128$"),
        (
            np.ma.masked_array([1.0, 2.0], [True, False]),
            r"masked elements, which would count; use data\.filled\(value\)$",
        ),
        (np.array(["2026-01-01"], "M8[D]"), "got dtype datetime64"),
        (np.zeros(2, [("x", "f4")]), "got dtype "),
        ((i for i in range(3)), "got dtype object$"),
        ({1, 2}, "got dtype object$"),
        (10**400, "got dtype object$"),
    ],
)
def test_other_kinds_of_numbers_are_refused(data, said):
    with pytest.raises(TypeError, match=f"Tensor: .*{said}"):
        Tensor(data)


def test_float16_does_not_come_in_by_another_way():
    half, x = np.ones(2, np.float16), Tensor(np.ones(2, np.float32))
    for call in (lambda: x + half, lambda: Parameter(half), lambda: F.sum(half), lambda: F.softmax(half, 0)):
        with pytest.raises(TypeError, match="float16"):
            call()


def test_an_array_without_masked_elements_is_plain():
    assert type(Tensor(np.ma.masked_array([1.0], [False])).data) is np.ndarray


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="Tensor: expected numbers, or lists of equal lengths, got list"):
        Tensor([[1.0], [1.0, 2.0]])


@pytest.mark.parametrize("make", [Tensor, np.array, np.asarray, np.stack, lambda x: np.array([x])])
def test_a_list_of_tensors_never_loses_a_gradient_in_silence(make):
    x = Tensor([1.0, 2.0], requires_grad=True)
    try:
        y = make([x[0], x[1]])
    except TypeError as error:
        assert "F.stack" in str(error)
    else:
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [1.0, 1.0])


def test_tensors_that_need_no_gradient_turn_into_arrays_also_in_lists():
    x = Tensor([1.0, 2.0])
    np.testing.assert_array_equal(Tensor([x[0], x[1]]).data, x.data)
    np.testing.assert_array_equal(np.array([x, x]), [[1.0, 2.0]] * 2)


def test_a_tensor_of_a_tensor_does_not_cut_the_graph():
    x = Tensor([1.0], requires_grad=True)
    for inner in (x, x * 2):
        with pytest.raises(TypeError, match=r"whose gradient would be lost; use it as it is, or x\.detach\(\)"):
            Tensor(inner)
    assert Tensor(x.detach()).data is x.data


def test_numbers_are_not_assigned_into_an_array():
    x, array = Tensor([1.0], requires_grad=True), np.zeros(2)
    with pytest.raises((TypeError, ValueError)):
        array[0:1] = x
    assert not array.any()


@pytest.mark.parametrize(
    "key", [[0, 0], ([0, 1], [0, 0]), [True, False], np.array([0, 0]), Tensor(np.array([0, 0]))], ids=str
)
def test_an_index_that_its_maker_changes_later_does_not_change_the_gradient(key):
    numbers = np.array(NUMBERS)
    expected = np.zeros((2, 2))
    plain = key.data if isinstance(key, Tensor) else key
    np.add.at(expected, plain, 1.0)
    x = Tensor(numbers, requires_grad=True)
    y = x[key]
    for part in key if isinstance(key, tuple) else (plain,):
        part[1] = not part[1]
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, expected)


def test_an_empty_list_picks_nothing():
    assert Tensor(NUMBERS)[[]].shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "array"),
    [
        (lambda x, a: x * a, np.array(NUMBERS)),
        (lambda x, a: F.where(a > 1, x, a), np.array(NUMBERS)),
        (lambda x, a: F.where(a, x, 0.0), np.array([[True, False], [False, True]])),
        (lambda x, a: x[a], np.array([0, 1, 0])),
        (lambda x, a: F.embedding(a, x), np.array([0, 1, 0])),
        (lambda x, a: x @ a, np.array(NUMBERS)),
        (F.linear, np.ones((3, 2))),
        (lambda x, a: F.mm(x, a), np.ones((2, 3))),
        (lambda x, a: F.layer_norm(x, 2, a), np.ones(2)),
        (lambda x, a: F.scaled_dot_product_attention(x, a, a), np.ones((3, 2))),
        (lambda x, a: F.linear_cross_entropy(x, a, [0, 1]), np.ones((3, 2))),
        (lambda x, a: np.dot(x, a), np.ones((2, 2))),
    ],
)
def test_an_array_that_its_maker_changes_later_does_not_change_the_gradient(call, array):
    x = Tensor(np.array(NUMBERS), requires_grad=True)
    call(x, array.copy()).sum().backward()
    expected, x.grad = x.grad, None
    y = call(x, array).sum()
    array[...] = 100.0
    y.backward()
    np.testing.assert_array_equal(x.grad, expected)


def test_a_number_is_formatted_as_a_number():
    assert f"{Tensor(1.23456):.3f}" == "1.235" and f"{Tensor([2.0])}".startswith("Tensor([2.]")


def test_a_copy_of_a_leaf_is_a_leaf():
    x = copy.deepcopy(Tensor([1.0], requires_grad=True))
    (x * 2).backward()
    assert x.grad == [2.0]


def test_a_mask_that_its_maker_changes_later_does_not_change_the_gradient_of_long_attention():
    q, mask = np.random.default_rng(0).normal(size=(600, 2)).astype(np.float32), np.tril(np.ones((600, 600), bool))
    found = []
    for change in (False, True):
        x = Tensor(q, requires_grad=True)
        y = F.scaled_dot_product_attention(x, x, x, mask).sum()
        mask[...] |= change
        y.backward()
        found.append(x.grad)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("view", [lambda p: p.detach().reshape(2), lambda p: p.detach().T, lambda p: p.detach()[:]])
def test_a_view_of_a_parameter_that_is_changed_in_place_makes_the_graph_stale(view):
    w, p = Tensor([2.0, 3.0], requires_grad=True), Parameter(np.ones(2))
    y = (w * view(p)).sum()
    p.set(np.zeros(2))
    with pytest.raises(RuntimeError, match="was changed in place after it was used"):
        y.backward()


def test_what_needed_a_gradient_when_an_op_ran_gets_it():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    z = (3 * y + x).sum()
    y.requires_grad = False
    z.backward()
    np.testing.assert_array_equal(x.grad, [7.0, 13.0])


def test_whole_numbers_that_are_said_to_need_a_gradient_are_refused():
    x = Tensor([1, 2, 3])
    x.requires_grad = True
    y = (x * 0.5).sum()
    with pytest.raises(TypeError, match=r"an input of Multiply .* has requires_grad set, but is not floating-point"):
        y.backward()


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_tensor_that_an_op_has_made_is_not_copied_with_its_graph(way):
    with pytest.raises(TypeError, match=r"cannot be copied with its graph; use x\.detach\(\)"):
        way(Tensor([1.0], requires_grad=True) * 2)


def test_a_scalar_of_numpy_takes_the_dtype_of_the_tensor_beside_it():
    x = Tensor(np.ones(2, np.float32))
    for scalar in (np.int64(2), np.float64(2.0), np.array([True, True]).sum(), 2):
        assert (x / scalar).dtype == np.float32
    assert (Tensor([1]) * np.float64(0.5)).item() == 0.5


def test_threads_add_to_the_gradient_of_one_leaf_without_losing_a_share():
    w = Tensor(np.zeros(200_000, np.float32), requires_grad=True)

    def run():
        for _ in range(10):
            (w * 1.0).sum().backward()

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(run)
    np.testing.assert_array_equal(w.grad, 40.0)


@pytest.mark.parametrize("lost", [float, math.exp, lambda x: np.zeros(1).__setitem__(0, x)])
def test_a_number_that_leaves_the_graph_in_passing_is_said(lost):
    x = Tensor([2.0], requires_grad=True)
    with pytest.warns(UserWarning, match=r"its gradient ends here; where that is meant, x\.item\(\) says so"):
        lost(x[0])
    lost(x.detach()[0])
    lost(x[0].item())
    with no_grad():
        lost(x[0])
