"""Freed memory is kept for the next step, and only glibc is asked for it."""

import ctypes
import os
import platform
import subprocess
import sys

import pytest

from minattn.memory import physical_memory, reuse_memory

GLIBC = platform.libc_ver()[0] == "glibc"

# Large arrays that are made and freed again and again; how often the kernel had to give a page.
PROGRAM = """
import resource, sys
import numpy as np
from minattn import reuse_memory

if sys.argv[1] == "reuse":
    assert reuse_memory() is True
np.ones(1 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(1 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode):
    done = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not GLIBC, reason="only glibc has it")
def test_a_freed_array_is_used_again_instead_of_fetched_from_the_system():
    # 8 MiB are at least 4 pages even where they are as large as 2 MiB; without it every array costs them anew
    assert page_faults("reuse") < 20 <= page_faults("default")


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_elsewhere_than_on_linux_nothing_is_called(monkeypatch, system):
    def refuse(*_):
        raise AssertionError("the C library was loaded")

    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert reuse_memory() is False


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert reuse_memory() is False


def test_a_refused_setting_is_told(monkeypatch):
    class Library:
        def mallopt(self, parameter, value):
            return 0

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    assert reuse_memory() is False


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="the system does not tell")
def test_the_memory_of_the_machine_is_known_in_bytes():
    assert 2**27 < physical_memory() < 2**60


@pytest.mark.parametrize("error", [ValueError, OSError, None])
def test_a_system_that_does_not_tell_its_memory_is_no_error(monkeypatch, error):
    def refuse(name):
        raise error

    if error is None:
        monkeypatch.delattr(os, "sysconf", raising=False)
    else:
        monkeypatch.setattr(os, "sysconf", refuse, raising=False)
    assert physical_memory() is None
