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
    # --- end of your part ---
    return grads
