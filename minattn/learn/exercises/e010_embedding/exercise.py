import numpy as np

from ...course import Edge, Exercise

exercise = Exercise(
    page="04_embedding",
    hints=(
        "If a token stands in the sentence twice and you change its row of the table a little, how many rows of y "
        "change?",
        "Start from zeros of the shape of weight, and add g_t to row ids_t for every t. With NumPy beware: "
        "dweight[ids] += g reads, adds and writes each row once, so that of equal ids only the last one counts.",
        "np.add.at(dweight, ids, g) adds for every occurrence.",
    ),
    note="A lookup copies, and the gradient of a copy is a sum: whatever is used several times collects what every use "
    "sends back. You will meet this again in broadcasting, residuals, tied weights and the tape. The engine: Embedding "
    "in minattn/ops/embedding.py.",
    cases=lambda rng: [
        (np.array([2, 0, 2, 5, 2]), rng.normal(size=(6, 3))),
        (np.array([[1, 1, 4], [0, 3, 1]]), rng.normal(size=(5, 2))),
    ],
    edges=(
        Edge(
            "where there is no position at all",
            "a sum over nothing is 0: dweight is zeros, of the shape of weight",
            (np.zeros(0, int), np.ones((3, 2))),
        ),
    ),
    like="embedding",
)
