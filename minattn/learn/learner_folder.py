"""A folder of exercises: the learner's files are theirs, and nothing here overwrites one without keeping it."""

import csv
import io
import re
import stat
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from ..errors import InputError
from ..runs import make_folder, read_bytes, similar_path, write_atomically
from . import own_files
from .course import Exercise, course
from .progress import PROGRESS_FILE, VARIANT_FILE, VARIANT_TEXT, Assignment, CourseProgress, recorded_key
from .variants import as_key
from .verdict import CannotCheck

MAX_BYTES = 1 << 17
BACKUPS = "backups"


def make_folder_of_exercises(
    folder: Path, key: str | None = None, assignment: Assignment | None = None
) -> tuple[list[str], list[str], list[str]]:
    """Add the templates that are missing, but those that show what is still to be found out.

    key: makes them variants, and is recorded; without one, what the folder has recorded counts
    assignment: what is set, and recorded; without one, what the folder has recorded counts

    Returns:
        The names of the files that were added, of those that were there, and of those that come later.

    Raises:
        InputError: a file stands in the folder's place, or the folder has exercises for another key, or others than
            those that are to be set
        RunError: the disk refuses
    """
    recorded = recorded_key(folder) if folder.is_dir() else None
    if key is not None and as_key(key) != recorded:
        if recorded is not None or any(find_file(folder, exercise) for exercise in course()):
            what = "in their usual form" if recorded is None else "for another key"
            raise InputError(f"{folder} has exercises already, {what}; choose a new folder for this key")
        make_folder(folder)
        write_atomically(folder / VARIANT_FILE, f"{VARIANT_TEXT}{as_key(key)}\n")
        recorded = as_key(key)
    make_folder(folder)
    if assignment is not None:
        others = [
            exercise.file
            for exercise in course()
            if find_file(folder, exercise) and exercise.name not in assignment.only
        ]
        if assignment.only and others:
            raise InputError(f"{folder} has other exercises already, {others[0]} among them; choose a new folder")
        assignment.write(folder)
    if not (folder / own_files.FILE).exists():
        write_atomically(folder / own_files.FILE, own_files.TEXT)
    progress = CourseProgress.load(folder)
    kept = [there.name for exercise in progress.exercises if (there := find_file(folder, exercise)) is not None]
    added = hand_out(folder, progress, progress.exercises)
    later = [exercise.file for exercise in progress.exercises if find_file(folder, exercise) is None]
    return added, kept, later


def hand_out(folder: Path, progress: CourseProgress, exercises: Sequence[Exercise] | None = None) -> list[str]:
    """Add the templates that are missing and may be seen: what they show is solved, or was never asked for.

    exercises: whose they are; those that had to wait where it is None

    Returns the names of the files. Raises RunError where the disk refuses.
    """
    asked = {exercise.name for exercise in progress.exercises if not progress.is_passed(exercise)}
    added = []
    for exercise in exercises or [exercise for exercise in progress.exercises if exercise.shows]:
        if not asked.intersection(exercise.shows) and find_file(folder, exercise) is None:
            write_atomically(folder / exercise.file, exercise.text)
            added.append(exercise.file)
    return added


def find_file(folder: Path, exercise: Exercise) -> Path | None:
    """Find the file of an exercise by its name, whatever its number; None where there is none."""
    exact = folder / exercise.file
    if exact.exists():
        return exact
    pattern = re.compile(rf"(\d+[_-])?{exercise.name}\.py")
    try:
        return next((path for path in sorted(folder.iterdir()) if pattern.fullmatch(path.name)), None)
    except OSError:
        return None


def require_exercises(folder: Path) -> None:
    """Refuse a folder that has no exercises in it. Raises InputError."""
    if not folder.is_dir():
        remedy = (
            similar_path(folder, Path.is_dir) or f"; minattn learn init {folder} makes it, with the exercises in it"
        )
        raise InputError(f"there is no folder {folder}{remedy}")
    if not (folder / PROGRESS_FILE).exists() and not any(find_file(folder, exercise) for exercise in course()):
        here = folder.resolve()
        raise InputError(
            f"there are no exercises in {here}; minattn learn init DIR makes a folder of them, then cd DIR"
        )


def keys_of(folders: Sequence[Path], pattern: str | None = None, roster: Path | None = None) -> dict[Path, str]:
    """The key of each learner's folder, by which their variants are graded; what is in a folder does not count.

    Args:
        folders: the learners'
        pattern: a key for all, or one in which {} stands for the name of the folder
        roster: a table (CSV) with the columns folder and variant

    Raises:
        InputError: a folder is not in the table, or is there twice, or the table cannot be read
    """
    names = {folder: folder.resolve().name for folder in folders}
    if pattern is not None:
        return {folder: as_key(pattern.replace("{}", name)) for folder, name in names.items()}
    if roster is None:
        return {}
    try:
        rows = list(csv.DictReader(io.StringIO(read_bytes(roster).decode("utf-8-sig"))))
    except UnicodeDecodeError:
        raise InputError(f"{roster} is not UTF-8; save it as CSV in UTF-8") from None
    keys: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        if not row.get("folder") or not row.get("variant"):
            raise InputError(f"{roster}, line {number}: expected a folder and its key, in columns folder and variant")
        if keys.setdefault(row["folder"], row["variant"]) != row["variant"]:
            raise InputError(f"{roster}, line {number}: {row['folder']} has another key already")
    if missing := [name for name in names.values() if name not in keys]:
        raise InputError(f"{roster} has no line for {missing[0]}; its column folder holds names such as {missing[0]}")
    return {folder: as_key(keys[name]) for folder, name in names.items()}


def read_source(path: Path) -> str:
    """Read a learner's file. Raises CannotCheck for what is no text file of a reasonable size in its own folder."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CannotCheck("error", f"{path.name} is not a file")
        if path.is_symlink() and path.resolve().parent != path.parent.resolve():
            raise CannotCheck("error", f"{path.name} is a link to a file elsewhere; put the file itself there")
        if status.st_size > MAX_BYTES:
            raise CannotCheck("error", f"{path.name} has {status.st_size:,} bytes; an exercise has a few thousand")
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
        why = getattr(error, "strerror", None) or error
        raise CannotCheck("missing", f"{path.name} could not be read: {why}") from None
    except UnicodeDecodeError as error:
        raise CannotCheck("error", f"{path.name} is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def source_of(path: Path) -> str:
    """What is in a learner's file; "" where that cannot be read."""
    try:
        return read_source(path)
    except CannotCheck:
        return ""


def restore_template(folder: Path, exercise: Exercise) -> Path | None:
    """Put the template back; returns where the learner's file was kept, None where there was none."""
    path, backup = find_file(folder, exercise), None
    if path is not None:
        backups = (folder / BACKUPS / f"{path.stem}-{number}.py" for number in count(1))
        backup = next(backup for backup in backups if not backup.exists())
        make_folder(backup.parent)
        write_atomically(backup, read_bytes(path))
    write_atomically(folder / exercise.file if path is None else path, exercise.text)
    return backup
