"""The vocabulary of mistakes has every kind that is reported, in words that fit into a sentence."""

import re
from pathlib import Path

from minattn.check import mistake_kinds as kinds_module
from minattn.check.catalogue import catalogue
from minattn.check.mistake_kinds import kinds

FOLDER = Path(kinds_module.__file__).parent


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
