"""Wrong ways to fill the gap, each with the sentence that answers it."""

import numpy as np

from .solution import run


def overwritten(tape, leaves, g):
    """A gradient is overwritten where it should be added to: of several uses only the last to report counts."""
    values = run(tape, leaves)
    grads = [np.zeros_like(value) for value in values]
    grads[-1] = np.asarray(g)
    for number in reversed(range(len(tape))):
        op, *inputs = tape[number]
        up = grads[number]
        if op == "add":
            i, j = inputs
            grads[i] = up
            grads[j] = up
        elif op == "mul":
            i, j = inputs
            grads[i] = up * values[j]
            grads[j] = up * values[i]
        elif op == "exp":
            grads[inputs[0]] = up * values[number]
        elif op == "sum":
            grads[inputs[0]] = up * np.ones_like(values[inputs[0]])
    return grads


def read_forward(tape, leaves, g):
    """The tape is read forward; when an op is reached, its own gradient has not arrived yet."""
    values = run(tape, leaves)
    grads = [np.zeros_like(value) for value in values]
    grads[-1] = np.asarray(g)
    for number in range(len(tape)):
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
    return grads


def upstream_not_used(tape, leaves, g):
    """The upstream g is not used: the walk starts with 1."""
    values = run(tape, leaves)
    grads = [np.zeros_like(value) for value in values]
    grads[-1] = np.asarray(1.0)
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
    return grads


def slope_of_exp_at_input(tape, leaves, g):
    """exp sends back its input; the slope of exp is exp again, which is the op's own result."""
    values = run(tape, leaves)
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
            grads[inputs[0]] = grads[inputs[0]] + up * values[inputs[0]]
        elif op == "sum":
            grads[inputs[0]] = grads[inputs[0]] + up * np.ones_like(values[inputs[0]])
    return grads


def own_value_in_mul(tape, leaves, g):
    """mul gives each input its own value; each gets that of the other."""
    values = run(tape, leaves)
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
            grads[i] = grads[i] + up * values[i]
            grads[j] = grads[j] + up * values[j]
        elif op == "exp":
            grads[inputs[0]] = grads[inputs[0]] + up * values[number]
        elif op == "sum":
            grads[inputs[0]] = grads[inputs[0]] + up * np.ones_like(values[inputs[0]])
    return grads
