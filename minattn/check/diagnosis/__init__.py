"""The diagnosis: what is probably wrong with a gradient, from the mathematics alone."""

from .ranking import diagnose

__all__ = ["diagnose"]
