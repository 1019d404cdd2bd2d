"""Looking into what runs: which op made a NaN, and which NumPy calls a function makes. The one door to it."""

from .op_errors import call_sites, describe_call, finite_results, is_finite, trace_backward, trace_forward
from .recorder import RecordedSteps, Step, record
from .unfollowed_numpy import answer_without_graph

__all__ = [
    "RecordedSteps",
    "Step",
    "answer_without_graph",
    "call_sites",
    "describe_call",
    "finite_results",
    "is_finite",
    "record",
    "trace_backward",
    "trace_forward",
]
