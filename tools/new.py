"""Makes the files for something new from the templates beside this file, and says what to do next.

python tools/new.py op RMSNorm            a new op, with its samples: minattn/ops/rms_norm.py
python tools/new.py function rms_norm     its function on Tensors, to be put into minattn/functional.py
python tools/new.py mistake rms_norm      wrong backward passes of it: minattn/check/catalogue/rms_norm.py
python tools/new.py parity rms_norm       calls of it that are compared with PyTorch, to be put into the tests
python tools/new.py exercise rms_norm     an exercise at the end of the course; e175_rms_norm puts it between others
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from pathlib import Path

import numpy as np

from minattn.check.catalogue import catalogue, find_op, usual_mistakes
from minattn.check.catalogue.registered_op import snake_case
from minattn.errors import InputError
from minattn.ops import Op, registry

TEMPLATES = Path(__file__).parent / "templates"
ROOT = Path(__file__).parents[1]

FILES = {"op": "minattn/ops/{name}.py", "mistake": "minattn/check/catalogue/{name}.py"}
EXERCISES = "minattn/learn/exercises"
PARITY = "tests/support/parity_cases.py"
NEXT = {
    "op": "It squares its input: write your samples, docstring, forward and backward, then run\n"
    "  minattn check {name}\n"
    "  pytest tests/ops -k {op}\n"
    "The second names what else a complete op has, and how to make it.",
    "mistake": "Write a function for each mistake, with a kind of minattn/check/mistake_kinds.py, then run\n"
    "  pytest tests/check/test_catalogue.py -k {name}",
    "exercise": "It is about x³. Write your own {files}, then run\n"
    "  pytest tests/learn/test_exercises.py -k {name}\n"
    "  minattn learn init /tmp/try\n"
    "Variants of it, another problem for each learner: see minattn/learn/exercises/README.md",
    "function": "Put the import at the top of minattn/functional.py and the function below the others. It refuses\n"
    "wrong types of numbers; let it refuse shapes that do not fit, as those beside it do. Then run\n"
    "  pytest tests/ops/test_ops.py -k '{op} and complete'",
    "parity": f"Put this at the end of {PARITY}, with more shapes and edge cases, then run\n"
    "  pytest tests/parity/test_parity_ops.py -k {name}",
}


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; returns the exit code: 2 for what cannot be made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=NEXT)
    parser.add_argument("name", help="as a class (RMSNorm) or as a function (rms_norm)")
    chosen = parser.parse_args(arguments)
    try:
        print(make(chosen.kind, chosen.name, root))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def make(kind: str, name: str, root: Path = ROOT) -> str:
    """Write the files of a kind, if it has its own, and return what is to be done next.

    Raises:
        InputError: for a file that exists already, and a name that cannot be one
    """
    if not name.isidentifier():
        raise InputError(f"name: expected one like RMSNorm or rms_norm, got {name!r}")
    if kind == "exercise":
        return make_exercise(name, root)
    if kind == "op":
        op = name if not name.islower() else "".join(map(str.capitalize, name.split("_")))
    else:
        try:
            op = find_op(name)
        except InputError:
            raise InputError(f"no op is called {name}; make it first: python tools/new.py op {name}") from None
    name, text = snake_case(op), read(f"{kind}.py")
    if kind != "op":
        for placeholder, words in placeholders(registry[op].op, kind).items():
            text = text.replace(placeholder, words)
    if kind == "parity" and f'"{name}"' in (ROOT / PARITY).read_text(encoding="utf-8"):
        text = text.replace("] = [", "] += [")
    text = text.replace("NewOp", op).replace("new_op", name)
    next_steps = NEXT[kind].format(op=op, name=name)
    if kind not in FILES:
        return f"{text}\n{next_steps}"
    path = root / FILES[kind].format(name=name)
    if kind == "mistake" and (file := mistakes_file(op)).exists():
        return f"{text[text.index('@mistake') :]}\nPut this into {file.relative_to(ROOT)}. {next_steps}"
    write({path: text}, root)
    return f"{path.relative_to(root)} is made. {next_steps}"


def mistakes_file(op: str) -> Path:
    """The file that the mistakes of an op alone are in, or go into."""
    made = (entry.backward for entry in catalogue.get(op, []) if entry.backward.__module__ != usual_mistakes.__name__)
    own = next(made, None)
    return Path(inspect.getfile(own)) if own else ROOT / FILES["mistake"].format(name=snake_case(op))


def make_exercise(name: str, root: Path) -> str:
    """Write the folder of an exercise, with the next number if the name has none; returns what is to be done next."""
    others = root / EXERCISES
    numbers = [int(folder.name[1:4]) for folder in others.glob("e[0-9][0-9][0-9]_*")]
    found = re.fullmatch(r"(?:e([0-9]{3})_)?(\w+)", name)
    assert found is not None  # any identifier is one
    folder = others / f"e{found[1] or f'{max(numbers, default=0) + 10:03}'}_{found[2]}"
    if taken := [other.name for other in others.glob(f"e*_{found[2]}")]:
        raise InputError(f"{EXERCISES}/{taken[0]} exists already; choose another name")
    names = sorted(path.name for path in (TEMPLATES / "exercise").glob("*.py"))
    write({folder / file: read(f"exercise/{file}") for file in names}, root)
    steps = NEXT["exercise"].format(files=", ".join(names), name=found[2])
    return f"{folder.relative_to(root)} is made. {steps}"


def read(template: str) -> str:
    """The text of a template, without what only keeps the checker of code quiet about it."""
    return (TEMPLATES / template).read_text(encoding="utf-8").removeprefix("# ruff: noqa: F821\n")


def write(texts: dict[Path, str], root: Path) -> None:
    """Write new files. Raises InputError where one exists."""
    for path in texts:
        if path.exists():
            raise InputError(f"{path.relative_to(root)} exists already; write into it")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def placeholders(op: type[Op], kind: str) -> dict[str, str]:
    """What stands in a template for the inputs and the options of an op: the parameters of its own code.

    The first parameter of a function is called input, as PyTorch's are; it refuses inputs of another type of number.
    """
    array = "Tensor" if kind == "function" else "Array"
    inputs = [p for p in inspect.signature(op.forward).parameters.values() if p.name != "self"]
    options = inspect.signature(op).parameters.values()
    if kind == "function" and inputs[0].kind is not inputs[0].VAR_POSITIONAL:
        inputs[0] = inputs[0].replace(name="input")
    stars = {p.name: "*" * (p.kind is p.VAR_POSITIONAL) for p in inputs}
    parameters = [*(f"{stars[p.name]}{p.name}: {array}" for p in inputs), *map(str, options)]
    sample = next(iter(registry[op.__name__].samples(np.random.default_rng(0))))
    kinds = {p.name: x.dtype.kind for p, x in zip(inputs, sample.inputs, strict=False) if not stars[p.name]}
    floats = [name for name in kinds if kinds[name] == "f"]
    checked = f'floats("new_op", {", ".join(f"{name}={name}" for name in floats)})'
    checks = [f"{', '.join(floats) if floats[1:] else f'({floats[0]},)'} = {checked}"] if floats else []
    checks += [f'{name} = integers("new_op", "{name}", {name}, {floats[0]})' for name in kinds if kinds[name] in "iu"]
    checks += [f'{name} = boolean("new_op", "{name}", {name})' for name in kinds if kinds[name] == "b"]
    arrays = (
        f"normal({', '.join(map(str, x.shape))})" if x.dtype.kind == "f" else f"np.array({x.tolist()})"
        for x in sample.inputs
    )
    called = ", ".join(f"{stars[p.name]}{p.name}" for p in inputs)
    return {
        "    validation()\n": "".join(f"    {check}\n" for check in checks),
        f"parameters: {array}": ", ".join(parameters),
        "arguments": called,
        "inputs()": ", ".join(arrays),
        "NewOp(options)": f"NewOp({', '.join(p.name for p in options)})",
        ".ops.new_op": f".ops.{op.__module__.rpartition('.')[2]}",
    }


if __name__ == "__main__":
    sys.exit(main())
