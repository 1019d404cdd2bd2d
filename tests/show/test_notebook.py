"""What walkthroughs draw with: figures that say what they show, and whose words can be compared."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from minattn.errors import InputError
from minattn.show.notebook import draw_matrix, figure, show, svg_of, words_of


def test_a_figure_without_title_or_with_an_axis_that_says_nothing_is_refused():
    with pytest.raises(InputError, match="no title"):
        show(figure("")[0])
    drawing, (left, right) = figure("Two", columns=2)
    left.set(xlabel="x", ylabel="y")
    with pytest.raises(InputError, match="'Two' has no xlabel"):
        show(drawing)
    right.set(xlabel="x")
    with pytest.raises(InputError, match="'Two' has no ylabel"):
        show(drawing)


def test_axes_that_share_a_scale_share_its_label(capsys):
    drawing, (left, right) = figure("Two", columns=2, sharey=True)
    left.set(xlabel="x", ylabel="y")
    right.set(xlabel="x")
    show(drawing)
    assert capsys.readouterr().out == "[figure] Two\n"


def test_the_words_of_a_figure_are_all_but_its_ticks_and_stand_in_its_description():
    drawing, axis = figure("A long title that is broken into two lines because it is so very long")
    image = draw_matrix(axis, [[0.25, -1], [2, 0]])
    axis.set(title="panel", xlabel="column", ylabel="row")
    drawing.colorbar(image, label="value")
    words = words_of(drawing)
    assert words[0] == "A long title that is broken into two lines because it is so very long"
    assert words[1:] == ["panel", "column", "row", "0.25", "-1.00", "2.00", "0.00", "value"]
    described = ElementTree.fromstring(svg_of(drawing)).find(".//{http://purl.org/dc/elements/1.1/}description")
    assert described.text == "\n".join(words)


def test_a_figure_too_large_for_a_page_is_refused():
    drawing, axis = figure("Dust")
    axis.scatter(*np.random.default_rng(0).normal(size=(2, 5000)), c=np.arange(5000))
    with pytest.raises(InputError, match=r"'Dust' is [\d,]+ bytes"):
        svg_of(drawing)
