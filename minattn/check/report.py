"""What a check hands back: findings with their evidence, notes, a row for each argument, and the verdict."""

import html
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from ..terminal import labelled, table_lines
from .curve import Curve

EXACTLY, CONSISTENT = "exactly", "consistent"
"""How sure a finding is: the gradient is exactly what comes out of that mistake, or merely consistent with it."""

ExpectedValue = float | tuple[float, float] | None


@dataclass(frozen=True)
class Evidence:
    """The worst entry of a gradient, and how many entries are wrong.

    index: of the worst entry; got: what backward gave there; expected: what is right, or (low, high) at a kink, where
    every value between is right; share_wrong: wrong entries among all, 0 to 1. None where there is no such thing.
    """

    index: tuple[int, ...] | None = None
    got: float | None = None
    expected: ExpectedValue = None
    share_wrong: float | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    argument: name of the input whose gradient it is about; None where it is about all of them
    kind: a word of the vocabulary in mistake_kinds.py
    sentence: what is wrong, in plain English; may speak of the problem at hand (shapes, lengths, names)
    sure: EXACTLY or CONSISTENT
    next: what to look at next
    """

    argument: str | None
    kind: str
    sentence: str
    evidence: Evidence = Evidence()
    sure: str = CONSISTENT
    next: str = ""

    @property
    def told(self) -> str:
        """The sentence with how sure it is, a capital (unless a name of the problem comes first) and a full stop."""
        text = self.sentence
        if text.startswith(("what comes out ", "the gradient that comes out ", "the right gradient ")):
            text = f"This is {'exactly' if self.sure == EXACTLY else 'probably'} {text}"
        first = text.partition(" ")[0]
        is_word = first.isalpha() and first.islower() and (len(first) > 2 or first in ("in", "to", "of"))
        start = first.capitalize() if is_word else first
        return start + text[len(first) :] + ("" if text.endswith((".", "?", "!")) else ".")


@dataclass(frozen=True)
class ArgumentResult:
    """How the gradient of one argument was judged.

    method: how the true gradient was found; checked: entries compared at each point, or directions where there are too
    many; error: the largest error and tolerance: the largest that is allowed, both as a share of the largest true
    entry; wrong: entries that are wrong; ok: None where the check could prove nothing; rate: at which the Taylor
    remainder falls, 2 for a right gradient and 1 for a wrong one, NaN where nothing is left to fall, or at a kink.
    """

    name: str
    shape: tuple[int, ...]
    method: str
    checked: str
    error: float
    tolerance: float
    wrong: int
    ok: bool | None
    rate: float = math.nan


@dataclass(frozen=True, repr=False)
class Report:
    """The result of a check.

    ok: True, False, or None where the check could prove nothing; notes: what else is worth knowing, a sentence each;
    left_out: the inputs that were not checked, each with the reason; comparisons: of each gradient with the true one,
    where it is wrong if it is
    """

    name: str
    ok: bool | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    arguments: tuple[ArgumentResult, ...]
    measure: Callable[[str | None], Curve] = field(repr=False, compare=False)
    left_out: tuple[str, ...] = ()
    comparisons: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    def curve(self, argument: str | None = None) -> Curve:
        """Error against step size for one argument; by default for the one that is most wrong.

        Raises InputError where there is no such argument, or nothing to draw.
        """
        return self.measure(argument)

    def to_dict(self) -> dict[str, Any]:
        """All of it but the curve, made of what JSON holds."""
        return {
            "name": self.name,
            "ok": self.ok,
            "findings": [_plain(asdict(finding)) for finding in self.findings],
            "arguments": [_plain(asdict(row)) for row in self.arguments],
            "notes": list(self.notes),
            "left_out": list(self.left_out),
        }

    def __str__(self) -> str:
        """The report as lines of at most 100 columns."""
        return self.text()

    def text(self, width: int = 100, inside_words: bool = True) -> str:
        """The report in lines that fit: verdict, a row for each argument, findings with their evidence, notes.

        Args:
            inside_words: whether a word that is longer than a line may be broken
        """

        def fitted(label: str, text: str) -> str:
            return "\n".join(labelled(label, text, width, inside_words))

        blocks = [fitted("", f"{self.name}: {self.verdict}")]
        if any(row.method for row in self.arguments):
            lines = table_lines([_HEADER, *map(_row, self.arguments)], width - 2, inside_words)
            blocks.append("\n".join(f"  {line}" for line in lines))
        blocks += ["\n".join(fitted(*part) for part in _describe(finding)) for finding in self.findings]
        blocks += [fitted("note: ", note) for note in self.notes]
        if self.left_out:
            blocks.append(fitted("left out: ", ", ".join(self.left_out)))
        return "\n\n".join(blocks)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """For a notebook: the verdict in colour, and the report as it stands on a terminal."""
        colour = {True: "#1a7f37", False: "#cf222e", None: "#9a6700"}[self.ok]
        head = f'<b style="color:{colour}">{html.escape(self.name)}: {html.escape(self.verdict)}</b>'
        rest = str(self).partition("\n\n")[2]
        return f"{head}<pre>{html.escape(rest)}</pre>" if rest else head

    @property
    def verdict(self) -> str:
        """The verdict in a few words."""
        if self.ok is None:
            return "NOT PROVEN, this check could not tell right from wrong"
        if self.ok:
            return "right"
        count = len(self.findings)
        return f"WRONG, {count} finding" + ("s" if count != 1 else "")


_HEADER = ("argument", "shape", "gradient", "error", "allowed", "checked")


def _row(result: ArgumentResult) -> tuple[str, ...]:
    verdict = {True: "right", False: "WRONG", None: "not proven"}[result.ok]
    if result.ok is False and result.method and not result.wrong:
        verdict = "right, but"  # its numbers are; a finding says what is not
    how = f"{result.checked}, {result.method}" if result.method else result.checked
    how += f", rate {result.rate:.2f}" if math.isfinite(result.rate) else ""
    numbers = (_share(result.error), _share(result.tolerance)) if result.method else ("", "")
    return (result.name, str(result.shape), verdict, *numbers, how)


def _describe(finding: Finding) -> list[tuple[str, str]]:
    """A finding in four parts, with what stands before each: where and what, in a sentence, by these numbers, next."""
    sure = "exactly" if finding.sure == EXACTLY else "probably"
    label = finding.kind if finding.kind == "wrong" else f"{finding.kind} ({sure})"
    about = f"{finding.argument}: {label}" if finding.argument else label
    parts = [("", about), ("   ", finding.told), ("   ", _evidence(finding.evidence)), ("   look at: ", finding.next)]
    return [part for part in parts if part[1]]


def _evidence(evidence: Evidence) -> str:
    parts = []
    if evidence.got is not None:
        place = f" [{', '.join(map(str, evidence.index))}]" if evidence.index else ""
        where = "" if evidence.index is None else f"worst entry{place}: "
        parts.append(f"{where}got {evidence.got:.6g}" + _expected(evidence.expected))
    if evidence.share_wrong and evidence.index is not None:
        parts.append(f"{evidence.share_wrong:.0%} of the entries are wrong")
    return "; ".join(parts)


def _expected(expected: ExpectedValue) -> str:
    if isinstance(expected, tuple):
        return f", right is anything from {expected[0]:.6g} to {expected[1]:.6g}"
    return "" if expected is None else f", right is {expected:.6g}"


def _share(number: float) -> str:
    return "0" if number == 0 else f"{number:.0e}"


def _plain(value: Any) -> Any:
    """Tuples as lists, NaN and infinity as null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
