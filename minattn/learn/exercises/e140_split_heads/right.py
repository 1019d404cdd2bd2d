# [-variant] side by side
dx = np.concatenate([g[:, head] for head in range(HEADS)], axis=-1)

# [-variant] send the places through forward
places = forward(np.arange(x.size).reshape(x.shape))
dx = np.empty(x.size)
dx[places] = g
dx = dx.reshape(x.shape)

# [-variant] loops
dx = np.zeros_like(x)
for head in range(HEADS):
    for c in range(g.shape[3]):
        dx[:, :, head * g.shape[3] + c] = g[:, head, :, c]
