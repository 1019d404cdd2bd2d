"""Exercises: a course from an empty function to a trained model, checked by what the functions do."""

from .checking import check_file
from .exercise import Exercise, Mistake, course, find
from .process import Limits
from .runner import Runner
from .verdict import Verdict

__all__ = ["Exercise", "Limits", "Mistake", "Runner", "Verdict", "check_file", "course", "find"]
