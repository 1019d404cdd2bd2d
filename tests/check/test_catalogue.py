"""The catalogue of wrong backward passes: each is wrong, each in its own way, and each is recognised."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from support.mistake_runs import ENTRIES, PROBLEMS, RIGHT, RUNS, agree, is_wrong, run, with_mistake

from minattn.check import check_backward
from minattn.check.catalogue import catalogue, find_op, fitting_options, match, matches
from minattn.check.mistake_kinds import kinds
from minattn.check.problem import Problem
from minattn.check.randomness import Randomness
from minattn.errors import InputError
from minattn.ops import registry

OF_SHAPES = {
    *("shape", "broadcast_not_summed", "transposed", "missing_transpose", "wrong_axis", "elementwise_for_matmul"),
}
"""Kinds whose gradients may have the wrong shape: they leave an axis out, or put it elsewhere."""

SUPPORT = {"__init__", "base", "match", "registered_op", "wrong_rules"}

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


def skip_if_never_wrong(entry):
    if not any(is_wrong(entry)):
        pytest.skip("the test before this one names it")


@each_entry
def test_every_entry_is_wrong_on_a_sample_and_in_its_own_way(entry):
    wrong = is_wrong(entry)
    assert any(wrong), f"{entry.name} is right on every sample, or not written yet"
    for got, right in zip(RUNS[entry.name], RIGHT[entry.op], strict=True):
        if got is None:
            assert entry.kind in OF_SHAPES | {"swapped_arguments"}
            continue
        assert [g is None for g in got.gradients] == [g is None for g in right.gradients]
        if entry.kind not in OF_SHAPES:
            assert [np.shape(g) for g in got.gradients] == [np.shape(g) for g in right.gradients]
        if entry.kind == "modified_input":
            assert got.changed[0] == (got.gradients[0].size > 0)
        else:
            assert not any(got.changed)


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.kind == "modified_input"], ids=lambda entry: entry.name)
def test_what_only_changes_its_input_has_the_right_numbers(entry):
    for got, right in zip(RUNS[entry.name], RIGHT[entry.op], strict=True):
        assert agree(got._replace(changed=right.changed), right)


@each_entry
def test_every_entry_is_named_as_itself(entry):
    """It is found wherever it is wrong; what is found beside it gives the same numbers there."""
    skip_if_never_wrong(entry)
    named = []
    for i, (problem, options) in enumerate(PROBLEMS[entry.op]):
        if is_wrong(entry)[i]:
            wrong = with_mistake(problem, entry, options)
            found = matches(wrong, entry.op, options)
            assert entry in found
            assert all(agree(RUNS[other.name][i], RUNS[entry.name][i]) for other in found)
            named.append(match(wrong, entry.op, options))
    assert entry in named


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # some of the wrong code divides by zero
@each_entry
def test_the_check_catches_every_entry_and_names_it_by_its_sentence(entry):
    """On the first sample where no other entry gives the same; where there is none, the first where it is named."""
    skip_if_never_wrong(entry)
    wrong = [i for i, is_so in enumerate(is_wrong(entry)) if is_so and PROBLEMS[entry.op][i][0].output.size]
    alone = [i for i in wrong if sum(agree(RUNS[e.name][i], RUNS[entry.name][i]) for e in catalogue[entry.op]) == 1]
    problem, options = PROBLEMS[entry.op][(alone or wrong)[0]]
    backward = with_mistake(problem, entry, options).backward
    report = check_backward(problem.forward, backward, problem.inputs, like=entry.op)
    assert report.ok is False
    named = [finding for finding in report.findings if entry.sentence in finding.sentence]
    assert [(finding.kind, finding.sure) for finding in named] == [(entry.kind, "exactly")]


@pytest.mark.parametrize("op", catalogue)
def test_no_two_entries_of_an_op_agree_everywhere(op):
    for i, one in enumerate(catalogue[op]):
        for two in catalogue[op][:i]:
            pairs = zip(RUNS[one.name], RUNS[two.name], strict=True)
            assert not all(agree(a, b) for a, b in pairs), f"{one.name} and {two.name} are the same"


def test_every_mistake_is_one_of_a_registered_op():
    assert set(catalogue) <= set(registry)


def test_a_file_of_the_folder_that_is_read_is_one_of_mistakes_or_of_support():
    """No list of files is kept: each holds mistakes, or is imported by name."""
    folder = Path(inspect.getfile(match)).parent
    with_mistakes = {inspect.getmodule(entry.backward).__name__.rpartition(".")[2] for entry in ENTRIES}
    assert {path.stem for path in folder.glob("*.py")} - with_mistakes == SUPPORT


@pytest.mark.parametrize("op", registry)
def test_a_wrong_backward_of_every_op_is_diagnosed(op):
    """Also of an op without known mistakes."""
    problem, _ = PROBLEMS[op][0]

    def turned(g, *inputs):
        return tuple(None if d is None else -d for d in problem.backward(g, *inputs))

    report = check_backward(problem.forward, turned, problem.inputs, like=op)
    assert report.ok is False
    kinds_of_sign = {"sign", "constant_factor", "swapped_arguments"}  # a - b and b - a differ by their sign
    assert report.findings and {finding.kind for finding in report.findings} <= kinds_of_sign


def test_every_entry_of_the_catalogue_has_a_name_of_its_own_and_the_options_of_its_op():
    names = [entry.name for entries in catalogue.values() for entry in entries]
    assert len(set(names)) == len(names)
    for entry in ENTRIES:
        parameters = inspect.signature(entry.backward).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        wanted = set(inspect.signature(registry[entry.op].op).parameters)
        assert takes_any or wanted <= set(parameters) | {"args", "kwargs"}, entry.name


def test_every_kind_is_in_the_vocabulary_and_most_of_the_vocabulary_is_in_the_catalogue():
    used = {entry.kind for entries in catalogue.values() for entry in entries}
    assert used <= set(kinds)
    assert len(used) >= 21


def test_sentences_are_sentences():
    sentences = [entry.sentence for entries in catalogue.values() for entry in entries]
    for sentence in sentences:
        assert re.fullmatch(r"[A-Z].{40,260}\.", sentence), sentence
        assert ". " not in sentence and "  " not in sentence, sentence
        assert sentence.count("(") == sentence.count(")"), sentence


@pytest.mark.parametrize("op", registry)
def test_a_right_backward_and_one_that_is_slightly_off_match_nothing_that_is_wrong(op):
    for (problem, options), right in zip(PROBLEMS[op], RIGHT[op], strict=True):

        def off(g, *inputs, problem=problem):
            return tuple(None if d is None else 1.001 * d for d in problem.backward(g, *inputs))

        live = any(g is not None and g.any() for g in right.gradients)
        if live:
            assert match(Problem(**vars(problem) | {"backward": off}), op, options) is None
        for entry, wrong in ((e, is_wrong(e)) for e in catalogue.get(op, [])):
            at = [p is problem for p, _ in PROBLEMS[op]].index(True)
            assert not (wrong[at] and entry in matches(problem, op, options))


def test_what_is_known_at_the_point_itself_is_compared_too():
    problem, options = PROBLEMS["Softmax"][0]
    entry = catalogue["Softmax"][0]
    wrong = with_mistake(problem, entry, options)
    got = wrong.gradients()
    assert match(wrong, "Softmax", options, got) is entry
    assert match(wrong, "Softmax", options, [2 * got[0]]) is None


@pytest.mark.parametrize("which", ["upstream", "inputs"])
def test_agreeing_at_one_point_alone_is_no_match(which):
    problem, options = PROBLEMS["Softmax"][0]
    entry = catalogue["Softmax"][0]

    def elsewhere_twice(g, x):
        same = np.array_equal(g, problem.upstream) if which == "upstream" else np.array_equal(x, problem.inputs[0])
        return entry.backward(g, x, **options) * (1 if same else 2)

    assert match(Problem(**vars(problem) | {"backward": elsewhere_twice}), "Softmax", options) is None


def test_a_mistake_written_in_other_words_is_the_same_mistake():
    problem, options = PROBLEMS["Softmax"][0]

    def diagonal(g, x):
        p = np.exp(x)
        p /= p.sum(axis=-1, keepdims=True)
        jacobian = np.einsum("...i,ij->...ij", p - p * p, np.eye(x.shape[-1]))
        return np.einsum("...ij,...j->...i", jacobian, g)

    wrong = Problem(**vars(problem) | {"backward": diagonal})
    assert match(wrong, "Softmax", options).name == "softmax_diagonal_only"


def test_one_argument_can_be_compared_alone():
    """A backward with one entry's mistake in dx and another's in the bias is neither, taken whole."""
    problem, options = PROBLEMS["Linear"][0]
    weight, bias = (
        next(e for e in catalogue["Linear"] if e.name == f"linear_{n}") for n in ("last_row_kept", "bias_zero")
    )

    def both(g, *inputs):
        dx, dweight, _ = weight.backward(g, *inputs)
        return dx, dweight, bias.backward(g, *inputs)[2]

    wrong = Problem(**vars(problem) | {"backward": both})
    assert matches(wrong, "Linear", options) == []
    assert matches(wrong, "Linear", options, arguments=[1]) == [weight]
    assert matches(wrong, "Linear", options, arguments=[2]) == [bias]


def test_a_backward_that_raises_matches_nothing():
    problem, options = PROBLEMS["Tanh"][0]

    def broken(g, x):
        raise RuntimeError

    assert match(Problem(**vars(problem) | {"backward": broken}), "Tanh", options) is None


@pytest.mark.parametrize("op", registry)
def test_the_options_are_found_from_the_forward_pass_alone(op):
    for problem, options in PROBLEMS[op]:
        if not problem.output.size:
            continue
        found = fitting_options(op, problem)
        assert found is not None
        np.testing.assert_allclose(registry[op].op(**found)(*problem.inputs), problem.output, rtol=1e-9)
        assert all(agree(run(problem, e, found), run(problem, e, options)) for e in catalogue.get(op, []))


def test_a_mistake_is_named_without_options_where_they_are_not_the_usual_ones():
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.normal(size=(3, 5)), rng.normal(size=5), rng.normal(size=5)
    entry = next(e for e in catalogue["LayerNorm"] if e.kind == "wrong_axis")

    def forward(*inputs):
        return registry["LayerNorm"].op(eps=1e-12)(*inputs)

    def backward(g, *inputs):
        return entry.backward(g, *inputs, eps=1e-12)

    output = forward(x, gamma, beta)
    problem = Problem(forward, backward, (x, gamma, beta), tuple("abc"), output, rng.normal(size=(3, 5)), Randomness())
    assert match(problem, "LayerNorm") is entry
    other = Problem(**vars(problem) | {"forward": lambda *inputs: forward(*inputs) ** 2, "output": output**2})
    assert fitting_options("LayerNorm", other) is None
    assert match(other, "LayerNorm") is None


@pytest.mark.parametrize(
    ("name", "op"),
    [
        *(("LayerNorm", "LayerNorm"), ("layer_norm", "LayerNorm"), ("layernorm", "LayerNorm"), ("gelu", "GELU")),
        *(("scaled_dot_product_attention", "ScaledDotProductAttention"), ("attention", "ScaledDotProductAttention")),
        *(("matmul", "MatMul"), ("logsumexp", "LogSumExp"), ("log_softmax", "LogSoftmax"), ("relu", "ReLU")),
        *(("pow", "Power"), ("neg", "Negate"), ("var", "Variance"), ("amax", "Max"), ("max", "Max")),
        *(("maximum", "Maximum"), ("permute", "Transpose"), ("cat", "Concatenate"), ("cross_entropy", "CrossEntropy")),
    ],
)
def test_an_op_is_found_by_its_name_in_any_spelling(name, op):
    assert find_op(name) == op


def test_every_registered_op_is_found_by_its_names():
    for op in registry:
        snake_case = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", op).lower()
        assert find_op(op) == find_op(snake_case) == op


def test_a_name_that_is_no_ops_is_refused_with_what_was_perhaps_meant():
    with pytest.raises(InputError, match=r"got 'layer_nrom'; did you mean layer_norm"):
        find_op("layer_nrom")
    with pytest.raises(InputError, match=r"got 'qqq'; minattn check --all lists them"):
        find_op("qqq")
