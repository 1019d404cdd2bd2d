"""A device whose arrays are recorded: what the engine computes on it is computed as always, and written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..backend import Array, Device, known_device
from .followed_numpy import FollowedNumPy
from .recorder import Dialect, Place, RecordedArray, Recorder, Step

_MOST_STEPS = 50_000
"""Of a training step; one of a model with 12 layers has some 6,000."""


class DeviceArray(RecordedArray):
    """A RecordedArray that the engine takes for an array of a device, and whose number may be looked at."""

    base = None

    def item(self) -> Any:
        """The number in it, followed."""
        return self._recorder.apply("astype", _as_double, (self,), {})

    def __float__(self) -> float:
        return float(self.value)


class DeviceRecorder(Recorder):
    """A recorder of what is computed from the arrays that are put on its device."""

    def __init__(self) -> None:
        super().__init__((), _MOST_STEPS, lambda _: Dialect(DeviceArray, {}))

    def put(self, array: Array) -> DeviceArray:
        """Follow an array from here on.

        Args:
            array: any shape and dtype; a copy is taken
        Returns:
            what stands for it: a step without operands
        """
        if isinstance(array, DeviceArray):
            return array
        self.steps.append(Step("input", lambda: None, (), {}, (), Place("", 0, 0)))
        self.values.append(np.array(array))
        return DeviceArray(self, len(self.steps) - 1)

    @contextmanager
    def device(self) -> Iterator[None]:
        """The device "recorded", known to the engine for as long as the block lasts."""
        module = FollowedNumPy(self.apply, RecordedArray)
        with known_device(Device("recorded", module, DeviceArray, self.put, value_of)):
            yield


def value_of(array: Array) -> Array:
    """The numbers of an array, whether it is followed or not."""
    return array.value if isinstance(array, RecordedArray) else np.asarray(array)


def _as_double(x: Array) -> Array:
    return np.asarray(x).astype(np.float64)
