"""The API reference: every docstring becomes a page, and what cannot be read is said."""

import pytest

pytest.importorskip("pdoc", reason="the API reference needs pip install -e '.[docs]'")

from api import build, rooms


def test_every_room_has_a_page():
    names = rooms()
    assert {"minattn", "minattn.ops", "minattn.optim", "minattn.training", "minattn.show.notebook"} <= set(names)
    assert len(names) == len(set(names))


def test_a_page_has_the_docstrings_in_the_lines_in_which_they_are_written(tmp_path):
    assert build(tmp_path, ["minattn.errors"]) == []
    page = (tmp_path / "minattn" / "errors.html").read_text(encoding="utf-8")
    assert "InputError" in page and "pre-wrap" in page


def test_an_annotation_that_cannot_be_read_is_a_failure(tmp_path, monkeypatch):
    (tmp_path / "promises.py").write_text('def f(x: "Nothing") -> None:\n    "A function."\n')
    monkeypatch.syspath_prepend(tmp_path)
    (trouble,) = build(tmp_path / "html", ["promises"])
    assert "Nothing" in trouble
