from ...variants import Option

ROOT = "np.sqrt(table.shape[1])"

choices = (
    (
        Option(
            "sigmoid",
            "a sigmoid stands in the place of tanh",
            {
                "h = tanh(x)      ": "h = 1 / (1 + e⁻ˣ)",
                "the tanh": "the sigmoid",
                "of tanh": "of the sigmoid",
                "np.tanh(table[ids])": "1 / (1 + np.exp(-table[ids]))",
                "(1 - h * h)": "h * (1 - h)",
            },
        ),
        Option(
            "softplus",
            "a softplus stands in the place of tanh",
            {
                "h = tanh(x)      ": "h = ln(1 + eˣ)   ",
                "the tanh": "the softplus",
                "of tanh": "of softplus",
                "np.tanh(table[ids])": "np.logaddexp(0, table[ids])",
                "(1 - h * h)": "(1 - np.exp(-h))",
            },
        ),
    ),
    (
        Option(
            "scaled",
            "what is looked up is multiplied by √D",
            {
                "x = table[ids]   ": "x = √D table[ids]",
                "and line 1 scatters dx": "and line 1 scatters √D dx",
                "-table[ids]": f"-{ROOT} * table[ids]",
                "np.tanh(table[ids])": f"np.tanh({ROOT} * table[ids])",
                "logaddexp(0, table[ids])": f"logaddexp(0, {ROOT} * table[ids])",
                "np.add.at(dtable, ids, dx)": f"np.add.at(dtable, ids, {ROOT} * dx)",
                "dtable[ids] = dx": f"dtable[ids] = {ROOT} * dx",
                "dtable[ids] += dx": f"dtable[ids] += {ROOT} * dx",
            },
        ),
    ),
    (
        Option(
            "divided",
            "logits are divided by √D",
            {
                "logits = h tableᵀ     ": "logits = h tableᵀ / √D",
                "its gradient for the table is gᵀ h, and dh = g table.": (
                    "its gradient for the table is gᵀ h / √D, and dh = g table / √D."
                ),
                "at h: g table": "at h: g table / √D",
                "@ table.T": f"@ table.T / {ROOT}",
                "dh = g @ table": f"dh = g @ table / {ROOT}",
                "g.T @ h": f"g.T @ h / {ROOT}",
            },
        ),
    ),
)
