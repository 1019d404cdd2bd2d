"""What a check of an exercise comes to."""

from __future__ import annotations

from typing import NamedTuple


class Detail(NamedTuple):
    """A label, and what there is to say under it."""

    label: str
    text: str


class Verdict(NamedTuple):
    """The result (one of submission.RESULTS), and why.

    kind: of mistake, a word of the check's vocabulary, or ""; sentence: what is wrong; details: what helps to mend it;
    printed: what the learner's code printed; seconds: how long it took.
    """

    exercise: str
    result: str
    kind: str = ""
    sentence: str = ""
    details: tuple[Detail, ...] = ()
    printed: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.result == "passed"

    def __str__(self) -> str:
        """In plain lines, as for a test that fails."""
        lines = [f"{self.exercise}: {self.result}" + (f": {self.sentence}" if self.sentence else "")]
        return "\n".join([*lines, *(f"  {detail.label}: {detail.text.strip()}" for detail in self.details)])
