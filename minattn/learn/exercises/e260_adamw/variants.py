from ...variants import Option

choices = (
    (
        Option(
            "nesterov",
            "m̂ looks a step ahead, as Nesterov's momentum does",
            {
                "m̂ = m / (1 - β1^step)          both": (
                    "m̂ = (β1 m + (1 - β1) g) / (1 - β1^step), with the new m; both"
                ),
                "m_hat = new_m / (1 - BETA1**step)": "m_hat = (BETA1 * new_m + (1 - BETA1) * g) / (1 - BETA1**step)",
            },
        ),
    ),
    (
        Option(
            "raw",
            "m and v are not corrected for the first steps",
            {
                " / (1 - β1^step), with the new m; both start at 0, so that they are too small at first": (
                    ", with the new m; nothing is corrected"
                ),
                "m / (1 - β1^step)          both start at 0, so that they are too small at first": (
                    "m                       nothing is corrected"
                ),
                "v̂ = v / (1 - β2^step)": "v̂ = v",
                "m̂, the corrected mean": "m̂, what the step takes for the mean",
                "v̂, the corrected mean square": "v̂, what the step takes for the mean square",
                " / (1 - BETA1**step)": "",
                " / (1 - BETA2**step)": "",
            },
        ),
    ),
    (
        Option(
            "l2",
            "the decay is added to the gradient, as in Adam with L2",
            {
                "AdamW: every number": "Adam with L2: every number",
                "1  m = β1 m": (
                    "   g = g + decay p                the decay is a part of the gradient in all that follows\n1  "
                    "m = β1 m"
                ),
                "4  p = p - lr decay p             weight decay, straight on the parameter: the W": (
                    "4  (the decay is in g already)"
                ),
                "In line 4 and 5 the old p is meant: p - lr decay p - lr": "The old p is meant everywhere: p - lr",
                "mean of g": "mean of g + decay p",
                "mean of g²": "mean of (g + decay p)²",
                "(1 - BETA1) * g": "(1 - BETA1) * (g + decay * p)",
                "(1 - BETA2) * g * g": "(1 - BETA2) * (g + decay * p) ** 2",
                "p * (1 - lr * decay)": "p",
            },
        ),
        Option(
            "unscaled",
            "the decay is not multiplied by the rate",
            {
                "p - lr decay p": "p - decay p",
                "p * (1 - lr * decay)": "p * (1 - decay)",
            },
        ),
    ),
)
