"""Nothing that a submission does fools, stops or slows the check: each runs in a process of its own, within limits."""

import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from support.learn_help import through

from minattn.learn import Limits, Runner, check_file, find
from minattn.learn.checking import check_submission
from minattn.learn.isolated_submission import IsolatedSubmission
from minattn.learn.sandbox.messages import NotData, encode
from minattn.learn.submission import Submission, is_call_result
from minattn.learn.verdict import CannotCheck
from minattn.learn.wall import why_no_wall

SOFTMAX = find("softmax")
RIGHT = SOFTMAX.solution
LIMITS = Limits(seconds=1.0, megabytes=256)
WAYS = [
    pytest.param(True, id="wall", marks=pytest.mark.skipif(bool(why_no_wall()), reason=why_no_wall())),
    pytest.param(False, id="plain"),
]


@pytest.fixture(scope="module", params=WAYS)
def runner(request):
    with Runner(LIMITS, walled=request.param) as runner:
        yield runner


@pytest.fixture(scope="module")
def plain():
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
    for loop in (LOOP, "while True:\n    pass"):  # one that waits, and one that computes
        said = check(runner, tmp_path, loop)
        assert said.result == "time" and "not done after 1 s; is there a loop without end?" in said.sentence
        assert "line " in said.sentence and ", in backward" in said.sentence


def test_leaving_is_noticed(runner, tmp_path):
    said = check(runner, tmp_path, "import os\nprint('right')\nos._exit(0)")
    assert said.result == "crash" and "ended its process (exit code 0) before it answered" in said.sentence
    said = check(runner, tmp_path, "import sys\nsys.exit(0)")
    assert said.result == "error" and "this ends Python" in said.sentence


def test_the_library_is_out_of_reach(runner, tmp_path):
    said = check(runner, tmp_path, "from minattn.ops import Softmax\nop = Softmax()\nop(x)\ndx = op.backward(g)")
    assert said.result == "error" and "No module named 'minattn'; a check has NumPy and Python's" in said.sentence


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="limits of memory need a system that has them")
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
        "file.answer = lambda self, request: {'result': None, 'seen': 'x', "
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
    "ends itself by a signal": ("import signal\nsignal.raise_signal(signal.SIGKILL)", "", "crash"),
    "recurses": ("dx = backward(g, x)", "", "error"),
}


@pytest.mark.parametrize(("gap", "top", "result"), FOOLING.values(), ids=FOOLING)
def test_a_wrong_backward_stays_wrong_when_it(plain, tmp_path, gap, top, result):
    said = check(plain, tmp_path, gap, top)
    assert said.result in result.split("|"), said
    assert said.sentence and "Traceback" not in said.sentence and "could not be checked" not in said.sentence
    assert check(plain, tmp_path, RIGHT).passed  # the next one notices nothing


def test_there_is_nothing_to_find_in_its_memory(plain):
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
    with plain.open() as process:
        process.load("look.py", look)
        modules = process.call("modules", ()).result
        names = process.call("frames", ()).result
    assert "numpy" in modules and not [name for name in modules if name.startswith(("minattn", "exercises"))]
    assert not [name for name in names if "solution" in name or "expected" in name or "right" in name]


def test_what_is_harmless_is_allowed(plain, tmp_path):
    code = (
        "import collections, dataclasses, functools, itertools, math, time, typing\n"
        "np.linalg.svd(x.reshape(len(x), -1))\n"
        "time.sleep(0.001)\n"
    )
    said = check(plain, tmp_path, code + RIGHT)
    assert said.solved and not said.unusual


def test_a_million_lines_neither_fill_the_memory_nor_the_screen(tmp_path):
    with Runner(Limits(seconds=30.0)) as runner:
        said = check(runner, tmp_path, "print('x\\n' * 1_000_000)\n" + RIGHT)
    assert said.passed
    assert len(said.printed) < 5000 and said.printed.endswith("… (1,000,001 lines in all)")


def test_an_answer_of_another_seed_does_not_help(plain, tmp_path):
    case = SOFTMAX.draw(0)[0]
    right = SOFTMAX.solved["backward"](*case)
    said = check(plain, tmp_path, f"dx = np.array({right.tolist()})", seed=1)
    assert said.result == "wrong"


def test_an_exercise_that_fails_on_an_answer_says_so_and_no_more(plain, tmp_path):
    """As a teacher's own `accepts` might, that was not written for such an answer."""

    def accepts(arguments, answer, expected):
        return answer["no such key"]

    path = tmp_path / "09_softmax.py"
    path.write_text(SOFTMAX.fill(RIGHT), encoding="utf-8")
    said = check_file(replace(SOFTMAX, accepts=accepts), path, plain)
    assert said.result == "crash" and said.sentence.startswith("09_softmax.py could not be checked: IndexError: ")


def test_no_process_is_left_behind(runner, tmp_path):
    with runner.open() as process:
        process.load("mine.py", "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()")
        assert process.process.poll() is None
    assert process.process.poll() is not None


def test_the_next_process_is_started_ahead_and_ended_with_the_runner(tmp_path):
    with Runner(LIMITS, ahead=True) as runner:
        assert check(runner, tmp_path, RIGHT).passed
        waiting = runner.next
        assert waiting.process.poll() is None
        assert check(runner, tmp_path, "dx = p * g").result == "wrong"
        assert waiting.process.poll() is not None and runner.next is not waiting
        waiting = runner.next
    assert waiting.process.poll() is not None


def test_the_exit_status_tells_a_crash_of_python(runner):
    crash = (
        "from numpy.lib.stride_tricks import as_strided\n"
        "def backward(g):\n    return as_strided(g, (10**9,), (1 << 20,)).sum()\n"
    )
    with runner.open() as process:
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
    code = f"import sys, time; sys.stdout.buffer.write({message!r}); sys.stdout.flush(); time.sleep(60 * {not message})"
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    taken = subprocess.Popen([sys.executable, "-c", code], **pipes, start_new_session=True)
    process = IsolatedSubmission(taken, Limits(seconds=0.3), False, False)
    process.has_begun = True
    with pytest.raises(CannotCheck) as caught:
        process.load("mine.py", "")
    assert caught.value.result == ("crash" if message else "time")
    process.end()


def test_a_reply_is_checked_before_it_is_used():
    good = {"result": (1, 2), "seen": {}, "changed": [], "shares": [[1, -1]], "history": {"a": [[3, np.ones(2)]]}}
    assert is_call_result(good, 2)
    bad = [
        {"seen": None},
        {"seen": []},
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


def test_a_submission_in_this_process_answers_like_one_of_its_own(plain, tmp_path):
    """So that what the tests say of the one holds for the other."""
    for gap in (RIGHT, "dx = p * g", "dx = [1]", "dx = 1 / 0", "raise SystemExit"):
        here = check_submission(SOFTMAX, Submission(), "09_softmax.py", f"\n{SOFTMAX.fill(gap)}\n\n")
        there = check(plain, tmp_path, gap)
        assert here._replace(seconds=0) == there._replace(seconds=0)


def test_encode_gives_two_lengths_and_the_bytes():
    tree, data = struct.unpack("<QQ", encode(np.ones(3))[:16])
    assert data == 24 and len(encode(np.ones(3))) == 16 + tree + data
