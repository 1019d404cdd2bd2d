"""Texts that come through pipes are read once and to a limit; outputs that nobody takes end a command quietly."""

import json
import os
import subprocess
import sys

import pytest
from support.small_run import OPTIONS, assert_one_sentence, checkpoint, losses, start

from minattn.cli import main
from minattn.errors import InputError
from minattn.runs import read_at_most

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes that have a path")
TRAIN = ("train", *OPTIONS, "--no-figures", "--out", "new")


def piped(text, *arguments, cwd):
    """`minattn` with a text on its standard input: exit code, standard output, standard error."""
    process = start(*arguments, cwd=cwd, stdin=subprocess.PIPE)
    out, err = process.communicate(text, timeout=120)
    return process.returncode, out, err


@pytest.mark.parametrize("name", ["/dev/stdin", "-"])
def test_a_text_from_a_pipe_is_trained_on_like_its_file_and_kept_for_going_on(trained, place, capsys, name):
    text = (place / "small.txt").read_text()
    code, _, err = piped(text, "train", name, *TRAIN[1:], cwd=place)
    assert (code, err) == (0, "")
    assert losses("new") == losses(trained.run) and checkpoint("new") == checkpoint(trained.run)
    assert json.loads((place / "new/config.json").read_text())["config"]["text"]["name"] == "text.txt"
    assert main(["train", "--resume", "new", "--steps", "14", "--no-figures"]) == 0
    capsys.readouterr()
    assert main(["info", "new", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"]["text.txt"] == len(text)


def test_a_text_from_a_named_pipe_is_read_once(place):
    os.mkfifo("pipe")
    with start("vocab", "pipe", "--size", "60", "--out", "made", cwd=place) as process:
        (place / "pipe").write_text("The cat sat. The dog ran.")
        assert process.wait(60) == 0, process.stderr.read()


def test_a_text_of_another_is_not_written_over_by_one_from_a_pipe(place):
    (place / "text.txt").write_text("Mine.")
    text = (place / "small.txt").read_text()
    code, _, err = piped(text, *TRAIN[:-1], ".", "--", "-", cwd=place)
    assert code == 2 and "holds another text.txt, which would be overwritten; choose another --out" in err
    assert (place / "text.txt").read_text() == "Mine."


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="not on this system")
@pytest.mark.parametrize(
    ("arguments", "name"),
    [(("train", "/dev/zero"), "/dev/zero"), (("embed", "run", "-"), "standard input")],
    ids=["train", "embed"],
)
def test_what_has_no_end_is_read_to_a_limit_that_is_said(place, arguments, name):
    with open("/dev/zero") as endless:
        process = start(*arguments, cwd=place, stdin=endless)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert_one_sentence(err)
    assert f"{name} has more than 256 MiB, the most that is read of a text; give a part of it" in err


def test_a_terminal_is_not_asked_again_after_its_end():
    class Terminal:
        def __init__(self):
            self.lines = [b"The cat.\n", b"sat.\n"]

        def read(self, count):
            return self.lines.pop(0)

    assert read_at_most(Terminal(), "it") == b"The cat.\n"
    with pytest.raises(InputError, match="it has more than 0 MiB"):
        read_at_most(Terminal(), "it", 5)


def test_files_of_a_run_and_of_a_model_that_are_pipes_are_refused_and_not_waited_for(place, capsys):
    for name in ("config.json", "tokenizer.json"):
        (place / "run" / name).unlink()
        os.mkfifo(place / "run" / name)
        command = ["info", "run"] if name == "config.json" else ["embed", "run", "a"]
        assert main(command) == 2
        err = capsys.readouterr().err
        assert_one_sentence(err)
        assert "is a pipe or a device; expected a file" in err
    os.mkfifo(place / "mine.py")
    assert main(["check", "mine.py"]) == 2 and "mine.py is a pipe or a device" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has it")
@pytest.mark.parametrize(
    ("command", "code"),
    [("nonsense 2>/dev/full", 2), ("info nowhere >/dev/full 2>/dev/full", 2), ("info run >/dev/full 2>/dev/full", 1)],
)
def test_an_error_that_nobody_takes_keeps_its_exit_code(place, command, code):
    done = subprocess.run(["sh", "-c", f'"$0" -m minattn {command}', sys.executable], cwd=place, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")
