"""Files are whole or absent, and each failure of the disk is one sentence."""

import errno
import json
import os
import stat
import threading

import numpy as np
import pytest
from support.small_run import files_of_at_most, listing

from minattn.errors import InputError, RunError
from minattn.runs import check_place, json_ready, make_folder, read_bytes, similar_path, write_atomically


def test_an_atomic_write_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    target = tmp_path / "a.txt"
    write_atomically(target, "old\r\n")
    assert target.read_bytes() == b"old\r\n"
    write_atomically(str(target), b"\x00new")
    assert target.read_bytes() == b"\x00new"
    assert listing(tmp_path) == ["a.txt"]


def test_an_atomic_write_syncs_the_file_before_the_rename_and_the_folder_after_it(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(handle):
        calls.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    def watched_replace(source, target):
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write_atomically(tmp_path / "a.txt", "text")
    assert calls == ["file", "rename", "folder"]


def test_a_written_file_has_the_permissions_that_the_user_asked_for(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a.txt", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "free some space"), (errno.EROFS, "choose another place")]
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_is_one_sentence_and_the_old_file_stays(tmp_path, monkeypatch, number, advice, call):
    target = tmp_path / "a.txt"
    write_atomically(target, "old")

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(RunError) as caught:
        write_atomically(target, "new")
    assert str(target) in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    assert advice in str(caught.value)
    assert target.read_text() == "old"
    assert listing(tmp_path) == ["a.txt"]


def test_a_write_that_the_system_cuts_short_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    write_atomically(target, "old")
    with files_of_at_most(100_000), pytest.raises(RunError, match="File too large"):
        write_atomically(target, b"x" * 1_000_000)
    assert target.read_text() == "old"
    assert listing(tmp_path) == ["a.txt"]


def test_a_pipe_and_a_device_stay_what_they_are_and_are_written_to(tmp_path):
    pipe, came = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: came.append(pipe.read_bytes()), daemon=True)
    reader.start()
    check_place(pipe)
    write_atomically(pipe, "text")
    reader.join(timeout=20)
    assert came == [b"text"] and stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "null").symlink_to(os.devnull)  # not the device by its name: a failure must not take it away
    write_atomically(tmp_path / "null", "text")
    assert (tmp_path / "null").is_symlink()


@pytest.mark.parametrize("name", ["folder", "link", "."])
def test_a_folder_is_not_replaced_by_a_file(tmp_path, monkeypatch, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="could not be written: Is a directory"):
        write_atomically(name, "text")
    with pytest.raises(InputError, match="is a folder"):
        check_place(name)
    assert listing(tmp_path) == ["folder", "link"] and (tmp_path / "link").is_symlink()


def test_a_place_that_cannot_be_written_is_refused_beforehand(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=f"{tmp_path}/none is not a folder; make it first"):
        check_place(tmp_path / "none" / "a.txt")
    check_place(tmp_path / "a.txt")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(RunError, match="choose another place"):
        check_place(tmp_path / "a.txt")


def test_an_interrupt_during_a_write_passes_through_and_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.txt", "new")
    assert listing(tmp_path) == []


def test_a_file_system_that_cannot_sync_folders_is_good_enough(tmp_path, monkeypatch):
    fsync = os.fsync

    def files_only(handle):
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", files_only)
    write_atomically(tmp_path / "a.txt", "text")
    assert (tmp_path / "a.txt").read_text() == "text"


def test_a_folder_below_a_file_is_refused_with_the_name_of_the_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"folder at {tmp_path}/file, but a file is there"):
        make_folder(tmp_path / "file" / "below" / "it")


def test_a_file_that_cannot_be_read_is_refused_with_its_name(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}/none is missing"):
        read_bytes(tmp_path / "none")
    with pytest.raises(InputError, match=f"{tmp_path} could not be read: Is a directory"):
        read_bytes(tmp_path)


def test_json_ready_keeps_numbers_exact_and_turns_numpy_into_python():
    value = {"a": np.float32(0.1), "b": [np.int64(3), (True, None)], "c": np.array(2.5), "d": 2**127 + 1}
    back = json.loads(json.dumps(json_ready(value, "value")))
    assert back == {"a": float(np.float32(0.1)), "b": [3, [True, None]], "c": 2.5, "d": 2**127 + 1}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"a": {1: 2}}, r"value\['a'\] must have text as keys, got 1"),
        ({"a": [0, {3}]}, r"value\['a'\]\[1\] must be made of .* got a set"),
        ({"a": np.zeros(2)}, r"value\['a'\] must be made of .* got a ndarray"),
    ],
)
def test_json_ready_refuses_what_json_would_change_and_says_where(value, complaint):
    with pytest.raises(InputError, match=complaint):
        json_ready(value, "value")


def test_a_path_that_is_not_there_is_answered_with_the_one_that_was_probably_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs/mine", "runs/.mine", "texts"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("my.txt", "other.txt", "Readme", "texts/猫.txt"):
        (tmp_path / name).touch()
    for asked, meant in (
        ("my.tx", "my.txt"),
        ("ohter.txt", "other.txt"),
        ("README", "Readme"),
        ("text/猫.txt", "texts/猫.txt"),
        ("texts/犬.txt", ""),
        ("cat.txt", ""),
        ("runs/mien", ""),
        ("n" * 300, ""),
        ("a\0b", ""),
    ):
        assert similar_path(asked) == (f"; did you mean {meant}?" if meant else ""), asked
    assert similar_path("runs/mien", os.path.isdir) == "; did you mean runs/mine?"
    assert similar_path("run/mine", os.path.isdir) == "; did you mean runs/mine?"
