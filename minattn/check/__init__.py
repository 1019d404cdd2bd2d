"""Gradient checking: is a backward pass right, and if not, what is probably wrong."""

from .curve import Curve
from .entry import assert_right, check_backward, check_function, check_op
from .model_check import check_model
from .other_libraries import check_autograd_function, check_custom_vjp
from .report import ArgumentResult, Evidence, Finding, Report

__all__ = [
    "ArgumentResult",
    "Curve",
    "Evidence",
    "Finding",
    "Report",
    "assert_right",
    "check_autograd_function",
    "check_backward",
    "check_custom_vjp",
    "check_function",
    "check_model",
    "check_op",
]
