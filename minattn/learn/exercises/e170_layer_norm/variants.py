from ...variants import Option

choices = (
    (
        Option(
            "rms",
            "no mean is taken away (RMS norm)",
            {
                "Layer norm: mean and variance depend on x as well": (
                    "RMS norm: the size of a token depends on x as well"
                ),
                "c = x - mean(x)                    mean over the last axis": (
                    "c = x                              no mean is taken away"
                ),
                "mean 0, variance 1": "mean square 1",
                "where all numbers of a token are": "a number of x may",
                "equal it is 0.": "be 0.",
                "1  a mean was taken away from every x; so the mean of dc is taken away from dc": (
                    "1  c is x, and so dx is dc"
                ),
                "forgets that mean and variance change with x": "forgets that r changes with x",
                "and at last dx = dc - mean(dc).": "and dx is dc.",
                "r (dn - mean(dn) - n mean(dn n)), all means": "r (dn - n mean(dn n)), the mean",
                "c = x - x.mean(axis=-1, keepdims=True)": "c = x.copy()",
                "dx = dc - dc.mean(axis=-1, keepdims=True)": "dx = dc",
            },
            has_edges=False,
        ),
    ),
    (
        Option(
            "outside",
            "ε stands outside of the root",
            {
                "r = 1 / √(mean(c²) + ε)      ": "r = 1 / (s + ε), s = √mean(c²)",
                "and divide by no c: where all numbers of a token are": (
                    "and divide by no c: here r alone has no c that"
                ),
                "and divide by no c: a number of x may": "and divide by no c: a number of x may",
                "equal it is 0.": "may be 0, and s is above 0.",
                "dr/dc_i = -r³ c_i / D": "dr/dc_i = -r² c_i / (D s)",
                "dr (-r³ c / D)": "dr (-r² c / (D s)), where s = 1/r - ε",
                "n mean(dn n)": "n mean(dn n) / (1 - ε r)",
                "EPS = 1e-5": "EPS = 0.1",
                "1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + EPS)": (
                    "1 / (np.sqrt((c * c).mean(axis=-1, keepdims=True)) + EPS)"
                ),
                "dr * r**3 * c / width": "dr * r**2 / (1 / r - EPS) * c / width",
            },
            has_edges=False,
        ),
    ),
    (
        Option(
            "plus",
            "the gain is 1 + gamma",
            {
                "y = gamma n + beta": "y = (1 + gamma) n + beta",
                "g gamma": "g (1 + gamma)",
                "return gamma * c * r": "return (1 + gamma) * c * r",
                "dn = g * gamma": "dn = g * (1 + gamma)",
            },
        ),
        Option(
            "exp",
            "the gain is exp(gamma)",
            {
                "y = gamma n + beta": "y = exp(gamma) n + beta",
                "g gamma": "g exp(gamma)",
                "Σ g n over": "Σ g n exp(gamma) over",
                "return gamma * c * r": "return np.exp(gamma) * c * r",
                "dgamma = (g * n)": "dgamma = (g * n * np.exp(gamma))",
                "dn = g * gamma": "dn = g * np.exp(gamma)",
            },
        ),
    ),
)
