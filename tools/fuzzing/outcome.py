"""What came of one try: refused in one sentence, accepted, or one of the three things that must never be."""

from __future__ import annotations

import contextlib
import re
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from minattn.errors import InputError, RunError

SECONDS, WAITING = 10.0, 120.0
"""How long a try may compute, a hundred times of what the longest takes; and how long it may take in all: it could wait
for ever, and a busy machine makes it wait too."""
LONGEST = 1000
"""Characters of a message that is one sentence, with the path of a file in it."""
INTERNAL = re.compile(
    r"Traceback|\w+Error\b|NoneType|has no attribute|unhashable|codec can't|object is not|<class|minattn\.\w+\.|0x7f\w+"
)
"""Words that say something of our code, or of Python, and nothing of the user's file."""

BAD = ("traceback", "hang", "wrong")
"""What must never be."""


class WrongAcceptance(AssertionError):
    """Something was taken for what it is not: the sentence says what it should have been."""


class Hang(BaseException):
    """The time is over; no Exception, so that nothing takes it for one of its own."""


@dataclass
class Outcomes:
    """How many tries came to what, and what was bad, with how to see it again."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def note(self, kind: str, name: str, detail: str) -> None:
        """Count one more try."""
        self.counts[kind] += 1
        if kind in BAD:
            self.findings.append(f"{name}: {kind}: {detail}")

    def __str__(self) -> str:
        refused, accepted = self.counts["refused"], self.counts["accepted"]
        tracebacks, hangs, wrong = (self.counts[kind] for kind in BAD)
        return (
            f"{sum(self.counts.values()):,} tries: {refused:,} refused in a sentence, {accepted:,} accepted as they are"
            f", {tracebacks} tracebacks, {hangs} hangs, {wrong} wrong"
        )


def outcome_of(
    call: Callable[[], object],
    is_named: Callable[[str], bool] = lambda message: True,
    of_code: bool = False,
    seconds: float = SECONDS,
) -> tuple[str, str]:
    """The kind of outcome of a call, and what there is to say of it.

    Args:
        call: raises InputError or RunError to refuse, WrongAcceptance for what it should have refused
        is_named: whether a message says which file is meant
        of_code: whether the file is Python, whose errors are what a message has to tell
        seconds: how long it may compute
    """
    try:
        with warnings.catch_warnings(), time_limit(seconds):
            warnings.simplefilter("error")
            call()
    except (InputError, RunError) as error:
        if problem := complaint(str(error), of_code) or ("" if is_named(str(error)) else "names no file"):
            return "wrong", f"a message that {problem}: {error}"
        return "refused", str(error)
    except WrongAcceptance as error:
        return "wrong", str(error)
    except Hang:
        return "hang", f"no end after {seconds:g} s of computing, or {WAITING:g} s in all"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return "traceback", "".join(traceback.format_exception(error))
    return "accepted", ""


def complaint(message: str, of_code: bool = False) -> str:
    """What keeps a message from being one plain sentence; "" where nothing does."""
    if not message.strip():
        return "says nothing"
    if len(message) > LONGEST:
        return f"has {len(message):,} characters"
    if "\n" in message:
        return "has several lines"
    found = None if of_code else INTERNAL.search(message)
    return f"says {found[0]!r}" if found else ""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise Hang in the code inside where it computes longer, or waits too long."""

    def over(number: int, frame: FrameType | None) -> NoReturn:
        raise Hang

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, seconds), signal.SIGALRM: (signal.ITIMER_REAL, WAITING)}
    before = {number: signal.signal(number, over) for number in timers}
    for timer, most in timers.values():
        signal.setitimer(timer, most)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])
