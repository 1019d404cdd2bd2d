"""Run folders: what is saved comes back bit for bit, and no crash, full disk or damage goes unnoticed."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from support.small_run import contents, disk_is_full, files_of_at_most, listing

from minattn.errors import InputError, RunError
from minattn.runs import Run, newest_run

REPOSITORY = Path(__file__).parents[2]
TOKENIZER = '{"model": {"type": "WordPiece"}, "pieces": ["[PAD]", "中"]}'
CONFIG = {"model": {"width": 8, "heads": 2}, "training": {"lr": 3e-3, "steps": 40}}


def weights_at(step):
    return {
        "embedding.weight": np.full((5, 3), step, np.float32),
        "block.0.norm.gamma": np.arange(3, dtype=np.float64) * step,
    }


def optimizer_at(step):
    return {"embedding.weight.m": np.full((5, 3), -step, np.float32)}


def save(run, step):
    return run.save(step, weights_at(step), optimizer_at(step), {"step_again": step})


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", CONFIG, TOKENIZER)


@pytest.fixture
def saved(run):
    save(run, 400)
    return run


# --- create and open ----------------------------------------------------------------------------------------


def test_a_new_run_can_be_opened_with_the_same_config_and_tokenizer(tmp_path):
    made = Run.create(tmp_path / "deep" / "run", CONFIG, TOKENIZER)
    found = Run.open(str(tmp_path / "deep" / "run"))
    assert made.config == found.config == CONFIG
    assert made.tokenizer_json == found.tokenizer_json == TOKENIZER
    assert (found.folder / "tokenizer.json").read_bytes() == TOKENIZER.encode()
    assert listing(found.folder) == ["config.json", "tokenizer.json"]


def test_a_new_run_may_use_an_empty_folder_or_one_with_the_same_tokenizer(tmp_path):
    (tmp_path / "tokenizer.json").write_text(TOKENIZER)
    (tmp_path / "notes.txt").write_text("mine")
    Run.create(tmp_path, CONFIG, TOKENIZER)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("fixture", ["run", "saved"])
def test_a_folder_that_holds_a_run_is_refused_and_left_alone_also_before_its_first_checkpoint(request, fixture):
    folder = request.getfixturevalue(fixture).folder
    before = contents(folder)
    with pytest.raises(InputError, match=f"already holds a run; continue it with --resume {folder} or"):
        Run.create(folder, CONFIG, TOKENIZER)
    assert contents(folder) == before


@pytest.mark.parametrize("is_new", [True, False])
def test_a_new_run_is_taken_back_where_nothing_is_saved_in_it(tmp_path, is_new):
    folder = tmp_path / "run"
    if not is_new:
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")

    run = Run.create(folder, CONFIG, TOKENIZER)
    refused = pytest.raises(RunError, match="File too large")
    with files_of_at_most(10), refused, run.locked(), run.undone_unless_saved():
        save(run, 0)
    assert folder.exists() is not is_new
    assert is_new or (folder / "notes.txt").read_text() == "mine"
    run = Run.create(folder, CONFIG, TOKENIZER)
    with pytest.raises(KeyboardInterrupt), run.undone_unless_saved():
        save(run, 0)
        raise KeyboardInterrupt
    assert Run.open(folder).saved_steps() == [0]


@pytest.mark.parametrize("name", ["metrics.jsonl", "checkpoints/step-000400/state.json"])
def test_a_run_that_lost_its_config_is_not_overwritten(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("{}\n")
    with pytest.raises(InputError, match=r"left of a run without its config\.json"):
        Run.create(tmp_path, CONFIG, TOKENIZER)


def test_somebody_elses_tokenizer_is_not_overwritten(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"holds another tokenizer\.json"):
        Run.create(tmp_path, CONFIG, TOKENIZER)
    assert (tmp_path / "tokenizer.json").read_text() == "{}"


def test_a_file_in_the_place_of_a_new_run_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="a file is there; choose another"):
        Run.create(tmp_path / "file", CONFIG, TOKENIZER)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_config_that_json_cannot_hold_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(InputError, match=r"config\['path'\] must be made of"):
        Run.create(tmp_path / "run", {"path": Path("x")}, TOKENIZER)
    assert listing(tmp_path) == []


def test_a_disk_that_fills_up_while_a_run_is_made_leaves_no_run(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", disk_is_full)
        with pytest.raises(RunError, match="No space left on device"):
            Run.create(tmp_path / "run", CONFIG, TOKENIZER)
    Run.create(tmp_path / "run", CONFIG, TOKENIZER)


def test_what_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        Run.open(tmp_path / "none")
    with pytest.raises(InputError, match=r"is not a run: it has no config\.json"):
        Run.open(tmp_path)
    (tmp_path / "config.json").write_text('{"hidden_size": 384}')
    with pytest.raises(InputError, match=r"config\.json is not the file of a minattn run"):
        Run.open(tmp_path)
    with pytest.raises(InputError, match="it is a file"):
        Run.open(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"format": "minattn run", "ver', "is damaged: expected JSON"),
        (b"\xff\xfe", "is damaged: expected JSON"),
        (b"[]", "expected a JSON object, got a list"),
        (b'{"format": "minattn run", "version": 2, "config": {}}', "version 2 .* reads version 1; use the minattn"),
        (b'{"format": "minattn run", "version": 1}', "is damaged: it lacks config"),
    ],
)
def test_a_damaged_or_foreign_config_is_refused(run, content, complaint):
    (run.folder / "config.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"config\.json .*{complaint}"):
        Run.open(run.folder)


def test_the_folder_of_a_pretrained_model_is_named_as_one(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="holds a pretrained model, no run; use it with minattn embed, deembed or"):
        Run.open(tmp_path)


def test_a_run_without_its_tokenizer_is_refused(run):
    (run.folder / "tokenizer.json").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"tokenizer\.json is damaged"):
        Run.open(run.folder)
    (run.folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"tokenizer\.json is missing"):
        Run.open(run.folder)


# --- save and load ------------------------------------------------------------------------------------------


def test_a_checkpoint_comes_back_bit_for_bit(run):
    rng = np.random.default_rng(5)
    weights = {
        "matrix": rng.standard_normal((4, 3)).astype(np.float32),
        "transposed": rng.standard_normal((4, 3)).T,
        "strided": rng.standard_normal((4, 6))[:, ::2],
        "reversed": np.arange(5)[::-1],
        "broadcast": np.broadcast_to(np.float32(2), (3, 2)),
        "big_endian": np.arange(4, dtype=">f4"),
        "scalar": np.array(7, np.int64),
        "empty": np.zeros((0, 3), np.float32),
        "mask": np.array([True, False]),
        "half": np.array([-0.0, 6e-8, 65504], np.float16),
        "中": np.array([1], np.uint8),
    }
    copies = {name: array.copy() for name, array in weights.items()}
    state = {"rng": {"state": 2**127 + 3, "inc": 5}, "loss": 0.1 + 0.2, "best": float("inf"), "note": "中"}
    place = run.save(12, weights, {}, state)
    assert place == run.folder / "checkpoints" / "step-000012"
    loaded = Run.open(run.folder).load({name: array.shape for name, array in weights.items()})
    assert (loaded.step, loaded.optimizer, loaded.state) == (12, {}, state)
    assert set(loaded.weights) == set(weights)
    for name, array in copies.items():
        back = loaded.weights[name]
        assert back.shape == array.shape
        assert back.dtype == array.dtype.newbyteorder("=")
        assert np.array_equal(back, array, equal_nan=array.dtype.kind == "f"), name
        assert back.flags.writeable
        assert np.array_equal(weights[name], array, equal_nan=array.dtype.kind == "f"), "saving changed it"


def test_a_checkpoint_holds_the_three_files_and_no_pickle(saved):
    place = saved.folder / "checkpoints" / "step-000400"
    assert listing(place) == ["optimizer.safetensors", "state.json", "weights.safetensors"]
    assert json.loads((place / "state.json").read_text())["state"] == {"step_again": 400}


def test_saving_the_same_things_gives_the_same_bytes(tmp_path):
    one, two = (Run.create(tmp_path / name, CONFIG, TOKENIZER) for name in "ab")
    save(one, 3)
    two.save(3, dict(reversed(weights_at(3).items())), optimizer_at(3), {"step_again": 3})
    assert contents(one.folder) == contents(two.folder)


def test_the_previous_checkpoint_goes_only_when_the_new_one_is_there(saved, monkeypatch):
    rename, there = os.rename, []

    def watched(source, target):
        there.append((Path(source).name, saved.saved_steps()))
        rename(source, target)

    monkeypatch.setattr(os, "rename", watched)
    save(saved, 800)
    assert there == [(".step-000800.tmp", [400]), ("step-000400", [400, 800])]
    assert listing(saved.folder / "checkpoints") == ["step-000800"]


def test_every_file_and_folder_of_a_checkpoint_is_synced_before_it_gets_its_name(run, monkeypatch):
    calls = []
    fsync, rename = os.fsync, os.rename

    def watched_fsync(handle):
        calls.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        fsync(handle)

    def watched_rename(source, target):
        calls.append("rename")
        rename(source, target)

    (run.folder / "checkpoints").mkdir()
    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "rename", watched_rename)
    save(run, 1)
    at = calls.index("rename")
    assert {"weights.safetensors", "optimizer.safetensors", "state.json", ".step-000001.tmp"} <= set(calls[:at])
    assert calls[at + 1] == "checkpoints"


def test_saving_a_step_again_replaces_it(saved):
    saved.save(400, {"w": np.ones(2)}, {}, {"again": True})
    assert saved.load().state == {"again": True}
    assert listing(saved.folder / "checkpoints") == ["step-000400"]


def test_the_checkpoint_saved_last_is_the_one_loaded_even_at_an_earlier_step(saved):
    save(saved, 200)
    assert saved.saved_steps() == [200]
    assert saved.load().step == 200


def test_the_checkpoint_that_is_named_as_the_best_is_kept_and_loaded_on_demand(saved):
    assert (saved.best_step(), saved.load(best=True).step) == (400, 400)
    for step, best, kept in ((500, 400, [400, 500]), (600, 400, [400, 600]), (700, 700, [700]), (800, 700, [700, 800])):
        saved.save(step, weights_at(step), optimizer_at(step), {"best": {"step": best, "score": 0.5}})
        assert saved.saved_steps() == kept and saved.best_step() == best == saved.info()["best_step"]
        loaded = saved.load(best=True)
        assert (loaded.step, saved.load().step) == (best, step)
        assert (loaded.weights["embedding.weight"] == best).all()


def test_steps_of_more_than_six_digits_keep_their_order(run):
    save(run, 999_999)
    (run.folder / "checkpoints" / "step-999999").rename(run.folder / "kept")
    save(run, 1_000_000)
    (run.folder / "kept").rename(run.folder / "checkpoints" / "step-999999")
    assert run.saved_steps() == [999_999, 1_000_000]
    assert run.load().step == 1_000_000


def test_leftovers_of_a_killed_save_are_cleared_and_other_files_are_not(saved):
    folder = saved.folder / "checkpoints"
    (folder / ".step-000500.tmp").mkdir()
    (folder / ".step-000500.tmp" / "weights.safetensors").write_bytes(b"half")
    (folder / "notes.txt").write_text("mine")
    assert saved.saved_steps() == [400]
    save(saved, 500)
    assert listing(folder) == ["notes.txt", "step-000500"]


@pytest.mark.parametrize("step", [400, 800])
@pytest.mark.parametrize("call", ["fsync", "rename", "mkdir"])
def test_a_disk_that_fills_up_during_a_save_keeps_the_previous_checkpoint(saved, monkeypatch, step, call):
    before = contents(saved.folder)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, disk_is_full)
        with pytest.raises(RunError) as caught:
            save(saved, step)
    assert f"step-{step:06d} could not be written: No space left on device; free some" in str(caught.value)
    assert contents(saved.folder) == before
    save(saved, step)
    assert saved.load().step == step


def test_a_disk_that_really_refuses_bytes_keeps_the_previous_checkpoint(saved):
    before = contents(saved.folder)
    with files_of_at_most(100_000), pytest.raises(RunError, match="step-000800 could not be written: File too large"):
        saved.save(800, {"w": np.zeros(1_000_000)}, {}, {})
    assert contents(saved.folder) == before


def test_an_old_checkpoint_that_cannot_be_removed_does_not_stop_the_training(saved, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refuse)
        save(saved, 800)
    assert saved.saved_steps() == [800]
    assert saved.load().step == 800


@pytest.mark.parametrize(
    ("array", "got"),
    [
        (np.array([None]), "an array of object"),
        (np.array(["a"]), "an array of <U1"),
        (np.zeros(2, np.complex128), "an array of complex128"),
        ([1.0, 2.0], "a list"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name_and_leaves_the_run_as_it_was(saved, array, got):
    before = contents(saved.folder)
    with pytest.raises(InputError, match=rf"optimizer\['m'\] must be a NumPy array .* got {got}"):
        saved.save(800, {"w": np.zeros(2)}, {"m": array}, {})
    assert contents(saved.folder) == before


def test_a_step_below_zero_is_refused(run):
    with pytest.raises(InputError, match="step must be 0 or more, got -1"):
        save(run, -1)


def test_loading_before_the_first_save_says_so_and_there_is_no_best_step(run):
    assert run.best_step() is None
    with pytest.raises(InputError, match="has no checkpoint yet"):
        run.load()


def in_checkpoint(run, name):
    return run.folder / "checkpoints" / "step-000400" / name


FILES = ["weights.safetensors", "optimizer.safetensors", "state.json"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_truncated_or_garbage_or_missing_is_refused_with_its_name(saved, name):
    path = in_checkpoint(saved, name)
    whole = path.read_bytes()
    why = "expected JSON" if name == "state.json" else f"it has {len(whole) - 20:,} bytes, {len(whole):,} were written"
    for content, told in ((whole[:-20], why), (np.random.default_rng(0).bytes(len(whole)), "")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"{path} is damaged: {told}"):
            saved.load()
    path.unlink()
    with pytest.raises(InputError, match=f"{path} is missing"):
        saved.load()


def test_one_flipped_bit_in_the_weights_is_noticed(saved):
    path = in_checkpoint(saved, "weights.safetensors")
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="not those that were written"):
        saved.load()


def edit_state(run, **changes):
    path = in_checkpoint(run, "state.json")
    state = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(state))
    return path


@pytest.mark.parametrize(
    ("changes", "lacks"),
    [
        ({"step": "400", "state": None}, "step, state"),
        ({"files": None}, "files"),
        ({"files": {"weights.safetensors": {}}}, r"files\['weights.safetensors'\]"),
        ({"step": True, "tokenizer_sha256": 7}, "step, tokenizer_sha256"),
        ({"step": 400.0}, "step"),
    ],
)
def test_a_state_without_what_is_needed_is_refused_with_what_it_lacks(saved, changes, lacks):
    path = edit_state(saved, **changes)
    with pytest.raises(InputError, match=f"{path} is damaged: it lacks {lacks}"):
        saved.load()


@pytest.mark.parametrize("step", [0, 399, 401, 4000, -400, -(2**63), 10**300])
def test_a_state_of_another_step_than_its_folders_is_refused_by_both(saved, step):
    path = edit_state(saved, step=step)
    for read in (saved.load, saved.count_weights, saved.info):
        with pytest.raises(InputError) as caught:
            read()
        told = str(step) if step < 10**9 else f"{step}"[:38] + "..."
        assert str(caught.value).startswith(f"{path} is damaged: its step is {told}")
        assert str(caught.value).endswith(", but its folder is that of step 400")


def test_a_checkpoint_in_the_folder_of_another_step_is_refused(saved):
    (saved.folder / "checkpoints" / "step-000400").rename(saved.folder / "checkpoints" / "step-000500")
    with pytest.raises(InputError, match=r"its step is 400, but its folder is that of step 500$"):
        saved.load()


def test_a_folder_whose_number_is_in_other_digits_is_no_checkpoint(saved):
    (saved.folder / "checkpoints" / "step-٠٠٠٥٠٠").mkdir()
    assert saved.saved_steps() == [400] and saved.load().step == 400


@pytest.mark.parametrize("version", [2, True, 1.0, "1", None, [1]])
def test_a_checkpoint_of_another_version_is_refused(saved, version):
    path = edit_state(saved, version=version)
    came = re.escape(repr(version))
    with pytest.raises(InputError, match=f"{path} has version {came} .* reads version 1; use the minattn that wrote"):
        saved.load()


@pytest.mark.parametrize("model", [{"width": 8, "heads": 4}, {"width": 8}, {"width": 8, "heads": 2.5}, None])
def test_weights_of_another_model_than_the_config_describes_are_refused(saved, model):
    saved.reconfigure(CONFIG | {"model": model})
    with pytest.raises(InputError, match=r"state\.json belongs to another model than the run's config\.json describes"):
        Run.open(saved.folder).load()
    saved.reconfigure(CONFIG | {"model": {"heads": 2, "width": 8}, "training": {}})  # in another order
    assert Run.open(saved.folder).load().step == 400


def test_a_checkpoint_of_before_the_model_was_told_is_read(saved):
    path = in_checkpoint(saved, "state.json")
    described = json.loads(path.read_text())
    del described["model_sha256"]
    path.write_text(json.dumps(described))
    assert saved.load().step == 400


def test_another_tokenizer_is_refused(saved):
    (saved.folder / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"state\.json belongs to another tokenizer than the run's tokenizer\.json"):
        Run.open(saved.folder).load()


@pytest.mark.parametrize(
    ("expected", "complaint"),
    [
        ({"embedding.weight": (5, 3), "block.0.norm.gamma": (3,), "head": (2,)}, "lacks head, which the model"),
        ({"embedding.weight": (5, 3)}, r"holds block\.0\.norm\.gamma, which the model .* does not have"),
        (
            {"embedding.weight": (5, 4), "block.0.norm.gamma": (3,)},
            r"holds embedding\.weight with shape \(5, 3\), but .* needs \(5, 4\)",
        ),
        ({f"layer.{i}": () for i in range(5)}, r"lacks layer\.0, layer\.1, layer\.2 and 2 more"),
    ],
)
def test_other_tensors_than_the_models_are_refused_by_name(saved, expected, complaint):
    with pytest.raises(InputError, match=rf"weights\.safetensors {complaint}"):
        saved.load(expected)


def test_a_reader_whose_checkpoint_is_replaced_under_its_hands_gets_the_new_one(saved):
    training, seen = Run.open(saved.folder), []

    def read(place):
        seen.append(place.name)
        if len(seen) == 1:
            save(training, 800)
            raise InputError("half of it was gone")
        return place.name

    assert saved._read(read) == "step-000800" and seen == ["step-000400", "step-000800"]


# --- killed processes ---------------------------------------------------------------------------------------


def child(tmp_path, script, *arguments):
    path = tmp_path / "child.py"
    path.write_text(textwrap.dedent(script))
    return subprocess.Popen(
        [sys.executable, str(path), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_kill_9_of_a_training_leaves_its_newest_checkpoint_whole(tmp_path):
    script = """
        import sys, numpy as np
        from itertools import count
        from minattn.runs.run import Run
        run = Run.open(sys.argv[1])
        first = run.load().step + 1 if run.saved_steps() else 1
        for step in count(first):
            run.save(step, {"w": np.full(50_000, step)}, {"m": np.full(50_000, -step)}, {"at": step})
            run.log({"step": step, "loss": 1 / step})
            print(step, flush=True)
    """
    run = Run.create(tmp_path / "run", CONFIG, TOKENIZER)
    rng = np.random.default_rng(1)
    for _ in range(5):
        process = child(tmp_path, script, run.folder)
        told = process.stdout.readline()
        time.sleep(rng.uniform(0.02, 0.12))
        process.send_signal(signal.SIGKILL)
        told = int((told + process.stdout.read()).split()[-1])
        process.wait()
        process.stdout.close()
        loaded = run.load()
        assert loaded.step in (told, told + 1), "more than the step in progress was lost"
        assert np.all(loaded.weights["w"] == loaded.step)
        assert np.all(loaded.optimizer["m"] == -loaded.step)
        assert loaded.state == {"at": loaded.step}
        assert run.metrics()[-1]["step"] in (loaded.step, loaded.step - 1)


def test_a_kill_before_any_single_change_to_the_disk_leaves_a_whole_checkpoint(tmp_path):
    # An audit hook sees each open, mkdir, rename and removal: the child dies before the n-th, n = 1, 2, ...
    script = """
        import os, shutil, sys
        from itertools import count
        from pathlib import Path
        import numpy as np
        import safetensors.numpy
        from minattn.runs.run import Run

        start, work, again = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[2] + "-again")

        def save(run, step, value):
            run.save(step, {"w": np.full(9, value)}, {"m": np.full(9, -value)}, {"value": value})

        def value_in(folder):
            loaded = Run.open(folder).load()
            value = loaded.state["value"]
            assert np.all(loaded.weights["w"] == value) and np.all(loaded.optimizer["m"] == -value)
            return value

        def dies_at(n, step):
            events = count(1)
            def hook(event, arguments):
                if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir") and next(events) == n:
                    os._exit(9)
            run = Run.open(work)
            sys.addaudithook(hook)
            save(run, step, 2)
            os._exit(0)

        for step in (1, 2):                                    # the same step again, and a later one
            seen = []
            for n in count(1):
                shutil.rmtree(work, ignore_errors=True)
                shutil.copytree(start, work)
                save(Run.open(work), 1, 1)
                pid = os.fork()
                if pid == 0:
                    dies_at(n, step)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                seen.append(value_in(work))
                shutil.rmtree(again, ignore_errors=True)
                shutil.copytree(work, again)                   # and the next save works, and clears up
                save(Run.open(again), 3, 3)
                assert value_in(again) == 3
                assert [p.name for p in (again / "checkpoints").iterdir()] == ["step-000003"]
                if code == 0:
                    break
                assert code == 9
            assert seen == sorted(seen) and set(seen) == {1, 2}, seen
            print(n)
    """
    Run.create(tmp_path / "start", CONFIG, TOKENIZER)
    process = child(tmp_path, script, tmp_path / "start", tmp_path / "work")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert all(int(changes) > 10 for changes in output.split())


# --- metrics ------------------------------------------------------------------------------------------------


def test_rows_come_back_in_order_with_nan_and_infinity_as_null(run):
    assert run.metrics() == []
    run.log({"step": 1, "loss": np.float32(0.25)})
    run.log({"step": 2, "loss": float("nan"), "more": [np.float32("inf"), "中"]})
    assert run.metrics() == [{"step": 1, "loss": 0.25}, {"step": 2, "loss": None, "more": [None, "中"]}]
    assert (run.folder / "metrics.jsonl").read_text("utf-8").count("\n") == 2


@pytest.mark.parametrize("torn", ['{"step": 3, "lo', '{"step": 3}', '{"step": 3, "lo\n', "\x00\x00\n"])
def test_a_torn_last_line_is_left_out(run, torn):
    run.log({"step": 1})
    with open(run.folder / "metrics.jsonl", "a") as file:
        file.write(torn)
    assert run.metrics() == [{"step": 1}]


@pytest.mark.parametrize("before", ['{"step": 1}\n', ""])
def test_a_row_after_a_torn_line_is_not_glued_to_it(run, before):
    (run.folder / "metrics.jsonl").write_text(before + '{"step": 2, "lo')
    run.log({"step": 2})
    assert (run.folder / "metrics.jsonl").read_text() == before + '{"step": 2}\n'


def test_a_line_that_is_damaged_before_the_last_is_refused_with_its_number(run):
    (run.folder / "metrics.jsonl").write_text('{"step": 1}\n[2]\n{"step": 3}\n')
    with pytest.raises(InputError, match=r"metrics\.jsonl is damaged at line 2: it is not a JSON object"):
        run.metrics()


NESTED = '{"a":' * 1000 + "1" + "}" * 1000


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ('{"step": "6"}', "step must be a whole number not below 0, got '6'"),
        ('{"step": null}', "step must be a whole number not below 0, got None"),
        ('{"step": true}', "step must be a whole number not below 0, got True"),
        ('{"step": 6.0}', "step must be a whole number not below 0, got 6.0"),
        ('{"step": -6}', "step must be a whole number not below 0, got -6"),
        ('{"step": [6]}', r"step must be a whole number not below 0, got \[6\]"),
        ('{"step": 5}', "step 5 cannot follow step 5"),
        ('{"step": 4}', "step 4 cannot follow step 5"),
        ('{"step": 6, "loss": "0.5"}', "loss must be a number or null, got '0.5'"),
        ('{"step": 6, "loss": 1e400}', "loss must be a number or null, got inf"),
        ('{"step": 6, "lr": NaN}', "lr must be a number or null, got nan"),
        ('{"step": 6, "copied": {}}', "copied must be a number or null, got {}"),
        ('{"step": 6, "blanks_filled": true}', "blanks_filled must be a number or null, got True"),
        ('{"step": 6, "step": 7}', "it has 'step' twice in one object"),
        ('{"step": ' + "6" * 5000 + "}", "it has a number of 5,000 digits"),
        ('{"step": 6, "note": "\\ud800"}', r"it has half a character in '\\ud800'"),
        (NESTED, "it has more than 100 levels"),
        ("[" * 100_000, "it has more than 100 levels"),
        ("[6]", "it is not a JSON object"),
    ],
    ids=lambda value: value[:20],
)
@pytest.mark.parametrize("last", [True, False])
def test_a_line_that_is_json_but_no_row_is_refused_with_its_number(run, row, complaint, last):
    path = run.folder / "metrics.jsonl"
    path.write_text('{"note": "start"}\n{"step": 5}\n' + row + "\n" + ("" if last else '{"step": 900}\n'))
    before = path.read_bytes()
    for read in (run.metrics, run.info, lambda: run.trim_metrics(3)):
        with pytest.raises(InputError, match=rf"metrics\.jsonl is damaged at line 3: {complaint}$"):
            read()
    assert path.read_bytes() == before


def test_trimming_drops_the_rows_after_a_step_and_a_torn_line_and_keeps_the_others_bytes(run):
    path = run.folder / "metrics.jsonl"
    path.write_text('{"note": "start"}\n{"step":  1, "loss": 0.50}\n{"step": 2}\n{"step": 3}\n{"st')
    run.trim_metrics(2)
    assert path.read_text() == '{"note": "start"}\n{"step":  1, "loss": 0.50}\n{"step": 2}\n'
    run.trim_metrics(0)
    assert path.read_text() == '{"note": "start"}\n'


def test_trimming_what_needs_none_writes_nothing(run, monkeypatch):
    run.trim_metrics(5)
    assert not (run.folder / "metrics.jsonl").exists()
    run.log({"step": 1})
    monkeypatch.setattr(os, "replace", None)
    run.trim_metrics(5)
    assert run.metrics() == [{"step": 1}]


def test_trimming_on_a_full_disk_keeps_every_row(run, monkeypatch):
    for step in (1, 2):
        run.log({"step": step})

    monkeypatch.setattr(os, "fsync", disk_is_full)
    with pytest.raises(RunError, match=r"metrics\.jsonl could not be written: No space left"):
        run.trim_metrics(1)
    assert len(run.metrics()) == 2


def test_logging_to_a_full_disk_is_one_sentence(run):
    (run.folder / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"metrics\.jsonl could not be written: No space left on device; free"):
        run.log({"step": 1})


# --- which runs there are, and what is in them --------------------------------------------------------------


def test_the_newest_run_is_the_one_whose_checkpoint_was_saved_last(tmp_path):
    for age, name in enumerate(["last", "older", "oldest"]):
        run = Run.create(tmp_path / name, CONFIG, TOKENIZER)
        state = save(run, 100 + age) / "state.json"
        os.utime(state, (1_700_000_000 - age, 1_700_000_000 - age))
    Run.create(tmp_path / "unsaved", CONFIG, TOKENIZER)
    (tmp_path / "file").write_text("")
    assert newest_run(tmp_path) == tmp_path / "last"


def test_without_a_run_the_user_is_told_how_to_make_one(tmp_path):
    Run.create(tmp_path / "unsaved", CONFIG, TOKENIZER)
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=f"no trained run in {root}; make one with `minattn train`"):
            newest_run(root)


def test_info_tells_what_is_in_a_run(saved):
    saved.log({"step": 399})
    saved.log({"step": 400})
    saved.figures_folder.mkdir()
    (saved.figures_folder / "curves.png").write_bytes(b"12345")
    (saved.figures_folder / ".curves.svg.12.tmp").write_bytes(b"half")
    info = json.loads(json.dumps(saved.info()))
    sizes = info.pop("bytes")
    assert info == {
        "folder": str(saved.folder),
        "config": CONFIG,
        "parameters": 5 * 3 + 3,
        "steps": 400,
        "saved_steps": [400],
        "best_step": 400,
        "metrics": 2,
        "figures": ["curves.png"],
    }
    assert sizes["figures"] == 5
    assert sizes["tokenizer.json"] == len(TOKENIZER.encode())
    kept = {name: data for name, data in contents(saved.folder).items() if not name.endswith(".tmp")}
    assert sizes["total"] == sum(len(data) for data in kept.values())
    assert sizes["checkpoints"] == sum(len(data) for name, data in kept.items() if "step-" in name)


def test_info_of_a_run_that_has_nothing_yet(run):
    info = run.info()
    assert (info["parameters"], info["steps"], info["saved_steps"], info["figures"]) == (None, 0, [], [])
    assert info["bytes"]["checkpoints"] == 0


def test_info_names_weights_that_are_damaged(saved):
    path = in_checkpoint(saved, "weights.safetensors")
    path.write_bytes(b"garbage")
    with pytest.raises(InputError, match=f"{path} is damaged"):
        saved.info()


def test_importing_runs_imports_no_safetensors():
    script = "import sys, minattn.runs.run; sys.exit('safetensors' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY).returncode == 0


def test_a_second_training_of_a_run_is_kept_out_until_the_first_ends(run):
    refused = pytest.raises(InputError, match="is being trained by another process")
    with run.locked(), refused, Run.open(run.folder).locked():
        pass
    with Run.open(run.folder).locked():
        pass


def test_a_run_without_the_optimizers_moments_can_be_used_but_not_resumed(saved):
    (saved.folder / "checkpoints" / "step-000400" / "optimizer.safetensors").unlink()
    assert saved.load(best=True).step == 400
    with pytest.raises(InputError, match=r"optimizer\.safetensors is missing"):
        saved.load()
