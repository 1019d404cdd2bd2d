"""Damaged files and random command lines come to what they should; and what should not be is noticed."""

import pytest
from fuzz import fuzz, main
from fuzzing.independent import expect
from fuzzing.outcome import BAD, complaint, outcome_of

from minattn.errors import InputError

FILES, COMMANDS = 5000, 500


def test_no_damaged_file_and_no_command_line_comes_to_a_traceback_a_hang_or_a_wrong_acceptance(tmp_path):
    """After a failure: python tools/fuzz.py with the seed and the number that the finding names."""
    found = fuzz(tmp_path, 0, FILES, COMMANDS)
    assert found.findings == []
    assert sum(found.counts.values()) == FILES + COMMANDS
    assert found.counts["refused"] > FILES / 3 and found.counts["accepted"] > FILES / 10


def forever():
    while True:
        pass


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: [][1], "traceback"),
        (forever, "hang"),
        (lambda: expect(False, "another number than the file"), "wrong"),
        (lambda: 1, "accepted"),
    ],
)
def test_what_must_not_be_is_noticed(call, kind):
    assert outcome_of(call, seconds=0.2)[0] == kind
    assert (kind in BAD) is (kind != "accepted")


@pytest.mark.parametrize(
    "message", ["", "two\nlines", "it failed: TypeError: 'NoneType' object", "list has no attribute x"]
)
def test_a_refusal_that_is_no_plain_sentence_is_noticed(message):
    def call():
        raise InputError(message)

    assert complaint(message) and outcome_of(call)[0] == "wrong"
    assert outcome_of(lambda: (_ for _ in ()).throw(InputError("a.txt is empty")))[0] == "refused"
    assert (
        outcome_of(lambda: (_ for _ in ()).throw(InputError("a.txt is empty")), lambda said: "b" in said)[0] == "wrong"
    )


def test_the_same_seed_gives_the_same_outcomes_and_the_last_line_counts_them(capsys):
    arguments = ["--seed", "3", "--files", "20", "--commands", "0", "--only", "vocabulary"]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert main(arguments) == 0
    assert capsys.readouterr().out == first
    assert first.startswith("20 tries: ") and first.endswith(", 0 tracebacks, 0 hangs, 0 wrong\n")
