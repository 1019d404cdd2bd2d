from ...variants import Option


def order(name: str, axes: str, forward: str, back: str) -> Option:
    """The axes in another order. forward, back: of (B, T, H, c) into it, and from it."""
    return Option(
        name,
        f"the axes of y are {axes}",
        {
            "y (B, H, T, D/H)": f"y {axes}",
            "(B, H, T, …)         heads come before tokens: each head is an attention of its own": axes,
            "First swap heads and tokens back": "First put the axes back into their order",
            ").transpose(0, 2, 1, 3)": f").transpose({forward})",
            "g.transpose(0, 2, 1, 3)": f"g.transpose({back})",
        },
    )


choices = (
    (
        Option(
            "interleaved",
            "a head takes every H-th number of a token, not H neighbours",
            {
                "every vector is cut into H pieces": "head h takes the numbers h, h + H, h + 2 H, … of it",
                "which gives (B, T, H, D/H). Then the last two axes lie side by side and flatten into D.": (
                    "which gives (B, T, H, D/H). Then swap the last two axes, and they flatten into D."
                ),
                "HEADS, width // HEADS)": "width // HEADS, HEADS).swapaxes(2, 3)",
                "g.transpose(0, 2, 1, 3)": "g.transpose(0, 2, 1, 3).swapaxes(2, 3)",
            },
        ),
    ),
    (
        order("hbt", "(H, B, T, D/H)", "2, 0, 1, 3", "1, 2, 0, 3"),
        order("bhc", "(B, H, D/H, T)", "0, 2, 3, 1", "0, 3, 1, 2"),
        order("hbc", "(H, B, D/H, T)", "2, 0, 3, 1", "1, 3, 0, 2"),
        order("htb", "(H, T, B, D/H)", "2, 1, 0, 3", "2, 1, 0, 3"),
    ),
)
