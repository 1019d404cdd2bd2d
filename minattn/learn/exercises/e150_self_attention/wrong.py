# dx has only the path through the queries; the keys and the values were made of x as well.
dx = dq @ wq.T

# dx has only the path through the values: each assignment overwrote the one before; the three add up.
dx = dv @ wv.T

# The path through the keys is missing in dx.
dx = dq @ wq.T + dv @ wv.T

# The path through the queries is missing in dx.
dx = dk @ wk.T + dv @ wv.T

# The path through the values is missing in dx.
dx = dq @ wq.T + dk @ wk.T

# The three paths are averaged; what comes along several ways is summed.
dx = (dq @ wq.T + dk @ wk.T + dv @ wv.T) / 3

# The gradients of the weights are averaged over the sentences; they add up over the batch.
dwq = rows.T @ dq.reshape(len(rows), -1) / len(x)
dwk = rows.T @ dk.reshape(len(rows), -1) / len(x)
dwv = rows.T @ dv.reshape(len(rows), -1) / len(x)
