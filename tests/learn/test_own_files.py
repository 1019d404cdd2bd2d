"""No answers lie about: later exercises import the learner's own earlier files, and what is missing is borrowed."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from minattn.check.user_file import load_user_file
from minattn.cli import main
from minattn.learn import check_file, course, find
from minattn.learn.learner_folder import make_folder_of_exercises
from minattn.learn.own_files import needed
from minattn.learn.progress import CourseProgress

ATTENTION, SELF_ATTENTION, STEP = find("attention"), find("self_attention"), find("training_step")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    make_folder_of_exercises(tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "mine"


def solve(folder, *names):
    for exercise in map(find, names):
        (folder / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")


def check(capsys, *arguments):
    capsys.readouterr()
    code = main(["learn", "check", *arguments])
    return code, " ".join(capsys.readouterr().out.split())


def lines_of(text):
    """The lines of a text in which something is computed, without spaces and names of what they give."""
    lines = [line.partition("#")[0] for line in text.splitlines()]
    kept = [
        re.sub(r"\s", "", re.split(r" = |^ *return ", line)[-1]) for line in lines if re.search(r" = |return ", line)
    ]
    return {line for line in kept if len(line) > 12}


@pytest.mark.parametrize("exercise", course(), ids=lambda exercise: exercise.name)
def test_no_template_shows_the_answer_of_another_exercise_before_that_is_solved(exercise):
    for other in course():
        if other.name == exercise.name or other.name in exercise.shows or not other.asks_for_gradient:
            continue
        own = lines_of(other.solution) - lines_of(other.text)
        shown = lines_of(exercise.text) & own
        assert not shown, f"{exercise.name} shows of {other.name}: {shown}"


# --- importing


def test_the_pieces_that_an_exercise_needs_come_before_it_and_are_exercises():
    users = {exercise.name: exercise.needs for exercise in course() if exercise.needs}
    assert users["self_attention"] == ("attention",) and users["feed_forward"] == ("gelu",)
    assert set(users["training_step"]) == {"adamw", "attention", "clipping", "cross_entropy", "embedding"}
    for name, needs in users.items():
        assert all(find(need).number < find(name).number for need in needs)
    assert needed("from own import (") == ()


def test_an_unsolved_piece_has_to_be_solved_first_or_borrowed_which_is_marked(folder, capsys):
    solve(folder, "self_attention")
    code, said = check(capsys, "self_attention")
    assert code == 1 and "it imports your attention, which is not right yet: minattn learn check attention" in said
    code, said = check(capsys, "self_attention", "--borrow")
    assert code == 0 and "borrowed attention" in said
    assert "borrowed" in (folder / "progress.txt").read_text()
    main(["learn", "list"])
    assert re.search(r"self_attention .* 1 try, borrowed", capsys.readouterr().out)
    solve(folder, "attention")
    code, said = check(capsys, "self_attention")
    assert code == 0 and "borrowed" not in said
    assert not CourseProgress.load(folder).of(SELF_ATTENTION).borrowed


def test_it_is_the_learners_own_file_that_runs(folder):
    solve(folder, "attention", "self_attention")
    text = (folder / ATTENTION.file).read_text().replace("def backward(", "print('mine')\n\n\ndef backward(")
    (folder / ATTENTION.file).write_text(text)
    verdict = check_file(SELF_ATTENTION, folder / SELF_ATTENTION.file)
    assert verdict.passed and not verdict.borrowed and verdict.printed == "mine\n"


def test_a_wrong_piece_is_not_used_and_one_mistake_is_not_counted_twice(folder):
    solve(folder, "self_attention")
    wrong = ATTENTION.solution.replace("dq = scaled @ k", "dq = scaled @ k * 2")
    (folder / ATTENTION.file).write_text(ATTENTION.fill(wrong))
    verdict = check_file(SELF_ATTENTION, folder / SELF_ATTENTION.file)
    assert verdict.passed and verdict.borrowed == ("attention",)
    assert check_file(ATTENTION, folder / ATTENTION.file).result == "wrong"


def test_the_folders_own_py_is_not_needed_and_not_trusted(folder):
    solve(folder, "attention", "self_attention")
    (folder / "own.py").write_text("raise SystemExit")
    assert check_file(SELF_ATTENTION, folder / SELF_ATTENTION.file).passed
    (folder / "own.py").unlink()
    assert check_file(SELF_ATTENTION, folder / SELF_ATTENTION.file).passed


def with_own_softmax(folder):
    """An attention whose own softmax does the second line of its backward pass."""
    gap = ATTENTION.solution.replace(
        "ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))",
        "ds = softmax_of_09.backward(dp, q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))",
    )
    text = ATTENTION.fill(gap).replace(
        "import numpy as np", "import numpy as np\nfrom own import softmax as softmax_of_09"
    )
    (folder / ATTENTION.file).write_text(text)


def test_a_piece_may_import_others_which_come_with_it(folder, capfd):
    solve(folder, "softmax", "self_attention")
    with_own_softmax(folder)
    verdict = check_file(SELF_ATTENTION, folder / SELF_ATTENTION.file, borrow=False)
    assert verdict.passed and not verdict.borrowed
    assert main(["learn", "run", "self_attention"]) == 0
    assert "your own: softmax, attention" in capfd.readouterr().out


def test_what_the_template_does_not_import_is_lent_to_nobody(folder, capsys):
    with_own_softmax(folder)
    for arguments in ([], ["--borrow"]):
        code, said = check(capsys, "attention", *arguments)
        assert code == 1 and "imports your softmax, which is not right yet: minattn learn check softmax stuck" in said
    solve(folder, "self_attention")
    assert check_file(SELF_ATTENTION, folder / SELF_ATTENTION.file).borrowed == ("attention",)


def test_a_piece_is_judged_on_the_inputs_of_its_own_row(folder):
    solve(folder, "self_attention")
    drawn = float(ATTENTION.draw(7)[0][1].flat[0])
    wrong = ATTENTION.solution.replace("dq = scaled @ k", f"dq = scaled @ k * (1 + (q.flat[0] == {drawn!r}))")
    (folder / ATTENTION.file).write_text(ATTENTION.fill(wrong))
    for seed, borrowed in ((0, ()), (7, ("attention",))):
        assert check_file(SELF_ATTENTION, folder / SELF_ATTENTION.file, seed=seed).borrowed == borrowed


def test_a_measurement_in_an_imported_file_is_seen(folder):
    helper = """

def slope(f, g, x):
    dx = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-6
        dx[place] = (g * (f(x + step) - f(x - step))).sum() / 2e-6
    return dx
"""
    solve(folder, "attention")
    (folder / ATTENTION.file).write_text((folder / ATTENTION.file).read_text() + helper)
    measured = """
dx = attention.slope(lambda z: forward(z, wq, wk, wv), g, x)
dwq = attention.slope(lambda z: forward(x, z, wk, wv), g, wq)
dwk = attention.slope(lambda z: forward(x, wq, z, wv), g, wk)
dwv = attention.slope(lambda z: forward(x, wq, wk, z), g, wv)
"""
    (folder / SELF_ATTENTION.file).write_text(SELF_ATTENTION.fill(measured))
    verdict = check_file(SELF_ATTENTION, folder / SELF_ATTENTION.file)
    assert not verdict.solved and verdict.looks_measured


def test_a_file_runs_by_itself_and_can_be_checked_by_minattn_check(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "own", raising=False)  # that of a check in this very process
    solve(folder, "attention", "self_attention")
    done = subprocess.run([sys.executable, SELF_ATTENTION.file], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert load_user_file(folder / SELF_ATTENTION.file, None, 0).backward


def test_where_an_earlier_exercise_is_a_variant_the_later_one_gets_its_usual_form(tmp_path):
    make_folder_of_exercises(tmp_path / "a", "anna")
    attention = ATTENTION.for_key("anna")
    (tmp_path / "a" / ATTENTION.file).write_text(attention.fill(attention.solution))
    own = SELF_ATTENTION.for_key("anna")
    (tmp_path / "a" / own.file).write_text(own.fill(own.solution))
    verdict = check_file(own, tmp_path / "a" / own.file, borrow=False)
    assert verdict.passed and not verdict.borrowed


def test_in_a_folder_of_variants_a_file_gets_the_usual_form_also_when_it_runs_by_itself(tmp_path):
    make_folder_of_exercises(tmp_path / "a", "anna")
    for exercise in (ATTENTION.for_key("anna"), SELF_ATTENTION):
        (tmp_path / "a" / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")
    inputs = SELF_ATTENTION.draw(0)[0][1:]
    (tmp_path / "a" / "x.py").write_text(
        f"import json, sys, runpy, numpy as np\nf = runpy.run_path({SELF_ATTENTION.file!r})['forward']\n"
        "print(json.dumps(f(*map(np.array, json.load(sys.stdin))).tolist()))"
    )
    told = json.dumps([array.tolist() for array in inputs])
    done = subprocess.run([sys.executable, "x.py"], cwd=tmp_path / "a", input=told, capture_output=True, text=True)
    assert np.allclose(json.loads(done.stdout), SELF_ATTENTION.solved["forward"](*inputs)), done.stderr


@pytest.mark.parametrize("key", [None, "anna"])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_page_shows_what_a_check_judges_whatever_own_py_says(tmp_path, monkeypatch, capsys, key, is_there):
    make_folder_of_exercises(tmp_path / "a", key)
    monkeypatch.chdir(tmp_path / "a")
    for exercise in (ATTENTION.for_key(key), SELF_ATTENTION):
        (tmp_path / "a" / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")
    if not is_there:
        (tmp_path / "a" / "own.py").unlink()
    assert main(["learn", "page", "self_attention", "--out", "p.html"]) == 0, capsys.readouterr().err
    assert '"findings":[]' in (tmp_path / "a" / "p.html").read_text(encoding="utf-8")


def test_a_page_of_what_imports_an_unsolved_piece_says_so_or_borrows_it(folder, capsys):
    solve(folder, "self_attention")
    assert main(["learn", "page", "self_attention"]) == 2
    assert "imports your attention, which is not right yet; --borrow takes it" in capsys.readouterr().err
    assert main(["learn", "page", "self_attention", "--borrow"]) == 0


def test_the_table_of_a_class_says_what_was_borrowed(folder, monkeypatch):
    solve(folder, "self_attention")
    monkeypatch.chdir(folder.parent)
    assert main(["learn", "grade", "mine", "--csv", "a.csv", "--only", "attention,self_attention", "--seed", "1"]) == 0
    with open("a.csv", encoding="utf-8") as file:
        rows = [(row["exercise"], row["result"], row["borrowed"]) for row in csv.DictReader(file)]
    assert rows == [("attention", "to do", ""), ("self_attention", "passed", "attention")]


# --- the learner's own model


def test_the_training_step_trains_the_learners_own_model_and_restores_a_sentence(folder, capfd):
    solve(folder, *STEP.needs, "training_step")
    assert main(["learn", "run", "training_step"]) == 0
    said = capfd.readouterr().out
    assert "your own: adamw, attention, clipping, cross_entropy, embedding" in said
    assert said.splitlines()[-2:] == ["the old [MASK] slept by the [MASK]", "the old cat slept by the fire"]
    (folder / find("clipping").file).write_text(find("clipping").text)
    assert main(["learn", "run", "training_step"]) == 2
    assert "imports your clipping, which is not right yet; --borrow takes it" in capfd.readouterr().err
    assert main(["learn", "run", "training_step", "--borrow"]) == 0
    said = capfd.readouterr().out
    assert "borrowed: clipping" in said and said.splitlines()[-1] == "the old cat slept by the fire"


def test_it_does_not_learn_where_one_of_the_learners_pieces_is_broken(folder):
    solve(folder, *STEP.needs, "training_step")
    path = folder / find("cross_entropy").file
    path.write_text(path.read_text().replace("return dlogits", "return -dlogits"))
    done = subprocess.run([sys.executable, STEP.file], capture_output=True, text=True)
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", done.stdout)]
    assert losses[-1] > losses[0] and done.stdout.splitlines()[-1] != "the old cat slept by the fire", done.stderr


# --- what is set


def test_only_what_is_set_is_there_and_counts_and_a_later_init_keeps_to_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["learn", "init", "hw", "--only", "softmax,13"]) == 0
    assert sorted(path.name for path in (tmp_path / "hw").iterdir()) == [
        *("09_softmax.py", "13_attention.py", "homework.txt", "own.py")
    ]
    main(["learn", "list", "--dir", "hw"])
    assert "0 of 2" in capsys.readouterr().out
    assert main(["learn", "init", "hw"]) == 0
    assert "all 2 exercises are there already" in capsys.readouterr().out
    solve(tmp_path / "hw", "softmax")
    main(["learn", "check", "softmax", "--dir", "hw"])
    assert "next: 13_attention.py" in capsys.readouterr().out
    assert main(["learn", "init", "hw", "--only", "softmax"]) == 2
    assert "hw has other exercises already, 13_attention.py among them" in capsys.readouterr().err


def test_what_shows_answers_comes_when_these_are_solved_or_were_never_set(folder, capsys):
    assert "29_bug_1.py is missing; it shows what linear, gelu, layer_norm, cross_entropy ask for" in " ".join(
        check(capsys, "bug_1")[1].split()
    ).replace("./", "").replace(str(folder) + "/", "")
    solve(folder, "linear", "gelu", "layer_norm", "cross_entropy")
    for name in ("linear", "gelu", "layer_norm"):
        assert "new in this folder" not in check(capsys, name)[1]
    assert "new in this folder: 29_bug_1.py next" in check(capsys, "cross_entropy")[1]
    solve(folder, "bug_1")
    assert "new in this folder: 31_bug_3.py" in check(capsys, "bug_1")[1]
    added, _, later = make_folder_of_exercises(folder.parent / "bugs", assignment=None)
    assert "30_bug_2.py" in later and "30_bug_2.py" not in added
    assert main(["learn", "init", "../hw", "--only", "bug_2"]) == 0
    assert (folder.parent / "hw" / "30_bug_2.py").exists()


def test_a_locked_homework_shows_solutions_only_once_passed_and_promises_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["learn", "init", "hw", "--only", "softmax", "--locked"]) == 0
    assert main(["learn", "solution", "softmax", "--anyway", "--dir", "hw"]) == 2
    assert "solutions are shown only then" in capsys.readouterr().err
    for _ in range(3):
        main(["learn", "hint", "softmax", "--dir", "hw"])
    assert "--anyway" not in capsys.readouterr().out
    solve(tmp_path / "hw", "softmax")
    main(["learn", "check", "softmax", "--dir", "hw"])
    assert main(["learn", "solution", "softmax", "--dir", "hw"]) == 0


def test_the_one_who_sets_it_chooses_where_feedback_ends(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["learn", "init", "hw", "--only", "softmax", "--tell", "2"]) == 0
    softmax = find("softmax")
    for gap in ("dx = p * g", "dx = p", "dx = g", "dx = p * g * (1 - p)"):
        (tmp_path / "hw" / softmax.file).write_text(softmax.fill(gap))
        _, said = check(capsys, "softmax", "--dir", "hw")
    assert "Only the diagonal p (1 - p) of the Jacobian is used." in said and "Σ" not in said
    for _ in range(3):
        main(["learn", "hint", "softmax", "--dir", "hw"])
    assert "hint 2 of 3" in (said := capsys.readouterr().out) and "hint 3 of 3" not in said
    assert main(["learn", "page", "softmax", "--dir", "hw"]) == 2
    assert "this homework does not tell" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["only nothing", "only", "tell 4", "tell", "locked yes", "what"])
def test_a_damaged_record_of_what_was_set_is_one_sentence(tmp_path, monkeypatch, capsys, line):
    monkeypatch.chdir(tmp_path)
    main(["learn", "init", "hw", "--only", "softmax"])
    (tmp_path / "hw" / "homework.txt").write_text(f"# mine\n{line}\n")
    assert main(["learn", "list", "--dir", "hw"]) == 2
    assert "homework.txt, line 2: expected only NAMES" in capsys.readouterr().err
