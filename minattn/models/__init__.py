"""Whole models."""

from .reconstruction import ReconstructionConfig, ReconstructionModel

__all__ = ["ReconstructionConfig", "ReconstructionModel"]
