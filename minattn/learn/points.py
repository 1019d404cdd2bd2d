"""Points: what an exercise is worth, and how much of it a verdict gives."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import InputError, did_you_mean
from .course import Exercise, find
from .verdict import Verdict

MOST = 10_000.0


@dataclass(frozen=True)
class Points:
    """What exercises are worth: one point each, unless said.

    >>> Points.parse("softmax=2,attention=5").of(find("softmax"))
    2.0
    """

    worth: dict[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None, exercises: Sequence[Exercise] = ()) -> "Points":
        """Read NAME=NUMBER,…

        exercises: those that are graded; all where there are none

        Raises:
            InputError: something else is there, or an exercise that is not graded
        """
        worth: dict[str, float] = {}
        for item in filter(None, map(str.strip, (text or "").split(","))):
            name, is_there, number = item.partition("=")
            try:
                value = float(number)
            except ValueError:
                value = -1.0
            if not is_there or not 0 <= value <= MOST:
                raise InputError(f"--points: expected names and numbers such as softmax=2,attention=5, got {item!r}")
            exercise = find(name.strip())
            if exercises and exercise.name not in (known := [one.name for one in exercises]):
                raise InputError(f"--points: {exercise.name} is not graded{did_you_mean(exercise.name, known)}")
            worth[exercise.name] = value
        return cls(worth)

    def of(self, exercise: Exercise) -> float:
        """The most points that an exercise gives."""
        return self.worth.get(exercise.name, 1.0)

    def earned(self, exercise: Exercise, verdict: Verdict) -> float:
        """The points of a verdict, to two digits."""
        return round(self.of(exercise) * credit(verdict, exercise), 2)


def credit(verdict: Verdict, exercise: Exercise) -> float:
    """The share of an exercise's points, 0 to 1: all for what is solved, and for a wrong answer its right parts.

    dq and dk right and dv wrong are two thirds. What is handed back for an argument that has no gradient, such as ids,
    is no part. Where every number is right, and an argument was changed in place, one part is lost all the same. What
    looks measured gives nothing: nothing was derived.
    """
    if verdict.solved:
        return 1.0
    parts = gradients_of(verdict, exercise)
    if verdict.looks_measured:
        return 0.0
    if verdict.result != "wrong" or not parts or verdict.kind == "measured":
        return 0.0
    return min(sum(parts.values()), len(parts) - 1) / len(parts)


def gradients_of(verdict: Verdict, exercise: Exercise) -> dict[str, bool]:
    """Which parts of an answer are right, without what is handed back for arguments that have no gradient."""
    return {name: is_right for name, is_right in verdict.parts if name not in exercise.parameters}
