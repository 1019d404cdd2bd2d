"""The course: its exercises in their order, each read from its folder."""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError, did_you_mean
from . import exercises
from .gap import END, START, Way, around_gap, edited, emptied, filled, outdented, ways
from .own_files import EarlierFile, needed, with_own
from .variants import Choices, Option, chosen, combinations, rewritten, rewritten_ways

Cases = Iterable[tuple[Any, ...]]

VARIANT_MARK = "# your variant: "
"""The beginning of the line of a learner's file that says what is otherwise in it."""


def normal(*cases: Sequence[tuple[int, ...]]) -> Callable[[np.random.Generator], Cases]:
    """Make the `cases` of an exercise of arrays of normal numbers; each case is the shapes of its arrays."""
    return lambda rng: [tuple(rng.normal(size=shape) for shape in shapes) for shapes in cases]


class Edge(NamedTuple):
    """Inputs at the edge of what may come, for which the exercise's text asks: a solution is right there too.

    Args:
        where: which they are, after "right, but not": "where logits are 800"
        why: what goes wrong there, and what helps
        inputs: of the function; for a backward pass without the upstream
    """

    where: str
    why: str
    inputs: tuple[Any, ...]


@dataclass(frozen=True)
class Exercise:
    """One exercise. `exercise.py` of its folder makes it; solutions and mistakes are files beside (see the README).

    Args:
        hints: three, from a question to nearly the answer. With choices, what the last one says of a name of the
            solution is the solution's line, so that it follows the variant as that line does
        note: what one knows after it, and where the engine does the same
        cases: rng -> the inputs of the function, several times; different lengths for different axes. A product has a
            case of equal lengths too, in which a forgotten transpose fits, and the numbers tell which one it is
        edges: inputs at the edge of what may come, each with what is said to those who fail there alone
        steps: local names of intermediate values in their order, with what each is: compared where one is used
        like: the registered op that forward is, whose known mistakes are looked for
        accepts: (arguments, answer, the solution's answer) -> None, or a sentence on what is wrong with the answer;
            where more than one is right
        derives: whether a gradient is to be derived, so that it must not be measured; a backward pass always is
        shows: the earlier exercises whose answers its text shows; it is handed out once they are solved
        page: the page of the course, without its ending, on which what it asks for is derived
        choices: what can be otherwise in a variant; see `variants.py`
        options, usual: those that are chosen in a variant, and the usual form; `variants` fills them in
        folder, name, number: where it is; `course` fills them in
    """

    hints: tuple[str, str, str]
    note: str
    cases: Callable[[np.random.Generator], Cases]
    edges: tuple[Edge, ...] = ()
    steps: Mapping[str, str] = field(default_factory=dict)
    like: str | None = None
    accepts: Callable[[tuple[Any, ...], Any, Any], str | None] | None = None
    derives: bool = False
    shows: tuple[str, ...] = ()
    page: str = ""
    choices: Choices = ()
    options: tuple[Option, ...] = ()
    usual: "Exercise | None" = None
    folder: Path = Path()
    name: str = ""
    number: int = 0

    @cached_property
    def _called(self) -> ast.FunctionDef:
        functions = (node for node in ast.parse(self._solution).body if isinstance(node, ast.FunctionDef))
        return around_gap(self._solution) or next(node for node in functions if node.name == "answer")

    @property
    def function(self) -> str:
        """The name of the function that is called: the one with the gap, or `answer` where no function has it."""
        return self._called.name

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """The names of what the function returns; for None that of the argument, for a call that of the function."""
        returned = self._called.body[-1]
        assert isinstance(returned, ast.Return)
        parts = returned.value.elts if isinstance(returned.value, ast.Tuple) else [returned.value]
        names = [next((node.id for node in ast.walk(part) if isinstance(node, ast.Name)), "") for part in parts if part]
        return tuple(name or self.parameters[i] for i, name in enumerate(names, 1))

    @property
    def is_backward(self) -> bool:
        """Whether a backward pass is to be written, which is checked against the file's forward."""
        return self.function == "backward"

    @property
    def asks_for_gradient(self) -> bool:
        """Whether a gradient is to be derived."""
        return self.derives or self.is_backward

    @property
    def file(self) -> str:
        """The name of the learner's file."""
        return f"{self.number:02}_{self.name}.py"

    @cached_property
    def _solution(self) -> str:
        return rewritten((self.folder / "solution.py").read_text(encoding="utf-8"), self.options)

    @cached_property
    def title(self) -> str:
        """The first line of the learner's file."""
        return (ast.get_docstring(ast.parse(self._solution)) or "").partition("\n")[0]

    @cached_property
    def text(self) -> str:
        """The learner's file as it is at first."""
        commands = f"check it: minattn learn check {self.name}      stuck? minattn learn hint {self.name}"
        page = f"# derived in walkthroughs/{self.page}.md\n" if self.page else ""
        if self.options:
            mine = "\n".join(textwrap.wrap(self.says, 118, initial_indent=VARIANT_MARK, subsequent_indent="# "))
            page = f"{mine}\n" + page.replace("derived", "the usual form is derived")
        return f"# {commands}\n{page}{emptied(self._solution)}"

    @cached_property
    def solution(self) -> str:
        """What fills the gap in `solution.py`."""
        _, _, rest = self._solution.partition(START)
        return outdented(rest.partition(END)[0])

    @cached_property
    def alternatives(self) -> dict[str, str]:
        """The pieces of `right.py`, by name: other algebra, loops, einsum."""
        return {way.text: way.gap for way in rewritten_ways(ways(self.folder / "right.py"), self.options)}

    @cached_property
    def mistakes(self) -> tuple[Way, ...]:
        """The solution with the pieces of `wrong.py` in it; for an op (`like`) those of the check come on top."""
        pieces = rewritten_ways(ways(self.folder / "wrong.py"), self.options)
        return tuple(Way(way.text, edited(self.solution, way.gap)) for way in pieces)

    @property
    def says(self) -> str:
        """What is otherwise than in the usual form; "" in that form."""
        return "; ".join(option.says for option in self.options)

    @cached_property
    def variants(self) -> tuple["Exercise", ...]:
        """The exercise with another formula, in every way that its choices allow; none where it has no choices."""
        return tuple(self._with(options) for options in combinations(self.choices))

    @property
    def others(self) -> tuple["Exercise", ...]:
        """The other forms of a variant, first the usual one; none of the usual form."""
        if self.usual is None:
            return ()
        return (self.usual, *(other for other in self.usual.variants if other.options != self.options))

    def for_key(self, key: str | None) -> "Exercise":
        """The variant that a key stands for; the exercise itself without a key, and where it has no variants."""
        return self.variants[chosen(key, self.name, len(self.variants))] if key and self.variants else self

    def _with(self, options: tuple[Option, ...]) -> "Exercise":
        def changed(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            for option in options:
                inputs = option.inputs(*inputs) if option.inputs else inputs
            return inputs

        first, second, third = self.hints
        edges = self.edges if all(option.has_edges for option in options) else ()
        return replace(
            self,
            options=options,
            usual=self,
            hints=(rewritten(first, options), rewritten(second, options), rewritten(third, options)),
            note=f"In its usual form: {self.note}",
            cases=lambda rng: [changed(inputs) for inputs in self.cases(rng)],
            edges=tuple(Edge(edge.where, rewritten(edge.why, options), changed(edge.inputs)) for edge in edges),
            steps={name: rewritten(meaning, options) for name, meaning in self.steps.items()},
            like=None,  # the op is the usual form
        )

    def fill(self, gap: str) -> str:
        """Put something into the gap of the learner's file."""
        return filled(self.text, gap)

    def run(self, gap: str) -> dict[str, Any]:
        """Run the file with something of ours in its gap; returns the names that it defines."""
        return _run(self.fill(gap), self.file)

    @property
    def solved(self) -> dict[str, Any]:
        """The names that the solved file defines."""
        return self.run(self.solution)

    @property
    def needs(self) -> tuple[str, ...]:
        """The earlier exercises that the file imports; those that these import come first."""
        own = needed(self._solution)
        return tuple(dict.fromkeys(name for each in own for name in (*find(each).needs, each)))

    @property
    def earlier_file(self) -> EarlierFile:
        """The solved file, to be imported by a later one."""
        return EarlierFile(self.file, self.fill(self.solution))

    @property
    def parameters(self) -> list[str]:
        """The names of what the function takes."""
        return list(inspect.signature(self.solved[self.function]).parameters)

    def draw(self, seed: int) -> list[tuple[Any, ...]]:
        """Draw the arguments that the function is called with; for a backward pass a random upstream comes first."""
        rng = np.random.default_rng(seed)
        return [self.with_upstream(inputs, rng) for inputs in list(self.cases(rng))]

    def with_upstream(self, inputs: tuple[Any, ...], rng: np.random.Generator) -> tuple[Any, ...]:
        """The arguments for some inputs; for a backward pass a random upstream comes first."""
        if not self.is_backward:
            return inputs
        return np.asarray(rng.normal(size=np.shape(self.solved["forward"](*inputs)))), *inputs


@cache
def _run(text: str, file: str) -> dict[str, Any]:
    names = with_own(lambda name: find(name).solved)
    exec(compile(text, file, "exec"), names)
    return {name: value for name, value in names.items() if name != "__builtins__"}


@cache
def course() -> tuple[Exercise, ...]:
    """List all exercises, in the order of the folders in `exercises`."""
    folders = [folder for place in exercises.__path__ for folder in Path(place).glob("e*_*") if folder.is_dir()]
    return tuple(
        replace(
            importlib.import_module(f"{exercises.__name__}.{folder.name}.exercise").exercise,
            folder=folder,
            name=folder.name.partition("_")[2],
            number=number,
        )
        for number, folder in enumerate(sorted(folders, key=lambda folder: folder.name), 1)
    )


def find(name: str, key: str | None = None) -> Exercise:
    """Find an exercise by its name, its number or the name of its file; with a key, the variant for that key.

    Raises:
        InputError: there is none

    >>> find("course/softmax.py").title
    'Softmax: raise one score and all other probabilities fall'
    """
    wanted = name.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    number, _, rest = wanted.partition("_")
    word = rest if number.isdecimal() else wanted
    for exercise in course():
        if exercise.name in (wanted, word) or (wanted.isdecimal() and int(wanted) == exercise.number):
            return exercise.for_key(key)
    guess = did_you_mean(word, [exercise.name for exercise in course()]) or "; minattn learn list shows them all"
    raise InputError(f"there is no exercise {name!r}{guess}")
