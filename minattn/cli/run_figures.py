"""The figures of a run, and what they show of its text."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import RunError
from ..runs import Run
from ..training import Data, Restoration, ScoreTable, load_model, restore_ids

HEADS = 12
"""The most heads that are drawn of a layer."""

CURVES = "Accuracy: blanks of one draw, at the model of each step; the table at the end has more draws."
"""What stands below the curves."""


def draw_restoration(run: Run, text: str, restoration: Restoration) -> str:
    """Draw into a run's figures what each token of a text looked at; what to say of it, "" if that cannot be."""
    from ..show import attention_maps, save_figure, undrawable

    if not restoration.attention:
        return ""
    title = f"What each token looks at, last layer: {text.strip()}"
    figure = attention_maps(restoration.attention[-1][:HEADS], restoration.given, title)
    try:
        drawn = f"attention maps: {save_figure(figure, run.figures_folder, 'reconstruct')[0]}"
    except RunError:  # a run that may only be read still restores
        return ""
    return f"{undrawable([text, *restoration.given])}\n{drawn}".strip()


def draw_run(run: Run, data: Data, scores: ScoreTable, say: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Draw what there is to see in a run: the curves, attention, positions, neighbours.

    scores: its table
    say: is told what cannot be drawn as it is
    """
    from ..show import attention_maps, nearest_neighbours, positional_encoding, save_figure, training_curves, undrawable

    model, tokenizer = load_model(run)
    restoration = restore_ids(model, tokenizer, data.held_out[0])
    drawn = {"curves": training_curves(run.metrics(), CURVES, scores.without_model())}
    for i, weights in enumerate(restoration.attention):
        title = f"What each token of a held-out sentence looks at, layer {i + 1}"
        drawn[f"attention-layer-{i + 1}"] = attention_maps(weights[:HEADS], restoration.given, title)
    table = model.position_table()
    if table is not None:
        drawn["positions"] = positional_encoding(table)
    if words := common_words(data, 8):
        drawn["neighbours"] = nearest_neighbours(model.token_table(), tokenizer.pieces, words)
    if note := undrawable([*restoration.given, *words]):
        say(note)
    return [path for name, figure in drawn.items() for path in save_figure(figure, run.figures_folder, name)]


def common_words(data: Data, most: int) -> list[str]:
    """Whole words that the training text has often, commonest first; the very commonest say little about each other."""
    counts = data.training.counts(data.tokenizer.vocab_size)
    words = (data.tokenizer.pieces[i] for i in np.argsort(-counts, kind="stable")[50:])
    return [word for word in words if word.isalpha() and (len(word) > 3 or not word.isascii())][:most]


def example(data: Data) -> str:
    """A short held-out sentence with a blank in it."""
    lengths = data.held_out.lengths(np.arange(len(data.held_out)))
    ids = data.held_out[int(abs(lengths.astype(np.int64) - 10).argmin())]
    middle = len(ids) // 2
    text = data.tokenizer.decode([*ids[:middle], data.tokenizer.mask_id, *ids[middle + 1 :]])
    return re.sub(r'["$`\\!]', "", text)  # what a shell reads inside quotes
