"""A package that a walkthrough needs and minattn does not: where it is absent, the page says so and ends."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


class NotInstalled(SystemExit):
    """Ends a page whose package is absent: a script with status 0, for nothing is wrong with it."""

    def __init__(self, told: str) -> None:
        super().__init__(told)
        self.code = 0


def needs(package: str, install: str) -> Path:
    """The folder of an installed package, which is not imported.

    package  as one imports it, without dots
    install  the command that installs it

    Where it is absent, says so in a sentence and raises NotInstalled, which ends a script; the builder then leaves the
    page as it is.

    >>> needs("tokenizers", "pip install tokenizers").name
    'tokenizers'
    """
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        told = f"{package} is not installed, and this page needs it: {install}"
        print(told)
        raise NotInstalled(told)
    return Path(found.submodule_search_locations[0])
