"""What an exercise is, and the course that all of them make."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from . import exercises

START, END = "# --- your part ---", "# --- end of your part ---"

Cases = Iterable[tuple[Any, ...]]


class Mistake(NamedTuple):
    """A wrong way to fill the gap, and the sentence that it is answered with."""

    sentence: str
    gap: str


@dataclass(frozen=True)
class Exercise:
    """One exercise, whole. A file in `exercises` makes one and calls it `exercise`.

    title         one line
    template      the learner's file, with one gap between the lines START and END
    solution      what fills the gap
    alternatives  other right ways to fill it, by name: other algebra, loops, einsum
    mistakes      wrong ways, each with its sentence; for an op (`like`) those of the check come on top
    hints         three, from a question to nearly the answer
    note          what one knows after it, and where the engine does the same
    cases         rng -> the inputs of the function, several times; different lengths for different axes
    answers       names of what the function returns
    function      the name of the function that is called; "backward" is checked against the file's forward
    steps         local names of intermediate values in their order, with what each is: compared where one is used
    like          the registered op that forward is, whose known mistakes are looked for
    accepts       (arguments, answer, the solution's answer) -> None, or a sentence on what is wrong with the answer;
                  where more than one is right
    """

    title: str
    template: str
    solution: str
    alternatives: Mapping[str, str]
    hints: tuple[str, str, str]
    note: str
    cases: Callable[[np.random.Generator], Cases]
    answers: tuple[str, ...]
    mistakes: Sequence[Mistake] = ()
    function: str = "backward"
    steps: Mapping[str, str] = field(default_factory=dict)
    like: str | None = None
    accepts: Callable[[tuple[Any, ...], Any, Any], str | None] | None = None
    name: str = ""
    number: int = 0

    @property
    def is_backward(self) -> bool:
        return self.function == "backward"

    @property
    def file(self) -> str:
        """The name of the learner's file."""
        return f"{self.number:02}_{self.name}.py"

    @property
    def text(self) -> str:
        """The learner's file as it is at first."""
        commands = f"check it: minattn learn check {self.name}      stuck? minattn learn hint {self.name}"
        return f"# {commands}\n{self.template.lstrip()}"

    def fill(self, gap: str) -> str:
        """The learner's file with something in its gap."""
        before, _, rest = self.text.partition(START)
        _, _, after = rest.partition(END)
        indent = before[before.rindex("\n") + 1 :]
        return f"{before}{START}\n{textwrap.indent(self.part(gap), indent)}\n{indent}{END}{after}"

    def part(self, gap: str) -> str:
        """What goes into the gap, by itself."""
        return textwrap.dedent(gap).strip("\n").rstrip()

    def run(self, gap: str) -> dict[str, Any]:
        """The names that the file defines, with something of ours in its gap."""
        return _run(self.fill(gap), self.file)

    @property
    def solved(self) -> dict[str, Any]:
        """The names that the solved file defines."""
        return self.run(self.solution)

    @property
    def parameters(self) -> list[str]:
        """The names of what the function takes."""
        return list(inspect.signature(self.solved[self.function]).parameters)

    def draw(self, seed: int) -> list[tuple[Any, ...]]:
        """The arguments that it is tried on; for a backward pass a random upstream comes first."""
        rng = np.random.default_rng(seed)
        cases = list(self.cases(rng))
        if self.is_backward:
            forward = self.solved["forward"]
            cases = [(np.asarray(rng.normal(size=np.shape(forward(*inputs)))), *inputs) for inputs in cases]
        return cases


def gap_of(source: str) -> str | None:
    """What is in the gap of a learner's file, without spaces at the ends of lines; None if its marks are gone."""
    _, start, rest = source.partition(START)
    gap, end, _ = rest.partition(END)
    return "\n".join(line.rstrip() for line in gap.splitlines()).strip() if start and end else None


@cache
def _run(text: str, file: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "exercise"}
    exec(compile(text, file, "exec"), names)
    return names


@cache
def course() -> tuple[Exercise, ...]:
    """All exercises in their order: that of the files in `exercises`, e000_name.py."""
    modules = sorted(module.name for module in pkgutil.iter_modules(exercises.__path__))
    found = [importlib.import_module(f"{exercises.__name__}.{module}").exercise for module in modules]
    names = [module.partition("_")[2] for module in modules]
    numbered = enumerate(zip(names, found, strict=True), 1)
    return tuple(replace(exercise, name=name, number=number) for number, (name, exercise) in numbered)


def find(name: str) -> Exercise:
    """The exercise of that name; its number and the name of its file do as well. Raises InputError."""
    wanted = name.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    number, _, rest = wanted.partition("_")
    for exercise in course():
        is_number = wanted.isdecimal() and int(wanted) == exercise.number
        if is_number or exercise.name in (wanted, rest if number.isdecimal() else ""):
            return exercise
    close = [exercise.name for exercise in course() if wanted.lower() in exercise.name or exercise.name in wanted]
    guess = f"; did you mean {close[0]}?" if close else "; minattn learn list shows them all"
    raise InputError(f"there is no exercise {name!r}{guess}")
