from ...course import Exercise

exercise = Exercise(
    page="07_attention_backward",
    hints=(
        "It is a matrix product: which two lines did you write for that?",
        "dp = g vᵀ and dv = pᵀ g, with .swapaxes(-1, -2) for the transposes because of the leading axes.",
        "dp = g @ v.swapaxes(-1, -2); in dv it is p whose last two axes are swapped, and it stands on the left.",
    ),
    note="A token that nobody looked at gets no gradient for its value: attention decides who learns. The engine does "
    "it inside of ScaledDotProductAttention in minattn/ops/attention.py.",
    cases=lambda rng: [
        (rng.random(size=(3, 3)), rng.normal(size=(3, 3))),
        (rng.random(size=(2, 3, 4)), rng.normal(size=(2, 4, 5))),
    ],
)
