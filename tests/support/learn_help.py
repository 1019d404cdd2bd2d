"""What the tests of the exercises share: submissions without a process, and folders."""

import io

import numpy as np

from minattn.check.catalogue import catalogue, find_op
from minattn.learn import course
from minattn.learn.child.messages import encode, receive
from minattn.learn.marking import judge
from minattn.learn.submission import Submission

EXERCISES = {exercise.name: exercise for exercise in course()}


def verdict(exercise, gap, seed=0, after=""):
    """The verdict on a gap that is filled so, without a process; after: code at the end of the file."""
    return judge(exercise, Submission(), exercise.file, exercise.fill(gap) + after, seed)


class Written(Submission):
    """A submission whose backward is a function of the catalogue."""

    def __init__(self, exercise, backward):
        super().__init__()
        self.backward = backward
        super().load(exercise.file, exercise.fill(exercise.solution))

    def load(self, path, source):
        return ["forward", "backward"]

    def ask(self, request):
        if request.get("call") == "backward":
            self.session.names["backward"] = self.backward
        return super().ask(request)


def verdict_on(exercise, backward):
    """The verdict on a backward pass that is a plain function."""
    return judge(exercise, Written(exercise, backward), exercise.file, "", 0)


def known_mistakes(exercise):
    """The mistakes that the check knows of an exercise's op, and that show without options of that op."""
    if exercise.like is None:
        return []
    right, case = exercise.solved["backward"], exercise.draw(0)[0]
    return [mistake for mistake in catalogue[find_op(exercise.like)] if not same(mistake.backward(*case), right(*case))]


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
