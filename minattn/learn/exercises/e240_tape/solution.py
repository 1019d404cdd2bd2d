"""A tiny tape: write down forward, read it backward

tape: a list of ops in the order in which they ran. The number of an op is its place in the list.

    ("leaf",)        an input: the next array of `leaves`
    ("add", i, j)    the sum of the results of ops i and j
    ("mul", i, j)    their product
    ("exp", i)       e to the result of op i
    ("sum", i)       the sum of all its numbers

run() computes all results. Write gradients(): the gradient of every op's result, given that of the last one (g, a
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
    order = reversed(range(len(tape)))
    for number in order:
        op, *inputs = tape[number]
        up, x, sent = grads[number], [values[i] for i in inputs], []
        if op == "add":
            sent = [up, up]
        elif op == "mul":
            sent = [up * x[1], up * x[0]]
        elif op == "exp":
            sent = [up * values[number]]
        elif op == "sum":
            sent = [up * np.ones_like(x[0])]
        for i, part in zip(inputs, sent):
            grads[i] = grads[i] + part
    # --- end of your part ---
    return grads
