# [-variant] as one vector
vector = np.concatenate([g.ravel() for g in gradients])
norm = np.linalg.norm(vector)
if norm > max_norm:
    vector = vector * (max_norm / norm)
ends = np.cumsum([g.size for g in gradients])
clipped = [part.reshape(g.shape) for part, g in zip(np.split(vector, ends[:-1]), gradients)]

# [-variant] a norm of norms
norm = np.hypot.reduce([np.linalg.norm(g.ravel()) for g in gradients])
factor = max_norm / norm if norm > max_norm else 1.0
clipped = [factor * g for g in gradients]
