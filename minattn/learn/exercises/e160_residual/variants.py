from ...variants import Option

ALWAYS = "arrives. With it, there is always a way on which nothing is multiplied at all."
EXP = "1 / (1 + np.exp(-x @ w))"

choices = (
    (
        Option(
            "product",
            "x is multiplied by c, as by a gate, and not added to it",
            {
                "Residual: the road that is always open": "Gate: the road that c opens and closes",
                "the change that the layer makes": "how far the gate is open",
                "y = x + c                  added to what was there": "y = x c                    times what was there",
                ALWAYS: "arrives. Here the way around is multiplied, too, by c.",
                "comes g as it is.": "comes g c.",
                "gives du;": "gives du, with x as a factor;",
                "g times the slope": "g x times the slope",
                "return x + ": "return x * ",
                "du = g": "du = g * x",
                "dx = g + ": "dx = g * c + ",
                "dx = g.copy()": "dx = g * c",
            },
        ),
        Option(
            "halved",
            "the sum is divided by √2",
            {
                "y = x + c                  added to what was there": (
                    "y = (x + c) / √2           added to what was there, and made as large as it was"
                ),
                ALWAYS: "arrives. With it, there is always a way on which it is only divided by √2.",
                "comes g as it is.": "comes g / √2.",
                "g times the slope": "g / √2 times the slope",
                "return x + np.tanh(x @ w)": "return (x + np.tanh(x @ w)) / np.sqrt(2)",
                "du = g": "du = g / np.sqrt(2)",
                "dx = g + ": "dx = g / np.sqrt(2) + ",
                "dx = g.copy()": "dx = g / np.sqrt(2)",
            },
        ),
    ),
    (
        Option(
            "sigmoid",
            "the layer has a sigmoid in place of tanh",
            {
                "c = tanh(u)     ": "c = 1/(1 + e⁻ᵘ)",
                "dtanh(u)/du = 1 - tanh²(u).": "dc/du = c (1 - c).",
                "of tanh": "of the sigmoid",
                "1 - c²": "c (1 - c)",
                "np.tanh(x @ w)": EXP,
                "(1 - c * c)": "c * (1 - c)",
            },
        ),
        Option(
            "softplus",
            "the layer has a softplus in place of tanh",
            {
                "c = tanh(u)     ": "c = ln(1 + eᵘ)  ",
                "dtanh(u)/du = 1 - tanh²(u).": "dc/du = 1 / (1 + e⁻ᵘ), which is 1 - e⁻ᶜ.",
                "of tanh": "of softplus",
                "1 - c²": "1 - e⁻ᶜ",
                "np.tanh(x @ w)": "np.logaddexp(0, x @ w)",
                "(1 - c * c)": "(1 - np.exp(-c))",
            },
        ),
    ),
)
