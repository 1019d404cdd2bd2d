"""Ranks of MPI train together: the bits of one process, one voice, and an end whatever happens to one of them."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from support.mpi_jobs import end_of, needs_mpi, ranks_of, run_job, start_job, training, two_hosts
from support.small_run import PLAIN, STEPS, assert_one_sentence, checkpoint, losses, write_text

from minattn.cli import main
from minattn.parallel.wire import pack, unpack

SMALL = (*PLAIN, "--parts", "8", "--save-every", "5")
LONG = (*SMALL, "--steps", "400")


@pytest.fixture
def place(tmp_path):
    write_text(tmp_path / "small.txt")
    return tmp_path


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A training on one process: its losses and its checkpoint."""
    place = tmp_path_factory.mktemp("alone")
    write_text(place / "small.txt")
    assert main(["train", str(place / "small.txt"), *SMALL, "--threads", "1", "--out", str(place / "run")]) == 0
    return losses(place / "run"), checkpoint(place / "run")


def steps_of(folder):
    path = folder / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(job, folder, steps):
    deadline = time.monotonic() + 60
    while steps_of(folder) < steps and job.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_nothing_left(place):
    deadline = time.monotonic() + 10
    while (left := ranks_of(place)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


# --- what they send


@pytest.mark.parametrize(
    "value",
    [None, 1, -0.1, "ä", [], {}, {"a": [1, {"b": None}]}, {(0, 4): ["w", "b"]}, [float("inf"), 1e-320], 2**70],
)
def test_what_is_packed_comes_out_again(value):
    assert unpack(pack(value)) == value


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64", "bool", "uint8"])
def test_arrays_come_out_with_their_bits_also_several_and_deep(dtype):
    arrays = [np.arange(6).reshape(2, 3).astype(dtype), np.array(1, dtype), np.zeros((0, 2), dtype)]
    got = unpack(pack({"x": [arrays[0].T, (1, arrays[1])], "y": arrays[2]}))
    for back, array in zip([got["x"][0], got["x"][1][1], got["y"]], [arrays[0].T, *arrays[1:]], strict=True):
        assert back.dtype == array.dtype and back.shape == array.shape
        np.testing.assert_array_equal(back, array)


def test_mpi_is_imported_only_where_it_is_asked_for():
    code = "import sys, minattn.training, minattn.parallel, minattn.cli.train; sys.exit('mpi4py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_without_mpi_one_sentence_says_what_to_install(place):
    (place / "mpi4py.py").write_text("raise ImportError('there is none')")
    environment = os.environ | {"PYTHONPATH": f"{place}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", "minattn", "train", "small.txt", "--mpi"]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "pip install 'minattn[mpi]'" in done.stderr
    assert_one_sentence(done.stderr)


# --- the same bits


@needs_mpi
@pytest.mark.parametrize(("ranks", "threads"), [(2, 1), (3, 1), (2, 2), (8, 1)])
def test_any_number_of_ranks_gives_the_bits_of_one_process(place, alone, ranks, threads):
    code, out, err = run_job(ranks, training("small.txt", *SMALL, "--threads", threads, "--out", "run"), place)
    assert code == 0 and not err, (out, err)
    assert (losses(place / "run"), checkpoint(place / "run")) == alone
    assert out.count("run folder: run") == 1


@needs_mpi
def test_a_killed_job_is_resumed_on_another_number_of_ranks_and_then_on_none(place, alone, capsys):
    for ranks, least in ((3, 5), (2, 10)):
        words = ("--resume", "run") if least > 5 else ("small.txt", *SMALL, "--out", "run")
        job = start_job(ranks, training(*words, "--threads", "1"), place)
        wait_for(job, place / "run", least)
        if job.poll() is None:
            os.kill(ranks_of(place)[1][0], signal.SIGKILL)
        code, _, _ = end_of(job, 30)
        assert code != 0 or steps_of(place / "run") >= STEPS
        assert_nothing_left(place)
    assert main(["train", "--resume", str(place / "run"), "--no-figures", "--threads", "1"]) in (0, 2)
    capsys.readouterr()
    assert (losses(place / "run"), checkpoint(place / "run")) == alone


@needs_mpi
def test_the_textbook_runs_on_all_ranks(place):
    own = ["train", str(place / "small.txt"), *SMALL, "--textbook", "--threads", "1", "--out", str(place / "own")]
    assert main(own) == 0
    code, _, err = run_job(2, training("small.txt", *SMALL, "--textbook", "--threads", "1", "--out", "run"), place)
    assert code == 0, err
    assert checkpoint(place / "run") == checkpoint(place / "own")


# --- one voice


@needs_mpi
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nosuch.txt"], "nosuch.txt: expected a text file"),
        (["small.txt", "--layers", "x"], "--layers"),
        (["small.txt", "--batch", "100000"], "fewer than a batch"),
        (["small.txt", "--device", "gpu"], "--mpi shares the work among processors"),
    ],
)
def test_what_rank_0_refuses_all_end_with_and_it_is_said_once(place, words, says):
    code, out, err = run_job(3, training(*words), place)
    assert code == 2 and says in err and not out
    assert_one_sentence(err)


@needs_mpi
def test_without_the_option_a_job_is_told_of_it_once_and_nothing_is_trained(place):
    code, out, err = run_job(3, training("small.txt", *SMALL, "--out", "run")[:-1], place)
    assert code == 2 and "add --mpi" in err and not out and not (place / "run").exists()
    assert_one_sentence(err)


@needs_mpi
def test_a_loss_that_is_not_finite_is_said_once(place):
    code, _, err = run_job(2, training("small.txt", *LONG, "--lr", "1e30", "--out", "run"), place)
    assert code == 1 and "try a lower --lr" in err
    assert_one_sentence(err)


@needs_mpi
def test_what_another_rank_raises_is_said_with_its_number(place):
    script = place / "job.py"
    script.write_text(
        "import sys\n"
        "from contextlib import nullcontext\n"
        "from minattn.parallel import join\n"
        "class Target:\n"
        "    def begin(self, description): pass\n"
        "    def work(self):\n"
        "        if ranks.rank == 2: raise MemoryError\n"
        "        ranks.exchange([], [(2, 0, memory)] if ranks.rank < 2 else [])\n"
        "import numpy as np\n"
        "memory, ranks, target = np.zeros(4, np.uint8), join(), Target()\n"
        "if ranks.rank: sys.exit(ranks.follow(lambda description, ranks: nullcontext(target)))\n"
        "code = 0\n"
        "try:\n"
        "    ranks.ask(target, 'begin', [('',)] * 3)\n"
        "    ranks.ask(target, 'work', [()] * 3)\n"
        "except RuntimeError as error:\n"
        "    print(error, file=sys.stderr); code = 1\n"
        "ranks.end(code)\n"
    )
    code, _, err = run_job(3, [sys.executable, str(script)], place, 30)
    assert code == 1 and err.startswith("rank 2 on ") and err.endswith(" failed: MemoryError\n")


# --- what clusters do


@needs_mpi
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_job_saves_first(place, number):
    job = start_job(3, training("small.txt", *LONG, "--save-every", "100000", "--out", "run"), place)
    wait_for(job, place / "run", 20)
    job.send_signal(number)
    code, out, err = end_of(job, 30)
    assert code == 128 + number, (out, err)
    assert "stopped and saved at step" in out and checkpoint(place / "run")[0] == steps_of(place / "run") >= 20
    assert_nothing_left(place)


@needs_mpi
def test_a_signal_that_a_scheduler_sends_to_one_rank_alone_saves_too(place):
    job = start_job(3, training("small.txt", *LONG, "--save-every", "100000", "--out", "run"), place)
    wait_for(job, place / "run", 20)
    os.kill(ranks_of(place)[2][0], signal.SIGTERM)
    code, out, err = end_of(job, 30)
    assert code == 128 + signal.SIGTERM, (out, err)
    assert "stopped and saved at step" in out and checkpoint(place / "run")[0] == steps_of(place / "run") >= 20


@needs_mpi
@pytest.mark.parametrize(("number", "rank"), [(signal.SIGKILL, 0), (signal.SIGKILL, 2), (signal.SIGSTOP, 1)])
def test_a_rank_that_is_killed_or_stops_answering_ends_the_job_with_its_last_checkpoint_whole(place, number, rank):
    job = start_job(3, training("small.txt", *LONG, "--threads", "2", "--out", "run"), place)
    wait_for(job, place / "run", 20)
    os.kill(ranks_of(place)[rank][0], number)
    code, _, err = end_of(job, 30)
    assert code != 0
    if number == signal.SIGSTOP:
        assert f"rank {rank} has not answered for 15 seconds" in err
        assert_one_sentence(err)
    assert_nothing_left(place)
    assert main(["info", str(place / "run")]) == 0


@needs_mpi
def test_a_job_in_which_a_rank_does_not_start_ends(place):
    absent = [sys.executable, "-c", "import time; time.sleep(60)"]
    command = training("small.txt", *SMALL, "--out", "run")
    groups = [(1, [], command), (1, [], absent), (2, [], command)]
    job = start_job(groups, None, place, env=os.environ | {"MINATTN_MPI_START": "3"})
    code, _, err = end_of(job, 30)
    assert code != 0 and "minattn: not all 4 ranks started within 3 seconds" in err
    assert_nothing_left(place)


@needs_mpi
def test_a_full_disk_of_rank_0_is_said_once(place):
    command = training("small.txt", *SMALL, "--out", "run")
    # once MPI has what it needs itself
    limit = (
        "import resource as r; from minattn.parallel import join; join(); r.setrlimit(r.RLIMIT_FSIZE, (9000, 9000));"
    )
    limited = [*command[:2], limit + command[2], *command[3:]]
    code, _, err = run_job([(1, [], limited), (2, [], command)], None, place)
    assert code == 1 and "could not be written" in err
    assert_one_sentence(err)
    assert_nothing_left(place)


@needs_mpi
def test_ranks_without_the_text_and_without_the_run_folder_take_part(place, alone):
    (place / "elsewhere").mkdir()
    command = training("small.txt", *SMALL, "--threads", "1", "--out", "run")
    code, _, err = run_job([(1, [], command), (1, ["-wdir", str(place / "elsewhere")], command)], None, place)
    assert code == 0, err
    assert (losses(place / "run"), checkpoint(place / "run")) == alone
    assert not list((place / "elsewhere").iterdir())


@needs_mpi
def test_two_hosts_that_share_a_network_alone_give_the_bits_of_one_process_and_end_when_it_is_gone(place, alone):
    with two_hosts(place) as (hosts, pull_the_cable):
        command = training("small.txt", *SMALL, "--threads", "1", "--out", "run")
        code, _, err = run_job([(2, hosts, command)], None, place)
        assert code == 0, err
        assert (losses(place / "run"), checkpoint(place / "run")) == alone

        job = start_job([(2, hosts, training("small.txt", *LONG, "--threads", "1", "--out", "new"))], None, place)
        wait_for(job, place / "new", 20)
        pull_the_cable()
        code, _, err = end_of(job, 30)
        assert code == 1 and "rank 1 has not answered for 15 seconds" in err
        assert_one_sentence(err)
        assert_nothing_left(place)
        assert main(["info", str(place / "new")]) == 0
