"""A homework for tools that grade by themselves: an autograder for Gradescope, a repository for GitHub Classroom."""

import json
import shlex
import stat
import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from ...errors import InputError
from ...runs import make_folder, write_atomically
from ..course import Exercise
from ..points import Points

PACKAGE = Path(__file__).parents[2]

SETUP = """\
#!/usr/bin/env bash
# Runs once, while the image of the autograder is made, and has a network; grading then needs none.
set -e
apt-get update
apt-get install -y bubblewrap || echo "no bubblewrap: submissions run with limits, but are not isolated"
python=python3
if ! $python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  apt-get install -y python3.11 python3.11-venv
  python=python3.11
fi
$python -m venv /autograder/venv || { apt-get install -y python3-venv && $python -m venv /autograder/venv; }
/autograder/venv/bin/pip install 'numpy>=2.0'
"""

RUN = """\
#!/usr/bin/env bash
# Grades /autograder/submission into /autograder/results/results.json.
place=${AUTOGRADER:-/autograder}
python=${PYTHON:-$place/venv/bin/python}
export PYTHONPATH="$place/source" PYTHONDONTWRITEBYTECODE=1
cd "$place"
mkdir -p results
KEY
"$python" -m minattn learn grade submission OPTIONS --format gradescope --out results/results.json || {
  said='{"score": 0, "output": "This could not be graded; tell your teacher.", "stdout_visibility": "hidden"}'
  [ -s results/results.json ] || printf '%s\\n' "$said" >results/results.json
}
"""

KEY_OF_STUDENT = """\
email=$("$python" -c 'import json; print(json.load(open("submission_metadata.json"))["users"][0]["email"])')
key=PATTERN
variant=(--variant "${key//\\{\\}/$email}")"""

TEST = '''\
"""The homework, checked as `minattn learn check` checks it: pytest, or pytest -k softmax."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / ".grader"))

from minattn.learn import check_file, find  # noqa: E402

EXERCISES = NAMES
KEY = VARIANT


@pytest.mark.parametrize("name", EXERCISES)
def test_exercise(name):
    exercise = find(name, KEY)
    verdict = check_file(exercise, HERE / exercise.file)
    assert verdict.solved, str(verdict)
'''

WORKFLOW = """\
name: Autograding
on: [push, workflow_dispatch]
permissions:
  checks: write
  actions: read
  contents: read
jobs:
  grade:
    runs-on: ubuntu-latest
    if: github.actor != 'github-classroom[bot]'
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install -r requirements.txt
STEPS      - uses: classroom-resources/autograding-grading-reporter@v1
        env:
RESULTS
        with:
          runners: RUNNERS
"""

STEP = """\
      - id: {name}
        uses: classroom-resources/autograding-command-grader@v1
        with:
          test-name: {name}
          command: {run}
          timeout: 2
          max-score: {points}
"""


def write_bundle(
    place: Path, exercises: Sequence[Exercise], points: Points, key: str | None = None, tell: int | None = None
) -> None:
    """Write an autograder for Gradescope: a ZIP with setup.sh, run_autograder and this package.

    Args:
        place: the ZIP
        key: of the variants; in it, {} stands for the student's e-mail address
        tell: how much of a diagnosis students see; None for all of it

    Raises:
        InputError: the name does not end in .zip
        RunError: the disk refuses
    """
    if place.suffix != ".zip":
        raise InputError(f"expected a name that ends in .zip, got {place}")
    options = ["--only", ",".join(exercise.name for exercise in exercises)]
    options += ["--points", ",".join(f"{exercise.name}={points.of(exercise):g}" for exercise in exercises)]
    options += [] if tell is None else ["--tell", str(tell)]
    own, variant = "", ""
    if key is not None and "{}" in key:
        own, variant = KEY_OF_STUDENT.replace("PATTERN", shlex.quote(key)), ' "${variant[@]}"'
    elif key is not None:
        options += ["--variant", key]
    run = RUN.replace("KEY\n", f"{own}\n" if own else "").replace("OPTIONS", shlex.join(options) + variant)
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("setup.sh", SETUP), ("run_autograder", run)):
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = (stat.S_IFREG | 0o755) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
        for path, inside in package_files():
            archive.writestr(zipfile.ZipInfo(inside, (2020, 1, 1, 0, 0, 0)), path.read_bytes(), zipfile.ZIP_DEFLATED)
    write_atomically(place, stream.getvalue())


def write_repository(folder: Path, exercises: Sequence[Exercise], points: Points, key: str | None = None) -> None:
    """Write a repository that students get a copy of: templates, tests, and what GitHub Classroom runs.

    Raises:
        InputError: the folder is not empty
        RunError: the disk refuses
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty; name a new folder")
    exercises = [exercise.for_key(key) for exercise in exercises]
    names = [exercise.name for exercise in exercises]
    test = TEST.replace("NAMES", json.dumps(names)).replace("VARIANT", repr(key))
    tests = [
        {
            **{"name": exercise.name, "setup": "pip install -r requirements.txt", "run": _command(exercise)},
            **{
                "input": "",
                "output": "",
                "comparison": "included",
                "timeout": 2,
                "points": int(worth) if (worth := points.of(exercise)).is_integer() else worth,
            },
        }
        for exercise in exercises
    ]
    steps = "".join(
        STEP.format(name=exercise.name, run=_command(exercise), points=f"{points.of(exercise):g}")
        for exercise in exercises
    )
    results = "\n".join(f"          {name.upper()}_RESULTS: ${{{{ steps.{name}.outputs.result }}}}" for name in names)
    workflow = WORKFLOW.replace("STEPS", steps).replace("RESULTS", results, 1).replace("RUNNERS", ",".join(names))
    contents = {exercise.file: exercise.text for exercise in exercises}
    contents |= {"test_homework.py": test, "requirements.txt": "numpy>=2.0\npytest\n"}
    contents |= {".github/classroom/autograding.json": json.dumps({"tests": tests}, indent=1) + "\n"}
    contents |= {".github/workflows/classroom.yml": workflow, ".gitignore": "__pycache__\n"}
    for name, text in contents.items():
        make_folder((folder / name).parent)
        write_atomically(folder / name, text)
    for path, inside in package_files():
        make_folder((folder / ".grader" / inside).parent)
        (folder / ".grader" / inside).write_bytes(path.read_bytes())


def package_files() -> Iterator[tuple[Path, str]]:
    """The files of this package that grading needs, and their places below a folder that Python looks into."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, f"{PACKAGE.name}/{path.relative_to(PACKAGE).as_posix()}"


def _command(exercise: Exercise) -> str:
    return f"python -m pytest -q 'test_homework.py::test_exercise[{exercise.name}]'"
