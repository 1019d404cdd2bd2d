from ...variants import Option

choices = (
    (
        Option(
            "halves",
            "sines and cosines stand in halves of a row, not side by side",
            {
                "table[position, 2i]      ": "table[position, i]       ",
                "table[position, 2i + 1]  ": "table[position, D/2 + i] ",
                "Sine and cosine of one hand stand side by side: sin, cos, sin, cos, …": (
                    "The sines of all hands stand side by side, then their cosines: sin, sin, …, cos, cos, …"
                ),
                "table[:, 0::2]": "table[:, : width // 2]",
                "table[:, 1::2]": "table[:, width // 2 :]",
            },
        ),
    ),
    (
        Option(
            "cos",
            "cosines come before sines",
            {
                "= sin angle": "= cos angle",
                "= cos angle": "= sin angle",
                "np.sin(angles)": "np.cos(angles)",
                "np.cos(angles)": "np.sin(angles)",
                "the cosines into": "the sines into",
                "Sine and cosine of one hand stand side by side: sin, cos, sin, cos, …": (
                    "Cosine and sine of one hand stand side by side: cos, sin, cos, sin, …"
                ),
                "The sines of all hands stand side by side, then their cosines: sin, sin, …, cos, cos, …": (
                    "The cosines of all hands stand side by side, then their sines: cos, cos, …, sin, sin, …"
                ),
            },
        ),
    ),
    (
        Option(
            "last",
            "the exponent is 2i / (D - 2), so that the last hand is 10000 times as slow as the first",
            {
                "10000^(2i / D) ": "10000^(2i / (D - 2)) ",
                "10000^(2i/D)": "10000^(2i / (D - 2))",
                "(np.arange(0, D, 2) / D)": "(np.arange(0, D, 2) / (D - 2))",
                "np.arange(0, width, 2) / width": "np.arange(0, width, 2) / (width - 2)",
            },
        ),
        Option(
            "backwards",
            "positions are counted from the end of the sentence, where they are 0",
            {
                "angle(position, i)        = position /": "angle(position, i)        = (T - 1 - position) /",
                "position / 10000^(2i/D)": "(T - 1 - position) / 10000^(2i/D)",
                "a column of positions over": "a column of positions, the last one 0, over",
                "np.arange(tokens)[:, None]": "np.arange(tokens)[::-1, None]",
            },
        ),
    ),
)
