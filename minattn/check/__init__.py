"""Gradient checking: is a backward pass right, and if not, what is probably wrong."""

from .curve import Curve
from .entry import check_backward, check_function, check_op
from .model_check import check_model
from .report import ArgumentResult, Evidence, Finding, Report

__all__ = [
    "ArgumentResult",
    "Curve",
    "Evidence",
    "Finding",
    "Report",
    "check_backward",
    "check_function",
    "check_model",
    "check_op",
]
