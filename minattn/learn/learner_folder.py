"""A folder of exercises: the learner's files are theirs, and nothing here overwrites one without keeping it."""

import re
import stat
from itertools import count
from pathlib import Path

from ..errors import InputError
from ..runs import make_folder, read_bytes, similar_path, write_atomically
from .course import Exercise, course
from .progress import PROGRESS_FILE
from .verdict import CannotCheck

MAX_BYTES = 1 << 17
BACKUPS = "backups"


def make_folder_of_exercises(folder: Path) -> tuple[list[str], list[str]]:
    """Add the templates that are missing.

    Returns:
        The names of the files that were added, and of those that were there.

    Raises:
        InputError: a file stands in the folder's place
        RunError: the disk refuses
    """
    make_folder(folder)
    added, kept = [], []
    for exercise in course():
        if (there := find_file(folder, exercise)) is not None:
            kept.append(there.name)
        else:
            write_atomically(folder / exercise.file, exercise.text)
            added.append(exercise.file)
    return added, kept


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
