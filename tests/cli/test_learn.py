"""`minattn learn …` as it is typed: what it prints, its exit codes, and that nothing of it needs a terminal."""

import io
import re
import subprocess
import sys

import pytest
from support.small_run import Terminal, assert_one_sentence

from minattn.cli import main
from minattn.learn import course, find
from minattn.learn.answer_comparison import form_error

SOFTMAX = find("softmax")
NUMBERED, STEM = f"{SOFTMAX.number:02} softmax", f"{SOFTMAX.number:02}_softmax"
FIRST, SECOND = (f"{exercise.number:02} {exercise.name}" for exercise in course()[:2])


@pytest.fixture
def place(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["learn", "init", "course"]) == 0
    monkeypatch.chdir(tmp_path / "course")
    capsys.readouterr()
    return tmp_path / "course"


def said(capsys, *arguments, code=0):
    assert main(["learn", *arguments]) == code
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys, *arguments, code=2):
    assert main(["learn", *arguments]) == code
    err = capsys.readouterr().err
    assert_one_sentence(err)
    return err


def solve(place, *names):
    for exercise in course():
        if exercise.name in names or not names:
            (place / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")


def test_init_says_what_it_did_and_what_comes_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    out = said(capsys, "init", "course")
    given = [exercise for exercise in course() if not exercise.shows]
    count, first, last = len(given), given[0].file, given[-1].file
    later = f"3 more come when what they show is solved: {', '.join(e.file for e in course() if e.shows)}"
    assert out == f"course: {count} exercises, from {first} to {last}\n{later}\nnext: cd course && minattn learn\n"
    assert "nothing was changed" in said(capsys, "init", "course")
    (tmp_path / "course" / SOFTMAX.file).unlink()
    assert f"1 exercise added, {count - 1} files were there and stay as they are" in said(capsys, "init", "course")
    for exercise in given[1:]:
        (tmp_path / "course" / exercise.file).unlink()
    assert f"{count - 1} exercises added, 1 file was there and stays as it is" in said(capsys, "init", "course")


def test_a_check_says_what_is_wrong_then_that_it_is_right(place, capsys):
    out = said(capsys, "check", "softmax", code=1)
    assert out.startswith(f"○ {NUMBERED}   still to do\n") and "minattn learn hint softmax" in out
    (place / SOFTMAX.file).write_text(SOFTMAX.fill("dx = p * g"), encoding="utf-8")
    out = said(capsys, "check", "softmax", code=1)
    assert out.startswith(f"✗ {NUMBERED}   not right yet, in ")
    assert "dx is wrong: " in out and "kind              treated as constant" in out
    solve(place, "softmax")
    out = said(capsys, "check", str(SOFTMAX.number))
    assert out.startswith(f"✓ {NUMBERED}   right, in ") and "minattn/ops/softmax.py" in out
    assert f"1 of {len(course())}\nnext: {find('log_softmax').file}\n" in out
    assert re.search(r"softmax +passed +2 +0 ", (place / "progress.txt").read_text())


def test_one_wrong_entry_and_one_item_are_spoken_of_as_one(place, capsys):
    for change, said_so in (
        ("dx[0, 0] += 1", "; 1 of 15 entries is wrong"),
        ("dx[0, :2] += 1", "; 2 of 15 entries are"),
    ):
        (place / SOFTMAX.file).write_text(SOFTMAX.fill(f"{SOFTMAX.solution}\n{change}"), encoding="utf-8")
        assert said_so in " ".join(said(capsys, "check", "softmax", code=1).split())
    assert form_error([], [1.0], "f", ("x",), {}) == ("shape", "x must have 1 item, it has 0")
    assert form_error([1.0], [1.0, 2.0], "f", ("x",), {}) == ("shape", "x must have 2 items, it has 1")


def test_without_a_name_the_first_exercise_that_is_not_passed_is_checked(place, capsys):
    assert FIRST in said(capsys, "check", code=1)
    solve(place, course()[0].name)
    said(capsys, "check")
    assert SECOND in said(capsys, "check", code=1)


def test_all_are_checked_a_line_each(place, capsys):
    out = said(capsys, "check", "--all", code=1)
    assert len(re.findall(r"^○ \d\d \w+ +still to do$", out, re.MULTILINE)) == len(course()) - 3
    solve(place)
    (place / SOFTMAX.file).write_text("def backward(g, x)\n", encoding="utf-8")
    (place / find("dropout").file).unlink()
    out = said(capsys, "check", "--all", code=1)
    assert out.count("✓") == len(course()) - 2
    assert f"✗ {NUMBERED}            an error       {STEM}.py, line 1: SyntaxError" in out
    assert "✗ 20 dropout            no file" in out
    solve(place)
    assert f"{len(course())} of {len(course())}" in said(capsys, "check", "--all")
    assert "All are right." in said(capsys, "check", "softmax")
    (place / SOFTMAX.file).write_text(SOFTMAX.text, encoding="utf-8")
    out = said(capsys, "check", "--all", code=1)
    assert f"○ {NUMBERED}" in out and f"{len(course()) - 1} of {len(course())}" in out


def test_a_file_elsewhere_is_checked_where_it_is(place, capsys, monkeypatch):
    solve(place, "softmax")
    monkeypatch.chdir(place.parent)
    assert "right, in" in said(capsys, "check", f"course/{STEM}.py")
    assert "right, in" in said(capsys, "check", "softmax", "--dir", "course")
    assert "right, in" in said(capsys, "--dir", "course", "check", "softmax")
    assert not (place.parent / "progress.txt").exists()


def test_hints_come_one_by_one(place, capsys):
    for count in (1, 2, 3, 3):
        out = said(capsys, "hint", "softmax")
        assert re.findall(r"hint (\d) of 3", out) == [str(n) for n in range(1, count + 1)]
    assert "minattn learn solution softmax --anyway" in out
    assert "hint 1 of 3" in said(capsys, "hint") and course()[0].name in (place / "progress.txt").read_text()


def test_the_solution_is_shown_after_a_pass_or_anyway(place, capsys):
    assert "is not passed yet; --anyway shows" in refused(capsys, "solution", "softmax")
    out = said(capsys, "solution", "softmax", "--anyway")
    assert "# the solution\n" in out and "dx = p * (g - dot)" in out
    assert all(f"# {name}\n" in out for name in SOFTMAX.alternatives)
    solve(place, "softmax")
    said(capsys, "check", "softmax")
    (place / SOFTMAX.file).write_text(SOFTMAX.fill("dx = g"), encoding="utf-8")
    said(capsys, "check", "softmax", code=1)
    assert "# the solution" in said(capsys, "solution", "softmax")  # passed once


def test_reset_asks_first_and_keeps_the_file(place, capsys, monkeypatch):
    (place / SOFTMAX.file).write_text("# mine", encoding="utf-8")
    assert "there is no one to ask; minattn learn reset softmax --yes" in refused(capsys, "reset", "softmax")

    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert "nothing was changed" in said(capsys, "reset", "softmax", code=1)
    assert (place / SOFTMAX.file).read_text() == "# mine"
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert f"your file is kept as backups/{STEM}-1.py" in " ".join(said(capsys, "reset", "softmax").split())
    assert (place / "backups" / f"{STEM}-1.py").read_text() == "# mine"
    assert f"{STEM}.py is the template again" in said(capsys, "reset", "softmax", "--yes")


def test_the_list_shows_every_exercise_and_where_one_is(place, capsys):
    solve(place, course()[0].name)
    said(capsys, "check", course()[0].name)
    out = said(capsys, "list").splitlines()
    assert len(out) == len(course()) + 2 and out[-1].endswith(f"1 of {len(course())}")
    assert out[0].startswith(f"✓ {FIRST}") and out[1].startswith(f"→ {SECOND}") and out[2].startswith("  03 ")


def test_watching_without_a_terminal_says_what_to_do_instead(place, capsys):
    assert "watching needs a terminal; without one: minattn learn check " in refused(capsys)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("fly",), "invalid choice: 'fly'"),
        (("chck",), "invalid choice: 'chck'; did you mean check? See minattn learn --help"),
        (("list", "--dri", "."), "unrecognized arguments: --dri .; did you mean --dir? See minattn learn list --help"),
        (("check", "soft"), "there is no exercise 'soft'; did you mean softmax?"),
        (("hint", "soft"), "there is no exercise 'soft'"),
        (("check", "softmax", "--all"), "give the name of an exercise, or --all, not both"),
        (("check", "--seconds", "0"), "--seconds must be more than 0"),
        (("check", "--seconds", "nan"), "--seconds must be more than 0"),
        (("check", "--dir", "nowhere"), "there is no folder nowhere; minattn learn init nowhere makes it"),
        (("list", "--dir", "empty"), "there are no exercises in "),
        (("grade", "course"), "say where the grades go: --csv FILE, or --format and --out"),
        (("grade", "nowhere", "--csv", "out.csv"), "nowhere is not there"),
        (("grade", "empty", "--csv", "out.csv", "--seed", "-1"), "--seed must not be negative"),
        (("init",), "arguments are required: DIR"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(place, capsys, arguments, complaint):
    (place / "empty").mkdir()
    assert complaint in refused(capsys, *arguments)


def test_a_check_in_a_folder_that_may_not_be_written_still_checks(place, capsys, monkeypatch):
    solve(place, "softmax")

    def refuse(*arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.replace", refuse)
    out = said(capsys, "check", "softmax")
    assert f"✓ {NUMBERED}   right" in out and "not noted: progress.txt could not be written" in out.replace("./", "")


def test_a_state_file_edited_by_hand_is_mentioned_and_kept(place, capsys):
    (place / "progress.txt").write_text("softmax 100%\n")
    out = said(capsys, "list")
    assert "progress.txt, line 1 is not understood and is kept as it is: softmax 100%" in out
    said(capsys, "hint")
    assert "softmax 100%" in (place / "progress.txt").read_text()


def test_what_learners_print_does_nothing_to_the_terminal(place, capsys):
    (place / SOFTMAX.file).write_text(
        SOFTMAX.fill("print('\\x1b[2Jgone')\nraise ValueError('\\x1b[31m\\nred')"), encoding="utf-8"
    )
    out = said(capsys, "check", "softmax", code=1)
    assert "\x1b" not in out and "\\x1b[2Jgone" in out and "\\x1b[31m" in out


def test_there_is_color_only_on_a_terminal_that_wants_it(monkeypatch):
    from minattn.learn.screen import Screen

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Screen(Terminal()).has_colors and not Screen(io.StringIO()).has_colors
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Screen(Terminal()).has_colors


def test_the_commands_start_without_what_they_do_not_need():
    code = (
        "import sys; from minattn.cli import main; main(['learn', '--help']);"
        "assert not {'matplotlib', 'tokenizers', 'minattn.training', 'minattn.pretrained'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
