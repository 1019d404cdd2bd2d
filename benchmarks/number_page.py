"""How large and how fast the page of numbers is, in Chromium, and whether every entry adds up: a step of two layers of
the default width on an eight-token sentence, with the shipped vocabulary's size.

    python benchmarks/number_page.py            size; time to open, of a click, of an edit
    python benchmarks/number_page.py --entries  also: of every entry of every array, the terms are added up
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from minattn import show
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.text import Batch

REPEATS = 20
CLICK = "([k, i]) => { const start = performance.now(); show(k, i, true); return performance.now() - start; }"
EDIT = "([k, i, x]) => { const start = performance.now(); change(k, i, x); return performance.now() - start; }"
SIZES = "page.recording.steps.map((step, k) => 'print' in step ? page.base.value(k).data.length : 0)"
PARAMETERS = "[...page.base.inputsByName()].filter(([name]) => /^[^ ]*(weight|bias)$/.test(name)).map(([, k]) => k)"
AUDIT = """async (k) => {
  const { data } = page.base.value(k);
  let worst = 0;
  for (let i = 0; i < data.length; i++) {
    let sum = 0, size = Math.abs(data[i]);
    if (!page.base.terms(k, i, (value) => { sum += value; size += Math.abs(value); })) return [0, 0];
    if (sum !== data[i] && !(Number.isNaN(sum) && Number.isNaN(data[i]))) {
      worst = Math.max(worst, Number.isFinite(size) ? Math.abs(sum - data[i]) / size : 1);
    }
  }
  return [worst, data.length];
}"""


def made_page() -> show.NumberPage:
    """The page of an untrained model, whose numbers are as many as those of a trained one."""
    config = ReconstructionConfig(
        vocab_size=1000, width=128, layers=2, max_tokens=64, positions="relative", de_embedding="tied", norm_first=False
    )
    model = ReconstructionModel(config, generator=np.random.default_rng(0))
    ids = np.array([[2, 50, 60, 4, 70, 80, 90, 3]])
    targets = np.where(ids == 4, 55, -100)
    return show.page(model, Batch(ids, targets, ids > 0, targets >= 0, ids > 0))


def main() -> None:
    """Print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", action="store_true", help="add up the terms of every entry (minutes)")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    page = made_page()
    print(f"size: {len(page.html.encode()) / 1e6:.2f} MB")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        file = page.save(Path(folder) / "page.html")
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        opened = [_open(browser, file) for _ in range(5)]
        print(f"opens in {statistics.median(seconds for _, seconds in opened):.2f} s (median of {len(opened)})")
        tab = opened[-1][0]
        while not tab.evaluate("Boolean(page.verified)"):
            tab.wait_for_timeout(50)
        verified = tab.evaluate("page.verified")
        print(f"computed again: {verified['steps']} arrays, {verified['wrong']} differ from Python's")
        sizes = tab.evaluate(
            "page.recording.steps.map((step, k) => 'print' in step ? page.base.value(k).data.length : 0)"
        )
        rng = np.random.default_rng(0)
        clicks, jumps, edits = [], [], []
        for k in rng.choice([k for k, size in enumerate(sizes) if size > 1], REPEATS, replace=False):
            i = int(rng.integers(sizes[k]))
            jumps.append(tab.evaluate(CLICK, [int(k), i]))
            clicks.append(tab.evaluate(CLICK, [int(k), i - 1 if i else i + 1]))
        parameters = tab.evaluate(
            "[...page.base.inputsByName()].filter(([n]) => /weight|bias/.test(n)).map(([, k]) => k)"
        )
        for k in rng.choice(parameters, REPEATS):
            i = int(rng.integers(tab.evaluate("(k) => page.base.value(k).data.length", int(k))))
            edits.append(tab.evaluate(EDIT, [int(k), i, float(rng.normal())]))
        print(f"click: {statistics.median(clicks):.0f} ms, at most {max(clicks):.0f} ms ({REPEATS}, beside the last)")
        print(f"jump: {statistics.median(jumps):.0f} ms, at most {max(jumps):.0f} ms ({REPEATS}, its card opened)")
        print(f"edit: {statistics.median(edits):.0f} ms, at most {max(edits):.0f} ms ({REPEATS} of any parameter)")
        if options.entries:
            found = [tab.evaluate(AUDIT, k) for k in range(len(sizes))]
            print(f"{sum(n for _, n in found):,} entries: the terms differ by at most {max(w for w, _ in found):.1e}")
        browser.close()


def _open(browser: Any, file: Path) -> tuple[Any, float]:
    """A tab with the page, and the seconds until its cards stood there."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(file.as_uri())
    while not tab.evaluate("Boolean(document.querySelector('.card'))"):
        tab.wait_for_timeout(5)
    return tab, tab.evaluate("performance.getEntriesByType('navigation')[0].domComplete") / 1000


if __name__ == "__main__":
    main()
