# [-variant] loops, as the formula stands there
table = np.zeros((tokens, width))
for position in range(tokens):
    for i in range(width // 2):
        angle = position / 10000 ** (2 * i / width)
        table[position, 2 * i] = np.sin(angle)
        table[position, 2 * i + 1] = np.cos(angle)

# [-variant] stacked and flattened
angles = np.outer(np.arange(tokens), np.exp(-np.log(10000) * np.arange(0, width, 2) / width))
table = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(tokens, width)

# [-variant] complex numbers
hands = np.exp(1j * np.arange(tokens)[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width))
table = np.zeros((tokens, width))
table[:, 0::2], table[:, 1::2] = hands.imag, hands.real
