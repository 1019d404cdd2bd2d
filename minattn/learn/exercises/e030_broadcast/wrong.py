# The stretched axes are averaged; every use counts in full, so they are summed.
dx = g.mean(axis=tuple(range(added)))
dx = dx.mean(axis=stretched, keepdims=True)

# Only the first of the stretched places is kept; all of them have to be summed.
dx = g[(0,) * added]
dx = dx[tuple(slice(1) if n == 1 else slice(None) for n in shape)]

# The leading axes are summed, but the axes of length 1 are not: they are still stretched.
dx = g.sum(axis=tuple(range(added)))

# The axes of length 1 are summed and lost; keepdims=True keeps them.
dx = g.sum(axis=tuple(range(added)))
dx = dx.sum(axis=stretched)

# The gradient is handed back with the shape of the result: nothing is summed.
dx = g.copy()
