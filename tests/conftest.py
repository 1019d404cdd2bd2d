"""One small run that the tests of the command line share; they copy it before they change it."""

import os
import re
import shutil
import signal
from types import SimpleNamespace

import pytest
from support.small_run import OPTIONS, run, small_data, write_text

from minattn.check.catalogue.registered_op import snake_case

for name in {"SIGINT", "SIGHUP"} & set(dir(signal)):  # a shell has its background jobs ignore them, and their children
    if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, name), signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)

os.environ.pop("COLUMNS", None)  # what is captured is as wide as it likes, whoever runs the tests


def pytest_itemcollected(item):
    """Let -k find a test of an op by the name of its class and by that of its function: RMSNorm, rms_norm."""
    for word in re.findall(r"\w+", item.name):
        item.extra_keyword_matches |= {snake_case(word), word.replace("_", "")}


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A text, a run of it made by `minattn train --json` with figures, and what that printed."""
    folder = tmp_path_factory.mktemp("trained")
    text = write_text(folder / "small.txt")
    code, out, err = run("train", "small.txt", *OPTIONS, "--out", "runs/first", "--json", cwd=folder)
    assert code == 0, err
    return SimpleNamespace(folder=folder, text=text, run=folder / "runs" / "first", out=out, err=err)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The same text, tokenized."""
    return small_data(tmp_path_factory.mktemp("text"))


@pytest.fixture
def place(trained, tmp_path, monkeypatch):
    """An empty folder to work in, with a copy of the run in `run` and of the text in `small.txt`."""
    shutil.copytree(trained.run, tmp_path / "run")
    shutil.copy(trained.text, tmp_path / "small.txt")
    monkeypatch.chdir(tmp_path)
    return tmp_path
