"""Undo broadcasting: the sum that every bias, gain and scale needs."""

import numpy as np

from ..exercise import Cases, Exercise, Mistake


def cases(rng: np.random.Generator) -> Cases:
    for full, shape in (((2, 3, 4), (4,)), ((3, 4), (3, 1)), ((2, 3, 4), (2, 1, 4)), ((3, 2), ()), ((5, 3), (5, 3))):
        yield rng.normal(size=full), shape


exercise = Exercise(
    title="Broadcasting: what was stretched must be summed",
    template='''
"""Broadcasting: what was stretched must be summed

NumPy stretches the smaller array when it computes x + b:

    x (2, 3, 4) + b (4,)      b is used 6 times, once for every row
    x (3, 4)    + b (3, 1)    b is used 4 times, once for every column

The gradient comes back with the shape of the result. Each number of b collects from all the places where it was
used, so the axes along which it was stretched are summed away:

    1  leading axes that b does not have
    2  axes on which b has length 1 and the result has more (these keep their length of 1)

Write the function that does both: g has the shape of the result, what is returned has the given shape.
"""

import numpy as np


def sum_to_shape(g, shape):
    # --- your part ---
    dx = ...
    # --- end of your part ---
    return dx
''',
    function="sum_to_shape",
    solution="""
added = g.ndim - len(shape)
dx = g.sum(axis=tuple(range(added)))
stretched = tuple(i for i, n in enumerate(shape) if n == 1)
dx = dx.sum(axis=stretched, keepdims=True)
""",
    alternatives={
        "one axis at a time": """
        dx = g
        while dx.ndim > len(shape):
            dx = dx.sum(axis=0)
        for axis, n in enumerate(shape):
            if n == 1:
                dx = dx.sum(axis=axis, keepdims=True)
        """,
        "scatter-add to where each number came from": """
        places = np.broadcast_to(np.arange(np.prod(shape, dtype=int)).reshape(shape), g.shape)
        dx = np.bincount(places.ravel(), g.ravel(), minlength=np.prod(shape, dtype=int)).reshape(shape)
        """,
    },
    mistakes=(
        Mistake(
            "The stretched axes are averaged; every use counts in full, so they are summed.",
            """
            dx = g.mean(axis=tuple(range(g.ndim - len(shape))))
            dx = dx.mean(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)
            """,
        ),
        Mistake(
            "Only the first of the stretched places is kept; all of them have to be summed.",
            """
            dx = g[(0,) * (g.ndim - len(shape))]
            for axis, n in enumerate(shape):
                if n == 1:
                    dx = dx.take([0], axis=axis)
            """,
        ),
        Mistake(
            "The leading axes are summed, but the axes of length 1 are not: they are still stretched.",
            "dx = g.sum(axis=tuple(range(g.ndim - len(shape))))",
        ),
        Mistake(
            "The axes of length 1 are summed and lost; keepdims=True keeps them.",
            """
            dx = g.sum(axis=tuple(range(g.ndim - len(shape))))
            dx = dx.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1))
            """,
        ),
        Mistake("The gradient is handed back with the shape of the result: nothing is summed.", "dx = g.copy()"),
    ),
    hints=(
        "b (4,) was added to x (2, 3, 4). If b[0] grows by a little, how many numbers of the result grow?",
        "First the axes that g has and shape has not: they are the first g.ndim - len(shape). Then those where shape "
        "says 1.",
        "g.sum(axis=(0, 1)) takes a tuple of axes. For the second step sum with keepdims=True, so that the axis stays "
        "with length 1.",
    ),
    note="Stretching copies, so its gradient sums: the same law as in the embedding. You will never again wonder why "
    "the gradient of a bias is g.sum(axis=0). The engine does it once, for all ops: sum_to_shape in "
    "minattn/ops/base.py.",
    cases=cases,
    answers=("dx",),
)
