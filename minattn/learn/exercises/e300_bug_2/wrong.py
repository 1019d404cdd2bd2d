# The name is right, but repaired is the old backward: queries and keys still get each other's g.
repaired = scores_backward


# Each of the two gradients is made right now, but the √d of forward was lost in the repair.
def repaired(g, q, k):
    return g @ k, g.swapaxes(-1, -2) @ q


# dk and dq have changed places: dq = g k comes first.
def repaired(g, q, k):
    g = g / np.sqrt(q.shape[-1])
    return g.swapaxes(-1, -2) @ q, g @ k


# softmax is innocent: the check passes it.
WRONG = "softmax"
repaired = softmax_backward
