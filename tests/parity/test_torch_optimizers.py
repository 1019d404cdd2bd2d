"""PyTorch's own samples for its optimizers: SGD, Adam and AdamW take the same ten steps here, and refuse the same."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from minattn import Tensor, optim  # noqa: E402
from minattn.nn import Parameter  # noqa: E402

SHAPES = {"matrix": (4, 3), "bias": (3,), "number": (), "empty": (0, 2)}


def infos():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses what only its other parts need
        from torch.testing._internal.common_optimizers import optim_db
    return [info for info in optim_db if info.optim_cls.__name__ in ("SGD", "Adam", "AdamW")]


SAMPLES = [
    pytest.param(info.optim_cls, sample.kwargs, id=f"{info.optim_cls.__name__} {sample.desc}")
    for info in infos()
    for sample in info.optim_inputs_func(device="cpu")
]
ERRORS = [
    pytest.param(
        info.optim_cls, error.optimizer_error_input, id=f"{info.optim_cls.__name__} {error.optimizer_error_input.desc}"
    )
    for info in infos()
    for error in info.optim_error_inputs_func(device="cpu", dtype=torch.float64)
]


@pytest.mark.parametrize(("theirs", "options"), SAMPLES)
def test_ten_steps_agree_in_float64(theirs, options):
    rng, ours = np.random.default_rng(0), getattr(optim, theirs.__name__)
    start = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    mine = {name: Parameter(np.array(x)) for name, x in start.items()}
    other = {name: torch.tensor(x, requires_grad=True) for name, x in start.items()}
    if any(isinstance(value, torch.Tensor) for value in options.values()):
        with pytest.raises(TypeError, match=r"^SGD: lr must be a number, got dtype float32$"):
            ours(mine.values(), **{name: Tensor(np.asarray(value)) for name, value in options.items()})
        return
    first, second = ours(mine.values(), **options), theirs(other.values(), **options)
    for _ in range(10):
        for name in SHAPES:
            mine[name].grad = np.asarray(rng.normal(size=SHAPES[name]))
            other[name].grad = torch.tensor(mine[name].grad)
        first.step()
        second.step()
    for name in SHAPES:
        np.testing.assert_allclose(mine[name].data, other[name].detach().numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("theirs", "error"), ERRORS)
def test_what_pytorch_refuses_is_refused_in_one_sentence(theirs, error):
    seen = {}  # one Parameter for each of PyTorch's tensors, so that what is there twice is there twice

    def same(value):
        if isinstance(value, torch.Tensor):
            return seen.setdefault(id(value), Parameter(value.detach().numpy()))
        if isinstance(value, dict):
            return {name: same(item) for name, item in value.items()}
        return type(value)(map(same, value)) if isinstance(value, list | tuple) else value

    with pytest.raises((TypeError, ValueError)) as caught:
        getattr(optim, theirs.__name__)(same(error.params), **same(error.kwargs))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", ["foreach", "fused", "capturable", "differentiable"])
def test_options_that_only_change_how_it_is_computed_are_refused_by_name(option):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
        optim.AdamW([Parameter(np.ones(2))], **{option: True})
