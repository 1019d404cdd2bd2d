"""What a check of an exercise comes to."""

from typing import NamedTuple

RESULTS = ("passed", "to do", "wrong", "error", "refused", "time", "memory", "crash", "missing")


class Remark(NamedTuple):
    """A label, and what there is to say under it."""

    label: str
    text: str


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
        printed: what the learner's code printed
        seconds: how long it took
    """

    exercise: str
    result: str
    kind: str = ""
    sentence: str = ""
    remarks: tuple[Remark, ...] = ()
    printed: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the exercise is solved."""
        return self.result == "passed"

    def __str__(self) -> str:
        """In plain lines, as for a test that fails."""
        lines = [f"{self.exercise}: {self.result}" + (f": {self.sentence}" if self.sentence else "")]
        return "\n".join([*lines, *(f"  {remark.label}: {remark.text.strip()}" for remark in self.remarks)])


class CannotCheck(Exception):
    """Why a submission could not be compared with the solution: one of RESULTS, a sentence, and the lines concerned."""

    def __init__(self, result: str, sentence: str, lines: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.result, self.sentence, self.lines = result, sentence, lines
