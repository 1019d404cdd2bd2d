"""A learner's backward pass beside the right one: what is marked is wrong, and nothing else."""

import base64
import re

import numpy as np
import pytest
from support.browser import OpenPage, browser
from support.learners_mistakes import MISTAKES
from support.mistake_runs import ENTRIES, PROBLEMS, run, with_mistake

from minattn.check import check_backward
from minattn.cli import main
from minattn.errors import InputError
from minattn.show import check_page
from minattn.show.check_page import check_data


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture
def tab(chromium):
    context = chromium.new_context()
    yield OpenPage(context.new_page())
    context.close()


def numbers(text, shape):
    """What a page carries, as an array."""
    if text == 0:
        return np.zeros(shape)
    if int(np.prod(shape)) == 1:
        return np.full(shape, float(text))
    kind = "<f4" if text[0] == "4" else "<f8"
    return np.frombuffer(base64.b64decode(text[1:]), kind).astype(float).reshape(shape)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def right_softmax(g, x):
    p = softmax(x)
    return p * (g - (g * p).sum(axis=-1, keepdims=True))


def sum_along_rows(g, x):
    p = softmax(x)
    total = (g * p).sum(axis=0, keepdims=True)
    return p * (g - total)


X = np.random.default_rng(0).normal(size=(3, 4))


def the_mistakes_of_the_catalogue():
    """Each mistake on the first sample on which it makes a difference: the problem, and the op's own gradients."""
    for entry in ENTRIES:
        for problem, options in PROBLEMS[entry.op]:
            true = problem.gradients()
            outcome = run(problem, entry, options)
            if outcome is None or problem.output.size * max(np.size(x) for x in problem.inputs) > 5000:
                continue
            wrong = with_mistake(problem, entry, options)
            yield entry, wrong, true
            break


def test_what_is_marked_of_the_catalogues_mistakes_is_what_differs_from_the_ops_own_gradients():
    seen = marked = 0
    for entry, problem, true in the_mistakes_of_the_catalogue():
        try:
            data = check_data(problem, entry.op)
        except Exception as error:
            raise AssertionError(f"{entry.op}: {entry.kind}") from error
        gradients = problem.gradients()
        for place, found in data["right"].items():
            name = data["steps"][int(place)]["name"].removeprefix("d")
            if name not in problem.names:
                continue
            i = problem.names.index(name)
            if true[i] is None or gradients[i] is None or not np.isfinite(gradients[i]).all():
                continue
            scale = np.abs(true[i]).max(initial=0) + 1e-12
            differs = np.flatnonzero(np.abs(gradients[i] - true[i]) > 1e-4 * scale)
            assert set(differs) <= set(found["wrong"]), (entry.op, entry.kind)
            same = np.flatnonzero(np.abs(gradients[i] - true[i]) < 1e-9 * scale)
            assert not set(same) & set(found["wrong"]), (entry.op, entry.kind)
            np.testing.assert_allclose(numbers(found["value"], true[i].shape), true[i], 1e-5, 1e-5 * scale)
            seen += len(found["wrong"]) > 0
            if "own" in found:
                # the terms are those of both gradients: they add up to each
                outputs = problem.upstream.size
                g = problem.upstream.reshape(-1)
                constant = numbers(found["constant"], (gradients[i].size,))
                for key, gradient, more in (("slopes", true[i], 0), ("own", gradients[i], constant)):
                    terms = numbers(found[key], (outputs, gradient.size))
                    np.testing.assert_allclose(more + g @ terms, gradient.reshape(-1), 1e-5, 1e-5 * scale)
                marked += 1
    assert seen > 200 and marked >= 0.95 * seen


def test_nothing_is_marked_on_right_passes():
    for op in PROBLEMS_OF:
        problem, _ = PROBLEMS[op][0]
        assert not any(found["wrong"] for found in check_data(problem, op)["right"].values()), op


PROBLEMS_OF = sorted({entry.op for entry in ENTRIES})


@pytest.mark.parametrize("case", list(MISTAKES.values())[::5], ids=list(MISTAKES)[::5])
def test_the_expression_that_a_finding_names_is_marked(case):
    report = check_backward(case.forward, case.backward, case.inputs)
    page = check_page(report).html
    named = re.search(r'"named":\[([^\]]*)\]', page)[1]
    names_one = re.search(r"`[^`]+` \(line \d+\)", report.findings[0].sentence)
    assert bool(named) == bool(names_one)


def test_a_wrong_entry_shows_which_terms_are_missing_and_which_do_not_belong(tab, tmp_path):
    path = check_page(check_backward(softmax, sum_along_rows, [X])).save(tmp_path / "wrong.html")
    tab.go(path)
    assert tab.verified()["wrong"] == 0
    k, i = tab.run("page.marks.first()")
    tab.run("([k, i]) => choose(k, i)", [k, i])
    tab.tab.wait_for_selector(".cell.chosen.wrong")
    panel = tab.tab.inner_text("#panel")
    assert panel.count("missing here") == 3 and panel.count("does not belong here") == 2
    point = check_backward(softmax, sum_along_rows, [X]).comparisons[0].problem
    right = right_softmax(point.upstream, point.inputs[0]).reshape(-1)[i]
    assert f"right would be {right:.6f}"[:20].replace("-", "−") in panel
    assert "In `(g * p).sum(axis=0, keepdims=True)`" in tab.tab.inner_text("header")
    assert tab.run("document.querySelectorAll('.array.named').length") == 1
    assert tab.errors == []


def test_a_right_pass_says_so(tab, tmp_path):
    tab.go(check_page(check_backward(softmax, right_softmax, [X])).save(tmp_path / "right.html"))
    assert "Every entry of these gradients is right." in tab.tab.inner_text("header")
    assert tab.run("document.querySelectorAll('.wrong').length") == 0


def test_a_pass_that_cannot_be_followed_shows_its_gradients_alone(tab, tmp_path):
    def backward(g, x):
        return np.array([[float(a) for a in row] for row in g.tolist()])

    tab.go(check_page(check_backward(np.tanh, backward, [X])).save(tmp_path / "wrong.html"))
    assert tab.run("page.marks.first() !== null") and tab.errors == []


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: np.sum(x * x, axis=-1, where=x > 0),
        lambda x: np.max(x, axis=0, initial=0.2),
        lambda x: np.reshape(x * x, (4, 3), order="F"),
        lambda x: np.sin(x)[np.where(x > 0)],
        lambda x: np.cumsum(x, axis=0) * np.clip(x, -0.5, 0.5),
    ],
)
def test_what_the_page_cannot_run_again_it_takes_as_it_is(tab, tmp_path, forward):
    tab.go(check_page(check_backward(forward, lambda g, x: forward(x).sum() * x, [X])).save(tmp_path / "page.html"))
    assert tab.verified()["wrong"] == 0 and tab.errors == []


def test_the_command_writes_the_page(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\ninputs = (np.random.default_rng(0).normal(size=(3, 4)),)\n\n\n"
        "def forward(x):\n    return np.tanh(x)\n\n\ndef backward(g, x):\n    return g * np.tanh(x)\n"
    )
    assert main(["check", str(file), "--html", str(tmp_path / "page.html")]) == 1
    assert "page.html" in capsys.readouterr().out
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert main(["check", "--html", "x.html"]) == 2


def test_a_check_without_numbers_has_no_page():
    report = check_backward(np.tanh, lambda g, x: None, [X])
    with pytest.raises(InputError, match="no gradient was compared entry by entry"):
        check_page(report)
