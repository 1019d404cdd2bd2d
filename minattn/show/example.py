"""A model so small that all its numbers can be read, trained in a second on six sentences."""

import numpy as np

from ..models import ReconstructionConfig, ReconstructionModel
from ..optim import AdamW
from ..text import Batch
from ..training.step import train_step
from .number_page import NumberPage, page

SENTENCES = (
    "the old cat slept",
    "the old dog slept",
    "a young cat ran",
    "a young dog ran",
    "the young cat slept",
    "a old dog ran",
)
SPECIALS = ("[PAD]", "[MASK]")
_STEPS, _RATE = 60, 1e-2


def small_model() -> tuple[ReconstructionModel, Batch, list[str]]:
    """Train the model for a moment.

    Returns:
        the model, of width 4; a batch of one sentence with a blank and one place of padding, ids (1, 5); the pieces
    """
    pieces = [*SPECIALS, *sorted({word for sentence in SENTENCES for word in sentence.split()})]
    table = np.array([[pieces.index(word) for word in sentence.split()] for sentence in SENTENCES])
    generator = np.random.default_rng(0)
    config = ReconstructionConfig(
        vocab_size=len(pieces),
        width=4,
        layers=1,
        heads=2,
        hidden=6,
        max_tokens=5,
        embedding_std=0.5,
        dropout=0.0,
        activation="relu",
        norm_first=False,
    )
    model = ReconstructionModel(config, generator=generator).double()  # the same on every machine
    optimizer = AdamW(model.named_parameters(), lr=_RATE)
    for _ in range(_STEPS):
        hidden = generator.random(table.shape) < 0.3
        train_step(model, optimizer, np.where(hidden, 1, table), np.ones(table.shape, bool), table, 1.0)
    ids = np.array([[*table[0], 0]])
    ids[0, 2] = pieces.index("[MASK]")
    targets = np.full(ids.shape, -100)
    targets[0, 2] = pieces.index("cat")
    is_token = ids != 0
    return model, Batch(ids, targets, is_token, targets >= 0, is_token), pieces


def example_page(*, language: str = "en") -> NumberPage:
    """The page of a model so small that all its numbers can be read."""
    model, batch, pieces = small_model()
    return page(model, batch, pieces=pieces, notes=[("note example",), ("note step",)], language=language)
