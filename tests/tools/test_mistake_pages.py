"""The pages about kinds of mistakes: each example is wrong in its way, and the pages are up to date."""

import pytest
from mistake_examples import examples
from mistake_pages import PAGES, run_example, write_pages

from minattn.check.mistake_kinds import kinds


def test_every_kind_has_an_example_and_every_example_a_kind():
    assert set(examples) == set(kinds)


@pytest.mark.parametrize("name", kinds)
def test_each_example_is_named_as_its_own_kind_and_what_is_right_there_passes(name):
    example = examples[name]
    found = run_example(name, example, example.backward)
    assert found.ok is False
    assert found.findings[0].kind == name
    assert run_example(name, example, example.right).ok is True


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The pages, written into a new folder."""
    folder = tmp_path_factory.mktemp("pages") / "a" / "b"
    write_pages(folder)
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_pages_are_those_that_the_vocabulary_makes(written):
    """After a change: python tools/mistake_pages.py"""
    assert {path.name for path in PAGES.iterdir()} == set(written)
    for name, text in written.items():
        assert (PAGES / name).read_text(encoding="utf-8") == text, name


def test_pages_are_written_into_a_new_folder(written):
    assert len(written) == len(kinds) + 1
