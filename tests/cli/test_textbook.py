"""--textbook: the whole command runs the readable ops in place of the kernels, with the same result."""

import io
import json

import numpy as np
import pytest
from support.encoder_help import write_encoder

from minattn.cli import main
from minattn.ops import registry
from minattn.ops.kernels import kernel_of, kernels

TEXT = "the cat [MASK] it"


class Output(io.StringIO):
    """Standard output that notes which code runs while it is written to."""

    def __init__(self):
        super().__init__()
        self.ran = set()

    def write(self, text):
        self.ran.add(kernel_of(registry["Softmax"].op, [np.zeros(1, np.float32)]))
        return super().write(text)


@pytest.fixture
def kernel(monkeypatch):
    """A kernel that stands in for the softmax."""
    softmax = registry["Softmax"].op
    kernel = type("Kernel", (softmax,), {})
    monkeypatch.setitem(kernels, softmax, kernel)
    return kernel


@pytest.fixture
def said(monkeypatch):
    """What a command prints as JSON, and which code ran then."""

    def said(*arguments):
        with monkeypatch.context() as patched:
            patched.setattr("sys.stdout", output := Output())
            assert main([*map(str, arguments), "--json"]) == 0
        (ran,) = output.ran
        return json.loads(output.getvalue()), ran

    return said


def numbers(value):
    """All numbers in a result, in their order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, int | float) else []


@pytest.mark.parametrize("command", ["embed", "deembed", "fill"])
def test_a_pretrained_encoder_gives_the_same_by_the_textbook(tmp_path, kernel, said, command):
    write_encoder(tmp_path, "BertForMaskedLM")
    fast, ran = said(command, tmp_path, TEXT)
    textbook, ran_then = said(command, tmp_path, TEXT, "--textbook")
    assert (ran, ran_then) == (kernel, None)
    assert numbers(fast)
    np.testing.assert_allclose(numbers(textbook), numbers(fast), rtol=1e-4, atol=1e-6)  # float32


def test_a_run_restores_the_same_by_the_textbook(place, kernel, said):
    fast, ran = said("reconstruct", TEXT, "--run", "run")
    textbook, ran_then = said("reconstruct", TEXT, "--run", "run", "--textbook")
    assert (ran, ran_then) == (kernel, None) and textbook["text"] == fast["text"]
    np.testing.assert_allclose(numbers(textbook), numbers(fast), rtol=1e-4, atol=1e-6)  # float32


def test_afterwards_the_kernels_run_again(place, kernel, said):
    assert main(["reconstruct", TEXT, "--run", "nowhere", "--textbook"]) == 2
    assert kernel_of(registry["Softmax"].op, [np.zeros(1, np.float32)]) is kernel
