# The factor 1/√d of forward is missing on the way back.
scaled = g

# The way back multiplies by √d; the derivative of s / √d divides once more by it.
scaled = g * np.sqrt(q.shape[-1])

# [-d] The scores are divided by d, where √d belongs.
scaled = g / q.shape[-1]

# [-d, -tau] The length in √d is that of the wrong axis: d is the width of q and k, not the number of keys.
scaled = g / np.sqrt(k.shape[-2])

# [-tanh] dk was scaled and dq was not: both come out of the same s / √d.
dq = g @ k
