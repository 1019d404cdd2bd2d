"""Homework of a class: what was handed in, the forms of grades that other tools read, the class at a glance."""

from .bundle import write_bundle, write_repository
from .collecting import Collected, collected
from .feedback_pages import write_feedback
from .formats import FORMATS, write_grades
from .report import write_report
from .roster import Roster

__all__ = [
    "FORMATS",
    "Collected",
    "Roster",
    "collected",
    "write_bundle",
    "write_feedback",
    "write_grades",
    "write_report",
    "write_repository",
]
