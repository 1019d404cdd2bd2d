"""How large and how fast the page of numbers is, in Chromium, and whether every entry adds up: a step of two layers of
the default width on an eight-token sentence, with the shipped vocabulary's size.

    python benchmarks/number_page.py            size; time to open, of a click, of a jump to another array, of an edit
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

REPEATS = 60
CLICK = "([k, i]) => show(k, i, true)"
EDIT = "([k, i, x]) => change(k, i, x)"
TIMED = """async (given) => {
  // milliseconds until the script is done, and until what it has done is drawn
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const start = performance.now();
  (%s)(given);
  const script = performance.now() - start;
  const { port1, port2 } = new MessageChannel();
  await new Promise((done) => ((port1.onmessage = done), requestAnimationFrame(() => port2.postMessage(0))));
  return [script, performance.now() - start];
}"""
PAUSE = 450  # ms between two measurements: a reader's, in which the page draws what is near the window
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
        sizes = tab.evaluate(SIZES)
        rng = np.random.default_rng(0)
        clicks, jumps, edits = [], [], []
        for k in rng.choice([k for k, size in enumerate(sizes) if size > 1], REPEATS, replace=False):
            i = int(rng.integers(sizes[k]))
            jumps.append(_timed(tab, CLICK, [int(k), i]))
            clicks.append(_timed(tab, CLICK, [int(k), i - 1 if i else i + 1]))
        for k in rng.choice(tab.evaluate(PARAMETERS), REPEATS):
            i = int(rng.integers(tab.evaluate("(k) => page.base.value(k).data.length", int(k))))
            edits.append(_timed(tab, EDIT, [int(k), i, float(rng.normal())]))
        print(f"click beside the last:  {_summary(clicks)}")
        print(f"jump, its card opened:  {_summary(jumps)}")
        print(f"edit of any parameter:  {_summary(edits)}")
        if options.entries:
            found = [tab.evaluate(AUDIT, k) for k in range(len(sizes))]
            print(f"{sum(n for _, n in found):,} entries: the terms differ by at most {max(w for w, _ in found):.1e}")
        browser.close()


def _timed(tab: Any, action: str, given: list[float]) -> tuple[float, float]:
    """Milliseconds of the script, and until the page is drawn."""
    tab.wait_for_timeout(PAUSE)
    script, drawn = tab.evaluate(TIMED % action, given)
    return script, drawn


def _summary(measured: list[tuple[float, float]]) -> str:
    """Median, 95th percentile and maximum of both."""
    script, drawn = (np.percentile(times, [50, 95, 100]) for times in zip(*measured, strict=True))
    said = [" ".join(f"{ms:.0f}" for ms in times) for times in (script, drawn)]
    return f"script {said[0]} ms, drawn {said[1]} ms (median, 95 %, most of {len(measured)})"


def _open(browser: Any, file: Path) -> tuple[Any, float]:
    """A tab with the page, and the seconds until its cards stood there."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(file.as_uri())
    while not tab.evaluate("Boolean(document.querySelector('.card'))"):
        tab.wait_for_timeout(5)
    return tab, tab.evaluate("performance.getEntriesByType('navigation')[0].domComplete") / 1000


if __name__ == "__main__":
    main()
