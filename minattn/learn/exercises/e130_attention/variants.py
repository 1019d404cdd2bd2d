from ...variants import Option

ROOT = "np.sqrt(q.shape[-1])"

choices = (
    (
        Option(
            "tanh",
            "values go through a tanh",
            {
                "y = p v      ": "y = p tanh(v)",
                "pᵀ g": "pᵀ g · (1 - tanh² v)",
                "g vᵀ": "g tanh(v)ᵀ",
                f"/ {ROOT}) @ v": f"/ {ROOT}) @ np.tanh(v)",
                "dv = p.swapaxes(-1, -2) @ g": "dv = p.swapaxes(-1, -2) @ g * (1 - np.tanh(v) ** 2)",
                "dp = g @ v.swapaxes(-1, -2)": "dp = g @ np.tanh(v).swapaxes(-1, -2)",
            },
        ),
    ),
    (
        Option(
            "queries",
            "the softmax runs over the queries",
            {
                "row by row: what each query looks at": "column by column: by whom each key is looked at",
                "axis=-1": "axis=-2",
            },
        ),
    ),
    (
        Option("d", "scores are divided by d", {"√d": "d", ROOT: "q.shape[-1]"}),
        Option(
            "tau",
            "scores are divided by a temperature τ, and not by √d",
            {"√d": "τ", ROOT: "TAU", "import numpy as np": "import numpy as np\n\nTAU = 1.5  # τ"},
        ),
    ),
)
