"""One-hot: a lookup is a matrix product

ids (T,) integers, weight (V, D), g (T, D) -> one_hot (T, V), y (T, D), dweight (V, D)

Row t of the one-hot matrix is 0 everywhere, and 1 at the token of position t. Multiplied by the table it picks
a row, so the lookup of the last exercise can be written without indexing:

    y = one_hot weight

And of a matrix product everyone knows the gradient (or will, two exercises on): it is one more product.

Write all three: the matrix, the lookup and the gradient of the table. No weight[ids] this time.
"""

import numpy as np


def lookup(ids, weight, g):
    # --- your part ---
    one_hot = (ids[:, None] == np.arange(len(weight))).astype(float)
    y = one_hot @ weight
    dweight = one_hot.T @ g
    # --- end of your part ---
    return one_hot, y, dweight
