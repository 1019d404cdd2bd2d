"""Every script beside the package says what it is for, and does nothing else then."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = [
    path.relative_to(ROOT).as_posix()
    for folder in ("benchmarks", "tools")
    for path in sorted((ROOT / folder).glob("*.py"))
    if "__main__" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_answers_help(script, tmp_path):
    text = (ROOT / script).read_text(encoding="utf-8")
    if "import pdoc" in text:
        pytest.importorskip("pdoc")
    done = subprocess.run(
        [sys.executable, str(ROOT / script), "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ") and text.split(maxsplit=1)[0].strip('"') in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_variation_that_is_not_there_is_refused_with_those_that_are():
    command = [sys.executable, str(ROOT / "benchmarks/defaults.py"), "width 12"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "there is no variation 'width 12'; there are defaults, 1 layer" in done.stderr
