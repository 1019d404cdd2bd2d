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
        return round(self.of(exercise) * credit(verdict), 2)


def credit(verdict: Verdict) -> float:
    """The share of an exercise's points, 0 to 1: all for what is solved, and for a wrong answer its right parts.

    dq and dk right and dv wrong are two thirds. A wrong answer loses one part at least: one that changes what it was
    handed may have all numbers right. What looks measured gives nothing: nothing was derived.
    """
    if verdict.solved:
        return 1.0
    if verdict.result != "wrong" or not verdict.parts or verdict.kind == "measured":
        return 0.0
    parts = len(verdict.parts)
    return min(sum(is_right for _, is_right in verdict.parts), parts - 1) / parts
