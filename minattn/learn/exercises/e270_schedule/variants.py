from ...variants import Option

choices = (
    (
        Option(
            "tenth",
            "the rate ends at a tenth of the peak",
            {
                "peak (1 + cos(π done)) / 2    ": "peak (0.1 + 0.9 (1 + cos(π done)) / 2)   ",
                "at step = warmup down to 0 at": "at step = warmup down to peak / 10 at",
                "rate = peak * fall": "rate = peak * (0.1 + 0.9 * fall)",
            },
        ),
    ),
    (
        Option(
            "line",
            "the fall is a straight line",
            {
                "half a cosine, from peak": "a straight line, from peak",
                "(1 + cos(π done)) / 2": "(1 - done)",
                ": cos goes from 1 to -1 while done goes from 0 to 1": "",
                "fall = (1 + math.cos(math.pi * done)) / 2": "fall = 1 - done",
            },
        ),
        Option(
            "root",
            "the fall is 1 - √done",
            {
                "half a cosine, from peak": "a root, steep at first, from peak",
                "(1 + cos(π done)) / 2": "(1 - √done)",
                ": cos goes from 1 to -1 while done goes from 0 to 1": "",
                "fall = (1 + math.cos(math.pi * done)) / 2": "fall = 1 - math.sqrt(done)",
            },
        ),
    ),
    (
        Option(
            "square",
            "the rise is the square of a straight line",
            {
                "a straight rise: peak / warmup at step 0, and peak": (
                    "the square of a straight rise: peak / warmup² at step 0, and peak"
                ),
                "(step + 1) / warmup is the share": "((step + 1) / warmup)² is the share",
                "the rise starts at peak / warmup.": "the rise starts at peak / warmup².",
                "rise = (step + 1) / warmup": "rise = ((step + 1) / warmup) ** 2",
                "rise = step / warmup": "rise = (step / warmup) ** 2",
            },
        ),
    ),
)
