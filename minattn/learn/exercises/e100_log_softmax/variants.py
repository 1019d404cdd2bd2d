from ...variants import Option


def divided(by: str, code: str) -> dict[str, str]:
    """The edits for scores that are divided by something."""
    return {
        "z = x - max(x)": f"z = (x - max(x)) / {by}",
        "δ_ij - d(ln": f"δ_ij / {by} - d(ln",
        "- δ_ij  ": f"- δ_ij / {by}  ",
        "What is d(ln Σ exp(x))/dx_j? You know that number by": f"What is d(ln Σ exp(x / {by}))/dx_j? But for a factor "
        "you know that number by",
        "Put u = Σ exp(x)": f"Put u = Σ exp(x / {by})",
        "exp(x_j) / Σ exp(x): softmax": f"exp(x_j / {by}) / Σ exp(x / {by}), which is softmax, over {by}",
        "Σ_i g_i (δ_ij - p_j)": f"Σ_i g_i (δ_ij - p_j) / {by}",
        "Σ_i g_i (p_j - δ_ij)": f"Σ_i g_i (p_j - δ_ij) / {by}",
        "softmax(x), which": f"softmax(x / {by}), which",
        "z = x - x.max(axis=-1, keepdims=True)": f"z = (x - x.max(axis=-1, keepdims=True)) / {code}",
        "dx = g - p * total": f"dx = (g - p * total) / {code}",
        "dx = p * total - g": f"dx = (p * total - g) / {code}",
    }


choices = (
    (
        Option(
            "surprise",
            "y is the surprise, minus the logarithm of softmax",
            {
                "Log-softmax: the logarithm": "Surprise: the logarithm",
                "y (…, N), the logarithm of softmax": "y (…, N), minus the logarithm of softmax",
                "y = z - ln Σ exp(z)": "y = ln Σ exp(z) - z",
                "ln 0 is -inf. Here it is never formed: y is just -1000.": (
                    "-ln 0 is inf. Here it is never formed: y is just 1000."
                ),
                "δ_ij - d(ln Σ exp)/dx_j ": "d(ln Σ exp)/dx_j - δ_ij ",
                "(δ_ij - p_j)": "(p_j - δ_ij)",
                "which is exp(y)": "which is exp(-y)",
                "z - np.log(np.exp(z).sum(axis=-1, keepdims=True))": (
                    "np.log(np.exp(z).sum(axis=-1, keepdims=True)) - z"
                ),
                "np.exp(y)": "np.exp(-y)",
                "dx = g - p * total": "dx = p * total - g",
            },
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
                "softmax\n\n    1": "softmax of every column\n\n    1",
                "along the row": "along the column",
                "a row": "a column",
                "axis=-1": "axis=-2",
                "x.shape[-1]": "x.shape[-2]",
            },
        ),
    ),
)
