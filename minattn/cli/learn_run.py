"""`minattn learn run` and `minattn learn page`: they run a learner's own file, as its owner would."""

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from ..learn import own_files
from ..learn.checking import pieces_of
from ..learn.course import Exercise
from ..learn.feedback import FORMULA
from ..learn.learner_folder import find_file, read_source, require_exercises
from ..learn.own_files import EarlierFile, Pieces
from ..learn.progress import CourseProgress
from ..learn.runner import Runner
from ..learn.screen import Screen
from ..learn.verdict import CannotCheck


def learn_run(options: argparse.Namespace) -> int:
    """Run the file of an exercise by itself, with what it imports; returns what the file ends with."""
    place, screen = Path(options.dir), Screen()
    require_exercises(place)
    exercise = CourseProgress.load(place).find(options.name)
    path = find_file(place, exercise)
    if path is None:
        raise InputError(f"{place / exercise.file} is missing; minattn learn init {place} puts the template there")
    with _pieces_in_a_folder(place, exercise, path, options.borrow) as (pieces, folder):
        own = [name for name in pieces.files if name not in pieces.borrowed]
        for which, names in (("your own", own), ("borrowed", pieces.borrowed)):
            if names:
                screen.say(f"{which}: {', '.join(names)}", "dim")
        (folder / path.name).write_text(read_source(path), encoding="utf-8")
        return subprocess.run([sys.executable, path.name], cwd=folder).returncode


@contextlib.contextmanager
def _pieces_in_a_folder(place: Path, exercise: Exercise, path: Path, borrow: bool) -> Iterator[tuple[Pieces, Path]]:
    """The earlier files that a file imports, and a folder with them and own.py, for as long as it is needed."""
    try:
        source = read_source(path)
    except CannotCheck as error:
        raise InputError(error.sentence) from None
    with Runner() as runner:
        pieces = pieces_of(place, exercise, source, runner, borrow)
    if pieces.missing:
        name = pieces.missing[0]
        lent = "; --borrow takes it from us" if name in exercise.needs and not borrow else ""
        raise InputError(f"{path.name} imports your {name}, which is not right yet{lent}")
    with tempfile.TemporaryDirectory() as folder:
        for piece in (EarlierFile(own_files.FILE, own_files.TEXT), *pieces.files.values()):
            (Path(folder) / piece.path).write_text(piece.source, encoding="utf-8")
        yield pieces, Path(folder)


def learn_page(options: argparse.Namespace) -> int:
    """Write the page of the learner's backward pass beside the right one, and open it where there is a screen."""
    from ..check.entry import check_backward
    from ..check.user_file import load_user_file, run_file
    from ..show import check_page
    from .show import open_page

    place = Path(options.dir)
    require_exercises(place)
    progress = CourseProgress.load(place)
    exercise = progress.find(options.name)
    if progress.assignment.tell < FORMULA:
        raise InputError("a page shows the right numbers beside yours, which this homework does not tell")
    path = find_file(place, exercise)
    if not exercise.is_backward or path is None:
        why = f"its file is missing from {place}" if path is None else "it asks for no backward pass"
        raise InputError(f"there is no page of {exercise.name}: {why}")
    with _pieces_in_a_folder(place, exercise, path, options.borrow) as (_, folder):
        before = sys.modules.pop("own", None)
        sys.modules["own"] = run_file(folder / own_files.FILE)  # the file imports what a check gives it
        try:
            own = load_user_file(path, None, 0)
            inputs = exercise.draw(0)[0][1:]
            report = check_backward(exercise.solved["forward"], own.backward, inputs, name=exercise.name)
        finally:
            del sys.modules["own"]
            if before is not None:
                sys.modules["own"] = before
    opens = options.open or sys.stdout.isatty()
    open_page(check_page(report), Path(options.out or path.with_suffix(".html")), opens)
    return 0
