"""Build the API reference from the docstrings: python tools/api.py [FOLDER]

Writes HTML into docs/api, which git ignores, or into another folder; open index.html there. Every warning is an error:
a name that `__all__` promises and that is not there, an annotation that cannot be read. Needs
`pip install -e '.[docs]'`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import typing
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import minattn

FOLDER = Path(__file__).parents[1] / "docs" / "api"
STYLE = Path(__file__).parent / "api_style"
PACKAGE = Path(__file__).parents[1] / "minattn"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the reference; returns 1 where a docstring or an annotation cannot be read, 2 where pdoc is absent."""
    parser = argparse.ArgumentParser(prog="python tools/api.py", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where to write; docs/api by default")
    folder = parser.parse_args(arguments).folder
    if find_spec("pdoc") is None:
        print("pdoc is not installed, and the API reference needs it: pip install -e '.[docs]'", file=sys.stderr)
        return 2
    troubles = build(folder, rooms())
    for trouble in troubles:
        print(trouble, file=sys.stderr)
    print(f"{len(list(folder.rglob('*.html')))} pages in {folder}")
    return 1 if troubles else 0


def rooms() -> list[str]:
    """The modules that have a page: the package, its rooms with what their `__init__` hands on, and the notebook's."""
    stems = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} | {path.stem for path in PACKAGE.glob("*.py")}
    own = sorted(stem for stem in stems if stem[0] != "_")
    return ["minattn", *(f"minattn.{stem}" for stem in own), "minattn.show.notebook"]


def build(folder: Path, modules: Sequence[str]) -> list[str]:
    """Write the reference of some modules into a folder; returns the warnings that this gave, each once."""
    import pdoc

    for module in modules:
        importlib.import_module(module)
    for name in minattn.__all__:
        getattr(minattn, name)  # what is imported only when it is named
    _resolve_annotations()
    pdoc.render.configure(docformat="google", template_directory=STYLE, footer_text=f"minattn {minattn.__version__}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # pdoc finds those in __all__ itself, and would warn of what is named twice
        pdoc.pdoc(*(m for m in modules if m.partition(".")[2] not in minattn.__all__), output_directory=folder)
    return sorted({str(warning.message) for warning in caught})


def _resolve_annotations() -> None:
    """Give constructors that Python made (of data classes and named tuples) types in place of their names.

    pdoc would look the names up in the module that hands a class on, where they need not be known.
    """
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "minattn"]
    for cls in {value for module in modules for value in vars(module).values() if isinstance(value, type)}:
        home = sys.modules.get(cls.__module__)
        for maker in (getattr(cls, name) for name in ("__init__", "__new__") if name in vars(cls)):
            if home in modules:
                with contextlib.suppress(NameError):  # known to type checkers alone: pdoc reads these blocks
                    maker.__annotations__ = typing.get_type_hints(maker, vars(home))


if __name__ == "__main__":
    sys.exit(main())
