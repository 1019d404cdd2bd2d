"""Ops and Tensors on arrays that refuse whatever CuPy refuses: every bit as on NumPy."""

import json

import numpy as np
import pytest
from support.op_samples import every_sample
from support.strict_array import PACKAGE, StrictArray, asnumpy, assert_same_bits, strict, strict_device, to_strict

from minattn import Tensor
from minattn import functional as F


@pytest.fixture(autouse=True)
def device():
    with strict_device():
        yield


def normal(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def test_the_double_has_nothing_that_cupy_lacks():
    cupy = pytest.importorskip("cupy")
    from cupy._core.flags import Flags

    assert set(vars(strict)) <= set(dir(cupy))
    assert set(dir(StrictArray)) - {"_host"} <= set(dir(cupy.ndarray))
    assert set(vars(strict.zeros(2).flags)) <= set(dir(Flags))


# --- the double refuses

HOST, DEVICE = np.array([1.0, 2.0, 3.0]), to_strict(np.array([1.0, 2.0, 3.0]))
REFUSED = {
    "np.asarray": lambda: np.asarray(DEVICE),
    "np.array of a list": lambda: np.array([DEVICE, DEVICE]),
    "a NumPy function": lambda: np.sum(DEVICE),
    "a NumPy ufunc": lambda: np.exp(DEVICE),
    "assigning to NumPy": lambda: HOST.copy().__setitem__(slice(None), DEVICE),
    "array + NumPy": lambda: DEVICE + HOST,
    "NumPy + array": lambda: HOST + DEVICE,
    "array += NumPy": lambda: DEVICE.copy().__iadd__(HOST),
    "NumPy += array": lambda: HOST.copy().__iadd__(DEVICE),
    "array @ NumPy": lambda: DEVICE @ HOST,
    "NumPy @ array": lambda: HOST @ DEVICE,
    "array == NumPy": lambda: DEVICE == HOST,
    "NumPy without dimensions": lambda: DEVICE * np.array(2.0),
    "a function with NumPy": lambda: strict.maximum(DEVICE, HOST),
    "where with NumPy": lambda: strict.where(HOST > 1, DEVICE, 0),
    "concatenate with NumPy": lambda: strict.concatenate([DEVICE, HOST]),
    "out=NumPy": lambda: strict.exp(DEVICE, out=HOST.copy()),
    "a NumPy index": lambda: DEVICE[np.array([0, 1])],
    "a NumPy mask": lambda: DEVICE[HOST > 1],
    "NumPy as a value": lambda: DEVICE.copy().__setitem__(slice(None), HOST),
    "add.at with NumPy": lambda: strict.add.at(DEVICE.copy(), to_strict(np.array([0, 0, 1])), HOST),
    "add.at on integers": lambda: strict.add.at(to_strict(np.zeros(2, int)), to_strict(np.array([0])), 1),
    "sum(where=)": lambda: DEVICE.sum(where=DEVICE > 1),
    "einsum(out=)": lambda: strict.einsum("i,i->", DEVICE, DEVICE, out=DEVICE),
    "round": lambda: round(DEVICE.sum()),
    "json": lambda: json.dumps({"loss": DEVICE.sum()}),
    "an index for a list": lambda: [1, 2][to_strict(np.array(0))],
    "hash": lambda: hash(DEVICE),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_the_double_refuses(refused):
    with pytest.raises(TypeError):
        refused()


@pytest.mark.parametrize("name", ["errstate", "nditer", "random", "float128", "memmap"])
def test_the_double_lacks(name):
    with pytest.raises(AttributeError):
        getattr(strict, name)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("return xp.floor(x)", "the device has no floor; if CuPy has it, add it to _UFUNCS"),
        ("return np.sum(x)", "numpy.sum was called on an array of the device; take array_module(x).sum"),
        ("return np.exp(x)", "numpy.exp was called on an array of the device; take array_module(x).exp"),
        ("return np.asarray(x)", "Implicit conversion to a NumPy array"),
        ("return xp.where(x > 0, x, 0, out=x)", "where() got an unexpected keyword argument 'out'"),
    ],
)
def test_what_the_double_refuses_is_named_with_the_file_and_line_of_the_op(line, said):
    file, names = str(PACKAGE / "ops" / "new_op.py"), {"np": np, "xp": strict}
    exec(compile(f"def forward(x):\n    {line}", file, "exec"), names)
    with pytest.raises((TypeError, AttributeError)) as refused:
        names["forward"](DEVICE)
    assert str(refused.value).startswith(f"{file}:2: {said}")


def test_the_double_takes_numbers_and_gives_arrays_without_dimensions():
    assert_same_bits(np.float64(2) * DEVICE, 2 * HOST)
    assert_same_bits(DEVICE / np.float32(4), HOST / 4)
    total = DEVICE.sum()
    assert isinstance(total, StrictArray) and total.shape == () and not isinstance(total, float)
    assert (float(total), int(total), bool(total), total.item()) == (6.0, 6, True, 6.0)


def test_the_double_wraps_ids_round_and_refuses_to_assign_to_one_place_twice():
    ids = to_strict(np.array([3, -4, 1]))
    assert_same_bits(DEVICE[ids], HOST[[0, 2, 1]])
    x = DEVICE.copy()
    strict.add.at(x, to_strict(np.array([0, 3])), DEVICE[:2])
    assert_same_bits(x, np.array([4.0, 2.0, 3.0]))
    x[ids] = 0.0
    assert_same_bits(x, np.zeros(3))
    with pytest.raises(ValueError, match="assigned to twice"):
        x[to_strict(np.array([0, 3]))] = 1.0


# --- ops


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("op_class", "sample"), list(every_sample()))
def test_every_op_gives_the_same_bits_forward_and_backward(op_class, sample, dtype):
    inputs = tuple(x.astype(dtype) if x.dtype.kind == "f" else x for x in sample.inputs)
    op, twin = op_class(**sample.options), op_class(**to_strict(sample.options))
    output = op(*inputs)
    assert_same_bits(twin(*to_strict(inputs)), output)
    upstream = np.asarray(normal(*output.shape, dtype=dtype))
    for mine, expected in zip(twin.gradients(to_strict(upstream)), op.gradients(upstream), strict=True):
        if expected is None:
            assert mine is None
        else:
            assert_same_bits(mine, expected)


# --- Tensors


def both(compute, *arrays):
    """The same computation with Tensors on the CPU and on the device: equal bits, in the gradients too."""
    results = []
    for move in (lambda x: x, to_strict):
        tensors = [Tensor(move(x), requires_grad=x.dtype.kind == "f") for x in arrays]
        y = compute(*tensors)
        y.backward(move(normal(*y.shape, dtype=y.dtype, seed=7)))
        results.append((y, [x.grad for x in tensors]))
    (y, gradients), (twin, twin_gradients) = results
    assert_same_bits(twin.data, y.data)
    for mine, expected in zip(twin_gradients, gradients, strict=True):
        if expected is not None:
            assert_same_bits(mine, expected)


MASK = np.array([[True, True, False], [True, False, False]])[:, None, :]
IDS = np.array([[0, 3, 3], [1, 0, 2]])
COMPUTATIONS = {
    "numbers beside Tensors": (lambda x: 2 * (1 - x) / 3 + x**2 - 1.5, normal(2, 3)),
    "a NumPy number": (lambda x: x * np.float32(2) + np.float32(1) * x, normal(2, 3)),
    "a Tensor used twice": (lambda x: x * x + x.T @ x.mT.T, normal(3, 3)),
    "one element used twice": (lambda x: (x + x).sum() + x.mean(), normal(3)),
    "an array of the device first": (lambda x: x.data * x + x.data @ x, normal(3, 3)),
    "dropout": (lambda x: F.dropout(x, 0.4, generator=np.random.default_rng(1)), normal(4, 5)),
    "where with a number": (lambda x: F.where(x.data > 0, x, -np.inf).exp(), normal(4, 5)),
    "embedding of a device's ids": (F.embedding, IDS, normal(4, 5)),
    "embedding of NumPy ids": (lambda w: F.embedding(IDS, w), normal(4, 5)),
    "embedding of a list": (lambda w: F.embedding([[0, 3], [3, 3]], w), normal(4, 5)),
    "cross-entropy": (lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1), normal(3, 4), np.array([1, -100, 3])),
    "cross-entropy of a list": (lambda x: F.cross_entropy(x, [1, -100, 3]), normal(3, 4)),
    "attention with padding": (
        lambda q, k, v, mask: F.scaled_dot_product_attention(q, k, v, mask),
        *(normal(2, 3, 4, seed=seed) for seed in range(3)),
        MASK,
    ),
    "causal attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        *(normal(2, 3, 4, seed=seed) for seed in range(3)),
    ),
    "layer norm without parameters": (lambda x: F.layer_norm(x, (4,)), normal(2, 3, 4)),
    "pieces": (lambda x: F.cat([F.stack(F.split(x, 2, 1)).sum(0), x[:, ::-2], x[..., None, 0]], 1), normal(4, 4)),
    "picking": (lambda x: x[x.data[:, 0] > 0].sum() + x[[0, 0, 1], 1].sum() + x[1, 2], normal(4, 5)),
}


@pytest.mark.parametrize("name", COMPUTATIONS)
def test_functions_of_tensors_give_the_same_bits(name):
    both(*COMPUTATIONS[name])


def test_backward_takes_a_gradient_from_numpy_and_adds_up_over_two_calls():
    x = Tensor(to_strict(normal(3)), requires_grad=True)
    y = x * x
    y.backward(normal(3, seed=1))
    once = asnumpy(x.grad)
    y.backward(Tensor(normal(3, seed=1)))
    np.testing.assert_array_equal(asnumpy(x.grad), 2 * once)


def test_ids_out_of_range_are_caught_although_the_device_wraps_them():
    weight = Tensor(normal(4, 5)).to("strict")
    ids = to_strict(np.array([1, 4]))
    assert_same_bits(weight.data[ids], weight.numpy()[[1, 0]])
    with pytest.raises(IndexError, match="id 4 is out of range, there are 4"):
        F.embedding(ids, weight)
    with pytest.raises(IndexError, match="target 9 is out of range"):
        F.cross_entropy(weight, to_strict(np.array([0, 1, 2, 9])))


@pytest.mark.parametrize(
    "mix",
    [
        lambda there, here: there + here,
        lambda there, here: here @ there,
        lambda there, here: there * here.data,
        lambda there, here: F.cat([here, there]),
        lambda there, here: F.scaled_dot_product_attention(there, there, there, np.eye(3, dtype=bool)),
    ],
)
def test_mixing_devices_is_refused_with_their_names(mix):
    here = Tensor(normal(3, 3))
    with pytest.raises(TypeError, match=r"; devices .*(strict, cpu|cpu, strict)"):
        mix(here.to("strict"), here)


def test_a_tensor_goes_to_the_device_and_back():
    x = Tensor(normal(2, 3), requires_grad=True)
    there = x.to("strict")
    assert there.device == "strict" and there.requires_grad and there.is_leaf
    assert there.to("strict") is there
    assert x.to("cpu") is x
    assert_same_bits(there.data, x.data)
    back = there.to("cpu")
    assert back.device == "cpu" and back.requires_grad
    np.testing.assert_array_equal(back.data, x.data)
    assert type(there.numpy()) is np.ndarray
    np.testing.assert_array_equal(there.numpy(), x.data)


def test_a_tensor_of_the_device_says_where_it_is_and_gives_python_numbers():
    x = Tensor([1.5, 2.0]).to("strict")
    assert repr(x) == "Tensor([1.5, 2. ], shape (2,), float64, on strict)"
    total = x.sum()
    assert type(total.item()) is float and float(total) == 3.5 and bool(total)
    assert len(x) == 2 and [float(value) for value in x] == [1.5, 2.0]
    assert_same_bits(x > 1.7, np.array([False, True]))


@pytest.mark.parametrize("compute", [lambda x: x.log().sum(), lambda x: (1 / x).sum(), lambda x: (x - 1).sqrt().sum()])
def test_a_nan_is_traced_with_the_same_words_as_on_numpy(compute):
    messages = []
    for name in ("cpu", "strict"):
        x = Tensor(np.array([0.0, 2.0]), requires_grad=True).to(name)
        with np.errstate(all="ignore"), pytest.raises(FloatingPointError) as error:
            compute(x).backward()
        messages.append(str(error.value))
    assert messages[0] == messages[1]
