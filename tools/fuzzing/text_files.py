"""Files that people write: texts, vocabularies, backward passes, exercises, and how far a learner is."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from minattn.cli import main
from minattn.errors import InputError
from minattn.learn.checking import check_file
from minattn.learn.course import find
from minattn.learn.learner_folder import make_folder_of_exercises
from minattn.learn.progress import PROGRESS_FILE, CourseProgress
from minattn.learn.runner import Runner
from minattn.text import WordPiece, read_pieces, split_pieces

from .encoder_files import check_tokenizer
from .independent import expect
from .outcome import complaint
from .subjects import TEXT, Subject

PASS = '''"""A backward pass of somebody's own."""
import numpy as np

inputs = (np.array([[0.5, -1.0, 2.0], [0.25, 1.5, -0.75]]), np.array([1.0, 2.0, -0.5]))


def forward(x, w):
    return np.tanh(x) * w


def backward(g, x, w):
    t = np.tanh(x)
    dx = g * w * (1 - t**2)
    dw = (g * t).sum(axis=0)
    return dx, dw
'''
EXERCISE = "softmax"


def text_subject(folder: Path) -> Subject:
    """A text to train on."""
    folder.mkdir()
    (folder / "text.txt").write_text(TEXT + "\n狗在火边睡觉。你呢？ “Why?” he asked.\n", encoding="utf-8")
    return Subject(
        "text", folder, {"text.txt": 1}, load_text, names=("split_pieces", "text", "train: ", "vocab_size: ")
    )


def load_text(folder: Path, rng: Random) -> None:
    """What `minattn train` and `minattn vocab` read; nothing that is a letter may be lost or added."""
    found = read_pieces(folder / "text.txt")
    split_pieces(found)
    sentences = [sentence for piece in found for sentence in piece.sentences]
    if rng.random() < 0.3:
        tokenizer = WordPiece.train(sentences, 200)
        expect(tokenizer.vocab_size <= 200, "the vocabulary is larger than was asked for")
        tokenizer.encode_batch(sentences)
    text = (folder / "text.txt").read_bytes().decode("utf-8-sig")
    if not any(line.lstrip().startswith("#") for line in text.splitlines()):
        letters = [sign for sign in text if sign.isalnum()]
        expect([sign for sentence in sentences for sign in sentence if sign.isalnum()] == letters, "letters were lost")


def vocabulary_subject(folder: Path) -> Subject:
    """What `minattn vocab` made."""
    WordPiece.train(TEXT.splitlines(), 90).save(folder)
    return Subject("vocabulary", folder, {"tokenizer.json": 1}, load_vocabulary)


def load_vocabulary(folder: Path, rng: Random) -> None:
    """What a run reads of it."""
    tokenizer = WordPiece.load(folder)
    ids = tokenizer.encode("The old cat sees the [MASK] house, 狗.", blanks=True)
    expect(all(0 <= number < tokenizer.vocab_size for number in ids), "an id that there is not")
    tokenizer.decode(ids)
    tokenizer.lost("The old cat sees the ship.")
    check_tokenizer(folder, tokenizer)


def pass_subject(folder: Path) -> Subject:
    """A file for `minattn check`."""
    folder.mkdir()
    (folder / "mine.py").write_text(PASS, encoding="utf-8")
    return Subject(
        "backward pass",
        folder,
        {"mine.py": 1},
        load_pass,
        of_code=True,
        names=("",),
    )


def load_pass(folder: Path, rng: Random) -> None:
    """What `minattn check mine.py` says: "right" only of a pass that agrees with central differences."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["check", str(folder / "mine.py")])
    if code == 2:
        lines = err.getvalue().splitlines()
        expect(lines and lines[-1].startswith("minattn: "), f"no sentence: {err.getvalue()}")
        raise InputError(lines[-1].removeprefix("minattn: "))
    expect(out.getvalue().strip(), "nothing was said")
    if code == 0:
        expect(is_right((folder / "mine.py").read_bytes()), f"a wrong pass was called right: {out.getvalue()}")


def is_right(source: bytes, count: int = 2, inputs: tuple[Any, ...] | None = None) -> bool:
    """Whether the backward pass in a file is right, by central differences."""
    names: dict[str, Any] = {"__name__": "own"}
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source, "mine.py", "exec"), names)
        given = names["inputs"] if inputs is None else inputs
        given = tuple(map(np.asarray, given if isinstance(given, (tuple, list)) else (given,)))
        y = np.asarray(names["forward"](*given), float)
        g = np.random.default_rng(5).normal(size=y.shape)
        answers = names["backward"](g, *given)
        answers = answers if isinstance(answers, (tuple, list)) else (answers,)
        if len(answers) != len(given):
            return False
        for i, answer in enumerate(answers):
            if given[i].dtype.kind != "f":  # whole numbers have no gradient
                continue
            numeric = np.zeros_like(given[i])
            for place in np.ndindex(given[i].shape):
                ends = []
                for step in (1e-5, -1e-5):
                    moved = [x.copy() for x in given]
                    moved[i][place] += step
                    ends.append(np.asarray(names["forward"](*moved), float))
                numeric[place] = (g * (ends[0] - ends[1])).sum() / 2e-5
            if np.shape(answer) != numeric.shape or not np.allclose(answer, numeric, rtol=1e-4, atol=1e-6):
                return False
    return True


def exercise_subject(folder: Path, runner: Runner) -> Subject:
    """A learner's file that is solved."""
    folder.mkdir()
    exercise = find(EXERCISE)
    (folder / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")
    inputs = (np.random.default_rng(1).normal(size=(3, 4)),)

    def load(place: Path, rng: Random) -> None:
        verdict = check_file(exercise, place / exercise.file, runner)
        if not verdict.passed:
            problem = complaint(verdict.sentence, of_code=True)
            expect(not problem, f"a sentence that {problem}: {verdict.sentence}")
            expect(verdict.result != "crash", str(verdict))
            raise InputError(verdict.sentence.splitlines()[0] if verdict.sentence else "wrong")
        expect(is_right((place / exercise.file).read_bytes(), inputs=inputs), "a wrong solution passed")

    return Subject("exercise", folder, {exercise.file: 1}, load, of_code=True, names=("",))


def progress_subject(folder: Path) -> Subject:
    """How far a learner is."""
    make_folder_of_exercises(folder)
    for path in list(folder.glob("*.py"))[3:]:
        path.unlink()
    progress = CourseProgress.load(folder)
    for name in ("embedding", "one_hot", "softmax"):
        progress.add_try(find(name), passed=True)
    progress.save()
    return Subject("progress", folder, {PROGRESS_FILE: 1}, load_progress, writes=True)


def load_progress(folder: Path, rng: Random) -> None:
    """Read and written again: what was passed, and lines that are not understood, stay."""
    path = folder / PROGRESS_FILE
    text = path.read_bytes().decode("utf-8-sig", "replace") if path.is_file() else ""
    progress = CourseProgress.load(folder)
    for name, row in progress.rows.items():
        if row.passed:
            expect(any(line.split()[:2] == [name, "passed"] for line in text.splitlines()), f"{name} is passed")
    progress.save()
    if path.is_file():
        again = CourseProgress.load(folder)
        expect(again.rows == progress.rows, "what was written is read as something else")
        for line in progress.unknown_lines:
            expect(line in path.read_text(encoding="utf-8"), "a line was lost")
