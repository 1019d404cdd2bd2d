# [-variant] by symmetry: Φ(-x) = 1 - Φ(x)
tail = erfc(abs(x) / math.sqrt(2)) / 2
cdf = np.where(x > 0, 1 - tail, tail)
bell = (2 * math.pi) ** -0.5 * math.e ** (-(x**2) / 2)
dx = g * cdf + g * x * bell

# [-variant] number by number
dx = np.empty_like(x)
for place, number in np.ndenumerate(x):
    cdf = 0.5 * math.erfc(-number / math.sqrt(2))
    bell = math.exp(-0.5 * number**2) / math.sqrt(2 * math.pi)
    dx[place] = g[place] * (cdf + number * bell)

# [-variant] with the output: y = x Φ, so that Φ is y / x; 1/2 at 0
y = forward(x)
cdf = np.divide(y, x, out=np.full_like(x, 0.5), where=x != 0)
dx = g * (cdf + x * np.exp(-0.5 * x**2 - 0.5 * np.log(2 * np.pi)))
