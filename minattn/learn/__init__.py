"""Exercises: a course from an empty function to a trained model, checked by what the functions do."""

from .checking import check_file
from .course import Exercise, course, find
from .gap import Way
from .isolated_submission import Limits
from .runner import Runner
from .verdict import Verdict

__all__ = ["Exercise", "Limits", "Runner", "Verdict", "Way", "check_file", "course", "find"]
