"""Where arrays live: devices by name, arrays by their device, and nothing imported that was not asked for."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from support.strict_array import StrictArray, asarray, asnumpy, strict, strict_device

from minattn import Tensor, backend
from minattn.backend import array_module, device_of, get_device, is_array, like, to_host
from minattn.cli import main
from minattn.errors import InputError
from minattn.nn import Linear


@pytest.fixture
def without_gpu(monkeypatch):
    monkeypatch.delitem(backend._devices, "gpu", raising=False)


@pytest.fixture
def without_cupy(monkeypatch, without_gpu):
    monkeypatch.setitem(sys.modules, "cupy", None)  # "import cupy" raises ImportError


def pretend_cupy(monkeypatch, count):
    """A module cupy whose arrays are StrictArrays, on a machine where `count()` finds the GPUs."""
    runtime = SimpleNamespace(getDeviceCount=count, CUDARuntimeError=OSError)
    parts = {"ndarray": StrictArray, "asarray": asarray, "asnumpy": asnumpy, "cuda": SimpleNamespace(runtime=runtime)}
    module = SimpleNamespace(**vars(strict) | parts)
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


# --- devices by name


@pytest.mark.parametrize(
    "ask",
    [
        lambda: get_device("gpu"),
        lambda: Tensor([1.0]).to("gpu"),
        lambda: Linear(2, 3, generator=np.random.default_rng(0)).to("gpu"),
    ],
)
def test_a_gpu_without_cupy_is_refused_with_one_sentence_that_says_how_to_get_it(without_cupy, ask):
    with pytest.raises(InputError) as error:
        ask()
    message = str(error.value)
    assert message.startswith('device "gpu": CuPy is not installed; pip install "minattn[gpu]"')
    assert "\n" not in message and "." not in message
    assert error.value.__cause__ is None and error.value.__suppress_context__


def test_train_on_a_gpu_without_cupy_prints_the_sentence_exits_with_2_and_makes_nothing(without_cupy, tmp_path, capsys):
    assert main(["train", "--device", "gpu", "--out", str(tmp_path / "run")]) == 2
    assert 'pip install "minattn[gpu]"' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_cupy_that_finds_no_gpu_is_refused_with_its_reason(without_gpu, monkeypatch):
    def no_driver():
        raise OSError("cudaErrorInsufficientDriver")

    pretend_cupy(monkeypatch, no_driver)
    with pytest.raises(InputError, match=r"finds no GPU \(cudaErrorInsufficientDriver\)"):
        get_device("gpu")
    pretend_cupy(monkeypatch, lambda: 0)
    with pytest.raises(InputError, match=r"installed but finds no GPU$"):
        get_device("gpu")
    assert "gpu" not in backend._devices


def test_a_gpu_is_looked_for_once_and_then_known(without_gpu, monkeypatch):
    asked = []
    module = pretend_cupy(monkeypatch, lambda: asked.append(1) or 1)
    try:
        device = get_device("gpu")
        assert device is get_device("gpu") and asked == [1]
        assert (device.name, device.module) == ("gpu", module)
        x = Tensor([1.0, 2.0]).to("gpu")
        assert x.device == "gpu" and array_module(x.data) is module
        np.testing.assert_array_equal(x.numpy(), [1.0, 2.0])
    finally:
        backend._devices.pop("gpu", None)


def test_an_unknown_device_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="device: expected one of cpu, gpu, got 'tpu'"):
        get_device("tpu")
    with strict_device(), pytest.raises(InputError, match="expected one of cpu, gpu, strict, got 'cuda'"):
        Tensor([1.0]).to("cuda")


def test_a_device_of_the_tests_is_forgotten_again():
    with strict_device():
        assert get_device("strict").module is strict
    with pytest.raises(InputError, match="got 'strict'"):
        get_device("strict")


# --- arrays by their device


@pytest.mark.parametrize("value", [np.zeros(3), np.float32(1), 2.0, [1, 2], np.zeros(3).view(np.recarray)])
def test_numpy_arrays_and_scalars_and_python_values_are_at_home_on_the_cpu(value):
    with strict_device():
        assert device_of(value).name == "cpu"
        assert array_module(value) is np
        assert is_array(value) == isinstance(value, np.ndarray)


def test_an_array_of_a_device_is_known_as_such_only_while_the_device_is():
    x = asarray(np.zeros(3))
    assert not is_array(x)
    with strict_device():
        assert is_array(x)
        assert device_of(x).name == "strict"
        assert array_module(x) is strict


def test_a_numpy_array_goes_to_the_host_and_beside_another_without_a_copy():
    x = np.arange(3.0)
    assert to_host(x) is x
    assert like(x, np.zeros(2)) is x


def test_an_array_goes_to_a_device_and_back_as_a_copy():
    x = np.arange(3.0)
    with strict_device():
        there = like(x, asarray(np.zeros(2)))
        assert isinstance(there, StrictArray)
        back = to_host(there)
    x[0] = 9
    np.testing.assert_array_equal(back, [0.0, 1.0, 2.0])


# --- what is imported

HEAVY = ("cupy", "tokenizers", "matplotlib", "safetensors", "torch")


def imported_with(statement):
    """Which heavy packages a fresh process has loaded after a statement."""
    report = f"import sys\n{statement}\nprint([name for name in {HEAVY} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("module", ["minattn", "minattn.models", "minattn.training", "minattn.cli.dispatch"])
def test_an_import_loads_no_package_that_only_some_use(module):
    assert imported_with(f"import {module}") == "[]"


def test_the_report_on_imports_sees_a_package_that_is_loaded():
    assert imported_with("import safetensors") == "['safetensors']"


def test_the_cpu_never_asks_for_cupy():
    assert imported_with("import minattn; minattn.Tensor([1.0]).to('cpu').numpy()") == "[]"


def test_rooms_are_there_when_they_are_named_and_not_before():
    code = """
import sys, minattn
assert not {"minattn.training", "minattn.pretrained", "minattn.check", "tokenizers", "matplotlib"} & sys.modules.keys()
for name in minattn.__all__:
    assert getattr(minattn, name) is not None, name
assert minattn.optim.AdamW and minattn.train is minattn.pretrained.train and set(minattn.__all__) == set(dir(minattn))
try:
    minattn.nothing
except AttributeError as error:
    assert "has no attribute 'nothing'" in str(error)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
