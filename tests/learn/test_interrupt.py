"""Signals while exercises are checked: one line, the exit code of the signal, and no process is left behind."""

import os
import signal
import subprocess
import sys
import time

import pytest
from disturbed import children

from minattn.learn import course
from minattn.learn.learner_folder import make_folder_of_exercises

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")


@pytest.fixture
def place(tmp_path):
    """Two folders of exercises; from the second exercise on the files of the second folder do not end."""
    for name in ("anna", "ben"):
        make_folder_of_exercises(tmp_path / name)
    for exercise in course()[1:]:
        text = exercise.fill("while True:\n    pass")
        (tmp_path / "ben" / exercise.file).write_text(text, encoding="utf-8")
    return tmp_path


def start(place, *words, seconds=2):
    command = [sys.executable, "-m", "minattn", "learn", *words, "--seconds", str(seconds)]
    return subprocess.Popen(
        command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("words", [("check", "--all", "--dir", "ben"), ("grade", "anna", "ben", "--csv", "a.csv")])
def test_ctrl_c_is_one_line_and_exit_code_130(place, words, wait):
    process = start(place, *words)
    assert process.stdout.readline()  # it is at work
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert err in ("minattn: interrupted\n", "minattn learn: interrupted\n")
    assert "Traceback" not in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_keep_what_is_graded_too(place, number):
    process = start(place, "grade", "anna", "ben", "--csv", "a.csv", seconds=600)
    assert process.stdout.readline()  # anna is graded, and nobody waits for ben
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (128 + number, "minattn: terminated\n")
    assert "anna" in (place / "a.csv").read_text()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells a process that another has ended")
@pytest.mark.parametrize("words", [("check", "--all", "--dir", "ben"), ("grade", "ben", "--csv", "a.csv")])
def test_a_check_that_is_killed_leaves_no_endless_loop_behind(place, words):
    process, left = start(place, *words, seconds=600), []
    deadline = time.monotonic() + 60
    while max(map(computed, left), default=0) < 0.6:  # the learner's is in its loop; NumPy takes less
        left = below(process.pid)
        assert process.poll() is None and time.monotonic() < deadline
    process.kill()
    process.communicate(timeout=20)
    deadline = time.monotonic() + 10
    while any(state(number)[0] not in "ZX" for number in left):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def below(number):
    """The processes that a process has started, and those that these have started."""
    return [one for child in children(number) for one in (child, *below(child))]


def state(number):
    """What Linux tells of a process, from its state on."""
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return ["X", *"0" * 20]


def computed(number):
    """The seconds that a process has computed."""
    return int(state(number)[11]) / os.sysconf("SC_CLK_TCK")
