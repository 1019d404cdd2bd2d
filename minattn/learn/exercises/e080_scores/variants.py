from ...variants import Option

ROOT = "np.sqrt(q.shape[-1])"

choices = (
    (
        Option(
            "tanh",
            "scores are capped by a tanh",
            {
                "s_ij = Σ_c q_ic k_jc / √d          s = q kᵀ / √d": (
                    "s_ij = tanh(Σ_c q_ic k_jc / √d)          s = tanh(q kᵀ / √d)"
                ),
                f"return q @ k.swapaxes(-1, -2) / {ROOT}": f"return np.tanh(q @ k.swapaxes(-1, -2) / {ROOT})",
                "scaled = g": "scaled = g * (1 - forward(q, k) ** 2)",
                "g / √d, what": "g (1 - s²) / √d, what",
                "two things, a product and a division": "three things, a product, a division and a tanh",
                "Divide g by √d.": "Multiply g by the slope of tanh, 1 - s², and divide it by √d.",
            },
        ),
        Option(
            "distance",
            "half the square of the key is taken away, as in a distance",
            {
                "s_ij = Σ_c q_ic k_jc / √d          s = q kᵀ / √d": "s_ij = Σ_c (q_ic k_jc - k_jc² / 2) / √d",
                f"return q @ k.swapaxes(-1, -2) / {ROOT}": "squares = (k * k).sum(axis=-1)[..., None, :]\n"
                f"return (q @ k.swapaxes(-1, -2) - squares / 2) / {ROOT}",
                "dk = scaled.swapaxes(-1, -2) @ q": (
                    "dk = scaled.swapaxes(-1, -2) @ q - scaled.sum(axis=-2)[..., None] * k"
                ),
                "two things, a product and a division": "three things, a product, a difference and a division",
                "transpose of its db?": "transpose of its db? The square of k_j is in every s_ij, too.",
                "swapped, times q.": "swapped, times q; less k times the sum of scaled over the queries.",
            },
        ),
    ),
    (
        Option(
            "d",
            "scores are divided by d",
            {"√d": "d", ROOT: "q.shape[-1]"},
        ),
        Option(
            "tau",
            "scores are divided by a temperature τ, and not by √d",
            {
                "√d": "τ",
                ROOT: "TAU",
                "import numpy as np": "import numpy as np\n\nTAU = 4.0  # τ",
            },
        ),
    ),
)
