"""Run folders and files: whole or absent, and nothing that is read can run code. The one door to it."""

from .checkpoint import STATE
from .files import check_place, make_folder, naming, read_bytes, reading, similar_path, write_atomically
from .json_files import from_json, json_ready, read_json
from .run import FORMAT, MODEL, Run, newest_run

__all__ = [
    "FORMAT",
    "MODEL",
    "STATE",
    "Run",
    "check_place",
    "from_json",
    "json_ready",
    "make_folder",
    "naming",
    "newest_run",
    "read_bytes",
    "read_json",
    "reading",
    "similar_path",
    "write_atomically",
]
