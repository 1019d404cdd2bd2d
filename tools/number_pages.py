"""Write the pages of numbers that the course links to: python tools/number_pages.py [--check] [--picture]

They go into docs/pages. --check writes nothing and fails where a page is not what the code gives: its words to the
letter, its numbers to six digits. --picture draws the one in the README, with a browser (pip install '.[browser]').
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from minattn.show import NumberPage, example_page, op_page

FOLDER = Path(__file__).parents[1] / "docs" / "pages"
PAGES: dict[str, Callable[[], NumberPage]] = {
    "training_step": example_page,
    "embedding": partial(op_page, "embedding"),
    "attention": partial(op_page, "attention"),
    "cross_entropy": partial(op_page, "cross_entropy"),
}
MOST_BYTES = 1_000_000
_DATA = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the pages; returns 1 where one is stale or too large."""
    parser = argparse.ArgumentParser(prog="python tools/number_pages.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a page is not up to date")
    parser.add_argument("--picture", action="store_true", help="draw the picture of the README too")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pages are")
    options = parser.parse_args(arguments)
    failed = 0
    for name, make in PAGES.items():
        page, file = make().html, options.folder / f"{name}.html"
        trouble = f"{len(page.encode()):,} bytes are too many" if len(page.encode()) > MOST_BYTES else ""
        if options.check:
            found = file.read_text(encoding="utf-8") if file.is_file() else ""
            trouble = trouble or ("" if same(found, page) else "is not what the code gives: run it without --check")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(page, encoding="utf-8")
        failed += bool(trouble)
        print(f"{name:16} {trouble or 'ok'}", file=sys.stderr if trouble else sys.stdout)
    if options.picture:
        draw(options.folder)
    return 1 if failed else 0


def same(one: str, other: str) -> bool:
    """Whether two pages are the same but for the last digits of their numbers."""
    data = [_DATA.search(page) for page in (one, other)]
    if data[0] is None or data[1] is None or _DATA.sub("", one) != _DATA.sub("", other):
        return False
    return alike(json.loads(data[0][2]), json.loads(data[1][2]))


def alike(one: Any, other: Any, key: str = "") -> bool:
    """Whether two pieces of data are the same, numbers to six digits; what tells an array is left to the array."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[k], other[k], k) for k in one)
    if key == "print":
        return True
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(alike(a, b, key) for a, b in zip(one, other, strict=True))
    if key == "data" and isinstance(one, str) and isinstance(other, str):
        return _close(_numbers(one), _numbers(other))
    return bool(one == other)


def _numbers(text: str) -> Any:
    import base64

    if not re.match(r"[48][A-Za-z0-9+/]{4}", text):
        return np.array([float(text)])
    return np.frombuffer(base64.b64decode(text[1:]), "<f4" if text[0] == "4" else "<f8").astype(float)


def _close(one: Any, other: Any) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-6, atol=1e-9, equal_nan=True))


def draw(folder: Path) -> None:
    """A picture of the page of a training step, at the gradient of the attention's scores."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 640})
        tab.goto((folder / "training_step.html").resolve().as_uri())
        ds = "page.recording.steps.findIndex((step) => step.name === 'ds')"
        tab.evaluate(f"() => {{ const k = {ds}; choose(k, largestInRow(k, [0, 0, 2])[1]); }}")
        tab.wait_for_timeout(600)
        tab.screenshot(path=folder / "training_step.png")
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
