from ...course import Exercise, normal

exercise = Exercise(
    page="08_block",  # of walkthroughs, where it is derived
    steps={"slope": "the slope of x³, 3 x²"},
    hints=(
        "If x grows by a little, by how much does x³ grow?",
        "It grows by 3 x² times as much; the chain rule multiplies this by what comes from above.",
        "dx = g * 3 * x**2",
    ),
    note="Say what one knows now, and where the engine does the same: Power in minattn/ops/arithmetic.py.",
    cases=normal([(3, 4)], [(2, 3, 5)]),
)
