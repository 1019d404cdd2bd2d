from ...course import Exercise, normal
from .variants import choices

exercise = Exercise(
    page="07_attention_backward",
    steps={"scaled": "g / √d, what arrives at q kᵀ"},
    hints=(
        "Forward does two things, a product and a division. Which was last, and so comes first on the way back?",
        "Divide g by √d. Then it is the matrix product of a = q and b = kᵀ: what is its da, and what is the transpose "
        "of its db?",
        "scaled = g / np.sqrt(q.shape[-1]); dq = scaled @ k; and dk, of shape (…, S, d), is scaled with its last two "
        "axes swapped, times q.",
    ),
    note="Every query gets a mixture of keys back, and every key a mixture of queries, both weighted by g. The engine "
    "does it inside of ScaledDotProductAttention in minattn/ops/attention.py.",
    cases=normal([(3, 3), (3, 3)], [(2, 3, 5), (2, 4, 5)], [(2, 2, 3, 2), (2, 2, 3, 2)]),
    choices=choices,
)
