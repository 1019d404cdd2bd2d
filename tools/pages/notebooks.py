"""An executed walkthrough as a Jupyter notebook with its outputs, made and read by nbformat."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import v4

from minattn.runs import make_folder, read_bytes, write_atomically

from .compare import Line, first_difference
from .execute import ExecutedCell, PageFigure

FOLDER = "notebooks"
_OUTSIDE = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")
_FIRST = (
    "Made from [its script](../{page}.py); the [page](../{page}.md) is the same to read. To run the cells: "
    "`pip install -e .` in the repository."
)


def build_notebook(page: Path, done: list[ExecutedCell]) -> None:
    """Write the notebook of an executed page."""
    make_folder(notebook_of(page).parent)
    cells = []
    for number, (one, lines) in enumerate(_cells(page, done)):
        text = "\n".join(line.text for line in lines)
        cell = v4.new_markdown_cell(text) if one.cell.is_prose else v4.new_code_cell(text, execution_count=None)
        cell["id"] = f"cell-{number}"  # a random one would differ each time
        if not one.cell.is_prose:
            cell["outputs"] = _outputs(one)
            cell["metadata"] = {"jupyter": {"source_hidden": True}} if "folded" in one.cell.tags else {}
        cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    nbformat.validate(book)
    write_atomically(notebook_of(page), nbformat.writes(book, ensure_ascii=False) + "\n")


def check_notebook(page: Path, done: list[ExecutedCell]) -> str | None:
    """What of a committed notebook is not what its page gives, in a sentence; None where nothing is."""
    file = notebook_of(page)
    if not file.exists():
        return f"{file} is missing; build the page again"
    book = nbformat.reads(read_bytes(file).decode("utf-8"), as_version=4)
    nbformat.validate(book)
    wanted = [line for one, lines in _cells(page, done) for line in (*lines, *_output_lines(one))]
    difference = first_difference(wanted, [line for cell in book.cells for line in _read(cell)])
    if difference is None:
        return None
    source, number, found, want = difference
    return f"{file}: stale, build it again\n  has   {found}\n  wants {want}  ({source}, line {number} of all cells)"


def notebook_of(page: Path) -> Path:
    """The file of a page's notebook."""
    return page.parent / FOLDER / f"{page.stem}.ipynb"


def _cells(page: Path, done: list[ExecutedCell]) -> Iterator[tuple[ExecutedCell, list[Line]]]:
    """Each cell with the lines of its source."""
    for number, one in enumerate(done):
        source = f"{page}:{one.cell.line + 1}"
        if not one.cell.is_prose:
            yield one, [Line((text,), source=source) for text in one.cell.lines]
            continue
        in_block, lines = False, []
        for parts in one.prose[0][1]:
            texts, in_block = _for_jupyter(parts, in_block)
            lines.append(Line(texts, one.cell.tolerance, source))
        if not number:
            lines[1:1] = [Line(("",)), Line((_FIRST.format(page=page.stem),))]
        yield one, lines


def _for_jupyter(parts: tuple[str, ...], in_block: bool) -> tuple[tuple[str, ...], bool]:
    """A line with mathematics and links as a notebook in a folder of its own wants them."""
    if parts == ("```math",) or (in_block and parts == ("```",)):
        return ("$$",), not in_block
    texts = [re.sub(r"\$`|`\$", "$", text) for text in parts[::2]]  # a formula may reach over a quoted value
    texts = [_OUTSIDE.sub(lambda link: f"]({_from_folder(link[1])})", text) for text in texts]
    return tuple(texts[i // 2] if i % 2 == 0 else part for i, part in enumerate(parts)), in_block


def _from_folder(target: str) -> str:
    return re.sub(r"\.md$", ".ipynb", target) if re.fullmatch(r"\d\d_\w+\.md", target) else f"../{target}"


def _outputs(one: ExecutedCell) -> list[Any]:
    outputs = []
    if one.output:
        outputs.append(v4.new_output("stream", name="stdout", text="\n".join(one.output) + "\n"))
    for drawing in one.figures:
        data = {"image/png": base64.b64encode(drawing.png).decode("ascii"), "text/plain": _told(drawing)}
        outputs.append(v4.new_output("display_data", data=data))
    return outputs


def _output_lines(one: ExecutedCell) -> list[Line]:
    source = f"line {one.cell.line + 1} of its script"
    texts = [*one.output, *(_told(drawing) for drawing in one.figures)]
    return [Line(("", text, ""), one.cell.tolerance, source) for text in texts]


def _read(cell: Any) -> Iterator[str]:
    yield from cell.source.split("\n")
    for output in cell.get("outputs", ()):
        yield from (output.text.rstrip("\n").split("\n") if "text" in output else [output.data["text/plain"]])


def _told(drawing: PageFigure) -> str:
    return f"[figure] {drawing.title}"
