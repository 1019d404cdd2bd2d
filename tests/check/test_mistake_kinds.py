"""The vocabulary of mistakes, its examples, and the pages made from them."""

import re
from pathlib import Path

import pytest

from minattn.check import mistake_kinds as kinds_module
from minattn.check.catalogue import catalogue
from minattn.check.kind_examples import examples
from minattn.check.mistake_kinds import kinds
from minattn.check.pages import pages, run_example, write_pages

FOLDER = Path(kinds_module.__file__).parent
PAGES = Path(__file__).parents[2] / "walkthroughs" / "kinds"


def test_every_kind_has_an_example_and_every_example_a_kind():
    assert set(examples) == set(kinds)


@pytest.mark.parametrize("name", kinds)
def test_each_example_is_named_as_its_own_kind_and_what_is_right_there_passes(name):
    example = examples[name]
    found = run_example(name, example, example.backward)
    assert found.ok is False
    assert found.findings[0].kind == name
    assert run_example(name, example, example.right).ok is True


def words(pattern, *paths):
    return {word for path in paths for word in re.findall(pattern, path.read_text(encoding="utf-8"))}


def test_kinds_that_are_reported_anywhere_are_in_the_vocabulary():
    by_probes = words(r"(?:Diagnosis|Rule|yield)\(? ?\s*\"(\w+)\",", *(FOLDER / "diagnosis").glob("*.py"))
    elsewhere = words(r"(?:Finding|_found)\([^()\"]*\"(\w+)\"", *FOLDER.glob("*.py"))
    in_catalogue = {mistake.kind for mistakes in catalogue.values() for mistake in mistakes}
    assert len(by_probes) > 18 and len(elsewhere) > 8 and len(in_catalogue) > 18
    assert by_probes | elsewhere | in_catalogue <= set(kinds)


def test_meanings_and_advice_are_written_for_a_sentence():
    for kind in kinds.values():
        assert kind.meaning[0].isupper() and kind.meaning.endswith(".")
        assert kind.next[0].islower() or kind.next[0] in "+*="
        assert not kind.next.endswith(".")


def test_the_pages_are_those_that_the_vocabulary_makes():
    """After a change: python -m minattn.check.pages walkthroughs/kinds"""
    made = pages()
    assert {path.name for path in PAGES.iterdir()} == set(made)
    for name, text in made.items():
        assert (PAGES / name).read_text(encoding="utf-8") == text, name


def test_pages_are_written_into_a_new_folder(tmp_path):
    write_pages(tmp_path / "a" / "b")
    assert len(list((tmp_path / "a" / "b").iterdir())) == len(kinds) + 1
