# A gradient is overwritten where it should be added to: of several uses only the last to report counts.
grads[i] = part

# The tape is read forward; when an op is reached, its own gradient has not arrived yet.
order = range(len(tape))

# The upstream g is not used: the walk starts with 1.
grads[-1] = np.asarray(1.0)

# exp sends back its input; the slope of exp is exp again, which is the op's own result.
grads[i] = grads[i] + (up * x[0] if op == "exp" else part)

# mul gives each input its own value; each gets that of the other.
grads[i] = grads[i] + (up * values[i] if op == "mul" else part)
