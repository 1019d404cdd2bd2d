"""A folder of exercises is the learner's: nothing is overwritten, and what they edit by hand is kept."""

import os

import pytest

from minattn.errors import InputError, RunError
from minattn.learn import check_file, course, find
from minattn.learn.learner_folder import (
    find_file,
    make_folder_of_exercises,
    read_source,
    require_exercises,
    restore_template,
)
from minattn.learn.progress import HEADER, PROGRESS_FILE, CourseProgress, ExerciseProgress
from minattn.learn.verdict import CannotCheck

SOFTMAX = find("softmax")


@pytest.fixture
def folder(tmp_path):
    make_folder_of_exercises(tmp_path / "course")
    return tmp_path / "course"


# --- making and upgrading it


def test_init_writes_every_template_and_nothing_else(tmp_path):
    added, kept, later = make_folder_of_exercises(tmp_path / "deep" / "course")
    assert [*added, *later] == [exercise.file for exercise in course()]
    assert [*added, "own.py"] == sorted(os.listdir(tmp_path / "deep" / "course"))
    assert kept == [] and later == ["29_bug_1.py", "30_bug_2.py", "31_bug_3.py"]
    assert (tmp_path / "deep" / "course" / SOFTMAX.file).read_text(encoding="utf-8") == SOFTMAX.text


def test_an_upgrade_adds_what_is_missing_and_touches_nothing(folder):
    work = folder / SOFTMAX.file
    work.write_bytes(b"# my work\r\n\xff")
    os.utime(work, (1, 1))
    (folder / "notes.txt").write_text("mine")
    (folder / find("matmul").file).unlink()
    (folder / find("linear").file).rename(folder / "99_linear.py")  # as an earlier version numbered it
    (folder / find("gelu").file).rename(folder / "gelu.py")
    added, kept, later = make_folder_of_exercises(folder)
    assert added == [find("matmul").file]
    assert len(kept) == len(course()) - 1 - len(later) and {"99_linear.py", "gelu.py", SOFTMAX.file} <= set(kept)
    assert work.read_bytes() == b"# my work\r\n\xff" and work.stat().st_mtime == 1
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / find("linear").file).exists()
    assert find_file(folder, find("linear")).name == "99_linear.py"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "course").write_text("a file")
    with pytest.raises(InputError, match="but a file is there"):
        make_folder_of_exercises(tmp_path / "course")


def test_a_folder_that_may_not_be_written_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(RunError, match=r"own\.py could not be written: Permission denied; choose another"):
        make_folder_of_exercises(tmp_path / "course")
    assert os.listdir(tmp_path / "course") == []


def test_a_folder_without_exercises_says_how_to_get_them(tmp_path):
    with pytest.raises(InputError, match=r"there are no exercises in .*; minattn learn init DIR makes"):
        require_exercises(tmp_path)
    with pytest.raises(InputError, match=r"there is no folder .*nowhere; minattn learn init"):
        require_exercises(tmp_path / "nowhere")
    (tmp_path / "softmax.py").write_text("")
    require_exercises(tmp_path)


@pytest.mark.parametrize("name", ["my_softmax.py", "softmax.py.bak", "log_softmax.py", "softmax", "09softmax.py"])
def test_other_files_are_not_taken_for_an_exercise(tmp_path, name):
    (tmp_path / name).write_text("")
    assert find_file(tmp_path, SOFTMAX) is None


# --- putting a template back


def test_reset_keeps_every_file_it_replaces(folder):
    for number in (1, 2):
        (folder / SOFTMAX.file).write_text(f"# attempt {number}")
        backup = restore_template(folder, SOFTMAX)
        assert backup.read_text() == f"# attempt {number}"
        assert (folder / SOFTMAX.file).read_text(encoding="utf-8") == SOFTMAX.text
    assert sorted(os.listdir(folder / "backups")) == [f"{SOFTMAX.number:02}_softmax-{n}.py" for n in (1, 2)]


def test_reset_of_a_missing_file_puts_the_template_there(folder):
    (folder / SOFTMAX.file).unlink()
    assert restore_template(folder, SOFTMAX) is None
    assert (folder / SOFTMAX.file).exists()


def test_reset_changes_nothing_where_it_cannot_keep_the_file(folder, monkeypatch):
    (folder / SOFTMAX.file).write_text("# mine")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match="No space left on device; free some space"):
        restore_template(folder, SOFTMAX)
    assert (folder / SOFTMAX.file).read_text() == "# mine"


# --- files that are none


def test_what_is_no_text_file_gets_one_sentence(tmp_path):
    path = tmp_path / "09_softmax.py"
    path.write_bytes(b"x = '\xe4'")
    assert check_file("softmax", path).sentence == "09_softmax.py is not UTF-8 (byte 5); save it as UTF-8"
    path.write_bytes(b"#" * (2 << 20))
    assert "an exercise has a few thousand" in check_file("softmax", path).sentence
    path.unlink()
    assert check_file("softmax", path).result == "missing"
    path.mkdir()
    assert check_file("softmax", path).sentence == "09_softmax.py is not a file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "09_softmax.py")
    assert check_file("softmax", tmp_path / "09_softmax.py").sentence == "09_softmax.py is not a file"
    os.symlink("/dev/zero", tmp_path / "softmax.py")
    with pytest.raises(CannotCheck, match="is not a file"):
        read_source(tmp_path / "softmax.py")


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path):
    path = tmp_path / "09_softmax.py"
    text = SOFTMAX.fill(SOFTMAX.solution).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert check_file("softmax", path).passed
    path.write_bytes(SOFTMAX.text.replace("\n", "\r\n").encode())
    assert check_file("softmax", path).result == "to do"


# --- the state


def test_progress_is_a_text_that_reads_back(tmp_path):
    progress = CourseProgress(tmp_path)
    progress.add_try(SOFTMAX, False)
    progress.add_try(SOFTMAX, True)
    progress.add_hint(find("matmul"))
    progress.save()
    text = (tmp_path / PROGRESS_FILE).read_text()
    assert text.startswith(HEADER) and "softmax              passed         2      0  -           20" in text
    again = CourseProgress.load(tmp_path)
    assert again.rows == progress.rows and again.notes == [] and again.unknown_lines == []
    assert again.is_passed(SOFTMAX) and again.of(find("matmul")) == ExerciseProgress(False, 0, 1)
    again.add_try(SOFTMAX, False)
    assert not again.is_passed(SOFTMAX) and again.of(SOFTMAX).first == progress.of(SOFTMAX).first != "-"


def test_what_is_edited_by_hand_is_understood_or_kept(tmp_path):
    lines = [
        "# my own remark",
        "softmax passed",
        "matmul passed many 0 -",
        "linear maybe",
        "gelu open 3 9 2026-01-01 10:00",
    ]
    lines += ["teachers_own passed 1 0 2026-01-01 10:00", "softmax open 7 0 -", "\x00\x07 junk"]
    (tmp_path / PROGRESS_FILE).write_text("\n".join(lines))
    progress = CourseProgress.load(tmp_path)
    assert progress.is_passed(SOFTMAX)
    assert progress.of(find("gelu")) == ExerciseProgress(False, 3, 3, first="2026-01-01 10:00")
    assert [note.split(" is not")[0] for note in progress.notes] == [f"{PROGRESS_FILE}, line {n}" for n in (3, 4, 7, 8)]
    progress.save()
    kept = (tmp_path / PROGRESS_FILE).read_text().splitlines()
    for line in (lines[0], *lines[2:4], lines[5], lines[6]):
        assert kept.count(line) == 1
    assert CourseProgress.load(tmp_path).rows == progress.rows


def test_a_file_of_rubbish_is_kept_and_does_not_stop_anyone(tmp_path):
    (tmp_path / PROGRESS_FILE).write_bytes(bytes(range(256)))
    progress = CourseProgress.load(tmp_path)
    assert progress.rows == {} and progress.notes
    progress.add_try(SOFTMAX, True)
    progress.save()
    assert CourseProgress.load(tmp_path).is_passed(SOFTMAX)


def test_where_it_cannot_be_saved_a_note_says_so(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    progress = CourseProgress(tmp_path)
    progress.add_try(SOFTMAX, True)
    progress.save()
    assert len(progress.notes) == 1 and "Read-only file system" in progress.notes[0]
    assert progress.is_passed(SOFTMAX)


def test_the_current_exercise_is_the_first_that_is_not_passed(tmp_path):
    progress = CourseProgress(tmp_path)
    assert progress.current() == course()[0]
    progress.add_try(course()[0], True)
    progress.add_try(course()[2], True)
    assert progress.current() == course()[1]
    for exercise in course():
        progress.add_try(exercise, True)
    assert progress.current() == course()[-1] and progress.passed == len(course())
    progress.reopen(course()[4])
    assert progress.current() == course()[4]
