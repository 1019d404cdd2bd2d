"""A tiny tape: accumulate, in the right order, through any graph."""

import re

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    x, w = rng.normal(size=(2, 3))
    yield [("leaf",), ("exp", 0), ("mul", 0, 1), ("sum", 2)], [x], 1.0
    yield [("leaf",), ("leaf",), ("mul", 0, 0), ("add", 2, 1), ("mul", 3, 2), ("exp", 0), ("sum", 4)], [x, w], -0.5
    # a diamond of diamonds: 2 to the 30 paths
    diamonds = [("leaf",)] + [("add", i, i) for i in range(30)] + [("sum", 30)]
    yield diamonds, [x / 2**30], 2.0


WALK = """
grads = [np.zeros_like(value) for value in values]
grads[-1] = np.asarray(g)
for number in reversed(range(len(tape))):
    op, *inputs = tape[number]
    up = grads[number]
    if op == "add":
        i, j = inputs
        grads[i] = grads[i] + up
        grads[j] = grads[j] + up
    elif op == "mul":
        i, j = inputs
        grads[i] = grads[i] + up * values[j]
        grads[j] = grads[j] + up * values[i]
    elif op == "exp":
        grads[inputs[0]] = grads[inputs[0]] + up * values[number]
    elif op == "sum":
        grads[inputs[0]] = grads[inputs[0]] + up * np.ones_like(values[inputs[0]])
"""

exercise = Exercise(
    title="A tiny tape: write down forward, read it backward",
    template='''
"""A tiny tape: write down forward, read it backward

tape: a list of ops in the order in which they ran. The number of an op is its place in the list.

    ("leaf",)        an input: the next array of `leaves`
    ("add", i, j)    the sum of the results of ops i and j
    ("mul", i, j)    their product
    ("exp", i)       e to the result of op i
    ("sum", i)       the sum of all its numbers

run() computes all results. Write backward(): the gradient of every op's result, given that of the last one (g, a
number). An op that is used twice adds up what both uses send; an op that does not lead to the last one has zeros.

Every op was written down after its inputs. So in which order do you have to read?
"""

import numpy as np


def run(tape, leaves):
    leaves, values = iter(leaves), []
    for op, *inputs in tape:
        x = [values[i] for i in inputs]
        if op == "leaf":
            values.append(next(leaves))
        elif op == "add":
            values.append(x[0] + x[1])
        elif op == "mul":
            values.append(x[0] * x[1])
        elif op == "exp":
            values.append(np.exp(x[0]))
        elif op == "sum":
            values.append(x[0].sum())
    return values


def gradients(tape, leaves, g):
    values = run(tape, leaves)
    # --- your part ---
    grads = ...
    # --- end of your part ---
    return grads
''',
    function="gradients",
    solution=WALK,
    alternatives={
        "a rule for each op": """
        rules = {
            "leaf": lambda up, y: (),
            "add": lambda up, y, a, b: (up, up),
            "mul": lambda up, y, a, b: (up * b, up * a),
            "exp": lambda up, y, a: (up * y,),
            "sum": lambda up, y, a: (np.full(a.shape, up),),
        }
        pending = {len(tape) - 1: g}
        grads = [np.zeros(np.shape(value)) for value in values]
        for number in range(len(tape) - 1, -1, -1):
            if number in pending:
                op, *inputs = tape[number]
                grads[number] = np.asarray(pending.pop(number))
                sent = rules[op](grads[number], values[number], *(values[i] for i in inputs))
                for i, part in zip(inputs, sent):
                    pending[i] = pending.get(i, 0) + part
        """,
        "ask who used it": """
        # the gradient of an op is the sum over its uses; uses come later, so go from the end
        grads = [None] * len(tape)
        grads[-1] = np.asarray(g)
        for number in range(len(tape) - 2, -1, -1):
            total = np.zeros_like(values[number])
            for later in range(number + 1, len(tape)):
                op, *inputs = tape[later]
                for slot, i in enumerate(inputs):
                    if i == number:
                        other = values[inputs[1 - slot]] if op == "mul" else 1.0
                        total = total + grads[later] * (values[later] if op == "exp" else other)
            grads[number] = total
        """,
    },
    mistakes=(
        Mistake(
            "A gradient is overwritten where it should be added to: of several uses only the last to report counts.",
            re.sub(r"= grads\[.*?\] \+ ", "= ", WALK),
        ),
        Mistake(
            "The tape is read forward; when an op is reached, its own gradient has not arrived yet.",
            WALK.replace("reversed(range(len(tape)))", "range(len(tape))"),
        ),
        Mistake(
            "The upstream g is not used: the walk starts with 1.",
            WALK.replace("np.asarray(g)", "np.asarray(1.0)"),
        ),
        Mistake(
            "exp sends back its input; the slope of exp is exp again, which is the op's own result.",
            WALK.replace("values[number]", "values[inputs[0]]"),
        ),
        Mistake(
            "mul gives each input its own value; each gets that of the other.",
            WALK.replace("up * values[j]", "up * values[i]", 1).replace(
                "grads[j] + up * values[i]", "grads[j] + up * values[j]"
            ),
        ),
    ),
    hints=(
        "x * x has one input, used twice. Which two gradients does it send, and to whom?",
        "Start with zeros for every op and g for the last. Read the tape from the end; each op adds to the gradients "
        "of its inputs: += in meaning, but make a new array (grads[i] = grads[i] + …), as two ops might share one.",
        "add sends up to both; mul sends up * values[j] to i and up * values[i] to j; exp sends up * values[number]; "
        "sum sends up * np.ones_like(values[i]).",
    ),
    note="Thirty diamonds have a thousand million paths, and you visited each op once: that is why backpropagation is "
    "cheap. This is an autograd. The engine: Node and `walk` in minattn/graph.py.",
    cases=cases,
    answers=("grads",),
)
