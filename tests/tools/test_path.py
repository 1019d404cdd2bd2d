"""The path of a training step: what is counted, and how long it may be."""

import inspect
from pathlib import Path

import pytest
from path import MOST_FILES, MOST_LINES, Passed, main, trace, training_step

import minattn
from minattn import tensor


@pytest.fixture(scope="module")
def textbook():
    with minattn.textbook():
        return trace(training_step())


def test_a_textbook_step_passes_through_few_files(textbook):
    assert len(textbook) <= MOST_FILES, [row.file for row in textbook]


def test_the_functions_of_a_textbook_step_are_few_lines(textbook):
    assert sum(row.in_functions for row in textbook) <= MOST_LINES


def test_a_textbook_step_uses_no_kernel(textbook):
    assert not [row.file for row in textbook if row.file.startswith("minattn/fast/")]


def test_a_step_passes_through_each_part_of_the_way(textbook):
    rooms = {row.file.split("/")[1] for row in textbook}
    assert {"models", "nn", "functional.py", "tensor.py", "ops", "graph.py", "optim.py"} <= rooms


def test_of_a_file_all_lines_those_of_functions_and_those_that_ran_are_counted():
    lines = len(Path(tensor.__file__).read_text(encoding="utf-8").splitlines())
    function = len(inspect.getsourcelines(tensor.grad_enabled)[0])
    assert trace(lambda: tensor.grad_enabled()) == [Passed("minattn/tensor.py", lines, function, 1)]


def test_the_command_prints_a_line_for_each_file_and_the_sums(capsys):
    main([])
    head, *rows, sums = capsys.readouterr().out.splitlines()
    assert head.split() == ["file", "functions", "run"]
    assert sums.startswith(f"{len(rows)} files") and all(row.startswith("minattn/") for row in rows)
