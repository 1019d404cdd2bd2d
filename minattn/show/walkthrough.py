"""Build the walkthroughs, or check that they are up to date: python -m minattn.show.walkthrough [--check] [PAGES]

Each `walkthroughs/NN_name.py` gives `NN_name.md` with what its cells print and draw; where there is prose for it in
`zh/NN_name.txt`, `NN_name.zh.md` too, from the same run. Figures lie in `figures/`, with English words, for both.

A page that `needs` a package (minattn.show.package) which is absent stays as it is: --check says so and goes on.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from ..errors import InputError
from ..runs import make_folder, read_bytes, write_atomically
from .cells import FOLDED
from .execute import Done, Drawn, PageError, execute
from .package import NotInstalled
from .stale import Line, first_difference

_FOLDED = ("Code of the figure", "作图代码")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build or check pages; 1 where one failed, is stale or could not be built, 2 for what cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m minattn.show.walkthrough", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a page is not up to date")
    parser.add_argument("pages", nargs="*", type=Path, help="walkthroughs/NN_name.py; all by default")
    options = parser.parse_args(arguments)
    pages = options.pages or sorted(Path("walkthroughs").glob("[0-9][0-9]_*.py"))
    if not pages:
        print("no pages: run this where the folder walkthroughs is, or name the pages", file=sys.stderr)
        return 2
    failed = 0
    for page in pages:
        started = time.perf_counter()
        try:
            done, trouble = run(page), None
            if options.check:
                trouble = check(page, done)
            else:
                build(page, done)
        except NotInstalled as absent:
            print(f"{page.stem:24} not {'checked' if options.check else 'built'}: {absent}", flush=True)
            failed += not options.check
            continue
        except (PageError, InputError) as error:
            trouble = str(error)
        failed += trouble is not None
        print(f"{page.stem:24} {time.perf_counter() - started:5.1f} s{'  ✗' if trouble else ''}", flush=True)
        if trouble:
            print(trouble, file=sys.stderr, flush=True)
    return 1 if failed else 0


def build(page: Path, done: list[Done]) -> None:
    """Write an executed page in each language, with its figures."""
    make_folder(page.parent / "figures")
    for left in _figure_files(page):
        left.unlink()
    for name, drawing in _figures(page, done):
        write_atomically(page.parent / name, drawing.svg)
    for file, lines in weave(page, done).items():
        write_atomically(file, "".join(line.text + "\n" for line in lines))


def check(page: Path, done: list[Done]) -> str | None:
    """What of a committed page is not what its source gives, in a sentence; None where nothing is."""
    for file, lines in weave(page, done).items():
        difference = first_difference(lines, read_bytes(file).decode("utf-8").splitlines())
        if difference is not None:
            return _stale(f"{file}:{difference[1]}", *difference)
    return _stale_figure(page, done)


def run(page: Path) -> list[Done]:
    """Execute a page in a process of its own.

    Raises InputError for a source that is not of the form, PageError for a cell that raises, NotInstalled where a
    package is absent that it needs.
    """
    page = page.resolve()
    twin = _twin(page) if _twin(page).exists() else None
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(execute, page, twin).result()
    except BrokenProcessPool as error:
        raise PageError(f"{page}: its process ended abruptly") from error


def weave(page: Path, done: list[Done]) -> dict[Path, list[Line]]:
    """The lines of the page in each language that it has."""
    languages = len(done[0].prose)
    return {file: list(_page(page, done, i, languages)) for i, file in enumerate(_files(page)[:languages])}


def _page(page: Path, done: list[Done], language: int, languages: int) -> Iterator[Line]:
    figures = iter(_figures(page, done))
    for number, one in enumerate(done):
        cell, source = one.cell, f"{page}:{one.cell.line + 1}"
        blank, opened, closed = (Line((text,), source=source) for text in ("", "<details>", "</details>"))
        if number:
            yield blank
        if cell.is_prose:
            written, texts = one.prose[language]
            place = f"{(page, _twin(page))[language]}:{written.line + 1}"
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
    source = f"[{('As a script or notebook', '脚本或笔记本')[language]}]({page.name})"
    if languages == 1:
        return source
    return f"{source} · [{('中文', 'English')[language]}]({_files(page)[1 - language].name})"


def _figures(page: Path, done: list[Done]) -> list[tuple[str, Drawn]]:
    """Each figure with its path from the folder of the page."""
    every = [drawing for one in done for drawing in one.figures]
    return [(f"figures/{page.stem}-{number}.svg", drawing) for number, drawing in enumerate(every, 1)]


def _stale_figure(page: Path, done: list[Done]) -> str | None:
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


def _twin(page: Path) -> Path:
    return page.parent / "zh" / f"{page.stem}.txt"


if __name__ == "__main__":
    sys.exit(main())
