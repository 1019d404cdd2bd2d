from ...variants import Option


def divided(by: str, code: str) -> dict[str, str]:
    """The edits for scores that are divided by something."""
    return {
        "exp(z) / Σ exp(z)": f"exp(z / {by}) / Σ exp(z / {by})",
        "ln(1 + exp(x))": f"ln(1 + exp(x / {by}))",
        "1 / (1 + exp(-x))": f"1 / (1 + exp(-x / {by}))",
        "  for i = j": f" / {by}  for i = j",
        "       for i ≠ j": f" / {by}       for i ≠ j",
        "dx_j = p_j (g_j - …)": f"dx_j = p_j / {by} (g_j - …)",
        "dx_j = σ_j / Σ s (g_j - …)": f"dx_j = σ_j / ({by} Σ s) (g_j - …)",
        "np.exp(x - x.max(axis=-1, keepdims=True))": f"np.exp((x - x.max(axis=-1, keepdims=True)) / {code})",
        "np.logaddexp(0, x)": f"np.logaddexp(0, x / {code})",
        "np.exp(-x)": f"np.exp(-x / {code})",
        "dx = ": f"dx = 1 / {code} * ",
    }


choices = (
    (
        Option(
            "softplus",
            "softplus stands in the place of exp",
            {
                "Softmax: raise": "Softplus shares: raise",
                "1  z = x - max(x)             changes nothing, but exp cannot overflow": (
                    "1  s = ln(1 + exp(x))         softplus, which is above 0"
                ),
                "2  p = exp(z) / Σ exp(z)": "2  p = s / Σ s",
                "p_i (1 - p_i)  for i = j          it rises": "σ_j (1 - p_j) / Σ s  for i = j          it rises",
                "-p_i p_j       for i ≠ j          the others fall": (
                    "-σ_j p_i / Σ s       for i ≠ j          the others fall"
                ),
                "and dx_j collects": "with σ = 1 / (1 + exp(-x)), the slope of softplus; and dx_j collects",
                " Scores of 1000 must do, too.": "",
                "take p_j out: dx_j = p_j (g_j - …)": "take σ_j / Σ s out: dx_j = σ_j / Σ s (g_j - …)",
                "exp = np.exp(x - x.max(axis=-1, keepdims=True))": "s = np.logaddexp(0, x)",
                "return exp / exp.sum(axis=-1, keepdims=True)": "return s / s.sum(axis=-1, keepdims=True)",
                "dx = p * (g - dot)": (
                    "total = np.logaddexp(0, x).sum(axis=-1, keepdims=True)\nslope = 1 / (1 + np.exp(-x))\ndx = "
                    "slope / total * (g - dot)"
                ),
            },
            has_edges=False,
        ),
    ),
    (
        Option(
            "tau",
            "scores are divided by a temperature τ",
            divided("τ", "TAU") | {"import numpy as np": "import numpy as np\n\nTAU = 2.0  # τ"},
        ),
        Option("root", "scores are divided by √N", divided("√N", "np.sqrt(x.shape[-1])")),
    ),
    (
        Option(
            "columns",
            "it runs along the last axis but one, down the columns",
            {
                "(…, N)": "(…, N, M)",
                "every row": "every column",
                "A row shares": "A column shares",
                "of its row": "of its column",
                "each row": "each column",
                "a row": "a column",
                "axis=-1": "axis=-2",
                "x.shape[-1]": "x.shape[-2]",
            },
        ),
    ),
)
