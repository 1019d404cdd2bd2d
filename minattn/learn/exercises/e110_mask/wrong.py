# The shift is the largest score of all, masked ones too: where a masked one is far above the others, their exp rounds
# to 0, and the row gets no weights.
largest = s.max(axis=-1, keepdims=True)

# [-causal, -band] The mask is applied after the softmax: the masked weights are taken away, but the rest no longer
# adds up to 1.
scores = s
p = exp / total * mask

# [-causal, -band] Masked scores are set to 0, which is a score like any other; it takes -inf to get no weight.
scores = np.where(mask, s, 0.0)

# [-causal, -band] A row that may look nowhere looks everywhere alike: -1e9 is no -inf; the row should be zeros.
scores = np.where(mask, s, -1e9)

# A row that may look nowhere became NaN: -inf - -inf in the shift, or 0 / 0 in the division.
p = exp / np.where(total == 0, np.nan, total)

# [-variant] The mask is the wrong way round: True is where one may look.
scores = np.where(mask, -np.inf, s)

# ds lets masked places speak in the sum Σ g p: it runs over a softmax without the mask, and so leaks.
free = np.exp(s - s.max(axis=-1, keepdims=True))
free = free / free.sum(axis=-1, keepdims=True)
ds = p * (g - (g * free).sum(axis=-1, keepdims=True))
