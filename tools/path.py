"""Print the files and lines of minattn that one training step of the default model passes through.

python tools/path.py            the textbook: every op and the optimizer as they are read
python tools/path.py --fast     the kernels that stand in for them in float32

The step gets a batch, computes the loss, goes backward, clips the gradient and updates the weights. A file is counted
where a function of it is entered. Three counts of its lines:

    file        all lines of the file, with docstrings, comments and blank lines
    functions   the lines of the functions that were entered, each once, from its decorator or `def` to its end, with
                its docstring: what one reads to follow the step
    run         the lines among them that were executed

The bodies of modules and classes, which run when they are imported, are not counted. tests/tools/test_path.py holds the
textbook to MOST_FILES files and MOST_LINES lines of functions.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

import minattn
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.optim import AdamW
from minattn.text import Batches, WordPiece, shipped
from minattn.training.step import train_step

PACKAGE = Path(minattn.__file__).parent
MOST_FILES, MOST_LINES = 25, 2500
SENTENCES = ("The old cat slept by the fire.", "A boat came down the river.", "She read a letter from the sea.")


class Passed(NamedTuple):
    """What a step passes through in one file: all its lines, those of the functions entered, those executed."""

    file: str
    lines: int
    in_functions: int
    executed: int


def training_step() -> Callable[[], None]:
    """A model with its data, made ready; call what is returned to run one step."""
    tokenizer = WordPiece.load(shipped("en/tokenizer.json"))
    batches = Batches([tokenizer.encode(sentence) for sentence in SENTENCES], tokenizer, len(SENTENCES), 0.15, 0)
    model = ReconstructionModel(ReconstructionConfig(tokenizer.vocab_size), generator=np.random.default_rng(0))
    optimizer = AdamW(model.named_parameters(), 1e-3)

    batch = batches.at(0)

    def step() -> None:
        train_step(model, optimizer, batch.ids, batch.attention_mask, batch.targets, 1.0)

    return step


def trace(step: Callable[[], None]) -> list[Passed]:
    """Run a step; what it passes through, file by file."""
    entered: dict[Path, set[int]] = defaultdict(set)
    executed: dict[Path, set[int]] = defaultdict(set)

    def on_call(frame: FrameType, event: str, argument: Any) -> Any:
        file = Path(frame.f_code.co_filename)
        if not _is_counted(frame.f_code, file):
            return None
        entered[file].add(frame.f_code.co_firstlineno)

        def on_line(inner: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                executed[file].add(inner.f_lineno)
            return on_line

        return on_line

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        step()
    finally:
        sys.settrace(before)
    return [_passed(file, entered[file], executed[file]) for file in sorted(entered)]


def _is_counted(code: CodeType, file: Path) -> bool:
    """Whether this is a function of the package, and not the body of a module or of a class."""
    return file.is_relative_to(PACKAGE) and bool(code.co_flags & inspect.CO_OPTIMIZED)


def _passed(file: Path, entered: set[int], executed: set[int]) -> Passed:
    source = file.read_text(encoding="utf-8")
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            marks = getattr(node, "decorator_list", [])
            first = min([node.lineno, *(mark.lineno for mark in marks)])
            if first in entered and node.end_lineno is not None:
                lines |= set(range(first, node.end_lineno + 1))
    return Passed(file.relative_to(PACKAGE.parent).as_posix(), len(source.splitlines()), len(lines), len(executed))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the path of one step."""
    parser = argparse.ArgumentParser(prog="python tools/path.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="with the kernels instead of the textbook")
    options = parser.parse_args(arguments)
    step = training_step()
    with nullcontext() if options.fast else minattn.textbook():
        rows = trace(step)
    print(f"{'':44}{'file':>7}{'functions':>11}{'run':>7}")
    for row in rows:
        print(f"{row.file:44}{row.lines:7,}{row.in_functions:11,}{row.executed:7,}")
    lines, in_functions = sum(row.lines for row in rows), sum(row.in_functions for row in rows)
    print(f"{f'{len(rows)} files':44}{lines:7,}{in_functions:11,}{sum(row.executed for row in rows):7,}")


if __name__ == "__main__":
    main()
