"""A page of numbers in a real browser: what it holds, and what a reader does to it."""

import base64
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

AUDIT = """(most) => {
  // the largest difference between an element and the sum of its terms, as a share of their sizes, and where it is;
  // of each array all elements, or about `most`
  let worst = [0, null, 0];
  page.recording.steps.forEach((_, k) => {
    const { data } = page.live.value(k);
    const stride = Math.max(1, Math.floor(data.length / most));
    for (let i = 0; i < data.length; i += stride) {
      let sum = 0, size = Math.abs(data[i]);
      if (!page.live.terms(k, i, (value) => { sum += value; size += Math.abs(value); })) return;
      if (sum === data[i] || (Number.isNaN(sum) && Number.isNaN(data[i]))) continue;
      const difference = Number.isFinite(size) ? Math.abs(sum - data[i]) / size : 1;
      if (difference > worst[0]) worst = [difference, k, i];
    }
  });
  return worst;
}"""

NUMBERS = """(k) => {
  const bytes = new Uint8Array(page.live.value(k).data.slice().buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}"""


class OpenPage:
    """A page in the browser, with everything that it asked for or complained of."""

    def __init__(self, tab):
        self.tab = tab
        self.requests, self.errors = [], []
        tab.on("request", lambda request: self.requests.append(request.url))
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    def go(self, path, address=""):
        """Open a file."""
        self.tab.goto(f"file://{path}{address}")
        self.until("page.recording !== null")

    def until(self, condition):
        """Wait until a condition holds; the page's policy forbids Playwright's own way."""
        for _ in range(600):
            if self.run(condition):
                return
            self.tab.wait_for_timeout(50)
        raise TimeoutError(condition)

    def run(self, script, argument=None):
        return self.tab.evaluate(script, argument)

    def numbers(self, k):
        """What the page holds for a step, as an array."""
        return np.frombuffer(base64.b64decode(self.run(NUMBERS, k)))

    def verified(self):
        """How many arrays the page has compared with what Python computed, and how many of them differ."""
        self.until("Boolean(page.verified)")
        return self.run("page.verified")


@contextmanager
def browser(**options):
    """A browser in which pages can be opened; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: browser)")
    if BROWSER is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()
