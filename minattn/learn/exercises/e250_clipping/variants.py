from ...variants import Option

NORM = "norm = √(Σ of the squares of all numbers in all arrays)       the length of all gradients as one long vector"
CODE = "np.sqrt(sum((g * g).sum() for g in gradients))"
MULTIPLIED = "ll gradients are multiplied by one and the same number"
IF = f"If norm is larger than max_norm, a{MULTIPLIED}, so that the length becomes"
NOT = "max_norm. If it is not, they stay as they are, also if all are 0."

choices = (
    (
        Option(
            "sum",
            "the norm is the sum of all sizes",
            {
                NORM: "norm = Σ |g| of all numbers g in all arrays",
                "What is the length of a vector that is written": (
                    "What is the sum of sizes of a vector that is written"
                ),
                "Sum the squares over all arrays, then one root.": "Sum the sizes over all arrays.",
                "the length of all gradients as one vector": "the sum of the sizes of all numbers",
                CODE: "sum(np.abs(g).sum() for g in gradients)",
                "the length becomes": "the norm becomes",
            },
        ),
        Option(
            "largest",
            "the norm is the largest size",
            {
                NORM: "norm = the largest |g| of all numbers g in all arrays",
                "What is the length of a vector that is written": (
                    "What is the largest number of a vector that is written"
                ),
                "Sum the squares over all arrays, then one root.": (
                    "Take the largest size of each array, then of these."
                ),
                "the length of all gradients as one vector": "the largest size of all numbers",
                CODE: "max(np.abs(g).max() for g in gradients)",
                "the length becomes": "the norm becomes",
            },
        ),
        Option(
            "rms",
            "the norm is the root of the mean of the squares",
            {
                NORM: "norm = √(mean of the squares of all numbers in all arrays)",
                "What is the length of a vector that is written": (
                    "What is the mean of the squares of a vector that is written"
                ),
                "Sum the squares over all arrays, then one root.": (
                    "Sum the squares over all arrays, divide by how many numbers they have, then one root."
                ),
                "the length of all gradients as one vector": "the root of the mean of all squares",
                CODE: "np.sqrt(sum((g * g).sum() for g in gradients) / sum(g.size for g in gradients))",
                "the length becomes": "the norm becomes",
            },
        ),
    ),
    (
        Option(
            "soft",
            "all gradients are shortened, by max_norm / (norm + max_norm)",
            {
                IF: "All gradients are multiplied by one and the same number, max_norm / (norm + max_norm), so that",
                IF.replace(
                    "length", "norm"
                ): "All gradients are multiplied by one and the same number, max_norm / (norm + max_norm), so that",
                NOT: "what is left stays below max_norm. If all are 0, they stay so.",
                "The factor is max_norm / norm, but never more than 1.": "The factor is always below 1.",
                "the factor for all of them, at most 1": "the factor for all of them, below 1",
                "max_norm / max(norm, max_norm)": "max_norm / (norm + max_norm)",
            },
        ),
        Option(
            "always",
            "gradients are brought to max_norm also where they are shorter",
            {
                IF: "All gradients are multiplied by one and the same number, so that the length becomes",
                IF.replace(
                    "length", "norm"
                ): "All gradients are multiplied by one and the same number, so that the norm becomes",
                NOT: "max_norm, whether it was larger or smaller. It is never 0.",
                "The factor is max_norm / norm, but never more than 1.": "The factor is max_norm / norm.",
                "the factor for all of them, at most 1": "the factor for all of them",
                "max_norm / max(norm, max_norm)": "max_norm / norm",
            },
            has_edges=False,
        ),
    ),
)
