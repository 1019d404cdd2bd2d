# [variant, -residual] The coins are missing on the way back: what was dropped gets a gradient.
slope = 1.0

# [residual] The way through dropout is missing: only x itself sends something back.
slope = 1.0

# [variant] The coins are turned round: what was dropped gets the gradient of what was kept.
slope = ~keep / (1 - P)

# [variant, -unscaled, -residual, -squared] The way back multiplies by 1 - P, where forward divides by it.
slope = keep * (1 - P)
