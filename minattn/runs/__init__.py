"""Run folders and files: whole or absent, and nothing that is read can run code. The one door to it."""

from .checkpoint import STATE
from .files import check_place, make_folder, naming, plain, read_bytes, read_json, reading, write_atomically
from .run import FORMAT, MODEL, Run, newest_run

__all__ = [
    "FORMAT",
    "MODEL",
    "STATE",
    "Run",
    "check_place",
    "make_folder",
    "naming",
    "newest_run",
    "plain",
    "read_bytes",
    "read_json",
    "reading",
    "write_atomically",
]
