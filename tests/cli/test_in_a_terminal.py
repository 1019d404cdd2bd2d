"""Every command in a terminal of 60 and of 80 columns: no line is wider, and progress stays on its line."""

import re
import shutil

import pytest
from support.encoder_help import write_encoder
from support.pseudo_terminal import each_in_terminal, in_terminal, shown
from support.small_run import PLAIN, run

from minattn.learn import find

WIDTHS = (60, 80)
GOOD = "import numpy as np\ndef forward(x):\n    return np.tanh(x)\ndef backward(g, x):\n    return g * {}\n{}"
INPUTS = "inputs = (np.random.default_rng(0).normal(size=(3, 4)),)\n"
SENTENCE = "The old cat [MASK] the warm bread and the 中文 old bridge."
LONG = "a_folder_with_a_name_that_is_longer_than_any_terminal_is_wide_and_then_some_more_of_it_still"
CHINESE = "练习" * 20


@pytest.fixture(scope="module")
def place(trained, tmp_path_factory):
    """A folder with all that commands work on."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(trained.run, folder / "runs" / "first")
    shutil.copytree(trained.run, folder / LONG / CHINESE)
    shutil.copy(trained.text, folder / "small.txt")
    write_encoder(folder / "encoder", "BertForMaskedLM", layers=12, width=12, heads=3, max_tokens=40)
    slope = "(1 - np.tanh(x) ** 2)"
    (folder / "right.py").write_text(GOOD.format(slope, INPUTS))
    (folder / "wrong.py").write_text(GOOD.format("(1 - np.tanh(x))", INPUTS))
    (folder / "wrong2.py").write_text(GOOD.format(slope, INPUTS).replace("tanh(x) ** 2)", "tanh(x) ** 2).sum()"))
    for course in ("course", CHINESE):
        assert run("learn", "init", course, cwd=folder)[0] == 0
    softmax = find("softmax")
    (folder / "course" / softmax.file).write_text(softmax.fill("dx = g * p * (1 - p)\nprint('中' * 99)"))
    return folder


COMMANDS = {
    "": 0,
    "--version": 0,
    "train --help": 0,
    "trian": 2,
    "train nowhere/" + LONG: 2,
    "info": 0,
    "info runs/frist": 2,
    f"info {LONG}/{CHINESE}": 0,
    f"info {LONG}": 2,
    "reconstruct": 2,
    f"reconstruct {LONG}": 2,
    f"vocab small.txt --size 100 --out {LONG}": 0,
    "check": 0,
    "check softmax": 0,
    "check sofmax": 2,
    "check right.py --curve": 0,
    "check wrong.py --curve": 1,
    "check wrong2.py": 1,
    "check nowhere.py": 2,
    "embed encoder the_cat the_dog the_baker_and_the_girl": 0,
    "embed encoder the_cat": 0,
    "deembed encoder the_cat_[mask]_the_dog": 0,
    "deembed encoder --table": 0,
    "fill encoder the_cat_[MASK]_the_dog": 0,
    "fill encoder the_cat_[mask]_the_dog": 2,
    f"learn init {LONG}/course": 0,
    f"learn init {CHINESE}": 0,
    "learn list --dir course": 0,
    "learn list --dir nowhere": 2,
    "learn check softmax --dir course": 1,
    "learn check 1 --dir course": 1,
    "learn check sofmax --dir course": 2,
    "learn check --all --dir course": 1,
    "learn hint softmax --dir course": 0,
    f"learn reset 2 --yes --dir {CHINESE}": 0,
    f"learn grade course {CHINESE} --csv grades.csv --only softmax,embedding": 0,
    "learn grade --help": 0,
}


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(place, width):
    commands = [
        [word.replace("_", " ") if word.startswith("the_") else word for word in words.split()] for words in COMMANDS
    ]
    for words, done in zip(COMMANDS, each_in_terminal(commands, place, width), strict=True):
        assert done.code == COMMANDS[words], (words, done.text)
        assert done.lines and done.widest <= width, (words, done.lines)
        assert "Traceback" not in done.text, words


@pytest.mark.parametrize("width", WIDTHS)
def test_reconstruct_fits_and_says_which_run_it_took(place, width):
    done = in_terminal("reconstruct", SENTENCE, cwd=place, width=width)
    assert done.code == 0 and done.widest <= width
    assert done.lines[0] == "the newest run: runs/first"


def train(place, width, *options):
    return in_terminal("train", "small.txt", *PLAIN, "--steps", "150", *options, cwd=place, width=width)


@pytest.mark.parametrize("width", (*WIDTHS, 100))
def test_the_progress_of_a_training_stays_on_one_line_and_all_else_fits(place, width):
    done = train(place, width, "--out", f"new{width}")
    assert done.code == 0 and done.widest <= width
    assert done.text.count("\rstep ") + done.text.count("\r\x1b[Kstep ") > 1
    (progress,) = (line for line in done.lines if re.match(r"step \d+/", line))
    assert any("[MASK]" in line and line.startswith("step 15 ") for line in done.lines)
    assert progress.startswith("step 150/150  loss ") and len(progress) < width
    lines = done.lines
    assert lines[lines.index(progress) + 1].startswith("trained in ")
    table = lines.index(next(line for line in lines if line.startswith("untrained model")))
    assert lines[table - 1].split() == ["copied", "blanks", "filled"]


def test_a_fine_tuning_fits(place):
    options = ("--from", "encoder", "--freeze", "layer.0-3", "--steps", "3", "--no-figures", "--out", "tuned")
    done = in_terminal("train", "small.txt", *options, cwd=place, width=60)
    assert done.code == 0 and done.widest <= 60
    assert in_terminal("info", "tuned", cwd=place, width=60).widest <= 60


def test_what_is_said_of_a_training_that_was_stopped_fits(place):
    command = ("train", "small.txt", *PLAIN, "--steps", "50000", "--out", LONG + "2")
    done = in_terminal(*command, cwd=place, width=60, keys=[("step 1", "\x03")])
    assert done.code == 130 and done.widest <= 60
    assert "stopping and saving after this" in done.text and "go on with:" in done.text


@pytest.mark.parametrize("width", WIDTHS)
def test_the_watcher_never_shows_more_lines_than_the_terminal_has(place, width):
    keys = [("q quit", key) for key in ("n", "h", "h", "h", "l", "c", "n", "q")]
    done = in_terminal("learn", "--dir", "course", cwd=place, width=width, keys=keys)
    assert done.code == 0 and done.widest <= width
    screens = done.text.split("\x1b[2J")[1:-1]
    assert len(screens) == len(keys) - 1
    for screen in screens:
        assert len(shown(screen)[0]) <= 24, screen
