"""Ctrl-C while exercises are checked: one line, exit code 130, and no process is left behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

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


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("words", [("check", "--all", "--dir", "ben"), ("grade", "anna", "ben", "--csv", "a.csv")])
def test_ctrl_c_is_one_line_and_exit_code_130(place, words, wait):
    command = [sys.executable, "-m", "minattn", "learn", *words, "--seconds", "2"]
    process = subprocess.Popen(
        command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout.readline()  # it is at work
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert err in ("minattn: interrupted\n", "minattn learn: interrupted\n")
    assert "Traceback" not in out
