"""Tables and paragraphs fit the terminal that they are shown in."""

import io
import os
import pty
import subprocess
import sys

import pytest
from support.small_run import Terminal

from minattn.terminal import columns, print_command, print_table, print_wide_table, print_wrapped, shortened, width_of
from minattn.terminal.tables import UNLIMITED, wrapped

TEXT = "The old cat 我喜欢猫 slept by the fire and dreamt of uncharacteristically long words, " * 3


@pytest.mark.parametrize("width", [2, 7, 20, 79])
@pytest.mark.parametrize("text", [TEXT, "x" * 200, "猫" * 99, "", "one"])
def test_wrapped_lines_fit_and_lose_nothing(text, width):
    lines = wrapped(text, width)
    assert max(map(columns, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert columns(text) > width or lines == [text]


@pytest.mark.parametrize("width", [1, 8, 30])
def test_a_shortened_text_fits(width):
    for text in (TEXT, "猫" * 40, "a\tb"):
        assert columns(shortened(text, width)) <= width


def test_the_last_column_of_a_table_is_wrapped_under_itself(capsys):
    print_table([("name", TEXT.strip()), ("b", "short")], width=40)
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert first.startswith("name  The old cat") and last == "b     short"
    assert all(line.startswith("      ") and columns(line) <= 40 for line in lines)


@pytest.mark.parametrize("width", [30, 60, 1000])
def test_columns_that_do_not_fit_follow_beside_the_first_one(capsys, width):
    head = ["token", *(f"layer {i}" for i in range(12))]
    rows = [head, *([f"t{i}", *(f"{i}/{j}" for j in range(12))] for i in range(3))]
    print_wide_table(rows, width)
    tables = [table.splitlines() for table in capsys.readouterr().out.split("\n\n")]
    assert all(len(line) <= width for table in tables for line in table)
    assert len(tables) == {30: 6, 60: 3, 1000: 1}[width]
    for i, row in enumerate(rows[1:], 1):
        lines = [table[i].split() for table in tables]
        assert {line[0] for line in lines} == {row[0]} and [cell for line in lines for cell in line[1:]] == row[1:]


def test_a_paragraph_stands_beside_its_label(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    print_wrapped(TEXT, "blank: ")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("blank: The") and all(line.startswith("       ") for line in lines)
    assert max(map(columns, [first, *lines])) <= 50


def test_the_width_is_the_terminals_or_what_columns_says_and_unlimited_elsewhere(monkeypatch, tmp_path):
    monkeypatch.delenv("COLUMNS", raising=False)
    with open(tmp_path / "file", "w") as file:
        assert width_of(file) == UNLIMITED
        monkeypatch.setenv("COLUMNS", "72")
        assert width_of(file) == 72
    for said in ("", "0", "wide"):
        monkeypatch.setenv("COLUMNS", said)
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "w") as terminal:
            assert width_of(terminal) == 80  # a terminal that does not know its size
            if sys.platform == "linux":
                import fcntl
                import struct
                import termios

                fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 66, 0, 0))
                assert width_of(terminal) == 66
        os.close(ours)


def test_the_last_column_keeps_some_room_beside_cells_that_are_too_wide(capsys):
    print_table([("x" * 50, "猫" * 40, "0.5"), ("a", "b", "one two three four")], width=40)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(columns, lines)) <= 40
    assert lines[0].endswith("  0.5") and "x…" in lines[0] and "猫…" in lines[0]


def test_a_command_is_shown_so_that_it_can_be_copied(monkeypatch):
    command = 'minattn reconstruct "the old [MASK] slept by the fire" --run runs/mine'
    for width, lines in ((90, [f"next: {command}"]), (74, ["next:", command])):
        monkeypatch.setenv("COLUMNS", str(width))
        stream = io.StringIO()
        print_command("next: ", command, stream)
        assert stream.getvalue().splitlines() == lines
    monkeypatch.setenv("COLUMNS", "30")
    stream = io.StringIO()
    print_command("next: ", command + "/" + "x" * 40, stream)
    label, *parts = stream.getvalue().splitlines()
    assert label == "next:" and all(part.endswith(" \\") for part in parts[:-1])
    shell = ["printf '%s|' " + told.removeprefix("minattn ") for told in ("\n".join(parts), command + "/" + "x" * 40)]
    pasted, meant = (subprocess.run(["sh", "-c", one], capture_output=True, text=True).stdout for one in shell)
    assert pasted == meant and meant.startswith("reconstruct|the old [MASK]")


def test_words_are_broken_on_a_terminal_only(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    path = "a/folder/" * 9

    for stream, is_whole in ((io.StringIO(), True), (Terminal(), False)):
        print_wrapped(f"the run is in {path} now", "run  ", stream)
        lines = stream.getvalue().splitlines()
        assert (f"     {path}" in lines) == is_whole and lines[0] == "run  the run is in"
        assert is_whole or max(map(columns, lines)) <= 30
