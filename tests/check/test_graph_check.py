"""Ops, functions of Tensors and whole models: the wrong op is named, with the line that called it."""

import numpy as np
import pytest

import minattn.functional as F
from minattn import Tensor, nn, ops
from minattn.check import check_function, check_model, check_op
from minattn.check.op_check import merged
from minattn.errors import InputError
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.tensor import apply

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 4))


class DiagonalSoftmax(ops.Softmax):
    """Leaves out what a score does to the other probabilities."""

    def forward(self, x):
        self.mine = super().forward(x)
        return self.mine.copy()

    def backward(self, g):
        return g * self.mine * (1 - self.mine)


def diagonal_softmax(x):
    return apply(DiagonalSoftmax(), x)


# --- ops


def test_every_registered_op_is_right_by_instance_class_and_name():
    for op in (ops.Softmax(), ops.Softmax(axis=0), ops.Softmax, "softmax", "layer_norm", ops.Max(axis=1)):
        report = check_op(op)
        assert report.ok is True and not report.notes, report


def test_an_op_is_left_as_it_was():
    op = ops.Softmax(axis=0)
    check_op(op)
    assert vars(op) == {"axis": 0}


def test_a_sample_that_proves_nothing_is_not_told_where_others_prove_it():
    empty = check_op(ops.Exp(), [np.zeros((0, 3))])
    assert empty.ok is None and "has no entries" in empty.notes[0]
    both = merged("Exp", [empty, check_op(ops.Exp(), [X])])
    assert both.ok is True and not both.notes and both.arguments[0].ok is True
    assert merged("Exp", [empty, empty]).notes == empty.notes


def test_an_op_of_ones_own_is_checked_with_inputs_or_like_a_registered_one():
    with pytest.raises(InputError, match="DiagonalSoftmax is not registered"):
        check_op(DiagonalSoftmax())
    for report in (
        check_op(DiagonalSoftmax(), [X]),
        check_op(DiagonalSoftmax(axis=0), [X]),
        check_op(DiagonalSoftmax, like="softmax"),
    ):
        assert report.ok is False and report.findings[0].kind == "cross_terms_missing"
    assert "wrong on 3 of 5 samples; the first of them is 'axis -1'" in check_op(DiagonalSoftmax, like="softmax").notes
    with pytest.raises(InputError, match="takes none of the samples"):
        check_op(ops.Reshape((7, 7, 7)))


def test_the_gradients_of_an_op_are_judged_as_the_graph_sees_them_and_a_bad_return_is_told():
    class NoSum(ops.Add):
        broadcasts = False

    report = check_op(NoSum(), [X, rng.normal(size=4)], like="add")
    assert report.findings[0].kind == "broadcast_not_summed"

    class Nothing(ops.Exp):
        def backward(self, g):
            return None

    assert [f.kind for f in check_op(Nothing(), [X]).findings] == ["no_gradient"]

    class Scaled(ops.Multiply):
        def backward(self, g):
            da, db = super().backward(g)
            return 2 * da, db.astype(int)

    kinds = {(f.argument, f.kind) for f in check_op(Scaled(), [X, rng.normal(size=4)]).findings}
    assert kinds == {("a", "constant_factor"), ("b", "dtype")}


# --- functions of Tensors


def test_what_is_made_of_tensors_is_right():
    w, ids = rng.normal(size=(4, 5)), np.array([0, 2, 2])
    assert check_function(lambda x, w: (x @ w).tanh().sum(), X, w).ok is True
    assert check_function(lambda ids, w: F.embedding(ids, w).relu(), ids, Tensor(w)).ok is True
    generator = np.random.default_rng(0)
    assert check_function(lambda x: F.dropout(x, 0.5, generator=generator).exp(), X).ok is True
    assert check_function(lambda x: F.dropout(x, 0.5, generator=np.random.default_rng(0)) * 2, X).ok is True


def test_a_wrong_op_in_a_function_is_named_with_the_line_that_called_it():
    report = check_function(lambda x, w: diagonal_softmax(x.tanh() @ w).exp(), X, rng.normal(size=(4, 4)))
    assert report.ok is False and len(report.findings) == 1
    finding = report.findings[0]
    assert finding.argument == "x of DiagonalSoftmax" and finding.kind == "cross_terms_missing"
    assert "DiagonalSoftmax called at" in finding.sentence and "test_graph_check.py:" in finding.sentence


def test_a_way_that_leaves_the_graph_is_found_although_every_op_is_right():
    for function in (lambda x: x * x.detach(), lambda x: x * Tensor(x.data), lambda x: Tensor(x.data) * 2):
        report = check_function(function, X)
        assert report.ok is False and report.findings[0].argument == "x"


def test_a_function_of_tensors_that_returns_none_is_refused():
    with pytest.raises(InputError, match="must return a Tensor, got float"):
        check_function(lambda x: 1.0, X)


# --- models


def small_model(**options):
    config = ReconstructionConfig(20, width=8, layers=2, hidden=12, heads=2, max_tokens=8, **options)
    return ReconstructionModel(config, generator=np.random.default_rng(0))


IDS = rng.integers(0, 20, (2, 5))
BATCH = IDS, np.arange(5) < np.array([[5], [3]])


def state(model):
    return {name: array.copy() for name, array in model.state_dict().items()}


@pytest.mark.parametrize("options", [{}, {"norm_first": False}, {"de_embedding": "tied"}, {"positions": "learned"}])
def test_a_right_model_is_right_with_dropout_on_and_is_left_as_it_was(options):
    model = small_model(**options)
    before = state(model)
    assert check_model(model, BATCH).ok is True
    assert check_model(model, IDS).ok is True
    assert check_model(model, {"ids": IDS}).ok is True
    after = state(model)
    assert all(array.dtype == np.float32 and np.array_equal(array, after[name]) for name, array in before.items())


class WrongNorm(nn.LayerNorm):
    def forward(self, x):
        return apply(WrongNormOp(self.eps), x, self.weight, self.bias)


class WrongNormOp(ops.LayerNorm):
    """Treats mean and deviation as constants."""

    def forward(self, x, gamma, beta):
        self.slope = gamma / np.sqrt(x.var(axis=-1, keepdims=True) + self.eps)
        return super().forward(x, gamma, beta)

    def backward(self, g):
        _, dgamma, dbeta = super().backward(g)
        return g * self.slope, dgamma, dbeta


def test_the_wrong_op_of_a_model_is_named_with_its_call_and_no_other_is():
    model = small_model()
    model.blocks[1].attention_norm = WrongNorm(8)
    report = check_model(model, BATCH)
    assert report.ok is False and len(report.findings) == 1
    finding = report.findings[0]
    assert finding.argument == "x of WrongNormOp" and finding.kind == "treated_as_constant"
    assert finding.sentence.startswith("the first wrong op that backward meets is WrongNormOp called at")
    assert "test_graph_check.py:" in finding.sentence


def test_an_op_that_is_right_only_where_parameters_have_their_initial_values_is_found():
    class Forgetful(ops.LayerNorm):
        def forward(self, x, gamma, beta):
            self.gain = gamma
            return super().forward(x, gamma, beta)

        def backward(self, g):
            dx, dgamma, dbeta = super().backward(g / self.gain)  # undoes the factor gamma, which is 1 at first
            return dx, dgamma * self.gain, dbeta * self.gain

    class Norm(nn.LayerNorm):
        def forward(self, x):
            return apply(Forgetful(self.eps), x, self.weight, self.bias)

    report = check_model(Norm(4), rng.normal(size=(2, 3, 4)))
    assert [(f.argument, f.kind) for f in report.findings] == [("x of Forgetful", "wrong_place")]


def test_of_two_wrong_ops_the_one_that_backward_meets_first_is_first():
    class Model(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(X)

        def forward(self, x):
            return diagonal_softmax(apply(WrongNormOp(), x @ self.weight, np.ones(4), np.zeros(4)))

    report = check_model(Model(), rng.normal(size=(2, 3)))
    assert [f.argument for f in report.findings] == ["x of DiagonalSoftmax", "x of WrongNormOp"]
    assert report.findings[1].sentence.startswith("another wrong op is")


def test_a_parameter_that_is_cut_off_is_named_where_every_op_is_right():
    class Model(nn.Module):
        def __init__(self):
            self.first, self.second = nn.Parameter(X), nn.Parameter(X.T)

        def forward(self, x):
            return (x @ self.first).tanh() @ Tensor(self.second.data) + (x @ self.first @ self.second).detach()

    report = check_model(Model(), rng.normal(size=(2, 3)))
    assert {(f.argument, f.kind) for f in report.findings} == {("first", "missing_path"), ("second", "missing_path")}


@pytest.mark.parametrize(
    ("model", "batch", "message"),
    [
        (lambda: 3, IDS, "expected a Module, got int"),
        (lambda: nn.Dropout(0.1, generator=rng), X, "has no parameters"),
        (small_model, IDS + 100, "forward raised IndexError"),
    ],
)
def test_a_model_that_cannot_be_checked_is_refused_in_a_sentence(model, batch, message):
    with pytest.raises(InputError, match=message):
        check_model(model(), batch)
