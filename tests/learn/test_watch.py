"""The terminal loop: what it does on a save and on a key, and how fast."""

import io
import os
import re
import select
import sys
import time

import pytest

from minattn.learn import Runner, course, find
from minattn.learn.learner_folder import make_folder_of_exercises
from minattn.learn.progress import CourseProgress
from minattn.learn.screen import Screen
from minattn.learn.watch import watch_folder

ATTENTION = find("attention")
NUMBERED = f"{ATTENTION.number:02} attention"
FIRST, LAST = (f"{exercise.number:02} {exercise.name}" for exercise in (course()[0], course()[-1]))


class Script:
    """Keys that are pressed one after the other; a function is called in between, as if someone edited a file."""

    def __init__(self, *keys):
        self.keys = list(keys)

    def get(self, seconds):
        if not self.keys:
            raise EOFError
        key = self.keys.pop(0)
        if callable(key):
            key()
            return None
        return key


@pytest.fixture(scope="module")
def runner():
    with Runner() as runner:
        yield runner


@pytest.fixture
def folder(tmp_path):
    make_folder_of_exercises(tmp_path)
    return tmp_path


def watch(folder, runner, *keys):
    stream = io.StringIO()
    watch_folder(folder, runner, Script(*keys), Screen(stream))
    return stream.getvalue()


def saving(folder, exercise, gap):
    def save():
        (folder / exercise.file).write_text(exercise.fill(gap), encoding="utf-8")

    return save


def test_it_starts_with_the_first_exercise_that_is_not_passed(folder, runner):
    said = watch(folder, runner, "q")
    assert f"0 of {len(course())}" in said and f"○ {FIRST}   still to do" in said
    assert "h hint · p page · r reset · l list · n next · q quit" in said
    assert "Until next time" in said
    (folder / course()[0].file).write_text(course()[0].fill("dweight = g"), encoding="utf-8")
    assert f"✗ {FIRST}" in watch(folder, runner, "n", "q")
    assert not (folder / "progress.txt").exists()  # looking is no try


def test_a_saved_file_is_checked_whichever_it_is(folder, runner):
    said = watch(folder, runner, saving(folder, ATTENTION, "dq, dk, dv = q, k, v"), None, "q")
    assert f"✗ {NUMBERED}   not right yet" in said and "kind   " in said and "diagnosis" not in said
    said = watch(folder, runner, saving(folder, ATTENTION, ATTENTION.solution), None, "q")
    assert f"✓ {NUMBERED}   right, in" in said and "n takes you to the next one" in said
    assert f"1 of {len(course())}" in said
    progress = CourseProgress.load(folder)
    assert progress.of(ATTENTION).tries == 2 and progress.is_passed(ATTENTION)


def test_a_file_that_is_not_saved_is_not_checked_again(folder, runner):
    said = watch(folder, runner, None, None, None, "q")
    assert said.count(f"○ {FIRST}") == 1


def test_next_goes_on_and_comes_round(folder, runner):
    said = watch(folder, runner, "n", "n", "q")
    assert re.findall(r"○ \d\d (\w+)", said) == [exercise.name for exercise in course()[:3]]
    for exercise in course()[1:]:
        (folder / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")
    progress = CourseProgress.load(folder)
    for exercise in course()[1:]:
        progress.add_try(exercise, True)
    progress.save()
    said = watch(folder, runner, saving(folder, ATTENTION, "dq = 1"), None, "n", "q")
    assert re.findall(r"[○✗✓] \d\d (\w+)", said) == [course()[0].name, "attention", course()[0].name]


def test_hints_and_the_list_are_shown(folder, runner):
    said = watch(folder, runner, "h", "h", "l", "q")
    assert re.findall(r"hint (\d) of 3", said) == ["1", "1", "2"]
    assert f"→ {FIRST}" in said and LAST in said


def test_p_makes_the_page_of_the_try_and_says_where_it_is(folder, runner):
    softmax = find("softmax")
    said = watch(folder, runner, saving(folder, softmax, "dx = p * g"), None, "p", "q")
    assert "making the page" in said and "open it in a browser" in said
    page = (folder / softmax.file).with_suffix(".html")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    topological = find("topological_order")
    said = watch(folder, runner, saving(folder, topological, "order = []"), None, "p", "q")
    assert "there is no page of topological_order: it asks for no backward pass" in said


def test_reset_asks_and_keeps(folder, runner):
    (folder / course()[0].file).write_text("# mine", encoding="utf-8")
    said = watch(folder, runner, "r", "x", "r", "y", "q")
    assert said.count("Put the template back?") == 2
    assert [(path.name, path.read_text()) for path in (folder / "backups").iterdir()] == [
        (f"{course()[0].file[:-3]}-1.py", "# mine")
    ]
    assert "your file is kept as" in said
    assert (folder / course()[0].file).read_text(encoding="utf-8") == course()[0].text


def test_a_file_that_vanishes_for_a_moment_is_no_error(folder, runner):
    path = folder / course()[0].file

    def remove():
        path.unlink()

    def back():
        path.write_text(course()[0].fill(course()[0].solution), encoding="utf-8")

    said = watch(folder, runner, remove, None, back, None, "q")
    assert f"✓ {FIRST}" in said
    said = watch(folder, runner, (folder / course()[1].file).unlink, None, "c", "q")
    assert f"{course()[1].file}ismissing;minattnlearninit" in "".join(said.split())  # a long path may be broken


def test_when_all_are_right_it_says_so(folder, runner):
    for exercise in course():
        (folder / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")
    progress = CourseProgress.load(folder)
    for exercise in course():
        progress.add_try(exercise, True)
    progress.save()
    assert "That was the last one. All are right." in watch(folder, runner, "q")


@pytest.fixture
def terminal(folder):
    """`minattn learn` in a pseudo-terminal: its process, the other end, and a function that reads until a text."""
    import pty

    process, screen = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-m", "minattn", "learn"])

    def read_until(text):
        seen, end = b"", time.monotonic() + 20
        while text.encode() not in seen and time.monotonic() < end:
            if select.select([screen], [], [], 0.02)[0]:
                seen += os.read(screen, 1 << 16)
        assert text.encode() in seen, seen
        return seen.decode()

    yield process, screen, read_until
    os.close(screen)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_a_save_is_checked_within_a_second(folder, terminal):
    """The promise: from saving the attention exercise to its verdict on the screen."""
    import termios

    process, screen, read_until = terminal
    assert "\x1b[2J" in read_until("q quit")
    assert not termios.tcgetattr(screen)[3] & termios.ICANON  # single keys
    took = []
    for i in range(3):
        source = ATTENTION.fill(f"{ATTENTION.solution}\n# {i}")
        saved = time.monotonic()
        (folder / ATTENTION.file).write_text(source, encoding="utf-8")
        assert f"✓ {NUMBERED}" in read_until("q quit").replace("\x1b[32m", "")
        took.append(time.monotonic() - saved)
    assert sorted(took)[1] < 1, took
    os.write(screen, b"l")
    assert LAST in read_until("q quit")
    os.write(screen, b"q")
    read_until("Until next time")
    assert os.waitpid(process, 0)[1] == 0
    assert termios.tcgetattr(screen)[3] & termios.ICANON


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_ctrl_c_ends_it_with_one_line_and_gives_the_terminal_back(terminal):
    import termios

    process, screen, read_until = terminal
    read_until("q quit")
    os.write(screen, b"\x03")
    said = read_until("interrupted")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130
    assert "Traceback" not in said and termios.tcgetattr(screen)[3] & termios.ICANON
