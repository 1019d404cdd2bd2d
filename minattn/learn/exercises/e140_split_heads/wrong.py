# Only the shape is put right: without swapping heads and tokens back, numbers land at other tokens.
dx = g.reshape(x.shape)

# [-variant] The pieces of the heads are interleaved: heads and width are swapped, where heads and tokens should be.
dx = g.transpose(0, 2, 3, 1).reshape(x.shape)

# [-variant] The heads come back in reverse order.
dx = g[:, ::-1].transpose(0, 2, 1, 3).reshape(x.shape)

# Forward is applied once more; it moves the numbers on instead of back.
dx = forward(g.reshape(x.shape)).reshape(x.shape)
