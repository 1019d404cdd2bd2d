"""Every screen of the course fits its terminal, from 60 columns on."""

import io

import pytest

from minattn.cli import main
from minattn.learn import course, find
from minattn.learn.progress import CourseProgress
from minattn.learn.screen import Screen, fitted
from minattn.terminal import columns

SOFTMAX = find("softmax")


@pytest.mark.parametrize("width", [60, 80])
def test_all_that_is_printed_fits(tmp_path, monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.chdir(tmp_path)
    folder = "a" * 40
    assert main(["learn", "init", folder]) == 0
    crash = "print('x' * 500)\nraise ValueError('y' * 500, '" + "z" * 90 + "')"
    (tmp_path / folder / SOFTMAX.file).write_text(SOFTMAX.fill(crash))
    mistake = find("attention").solution + "\ndk = -dk"
    (tmp_path / folder / find("attention").file).write_text(find("attention").fill(mistake))
    for words in (("list",), ("check", "--all"), ("check", "softmax"), ("check", "attention"), ("hint", "mask")):
        main(["learn", *words, "--dir", folder])
    main(["learn", "grade", folder, "--csv", "a.csv"])
    said = capsys.readouterr().out.splitlines()
    assert len(said) > 3 * len(course())
    assert [line for line in said if columns(line) > width] == []


@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 24), (80, 40)])
def test_the_list_fits_the_height_that_there_is(tmp_path, monkeypatch, width, height):
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    Screen(stream).course(CourseProgress(tmp_path), height)
    lines = stream.getvalue().splitlines()
    assert len(lines) <= height and max(map(columns, lines)) <= width
    assert all(f"{exercise.number:02} {exercise.name}" in stream.getvalue() for exercise in course())


def test_lines_of_code_are_cut_and_paragraphs_are_wrapped():
    assert fitted("one two three four five six seven", 24) == ["one two three four five", "six seven"]
    assert fitted("    x = 1234567890123456789", 24) == ["    x = 123456789012345…"]
