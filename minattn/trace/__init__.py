"""Looking into what runs: which op made a NaN, and which NumPy calls a function makes. The one door to it."""

from .expressions import Expression, expression_at
from .op_errors import call_sites, describe_call, finite_results, is_finite, trace_backward, trace_forward
from .other_libraries import jax_dialect, torch_dialect
from .recorder import Place, Step, StepReference, Untraceable
from .recording import RecordedPasses, RecordedSteps, record, record_passes
from .recording_device import DeviceArray, DeviceRecorder, value_of
from .unfollowed_numpy import answer_without_graph

__all__ = [
    "DeviceArray",
    "DeviceRecorder",
    "Expression",
    "Place",
    "RecordedPasses",
    "RecordedSteps",
    "Step",
    "StepReference",
    "Untraceable",
    "answer_without_graph",
    "call_sites",
    "describe_call",
    "expression_at",
    "finite_results",
    "is_finite",
    "jax_dialect",
    "record",
    "record_passes",
    "torch_dialect",
    "trace_backward",
    "trace_forward",
    "value_of",
]
