import numpy as np

from ...course import Exercise

exercise = Exercise(
    derives=True,
    page="04_embedding",
    hints=(
        "What has to be compared with what, so that each row has a single 1?",
        "ids[:, None] is a column (T, 1), np.arange(V) is a row (V,): comparing them gives (T, V). For the gradient: "
        "dweight must be (V, D), you have (T, V) and (T, D).",
        "one_hot = (ids[:, None] == np.arange(len(weight))).astype(float); y = one_hot @ weight; the gradient takes "
        "one_hot transposed.",
    ),
    note="Gather is multiplication by a one-hot matrix, and scatter-add by its transpose: that is why equal tokens add "
    "up. Nobody multiplies by all those zeros, but it is the proof. The engine: Embedding in minattn/ops/embedding.py.",
    cases=lambda rng: [
        (np.array([2, 0, 2, 5]), rng.normal(size=(6, 3)), rng.normal(size=(4, 3))),
        (np.array([1, 1, 1]), rng.normal(size=(2, 5)), rng.normal(size=(3, 5))),
    ],
)
