"""Check a file: read it, run it in a process of its own, judge it."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import RunError
from .exercise import Exercise, find, gap_of
from .learner_folder import locate, read_source
from .marking import judge
from .runner import Runner
from .submission import Failure, Submission
from .verdict import Verdict


def check_file(
    exercise: Exercise | str, path: str | os.PathLike[str], runner: Runner | None = None, seed: int = 0
) -> Verdict:
    """The verdict on a learner's file; never an exception, whatever is in it.

    exercise: or its name; runner: where several files are checked, to be shared; seed: of the inputs it is tried on

    >>> check_file("softmax", "nowhere.py").sentence
    'nowhere.py could not be read: No such file or directory'
    """
    if isinstance(exercise, str):
        exercise = find(exercise)
    path = Path(path)
    try:
        source = read_source(path)
    except Failure as failure:
        return Verdict(exercise.name, failure.result, sentence=failure.sentence)
    if gap_of(source) == gap_of(exercise.text):  # no process is needed for that
        return judge(exercise, Submission(), path.name, source, seed)
    if runner is None:
        with Runner() as own:
            return check_file(exercise, path, own, seed)
    with runner.open() as process:
        try:
            verdict = judge(exercise, process, path.name, source, seed)
        except RunError:
            raise
        except Exception as error:  # whatever one submission brings about, the next one is checked
            said = f"{path.name} could not be judged: {type(error).__name__}: {error}"
            verdict = Verdict(exercise.name, "crash", sentence=said)
    return verdict._replace(printed=process.printed)


def check_in(folder: Path, exercise: Exercise, runner: Runner, seed: int = 0) -> Verdict:
    """The verdict on the file that a folder has for an exercise, if it has one."""
    path = locate(folder, exercise)
    if path is None:
        said = f"{folder / exercise.file} is missing; minattn learn init {folder} puts the template there"
        return Verdict(exercise.name, "missing", sentence=said)
    return check_file(exercise, path, runner, seed)
