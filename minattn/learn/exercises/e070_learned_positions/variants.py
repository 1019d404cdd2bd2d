from ...variants import Option

FIRST = "the first T rows of the table, the same for every sentence of the batch"

choices = (
    (
        Option(
            "scaled",
            "x is multiplied by √D before the sum",
            {
                "x_bt + weight_t": "√D x_bt + weight_t",
                "A sum y = x + p": "A sum y = √D x + p",
                "dx is g.": "dx is √D g.",
                "return x + ": "return np.sqrt(x.shape[-1]) * x + ",
                "dx = g.copy()": "dx = np.sqrt(x.shape[-1]) * g",
            },
        ),
        Option(
            "product",
            "x is multiplied by its position, in place of a sum",
            {
                "x_bt + weight_t": "x_bt weight_t",
                "A sum y = x + p": "A product y = x p",
                "dx is g. For the table: sum": "dx is g p. For the table: g x, and sum",
                "return x + ": "return x * ",
                "dx = g.copy()": "dx = g * weight[: x.shape[1]]",
                "g.sum(axis=0)": "(g * x).sum(axis=0)",
                "g.mean(axis=0)": "(g * x).mean(axis=0)",
                "g[-1]": "(g * x)[-1]",
            },
        ),
    ),
    (
        Option(
            "last",
            "the last T rows of the table are taken",
            {
                FIRST: FIRST.replace("first", "last"),
                "weight[: x.shape[1]]": "weight[-x.shape[1] :]",
            },
        ),
        Option(
            "reversed",
            "the first T rows of the table are taken in reverse order",
            {
                FIRST: "the first T rows of the table in reverse, the same for every sentence",
                "weight[: x.shape[1]]": "weight[: x.shape[1]][::-1]",
            },
        ),
    ),
)
