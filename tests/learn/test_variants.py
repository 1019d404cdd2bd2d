"""Each variant is an exercise of its own: text, solution, hints, mistakes and grading are about the same formula."""

import ast
import importlib.util
import itertools
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from support.learn_help import verdict

from minattn.cli import main
from minattn.errors import InputError
from minattn.learn import check_file, course, find
from minattn.learn.checking import check_submission
from minattn.learn.gap import Way
from minattn.learn.learner_folder import keys_of, make_folder_of_exercises
from minattn.learn.progress import VARIANT_FILE, CourseProgress, recorded_key
from minattn.learn.submission import Submission
from minattn.learn.variants import Option, combinations, rewritten, rewritten_ways

VARIED = {exercise.name: exercise for exercise in course() if exercise.choices}
every = pytest.mark.parametrize("exercise", VARIED.values(), ids=VARIED)
VARIANTS = [(exercise.name, variant) for exercise in VARIED.values() for variant in exercise.variants]
NAMES = [f"{name}-{'-'.join(option.name for option in variant.options)}" for name, variant in VARIANTS]
every_variant = pytest.mark.parametrize("variant", [variant for _, variant in VARIANTS], ids=NAMES)

TOOL = Path(__file__).parents[2] / "tools" / "variant_pairs.py"


def plain_texts(exercise):
    """All that the edits of an exercise are made in, as it stands in the usual form."""
    files = [path.read_text(encoding="utf-8") for path in sorted(exercise.folder.glob("[swr]*.py"))]
    return [*files, *exercise.hints, *exercise.steps.values(), *(edge.why for edge in exercise.edges)]


# --- what there is


def test_at_least_fifteen_exercises_have_eight_variants_or_more():
    assert len(VARIED) >= 15
    for exercise in VARIED.values():
        variants = exercise.variants
        assert len(variants) >= 8
        for differs in ("says", "text", "solution"):
            assert len({getattr(variant, differs) for variant in (exercise, *variants)}) == len(variants) + 1, differs
        names = [option.name for options in exercise.choices for option in options]
        assert len(set(names)) == len(names) and "variant" not in names


@every
def test_every_edit_of_an_option_has_a_place(exercise):
    for number, options in enumerate(exercise.choices):
        before = [(), *combinations(exercise.choices[:number])]
        texts = [rewritten(text, earlier) for earlier in before for text in plain_texts(exercise)]
        for option in options:
            for old in option.edits:
                assert any(old in text for text in texts), (option.name, old)


@every
def test_every_option_changes_what_the_text_says_of_the_mathematics(exercise):
    forms = (exercise, *exercise.variants)
    assert len({ast.get_docstring(ast.parse(form.text)) for form in forms}) == len(forms)


# --- one source


@every_variant
def test_the_solution_of_a_variant_passes_and_its_untouched_file_is_to_do(variant):
    said = verdict(variant, variant.solution)
    assert said.passed, str(said)
    for name, gap in variant.alternatives.items():
        assert verdict(variant, gap).passed, name
    assert verdict(variant, "pass").result != "passed"
    assert check_text(variant, variant.text).result == "to do"


def check_text(exercise, text):
    return check_submission(exercise, Submission(), exercise.file, text)


@every_variant
def test_every_mistake_of_a_variant_is_refused_with_its_own_sentence(variant):
    for mistake in variant.mistakes:
        said = verdict(variant, mistake.gap)
        assert said.result == "wrong" and mistake.text in str(said), (mistake.text, str(said))


@every
def test_there_is_a_mistake_for_every_variant_and_none_with_a_tag_left(exercise):
    for variant in (exercise, *exercise.variants):
        texts = [way.text for way in variant.mistakes] + list(variant.alternatives)
        assert not any(text.startswith("[") for text in texts)
        assert variant.mistakes or variant is exercise


@every_variant
def test_the_answer_to_another_variant_is_named_as_such(variant):
    other = variant.others[len(variant.solution) % len(variant.others)]  # one for each: all pairs are compared below
    for gap in (variant.fill(other.solution), other.fill(other.solution)):
        said = check_text(variant, gap)
        assert not said.passed
        if said.kind == "other_variant":
            which = f"a variant where {other.says}" if other.says else "the usual form"
            sentences = [
                f"This is the answer to {form}. In yours {variant.says}." for form in (which, "another variant")
            ]
            assert any(sentence in str(said) for sentence in sentences), said


def test_a_copied_file_is_named_with_its_variant_and_ones_own():
    mine, other = find("softmax").variants[:2]
    said = check_text(mine, other.fill(other.solution))
    assert said.kind == "other_variant"
    assert f"This is the answer to a variant where {other.says}. In yours {mine.says}." in str(said)
    usual = check_text(mine, find("softmax").fill(find("softmax").solution))
    assert f"This is the answer to the usual form. In yours {mine.says}." in str(usual)


@every
def test_what_the_last_hint_says_of_a_name_is_a_line_of_the_solution(exercise):
    for variant in (exercise, *exercise.variants):
        lines = [line.strip() for line in variant.solution.splitlines()]
        hint = variant.hints[-1]
        quoted = [
            (name, any(hint[place.start() :].startswith(line) for line in lines))
            for place in re.finditer(r"\b(\w+) = ", hint)
            for name in place.groups()
            if any(line.startswith(f"{name} = ") for line in lines)
        ]
        assert all(is_line for _, is_line in quoted), (variant.says, quoted, hint)
        whole = [line for line in lines if line and line in hint and ("= " in line or "(" in line)]
        assert whole, (variant.says, hint)


SHAPE = re.compile(r"\b(\w+) \(([^()]*)\)")


@every_variant
def test_the_shapes_that_the_text_names_are_those_of_the_samples(variant):
    paragraph = ast.get_docstring(ast.parse(variant.text)).split("\n\n")[1]
    named = {
        name: [axis.strip() for axis in axes.split(",") if axis.strip()] for name, axes in SHAPE.findall(paragraph)
    }
    for arguments in variant.draw(0):
        answer = variant.solved[variant.function](*arguments)
        answers = answer if isinstance(answer, tuple) else (answer,)
        values = dict(zip(variant.parameters, arguments, strict=True)) | dict(
            zip(variant.answers, answers, strict=True)
        )
        if variant.is_backward:
            values["y"] = values["p"] = values["s"] = values["logits"] = arguments[0]  # the upstream has its shape
            values |= dict(zip(variant.parameters[1:], arguments[1:], strict=True))
        lengths = {}
        for name, axes in named.items():
            if name not in values or not isinstance(values[name], np.ndarray) or not all(map(is_axis, axes)):
                continue
            shape = values[name].shape
            tail = axes[1:] if axes[0] == "…" else axes
            assert len(shape) >= len(tail) if axes[0] == "…" else len(shape) == len(tail), (name, axes, shape)
            for axis, length in zip(reversed(tail), reversed(shape), strict=False):
                assert lengths.setdefault(axis, length) == length, (name, axes, shape, lengths)
        assert lengths or not any(axes and all(map(is_axis, axes)) for axes in named.values())


def is_axis(text):
    return text == "…" or re.fullmatch(r"[A-Zde]", text)


# --- each learner has a problem of their own


@pytest.fixture(scope="module")
def pairs():
    specification = importlib.util.spec_from_file_location("variant_pairs", TOOL)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


MASKS = {
    ("the mask is True where one may not look", "the mask is a number that is added: 0 or -inf"),
}
"""Pairs that pass: np.where(mask, -np.inf, s) takes -inf for true and 0 for false: it reads the added mask right."""


@every
def test_anothers_solution_fails_in_nearly_all_pairs(exercise, pairs):
    count = len(exercise.variants)
    passing = {(theirs, ours) for theirs, ours, _ in pairs.passing_pairs(exercise)}
    assert passing == (MASKS if exercise.name == "mask" else set())
    assert len(passing) <= 0.05 * count * (count - 1)


def test_the_comparison_of_pairs_lets_a_right_solution_pass(pairs):
    for exercise in VARIED.values():
        for variant in exercise.variants[::4]:
            assert pairs.passes(variant, variant.fill(variant.solution))


# --- keys


def test_a_key_stands_for_the_same_variants_on_every_machine():
    chosen = {name: [option.name for option in find(name, "anna-7f3").options] for name in ("softmax", "adamw", "mask")}
    assert chosen == CHOSEN
    code = "from minattn.learn import find; print([o.name for o in find('softmax', 'anna-7f3').options])"
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert done.stdout.strip() == str(CHOSEN["softmax"]), done.stderr


CHOSEN = {"softmax": ["tau"], "adamw": ["nesterov", "raw", "l2"], "mask": ["added", "causal"]}


def test_keys_are_spread_over_all_variants():
    for exercise in VARIED.values():
        got = {exercise.for_key(f"student {number}").says for number in range(40 * len(exercise.variants))}
        assert got == {variant.says for variant in exercise.variants}


def test_a_key_is_the_same_in_either_form_of_its_letters_and_without_the_spaces_around_it():
    composed = "Zoë"
    other = unicodedata.normalize("NFD", composed)
    assert other != composed
    for exercise in VARIED.values():
        assert exercise.for_key(f" {other}\n").options == exercise.for_key(composed).options


@pytest.mark.parametrize("key", ["", "  ", "a\nb", "a\x00b", "\udcff"])
def test_what_cannot_be_a_key_is_refused_in_one_sentence(key, tmp_path):
    with pytest.raises(InputError, match="a key must be a text on one line"):
        make_folder_of_exercises(tmp_path / "course", key)
    assert not (tmp_path / "course").exists()


def test_without_a_key_and_without_choices_nothing_changes():
    for exercise in course():
        assert exercise.for_key(None) is exercise and exercise.options == () and exercise.others == ()
        if not exercise.choices:
            assert exercise.for_key("anna") is exercise and exercise.variants == ()


def test_a_later_choice_sees_what_an_earlier_one_wrote_and_new_lines_keep_the_indent():
    first = Option("first", "", {"x": "y\nx", "xx": "z"})
    second = Option("second", "", {"y": "w"})
    assert rewritten("    a x b\nxx", [first, second]) == "    a w\n    x b\nz"
    assert [len(options) for options in combinations(((first,), (second,)))] == [1, 1, 2]


def test_a_tagged_piece_holds_only_for_its_options():
    first, second = Option("first", "", {"x": "y"}), Option("second", "", {})
    ways = [Way(tag + "x", "x") for tag in ("", "[first] ", "[-first] ", "[variant, -second] ", "[-variant] ")]
    kept = {name: len(rewritten_ways(ways, options)) for name, options in {"": [], "1": [first], "2": [second]}.items()}
    assert kept == {"": 3, "1": 3, "2": 2}
    assert rewritten_ways(ways[:1], [first]) == [("y", "y")]


# --- folders


def write(folder, exercise, gap):
    (folder / exercise.file).write_text(exercise.fill(gap), encoding="utf-8")


def test_a_folder_remembers_its_key(tmp_path, capsys):
    folder = tmp_path / "anna"
    assert main(["learn", "init", str(folder), "--variant", "anna-7f3"]) == 0
    assert recorded_key(folder) == "anna-7f3"
    mine = find("softmax", "anna-7f3")
    assert (folder / mine.file).read_text(encoding="utf-8") == mine.text != find("softmax").text
    one_hot = find("one_hot")
    assert (folder / one_hot.file).read_text(encoding="utf-8") == one_hot.text
    write(folder, mine, mine.solution)
    assert main(["learn", "check", "softmax", "--dir", str(folder)]) == 0
    write(folder, mine, find("softmax").solution)
    assert main(["learn", "check", "softmax", "--dir", str(folder)]) == 1
    (folder / mine.file).unlink()
    assert main(["learn", "init", str(folder)]) == 0  # an upgrade
    assert (folder / mine.file).read_text(encoding="utf-8") == mine.text
    write(folder, mine, "dx = 0")
    assert main(["learn", "reset", "softmax", "--yes", "--dir", str(folder)]) == 0
    assert (folder / mine.file).read_text(encoding="utf-8") == mine.text
    capsys.readouterr()
    for _ in range(3):
        assert main(["learn", "hint", "softmax", "--dir", str(folder)]) == 0
    assert mine.hints[1] in " ".join(capsys.readouterr().out.split())
    assert main(["learn", "solution", "softmax", "--anyway", "--dir", str(folder)]) == 0
    assert mine.solution in capsys.readouterr().out
    progress = CourseProgress.load(folder)
    assert (
        progress.find("softmax").options == mine.options and progress.current().options == progress.exercises[0].options
    )


def test_a_key_on_the_command_line_counts_before_that_of_the_folder(tmp_path, capsys):
    make_folder_of_exercises(tmp_path / "plain")
    other = next(f"key {n}" for n in range(99) if find("softmax", f"key {n}").options[0].name == "columns")
    write(tmp_path / "plain", find("softmax", other), find("softmax", other).solution)
    check = ["learn", "check", "softmax", "--dir", str(tmp_path / "plain")]
    assert main([*check, "--variant", other]) == 0
    assert main(check) == 1
    assert "is a variant of the exercise, and its key is not known" in " ".join(capsys.readouterr().out.split())


def test_a_folder_has_one_key(tmp_path):
    make_folder_of_exercises(tmp_path / "a", "one")
    before = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    with pytest.raises(InputError, match="has exercises already, for another key; choose a new folder"):
        make_folder_of_exercises(tmp_path / "a", "two")
    make_folder_of_exercises(tmp_path / "b")
    with pytest.raises(InputError, match="has exercises already, in their usual form; choose a new folder"):
        make_folder_of_exercises(tmp_path / "b", "one")
    make_folder_of_exercises(tmp_path / "a", " one ")
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == before


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"one\ntwo\n", b"\xff\xfe"])
def test_a_file_that_should_hold_the_key_and_does_not_is_refused(tmp_path, text, capsys):
    make_folder_of_exercises(tmp_path / "a", "one")
    (tmp_path / "a" / VARIANT_FILE).write_bytes(text)
    assert main(["learn", "list", "--dir", str(tmp_path / "a")]) == 2
    assert VARIANT_FILE in capsys.readouterr().err


def test_the_teachers_key_counts_and_not_what_is_in_the_folder(tmp_path, capsys):
    for name in ("anna", "ben", "carl"):
        make_folder_of_exercises(tmp_path / name, f"{name}-7f3")
        mine = find("softmax", f"{name}-7f3")
        write(tmp_path / name, mine, mine.solution)
    (tmp_path / "ben" / VARIANT_FILE).write_text("anna-7f3\n")  # with anna's solution
    anna = find("softmax", "anna-7f3")
    assert anna.options != find("softmax", "ben-7f3").options
    write(tmp_path / "ben", anna, anna.solution)
    folders = [str(tmp_path / name) for name in ("anna", "ben", "carl")]
    roster = tmp_path / "roster.csv"
    roster.write_text("name,folder,variant\n" + "".join(f"x,{n},{n}-7f3\n" for n in ("anna", "ben", "carl")))
    for option in (["--variant", "{}-7f3"], ["--variants", str(roster)]):
        table = tmp_path / "grades.csv"
        assert main(["learn", "grade", *folders, "--only", "softmax", "--csv", str(table), *option]) == 0
        rows = table.read_text(encoding="utf-8").splitlines()[1:]
        results = [("passed" in row, "other_variant" in row) for row in rows]
        assert results == [(True, False), (False, True), (True, False)]
    assert main(["learn", "grade", *folders, "--csv", "x.csv", "--variant", "a", "--variants", "b"]) == 2
    assert "not by both" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("folder,variant\nben,x\n", "has no line for anna"),
        ("folder,variant\nanna,x\nanna,y\n", "line 3: anna has another key already"),
        ("folder,variant\nanna,\n", "line 2: expected a folder and its key"),
        ("name,key\nanna,x\n", "line 2: expected a folder and its key"),
    ],
)
def test_a_roster_that_does_not_say_every_key_once_is_refused(tmp_path, text, said):
    (tmp_path / "roster.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        keys_of([tmp_path / "anna"], roster=tmp_path / "roster.csv")


def test_a_variant_is_checked_from_python_too(tmp_path):
    mine = find("layer_norm", "carl")
    (tmp_path / mine.file).write_text(mine.fill(mine.solution), encoding="utf-8")
    assert check_file(mine, tmp_path / mine.file).passed
    assert check_file("layer_norm", tmp_path / mine.file).result == "error"


def test_all_pairs_of_options_of_different_choices_come_together():
    for exercise in VARIED.values():
        together = {tuple(option.name for option in variant.options) for variant in exercise.variants}
        for a, b in itertools.combinations(exercise.choices, 2):
            assert all(any({x.name, y.name} <= set(names) for names in together) for x in a for y in b)
