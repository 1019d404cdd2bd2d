"""Submissions for points without mathematics, written by others who did not know the grader's tests: none does harm.

Each is a file of an exercise in `hostile/others.zip`, with a line on what it tries. They were written once, and are not
changed after what they find.
"""

import hashlib
import io
import os
import shutil
import zipfile
from pathlib import Path

import pytest

import minattn
from minattn.learn import Limits, find
from minattn.learn.grade import grade
from minattn.learn.screen import Screen
from minattn.learn.wall import why_no_wall

TRICKS = Path(__file__).parents[1] / "support" / "hostile" / "others.zip"
UNSEEN = {
    "017_dropout_times_three": "a linear slope from a point that is far away",
    "035_gelu_in_u": "measures in another variable, which lies far from x",
    "039_residual_in_u": "measures tanh alone, where the input does not appear",
    "048_one_sided_relative": "five points on one side, each with a step of its own",
    "052_huge_steps": "a product is linear: steps of 1000 are exact",
    "069_int64_and_linear": "a linear slope from whole numbers",
    "076_own_tape_softmax": "an autograd of its own, of closures",
    "077_own_tape_attention": "an autograd of its own, of closures",
    "079_own_tape_residual": "an autograd of its own, of closures",
    "089_only_later_calls": "the first call, which is followed, is a table; later ones measure",
    "191_backward_twice": "two functions called backward, of which the last counts",
}
"""Those that pass without a mark: right numbers, in ways that no count tells from a derivation."""


@pytest.mark.skipif(bool(why_no_wall()), reason=why_no_wall() or "there is a wall")
def test_of_331_tricks_of_others_none_does_harm_and_no_other_passes_without_a_mark(tmp_path):
    with zipfile.ZipFile(TRICKS) as archive:
        archive.extractall(tmp_path / "class")
    places = {b"@CLASS@": tmp_path / "class", b"@TABLE@": tmp_path / "g.csv", b"@MARK@": tmp_path / "mark"}
    places |= {b"@PACKAGE@": Path(minattn.__file__).parent, b"@PID@": os.getpid()}
    (tmp_path / "mark").write_text("untouched")
    about = {}
    for folder in sorted((tmp_path / "class").iterdir()):
        about[folder.name] = (folder / "about.txt").read_text(encoding="utf-8").split("|")[0].strip()
        for file in folder.glob("*.py"):
            content = file.read_bytes()
            for word, place in places.items():
                content = content.replace(word, str(place).encode())
            file.write_bytes(content)
    exercises = sorted(map(find, {*about.values()}), key=lambda exercise: exercise.number)
    for honest in ("000", "999"):
        (tmp_path / "class" / honest).mkdir()
        for exercise in exercises:
            (tmp_path / "class" / honest / exercise.file).write_text(exercise.fill(exercise.solution), encoding="utf-8")
    before = digests(tmp_path / "class")
    folders = sorted((tmp_path / "class").iterdir())
    graded = grade(folders, tmp_path / "g.csv", 5, Limits(1.0, 256), Screen(io.StringIO()), exercises)
    assert len(about) == 331 and digests(tmp_path / "class") == before
    assert (tmp_path / "mark").read_text() == "untouched"
    assert len(graded) == len(folders) * len(exercises)
    unmarked = set()
    for row in graded:
        name, verdict = Path(row.student).name, row.verdict
        is_clean = verdict.passed and not (verdict.looks_measured or verdict.unusual)
        if name not in about:
            assert is_clean, row
        elif row.exercise.name != about[name]:
            assert verdict.result == "missing"
        elif is_clean:
            unmarked.add(name)
    assert unmarked <= UNSEEN.keys()
    shutil.rmtree(tmp_path / "class")


def digests(folder):
    """Every file below a folder, with a digest of its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
