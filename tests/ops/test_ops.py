"""Walks the registry: whatever is registered is held to every one of these."""

import inspect

import numpy as np
import pytest
from support.complete_op import SAMPLED, functions, missing_from
from support.numeric import assert_close, numeric_gradient
from support.op_samples import every_sample
from support.parity_cases import CASES
from support.shape_lines import assert_shapes, parse

from minattn.ops import registry


def run(op_class, sample, inputs=None, seed=0):
    """A fresh op, its output, and a random upstream gradient for it."""
    op = op_class(**sample.options)
    output = op(*(sample.inputs if inputs is None else inputs))
    upstream = np.asarray(np.random.default_rng(seed).normal(size=output.shape))
    return op, output, upstream.astype(output.dtype)


def is_float(x):
    return x.dtype.kind == "f"


each_sample = pytest.mark.parametrize(("op_class", "sample"), list(every_sample()))


@each_sample
def test_every_gradient_agrees_with_the_slope_measured_in_float64(op_class, sample):
    op, _, upstream = run(op_class, sample)
    gradients = op.gradients(upstream)

    def forward(*inputs):
        return op_class(**sample.options)(*inputs)

    for i, (x, gradient) in enumerate(zip(sample.inputs, gradients, strict=True)):
        if is_float(x):
            assert_close(gradient, numeric_gradient(forward, sample.inputs, i, upstream))
        else:
            assert gradient is None


@each_sample
def test_backward_is_linear_in_the_upstream(op_class, sample):
    def gradients(upstream):
        op, _, _ = run(op_class, sample)
        return [g for g in op.gradients(upstream) if g is not None]

    _, _, one = run(op_class, sample, seed=1)
    _, _, two = run(op_class, sample, seed=2)
    for a, b, both in zip(gradients(one.copy()), gradients(two.copy()), gradients(3 * one - 2 * two), strict=True):
        np.testing.assert_allclose(both, 3 * a - 2 * b, rtol=1e-9, atol=1e-9)


@each_sample
def test_no_pass_changes_the_options(op_class, sample):
    """What the first call found out of its inputs would be used for those of the second."""
    op = op_class(**sample.options)
    before = {name: repr(value) for name, value in vars(op).items()}
    op(*sample.inputs)
    assert before == {name: repr(vars(op)[name]) for name in before}


@each_sample
def test_neither_pass_changes_its_inputs_or_the_upstream(op_class, sample):
    before = [x.copy() for x in sample.inputs]
    op, output, upstream = run(op_class, sample)
    given, result = upstream.copy(), output.copy()
    op.gradients(upstream)
    for x, copy in zip((*sample.inputs, upstream, output), (*before, given, result), strict=True):
        np.testing.assert_array_equal(x, copy)


@each_sample
def test_backward_twice_gives_the_same(op_class, sample):
    op, _, upstream = run(op_class, sample)
    first = [None if g is None else g.copy() for g in op.gradients(upstream)]
    for a, b in zip(first, op.gradients(upstream), strict=True):
        if a is not None:
            np.testing.assert_array_equal(a, b)


@each_sample
def test_no_gradient_shares_memory_with_another_or_with_an_input(op_class, sample):
    op, output, upstream = run(op_class, sample)
    gradients = [g for g in op.gradients(upstream) if g is not None]
    for i, gradient in enumerate(gradients):
        assert gradient.flags.writeable
        for other in (*gradients[:i], *sample.inputs, output):
            assert not np.shares_memory(gradient, other)


@each_sample
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_passes_keep_the_dtype_and_the_shapes(op_class, sample, dtype):
    inputs = [x.astype(dtype) if is_float(x) else x for x in sample.inputs]
    op, output, upstream = run(op_class, sample, inputs)
    assert output.dtype == dtype
    for x, gradient in zip(inputs, op.gradients(upstream), strict=True):
        if is_float(x):
            assert gradient.shape == x.shape
            assert gradient.dtype == dtype


@each_sample
def test_float32_agrees_with_float64(op_class, sample):
    op, output, upstream = run(op_class, sample)
    narrow = [x.astype(np.float32) if is_float(x) else x for x in sample.inputs]
    op32, output32, _ = run(op_class, sample, narrow)
    assert_close(output32, output, 1e-5)
    for a, b in zip(op32.gradients(upstream.astype(np.float32)), op.gradients(upstream), strict=True):
        if a is not None:
            assert_close(a, b, 2e-5, least=1e-6)  # what cancels leaves the rounding of numbers of size 10


@each_sample
def test_the_layout_in_memory_does_not_matter(op_class, sample):
    op, output, upstream = run(op_class, sample)
    strided = [np.repeat(x.T, 2, axis=0)[::2].T if x.ndim else x for x in sample.inputs]
    op2, output2, _ = run(op_class, sample, strided)
    np.testing.assert_allclose(output2, output, rtol=1e-12, atol=1e-12)
    for a, b in zip(op2.gradients(upstream.copy(order="F")), op.gradients(upstream), strict=True):
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", registry)
def test_the_docstring_derives_forward_and_backward(name):
    text = registry[name].op.__doc__
    assert "forward" in text and "backward" in text and "->" in text


@pytest.mark.parametrize("name", registry)
def test_every_sample_has_the_shapes_that_the_docstring_says(name):
    op_class, samples = registry[name]
    line = parse(op_class.__doc__)
    defaults = {option: parameter.default for option, parameter in inspect.signature(op_class).parameters.items()}
    for sample in samples(np.random.default_rng(0)):
        _, output, _ = run(op_class, sample)
        try:
            assert_shapes(line, sample.inputs, defaults | dict(sample.options), output)
        except AssertionError as error:
            raise AssertionError(f"{name} on {sample.name!r}: {error}; its docstring says {line.text!r}") from None


@pytest.mark.parametrize(
    ("line", "inputs", "output"),
    [
        ("x (…, D), gamma (D,) -> y (…, D)", [(2, 3), (4,)], (2, 3)),
        ("x (…, D), gamma (D,) -> y (…, D)", [(2, 3), (3,)], (3,)),
        ("x (…, D) -> y (…, 1)", [(2, 3)], (2, 3)),
        ("x (N, D) -> y (N,)", [(2, 3, 4)], (2,)),
        ("x -> y, same shape", [(2, 3)], (3, 2)),
        ("a, b -> y (shapes broadcast)", [(2, 1), (3,)], (2, 1)),
        ("x (…, D), bias (D,) or none -> loss, one number", [(2, 3)], (1,)),
        ("x (…, D), ids (…) integers -> y (…, D)", [(2, 3), (2,)], (2, 3)),
    ],
)
def test_a_shape_line_that_does_not_hold_is_noticed(line, inputs, output):
    with pytest.raises(AssertionError):
        assert_shapes(parse(line), [np.zeros(shape) for shape in inputs], {}, np.zeros(output))


@pytest.mark.parametrize("line", ["", "x and y", "x (…, D) -> what comes out", "x (…, Q) -> y (…, Q)"])
def test_a_line_that_says_no_shapes_is_refused(line):
    with pytest.raises(ValueError, match=r"expected|alphabet"):
        parse(line)


@pytest.mark.parametrize("name", sorted(registry))
def test_the_op_is_complete(name):
    missing = list(missing_from(name))
    if missing:
        pytest.fail("\n".join(missing), pytrace=False)


@pytest.mark.parametrize("name", ["RMSNorm-two rows", "rms_norm-two rows"])
def test_a_test_of_an_op_is_found_by_the_name_of_its_class_and_of_its_function(name, request):
    words = {name.lower(), *(word.lower() for word in request.node.extra_keyword_matches)}
    for wanted in ("rmsnorm", "rms_norm"):
        assert any(wanted in word for word in words), words


def test_every_function_is_compared_with_pytorch():
    assert [function for function in functions() if function not in CASES and function not in SAMPLED] == []
