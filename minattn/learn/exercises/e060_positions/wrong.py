# [-variant] All sines come first and all cosines after them; they alternate: sin, cos, sin, cos.
table = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)

# [-variant] Sine and cosine have changed places: the even columns are the sines.
table[:, 0::2] = np.cos(angles)
table[:, 1::2] = np.sin(angles)

# [-variant] Every column has an angle of its own, 10000^(column / D); the two columns of a pair share one.
angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(width) / width)
table = np.where(np.arange(width) % 2 == 0, np.sin(angles), np.cos(angles))

# [-last] The exponent is i / D where 2i / D belongs: the hands slow down only half as much as they should.
angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(width // 2) / width)

# [-backwards] The positions start at 1; the first position is 0.
angles = np.arange(1, tokens + 1)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
