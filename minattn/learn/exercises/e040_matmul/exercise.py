from ...course import Exercise, normal

exercise = Exercise(
    page="00_one_weight",
    hints=(
        "Which of the y_nm change when one a_nk changes, and by how much each?",
        "Σ_m g_nm b_km runs over the last axis of both: a product with b transposed. Check the shapes: g (N, M) and "
        "what make (N, K)?",
        "da = g @ b.T. For db the same thought gives Σ_n a_nk g_nm, so it is a that is transposed, and it stands on "
        "the left.",
    ),
    note="da = g bᵀ, db = aᵀ g: each input's gradient is the upstream times the other input, transposed so that the "
    "shapes fit. The cost: backward does twice the work of forward. The engine: MatMul in "
    "minattn/ops/linear_algebra.py, for batches too.",
    cases=normal([(3, 3), (3, 3)], [(3, 4), (4, 5)], [(2, 3), (3, 1)]),
    like="matmul",
)
