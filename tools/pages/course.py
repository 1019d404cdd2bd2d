"""The course as a whole: its pages in their order, the map of them, and what must hold between them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from minattn.errors import InputError
from minattn.learn.course import Exercise
from minattn.learn.course import course as read_exercises
from minattn.runs import read_bytes, write_atomically

from .cells import FOLDED, Cell, read_cells
from .terms import TermLine, glossary_pages, marked_in, order_problems, read_glossary
from .weave import translation_of

PAGES = "[0-9][0-9]_*.py"
_MAP = re.compile(r"(?<=<!-- map -->\n).*?(?=<!-- end of the map -->)", re.DOTALL)
_NUMBERED = re.compile(r"\[(?:[Pp]age |第 )(\d+)(?: 页)?\]\((\d\d)_")
_HEADS = (
    "| | answers | minutes | exercises |\n| --- | --- | --- | --- |\n",
    "| | 回答的问题 | 分钟 | 练习 |\n| --- | --- | --- | --- |\n",
)
# Minutes for what a reader goes through: a word, a formula on its own lines, a line of code, a figure, a question.
_MINUTES = {"word": 1 / 200, "formula": 1 / 2, "code": 1 / 12, "figure": 1 / 2, "question": 1.0}
# And for an exercise: to read it, and for each line of its solution.
_EXERCISE, _SOLUTION_LINE = 4.0, 1.5


class Page:
    """A page of the course, as its source says.

    Args:
        file: its script
    """

    def __init__(self, file: Path) -> None:
        self.file, self.cells = file, read_cells(file)

    @property
    def prose(self) -> Iterator[Cell]:
        """Its cells of prose."""
        return (cell for cell in self.cells if cell.is_prose)

    @property
    def title(self) -> str:
        """Its title, number and all."""
        return self.cells[0].lines[0].removeprefix("# ")

    @cached_property
    def exercises(self) -> list[str]:
        """The names of the exercises that its last section tells the reader to do."""
        text = "\n".join(line for cell in self.prose for line in cell.lines)
        section = re.split(r"^## The exercises?$", text, flags=re.MULTILINE)[-1] if "## The exercise" in text else ""
        named = re.findall(r"`(?:minattn learn check )?(\w+)`", section)
        known = {exercise.name for exercise in read_exercises()}
        return list(dict.fromkeys(name for name in named if name in known))

    @property
    def own(self) -> list[Exercise]:
        """Those of them that are derived here, and not on an earlier page."""
        return [exercise for exercise in read_exercises() if exercise.page == self.file.stem]

    @property
    def question(self) -> str:
        """What it answers: the line in italics below its title."""
        return _question(self.file, self.cells[0].lines)

    @property
    def minutes(self) -> tuple[int, int]:
        """How long it takes to read, and to do its own exercises, reckoned from what is there."""
        lines = [line for cell in self.prose for line in cell.lines]
        formulas = sum(line == "```math" for line in lines)
        words = len(re.findall(r"[^\W\d_]{2,}", re.sub(r"(?s)```math.*?```", "", "\n".join(lines))))
        code = sum(len(cell.lines) for cell in self.cells if not cell.is_prose and FOLDED not in cell.tags)
        figures = sum(line.startswith("show(") for cell in self.cells if not cell.is_prose for line in cell.lines)
        questions = sum(line == "<details><summary>Answer</summary>" for line in lines)
        counted = zip(_MINUTES.values(), (words, formulas, code, figures, questions), strict=True)
        practice = sum(_EXERCISE + _SOLUTION_LINE * len(exercise.solution.splitlines()) for exercise in self.own)
        return math.ceil(sum(each * count for each, count in counted)), math.ceil(practice)

    @property
    def lines(self) -> list[TermLine]:
        """Its lines, for the check of the order of terms."""
        source = read_bytes(self.file).decode("utf-8").splitlines()
        prose = {cell.line + i for cell in self.prose for i in range(1, len(cell.lines) + 1)}
        return [
            TermLine(number, line, marked_in(line) if number in prose else (), _is_sentence(number in prose, line))
            for number, line in enumerate(source, 1)
            if not line.startswith(("# %%", "from ", "import "))
        ]


def whole_course(folder: Path) -> tuple[dict[Path, str], list[str]]:
    """What is written from all pages together, and what is wrong between them.

    Args:
        folder: of the walkthroughs

    Returns:
        the map and the glossary in both languages by file; the problems, a sentence each

    Raises:
        InputError: a file is not of the form
    """
    pages = [Page(file) for file in sorted(folder.glob(PAGES))]
    translations = [_translated(page) for page in pages]
    glossary = read_glossary(folder)
    lines = {page.file: page.lines for page in pages}
    titles = (
        {page.file: page.title for page in pages},
        {page.file: text[0].removeprefix("# ") for page, text in zip(pages, translations, strict=True) if text},
    )
    problems = [*order_problems(glossary, lines), *_wrong_numbers(pages, translations), *_homeless(pages)]
    written = {}
    for language, name in enumerate(("README.md", "README.zh.md")):
        text = read_bytes(folder / name).decode("utf-8")
        rows = [_row(page, language, text) for page, text in zip(pages, translations, strict=True)]
        table = _HEADS[language] + "".join(rows)
        before, after = _MAP.split(text, maxsplit=1)
        written[folder / name] = before + table + after
    pair = glossary_pages(glossary, lines, titles)
    written |= {folder / f"glossary{end}": text for end, text in zip((".md", ".zh.md"), pair, strict=True)}
    return written, problems


def build_course(folder: Path, check: bool) -> list[str]:
    """Write the map and the glossary, or with check compare them; returns what is wrong, a sentence each."""
    written, problems = whole_course(folder)
    for file, text in written.items():
        if not check:
            write_atomically(file, text)
        elif not file.exists() or read_bytes(file).decode("utf-8") != text:
            problems.append(f"{file} is stale; run python tools/walkthroughs.py --map")
    return problems


def _translated(page: Page) -> list[str]:
    file = translation_of(page.file)
    return read_bytes(file).decode("utf-8").splitlines() if file.exists() else []


def _row(page: Page, language: int, translation: Sequence[str]) -> str:
    if language and not translation:
        return ""
    title, link, question = page.title, f"{page.file.stem}.md", page.question
    if language:
        title, link = translation[0].removeprefix("# "), f"{page.file.stem}.zh.md"
        question = _question(translation_of(page.file), translation)
    reading, practice = page.minutes
    names = ("、" if language else ", ").join(f"`{name}`" for name in (exercise.name for exercise in page.own))
    return f"| [{title}]({link}) | {question} | {reading}{f' + {practice}' if practice else ''} | {names} |\n"


def _is_sentence(is_prose: bool, line: str) -> bool:
    """Whether a line of a source is prose, and neither a heading nor the question below the title."""
    return is_prose and not re.match(r"# (#|\*[^*]+\*$)", line)


def _question(file: Path, lines: Sequence[str]) -> str:
    if len(lines) < 3 or not re.fullmatch(r"\*[^*]+\*", lines[2]):
        raise InputError(f"{file}: two lines below the title must stand what the page answers, in italics, *How …?*")
    return lines[2].strip("*")


def _wrong_numbers(pages: Sequence[Page], translations: Sequence[Sequence[str]]) -> Iterator[str]:
    """Titles and links whose number is not that of the file."""
    for page, translation in zip(pages, translations, strict=True):
        number = int(page.file.stem[:2])
        for title in (page.title, *(line.removeprefix("# ") for line in translation[:1])):
            if not title.startswith(f"{number}. "):
                yield f"{page.file}: its title must begin with {number}., got {title!r}"
        texts = {page.file: read_bytes(page.file).decode("utf-8"), translation_of(page.file): "\n".join(translation)}
        for file, text in texts.items():
            for told, linked in _NUMBERED.findall(text):
                if int(told) != int(linked):
                    yield f"{file}: a link to page {int(linked)} says {told}"
    numbers = [int(page.file.stem[:2]) for page in pages]
    if numbers != list(range(len(pages))):
        yield f"the pages must be numbered from 00 without a gap, got {numbers}"


def _homeless(pages: Sequence[Page]) -> Iterator[str]:
    """Exercises that stand on no page, or that name another than the first on which they stand."""
    homes: dict[str, str] = {}
    for page in pages:
        for name in page.exercises:
            homes.setdefault(name, page.file.stem)
    for exercise in read_exercises():
        home = homes.get(exercise.name)
        if home is None:
            yield f"the exercise {exercise.name} stands on no page; name it in the last section of one"
        elif exercise.page != home:
            yield f"{exercise.folder / 'exercise.py'}: page={exercise.page!r}, but it stands on {home}"
