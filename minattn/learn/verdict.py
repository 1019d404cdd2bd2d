"""What a check of an exercise comes to."""

from typing import NamedTuple

RESULTS = ("passed", "to do", "wrong", "error", "time", "memory", "crash", "missing")


class Remark(NamedTuple):
    """A label, what there is to say under it, and what of it is told before the formula is; None for all of it."""

    label: str
    text: str
    brief: str | None = None


class Reason(NamedTuple):
    """Why an answer is wrong: a kind of mistake or "", a sentence, and remarks that help to mend it."""

    kind: str
    sentence: str
    remarks: tuple[Remark, ...] = ()


class Verdict(NamedTuple):
    """The result of a check, and why.

    Args:
        exercise, result: the name of the exercise, and one of RESULTS
        kind: of mistake, a word of the check's vocabulary, or ""
        sentence, remarks: what is wrong, and what helps to mend it
        parts: the names of what the function returns, each with whether it is right on all inputs; none where it did
            not come to that
        looks_measured: why the numbers, which are right, look measured and not derived; or ""
        unusual: what the file uses that a derivation has no use for, so that somebody should look at it; or ""
        isolated: whether it ran behind a wall of the system
        borrowed: the earlier exercises that it imports, and that were ours
        answer: a word that tells what was checked from another answer
        printed: what the learner's code printed
        seconds: how long it took
    """

    exercise: str
    result: str
    kind: str = ""
    sentence: str = ""
    remarks: tuple[Remark, ...] = ()
    parts: tuple[tuple[str, bool], ...] = ()
    looks_measured: str = ""
    unusual: str = ""
    isolated: bool = False
    borrowed: tuple[str, ...] = ()
    answer: str = ""
    printed: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the numbers are right."""
        return self.result == "passed"

    @property
    def solved(self) -> bool:
        """Whether the exercise is solved: what was to be derived is right, and does not look measured."""
        return self.passed and not self.looks_measured

    def __str__(self) -> str:
        """In plain lines, as for a test that fails."""
        lines = [f"{self.exercise}: {self.result}" + (f": {self.sentence}" if self.sentence else "")]
        if self.looks_measured:
            lines.append(f"  looks measured: {self.looks_measured}")
        return "\n".join([*lines, *(f"  {remark.label}: {remark.text.strip()}" for remark in self.remarks)])


class CannotCheck(Exception):
    """Why a submission could not be compared with the solution: one of RESULTS, a sentence, and the lines concerned."""

    def __init__(self, result: str, sentence: str, lines: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.result, self.sentence, self.lines = result, sentence, lines
