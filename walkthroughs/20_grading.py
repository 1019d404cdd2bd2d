# %% [markdown]
# # 20. Grading
#
# *How do you grade what comes back, and what does the grader not see?*
#
# For teachers. After this page you can grade a class with one command, read the table that it writes, and find in it
# what to teach again. You also know what learners can do that no verdict shows, and which files to look at yourself.
#
# Everything below happens in an empty folder. `run` types a command there and shows what it prints; `hand_in` writes
# the files of a learner. The homework is that of [page 19](19_setting.md).

# %%
import csv
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

from minattn.learn import Limits, course, find
from minattn.learn.answer_comparison import TOLERANCE
from minattn.learn.checking import check_submission
from minattn.learn.submission import Submission
from minattn.learn.verdict import RESULTS
from minattn.show.notebook import BLUE, GREEN, RED, SKY, figure, show

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
settings = os.environ | {"COLUMNS": "90", "NO_COLOR": "1"}
# pytest prints otherwise where one of these is set
for name in ("CI", "BUILD_NUMBER", "FORCE_COLOR", "PYTEST_ADDOPTS"):
    settings.pop(name, None)


def run(line, lines=slice(None)):
    """Type a command in the folder; print it, and these lines of its output, without times."""
    words = [file for word in line.split() for file in (matching(word) or [word])]
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True)
    # this page reads the same where there is no wall
    said = re.sub(r"(?s)not isolated: .*?\brights\n", "", done.stdout + done.stderr)
    printed = re.sub(r",? in [\d.]+ ?s\b", "", said).splitlines()
    print(f"$ {line}", *printed[lines], sep="\n")


def matching(pattern):
    """What a shell makes of class/*."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))


homework = ["softmax", "mask", "attention"]


def hand_in(learner, **gaps):
    """Write files as that learner would: each gap filled so, or left as it was."""
    (folder / learner).mkdir(parents=True, exist_ok=True)
    for name, gap in gaps.items():
        text = find(name).text if gap is None else find(name).fill(gap)
        (folder / learner / find(name).file).write_text(text, encoding="utf-8")


# %% [markdown]
# ## One command
#
# Five learners hand in. Anna is right, each time in another way than the solution. Ben got one right. The others make
# of the same three gaps what else can come in, from a mistake to an attack:

# %%
by_heart = {
    s.shape: [part.tolist() for part in find("mask").solved["masked_softmax"](s, mask, g)]
    for s, mask, g in [*find("mask").draw(0), *(edge.inputs for edge in find("mask").edges)]
}
measured = """
dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
for x, dx in ((q, dq), (k, dk), (v, dv)):
    for place in np.ndindex(x.shape):
        x[place] += 1e-6
        dx[place] = (g * forward(q, k, v)).sum() / 2e-6
        x[place] -= 2e-6
        dx[place] -= (g * forward(q, k, v)).sum() / 2e-6
        x[place] += 1e-6
"""
attention = find("attention").solution

for name in homework:
    hand_in("anna", **{name: next(iter(find(name).alternatives.values()))})
hand_in("ben", softmax="dx = p * g * (1 - p)", mask=find("mask").solution)
hand_in("ben", attention=re.sub("ds = .*", "ds = p * dp", attention))
carls = "dx = p * (g - (g * p).sum(axis=-1)"
hand_in("carl", softmax=carls, mask="while True: pass", attention=None)
hand_in("dora", softmax="import os\nprint('passed')\nos._exit(0)", mask="import minattn")
hand_in("dora", attention="scores = np.ones((10**5, 10**5))")
hand_in("eve", mask=f"p, ds = map(np.array, {by_heart}[s.shape])", attention=measured)


def table(file, names):
    """The rows of these exercises."""
    with open(folder / file, encoding="utf-8", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["exercise"] in names]


only = "--only " + ",".join(find(name).file[:2] for name in homework)  # names do as well
run(f"minattn learn grade anna ben carl dora eve {only} --csv all.csv --seconds 3 --seed 26")
rows = table("all.csv", homework)
print()
for row in rows:
    said = textwrap.shorten(row["sentence"], 50, placeholder=" …")
    print(f"{row['folder']:4} {row['exercise']:9} {row['result']:7} {row['kind']:19} {said}")
print("\nresults that did not occur:", set(RESULTS) - {row["result"] for row in rows} or "none")

# %% [markdown]
# `--only` says what was set; without it the table has {{len(course())}} rows a learner. `result` is one of
# {{len(RESULTS)}}:
#
# | `result` | |
# | --- | --- |
# | `passed` | the numbers are right |
# | `to do` | the gap is as it was |
# | `wrong` | it ran, and something else came out |
# | `error` | an exception, or no function of that name |
# | `time`, `memory` | it did not end, or took too much |
# | `crash` | it ended its process, or Python itself |
# | `missing` | there is no such file |
#
# `kind` is a word of the [vocabulary of mistakes](kinds/README.md), or `known` for a mistake on the exercise's own
# list. `sentence` is the first one that the learner would read, `diagnosis` what is probably wrong. Ben's attention:

# %%
bens = next(row for row in rows if (row["folder"], row["exercise"]) == ("ben", "attention"))
for column in ("sentence", "diagnosis"):
    print(textwrap.fill(f"{column}: {bens[column]}", 90))
limits = Limits()

# %% [markdown]
# Exit code 0 of `grade` means that everything was graded, not that everything was right.
#
# ## What a submission can and cannot do
#
# Each file runs in a process of its own, and `grade` puts a wall of the system around it: bubblewrap (the program
# `bwrap`, a package of every Linux). Behind it there are Python, NumPy and an empty `/tmp`, and nothing else: no
# network, no other process, no file of yours, of other learners or of minattn. The process gets arrays and gives arrays
# back; the solution, the comparison and the table are on this side, and what comes back is data. So printing "passed",
# patching NumPy, leaving with `os._exit(0)`, threads, and looking through frames change no verdict. A file may use
# {{limits.seconds:.0f}} seconds (`--seconds`) and {{limits.megabytes}} MiB more than Python itself.
#
# The column `isolated` says "yes" where it was so. Where there is no `bwrap`, or it may not work, as in some
# containers, `grade` says why, runs the files with limits but without the wall, and every row says "not isolated": then
# grade as a user who has nothing to lose, or in a virtual machine. `check` does without the wall, for a learner's own
# file.
#
# Two columns are marks, and yours to judge. `looks_measured` is the next section. `unusual` names what a derivation has
# no use for: `exec`, `sys`, `getattr`, complex numbers, a fit of a curve. Who uses it may have a reason; look at the
# file.
#
# ## Learned by heart, and measured
#
# `check` always draws the same inputs, so that a learner sees the same numbers again. Eve took down what the solution
# makes of them:

# %%
run("minattn learn check mask --dir eve", slice(1))
run("minattn learn grade eve --only mask --csv eve.csv --seed 1", slice(0))
print("mask:", table("eve.csv", ["mask"])[0]["result"])


def judged(name, gap):
    """The verdict of check on a gap of ours, without a file and a process."""
    return check_submission(find(name), Submission(), "ours.py", find(name).fill(gap))


backward = find("softmax").solved["backward"]
gradients = {x.shape: backward(g, x).tolist() for g, x in find("softmax").draw(0)}
verdict = judged("softmax", f"dx = np.array({gradients}[x.shape])")
print("softmax by heart:", verdict.result, verdict.kind)

# %% [markdown]
# `grade` draws others each time that it is called; the column `seed` says which, and `--seed` repeats them. A backward
# pass that is learned by heart does not pass `check` either, because the gradient check draws upstreams of its own.
#
# Eve's attention measures slopes, as the check does. The numbers may even be right, but it is not what was asked. So
# the first call of every file is followed: each value of each of its expressions is looked at, whatever its functions
# are called. Who measures has to look at forward beside the point that was given, and then that point shows up again,
# changed a little: in one entry after the other, to both sides, or with an imaginary part. A derivation has no use for
# such arrays. `looks_measured` says what was seen:

# %%
hand_in(
    "eve",
    residual="""
dx, dw = np.zeros_like(x), np.zeros_like(w)
for array, slope in ((x, dx), (w, dw)):
    for place in np.ndindex(array.shape):
        was = array[place]
        for h, weight in ((1e-3, 8), (-1e-3, -8), (2e-3, -1), (-2e-3, 1)):
            array[place] = was + h
            slope[place] += weight * (g * (x + np.tanh(x @ w))).sum() / 12e-3
        array[place] = was
""",
)
run("minattn learn grade eve --only residual,attention --csv eve.csv --seed 1", slice(0))
for row in table("eve.csv", ["residual", "attention"]):
    print(
        textwrap.fill(
            f"{row['exercise']}: {row['result']}; looks measured: {row['looks_measured']}", 90
        )
    )

# %% [markdown]
# The residual is `passed`, because its numbers are right; what a measured gradient is worth is yours to say. A learner
# who checks it is told, and the exercise does not count as solved.
#
# Without the mark it would depend on the numbers. An error above {{TOLERANCE:.0e}} of the largest entry is too much for
# a derivative. How large is the error of a slope from two points, $(f(x+h) - f(x-h))/2h$, and from four?

# %%
two = {1: 1 / 2, -1: -1 / 2}
four = {1: 8 / 12, -1: -8 / 12, 2: -1 / 12, -2: 1 / 12}  # the terms in h² cancel
steps = 10.0 ** np.arange(0, -10, -1)


def measured_error(exercise, step, weights):
    """The largest error of measured slopes, as a share of the largest entry of the gradient."""
    g, *inputs = exercise.draw(0)[-1]
    forward, results = exercise.solved["forward"], exercise.solved["backward"](g, *inputs)
    errors = []
    for x, dx in zip(
        inputs, results if isinstance(results, tuple) else (results,), strict=True
    ):
        for place in np.ndindex(x.shape) if dx is not None and x.dtype.kind == "f" else ():
            was, slope = x[place], 0.0
            for k, weight in weights.items():
                x[place] = was + k * step
                slope += weight / step * (g * forward(*inputs)).sum()
            x[place] = was
            errors.append(abs(slope - dx[place]) / np.abs(dx).max())
    return max(errors)


backwards = [exercise for exercise in course() if exercise.is_backward]
errors = {e.name: [measured_error(e, step, two) for step in steps] for e in backwards}
unseen = [name for name, error in errors.items() if min(error) <= TOLERANCE]
print(f"two points are as good as a derivative in {len(unseen)} of {len(errors)} exercises:")
print(", ".join(unseen))


# %% tags=["folded"]
curves = [(name in unseen, error) for name, error in errors.items()]
curves += [
    (None, [measured_error(e, step, four) for step in steps])
    for e in backwards
    if e.name not in unseen
]
labels = {False: ("two points", BLUE), None: ("four points", RED), True: ("two, linear", GREEN)}
drawing, axis = figure("Slopes from two points are seen, from four hardly")
for key, (label, colour) in labels.items():
    group = np.array([error for kind, error in curves if kind is key])
    axis.loglog(steps, np.maximum(group, 1e-17).T, color=colour, alpha=0.6)
    axis.plot([], [], color=colour, label=label)
axis.axhline(TOLERANCE, color="black", linestyle="--", label="limit of the grader")
axis.set(xlabel="step h", ylabel="error, of the largest entry", ylim=(1e-17, 1e6))
axis.invert_xaxis()
axis.legend(frameon=False, ncols=2, loc="upper right")
show(drawing)

# %% [markdown]
# Every curve is an exercise. Two points betray themselves at every step, except where forward is linear in each input:
# there the slope between two points is the derivative, however far apart they are. Who knows to take four passes nearly
# everywhere; only where an exercise asks for scores of 1000 does their rounding show. So it takes the mark.
#
# What the mark does not see: a derivative that somebody else, or something else, has written down.
#
# ## Variants
#
# Anna and Ben have variants ([page 19](19_setting.md)), and Ben hands in a copy of Anna's file. `--variant` says the
# key, with `{}` for the name of the folder; `--variants keys.csv` reads keys from a table with the columns `folder`
# and `variant`. What a learner's folder says of its key does not count.

# %%
for learner in ("anna", "ben"):
    mine = find("softmax", "anna-7f3")
    text = mine.fill(mine.solution)
    (folder / "pair" / learner).mkdir(parents=True, exist_ok=True)
    (folder / "pair" / learner / mine.file).write_text(text, encoding="utf-8")
graded = "minattn learn grade pair/anna pair/ben --only softmax --csv pair.csv --seed 1"
run(graded + " --variant {}-7f3")
copied = table("pair.csv", ["softmax"])[1]
print(textwrap.fill(f"{copied['kind']}: {copied['diagnosis']}", 90))

# %% [markdown]
# ## The same checks with pytest
#
# Who grades with pytest already needs no table:

# %%
TEST = """
from pathlib import Path

import pytest

from minattn.learn import Runner, check_file, find

FOLDER = Path(__file__).parent / "ben"


@pytest.fixture(scope="session")
def runner():
    with Runner() as runner:
        yield runner


@pytest.mark.parametrize("name", ["softmax", "mask", "attention"])
def test_exercise(name, runner):
    verdict = check_file(name, FOLDER / find(name).file, runner)
    assert verdict.passed, str(verdict)
"""
(folder / "test_homework.py").write_text(TEST, encoding="utf-8")
run("pytest -q --tb=no test_homework.py")

# %% [markdown]
# ## In your own tools
#
# An exercise is worth 1 point, or what `--points` says. A file that passes has all of it. A wrong one has the share of
# what it returns that is right, and loses one share at least: who changes an argument in place may have every number
# right. What did not run, is not finished or looks measured has nothing.
#
# Of Ben's attention dv is right, and dq and dk are not:

# %%
run("minattn learn grade anna ben --only 09,11,13 --points attention=3 --csv hw3.csv --seed 1")
for row in table("hw3.csv", homework):
    points = f"{row['points']} of {row['out_of']}"
    print(f"{row['folder']:5} {row['exercise']:9} {points}  {row['right']}")

# %% [markdown]
# `--format` with `--out` writes what other tools read:
#
# | `--format` | |
# | --- | --- |
# | `csv` | the table, as `--csv` |
# | `gradescope` | a folder, with `results.json` for each learner |
# | `classroom` | the table of grades, with the columns of GitHub Classroom's own |
# | `canvas` | a gradebook that Canvas imports; `--title` names its column, `Homework 3 (1234)` |
#
# `--roster` says who is behind a folder: a table with the columns `folder` and `name`, and, if you like, `id`, `login`,
# `email` and `section`. Who has handed in has to be in it, and nobody may be in it twice:

# %%
roster = "folder,id,name,section\nanna,1007,Anna A.,B\nben,1008,Ben B.,B\nzoe,1009,Zoe Z.,B\n"
(folder / "roster.csv").write_text(roster, encoding="utf-8")
graded = "minattn learn grade anna ben --only 09,11,13 --roster roster.csv"
run(f"{graded} --format canvas --out hw3.csv")
print((folder / "hw3.csv").read_text(encoding="utf-8"))

# %% [markdown]
# What comes in need not be folders with the right names. One folder or ZIP may hold the whole class: a folder for each
# learner and anything below it, or files side by side as Canvas and Moodle download them
# (`doejane_4711_99123_09_softmax-1.py`). A notebook counts where it is called after an exercise, or for each exercise
# from the cell that holds the first line of its template. Of two files for one exercise the last copy (`-1`) counts,
# then the newest; the column `note` says which was passed over. A ZIP is unpacked into a temporary folder, Python files
# and notebooks alone, and nothing that leads out of it.
#
# Gradescope grades each submission itself. `bundle` makes the autograder that it asks for, with minattn in it:

# %%
run("minattn learn bundle hw3.zip --only 09,11,13 --points attention=3")
with zipfile.ZipFile(folder / "hw3.zip") as bundle:
    print(*sorted({name.partition("/")[0] for name in bundle.namelist()}))

# %% [markdown]
# `setup.sh` runs once, and installs NumPy and, where it can, bubblewrap. `run_autograder` runs for each submission, and
# needs no network. Where bubblewrap does not work, a submission can read the solutions, which lie beside, and
# `"isolated": false` says so. In `--variant "{}-word"` the student's e-mail address stands for `{}`. For GitHub
# Classroom, `minattn learn bundle --repository DIR` makes a repository: the templates, a test for each exercise,
# Classroom's `autograding.json` and a workflow. There a test passes or fails, the learner can change it, and minattn
# lies in it with the solutions: it is for practice.
#
# `--feedback DIR` writes a page for each learner: what is right, which gradient is not, and which mistake it is. The
# formula is left out, unless you say `--tell 3`.

# %% [markdown]
# ## A class
#
# Twelve learners, eight exercises. Some fill the gap as the solution does, some in another right way; some make a
# mistake, the commonest most often; some leave it open. We know what each of them wrote, so we can grade the grader.

# %%
names = ["one_hot", "broadcast", "positions", "learned_positions"]
names += ["scores", "mask", "weighted_sum", "split_heads"]
learners = [f"class/{number:02}" for number in range(1, 13)]
rng = np.random.default_rng(0)
wrote = {}
for learner, skill in zip(learners, np.linspace(0.95, 0.45, len(learners)), strict=True):
    for name in names:
        right = [find(name).solution, *find(name).alternatives.values()]
        wrong = [mistake.gap for mistake in find(name).mistakes]
        often = 1 / np.arange(1, len(wrong) + 1) ** 2
        gaps = {"passed": rng.choice(right), "wrong": rng.choice(wrong, p=often / often.sum())}
        shares = [skill, 0.7 * (1 - skill), 0.3 * (1 - skill)]
        wrote[learner, name] = what = rng.choice(["passed", "wrong", "to do"], p=shares)
        hand_in(learner, **{name: gaps.get(what)})

only = "--only " + ",".join(find(name).file[:2] for name in names)
run(f"minattn learn grade class/* {only} --csv class.csv --seed 7", slice(3))
result = {(row["folder"], row["exercise"]): row["result"] for row in table("class.csv", names)}
unlike = sum(result[key] != what for key, what in wrote.items())
print(f"…\n{len(result)} files graded, {unlike} of them not as they were meant")

# %% tags=["folded"]
drawing, axis = figure("Columns show what to teach again, rows whom to talk to", height=3.4)
for kind, colour in {"passed": GREEN, "wrong": RED, "to do": SKY}.items():
    places = np.array([key for key in result if result[key] == kind])
    left = [names.index(name) - 0.48 for name in places[:, 1]]
    axis.barh(places[:, 0], 0.96, left=left, height=0.9, color=colour, label=kind)
axis.set(xlabel="exercise", ylabel="learner", xlim=(-0.5, 7.5), ylim=(11.5, -0.5))
axis.set_xticks(range(8), [name.replace("_", "\n") for name in names])
axis.tick_params(labelsize=9)
axis.grid(False)
drawing.legend(loc="outside lower center", ncols=3, frameon=False)
show(drawing)

# %% [markdown]
# Count the diagnoses of the wrong files, and you have the plan of the next lesson:

# %%
diagnoses = Counter(
    (row["exercise"], row["diagnosis"].removeprefix("exactly this: "))
    for row in table("class.csv", names)
    if row["diagnosis"]
)
print(f"{diagnoses.total()} diagnoses, {len(diagnoses)} different; the commonest:\n")
for (name, text), count in diagnoses.most_common(3):
    print(textwrap.fill(f"{count} × {name}: {text}", 90))
temporary.cleanup()

# %% [markdown]
# `--report report.html` (or `report.md`) puts this on one page: what was solved, in how many tries where learners'
# own notes say so, the commonest mistakes with their sentences, who looks measured, and a figure for a slide. It also
# names learners whose answers are the same up to names. That accuses nobody. The solution, the other ways that come
# with it, known mistakes, and what more than a fifth of the class wrote count nothing, and what is left must be long:
# 100 nodes of syntax, of which a usual answer has 15 to 80.

# %% [markdown]
# ## Questions
#
# 1. Carl's softmax lacks a parenthesis. Ben's attention has one wrong line, `ds = p * dp`. Whose is half right?
#
# <details><summary>Answer</summary>
#
# Ask what comes after the first error. With his parenthesis, Carl's file is: {{judged("softmax", carls + ")").result}},
# "{{judged("softmax", carls + ")").sentence.strip()}}". He needs `keepdims` too, and has not run his file
# once: `check` tells the line. With his line mended, Ben's file is: {{judged("attention", attention).result}}. So one
# line of his is wrong, but it is the line that the exercise is about; dv, which he got right, does not need it. And it
# is what is wrong in his softmax too, `{{rows[3]["kind"]}}` there and `{{rows[5]["kind"]}}` here: that every
# score changes the whole row. The table counts this twice. What each is worth is yours to say; it cannot be read off
# the number of gradients that are right.
#
# </details>
#
# 2. Everyone passed everything. What do you still not know, and how would you find out?
#
# <details><summary>Answer</summary>
#
# Who wrote it, and whether they know why it is right. `minattn learn solution softmax --anyway` prints the solution,
# and no mark tells who has read it. Ask for something that is in no file: the forward pass divides its scores by 3
# before the softmax; which lines of backward change, and which not?
#
# </details>
#
# ## The exercise
#
# Hand in three folders of your own: one right, one with the mistake that you expect most, one that passes and should
# not. Grade them. What did the third have to do, and would you have seen it in the table?
