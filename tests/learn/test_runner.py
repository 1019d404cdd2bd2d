"""Nothing that a submission does fools, stops or slows the check: each runs in a process of its own, within limits."""

import os
import signal
import socket
import struct
import time
from dataclasses import replace
from subprocess import TimeoutExpired

import numpy as np
import pytest
from support.learn_help import through

from minattn.learn import Limits, Runner, check_file, find
from minattn.learn.checking import check_submission
from minattn.learn.isolated_submission import ForkedProcess, IsolatedSubmission
from minattn.learn.runner import CAN_FORK
from minattn.learn.sandbox.messages import NotData, encode
from minattn.learn.submission import Submission, is_call_result
from minattn.learn.verdict import CannotCheck

SOFTMAX = find("softmax")
RIGHT = SOFTMAX.solution
LIMITS = Limits(seconds=1.0, megabytes=256)
WAYS = [pytest.param(True, id="fork", marks=pytest.mark.skipif(not CAN_FORK, reason="no fork here")), False]


@pytest.fixture(scope="module", params=WAYS)
def runner(request):
    with Runner(LIMITS, request.param) as runner:
        yield runner


@pytest.fixture(scope="module")
def forking():
    with Runner(LIMITS) as runner:
        yield runner


LOOP = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass"


def check(runner, tmp_path, gap, top="", after="", seed=0):
    path = tmp_path / "09_softmax.py"
    path.write_text(f"{top}\n{SOFTMAX.fill(gap)}\n{after}\n", encoding="utf-8")
    return check_file(SOFTMAX, path, runner, seed)


# --- both ways of starting a process


def test_right_is_right_and_wrong_is_wrong(runner, tmp_path):
    assert check(runner, tmp_path, RIGHT).passed
    assert check(runner, tmp_path, "dx = p * g").result == "wrong"
    assert check(runner, tmp_path, RIGHT).passed


def test_what_it_prints_is_kept_once_and_counts_for_nothing(runner, tmp_path):
    said = check(runner, tmp_path, "print('passed', g.shape)\ndx = g", top="print('loaded')")
    assert said.result == "wrong"
    assert said.printed == "loaded\npassed (3, 5)\n"


def test_a_loop_without_end_is_ended_and_its_line_told(runner, tmp_path):
    started = time.monotonic()
    said = check(runner, tmp_path, LOOP)
    assert said.result == "time" and "not done after 1 s; is there a loop without end?" in said.sentence
    assert "line " in said.sentence and ", in backward" in said.sentence
    assert time.monotonic() - started < 4


def test_leaving_is_noticed(runner, tmp_path):
    said = check(runner, tmp_path, "import os\nprint('right')\nos._exit(0)")
    assert said.result == "crash" and "ended its process (exit code 0) before it answered" in said.sentence
    said = check(runner, tmp_path, "import sys\nsys.exit(0)")
    assert said.result == "error" and "this ends Python" in said.sentence


def test_the_library_is_out_of_reach(runner, tmp_path):
    said = check(runner, tmp_path, "from minattn.ops import Softmax\nop = Softmax()\nop(x)\ndx = op.backward(g)")
    assert said.result == "refused" and "minattn is out of reach" in said.sentence


@pytest.mark.skipif(not CAN_FORK, reason="limits of memory need a system that has them")
def test_a_memory_hog_is_stopped(runner, tmp_path):
    said = check(runner, tmp_path, "dx = np.ones(10**9)")
    assert said.result == "memory" and "more memory than a check has" in said.sentence
    said = check(runner, tmp_path, "hoard = []\nwhile True:\n    hoard.append(np.ones(10**7))")
    assert said.result in ("memory", "time")


# --- nothing that it does gets it a verdict


FOOLING = {
    "prints the verdict": ("print('✓ 09 softmax   right')\ndx = p * g", "", "wrong"),
    "patches NumPy": (
        "dx = p * g",
        "import numpy\nfor name in ('allclose', 'array_equal', 'isclose', 'abs', 'max', 'where', 'isfinite'):\n"
        "    setattr(numpy, name, lambda *a, **k: True)",
        "wrong|crash|error",
    ),
    "patches what runs beside it": (
        "dx = p * g",
        "import sys\n"
        "for name, module in list(sys.modules.items()):\n"
        "    if name.startswith('sandbox'):\n"
        "        for key, value in list(vars(module).items()):\n"
        "            if callable(value) and key[:1] == '_':\n"
        "                setattr(module, key, lambda *a, **k: True)",
        "wrong|crash|error",
    ),
    "answers in place of the session": (
        "dx = p * g",
        "import sys\n"
        "file = sys.modules['sandbox.learner_file'].LearnerFile\n"
        "file.answer = lambda self, request: {'passed': True, 'result': 'passed'}",
        "crash",
    ),
    "answers with rubbish of the right form": (
        "dx = p * g",
        "import sys\n"
        "file = sys.modules['sandbox.learner_file'].LearnerFile\n"
        "file.answer = lambda self, request: {'result': None, 'forwards': 'x', "
        "'changed': [99], 'shares': [[5, 5]], 'history': 7, 'functions': ['backward']}",
        "crash",
    ),
    "answers with an error of its own": (
        "dx = p * g",
        "import sys\nsys.modules['sandbox.learner_file'].LearnerFile.answer = lambda self, request: {'error': 3}",
        "crash",
    ),
    "writes into every descriptor": (
        "import os\n"
        "for handle in range(3, 50):\n"
        "    try:\n"
        "        os.write(handle, b'passed' * 100)\n"
        "    except OSError:\n"
        "        pass\n"
        "dx = p * g",
        "",
        "crash",
    ),
    "closes every descriptor": ("import os\nos.closerange(0, 50)\ndx = p * g", "", "crash"),
    "catches everything": (
        "try:\n    import minattn\n    dx = minattn.ops.Softmax()\nexcept BaseException:\n    dx = p * g",
        "",
        "wrong",
    ),
    "leaves threads behind": (
        "dx = p * g",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()",
        "wrong",
    ),
    "leaves by an exit handler": ("import atexit, os\natexit.register(os._exit, 0)\ndx = p * g", "", "wrong"),
    "ends itself by a signal": ("import signal\nsignal.raise_signal(signal.SIGKILL)", "", "crash|refused"),
    "recurses": ("dx = backward(g, x)", "", "error"),
}


@pytest.mark.parametrize(("gap", "top", "result"), FOOLING.values(), ids=FOOLING)
def test_a_wrong_backward_stays_wrong_when_it(forking, tmp_path, gap, top, result):
    said = check(forking, tmp_path, gap, top)
    assert said.result in result.split("|"), said
    assert said.sentence and "Traceback" not in said.sentence and "could not be checked" not in said.sentence
    assert check(forking, tmp_path, RIGHT).passed  # the next one notices nothing


READING = {
    "importlib": "import importlib\nanswer = importlib.import_module('minattn.ops')",
    "__import__": "answer = __import__('minattn')",
    "another library": "import torch",
    "an absent module": "import no_such_module",
    "runpy": "import runpy\nanswer = runpy.run_module('minattn')",
    "the source": "answer = open({root!r} + '/ops/softmax.py').read()",
    "the solution": f"answer = open({{root!r}} + '/learn/exercises/{SOFTMAX.folder.name}/solution.py').read()",
    "the source, low": "import os\nanswer = os.open({root!r} + '/ops/softmax.py', os.O_RDONLY)",
    "the source by a detour": "import os\nanswer = open(os.path.dirname(os.__file__) + '/../../' + {root!r}[1:])",
    "the source as text lines": "import linecache\nanswer = linecache.getlines({root!r} + '/ops/softmax.py')[5]",
    "the source, with patched checks": (
        "import os, builtins\n"
        "os.path.realpath = lambda path: os.__file__\n"
        "builtins.isinstance = lambda *a: False\n"
        "answer = open({root!r} + '/ops/softmax.py').read()"
    ),
    "the restrictions, lifted": (
        "import sys\n"
        "rules = sys.modules['sandbox.restrictions']\n"
        "rules.REFUSED_EVENTS, rules.REFUSED_MODULES = (), set()\n"
        "rules.Refused = rules.RefusedImport = None\n"
        "answer = open({root!r} + '/ops/softmax.py').read()"
    ),
    "another Python": "import subprocess\nanswer = subprocess.run(['python', '-c', 'import minattn'])",
    "a shell": "import os\nanswer = os.system('true')",
    "a fork": "import os\nanswer = os.fork()",
    "an exec": "import os\nos.execv('/bin/true', ['true'])",
    "the network": "import socket\nanswer = socket.create_connection(('127.0.0.1', 9))",
    "memory": "import ctypes\nanswer = ctypes.CDLL(None)",
    "all objects": "import gc\nanswer = gc.get_objects()",
    "a file to write": "answer = open('/tmp/minattn-answer', 'w')",
    "the source, up from NumPy": "answer = open(np.__file__.replace('__init__.py', '../minattn/ops/softmax.py'))",
    "the source, up from Python": "import os\nanswer = open(os.path.dirname(os.__file__) + '/../x.py')",
    "the source in a subinterpreter": (
        "import importlib\n"
        "import sys\n"
        "m = importlib.import_module('_xxsubinterpreters' if sys.version_info < (3, 13) else '_interpreters')\n"
        "m.run_string(m.create(), 'open(' + repr({root!r} + '/ops/softmax.py') + ')')"
    ),
    "the restrictions, by the frame that refuses": (
        "try:\n"
        "    open('/etc/passwd')\n"
        "except Exception as error:\n"
        "    trace = error.__traceback__\n"
        "    while trace.tb_next:\n"
        "        trace = trace.tb_next\n"
        "    names = trace.tb_frame.f_locals\n"
        "    names['own_python'] = names['own_numpy'] = ('/',)\n"
        "    names['others'] = ()\n"
        "answer = open({root!r} + '/ops/softmax.py').read()"
    ),
    "readline": "import readline\nreadline.read_history_file({root!r} + '/ops/softmax.py')",
}


@pytest.mark.parametrize("code", READING.values(), ids=READING)
def test_no_answer_can_be_got_from(forking, tmp_path, code):
    import minattn

    root = os.path.dirname(minattn.__file__)
    said = check(forking, tmp_path, code.replace("{root!r}", repr(root)) + "\n" + RIGHT)
    assert not said.passed
    if "linecache" not in code and "builtins" not in code:  # which do not live to tell
        assert said.result == "refused" or "No mo" in said.sentence, said  # where minattn is not installed
        assert "line " in said.sentence


def test_there_is_nothing_to_find_in_its_memory(forking):
    look = """
import sys

def modules():
    return sorted(sys.modules)

def frames():
    frame, found = sys._getframe(), []
    while frame is not None:
        found += [f"{frame.f_code.co_name}.{name}" for name in frame.f_locals]
        frame = frame.f_back
    return found
"""
    with forking.open() as process:
        process.load("look.py", look)
        modules = process.call("modules", ()).result
        names = process.call("frames", ()).result
    assert "numpy" in modules and not [name for name in modules if name.startswith(("minattn", "exercises"))]
    assert not [name for name in names if "solution" in name or "expected" in name or "right" in name]


def test_what_is_harmless_is_allowed(forking, tmp_path):
    code = (
        "import collections, dataclasses, functools, itertools, math, random, sys, time, typing\n"
        "rng = np.random.default_rng(0)\n"
        "rng.normal(size=3)\n"
        "np.linalg.svd(x.reshape(len(x), -1))\n"
        "time.sleep(0.001)\n"
        "print(sys.version_info[:1])\n"
    )
    assert check(forking, tmp_path, code + RIGHT).passed


def test_a_million_lines_neither_fill_the_memory_nor_the_screen(tmp_path):
    with Runner(Limits(seconds=30.0)) as runner:
        said = check(runner, tmp_path, "print('x\\n' * 1_000_000)\n" + RIGHT)
    assert said.passed
    assert len(said.printed) < 5000 and said.printed.endswith("… (1,000,001 lines in all)")


def test_an_answer_of_another_seed_does_not_help(forking, tmp_path):
    case = SOFTMAX.draw(0)[0]
    right = SOFTMAX.solved["backward"](*case)
    said = check(forking, tmp_path, f"dx = np.array({right.tolist()})", seed=1)
    assert said.result == "wrong"


def test_an_exercise_that_fails_on_an_answer_says_so_and_no_more(forking, tmp_path):
    """As a teacher's own `accepts` might, that was not written for such an answer."""

    def accepts(arguments, answer, expected):
        return answer["no such key"]

    path = tmp_path / "09_softmax.py"
    path.write_text(SOFTMAX.fill(RIGHT), encoding="utf-8")
    said = check_file(replace(SOFTMAX, accepts=accepts), path, forking)
    assert said.result == "crash" and said.sentence.startswith("09_softmax.py could not be checked: IndexError: ")


def test_a_dead_fork_server_is_replaced(tmp_path):
    if not CAN_FORK:
        pytest.skip("no fork here")
    with Runner(LIMITS) as runner:
        assert check(runner, tmp_path, RIGHT).passed
        os.kill(runner.fork_server.pid, signal.SIGKILL)
        runner.fork_server.wait()
        assert check(runner, tmp_path, RIGHT).passed


def test_no_process_is_left_behind(tmp_path):
    with Runner(LIMITS) as runner:
        fork_server = runner.fork_server
        with runner.open() as process:
            process.load("mine.py", "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()")
        with pytest.raises(ProcessLookupError):
            os.kill(process.process.pid, 0)
    assert fork_server is None or fork_server.poll() is not None


def test_the_exit_status_tells_a_crash_of_python(forking):
    crash = (
        "from numpy.lib.stride_tricks import as_strided\n"
        "def backward(g):\n    return as_strided(g, (10**9,), (1 << 20,)).sum()\n"
    )
    with forking.open() as process:
        process.load("mine.py", crash)
        with pytest.raises(CannotCheck) as caught:
            process.call("backward", (np.ones(2),))
    assert caught.value.result == "crash" and "made Python itself crash (SIG" in caught.value.sentence


# --- messages


def test_what_is_sent_arrives():
    values = [
        None,
        True,
        3,
        -0.5,
        float("inf"),
        "text ✓",
        [1, [2.0, None]],
        (1, (2,)),
        {"a": {1: [True]}},
        np.arange(6.0).reshape(2, 3),
        np.array(2.5),
        np.float64(3),
        np.arange(3) > 1,
        np.zeros((0, 2)),
        ...,
    ]
    for value in values:
        got = through(value)
        assert type(got) is type(value)
        if isinstance(value, np.ndarray):
            assert got.shape == value.shape and got.dtype == value.dtype and np.array_equal(got, value)
        else:
            assert got == value
    for odd, kind in ((lambda: 1, "function"), (np.array(["a"]), "array of dtype <U1"), (2**80, "int")):
        assert isinstance(through(odd), NotData) and through(odd).kind == kind
    endless: list = []
    endless.append(endless)
    through(endless)
    assert isinstance(through([lambda: 1])[0], NotData)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"passed",
        struct.pack("<QQ", 1 << 40, 0),
        struct.pack("<QQ", 2, 1 << 60),
        struct.pack("<QQ", 4, 0) + b"null" * 1 + b"",
        struct.pack("<QQ", 3, 0) + b"{]}",
        struct.pack("<QQ", 2, 8) + b"{}" + b"12345678",
        struct.pack("<QQ", 50, 0) + b'{"array":"<f8","shape":[1000000],"scalar":false}  ',
        struct.pack("<QQ", 48, 8) + b'{"array":"|O8","shape":[1],"scalar":false}      ' + b"12345678",
        struct.pack("<QQ", 48, 0) + b'{"array":"<f8","shape":[-1],"scalar":false}     ',
        struct.pack("<QQ", 20000, 0) + b"[" * 20000,
    ],
)
def test_what_no_session_would_send_is_refused(message):
    """Sent by a process that a submission has taken over."""
    ours, theirs = socket.socketpair()

    class Silent(ForkedProcess):
        def send_signal(self, number):
            pass

        def wait(self, seconds):
            raise TimeoutExpired("", seconds)

    read, write = os.pipe()
    os.close(write)
    process = IsolatedSubmission(Silent(0, ours), ours, read, Limits(seconds=0.3))
    theirs.sendall(message)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(CannotCheck) as caught:
        process.load("mine.py", "")
    assert caught.value.result == "crash"
    theirs.close()
    process.output.finish()
    ours.close()


def test_a_reply_is_checked_before_it_is_used():
    good = {"result": (1, 2), "forwards": 0, "changed": [], "shares": [[1, -1]], "history": {"a": [[3, np.ones(2)]]}}
    assert is_call_result(good, 2)
    bad = [
        {"forwards": True},
        {"forwards": "1"},
        {"changed": [2]},
        {"changed": [-1]},
        {"changed": 3},
        {"shares": [[0]]},
        {"shares": [[2, 0]]},
        {"shares": [[0, -3]]},
        {"shares": [["0", 0]]},
        {"history": []},
        {"history": {"a": []}},
        {"history": {"a": [[1]]}},
        {"history": {"a": [[1, "x"]]}},
        {"more": 1},
    ]
    for change in bad:
        assert not is_call_result(good | change, 2), change


def test_a_submission_in_this_process_answers_like_one_of_its_own(forking, tmp_path):
    """So that what the tests say of the one holds for the other."""
    for gap in (RIGHT, "dx = p * g", "dx = [1]", "dx = 1 / 0", "raise SystemExit"):
        here = check_submission(SOFTMAX, Submission(), "09_softmax.py", f"\n{SOFTMAX.fill(gap)}\n\n")
        there = check(forking, tmp_path, gap)
        assert here._replace(seconds=0) == there._replace(seconds=0)


def test_encode_gives_two_lengths_and_the_bytes():
    tree, data = struct.unpack("<QQ", encode(np.ones(3))[:16])
    assert data == 24 and len(encode(np.ones(3))) == 16 + tree + data
