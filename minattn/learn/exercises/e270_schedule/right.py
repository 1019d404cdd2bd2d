# [-variant] a squared cosine
done = max(step - warmup, 0) / (steps - warmup)
rate = peak * min((step + 1) / max(warmup, 1), 1) * math.cos(math.pi / 2 * done) ** 2

# [-variant] tabulated
rise = [peak * (i + 1) / warmup for i in range(warmup)]
fall = [peak * (0.5 + 0.5 * math.cos(math.pi * i / (steps - warmup))) for i in range(steps - warmup)]
rate = (rise + fall)[step]
