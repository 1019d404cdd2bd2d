"""Run folders and files: whole or absent, and nothing that is read can run code. The one door to it."""

from .checkpoint import STATE
from .files import (
    check_place,
    make_folder,
    naming,
    read_at_most,
    read_bytes,
    reading,
    refuse_special,
    similar_path,
    write_atomically,
)
from .json_files import from_json, json_ready, read_json
from .run import FORMAT, MODEL, TEXT, Run, newest_run

__all__ = [
    "FORMAT",
    "MODEL",
    "STATE",
    "TEXT",
    "Run",
    "check_place",
    "from_json",
    "json_ready",
    "make_folder",
    "naming",
    "newest_run",
    "read_at_most",
    "read_bytes",
    "read_json",
    "reading",
    "refuse_special",
    "similar_path",
    "write_atomically",
]
