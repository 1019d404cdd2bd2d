# [-variant] subtract at the targets
p = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
dlogits = p.copy()
dlogits[np.arange(len(p)), targets] -= 1
dlogits *= g / len(p)

# [-variant] by way of log-softmax: loss = -mean(y[target]); log-softmax sends back dy - p Σ dy
z = logits - logits.max(axis=1, keepdims=True)
p = np.exp(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))
dy = np.zeros_like(logits)
dy[np.arange(len(dy)), targets] = -g / len(dy)
dlogits = dy - p * dy.sum(axis=1, keepdims=True)

# [-variant] row by row
dlogits = np.zeros_like(logits)
for n, (row, target) in enumerate(zip(logits, targets)):
    total = np.exp(row - max(row)).sum()
    for v in range(len(row)):
        probability = np.exp(row[v] - max(row)) / total
        dlogits[n, v] = g * (probability - (v == target)) / len(logits)
