from ...course import Exercise, normal

exercise = Exercise(
    page="08_block",
    steps={"da": "what arrives at a: g w2ᵀ", "du": "what arrives at u: da times the slope of gelu at u"},
    hints=(
        "Which of the five gradients can you write without knowing anything about gelu?",
        "Line 3 is a linear layer: dw2 = aᵀ g, db2 = Σ g, da = g w2ᵀ. Line 2: gelu.backward takes da, and what went "
        "into gelu, u. Line 1 is a linear layer with du as its upstream.",
        "du = gelu.backward(g @ w2.T, u); dx = du @ w1.T; dw1 = x.T @ du; db1 = du.sum(axis=0).",
    ),
    note="That is backpropagation: every op knows only its own derivative, and hands the result to the one before. The "
    "slope is always taken where forward was: at its input. The engine: FeedForward in minattn/nn/encoder_block.py, "
    "whose backward nobody had to write.",
    cases=normal([(3, 4), (4, 6), (6,), (6, 4), (4,)], [(5, 2), (2, 3), (3,), (3, 1), (1,)]),
)
