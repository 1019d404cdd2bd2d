from ...answer_comparison import accepts_repair
from ...course import Exercise
from ..e290_bug_1.exercise import cases  # the same network

exercise = Exercise(
    shows=("linear", "gelu", "layer_norm", "cross_entropy", "bug_1"),
    derives=True,
    page="12_forgotten_terms",
    hints=(
        "Four ops are checked and right. What else in this file has a forward and a backward of the same name?",
        "check_backward(block, block_backward, [x, gamma, beta, weight, bias]) with x (3, 4), gamma and beta (4,), "
        "weight (4, 4), bias (4,).",
        "block is x + …: x is used twice. Its backward returns only what came through the layer; g itself is missing.",
    ),
    note="That was the residual path, and you found it without reading. Check the parts, then check what is made of "
    "the parts: check_model does it for a whole model and names the first wrong op. This is the end of the course; "
    "`minattn train` trains the real thing, and minattn/ops is now yours to read.",
    cases=cases,
    accepts=accepts_repair(("linear", "gelu", "layer_norm", "block", "cross_entropy")),
)
