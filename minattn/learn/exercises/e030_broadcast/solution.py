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
    added = g.ndim - len(shape)
    dx = g.sum(axis=tuple(range(added)))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1)
    dx = dx.sum(axis=stretched, keepdims=True)
    # --- end of your part ---
    return dx
