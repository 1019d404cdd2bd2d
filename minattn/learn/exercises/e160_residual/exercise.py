from ...course import Exercise, normal
from .variants import choices

exercise = Exercise(
    page="08_block",
    steps={"du": "what arrives at u = x w: g times the slope of tanh"},
    hints=(
        "How many ways lead from y back to x?",
        "Around the layer comes g as it is. Through it: first the slope of tanh, 1 - c², which gives du; then the "
        "matrix product.",
        "du = g * (1 - c * c); dx = g + du @ w.T; dw is (rows of x).T @ (rows of du).",
    ),
    note="Gradients of deep networks arrive at all because of that plus sign. The engine: EncoderBlock.join in "
    "minattn/nn/encoder_block.py.",
    cases=normal([(3, 4), (4, 4)], [(2, 3, 2), (2, 2)]),
    choices=choices,
)
