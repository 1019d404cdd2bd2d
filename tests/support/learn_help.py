"""What the tests of the exercises share: submissions without a process, and folders."""

import ast
import io
import re
from pathlib import Path

import numpy as np

import minattn
from minattn.check.catalogue import catalogue, find_op
from minattn.learn import course
from minattn.learn.checking import check_submission
from minattn.learn.gap import gap_of
from minattn.learn.sandbox.messages import encode, receive
from minattn.learn.submission import Submission

EXERCISES = {exercise.name: exercise for exercise in course()}


def verdict(exercise, gap, seed=0, after=""):
    """The verdict on a gap that is filled so, without a process; after: code at the end of the file."""
    return check_submission(exercise, Submission(), exercise.file, exercise.fill(gap) + after, seed)


class Written(Submission):
    """A submission whose backward is a function of the catalogue."""

    def __init__(self, exercise, backward):
        super().__init__()
        self.backward = backward
        super().load(exercise.file, exercise.fill(exercise.solution))

    def load(self, path, source, template="", own=None):
        return ["forward", "backward"]

    def ask(self, request):
        if request.get("call") == "backward":
            self.learner_file.names["backward"] = self.backward
        return super().ask(request)


def verdict_on(exercise, backward):
    """The verdict on a backward pass that is a plain function."""
    return check_submission(exercise, Written(exercise, backward), exercise.file, "", 0)


def missing(exercise):
    """What an exercise lacks, each with the file to put it in."""
    place, found = f"{exercise.folder.parent.name}/{exercise.folder.name}", []

    def need(condition, file, sentence):
        if not condition:
            found.append(f"{place}/{file}: {sentence}")

    for template in sorted((Path(minattn.__file__).parents[1] / "tools" / "templates" / "exercise").glob("*.py")):
        file = exercise.folder / template.name
        need(
            not file.exists() or file.read_text(encoding="utf-8") != template.read_text(encoding="utf-8"),
            template.name,
            "not begun: it is as tools/new.py made it",
        )
    if not (exercise.folder / "solution.py").exists():
        return [f"{place}/solution.py: the solved file is missing"]
    if not gap_of((exercise.folder / "solution.py").read_text(encoding="utf-8")):
        return [f"{place}/solution.py: the marks around the learner's part are missing, or nothing is between them"]
    if not gap_of(exercise.text):
        return [f"{place}/solution.py: the function with the gap must end with the return of names"]
    tree = ast.parse(exercise.text)
    need(0 < len(exercise.title) <= 62, "solution.py", "the docstring begins with a title of at most 62 letters")
    need(max(map(len, exercise.text.splitlines())) <= 120, "solution.py", "a line is longer than 120 letters")
    imports = {node.names[0].name for node in tree.body if isinstance(node, ast.Import)}
    need(imports <= {"numpy", "math"}, "solution.py", "a learner's file imports numpy and math only")
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    need(exercise.function in defined, "solution.py", f"the function {exercise.function} is missing")
    gaps = [exercise.solution, *exercise.alternatives.values()]
    different = {ast.dump(ast.parse(gap)) for gap in gaps}
    need(len(different) >= 3, "right.py", f"2 ways other than the solution are needed, there are {len(different) - 1}")
    count = len(exercise.mistakes) + len(known_mistakes(exercise))
    need(count >= 3, "wrong.py", f"3 mistakes are needed, with those that the check knows of; there are {count}")
    need(len(exercise.hints) == 3, "exercise.py", f"3 hints are needed, there are {len(exercise.hints)}")
    need("?" in "".join(exercise.hints[:1]), "exercise.py", "the first hint is a question")
    places = re.findall(r"minattn/[\w/]+", exercise.note)
    need(places, "exercise.py", "the note says where the engine does the same: minattn/…")
    root = Path(minattn.__file__).parents[1]
    for path in places:
        need(
            (root / f"{path}.py").is_file() or (root / path).is_dir(),
            "exercise.py",
            f"the note names {path}: not there",
        )
    for step in exercise.steps:
        need(re.search(rf"\b{step}\b", "\n".join(gaps)), "exercise.py", f"no solution has the step {step}")
    return found


def known_mistakes(exercise):
    """The mistakes that the check knows of an exercise's op, and that show without options of that op."""
    if exercise.like is None:
        return []
    right, case = exercise.solved["backward"], exercise.draw(0)[0]
    return [
        mistake
        for mistake in catalogue.get(find_op(exercise.like), [])
        if not same(mistake.backward(*case), right(*case))
    ]


def same(a, b):
    """Whether two backward passes gave the same."""
    a, b = (x if isinstance(x, tuple) else (x,) for x in (a, b))
    pairs = list(zip(a, b, strict=False))
    close = [
        x is y or (np.shape(x) == np.shape(y) and np.allclose(x, y, 1e-9, 1e-12)) for x, y in pairs if y is not None
    ]
    return len(a) == len(b) and all(close)


def through(value):
    """A value after a message."""
    return receive(io.BytesIO(encode(value)).read)
