"""Run folders and files: whole or absent, and nothing that is read can run code. The one door to it."""

from .checkpoint import STATE, Checkpoint, newest_run
from .files import (
    check_place,
    make_folder,
    naming,
    read_at_most,
    read_bytes,
    reading,
    refuse_special,
    similar_path,
    sync_folder,
    write_atomically,
)
from .json_files import brief, check_format, from_json, json_ready, parse_json, read_json, read_json_list
from .run import FORMAT, IDS, MODEL, TEXT, Run, refuse_occupied

__all__ = [
    "FORMAT",
    "IDS",
    "MODEL",
    "STATE",
    "TEXT",
    "Checkpoint",
    "Run",
    "brief",
    "check_format",
    "check_place",
    "from_json",
    "json_ready",
    "make_folder",
    "naming",
    "newest_run",
    "parse_json",
    "read_at_most",
    "read_bytes",
    "read_json",
    "read_json_list",
    "reading",
    "refuse_occupied",
    "refuse_special",
    "similar_path",
    "sync_folder",
    "write_atomically",
]
