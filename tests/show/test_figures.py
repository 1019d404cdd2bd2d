"""Figures: each shows what its title says, can be read, and comes out the same every time."""

import errno
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from minattn.errors import InputError, RunError
from minattn.show.canvas import drawable, installed_fonts, undrawable
from minattn.show.figures import attention_maps, nearest_neighbours, positional_encoding, save_figure, training_curves

REPOSITORY = Path(__file__).parents[2]
TOKENS = ["[CLS]", *"the old [MASK] slept by the fire , dream ##ing of mice".split(), "[SEP]"]  # noqa: SIM905


def attention(heads, tokens, seed=0):
    scores = np.exp(np.random.default_rng(seed).standard_normal((heads, tokens, tokens)))
    return scores / scores.sum(-1, keepdims=True)


def sinusoids(positions, width):
    angle = np.arange(positions)[:, None] / 10_000 ** (np.arange(0, width, 2) / width)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(positions, width)


def metric_rows(steps=200):
    rows = []
    for step in range(1, steps + 1):
        rows.append({"step": step, "loss": 7 / step, "lr": 1e-3, "tokens_per_second": 1e4})
        if step % 50 == 0:
            rows.append({"step": step, "held_out_loss": 8 / step, "copied": 0.9, "blanks_filled": step / 1000})
    return rows


def texts(ticks):
    return [label.get_text() for label in ticks]


def legend(axis):
    return texts(axis.get_legend().get_texts())


def written(figure):
    """All text that is in a figure, after drawing it with every warning an error."""
    figure.canvas.draw()
    found = [figure.get_suptitle()]
    for axis in figure.axes:
        found += [axis.get_title(), *texts(axis.get_xticklabels()), *texts(axis.get_yticklabels())]
    return found


# --- curves -------------------------------------------------------------------------------------------------


def test_curves_show_loss_and_accuracy_by_step_with_their_last_values():
    figure = training_curves(metric_rows())
    loss, accuracy = figure.axes
    assert loss.get_title() == "Loss while training"
    assert loss.get_ylabel() == "cross-entropy (nats per token)"
    assert accuracy.get_title() == "Accuracy on held-out sentences"
    assert training_curves(metric_rows(), "A note.").axes[-1].get_xlabel() == "step\nA note."
    assert (accuracy.get_xlabel(), accuracy.get_ylabel()) == ("step", "right tokens (%)")
    assert legend(loss) == ["training, mean of 4 values: 0.04", "held-out: 0.04"]
    assert legend(accuracy) == ["tokens copied: 90.00 %", "blanks filled: 20.00 %"]
    raw, smooth, held_out = loss.lines
    assert np.array_equal(raw.get_ydata(), [7 / step for step in range(1, 201)])
    assert smooth.get_ydata()[0] == pytest.approx(np.mean([7, 7 / 2, 7 / 3, 7 / 4]))
    assert smooth.get_xdata()[0] == pytest.approx(2.5)
    assert list(held_out.get_xdata()) == [50, 100, 150, 200]
    assert list(accuracy.lines[1].get_ydata()) == pytest.approx([5, 10, 15, 20])


def test_curves_without_accuracies_have_one_panel():
    figure = training_curves(metric_rows(20))
    assert [axis.get_title() for axis in figure.axes] == ["Loss while training"]
    assert legend(figure.axes[0]) == ["training: 0.35"]
    assert figure.axes[0].get_xlabel() == "step"


def test_a_single_step_is_drawn_as_a_point_at_a_whole_step():
    figure = training_curves([{"step": 3, "loss": 2.0}])
    (line,) = figure.axes[0].lines
    assert line.get_marker() == "o"
    figure.canvas.draw()
    assert all(tick == round(tick) for tick in figure.axes[0].get_xticks())


def test_a_loss_that_was_not_finite_is_a_gap_and_rows_out_of_order_are_sorted():
    figure = training_curves([{"step": 2, "loss": None}, {"step": 3, "loss": 1.0}, {"step": 1, "loss": 2.0}])
    assert np.array_equal(figure.axes[0].lines[0].get_ydata(), [2.0, np.nan, 1.0], equal_nan=True)
    figure.canvas.draw()


@pytest.mark.parametrize("rows", [[], [{"step": 1, "lr": 0.1}], [{"loss": 1.0}]])
def test_curves_of_nothing_are_refused(rows):
    with pytest.raises(InputError, match='rows must hold a "step" and a "loss"'):
        training_curves(rows)


# --- attention ----------------------------------------------------------------------------------------------


def test_each_head_is_a_panel_with_the_tokens_on_both_axes_and_one_colour_scale():
    weights = attention(4, len(TOKENS))
    figure = attention_maps(weights, TOKENS, "Layer 1: a sentence")
    *panels, bar = figure.axes
    assert figure.get_suptitle() == "Layer 1: a sentence"
    assert figure.get_supylabel() == "token that looks (query)"
    assert figure.get_supxlabel() == "token looked at (key)"
    assert bar.get_ylabel() == "attention weight"
    assert [panel.get_title() for panel in panels] == ["head 1", "head 2", "head 3", "head 4"]
    for head, panel in enumerate(panels):
        (image,) = panel.images
        # Row = query: drawn with row 0 on top, as the labels of the vertical axis say.
        assert np.array_equal(image.get_array(), weights[head])
        assert image.origin == "upper"
        assert image.get_clim() == (0, weights.max())
        assert texts(panel.get_xticklabels()) == texts(panel.get_yticklabels()) == TOKENS


@pytest.mark.parametrize("heads", [1, 2, 3, 5, 7, 8, 12])
def test_there_are_as_many_panels_as_heads(heads):
    figure = attention_maps(attention(heads, 3), ["a", "b", "c"])
    assert len(figure.axes) == heads + 1


def overlapping(labels, vertical):
    boxes = [label.get_window_extent() for label in labels]
    sides = sorted((box.y0, box.y1) if vertical else (box.x0, box.x1) for box in boxes)
    return any(before[1] > after[0] for before, after in pairwise(sides))


@pytest.mark.parametrize(("heads", "tokens"), [(1, 14), (2, 40), (1, 130)])
def test_token_labels_do_not_run_into_each_other(heads, tokens):
    words = [["incomprehensibilities", "kitchen", "##ing"][i % 3] for i in range(tokens)]
    figure = attention_maps(attention(heads, tokens), words)
    figure.canvas.draw()
    panel = figure.axes[0]
    assert len(panel.get_yticklabels()) >= min(tokens, 32)
    assert not overlapping(panel.get_yticklabels(), vertical=True)
    assert not overlapping(panel.get_xticklabels(), vertical=False)


def test_a_long_title_stays_inside_the_figure():
    figure = attention_maps(attention(1, 3), ["a", "b", "c"], "the old cat slept by the fire " * 7)
    figure.canvas.draw()
    box = figure._suptitle.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    panel = figure.axes[0]
    assert panel.title.get_window_extent().y1 < box.y0
    short = attention_maps(attention(1, 3), ["a", "b", "c"], "short")
    short.canvas.draw()
    assert panel.bbox.height > 0.95 * short.axes[0].bbox.height, "the title took its place from the panel"


@pytest.mark.parametrize(
    ("weights", "tokens", "complaint"),
    [
        (np.ones((2, 3, 4)), 3, r"shape \(H, T, T\) for T tokens, got \(2, 3, 4\) for 3 tokens"),
        (np.ones((2, 3, 3)), 4, r"got \(2, 3, 3\) for 4 tokens"),
        (np.ones((3, 3)), 3, r"weights must have 3 axes, got shape \(3, 3\)"),
        (np.ones((0, 3, 3)), 3, r"got \(0, 3, 3\)"),
        (np.full((1, 2, 2), np.nan), 2, "weights must be finite"),
        (np.ones((13, 2, 2)), 2, r"at most 12 heads fit, got 13; pass weights\[:12\]"),
    ],
)
def test_attention_of_the_wrong_shape_is_refused(weights, tokens, complaint):
    with pytest.raises(InputError, match=complaint):
        attention_maps(weights, ["x"] * tokens)


# --- tokens that are hard to draw ---------------------------------------------------------------------------


@pytest.fixture
def only_the_default_font(monkeypatch):
    from matplotlib.font_manager import fontManager

    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if font.name == "DejaVu Sans"])


@pytest.mark.usefixtures("only_the_default_font")
def test_a_character_that_no_font_draws_is_shown_as_its_code_point():
    tokens = ["中", "##文", "火边", "\u200b", "\n", "é", "😀"]
    expected = ["U+4E2D", "##U+6587", "U+706B U+8FB9", "U+200B", "U+000A", "é", "😀"]
    figure = attention_maps(attention(1, len(tokens)), tokens, "中")
    assert texts(figure.axes[0].get_xticklabels()) == expected
    assert "U+4E2D" in written(figure)


@pytest.mark.usefixtures("only_the_default_font")
def test_a_drawing_without_a_font_for_its_words_says_so_in_one_sentence():
    told = "U+4E2D is a character that no font here can draw; install Noto Sans CJK SC."
    for figure in (
        attention_maps(attention(1, 2), ["a", "中"]),
        attention_maps(attention(1, 2), ["a", "b"], "中"),
        nearest_neighbours(np.eye(2), ["a", "中"], ["a"]),
    ):
        assert " ".join(figure.get_supxlabel().split("\n")[1:]) == told
        assert label_stays_inside(figure)
    assert "\n" not in attention_maps(attention(1, 2), ["a", "\u200b"]).get_supxlabel()


@pytest.mark.usefixtures("only_the_default_font")
def test_what_cannot_be_drawn_is_a_sentence_for_the_terminal_with_a_remedy_where_there_is_one():
    end = "so the figures show code points"
    assert undrawable(["ab", "中a中", "文"]) == f"no font here can draw 中 and 1 more, {end}; install Noto Sans CJK SC"
    assert undrawable(["\U00013000"]) == f"no font here can draw \U00013000, {end}"
    assert undrawable(["Ünïcode", "\n"]) == undrawable([]) == ""


def label_stays_inside(figure):
    """Whether the label below all panels stays inside the figure."""
    figure.canvas.draw()
    box = figure._supxlabel.get_window_extent()
    return box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y0 >= 0


@pytest.mark.usefixtures("only_the_default_font")
def test_a_chinese_font_that_is_installed_is_used(tmp_path, monkeypatch):
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib.font_manager import fontManager

    pen = TTGlyphPen(None)
    for corner, move in zip([(0, 0), (0, 900), (900, 900), (900, 0)], [pen.moveTo, *[pen.lineTo] * 3], strict=True):
        move(corner)
    pen.closePath()
    square = pen.glyph()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "zhong"])
    font.setupCharacterMap({ord("中"): "zhong"})
    font.setupGlyf({".notdef": square, "zhong": square})
    font.setupHorizontalMetrics({".notdef": (1000, 0), "zhong": (1000, 0)})
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": "Noto Sans SC", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(tmp_path / "test.ttf")
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    fontManager.addfont(tmp_path / "test.ttf")
    assert installed_fonts() == ["DejaVu Sans", "Noto Sans SC"]
    figure = attention_maps(attention(1, 2), ["中", "文"], "中")
    assert {"中", "U+6587"} <= set(written(figure))


def test_dollars_and_other_signs_of_mathematics_are_drawn_as_they_are():
    tokens = ["$x$", "$", "\\frac", "_a^", "$\\bad{$"]
    figure = attention_maps(attention(1, 5), tokens, "costs $\\bad{$6")
    assert {*tokens, "costs $\\bad{$6"} <= set(written(figure))
    figure = nearest_neighbours(np.eye(5), tokens, tokens)
    assert set(tokens) <= set(written(figure))


def test_a_long_token_is_cut_short():
    assert drawable("incomprehensibilities") == "incomprehensibi…"
    assert drawable("sixteen-letters!") == "sixteen-letters!"


# --- positions ----------------------------------------------------------------------------------------------


def test_a_positional_encoding_is_shown_as_table_and_as_dot_products():
    table = sinusoids(20, 8)
    figure = positional_encoding(table)
    left, right, _ = figure.axes
    assert (left.get_title(), left.get_xlabel(), left.get_ylabel()) == (
        "Positional encoding",
        "dimension",
        "position",
    )
    assert np.array_equal(left.images[0].get_array(), table)
    assert left.images[0].get_clim() == (-1, 1)
    assert right.get_title() == "Dot product of two positions"
    assert (right.get_xlabel(), right.get_ylabel()) == ("distance between them", "dot product")
    assert legend(right) == ["the same for all pairs"]
    assert np.allclose(right.lines[0].get_ydata(), table @ table[0])


def test_learned_positions_show_how_far_pairs_at_one_distance_differ():
    table = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    right = positional_encoding(table).axes[1]
    assert legend(right) == ["mean over all pairs", "range of pairs"]
    at_two = [table[i].astype(float) @ table[i + 2] for i in range(4)]
    assert right.lines[0].get_ydata()[2] == pytest.approx(np.mean(at_two))
    heights = [y for x, y in right.collections[0].get_paths()[0].vertices if x == 2]
    assert (min(heights), max(heights)) == pytest.approx((min(at_two), max(at_two)))


@pytest.mark.parametrize("table", [np.zeros((1, 4)), np.zeros((3, 2))])
def test_the_smallest_and_the_emptiest_encoding_can_be_drawn(table):
    figure = positional_encoding(table)
    figure.canvas.draw()
    assert figure.axes[0].images[0].get_clim() == (-1, 1)


@pytest.mark.parametrize(("table", "got"), [(np.zeros(3), r"\(3,\)"), (np.zeros((0, 4)), r"\(0, 4\)")])
def test_an_encoding_of_the_wrong_shape_is_refused(table, got):
    with pytest.raises(InputError, match=f"positional_encoding: table .* got .*{got}"):
        positional_encoding(table)


# --- neighbours ---------------------------------------------------------------------------------------------

PIECES = ["fire", "flame", "river", "zero", "##ing"]
TABLE = np.array([[1, 0], [20, 1], [0, 3], [0, 0], [-1, 0]], np.float32)


def test_neighbours_are_ranked_by_cosine_whatever_their_length_and_leave_the_word_out():
    figure = nearest_neighbours(TABLE, PIECES, ["fire", "##ing"], count=3)
    first, second = figure.axes
    assert figure.get_suptitle() == "Nearest tokens in the embedding table"
    assert figure.get_supxlabel() == "cosine similarity"
    assert (first.get_title(), second.get_title()) == ("fire", "##ing")
    assert texts(first.get_yticklabels()) == ["flame", "river", "zero"]
    assert [bar.get_width() for bar in first.patches] == pytest.approx([20 / np.sqrt(401), 0, 0])
    assert texts(second.get_yticklabels()) == ["river", "zero", "flame"]
    # The nearest is on top.
    assert first.yaxis_inverted()


def test_every_panel_has_a_scale_even_above_an_empty_place():
    figure = nearest_neighbours(TABLE, PIECES, PIECES)
    figure.canvas.draw()
    assert len(figure.axes) == 5
    assert all(axis.get_xticklabels()[0].get_visible() for axis in figure.axes)


def test_a_small_vocabulary_has_fewer_neighbours():
    figure = nearest_neighbours(TABLE, PIECES, ["fire"], count=50)
    assert len(figure.axes[0].patches) == 4
    assert figure.get_figheight() == nearest_neighbours(TABLE, PIECES, ["fire"], count=4).get_figheight()


def test_no_neighbours_are_refused():
    with pytest.raises(InputError, match="count must be 1 or more, got 0"):
        nearest_neighbours(TABLE, PIECES, ["fire"], count=0)


@pytest.mark.parametrize(
    ("table", "words", "complaint"),
    [
        (TABLE, ["fire", "ice"], "'ice' is not a piece of the vocabulary"),
        (TABLE[:3], ["fire"], "table has 3 rows, but there are 5 pieces"),
        (TABLE, [], "words must be 1 to 12, got 0"),
        (TABLE + np.inf, ["fire"], "table must be finite"),
    ],
)
def test_neighbours_that_cannot_be_found_are_refused(table, words, complaint):
    with pytest.raises(InputError, match=f"nearest_neighbours: {complaint}"):
        nearest_neighbours(table, PIECES, words)


# --- files --------------------------------------------------------------------------------------------------


def drawings():
    yield training_curves(metric_rows())
    yield attention_maps(attention(2, 5), TOKENS[:5], "Layer 1")
    yield positional_encoding(sinusoids(10, 8))
    yield nearest_neighbours(TABLE, PIECES, ["fire", "river"])


def test_a_figure_becomes_a_png_and_an_svg_with_the_same_bytes_every_time(tmp_path):
    for number, (figure, again) in enumerate(zip(drawings(), drawings(), strict=True)):
        png, svg = save_figure(figure, tmp_path / "figures", f"{number}")
        assert (png, svg) == (tmp_path / "figures" / f"{number}.png", tmp_path / "figures" / f"{number}.svg")
        assert png.read_bytes().startswith(b"\x89PNG")
        assert b"</svg>" in svg.read_bytes()
        assert b"<dc:date>" not in svg.read_bytes()
        for first, second in zip((png, svg), save_figure(again, tmp_path / "again", "x"), strict=True):
            assert first.read_bytes() == second.read_bytes()
    assert len(list((tmp_path / "figures").iterdir())) == 8


def test_a_disk_that_fills_up_keeps_the_figure_that_was_there(tmp_path, monkeypatch):
    png, svg = save_figure(training_curves(metric_rows(5)), tmp_path, "curves")
    before = png.read_bytes(), svg.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"curves\.png could not be written: No space left"):
        save_figure(training_curves(metric_rows(9)), tmp_path, "curves")
    assert (png.read_bytes(), svg.read_bytes()) == before
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["", "a/b", "/tmp/x"])
def test_a_figure_name_that_is_a_path_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="name must be a plain file name"):
        save_figure(training_curves(metric_rows(5)), tmp_path, name)


def test_drawing_leaves_nothing_in_pyplot_and_changes_no_setting():
    script = """
import gc, sys, tempfile, weakref
import minattn.show
assert "matplotlib" not in sys.modules, "imported before it is needed"
sys.path.insert(0, "tests/show")
import test_figures
import matplotlib
before = matplotlib.rcParams.copy()
kept = []
with tempfile.TemporaryDirectory() as folder:
    for figure in test_figures.drawings():
        minattn.show.save_figure(figure, folder, "x")
        kept.append(weakref.ref(figure))
del figure
gc.collect()
assert not any(ref() for ref in kept), "a figure is kept alive"
assert matplotlib.rcParams.copy() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)


def test_what_there_is_to_beat_is_a_line_each_across_the_accuracies():
    figure = training_curves(metric_rows(), "", {"counted": 0.4113, "left neighbour": 0.17})
    accuracy = figure.axes[1]
    assert legend(accuracy)[2:] == ["blanks: counted, 41.13%", "blanks: left neighbour, 17.00%"]
    assert [line.get_ydata()[0] for line in accuracy.lines[2:]] == [pytest.approx(41.13), pytest.approx(17)]
