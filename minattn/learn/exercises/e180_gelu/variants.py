from ...variants import Option

FAR = (
    "(Φ is also (1 + erf(x / √2)) / 2; but far to the left that is 1 - 0.999999…, and loses all its digits: take erfc.)"
)
ERFC = {
    "import math\n\n": "",
    "erfc = np.vectorize(math.erfc, otypes=[float])  # NumPy has none\n\n\n": "\n",
}
U = "np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)"

choices = (
    (
        Option(
            "squared",
            "the product is squared",
            {
                "y = x Φ   ": "y = (x Φ)²",
                "y = x · Φ(x): what does the product rule say?": (
                    "y = (x · Φ(x))²: what does the chain rule say, and what the product rule?"
                ),
                "One term for": "The square sends 2 x Φ ahead. One term for",
                "return x * erfc(-x / np.sqrt(2)) / 2": "return (x * erfc(-x / np.sqrt(2)) / 2) ** 2",
                "dx = g * (cdf + x * bell)": "dx = g * 2 * x * cdf * (cdf + x * bell)",
            },
        ),
        Option(
            "bilinear",
            "x² stands before Φ",
            {
                "y = x Φ   ": "y = x² Φ  ",
                "y = x · Φ(x)": "y = x² · Φ(x)",
                "One term for the x in front, with Φ as its slope; one for the x inside, with x φ(x).": (
                    "One term for the x² in front, with 2 x Φ; one for the x inside, with x² φ(x)."
                ),
                "return x * ": "return x * x * ",
                "dx = g * (cdf + x * bell)": "dx = g * (2 * x * cdf + x * x * bell)",
            },
        ),
    ),
    (
        Option(
            "logistic",
            "Φ is the logistic function, as in SiLU",
            {
                "GELU: the product": "SiLU: the product",
                "Φ = erfc(-x / √2) / 2              the probability that a normal number lies below x": (
                    "Φ = 1 / (1 + exp(-x))                the logistic function"
                ),
                FAR: "(Φ was the bell curve's share in GELU; this one is quicker to compute.)",
                "The slope of Φ is the bell curve:": "The slope of Φ is made of Φ itself:",
                "φ(x) = exp(-x²/2) / √(2π)": "φ(x) = Φ (1 - Φ)",
                "φ(x), the bell curve": "φ(x), the slope of Φ",
                "erfc(-x / np.sqrt(2)) / 2": "1 / (1 + np.exp(-x))",
                "x * erfc(-x / np.sqrt(2)) / 2": "x / (1 + np.exp(-x))",
                "np.exp(-x * x / 2) / np.sqrt(2 * np.pi)": "cdf * (1 - cdf)",
            }
            | ERFC,
            has_edges=False,
        ),
        Option(
            "tanh",
            "Φ is made of a tanh, as in GPT-2",
            {
                "GELU: the product": "GELU by tanh: the product",
                "Φ = erfc(-x / √2) / 2              the probability that a normal number lies below x": (
                    "Φ = (1 + tanh(u)) / 2,  u = √(2/π) (x + 0.044715 x³)"
                ),
                FAR: "(This is near the probability that a normal number lies below x, and was quicker to compute.)",
                "The slope of Φ is the bell curve:": "The slope of tanh is 1 - tanh², and that of Φ",
                "φ(x) = exp(-x²/2) / √(2π)": "φ(x) = (1 - tanh²(u)) / 2 · √(2/π) (1 + 3 · 0.044715 x²)",
                "φ(x), the bell curve": "φ(x), the slope of Φ",
                "erfc(-x / np.sqrt(2)) / 2": f"(1 + np.tanh({U})) / 2",
                "np.exp(-x * x / 2) / np.sqrt(2 * np.pi)": (
                    "2 * cdf * (1 - cdf) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)"
                ),
            }
            | ERFC,
            has_edges=False,
        ),
    ),
)
