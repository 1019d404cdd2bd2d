from ...course import Exercise, normal

exercise = Exercise(
    page="07_attention_backward",
    hints=(
        "If one number of x grows, which of q, k and v change?",
        "Each of the three is a linear layer without a bias: it sends (its gradient) @ (its weight).T to x. The "
        "gradient of a weight sums over sentences and tokens: flatten both axes.",
        "dx = dq @ wq.T + dk @ wk.T + dv @ wv.T; and with rows = x.reshape(-1, D): dwq = rows.T @ dq.reshape(-1, d), "
        "the others likewise.",
    ),
    note="Every fork in the forward pass is a sum in the backward pass. That is half of backpropagation; the other "
    "half is the chain rule. The engine: MultiHeadSelfAttention in minattn/nn/attention.py, and the addition in "
    "`walk` of minattn/graph.py.",
    cases=normal([(2, 3, 4), (4, 5), (4, 5), (4, 5)], [(3, 2, 2), (2, 2), (2, 2), (2, 2)]),
)
