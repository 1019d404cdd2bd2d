from ...course import Exercise, normal
from .variants import choices

exercise = Exercise(
    page="00_one_weight",
    hints=(
        "Which of the y_nm change when one a_nk changes, and by how much each?",
        "Σ_m runs over one axis of g and one of b: it is a product of the two, perhaps with one of them transposed. "
        "Which product has the shape of a?",
        "da = g @ b.T; for db the same thought gives Σ_n a_nk g_nm, which is the product of a and g that has the shape "
        "of b.",
    ),
    note="da = g bᵀ, db = aᵀ g: each input's gradient is the upstream times the other input, transposed so that the "
    "shapes fit. The cost: backward does twice the work of forward. The engine: MatMul in "
    "minattn/ops/linear_algebra.py, for batches too.",
    cases=normal([(3, 3), (3, 3)], [(3, 4), (4, 5)], [(2, 3), (3, 1)]),
    like="matmul",
    choices=choices,
)
