from ...course import Exercise, normal
from .variants import choices

exercise = Exercise(
    page="06_attention_forward",
    hints=(
        "Which of the two moves came last? What undoes a swap of two axes?",
        "First swap heads and tokens back, which gives (B, T, H, D/H). Then the last two axes lie side by side and "
        "flatten into D.",
        "dx = g.transpose(0, 2, 1, 3).reshape(x.shape). In the other order the numbers get mixed up, without any "
        "error.",
    ),
    note="Reshape without transpose is the classical silent bug: all shapes fit, and tokens get each other's numbers. "
    "The engine: split and merge of MultiHeadSelfAttention in minattn/nn/attention.py.",
    cases=normal([(2, 3, 10)], [(3, 2, 4)]),
    choices=choices,
)
