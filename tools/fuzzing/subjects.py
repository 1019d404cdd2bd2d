"""What is damaged: a folder of good files, what loads it, and how that is held to the truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from .mutations import damage
from .outcome import Outcomes, outcome_of

TEXT = "".join(
    f"The {subject} {verb} the old {thing}.\n"
    for subject in ("cat", "dog", "bird", "horse")
    for verb in ("sees", "likes", "finds", "calls")
    for thing in ("house", "bridge")
)


@dataclass
class Subject:
    """A folder of good files of one kind, with what loads it.

    Args:
        folder: holds the good files, and nothing else
        files: the names of those that are damaged, with how often each
        load: opens the folder; raises InputError or RunError to refuse, WrongAcceptance where it was wrong to accept
        afterwards: what is done to the folder when the file of a name has been damaged, such as to sign it anew
        writes: whether loading changes the folder, as going on with a training does
        of_code: whether the files are Python, whose errors a message has to tell
        names: words of which a message holds one, besides the paths of the folder
    """

    name: str
    folder: Path
    files: dict[str, int]
    load: Callable[[Path, Random], None]
    afterwards: Callable[[Path, str, Random], None] | None = None
    writes: bool = False
    of_code: bool = False
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.good = self.contents()
        self.trials = 0
        missing = self.files.keys() - self.good.keys()
        assert not missing, missing

    def contents(self) -> dict[str, bytes]:
        """Every file of the folder by its name."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    def start(self, rng: Random) -> None:
        """Load it undamaged, which must be accepted. Raises whatever that raises."""
        for _ in range(10):
            self.load(self.folder, rng)
            self.restore()

    def try_once(self, rng: Random, outcomes: Outcomes, seed: str) -> None:
        """Damage one file, seldom remove it or put a folder in its place, load, note the outcome, and mend it."""
        name = rng.choices(list(self.files), list(self.files.values()))[0]
        path = self.folder / name
        fate = rng.random()
        if fate < 0.01:
            path.unlink()
        elif fate < 0.02:
            path.unlink()
            path.mkdir()
        else:
            content = damage(name, self.good[name], [self.good[other] for other in self.good if other != name], rng)
            path.write_bytes(content)
            if self.afterwards is not None:
                self.afterwards(self.folder, name, rng)
        before = self.contents() if self.trials % 10 == 0 and not self.writes else None
        kind, detail = outcome_of(lambda: self.load(self.folder, rng), self.is_named, self.of_code)
        if before is not None and before != self.contents():
            kind, detail = "wrong", "the folder was changed"
        outcomes.note(kind, f"{self.name}, {name}, {seed}", detail)
        self.trials += 1
        if self.writes or path.is_dir():
            self.restore()
        else:
            path.write_bytes(self.good[name])

    def is_named(self, message: str) -> bool:
        """Whether a message says which file, or which part of it, is meant."""
        return str(self.folder) in message or any(word in message for word in self.names)

    def restore(self) -> None:
        """Put the good files back."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.relative_to(self.folder).as_posix() not in self.good:
                if path.is_file() or path.is_symlink():
                    path.unlink()
                elif not any(path.iterdir()):
                    path.rmdir()
        for name, content in self.good.items():
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            if not path.exists() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
