"""The roster: who is behind the name of a folder."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError, did_you_mean
from ...runs import read_bytes

COLUMNS = ("folder", "name", "id", "login", "email", "section")


class Person(NamedTuple):
    """A student, as the school knows them; "" for what is not known."""

    name: str
    id: str = ""
    login: str = ""
    email: str = ""
    section: str = ""


@dataclass(frozen=True)
class Roster:
    """The people of a class by the names of their folders."""

    people: dict[str, Person] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, folders: Sequence[str]) -> "Roster":
        """Read a table (CSV in UTF-8) with the columns folder and name, and perhaps id, login, email and section.

        folders: of those who have handed in, each of which must be there

        Raises:
            InputError: it cannot be read, lacks a column, or somebody is missing or there twice
        """
        try:
            rows = list(csv.DictReader(io.StringIO(read_bytes(path).decode("utf-8-sig"))))
        except (UnicodeDecodeError, csv.Error):
            raise InputError(f"{path} is no CSV in UTF-8; save it as one") from None
        people: dict[str, Person] = {}
        for number, row in enumerate(rows, 2):
            fields = {(name or "").strip().lower(): (value or "").strip() for name, value in row.items() if name}
            if missing := [name for name in ("folder", "name") if not fields.get(name)]:
                raise InputError(f"{path}, line {number}: {missing[0]} is missing; columns are {', '.join(COLUMNS)}")
            if fields["folder"] in people:
                raise InputError(f"{path}, line {number}: {fields['folder']} is there twice")
            people[fields["folder"]] = Person(*(fields.get(name, "") for name in COLUMNS[1:]))
        for folder in folders:
            if folder not in people:
                near = did_you_mean(folder, list(people))
                raise InputError(f"{path} has no line for {folder}; its column folder must name it{near}")
        return cls(people)

    def of(self, folder: str) -> Person:
        """Who is behind the name of a folder; without a roster that is all that is known."""
        return self.people.get(folder) or Person(folder)
