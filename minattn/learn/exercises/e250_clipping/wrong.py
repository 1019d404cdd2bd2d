# [-variant] Every array is clipped by its own length; all are one vector, with one length and one factor.
clipped = [g * min(1.0, max_norm / np.linalg.norm(g)) for g in gradients]

# Every number is cut off at ±max_norm, which turns the step into another direction.
clipped = [np.clip(g, -max_norm, max_norm) for g in gradients]

# [-soft, -always] Short gradients are stretched to max_norm; they should stay as they are.
scale = max_norm / norm

# [-variant] norm is the sum of the squares; its root is missing.
norm = sum((g * g).sum() for g in gradients)

# [-variant] norm is the sum of the lengths of the arrays; their squares add up, not they.
norm = sum(np.linalg.norm(g) for g in gradients)

# [-variant] norm is the length after the clipping; the log wants the one before.
norm = min(np.sqrt(sum((g * g).sum() for g in gradients)), max_norm)
scale = max_norm / max(max_norm, np.sqrt(sum((g * g).sum() for g in gradients)))
