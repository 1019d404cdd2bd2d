# The slope of gelu is taken at a, its output; it belongs at u, its input.
du = gelu.backward(da, a)

# The slope of gelu is missing: line 2 is skipped on the way back.
du = da

# gelu itself stands where its slope belongs.
du = da * gelu.forward(u)

# dw2 is made of u; what was multiplied by w2 is a.
dw2 = u.T @ g

# The gradients of the weights are averaged over the rows; they add up.
dw2 = a.T @ g / len(x)
dw1 = x.T @ du / len(x)

# dw1 and db1 are made of da: the slope of gelu is missing on the way to them.
dw1 = x.T @ da
db1 = da.sum(axis=0)
