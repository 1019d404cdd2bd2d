"""The diagnosis: what is probably wrong with a gradient, from the mathematics alone."""

from .ranking import WHOLE_STAGES, diagnose
from .whole_backward import Cause, find_causes_together

__all__ = ["WHOLE_STAGES", "Cause", "diagnose", "find_causes_together"]
