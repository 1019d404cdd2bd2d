"""A walkthrough, executed: what each cell printed, drew, and is quoted with in the prose."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import traceback
import types
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minattn.errors import InputError
from minattn.show.notebook import NotInstalled, png_of, send_figures_to, svg_of, title_of, words_of

from .cells import Cell, read_cells, read_translation, split_quotes


@dataclass(frozen=True)
class PageFigure:
    """A figure: its title, all its words, and itself."""

    title: str
    words: tuple[str, ...]
    svg: str
    png: bytes = b""


@dataclass(frozen=True)
class ExecutedCell:
    """A cell, executed.

    Args:
        prose: for a cell of prose, in each language, the cell and its lines, each as text, value, text, …, text
        output, figures: for a cell of code, what it printed and drew
    """

    cell: Cell
    prose: tuple[tuple[Cell, tuple[tuple[str, ...], ...]], ...] = ()
    output: tuple[str, ...] = ()
    figures: tuple[PageFigure, ...] = ()


class PageError(Exception):
    """A cell raised; the message says where, with the traceback."""


def execute(page: Path, translation: Path | None, pictures: bool = True) -> list[ExecutedCell]:
    """Run a page in this process, which is its own from then on, in an empty folder; warnings are errors.

    Args:
        page: the script
        translation: the file with its prose in another language, if there is one
        pictures: whether figures are drawn as PNG, too

    Raises:
        PageError: a cell raises
        NotInstalled: a package is absent that the page `needs`
    """
    cells = read_cells(page)
    sources = [(page, iter([cell for cell in cells if cell.is_prose]))]
    if translation is not None:
        sources.append((translation, iter(read_translation(translation, cells))))
    module = types.ModuleType("__main__")
    module.__file__ = os.fspath(page)
    sys.modules["__main__"] = module
    sys.path.insert(0, os.fspath(page.parent))
    warnings.simplefilter("error")
    figures: list[PageFigure] = []
    send_figures_to(lambda one: figures.append(_kept(one, pictures)))
    done = []
    with tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty):
        for cell in cells:
            if cell.is_prose:
                done.append(
                    ExecutedCell(cell, tuple(_quote(file, next(prose), module.__dict__) for file, prose in sources))
                )
            else:
                output = _run(page, cell, module.__dict__)
                done.append(ExecutedCell(cell, output=output, figures=tuple(figures)))
                figures.clear()
    return done


def _kept(drawing: Any, picture: bool) -> PageFigure:
    png = png_of(drawing) if picture else b""
    return PageFigure(title_of(drawing), tuple(words_of(drawing)), svg_of(drawing), png)


def _run(page: Path, cell: Cell, names: dict[str, Any]) -> tuple[str, ...]:
    printed = io.StringIO()
    try:
        # As many blank lines before it as the file has: lines in a traceback are those of the file.
        code = compile("\n" * cell.line + "\n".join(cell.lines), page, "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, names)
    except NotInstalled:
        raise
    except (Exception, SystemExit) as error:
        raise _failure(page, cell, error) from None
    return tuple(line.rstrip() for line in printed.getvalue().rstrip().splitlines())


def _quote(file: Path, cell: Cell, names: dict[str, Any]) -> tuple[Cell, tuple[tuple[str, ...], ...]]:
    """A cell of prose and its lines with the values of what they quote."""
    lines = []
    for line in cell.lines:
        parts = split_quotes(line)
        for i, expression in enumerate(parts[1::2]):
            try:
                parts[2 * i + 1] = value = str(eval("f'''{ " + expression + "}'''", names)).strip()
                if "\n" in value:
                    raise InputError(f"a quoted value must be one line, got {value!r}")
            except Exception as error:
                raise _failure(file, cell, error, f"{{{{{expression}}}}}") from None
        lines.append(tuple(parts))
    return cell, tuple(lines)


def _failure(page: Path, cell: Cell, error: BaseException, inside: str = "") -> PageError:
    trace, file = error.__traceback__, os.fspath(page)
    while trace is not None and trace.tb_frame.f_code.co_filename != file and not inside:
        trace = trace.tb_next  # from the page on, without the frames that run it
    told = "".join(traceback.format_exception(type(error), error, None if inside else trace)).rstrip()
    what = f"{inside} in its prose" if inside else "it"
    return PageError(f"{page}:{cell.line + 1}: the cell failed, {what} raised\n{told}")
