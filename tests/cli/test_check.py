"""`minattn check`: registered ops and files of one's own, for people and for programs, and its exit codes."""

import json
import subprocess
import sys

import pytest

from minattn.cli import main
from minattn.ops import registry

SOFTMAX = """
import numpy as np

def forward(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

def backward(g, x):
    p = forward(x)
    return {}
"""
GOOD, BAD = "p * (g - (g * p).sum(axis=-1, keepdims=True))", "p * g"
INPUTS = "\ninputs = (np.random.default_rng(0).normal(size=(3, 4)),)\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file into the working folder."""
    monkeypatch.chdir(tmp_path)

    def into(name, text):
        (tmp_path / name).write_text(text)
        return name

    return into


def run(capsys, *arguments):
    code = main(["check", *arguments])
    return code, *capsys.readouterr()


def said(capsys, *arguments, code=0):
    """What is printed, when nothing goes to standard error."""
    got, out, err = run(capsys, *arguments)
    assert (got, err) == (code, ""), out + err
    return out


def refused(capsys, *arguments):
    """The one sentence of a refusal."""
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "") and err.startswith("minattn: ") and err.count("\n") == 1, out + err
    assert "Traceback" not in err
    return err


# --- registered ops


def test_an_op_is_checked_by_any_of_its_names(capsys):
    for name in ("Softmax", "softmax", "layer_norm", "amax"):
        assert said(capsys, name).splitlines()[0].endswith(": right")


def test_all_ops_take_a_line_each(capsys):
    lines = said(capsys, "--all").splitlines()
    assert [line.split()[0] for line in lines[:-2]] == list(registry)
    assert all(line.split()[1] == "right" for line in lines[:-2])
    assert lines[-1] == f"{len(registry)} ops: all right"


def test_all_ops_as_json(capsys):
    result = json.loads(said(capsys, "--all", "--json"))
    assert result["ok"] is True and [op["name"] for op in result["ops"]] == list(registry)


def test_a_wrong_op_is_told_in_its_line_and_by_the_exit_code(capsys, monkeypatch):
    backward = registry["Tanh"].op.backward
    monkeypatch.setattr(registry["Tanh"].op, "backward", lambda self, g: -backward(self, g))
    lines = said(capsys, code=1).splitlines()
    (wrong,) = (line for line in lines[:-2] if line.split()[1] != "right")
    assert wrong.split()[:3] == ["Tanh", "WRONG", "sign:"]
    assert lines[-1] == f"{len(registry)} ops: 1 wrong; see minattn check Tanh"
    assert "x: sign (exactly)" in said(capsys, "tanh", code=1)


def test_the_curve_is_drawn_on_demand(capsys):
    assert "a V with its floor at" in said(capsys, "tanh", "--curve")


def test_where_there_is_nothing_to_draw_the_verdict_stands(write, capsys):
    out = said(capsys, write("mine.py", SOFTMAX.format("oh * g") + INPUTS), "--curve", code=1)
    assert out.splitlines()[-1].startswith("note: there is no curve for")


# --- files


def test_a_right_file_is_right_and_a_wrong_one_is_told_why(write, capsys):
    assert said(capsys, write("mine.py", SOFTMAX.format(GOOD) + INPUTS)).startswith("mine: right\n")
    out = said(capsys, write("mine.py", SOFTMAX.format(BAD) + INPUTS), code=1)
    assert out.startswith("mine: WRONG, 1 finding\n") and "treated_as_constant" in out


def test_a_file_is_json_for_programs_whatever_it_prints(write, capsys):
    chatty = SOFTMAX.format(BAD) + INPUTS + "\nprint('hello')\n"
    code, out, err = run(capsys, write("mine.py", chatty), "--json")
    assert code == 1 and err == "hello\n"
    assert json.loads(out)["findings"][0]["kind"] == "treated_as_constant"


def test_without_inputs_a_file_is_checked_on_the_samples_of_the_op_it_is_like(write, capsys):
    out = said(capsys, write("mine.py", SOFTMAX.format(BAD) + "\nlike = 'softmax'\n"), code=1)
    assert "The denominator is treated as a constant" in out and "wrong on 4 of 5 samples" in out
    out = said(capsys, write("softmax.py", SOFTMAX.format(GOOD)))
    assert "on the samples of Softmax, after its name" in " ".join(out.split())


def test_inputs_may_be_made_by_a_function(write, capsys):
    for made in ("lambda: [np.ones((2, 3)) * np.arange(3)]", "lambda rng: rng.normal(size=(2, 3))"):
        assert "(2, 3)" in said(capsys, write("mine.py", SOFTMAX.format(GOOD) + f"\ninputs = {made}\n"))


NAMED = """
import numpy as np
from helper import double

def square_forward(x): return x * x
def square_backward(g, x): return double(g) * x

class Cube:
    def forward(self, x):
        self.x = x
        return x ** 3
    def backward(self, g):
        return 3 * g * self.x

class Halves:
    def forward(self, x): return x / 2
    def backward(self, g, x): return g / 2

inputs = (np.random.default_rng(0).normal(size=(3, 4)),)
square_inputs = (np.ones((2, 5)) * np.arange(5),)
"""


def test_one_of_several_is_chosen_by_name(write, capsys):
    write("helper.py", "def double(x): return 2 * x\n")
    name = write("mine.py", NAMED)
    out = said(capsys, f"{name}:square")
    assert out.startswith("square: right") and "(2, 5)" in out  # its own inputs
    assert said(capsys, f"{name}:Halves").startswith("Halves: right")
    assert "Cube: WRONG" in said(capsys, f"{name}:Cube", code=1)
    assert "say which: mine.py:square, mine.py:Cube, mine.py:Halves" in refused(capsys, name)
    assert "mine.py has no Sphere; it has square, Cube, Halves" in refused(capsys, f"{name}:Sphere")


def test_an_op_of_ones_own_is_checked_in_a_file(write, capsys):
    text = """
from minattn.ops import Softmax
like = "softmax"
class Mine(Softmax):
    def forward(self, x):
        self.mine = super().forward(x)
        return self.mine.copy()
    def backward(self, g):
        return g * self.mine
"""
    out = said(capsys, write("mine.py", text), code=1)
    assert "treated_as_constant" in out


# --- bad files


def test_a_syntax_error_is_told_with_its_own_line(write, capsys):
    err = refused(capsys, write("mine.py", "import numpy as np\ndef forward(x)\n    return x\n"))
    assert "SyntaxError: expected ':', in mine.py, line 2: def forward(x)" in err


def test_an_error_while_loading_is_told_with_its_own_line(write, capsys):
    err = refused(capsys, write("mine.py", "import numpy as np\n\nx = np.zeros(3) + missing\n"))
    assert "NameError" in err and "in mine.py, line 3: x = np.zeros(3) + missing" in err
    assert "no_such_module" in refused(capsys, write("mine.py", "import no_such_module\n"))


def test_an_error_in_forward_cannot_be_checked_and_one_in_backward_is_a_finding(write, capsys):
    err = refused(capsys, write("mine.py", SOFTMAX.format(GOOD).replace("e /", "oh /") + INPUTS))
    assert "forward raised NameError" in err and "mine.py, line 6: return oh / e.sum" in err
    out = said(capsys, write("mine.py", SOFTMAX.format("oh * g") + INPUTS), code=1)
    assert "backward raised NameError" in out.replace("Backward", "backward") and "mine.py, line 10" in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def forward(x): return x\n", "has a forward but no backward; write def backward(upstream, *inputs)"),
        ("def backward(g, x): return g\n", "has a backward but no forward; write def forward(*inputs)"),
        ("x = 1\n", "has no forward and backward"),
        (SOFTMAX.format(GOOD), "has no inputs to check on"),
        (SOFTMAX.format(GOOD) + "like = 'softmx'\n", "softmax"),
        (SOFTMAX.format(GOOD) + "like = 3\n", "like must be the name of an op, got 3"),
        (SOFTMAX.format(GOOD) + "inputs = lambda: 1 / 0\n", "inputs raised ZeroDivisionError"),
        (SOFTMAX.format(GOOD) + "inputs = (np.arange(3),)\n", "no input holds real numbers"),
        (SOFTMAX.format(GOOD) + "like = 'matmul'\n", "forward takes none of the samples of matmul"),
        ("import sys\nsys.exit(0)\n", "stops Python where it is loaded"),
        (SOFTMAX.format("exit()") + INPUTS, "stops Python; leave out exit()"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_a_sentence(write, capsys, text, message):
    assert message in refused(capsys, write("mine.py", text))


def test_what_is_no_op_and_no_file_is_refused(write, capsys):
    sentence = "minattn: expected the name of an op, got 'sofmax'; did you mean softmax"
    assert refused(capsys, "sofmax").startswith(sentence)
    assert "nowhere.py is missing" in refused(capsys, "nowhere.py")
    assert "but no Python file" in refused(capsys, write("notes.txt", "x"))
    assert "leave out softmax, or --all" in refused(capsys, "softmax", "--all")


def test_the_exit_code_of_the_process(write, tmp_path):
    for text, code in ((GOOD, 0), (BAD, 1), ("p *", 2)):
        write("mine.py", SOFTMAX.format(text) + INPUTS)
        done = subprocess.run([sys.executable, "-m", "minattn", "check", "mine.py"], cwd=tmp_path, capture_output=True)
        assert done.returncode == code
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]  # nothing is left beside it
