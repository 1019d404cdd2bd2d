"""What a class has handed in, as a folder for each student: folders in folders, notebooks, one ZIP of all."""

import contextlib
import json
import re
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ...errors import InputError
from ...runs import read_bytes, similar_path
from ..course import Exercise, course
from ..learner_folder import MAX_BYTES, find_file
from ..progress import PROGRESS_FILE, VARIANT_FILE

CANVAS = re.compile(r"(?P<who>[^_]+?)(?:_LATE)?_(?P<id>\d+)_\d+_(?P<file>.+)", re.DOTALL)
"""Canvas puts a student, two numbers and the file's own name in one name."""

MOODLE = re.compile(r"(?P<who>.+?)_\d+_assignsubmission_file_?")
"""Moodle makes a folder of each student's name and a number."""

AGAIN = r"(?:-(\d+)| ?\((\d+)\))?"
"""What a download adds to a name that was there already: the higher the number, the newer the file."""

MOST_FILES, MOST_NOTEBOOK, MOST_UNPACKED, MOST_OWN = 20_000, 4 << 20, 1 << 28, 1 << 24
"""The most files that are looked at, bytes of a notebook, bytes out of a ZIP of a class, and of those of a student."""


class Collected(NamedTuple):
    """What one student has handed in.

    Args:
        name: of the student, as the folder or the download has it
        folder: with a file for each exercise that was found
        notes: what there is to say of some exercises, by their names
    """

    name: str
    folder: Path
    notes: dict[str, str]


class _Found(NamedTuple):
    """A file that may be of an exercise: newest is what makes one newer than another."""

    newest: tuple[int, float, str]
    path: Path


@contextlib.contextmanager
def collected(places: Sequence[Path], say: object = None) -> Iterator[list[Collected]]:
    """Inside this `with`, a folder for each student; what had to be unpacked or converted is gone after it.

    places: folders, one for each student; or ZIPs or folders of a whole class, as Canvas and Moodle hand them out

    Raises:
        InputError: a place is not there, is no folder and no ZIP, or two students have one name
    """
    with tempfile.TemporaryDirectory() as name:
        room = _Room(Path(name))
        students: list[Collected] = []
        for place in places:
            if place.is_dir():
                students += _of_folder(place, str(place), room)
            elif place.suffix.lower() == ".zip" and place.is_file():
                students += _of_class(_unwrapped(unpack(place, room.new())), place.stem, room)
            else:
                what = "is no folder and no ZIP" if place.exists() else "is not there"
                raise InputError(f"{place} {what}{similar_path(place, Path.is_dir)}")
        if not students:
            raise InputError(f"nobody has handed in anything in {places[0]}")
        names = [student.name for student in students]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise InputError(f"two students are called {twice}; rename one folder")
        yield students


class _Room:
    """Makes new folders, one inside the other's neighbour."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def new(self) -> Path:
        """An empty folder."""
        self.count += 1
        place = self.folder / str(self.count)
        place.mkdir()
        return place


def _of_folder(folder: Path, name: str, room: _Room) -> list[Collected]:
    """The students of a folder: one, unless it holds what a learning platform makes for a class."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder} could not be read: {error.strerror or error}") from None
    is_class = any(MOODLE.fullmatch(one) for one in names)
    is_class |= any((found := CANVAS.fullmatch(one)) and _is_work(found["file"]) for one in names)
    if not is_class and not any(map(_is_work, names)):  # a folder for each student, and nothing beside them
        is_class = sum(any(_files(path, room)) for path in folder.iterdir() if path.is_dir()) > 1
    return _of_class(folder, name, room) if is_class else [_student(name, folder, room)]


def _of_class(folder: Path, name: str, room: _Room) -> list[Collected]:
    """The students of a folder in which each has a folder, or files that begin with a name."""
    if any(find_file(folder, exercise) for exercise in course()):  # that of one student after all
        return [_student(name, folder, room)]
    students: list[Collected] = []
    by_name: dict[str, list[tuple[Path, str]]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in ("__MACOSX", "backups"):
            found = MOODLE.fullmatch(path.name)
            students.append(_student(found["who"] if found else path.name, path, room))
        elif (sent := CANVAS.fullmatch(path.name)) and _is_work(sent["file"]):
            by_name.setdefault(f"{sent['who']}_{sent['id']}", []).append((path, sent["file"]))
        elif path.suffix.lower() == ".zip":
            students.append(_student(path.stem, _unwrapped(unpack(path, room.new())), room))
    for who, files in by_name.items():
        own = room.new()
        for path, file in files:
            (own / file).write_bytes(read_bytes(path)[: MOST_NOTEBOOK + 1])
        students.append(_student(who, own, room))
    return students


def _student(name: str, folder: Path, room: _Room) -> Collected:
    """A folder in which each exercise is a file of its usual name; the student's own one where it is like that."""
    found: dict[str, list[_Found]] = {}
    cells: dict[str, str] = {}
    for path in _files(folder, room):
        if (exercise := _exercise_of(path.name)) is not None:
            again = re.search(AGAIN + r"\.\w+$", path.name)
            number = int(next((part for part in again.groups() if part), 0)) if again else 0
            found.setdefault(exercise.name, []).append(_Found((number, _changed(path), str(path)), path))
        elif path.suffix == ".ipynb":
            cells |= cells_of(path)
    plain = all(find_file(folder, exercise) for exercise in course() if exercise.name in found)
    if plain and not cells and all(len(paths) == 1 for paths in found.values()):
        return Collected(name, folder, {})
    own, notes = room.new(), {}
    for exercise in course():
        text = cells.get(exercise.name, "").encode()
        if paths := sorted(found.get(exercise.name, ()), reverse=True):
            path = paths[0].path
            text = notebook_text(path).encode() if path.suffix == ".ipynb" else read_bytes(path)[: MAX_BYTES + 1]
            if others := [str(other.path.relative_to(_root(other.path, folder))) for other in paths[1:]]:
                notes[exercise.name] = f"{path.name} counts, the newest; there is also {', '.join(others)}"[:300]
        if text:
            (own / exercise.file).write_bytes(text)
    for kept in (PROGRESS_FILE, VARIANT_FILE):
        if (folder / kept).is_file() and (folder / kept).stat().st_size <= MAX_BYTES:
            (own / kept).write_bytes((folder / kept).read_bytes())
    return Collected(name, own, notes)


def _root(path: Path, folder: Path) -> Path:
    return folder if path.is_relative_to(folder) else path.parent


def _files(folder: Path, room: _Room) -> Iterator[Path]:
    """The files below a folder that may be somebody's work, those of a ZIP in it included; no link is followed.

    A ZIP that holds too much, or is none, is the student's own doing, and is passed over; so are ZIPs in ZIPs.
    """
    places, looked, left = [(folder, False)], 0, MOST_OWN
    while places:
        place, is_unpacked = places.pop()
        for path in sorted(place.iterdir()):
            looked += 1
            if looked > MOST_FILES:
                return
            if path.is_symlink():
                continue
            if path.is_dir():
                if path.name not in ("__MACOSX", "backups", "__pycache__") and path.name[0] != ".":
                    places.append((path, is_unpacked))
            elif path.suffix.lower() == ".zip" and not is_unpacked and zipfile.is_zipfile(path):
                inside = room.new()
                with contextlib.suppress(InputError):
                    places.append((unpack(path, inside, max(left, 0)), True))
                left -= sum(file.stat().st_size for file in inside.rglob("*") if file.is_file())
            elif path.suffix in (".py", ".ipynb") and path.is_file():
                yield path


def _exercise_of(file: str) -> Exercise | None:
    """The exercise that a file's name stands for: 09_softmax.py, softmax-1.py, softmax (2).ipynb; None for another."""
    found = re.fullmatch(rf"(?:\d+[_-])?([a-z_]+?(?:_\d)?){AGAIN}\.(?:py|ipynb)", file)
    return next((exercise for exercise in course() if found and exercise.name == found[1]), None)


def _is_work(file: str) -> bool:
    return _exercise_of(file) is not None or file.endswith((".ipynb", ".zip"))


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def _unwrapped(folder: Path) -> Path:
    """The folder itself, or the one that is all there is in it."""
    inside = [path for path in folder.iterdir() if path.name != "__MACOSX"]
    is_wrapped = len(inside) == 1 and inside[0].is_dir()
    return inside[0] if is_wrapped and any(path.is_dir() for path in inside[0].iterdir()) else folder


def unpack(file: Path, into: Path, left: int = MOST_UNPACKED) -> Path:
    """Unpack what may be somebody's work from a ZIP: no links, nothing outside the folder, no more than there may be.

    Of a file that is too long a beginning is unpacked, which is enough to refuse it in its row.

    left: the bytes that may come out

    Raises:
        InputError: it is no ZIP, or has too much in it
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES:
                raise InputError(f"{file.name} has {len(entries):,} files; at most {MOST_FILES:,} are looked at")
            for entry in entries:
                path = PurePosixPath(entry.filename.replace("\\", "/"))
                is_link = stat.S_ISLNK(entry.external_attr >> 16)
                is_work = path.suffix.lower() in (".py", ".ipynb", ".zip") or path.name in (PROGRESS_FILE, VARIANT_FILE)
                if entry.is_dir() or is_link or not is_work or path.is_absolute() or ".." in path.parts:
                    continue
                with archive.open(entry) as source:
                    most = {".zip": MOST_OWN, ".ipynb": MOST_NOTEBOOK}.get(path.suffix.lower(), MAX_BYTES)
                    content = source.read(most + 1)  # the sizes that it tells may be lies
                left -= len(content)
                if left < 0:
                    raise InputError(f"{file.name} holds more than a class hands in, at {path.name[:80]}")
                place = into.joinpath(*(part.replace("\0", "")[:200] for part in path.parts))
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise InputError(f"{file.name} could not be unpacked: {error}") from None
    return into


def notebook_text(path: Path) -> str:
    """The code of a notebook, cell after cell; "" for what is none."""
    return "\n\n".join(_code_cells(path))


def cells_of(path: Path) -> dict[str, str]:
    """The code of a notebook of several exercises: each begins at the cell with the first line of its template."""
    texts: dict[str, list[str]] = {}
    current = None
    for cell in _code_cells(path):
        begun = next((exercise.name for exercise in course() if exercise.title and exercise.title in cell), None)
        current = begun or current
        if current is not None:
            texts.setdefault(current, []).append(cell)
    return {name: "\n\n".join(cells) for name, cells in texts.items()}


def _code_cells(path: Path) -> list[str]:
    if path.stat().st_size > MOST_NOTEBOOK:
        return []
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        texts = ["".join(source) for source in code]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    # what only a notebook understands
    return [re.sub(r"^[ \t]*[%!].*$", "", text, flags=re.MULTILINE) for text in texts]
