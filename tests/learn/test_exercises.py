"""The grader is graded: templates and mistakes fail, each with its sentence; solutions pass, in whatever form."""

import ast
import inspect
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.learn_help import EXERCISES, known_mistakes, missing, same, verdict, verdict_on

from minattn.errors import InputError
from minattn.learn import Exercise, course, find, own_files
from minattn.learn.checking import check_submission
from minattn.learn.gap import END, START, edited, gap_of, ways
from minattn.learn.submission import Submission

WALKTHROUGHS = Path(__file__).parents[2] / "walkthroughs"

every = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
backward = [exercise for exercise in course() if exercise.is_backward]
every_backward = pytest.mark.parametrize("exercise", backward, ids=[exercise.name for exercise in backward])


def test_the_course_is_long_enough_and_goes_the_way_of_the_data():
    names = [exercise.name for exercise in course()]
    assert len(names) >= 24 and len(set(names)) == len(names)
    way = ("embedding", "positions", "softmax", "attention", "layer_norm", "cross_entropy", "tape", "training_step")
    assert [name for name in names if name in way] == list(way)
    assert sum(name.startswith("bug_") for name in names) >= 2


# --- what fails


@every
def test_the_template_fails_as_not_written_yet(exercise):
    said = check_submission(exercise, Submission(), exercise.file, exercise.text)
    assert said.result == "to do" and not said.passed


@every
def test_a_name_that_is_still_three_dots_is_to_do_whatever_else_is_written(exercise):
    gap = gap_of(exercise.text)
    for name in re.findall(r"^ *(\w+) = \.\.\.", gap, re.MULTILINE):
        assert verdict(exercise, f"{exercise.solution}\n{name} = ...").result == "to do", name
    for name in re.findall(r"^def (\w+)", gap, re.MULTILINE):
        said = verdict(exercise, f"{exercise.solution}\n\n\ndef {name}(*given):\n    ...")
        assert said.result == "to do" and said.sentence == f"{exercise.file}: {name} is still to be written"


@every
def test_a_template_that_was_only_moved_about_still_fails(exercise):
    said = verdict(exercise, gap_of(exercise.text) + "\npass  # later")
    assert said.result in ("to do", "error", "wrong"), said


@every
def test_every_mistake_of_the_exercise_fails_with_its_own_sentence(exercise):
    for mistake in exercise.mistakes:
        said = verdict(exercise, mistake.gap)
        assert said.result == "wrong", (mistake.text, str(said))
        assert mistake.text in str(said)


@pytest.mark.parametrize("exercise", [e for e in course() if e.like], ids=[e.name for e in course() if e.like])
def test_every_mistake_that_the_check_knows_of_the_op_fails_with_its_own_sentence(exercise):
    mistakes = known_mistakes(exercise)
    assert len(mistakes) >= 4
    for mistake in mistakes:
        said = verdict_on(exercise, mistake.backward)
        assert said.result == "wrong", (mistake.name, str(said))
        case = exercise.draw(0)[0]
        alike = [m.sentence for m in mistakes if same(m.backward(*case), mistake.backward(*case))]
        assert any(sentence in str(said) for sentence in alike), (mistake.sentence, str(said))


@every
def test_zeros_what_came_in_and_the_upstream_fail(exercise):
    head = f"\n\ndef {exercise.function}(*given):\n    import numpy as np\n    "
    for body in (
        "return tuple(np.zeros_like(x) for x in given[1:]) if len(given) > 2 else np.zeros_like(given[-1])",
        "return given[1:] if len(given) > 2 else given[-1]",
        "return given[0]",
        "return given",
        "return (given[0],) * (len(given) - 1)",
        "return None",
        "return 0.0",
        "return []",
    ):
        said = verdict(exercise, exercise.solution, after=head + body)
        assert not said.passed and said.sentence, body


@every_backward
def test_a_gradient_that_is_right_but_for_one_argument_names_it(exercise):
    floats = [i for i, x in enumerate(exercise.draw(0)[0][1:]) if x.dtype.kind == "f"]
    for i in floats:
        after = f"""

solved = backward

def backward(*given):
    results = solved(*given)
    results = list(results) if isinstance(results, tuple) else [results]
    results[{i}] = 2 * results[{i}]
    return tuple(results) if len(results) > 1 else results[0]
"""
        said = verdict(exercise, exercise.solution, after=after)
        assert said.sentence.startswith(f"{exercise.answers[i]} is wrong"), said


# --- what passes


@every
@pytest.mark.parametrize("seed", [0, 1, 20260101])
def test_the_solution_passes(exercise, seed):
    said = verdict(exercise, exercise.solution, seed)
    assert said.solved and not said.unusual and all(right for _, right in said.parts), str(said)


@every
def test_every_other_right_way_passes_and_looks_derived(exercise):
    for name, gap in exercise.alternatives.items():
        said = verdict(exercise, gap)
        assert said.solved and not said.unusual, (name, str(said))


# --- what is in a folder


@every
def test_nothing_is_missing_in_the_folder_of_an_exercise(exercise):
    assert missing(exercise) == []


def test_what_is_missing_is_named_with_the_file_to_put_it_in(tmp_path):
    folder = tmp_path / "exercises" / "e175_half"
    folder.mkdir(parents=True)
    half = replace(find("softmax"), folder=folder, hints=("One.", "Two."), note="", like=None)
    assert missing(half) == ["exercises/e175_half/solution.py: the solved file is missing"]
    (folder / "solution.py").write_text((find("softmax").folder / "solution.py").read_text(encoding="utf-8"))
    half = replace(half)
    assert [text.removeprefix("exercises/e175_half/") for text in missing(half)] == [
        "right.py: 2 ways other than the solution are needed, there are 0",
        "wrong.py: 3 mistakes are needed, with those that the check knows of; there are 0",
        "exercise.py: 3 hints are needed, there are 2",
        "exercise.py: the first hint is a question",
        "exercise.py: the note says where the engine does the same: minattn/…",
    ]


@pytest.mark.parametrize("file", ["right.py", "wrong.py"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dx = g\n", "expected an empty line and a comment before each way"),
        ('"""Ways."""\n\n# one\n\n# two\ndx = g\n', "and code under each comment"),
        ('"""Ways."""\n\n# one\ndx = g @\n', "this is no Python: invalid syntax: dx = g @"),
    ],
)
def test_a_piece_without_a_comment_or_without_code_is_refused_with_its_file(file, text, said, tmp_path):
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"^{tmp_path.name}/{file}: .*{re.escape(said)}"):
        ways(tmp_path / file)


def test_a_piece_is_what_stands_under_a_comment_after_an_empty_line(tmp_path):
    first = "# the first way,\n# in two lines\na = 1\n# about b\nb = 2\n"
    text = f'"""Ways."""\n\n{first}\n\n# the second\n\n\ndef c():\n    pass\n'
    (tmp_path / "right.py").write_text(text, encoding="utf-8")
    first, second = ways(tmp_path / "right.py")
    assert first == ("the first way, in two lines", "a = 1\n# about b\nb = 2")
    assert second == ("the second", "def c():\n    pass")


SOLUTION = """
a = 1
t = zeros
t[0] = a
for i in order:
    t[i] = a + 1
    b = t
np.add.at(t, ids, b)
b = -b
""".strip()


@pytest.mark.parametrize(
    ("piece", "replaced"),
    [
        ("a = 2", {"a = 1": "a = 2"}),
        ("t[i] += 1", {"    t[i] = a + 1": "    t[i] += 1"}),
        ("t[ids] = b", {"np.add.at(t, ids, b)": "t[ids] = b"}),
        ("b = 0\nb = 1", {"    b = t": "    b = 0", "b = -b": "b = 1"}),
        ("b = 0", {"    b = t": "    b = 0", "b = -b": None}),
        ("a = 2\nc = 3  # new", {"a = 1": "a = 2\nc = 3  # new"}),
        ("c = 3\n# why\na = 2", {"a = 1": "c = 3\n# why\na = 2"}),
        (
            "t = ones",
            {"t = zeros": "t = ones", "t[0] = a": None, "    t[i] = a + 1": None, "np.add.at(t, ids, b)": None},
        ),
    ],
)
def test_a_wrong_line_takes_the_place_of_the_solutions_for_the_same_name(piece, replaced):
    lines = [replaced.get(line, line) for line in SOLUTION.splitlines()]
    assert edited(SOLUTION, piece) == "\n".join(line for line in lines if line is not None)


def test_a_piece_that_shares_no_name_with_the_solution_is_the_whole_gap():
    assert edited(SOLUTION, "y = x\nreturned = y") == "y = x\nreturned = y"


@every
def test_a_template_is_a_file_that_a_learner_can_read_and_run(exercise):
    assert ast.get_docstring(ast.parse(exercise.text)).splitlines()[0] == exercise.title
    assert exercise.text.count(START) == exercise.text.count(END) == 1
    assert f"minattn learn check {exercise.name}" in exercise.text
    assert f"derived in walkthroughs/{exercise.page}.md" in exercise.text
    assert (WALKTHROUGHS / f"{exercise.page}.py").exists()
    gap = [line.partition("#")[0].strip() for line in gap_of(exercise.text).splitlines()]
    assert all(line.endswith(("...", ":")) for line in gap if line)
    assert exercise.parameters[0] == "g" or not exercise.is_backward


@every
def test_what_fills_the_gap_stands_in_the_folder_as_it_is_given(exercise):
    solution = (exercise.folder / "solution.py").read_text(encoding="utf-8")
    assert gap_of(solution) == gap_of(exercise.fill(exercise.solution))
    before = exercise.text.partition(START)[0].splitlines(keepends=True)
    around = "".join(line for line in before if not line.startswith("# ")), exercise.text.partition(END)[2]
    assert solution.startswith(around[0]) and solution.endswith(around[1])


# --- right on ordinary inputs, wrong at an edge

SOFTMAX = "exp = np.exp({0})\np = exp / exp.sum(axis=-1, keepdims=True)\n"
ONLY_ORDINARY = {
    "embedding": (
        "rows = g.reshape(-1, weight.shape[1])\n"
        "dweight = sum(np.eye(len(weight))[t][:, None] * row for t, row in zip(ids.ravel(), rows))",
        "dweight must have shape (3, 2); it has shape ()",
    ),
    "linear": (
        "dx = g @ weight\nrows, g_rows = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])\n"
        "dweight = sum(np.outer(b, a) for a, b in zip(rows, g_rows))\ndbias = g_rows.sum(axis=0)",
        "dweight must have shape (3, 4); it has shape ()",
    ),
    "softmax": (SOFTMAX.format("x") + find("softmax").solution, "dx has NaN in 6 of 6 entries"),
    "log_softmax": (
        "p = np.exp(y)\ndp = g / p\ndx = p * (dp - (dp * p).sum(axis=-1, keepdims=True))",
        "dx has NaN in 3 of 6 entries",
    ),
    "mask": (
        "exp = np.exp(np.where(mask, s, -np.inf))\ntotal = exp.sum(axis=-1, keepdims=True)\n"
        "p = exp / np.where(total == 0, 1, total)\nds = p * (g - (g * p).sum(axis=-1, keepdims=True))",
        "p has NaN in 2 of 8 entries",
    ),
    "attention": (
        SOFTMAX.format("q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])") + find("attention").solution,
        "dq has NaN in 2 of 4 entries",
    ),
    "layer_norm": (find("layer_norm").solution.replace("r**3", "(n / c) ** 3"), "dx has NaN in 6 of 6 entries"),
    "gelu": (find("gelu").solution.replace("erfc(-x / np.sqrt(2)) / 2", "1 - erfc(x / np.sqrt(2)) / 2"), "instead of"),
    "dropout": ("dx = g * forward(x, keep) / x", "dx has NaN in 6 of 6 entries"),
    "cross_entropy": (
        SOFTMAX.format("logits") + "dlogits = g * (p - np.eye(logits.shape[1])[targets]) / len(logits)",
        "dlogits has NaN in 4 of 6 entries",
    ),
    "clipping": (
        "norm = np.sqrt(sum((g * g).sum() for g in gradients))\n"
        "clipped = [g / norm * min(norm, max_norm) for g in gradients]",
        "clipped[0] has NaN in 4 of 4 entries",
    ),
    "schedule": (
        "done = max(step - warmup, 0) / (steps - warmup)\n"
        "rate = peak * min((step + 1) / warmup, 1) * math.cos(math.pi / 2 * done) ** 2",
        "ZeroDivisionError",
    ),
}


def test_every_edge_of_an_exercise_has_a_solution_that_fails_there_alone():
    assert {exercise.name for exercise in course() if exercise.edges} == ONLY_ORDINARY.keys()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # overflow, 0 / 0
@pytest.mark.parametrize("name", ONLY_ORDINARY)
def test_a_solution_that_is_right_on_ordinary_inputs_alone_is_refused_and_told_why(name):
    gap, said = ONLY_ORDINARY[name]
    exercise = find(name)
    assert verdict(replace(exercise, edges=()), gap).passed
    failed = verdict(exercise, gap)
    (edge,) = exercise.edges
    assert failed.result == "wrong" and failed.sentence.startswith(f"right, but not {edge.where}: "), failed
    assert said in failed.sentence and failed.remarks[-1][:2] == ("look at", edge.why)


def test_slopes_from_four_points_are_told_apart_where_inputs_are_large():
    gap = """
    def copy(x):
        exp = np.exp(x - x.max(axis=-1, keepdims=True))
        return exp / exp.sum(axis=-1, keepdims=True)

    dx = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        for h, weight in ((1e-3, 8), (-1e-3, -8), (2e-3, -1), (-2e-3, 1)):
            moved = x.copy()
            moved[place] += h
            dx[place] += weight * (g * copy(moved)).sum() / 12e-3
    """
    said = verdict(find("softmax"), gap)
    assert said.kind == "measured" and "dx is right to 10 digits only, as a measured slope is" in said.sentence, said


@pytest.mark.parametrize(
    ("name", "old", "new", "argument"),
    [
        ("clipping", "clipped = [g * scale", "clipped = [np.multiply(g, scale, out=g)", "gradients"),
        ("training_step", "new_state = {", "state['step'] = step\nnew_state = {", "state"),
        ("training_step", "new_parameters, m, v =", "parameters['out'] *= 2\nnew_parameters, m, v =", "parameters"),
        ("topological_order", "order, ready =", "inputs[last].pop()\norder, ready =", "inputs"),
    ],
)
def test_changing_what_is_in_a_list_or_a_dict_that_came_in_is_told_by_name(name, old, new, argument):
    exercise = find(name)
    gap = exercise.solution.replace(old, new)
    said = verdict(replace(exercise, accepts=lambda *_: None), gap)
    assert (said.result, said.kind) == ("wrong", "modified_input"), said
    assert said.sentence == f"{exercise.function} changes {argument}, which others still need"


# --- explanations


def test_the_first_wrong_step_is_named_with_its_line():
    exercise = find("attention")
    gap = exercise.solution.replace("(dp - (dp * p).sum(axis=-1, keepdims=True))", "dp")
    said = verdict(exercise, gap)
    text = str(said)
    line = 1 + exercise.fill(gap).splitlines().index("    ds = p * dp")
    assert f"first wrong step: ds, line {line}: " in text and "entries are wrong" in text
    assert said.sentence.startswith("dq and dk are wrong, dv is right: ")
    assert said.kind == "treated_as_constant" and "exactly this: " in text


def test_where_all_steps_are_right_it_is_said_that_the_error_comes_after():
    exercise = find("attention")
    said = verdict(exercise, exercise.solution.replace("dk = scaled", "dk = -scaled"))
    assert "right so far: dv, dp, ds, scaled; what is wrong comes after" in str(said)
    assert said.sentence.startswith("dk is wrong, dq and dv are right: ")


def test_a_step_may_pass_through_other_values_on_its_way():
    exercise = find("attention")
    gap = """
    dv = p.swapaxes(-1, -2) @ g
    ds = g @ v.swapaxes(-1, -2)
    ds -= (ds * p).sum(axis=-1, keepdims=True)
    ds *= p
    dq = ds @ k
    dk = ds.swapaxes(-1, -2) @ q
    """
    assert "right so far: dv, ds;" in str(verdict(exercise, gap))


def test_a_forward_that_was_changed_is_mentioned():
    exercise = find("softmax")
    source = exercise.fill(exercise.solution).replace("np.exp(x - x.max", "np.exp(2 * x - x.max")
    said = check_submission(exercise, Submission(), exercise.file, source)
    assert "your forward: it gives something else than the template's" in str(said)


def test_changing_what_came_in_is_told_by_name():
    said = verdict(find("softmax"), "g -= (g * p).sum(axis=-1, keepdims=True)\ndx = p * g")
    assert (said.result, said.kind) == ("wrong", "modified_input") and said.sentence.startswith("backward changes g")


SUM = f'''"""A sum"""


def forward(a, b):
    return a + b


def backward(g, a, b):
    {START}
    da, db = g, g + 0
    {END}
    return da, db
'''


def test_gradients_in_the_same_memory_are_told_by_name(tmp_path):
    (tmp_path / "solution.py").write_text(SUM)
    exercise = Exercise(
        hints=("?", "", ""),
        note="",
        cases=lambda rng: [(rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))],
        folder=tmp_path,
    )
    assert gap_of(exercise.text) == "da = ...\n    db = ..."
    assert verdict(exercise, exercise.solution).passed  # the upstream itself may be handed on, once
    assert verdict(exercise, "da, db = g.copy(), g.copy()").passed
    for gap in ("da = db = g", "da = g.copy()\ndb = da", "da = g + 0\ndb = da[:, :]"):
        said = verdict(exercise, gap)
        assert (said.result, said.kind) == ("wrong", "shares_memory")
        assert said.sentence == "db and da are the same memory"
    apart = "both = np.stack([g, g], axis=-1)\nda, db = both[..., 0], both[..., 1]"  # interleaved, but apart
    assert verdict(exercise, "import numpy as np\n" + apart).passed


@pytest.mark.parametrize(
    ("gap", "sentence"),
    [
        ("return", "backward returned None; is its `return dq, dk, dv` gone?"),
        ("return q, k", "backward must return 3 things (dq, dk, dv); it gave 2"),
        ("return q", "backward must return 3 things (dq, dk, dv); it gave an array of shape (2, 3, 3)"),
        ("dq, dk, dv = None, k, v", "dq is None; nothing was returned for it"),
        ("dq, dk, dv = q.tolist(), k, v", "it is a list of 2; np.array(dq) makes one of it"),
        ("dq, dk, dv = 'q', k, v", "dq must be an array of shape (2, 3, 3), it is a str"),
        ("dq, dk, dv = q.astype(int), k, v", "dq must hold floating-point numbers; its dtype is int64"),
        ("dq, dk, dv = q.astype(np.float32), k, v", "dq has dtype float32, what came in has float64"),
        ("dq, dk, dv = q * 1j, k, v", "dq must hold floating-point numbers; its dtype is complex128"),
        ("dq, dk, dv = q[0], k, v", "dq must have shape (2, 3, 3), which is that of q; it has shape (3, 3)"),
        ("dq, dk, dv = q / np.array(0.0), k, v", "dq has Inf in 18 of 18 entries, first at [0, 0, 0]"),
        ("dq, dk, dv = q * np.nan, k, v", "dq has NaN in 18 of 18 entries, first at [0, 0, 0]"),
        (
            "dq, dk, dv = q.astype(object), k, v",
            "dq must be an array of shape (2, 3, 3), it is an array of dtype object",
        ),
        ("dq, dk, dv = ..., k, v", "backward returned three dots: a part is still to be written"),
        ("dq = dk = dv = lambda: 1", "it is a function"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_no_gradient_gets_one_sentence(gap, sentence):
    said = verdict(find("attention"), gap)
    assert not said.passed and sentence in said.sentence, said
    assert "\n" not in said.sentence


@pytest.mark.parametrize(
    ("source", "result", "sentence"),
    [
        ("def backward(g, x)\n    return g\n", "error", "line 1: SyntaxError: expected ':'"),
        ("x = 1\n  y = 2\n", "error", "line 2: IndentationError: unexpected indent"),
        ("import numpy\n\nnumpy.nothing\n", "error", "line 3: AttributeError: module 'numpy' has no attribute"),
        ("def forward(x):\n    return x\n", "error", "defines no function backward"),
        ("backward = 3\n", "error", "defines no function backward"),
        ("def backward(g):\n    return g\n", "error", "TypeError: backward() takes 1 positional argument but 2 were"),
        ("def backward(g, x):\n    raise ValueError('mine')\n", "error", "line 2, in backward: ValueError: mine"),
        (
            "def backward(g, x):\n    return helper(g)\n\ndef helper(g):\n    return g @ g\n",
            "error",
            "line 5, in helper",
        ),
        ("def backward(g, x):\n    raise NotImplementedError\n", "to do", "this part is still to be written"),
        ("def backward(g, x):\n    quit()\n", "error", "line 2, in backward: this ends Python"),
        ("raise KeyboardInterrupt\n", "error", "line 1: KeyboardInterrupt"),
        ("", "error", "defines no function backward"),
    ],
)
def test_an_exception_shows_the_learners_line_and_nothing_of_ours(source, result, sentence):
    said = check_submission(find("softmax"), Submission(), "mine.py", source)
    assert said.result == result and sentence in said.sentence and said.sentence.startswith("mine.py"), said
    assert "Traceback" not in str(said) and "learner_file.py" not in str(said) and "\n" not in said.sentence


def test_what_an_exception_says_at_length_is_cut():
    said = check_submission(
        find("softmax"), Submission(), "mine.py", "def backward(g, x):\n    raise ValueError('m' * 5000)"
    )
    assert said.sentence.endswith("m…") and len(said.sentence) < 600


def test_an_exception_shows_the_line_itself_and_the_shapes_in_it():
    said = verdict(find("attention"), "dq = g @ q.reshape(-1, 2)")
    assert said.remarks[0].text.split("\n") == ["    dq = g @ q.reshape(-1, 2)", "    shapes: g (2, 3, 3), q (2, 3, 3)"]


def test_a_backward_that_gives_something_else_each_time_is_not_passed():
    said = verdict(
        find("softmax"),
        find("softmax").solution + "\nbackward.n = getattr(backward, 'n', 0) + 1\ndx = dx * (1 + (backward.n > 3))",
    )
    assert not said.passed


# --- the course


@pytest.mark.parametrize(
    "name", ["softmax", "{0}", "{0:02}", "{0:02}_softmax", "softmax.py", "course/{0:02}_softmax.py"]
)
def test_an_exercise_is_found_by_name_number_and_file(name):
    assert find(name.format(find("softmax").number)).name == "softmax"


def test_an_unknown_exercise_gets_a_guess():
    with pytest.raises(InputError, match=r"^there is no exercise 'soft'; did you mean softmax\?$"):
        find("soft")
    with pytest.raises(InputError, match="minattn learn list shows them all"):
        find("xyz")


def losses(path):
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [float(number) for number in re.findall(r"loss (\d+\.\d+)", done.stdout)], done.stdout


@pytest.mark.parametrize(("name", "badly", "well"), [("bug_1", 0.1, 0.01), ("bug_2", 1.0, 0.01), ("bug_3", 1.3, 0.01)])
def test_a_model_with_a_bug_trains_badly_and_the_repaired_one_well(name, badly, well, tmp_path):
    exercise = find(name)
    (tmp_path / "bug.py").write_text(exercise.text, encoding="utf-8")
    curve, said = losses(tmp_path / "bug.py")
    assert curve[-1] > badly and "right" in said  # the check of the op in the example
    (tmp_path / "bug.py").write_text(exercise.fill(exercise.solution), encoding="utf-8")
    assert losses(tmp_path / "bug.py")[0][-1] < well


def test_the_training_step_trains(tmp_path):
    exercise = find("training_step")
    (tmp_path / "own.py").write_text(own_files.TEXT, encoding="utf-8")
    for each in (exercise, *map(find, exercise.needs)):
        (tmp_path / each.file).write_text(each.fill(each.solution), encoding="utf-8")
    curve, said = losses(tmp_path / exercise.file)
    assert curve[0] > 3 and max(curve[-4:]) < 0.1
    given, restored = said.splitlines()[-2:]
    assert given.count("[MASK]") == 2
    assert restored == "the old cat slept by the fire"


def test_the_wrong_op_of_a_bug_is_found_by_the_check():
    from minattn.check import check_backward

    rng = np.random.default_rng(0)
    inputs = {
        "bug_1": ("linear", [rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)]),
        "bug_2": ("scores", [rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))]),
        "bug_3": (
            "block",
            [rng.normal(size=(3, 4)), *rng.normal(size=(2, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)],
        ),
    }
    for exercise in course():
        if exercise.name in inputs:
            op, arguments = inputs[exercise.name]
            names = exercise.run(gap_of(exercise.text))
            report = check_backward(names[op], names[f"{op}_backward"], arguments)
            assert report.ok is False and report.findings[0].kind != "wrong"


def test_the_file_of_an_exercise_names_no_more_than_the_functions_of_its_module():
    for exercise in course():
        assert inspect.isfunction(exercise.cases)
