import numpy as np

from ...variants import Option

MIND = "Mind that weight is stored (O, I), an output a row, as everyone stores it: it is transposed already in forward."
ROOT = " / np.sqrt(x.shape[-1])"

choices = (
    (
        Option(
            "before",
            "the bias is added to x, before the product",
            {
                "bias (O,)": "bias (I,)",
                "x weightᵀ + bias": "(x + bias) weightᵀ",
                "x @ weight.T + bias": "(x + bias) @ weight.T",
                "g_rows.T @ rows": "g_rows.T @ (rows + bias)",
                "g_rows.sum(axis=0)": "dx.reshape(-1, x.shape[-1]).sum(axis=0)",
            },
            inputs=lambda x, weight, bias: (x, weight, np.resize(bias, x.shape[-1])),
        ),
        Option(
            "factor",
            "the product is multiplied by bias, which is no summand",
            {
                "x weightᵀ + bias": "x weightᵀ · bias",
                "x @ weight.T + bias": "x @ weight.T * bias",
                "dx = g @ weight": "dx = (g * bias) @ weight",
                "g_rows.T @ rows": "(g_rows * bias).T @ rows",
                "g_rows.sum(axis=0)": "(g_rows * (rows @ weight.T)).sum(axis=0)",
            },
        ),
    ),
    (
        Option(
            "root",
            "the product is divided by √I",
            {
                "weightᵀ": "weightᵀ / √I",
                "@ weight.T": f"@ weight.T{ROOT}",
                "@ weight": f"@ weight{ROOT}",
                "dweight = ": "dweight = 1" + ROOT + " * ",
            },
        ),
    ),
    (
        Option(
            "turned",
            "weight is stored (I, O), an output a column",
            {
                "weight (O, I)": "weight (I, O)",
                "weightᵀ": "weight",
                "@ weight.T": "@ weight",
                "@ weight": "@ weight.T",
                "g_rows.T @ rows": "rows.T @ g_rows",
                "g_rows.T @ (rows + bias)": "(rows + bias).T @ g_rows",
                "(g_rows * bias).T @ rows": "rows.T @ (g_rows * bias)",
                MIND: "Mind that weight is stored (I, O), an output a column: nothing is transposed in forward.",
            },
            inputs=lambda x, weight, bias: (x, weight.T.copy(), bias),
        ),
    ),
)
