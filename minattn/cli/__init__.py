"""The command line: one file for each command."""

from .dispatch import main

__all__ = ["main"]
