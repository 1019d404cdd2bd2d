from ...variants import Option

SCALED = "What is kept is scaled up, so that the mean of y is that of x"
KEPT = "What is kept stays as it is: y is smaller on average than"

choices = (
    (
        Option(
            "residual",
            "x itself is added to what dropout leaves of it",
            {
                "y = x / (1 - P) where keep, else 0   ": "y = x + (x / (1 - P) where keep, else 0)",
                "so that the mean of y is that of x": "so that the mean of y is that of 2 x",
                "what was dropped gets nothing": "what was dropped gets g alone",
                "It is 1 / (1 - P) where keep is True, and 0 where it is False.": (
                    "It is 1 + 1 / (1 - P) where keep is True, and 1 where it is False."
                ),
                "return np.where(": "return x + np.where(",
                "slope = keep / (1 - P)": "slope = 1 + keep / (1 - P)",
                "slope = ~keep / (1 - P)": "slope = 1 + ~keep / (1 - P)",
            },
        ),
        Option(
            "squared",
            "x is squared",
            {
                "y = x / (1 - P) where keep": "y = x² / (1 - P) where keep",
                "the mean of y is that of x": "the mean of y is that of x²",
                "y is x times something that does not depend on x. What is that something?": (
                    "y is x² times something that does not depend on x. What is that something, and what is the "
                    "slope of x²?"
                ),
                "It is 1 / (1 - P) where keep is True, and 0 where it is False. That is the slope.": (
                    "It is 1 / (1 - P) where keep is True, and 0 where it is False. Times 2 x, that is the slope."
                ),
                "the slope of a straight line is known without x": "the slope is known without a quotient",
                "np.where(keep, x / (1 - P)": "np.where(keep, x * x / (1 - P)",
                "slope = keep / (1 - P)": "slope = 2 * x * keep / (1 - P)",
                "slope = ~keep / (1 - P)": "slope = 2 * x * ~keep / (1 - P)",
            },
        ),
    ),
    (
        Option(
            "unscaled",
            "what is kept is not scaled",
            {
                SCALED: KEPT,
                f"{SCALED}²": KEPT,
                SCALED.replace("of x", "of 2 x"): KEPT,
                "and nothing has to be changed when dropout is switched off.": (
                    "without dropout, and who switches it off has to scale."
                ),
                "and what was kept was scaled, also if it was 0.": "and what was kept is not scaled, also if it was 0.",
                "1 / (1 - P) where": "1 where",
                "1 + 1 / (1 - P) where": "2 where",
                " / (1 - P)": "",
            },
        ),
    ),
    (
        Option(
            "drop",
            "the coins say what is dropped, not what is kept",
            {
                "x, keep (boolean": "x, drop (boolean",
                "where keep, else 0": "where not drop, else 0",
                "come in as `keep`": "come in as `drop`",
                "where keep is True, and 0 where it is False": "where drop is False, and 0 where it is True",
                "where keep is True, and 1 where it is False": "where drop is False, and 1 where it is True",
                "x, keep)": "x, drop)",
                "where(keep": "where(~drop",
                "slope = keep": "slope = ~drop",
                "1 + keep": "1 + ~drop",
                "* keep": "* ~drop",
                "~keep": "drop",
                "# keep is": "# drop is",
            },
            inputs=lambda x, keep: (x, ~keep),
        ),
    ),
)
