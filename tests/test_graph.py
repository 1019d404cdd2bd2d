"""Backward walks the graph once, newest first: it adds to leaves only, drops what it used, makes no cycle."""

import gc
import inspect
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minattn import Tensor, apply, no_grad
from minattn import functional as F
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.nn import Linear, Parameter
from minattn.ops import Add, Exp, GradientError, Multiply, Op
from minattn.optim import SGD
from minattn.tensor import grad_enabled


def leaf(*numbers):
    return Tensor(np.array(numbers), requires_grad=True)


class Counted(Add):
    """Add, counting how often its backward is asked."""

    calls = 0

    def backward(self, g):
        Counted.calls += 1
        return super().backward(g)


@pytest.fixture
def counted():
    Counted.calls = 0
    return Counted


def test_a_chain_of_100_000_ops_passes_backward_and_is_freed():
    y = x = leaf(1.0, 2.0)
    for _ in range(100_000):
        y = y + 1.0
    y.backward(np.array([1.0, -2.0]))
    np.testing.assert_array_equal(x.grad, [1.0, -2.0])
    freed = []
    output = weakref.ref(y, freed.append)
    del y
    assert freed == [output]


def test_doubling_a_hundred_times_visits_each_op_once(counted):
    y = x = leaf(1.0)
    for _ in range(100):
        y = apply(counted(), y, y)
    y.backward()
    assert counted.calls == 100
    assert x.grad == 2.0**100


def test_an_op_waits_for_every_use_of_its_output(counted):
    x = leaf(3.0)
    shared = apply(counted(), x, 1.0)
    late = shared
    for _ in range(5):
        late = late * 2
    (shared * late + shared).backward()  # 2 · 32 · shared + 1 at shared = 4
    assert counted.calls == 1
    np.testing.assert_array_equal(x.grad, [257.0])


def small_model(**options):
    sizes = {"vocab_size": 11, "width": 8, "layers": 2, "heads": 2, "hidden": 12, "max_tokens": 6}
    return ReconstructionModel(ReconstructionConfig(**sizes, **options), generator=np.random.default_rng(0))


def loss_of(model, seed=0):
    ids = np.random.default_rng(seed).integers(0, 11, (3, 5))
    mask = np.arange(5) < np.array([[5], [4], [2]])
    return F.cross_entropy(model(ids, mask).transpose(1, 2), np.where(mask, ids, -100))


def test_two_calls_of_backward_give_exactly_twice_the_gradient():
    model = small_model(dropout=0.3)
    loss = loss_of(model)
    loss.backward()
    once = {name: p.grad.copy() for name, p in model.named_parameters()}
    loss.backward()
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(p.grad, 2 * once[name], err_msg=name)


def test_gradients_are_arrays_of_the_leafs_shape_and_dtype_whatever_was_added():
    for shape in ((), (1,), (2, 0), (2, 3)):
        x = Tensor(np.ones(shape, np.float32), requires_grad=True)
        for y in (x + x, x * 2.0, x):  # twice in one walk, once, and a leaf by itself
            y.backward(np.ones(shape))
            assert type(x.grad) is np.ndarray and x.grad.shape == shape and x.grad.dtype == np.float32
        np.testing.assert_array_equal(x.grad, np.full(shape, 5.0))


def test_the_given_upstream_is_neither_kept_nor_changed():
    x = leaf(1.0, 2.0)
    upstream = np.array([1.0, 1.0])
    doubled = x * 1.0
    (doubled + doubled).backward(upstream)
    x.backward(upstream)
    np.testing.assert_array_equal(upstream, 1.0)
    upstream[:] = 9
    np.testing.assert_array_equal(x.grad, [3.0, 3.0])


def test_only_leaves_that_ask_have_a_gradient():
    x, constant = leaf(2.0), Tensor([3.0])
    middle = x * constant
    end = middle.exp()
    end.backward()
    assert x.grad is not None
    assert middle.grad is None and end.grad is None and constant.grad is None


def test_a_second_graph_over_the_same_leaf_adds_to_its_gradient():
    x = leaf(2.0)
    (x * 3).backward()
    (x * 4).backward()
    np.testing.assert_array_equal(x.grad, [7.0])


def test_saved_arrays_are_dropped_as_soon_as_the_backward_of_the_op_has_run():
    alive = []

    class Watch(Exp):
        def backward(self, g):
            alive.append(sum(saved() is not None for saved in watched))
            return super().backward(g)

    class Saves(Multiply):
        def forward(self, a, b):
            y = super().forward(a, b)
            self.kept = np.ones(5)
            watched.append(weakref.ref(self.kept))
            return y

    watched = []
    x = leaf(0.5)
    y = apply(Watch(), x)
    for _ in range(3):
        y = apply(Saves(), apply(Watch(), y), 0.5)
    y.backward()
    assert alive == [2, 1, 0, 0]  # newest first: each product is done, and empty, before the older exp is asked
    assert vars(y.node.op) == {}
    y.backward()  # forward is run again for what is needed, and dropped again
    assert vars(y.node.op) == {} and all(saved() is None for saved in watched)


def test_options_of_an_op_survive_the_dropping():
    y = F.softmax(Tensor(np.ones((2, 3)), requires_grad=True), 0)
    y.backward(np.ones((2, 3)))
    assert vars(y.node.op) == {"axis": 0}


@pytest.mark.parametrize("change", ["set", "step", "load", "double"])
def test_a_parameter_changed_between_forward_and_backward_is_noticed(change):
    layer = Linear(3, 2, generator=np.random.default_rng(0))
    loss = layer(Tensor(np.ones((4, 3), np.float32))).sum()
    loss.backward()
    if change == "set":
        layer.weight.set(np.zeros((2, 3)))
    elif change == "step":
        SGD(layer.parameters(), lr=0.1).step()
    elif change == "load":
        layer.load_state_dict(layer.state_dict())
    else:
        layer.double()
    with pytest.raises(RuntimeError, match=r"an input of Linear called at .*test_graph\.py:\d+.* was changed in place"):
        loss.backward()


def test_the_garbage_collector_finds_nothing_after_a_training_step():
    model = small_model(dropout=0.1)
    optimizer = SGD(model.parameters(), lr=0.1)
    gc.collect()
    gc.disable()
    try:
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        del loss
        assert gc.collect() == 0
        unused = loss_of(model)
        del unused
        assert gc.collect() == 0
        del model, optimizer
        assert gc.collect() == 0
    finally:
        gc.enable()


def wrong(result):
    class Wrong(Op):
        broadcasts = isinstance(result, dict)

        def forward(self, a, b):
            return a + b

        def backward(self, g):
            return result["broadcast"] if isinstance(result, dict) else result

    return Wrong()


two = np.ones((2, 1))


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ((two, np.ones(3)), r"gradient of input 1 has shape \(3,\) and .* the input has shape \(2, 1\)"),
        ((two.astype(np.float32), two), r"gradient of input 0 has .* dtype float32, .* dtype float64"),
        (two, "returned 1 gradients for 2 inputs"),
        ((two, two, two), "returned 3 gradients for 2 inputs"),
        ((two, None), "returned None for input 1, which has a gradient"),
        ((two, [1.0, 1.0]), "gradient of input 1 must be an array, got list"),
        ((1.0, two), "gradient of input 0 must be an array, got float"),
        ({"broadcast": (two, np.ones(()))}, r"gradient of input 1 has shape \(\) and dtype"),
        ({"broadcast": (np.ones((2, 3, 4)), two)}, r"gradient of input 0 has shape \(3, 1\) and dtype"),
    ],
)
def test_a_wrong_backward_is_named_with_the_users_file_and_line(result, message):
    line = inspect.currentframe().f_lineno + 1
    y = apply(wrong(result), leaf([1.0], [2.0]), leaf([3.0], [4.0]))
    with pytest.raises(GradientError, match=rf"^Wrong\.backward.*{message}.*Wrong called at .*test_graph\.py:{line}$"):
        y.backward(two)


def test_backward_needs_a_gradient_and_a_leaf_that_asks():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"shape \(2,\) needs backward\(gradient\)"):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), the Tensor has shape \(2,\)"):
        (x * 2).backward(np.ones(3))
    with pytest.raises(RuntimeError, match="no input of this Tensor has requires_grad=True"):
        Tensor([1.0]).exp().backward()
    assert x.grad is None


def test_no_grad_nests_and_survives_exceptions():
    x = leaf(1.0)
    with no_grad():
        with no_grad():
            assert not grad_enabled()
        assert not (x * 2).requires_grad and (x * 2).node is None
    assert grad_enabled()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * 2).requires_grad
    again = no_grad()
    with again, again:
        assert not grad_enabled()
    assert grad_enabled()


def test_no_grad_is_a_switch_of_its_own_thread():
    seen = {}
    inside, go_on = threading.Event(), threading.Event()

    def other():
        seen["start"] = grad_enabled()
        with no_grad():
            inside.set()
            go_on.wait(10)
            seen["end"] = grad_enabled()

    with no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        assert inside.wait(10)
    assert grad_enabled()  # while the other thread is still inside
    go_on.set()
    thread.join(10)
    assert seen == {"start": True, "end": False}


def test_without_gradients_nothing_is_remembered():
    weight = Parameter(np.ones((2, 2)))
    with no_grad():
        y = F.linear(Tensor(np.ones((1, 2))), weight)
    assert y.node is None and not y.requires_grad
    assert (Tensor([1.0]) * 2).node is None


def test_a_generator_is_not_wrapped_in_no_grad_in_vain():
    with pytest.raises(TypeError, match="no_grad: a generator cannot be wrapped"):

        @no_grad()
        def numbers():
            yield 1


def test_a_function_under_no_grad_may_run_in_two_threads_at_once():
    both = threading.Barrier(2)

    @no_grad()
    def inside():
        both.wait(10)
        return grad_enabled()

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(lambda: (inside(), grad_enabled())) for _ in range(2)]
    assert [each.result() for each in found] == [(False, True)] * 2
