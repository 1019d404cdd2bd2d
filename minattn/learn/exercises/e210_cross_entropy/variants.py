import numpy as np

from ...variants import Option

P = "p = exp / exp.sum(axis=1, keepdims=True)"
LSE = "lse = np.log(exp.sum(axis=1, keepdims=True)) + logits.max(axis=1, keepdims=True)"

choices = (
    (
        Option(
            "zloss",
            "a z-loss ζ (ln Σ exp)² is added for each row",
            {
                "3  loss = mean of l_n": (
                    "   l_n = l_n + ζ (ln Σ exp(logits_n))²     the z-loss, which keeps the sum near 1\n3  loss = "
                    "mean of l_n"
                ),
                "- logits_n[target_n]": "- logits_n[target_n] + ζ (ln Σ exp(logits_n))²",
                "and g multiplies.": "and g multiplies. The z-loss adds 2 ζ ln Σ exp · p_j to each.",
                "import numpy as np": "import numpy as np\n\nZETA = 0.1",
                "return (log_sum - ": "lse = log_sum + logits.max(axis=1)\nreturn (ZETA * lse**2 + log_sum - ",
                P: f"{P}\n{LSE}",
                "dlogits = g * (p - y)": "dlogits = g * (p - y + 2 * ZETA * lse * p)",
            },
        ),
    ),
    (
        Option(
            "smooth",
            "labels are smoothed: ε of each is shared by all classes",
            {
                "l_n = -ln p_n[target_n]            the surprise at the right class": (
                    "l_n = -Σ_v y_nv ln p_nv             y is 1 - ε for the target, and ε/V more for every class"
                ),
                "l_n = ln Σ exp(logits_n) - logits_n[target_n]": "l_n = ln Σ exp(logits_n) - Σ_v y_nv logits_nv",
                "And of logits[target] by x_j?": "And of Σ_v y_v x_v by x_j?",
                "p_j - 1 for the target, p_j for the others: p minus one-hot": (
                    "p_j - y_j: p minus the smoothed one-hot"
                ),
                "the right classes as one-hot rows": "the right classes as one-hot rows, smoothed",
                "import numpy as np": "import numpy as np\n\nSMOOTH = 0.2  # ε",
                "log_sum = np.log(np.exp(z).sum(axis=1))": (
                    "log_sum = np.log(np.exp(z).sum(axis=1))\nz = (1 - SMOOTH) * z + SMOOTH * z.mean(axis=1, "
                    "keepdims=True)  # at the target: Σ_v y_v z_v"
                ),
                "y = np.eye(logits.shape[1])[targets]": (
                    "y = (1 - SMOOTH) * np.eye(logits.shape[1])[targets] + SMOOTH / logits.shape[1]"
                ),
            },
        ),
    ),
    (
        Option(
            "sum",
            "the loss is the sum of the rows, not their mean",
            {
                "3  loss = mean of l_n": "3  loss = sum of l_n",
                "The mean divides by the number of rows, and g multiplies.": (
                    "The sum divides by nothing; g multiplies."
                ),
                ").mean()": ").sum()",
                " / len(logits)": "",
            },
        ),
        Option(
            "padding",
            "rows whose target is 0 are padding and do not count",
            {
                "3  loss = mean of l_n": "3  loss = mean of l_n over the rows whose target is not 0 (0 is padding)",
                "divides by the number of rows,": "divides by the number of rows that count, the others get 0,",
                ").mean()": ")[targets != 0].mean()",
                " / len(logits)": " * (targets != 0)[:, None] / (targets != 0).sum()",
            },
            inputs=lambda logits, targets: (logits, np.append(targets[:-1], max(targets[-1], 1))),
        ),
    ),
)
