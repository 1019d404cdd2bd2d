from ...course import Exercise

exercise = Exercise(
    page="01_tape",
    hints=(
        "b (4,) was added to x (2, 3, 4). If b[0] grows by a little, how many numbers of the result grow?",
        "First the axes that g has and shape has not: they are the first g.ndim - len(shape). Then those where shape "
        "says 1.",
        "g.sum(axis=(0, 1)) takes a tuple of axes. For the second step sum with keepdims=True, so that the axis stays "
        "with length 1.",
    ),
    note="Stretching copies, so its gradient sums: the same law as in the embedding. You will never again wonder why "
    "the gradient of a bias is g.sum(axis=0). The engine does it once, for all ops: sum_to_shape in "
    "minattn/ops/base.py.",
    cases=lambda rng: [
        (rng.normal(size=full), shape)
        for full, shape in (((2, 3, 4), (4,)), ((3, 4), (3, 1)), ((2, 3, 4), (2, 1, 4)), ((3, 2), ()), ((5, 3), (5, 3)))
    ],
)
