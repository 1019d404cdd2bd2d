import numpy as np

from ...answer_comparison import accepts_repair
from ...course import Cases, Exercise


def cases(rng: np.random.Generator) -> Cases:
    for batch, tokens, width, size in ((2, 3, 4, 5), (3, 2, 5, 3)):
        square = {name: rng.normal(size=(width, width)) for name in ("wq", "wk", "wv")}
        ends = {"table": rng.normal(size=(size, width)), "out": rng.normal(size=(width, size))}
        ids = rng.integers(0, size, (batch, tokens))
        yield {**ends, "positions": rng.normal(size=(tokens, width)), **square}, ids, ids[:, ::-1].copy()


exercise = Exercise(
    shows=("embedding", "scores", "softmax", "weighted_sum", "cross_entropy", "training_step"),
    derives=True,
    page="12_forgotten_terms",
    hints=(
        "An op with two inputs can be wrong in one, in the other, or in both. Which ops have you not asked the check "
        "about yet?",
        "check_backward(scores, scores_backward, [q, k]) with q (2, 3, 4) and k (2, 3, 4), and then with a k (2, 5, "
        "4).",
        "scores_backward: s_ij = q_i · k_j, so q_i collects g_ij k_j over j, which is g @ k. The transposed g "
        "belongs to dk.",
    ),
    note="Wherever two lengths are equal, T and T here, a forgotten transpose fits. In a test let no two axes be of "
    "equal length. The engine's samples keep to that: attention_samples in minattn/ops/attention.py.",
    cases=cases,
    accepts=accepts_repair(("embedding", "scores", "softmax", "weighted_sum", "cross_entropy")),
)
