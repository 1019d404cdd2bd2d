"""An executed walkthrough as Markdown in each language: written, or compared with what is there."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from minattn.runs import make_folder, read_bytes, write_atomically

from .cells import FOLDED
from .compare import Line, first_difference
from .execute import ExecutedCell, PageFigure

_FOLDED = ("Code of the figure", "作图代码")


def build(page: Path, done: list[ExecutedCell]) -> None:
    """Write an executed page in each language, with its figures."""
    make_folder(page.parent / "figures")
    for left in _figure_files(page):
        left.unlink()
    for name, drawing in _figures(page, done):
        write_atomically(page.parent / name, drawing.svg)
    for file, lines in weave(page, done).items():
        write_atomically(file, "".join(line.text + "\n" for line in lines))


def check(page: Path, done: list[ExecutedCell]) -> str | None:
    """What of a committed page is not what its source gives, in a sentence; None where nothing is."""
    for file, lines in weave(page, done).items():
        difference = first_difference(lines, read_bytes(file).decode("utf-8").splitlines())
        if difference is not None:
            return _stale(f"{file}:{difference[1]}", *difference)
    return _stale_figure(page, done)


def weave(page: Path, done: list[ExecutedCell]) -> dict[Path, list[Line]]:
    """The lines of the page in each language that it has."""
    languages = len(done[0].prose)
    return {file: list(_page(page, done, i, languages)) for i, file in enumerate(_files(page)[:languages])}


def _page(page: Path, done: list[ExecutedCell], language: int, languages: int) -> Iterator[Line]:
    figures = iter(_figures(page, done))
    for number, one in enumerate(done):
        cell, source = one.cell, f"{page}:{one.cell.line + 1}"
        blank, opened, closed = (Line((text,), source=source) for text in ("", "<details>", "</details>"))
        if number:
            yield blank
        if cell.is_prose:
            written, texts = one.prose[language]
            place = f"{(page, translation_of(page))[language]}:{written.line + 1}"
            lines = [Line(parts, cell.tolerance, place) for parts in texts]
            yield from lines[:1]
            if not number:
                yield from (blank, Line((_links(page, language, languages),)))
            yield from lines[1:]
            continue
        if FOLDED in cell.tags:
            yield from (opened, Line((f"<summary>{_FOLDED[language]}</summary>",)), blank)
        yield from (Line((text,), source=source) for text in ("```python", *cell.lines, "```"))
        if FOLDED in cell.tags:
            yield from (blank, closed)
        if one.output:
            fence = "`" * max([3, *(len(ticks) + 1 for text in one.output for ticks in re.findall("`+", text))])
            yield from (blank, Line((f"{fence}text",)))
            yield from (Line(("", text, ""), cell.tolerance, source) for text in one.output)
            yield Line((fence,))
        for _ in one.figures:
            name, drawing = next(figures)
            alternative = re.sub(r"([\[\]\\])", r"\\\1", drawing.title)
            yield from (blank, Line((f"![{alternative}]({name})",), source=source))


def _links(page: Path, language: int, languages: int) -> str:
    """Where else the page is: its source, and itself in the other language."""
    notebook = f"notebooks/{page.stem}.ipynb"
    source = (f"[As a script]({page.name}) or [notebook]({notebook})", f"[脚本]({page.name})或[笔记本]({notebook})")[
        language
    ]
    if languages == 1:
        return source
    return f"{source} · [{('中文', 'English')[language]}]({_files(page)[1 - language].name})"


def _figures(page: Path, done: list[ExecutedCell]) -> list[tuple[str, PageFigure]]:
    """Each figure with its path from the folder of the page."""
    every = [drawing for one in done for drawing in one.figures]
    return [(f"figures/{page.stem}-{number}.svg", drawing) for number, drawing in enumerate(every, 1)]


def _stale_figure(page: Path, done: list[ExecutedCell]) -> str | None:
    places = [one.cell for one in done for _ in one.figures]
    for (name, drawing), cell in zip(_figures(page, done), places, strict=True):
        file = page.parent / name
        if not file.exists():
            return f"{file} is missing; build it again. It is drawn at {page}:{cell.line + 1}"
        described = ElementTree.fromstring(read_bytes(file)).find(".//{http://purl.org/dc/elements/1.1/}description")
        found = ((described.text or "") if described is not None else "").split("\n")
        lines = [Line(("", words, ""), cell.tolerance, f"{page}:{cell.line + 1}") for words in drawing.words]
        difference = first_difference(lines, found)
        if difference is not None:
            return _stale(str(file), *difference)
    extra = {file.name for file in _figure_files(page)} - {Path(name).name for name, _ in _figures(page, done)}
    return f"{page.parent / 'figures' / min(extra)} is no longer drawn; build the page again" if extra else None


def _stale(place: str, source: str, _: int, found: str, wanted: str) -> str:
    return f"{place}: stale, build it again\n  has   {found}\n  wants {wanted}  ({source})"


def _figure_files(page: Path) -> list[Path]:
    return sorted((page.parent / "figures").glob(f"{page.stem}-*.svg"))


def _files(page: Path) -> tuple[Path, Path]:
    return page.with_suffix(".md"), page.with_suffix(".zh.md")


def translation_of(page: Path) -> Path:
    """The file with the prose of a page in Chinese, which need not exist."""
    return page.parent / "zh" / f"{page.stem}.txt"
