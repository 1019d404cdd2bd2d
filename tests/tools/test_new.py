"""What tools/new.py makes is right as it is made, and nothing is written over."""

import ast
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import complete_op
from support.learn_help import missing

from minattn import Tensor, functional
from minattn.check import check_op
from minattn.check.catalogue import catalogue
from minattn.learn import find
from minattn.ops import registry

ROOT = Path(__file__).parents[2]


def load(path, name):
    """A file as the module of this name."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


new = load(ROOT / "tools" / "new.py", "new")


@pytest.mark.parametrize("name", ["CubeRoot", "cube_root"])
def test_a_new_op_is_right_as_it_is_made(tmp_path, name):
    said = new.make("op", name, tmp_path)
    assert "minattn check cube_root" in said and said.startswith("minattn/ops/cube_root.py is made")
    try:
        load(tmp_path / "minattn" / "ops" / "cube_root.py", "minattn.ops.cube_root")
        assert check_op("cube_root").ok
    finally:
        registry.pop("CubeRoot")


def test_a_name_with_capitals_keeps_them(tmp_path):
    new.make("op", "RMSNorm", tmp_path)
    assert "class RMSNorm(Op)" in (tmp_path / "minattn" / "ops" / "rms_norm.py").read_text(encoding="utf-8")


def test_a_file_that_exists_is_not_written_over(tmp_path, capsys):
    for kind, name in (("op", "square"), ("exercise", "square")):
        new.make(kind, name, tmp_path)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*.py")}
        assert new.main([kind, name], tmp_path) == 2
        assert "exists already" in capsys.readouterr().err
        assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.py")}


def test_mistakes_go_where_those_of_the_op_are():
    code, _, said = new.make("mistake", "mean").partition("\nPut this into ")
    assert said.startswith("minattn/check/catalogue/reduction.py. Write a function for each mistake")
    assert code.startswith('@mistake("Mean", "sign")\ndef mean_sign(g: Array, x: Array, axis: ')


def test_a_mistake_that_is_not_written_yet_does_not_count(tmp_path):
    """As many as are made: they are wrong backward passes only when somebody has written them."""
    known = catalogue["Softmax"]
    code = new.make("mistake", "softmax").partition("\nPut this into ")[0].replace("Softmax", "Unwritten")
    (tmp_path / "stubs.py").write_text(
        "from typing import Any\nfrom minattn.check.catalogue import mistake\nArray = Any\n" + code
    )
    load(tmp_path / "stubs.py", "stubs")
    stub = catalogue.pop("Unwritten")
    catalogue["Softmax"] = [*known[: complete_op.MISTAKES - 1], *stub]
    try:
        said = list(complete_op.missing_from("Softmax"))
    finally:
        catalogue["Softmax"] = known
    assert said == [
        "Softmax has 4 of at least 5 known mistakes: put some into minattn/check/catalogue/softmax.py "
        "(python tools/new.py mistake softmax)"
    ]


def test_what_is_to_be_put_into_files_takes_the_inputs_and_options_of_the_op():
    code = ast.parse(made("layer_norm"))
    (function,) = (node for node in code.body if isinstance(node, ast.FunctionDef))
    assert [argument.arg for argument in function.args.args] == ["input", "gamma", "beta", "eps"]
    assert "input, gamma, beta = floats('layer_norm', input=input, gamma=gamma, beta=beta)" in ast.unparse(function)
    assert "return apply(LayerNorm(eps), input, gamma, beta)" in ast.unparse(function)
    assert "input = integers('embedding', 'input', input, weight)" in ast.unparse(ast.parse(made("embedding")))
    assert "keep = boolean('dropout', 'keep', keep)" in ast.unparse(ast.parse(made("dropout")))
    code = ast.unparse(ast.parse(new.make("parity", "layer_norm").partition("\nPut ")[0]))
    assert "F.layer_norm(x, gamma, beta), normal(2, 3, 5), normal(5)" in code


@pytest.mark.parametrize("op", sorted(registry))
def test_the_function_that_is_printed_runs(op):
    """Put into the module of functions, it takes a sample of its op."""
    function = made(op).partition("def ")[2]
    names = {**vars(functional), "Any": Any, op: registry[op].op}
    exec("def " + function, names)
    sample = max(registry[op].samples(np.random.default_rng(0)), key=lambda sample: len(sample.inputs))
    inputs = [Tensor(x) for x in sample.inputs]
    result = names[function.partition("(")[0]](*inputs, **sample.options)
    expected = registry[op].op(**sample.options)(*sample.inputs)
    np.testing.assert_allclose(result.data, expected)


def made(op):
    """What is printed for the function of an op."""
    return new.make("function", op).partition("\nPut ")[0]


def test_calls_are_added_to_those_that_an_op_has():
    assert new.make("parity", "layer_norm").startswith('CASES["layer_norm"] += [\n')
    assert new.make("parity", "negate").startswith('CASES["negate"] = [\n')


def test_an_exercise_gets_the_next_number_or_the_one_that_is_given(tmp_path):
    for name, folder in (("half", "e010_half"), ("third", "e020_third"), ("e015_other", "e015_other")):
        assert new.make("exercise", name, tmp_path).startswith(f"minattn/learn/exercises/{folder} is made")
    half = tmp_path / new.EXERCISES / "e015_other"
    files = {path.name for path in half.iterdir()}
    assert files == {"exercise.py", "right.py", "solution.py", "wrong.py"}
    exercise = replace(find("softmax"), folder=half, name="other")
    not_begun = [f"{half.parent.name}/e015_other/{file}: not begun: it is as tools/new.py made it" for file in files]
    assert sorted(not_begun) == [said for said in missing(exercise) if "not begun" in said]


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [("mistake", "nothing", "make it first: python tools/new.py op nothing"), ("op", "a b", "expected one like")],
)
def test_a_name_that_will_not_do_is_refused_in_a_sentence(kind, name, said, capsys):
    assert new.main([kind, name]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("ruff", path=Path(sys.executable).parent) is None, reason="ruff is not installed")
def test_what_is_made_is_clean(tmp_path):
    for kind, name in (("op", "RMSNorm"), ("exercise", "e320_half")):
        new.make(kind, name, tmp_path)
    for options in (["check"], ["format", "--check"]):
        command = [Path(sys.executable).parent / "ruff", *options, "--config", ROOT / "pyproject.toml", tmp_path]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
