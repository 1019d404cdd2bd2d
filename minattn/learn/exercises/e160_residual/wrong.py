# The way around is missing: dx has only what came through the layer.
dx = du @ w.T

# The way through the layer is missing: dx is only what came around it.
dx = g.copy()

# The slope of tanh is missing: the gradient goes through the layer as if it were linear.
du = g

# [-sigmoid, -softplus] The slope is taken as 1 - c; it is 1 - c².
du = g * (1 - c)

# w is not transposed on the way back: du_o reaches x_i by w_io, so it is du wᵀ.
dx = g + du @ w

# [-product] The gradient of the way around went through the slope of tanh too; it goes straight to x.
dx = du + du @ w.T
