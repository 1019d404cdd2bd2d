# one axis at a time
dx = g
while dx.ndim > len(shape):
    dx = dx.sum(axis=0)
for axis, n in enumerate(shape):
    if n == 1:
        dx = dx.sum(axis=axis, keepdims=True)

# scatter-add to where each number came from
places = np.broadcast_to(np.arange(np.prod(shape, dtype=int)).reshape(shape), g.shape)
dx = np.bincount(places.ravel(), g.ravel(), minlength=np.prod(shape, dtype=int)).reshape(shape)
