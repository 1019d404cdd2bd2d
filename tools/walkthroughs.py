"""Build the walkthroughs, or check that they are up to date: python tools/walkthroughs.py [--check] [--map] [PAGES]

Each `walkthroughs/NN_name.py` gives `NN_name.md` with what its cells print and draw, and `notebooks/NN_name.ipynb`;
where there is prose for it in `zh/NN_name.txt`, `NN_name.zh.md` too, from the same run. Figures lie in `figures/`, with
English words, for both. All pages together, or --map alone, give the map in the README and the glossary; there terms
must be introduced before they are used, and each exercise must stand on a page.

A page that `needs` a package (minattn.show.notebook) which is absent stays as it is: --check says so and goes on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from pages.course import PAGES, build_course
from pages.execute import ExecutedCell, PageError, execute
from pages.notebooks import build_notebook, check_notebook
from pages.weave import build, check, translation_of

from minattn.errors import InputError
from minattn.show.notebook import NotInstalled

FOLDER = Path("walkthroughs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build or check pages; returns 1 where one failed, is stale or could not be built, 2 where there are none."""
    parser = argparse.ArgumentParser(prog="python tools/walkthroughs.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a page is not up to date")
    parser.add_argument("--map", action="store_true", help="the map and the glossary alone, without running a page")
    parser.add_argument("pages", nargs="*", type=Path, help="walkthroughs/NN_name.py; all by default")
    options = parser.parse_args(arguments)
    pages = options.pages or sorted(FOLDER.glob(PAGES))
    if not pages:
        print("no pages: run this where the folder walkthroughs is, or name the pages", file=sys.stderr)
        return 2
    failed = 0 if options.pages else check_course(options.check)
    for page in () if options.map else pages:
        started = time.perf_counter()
        try:
            done, trouble = run(page, pictures=not options.check), None
            if options.check:
                trouble = check(page, done) or check_notebook(page, done)
            else:
                build(page, done)
                build_notebook(page, done)
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


def check_course(check: bool) -> int:
    """Build or check what all pages make together; returns 1 where something is wrong."""
    try:
        problems = build_course(FOLDER, check)
    except InputError as error:
        problems = [str(error)]
    print(*problems, sep="\n", end="\n" * bool(problems), file=sys.stderr, flush=True)
    return 1 if problems else 0


def run(page: Path, pictures: bool = True) -> list[ExecutedCell]:
    """Execute a page in a process of its own.

    Args:
        page: the script
        pictures: whether figures are drawn as PNG too, which only the building of a notebook needs

    Raises:
        InputError: the source is not of the form
        PageError: a cell raises
        NotInstalled: a package is absent that the page needs
    """
    page = page.resolve()
    translation = translation_of(page) if translation_of(page).exists() else None
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(execute, page, translation, pictures).result()
    except BrokenProcessPool as error:
        raise PageError(f"{page}: its process ended abruptly") from error


if __name__ == "__main__":
    sys.exit(main())
