"""Exercises: a course from an empty function to a trained model, checked by what the functions do."""

from .check_file import check_file
from .exercise import Exercise, Mistake, course, find
from .runner import Runner
from .submission_process import Limits
from .verdict import Verdict

__all__ = ["Exercise", "Limits", "Mistake", "Runner", "Verdict", "check_file", "course", "find"]
