import numpy as np

from ...variants import Option

TAIL = "2  p = softmax(s) along the last axis"


def only(where: str, code: str) -> dict[str, str]:
    """The edits for a second mask, which comes on top of the one that is given."""
    head = "def masked_softmax(s, mask, g):"
    return {
        head: f"{head}\n    i, j = np.indices(s.shape[-2:])  # the numbers of the queries and of the keys",
        TAIL: f"   s = -inf {where} as well, whatever the mask says\n{TAIL}",
        "np.where(mask, s, -np.inf)": f"np.where(mask & ({code}), s, -np.inf)",
        "np.where(mask, -np.inf, s)": f"np.where(mask | ~({code}), -np.inf, s)",
        "s + mask": f"np.where({code}, s + mask, -np.inf)",
        "np.broadcast_to(mask, s.shape)": f"np.broadcast_to(mask, s.shape) & ({code})",
        "np.broadcast_to(mask == 0, s.shape)": f"np.broadcast_to(mask == 0, s.shape) & ({code})",
    }


choices = (
    (
        Option(
            "hidden",
            "the mask is True where one may not look",
            {
                "True where one may look;": "True where one may not look;",
                "-inf where the mask is False": "-inf where the mask is True",
                "np.where(mask, s, -np.inf)": "np.where(mask, -np.inf, s)",
                "np.where(mask, s, 0.0)": "np.where(mask, 0.0, s)",
                "np.where(mask, s, -1e9)": "np.where(mask, -1e9, s)",
                "exp / total * mask": "exp / total * ~mask",
                "np.broadcast_to(mask, s.shape)": "~np.broadcast_to(mask, s.shape)",
            },
            inputs=lambda s, mask, g: (s, ~mask, g),
        ),
        Option(
            "added",
            "the mask is a number that is added: 0 or -inf",
            {
                "mask boolean, broadcasting with s: True where one may look;": (
                    "mask, broadcasting with s: 0 where one may look, else -inf;"
                ),
                "s = -inf where the mask is False": "s = s and the mask, added up",
                "np.where(mask, s, -np.inf)": "s + mask",
                "np.where(mask, s, 0.0)": "np.where(mask == 0, s, 0.0)",
                "np.where(mask, s, -1e9)": "np.where(mask == 0, s, -1e9)",
                "exp / total * mask": "exp / total * (mask == 0)",
                "np.broadcast_to(mask, s.shape)": "np.broadcast_to(mask == 0, s.shape)",
            },
            inputs=lambda s, mask, g: (s, np.where(mask, 0.0, -np.inf), g),
        ),
    ),
    (
        Option("causal", "query i may not look at a key j > i either", only("where j > i", "j <= i")),
        Option(
            "band", "query i may look only at the keys i - 1, i, i + 1", only("where |i - j| > 1", "abs(i - j) <= 1")
        ),
    ),
)
