"""Write a page for every kind of mistake: what it means, an example, and what the check says to it.

python tools/mistake_pages.py             into walkthroughs/kinds
python tools/mistake_pages.py FOLDER      into another folder
"""

from __future__ import annotations

import argparse
import linecache
from pathlib import Path
from typing import Any

import numpy as np
from mistake_examples import Example, examples

from minattn.check import Report, check_backward
from minattn.check.mistake_kinds import Kind, kinds

PAGES = Path(__file__).parents[1] / "walkthroughs" / "kinds"

_PAGE = """# {name}

{meaning}

## An example
```python
{code}
```
On `{inputs}` the check says:
```
{said}
```
Right is
```python
{right}
```

## What to look at
{next}.

[All kinds](README.md)
"""


def pages() -> dict[str, str]:
    """File name -> text: a page for each kind, and a list of them."""
    rows = [f"- [{name}]({name}.md): {kind.meaning.partition('. ')[0].rstrip('.')}." for name, kind in kinds.items()]
    opening = "# What can be wrong with a gradient\n\nEvery kind of mistake that `minattn.check` reports.\n\n"
    written = {f"{name}.md": _page(name, kind, examples[name]) for name, kind in kinds.items()}
    return {"README.md": opening + "\n".join(rows) + "\n", **written}


def run_example(name: str, example: Example, backward: str) -> Report:
    """The report of the check on an example, with its wrong backward or with its right one."""
    code, source = example.code(backward), f"<the example of {name}>"
    linecache.cache[source] = (len(code), None, code.splitlines(keepends=True), source)  # for the lines in the report
    scope: dict[str, Any] = {"np": np}
    exec(compile(code, source, "exec"), scope)
    rng = np.random.default_rng(1)
    inputs = eval(example.inputs, {"np": np, "normal": lambda *shape: rng.normal(size=shape)})
    return check_backward(scope["forward"], scope["backward"], inputs)


def _page(name: str, kind: Kind, example: Example) -> str:
    blocks = str(run_example(name, example, example.backward)).split("\n\n")
    said = "\n\n".join(block for block in blocks if not block.startswith("  "))  # without the table of errors
    return _PAGE.format(
        name=name,
        meaning=kind.meaning,
        code=example.code(example.backward),
        inputs=example.inputs,
        said=said,
        right=example.code_of(example.right),
        next=kind.next[0].upper() + kind.next[1:],
    )


def write_pages(folder: Path) -> None:
    """Write the pages into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python tools/mistake_pages.py", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=PAGES, help="where they go (walkthroughs/kinds)")
    write_pages(parser.parse_args().folder)
