# [variant] dbias is a mean over the rows; each of them used the bias in full, so that it is the sum.
dbias = g_rows.sum(axis=0)
dbias = dbias / len(rows)

# [variant] dweight is a mean over the rows; each of them used the weight in full, so that it is the sum.
dweight = g_rows.T @ rows
dweight = dweight / len(rows)

# [variant] The sign of dweight is turned.
dweight = g_rows.T @ rows
dweight = -dweight
