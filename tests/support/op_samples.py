"""The samples of every registered op, as parameters of a test."""

import zlib

import numpy as np
import pytest

from minattn.ops import registry


def every_sample():
    for name, entry in registry.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        for sample in entry.samples(rng):
            yield pytest.param(entry.op, sample, id=f"{name}-{sample.name}")
