# %% [markdown]
# # 21. Writing exercises
#
# *How do you add an exercise, and a mistake that your learners make?*
#
# For teachers. After this page you can write an exercise that is checked like those of the course, and teach the check
# a mistake that it did not know, so that the next learner who makes it is told so by name.
#
# Everything below happens in an empty folder. `run` types a command there and shows what it prints.

# %%
import csv
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

import minattn
from minattn.learn import find

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
settings = os.environ | {"COLUMNS": "90", "NO_COLOR": "1"}
# pytest prints otherwise where one of these is set
for name in ("CI", "BUILD_NUMBER", "FORCE_COLOR", "PYTEST_ADDOPTS"):
    settings.pop(name, None)


def run(line, lines=slice(None)):
    """Type a command in the folder; print it, and these lines of its output, without times."""
    program, *words = line.split()
    command = [sys.executable, *(["-m", "minattn"] if program == "minattn" else []), *words]
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True)
    printed = re.sub(r",? in [\d.]+ ?s\b", "", done.stdout + done.stderr).splitlines()
    print(f"$ {line}", *printed[lines], sep="\n")


# %% [markdown]
# ## An exercise of your own
#
# An exercise is a folder of four files. In a checkout, put it into `minattn/learn/exercises`; nothing else has to be
# changed. The folders' names give the order, in steps of ten to leave room: `e175_rms_norm` comes after
# `e170_layer_norm`, and is called `rms_norm`. The first file is the learner's, solved:

# %%
SOLUTION = '''"""RMS norm: every row gets the same size

x (…, D) -> y (…, D)

    r = √(mean(x²))        along the last axis, one number a row
    y = x / r

x_j is in the row's r, and so in every y_i of its row.
"""

import numpy as np


def forward(x):
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True))


def backward(g, x):
    r = np.sqrt((x * x).mean(axis=-1, keepdims=True))
    # --- your part ---
    y = x / r
    dx = (g - y * (g * y).mean(axis=-1, keepdims=True)) / r
    # --- end of your part ---
    return dx
'''

# %% [markdown]
# What a learner gets is made of it: between the marks stands `dx = ...`, because `dx` is what comes back. Other right
# ways to fill the gap stand one below the other, each under its name. Of a wrong way only those lines are written that
# differ from the solution, under the sentence that the mistake is answered with; each takes the place of the line
# that gives the same name:

# %%
RIGHT = """# step by step
dr = -(g * x).sum(axis=-1, keepdims=True) / r**2
dx = g / r + dr * x / (r * x.shape[-1])

# the Jacobian, row by row
dx = np.zeros_like(x)
for row in np.ndindex(x.shape[:-1]):
    y = x[row] / r[row]
    dx[row] = (np.eye(len(y)) - np.outer(y, y) / len(y)) @ g[row] / r[row]
"""
WRONG = """# r is held fixed; it depends on every entry of its row: a second term belongs there.
dx = g / r

# The second term has a sum where r has a mean: it is D times too large.
dx = (g - y * (g * y).sum(axis=-1, keepdims=True)) / r

# The mean of g is subtracted as in layer norm; here no mean was taken from x.
dx = (g - g.mean(-1, keepdims=True) - y * (g * y).mean(-1, keepdims=True)) / r
"""

# %% [markdown]
# The last file holds what is no code of the learner's. `page` is the page of the course to read first, `cases` are the
# inputs of forward, here normal numbers in arrays of these shapes. Some fields that this one does not need: `steps`,
# the names of intermediate values that are compared first; `like`, a registered op whose known mistakes are then looked
# for; `edges`, unusual inputs that the text asks for, such as scores of 1000 or a batch without rows; `accepts`, where
# more than one answer is right. All of them are explained in `minattn/learn/course.py`, and the files in
# `minattn/learn/exercises/README.md`.

# %%
EXERCISE = """from minattn.learn.course import Exercise, normal

exercise = Exercise(
    page="08_block",
    hints=(
        "In how many ways does x_j act on y_i, if i = j, and if not?",
        "dr/dx_j = x_j / (D r). Then dr collects from the whole row: dr = -Σ_i g_i x_i / r².",
        "dx = (g - y * (g * y).mean(axis=-1, keepdims=True)) / r",
    ),
    note="What points along y is taken out of g. With a mean: minattn/ops/layer_norm.py.",
    cases=normal([(3, 3)], [(2, 3, 5)]),
)
"""

# %% [markdown]
# Without a checkout, a small program adds a folder of your own to the course. It takes the same commands as `minattn`.
# Your learners need it too:

# %%
OWN = """
import sys
from pathlib import Path

from minattn.cli import main
from minattn.learn import exercises

exercises.__path__.append(str(Path(__file__).parent / "exercises"))

if __name__ == "__main__":
    sys.exit(main())
"""
(folder / "mine.py").write_text(OWN, encoding="utf-8")
rms_norm = folder / "exercises" / "e175_rms_norm"
rms_norm.mkdir(parents=True)
texts = {"solution": SOLUTION, "right": RIGHT, "wrong": WRONG, "exercise": EXERCISE}
for file, text in texts.items():
    (rms_norm / f"{file}.py").write_text(text, encoding="utf-8")

run("python mine.py learn init course", slice(1))
run("python mine.py learn list --dir course", slice(16, 19))
run("python mine.py learn hint rms_norm --dir course")
learners_file = folder / "course" / "18_rms_norm.py"
text = learners_file.read_text(encoding="utf-8").replace("dx = ...", "dx = g / r")
learners_file.write_text(text, encoding="utf-8")
run("python mine.py learn check rms_norm --dir course", slice(6))

# %% [markdown]
# ### The rules
#
# The tests of the repository hold every exercise to the same rules. `-p mine` lets them see this one:

# %%
tests = Path(minattn.__file__).parents[1] / "tests" / "learn" / "test_exercises.py"


def rules(*wanted):
    """Test the exercise; print the rules that came out so, each with the number of its tests."""
    words = f"-m pytest -p mine -p no:cacheprovider -k rms_norm -rA --tb=no {tests}".split()
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=settings, capture_output=True, text=True
    )
    found = re.findall(r"^(PASSED|FAILED) .*::test_(\w+)\[", done.stdout, re.MULTILINE)
    for (result, rule), count in Counter(found).items():
        if result in wanted:
            print(f"{result} {count}  {rule.replace('_', ' ')}")


rules("PASSED", "FAILED")
print("\nwithout the r in the second term of the first way in right.py:")
(rms_norm / "right.py").write_text(
    RIGHT.replace("(r * x.shape[-1])", "x.shape[-1]"), encoding="utf-8"
)
rules("FAILED")
(rms_norm / "right.py").write_text(RIGHT, encoding="utf-8")

# %% [markdown]
# What no test can hold you to:
#
# - The pieces of `right.py` are different ways, not different names.
# - Write the mistakes that you have seen people make. A sentence says what the code does and what belongs there; it is
#   shown where the answer is exactly that of the mistake.
# - Three hints: a question, a step, nearly the answer. A note after the pass, with the file where the engine does it.
# - Let no two lengths be equal in the last case, so that nothing fits by chance. A first case in which all are equal
#   makes a forgotten transpose show in the numbers, where it can be named, and not as an error of shapes.
#
# ## Variants
#
# So that each learner has another problem, give an exercise variants: one more file, of options that are edits of the
# others. Text, solution, right ways, mistakes and hints follow from them; nothing is written twice:

# %%
VARIANTS = """from minattn.learn.variants import Option

choices = (
    (
        Option(
            "sum",
            "r is the root of a sum, not of a mean",
            {
                "mean(x²)": "Σ x²",
                "(x * x).mean": "(x * x).sum",
                "(g * y).mean": "(g * y).sum",
                "(r * x.shape[-1])": "r",
                "np.outer(y, y) / len(y)": "np.outer(y, y)",
                "x_j / (D r)": "x_j / r",
            },
        ),
    ),
)
"""
head, _, fields = EXERCISE.partition("\n\nexercise = Exercise(")
opening = "from .variants import choices\n\nexercise = Exercise(\n    choices=choices,"
varied = f"{head}\n{opening}{fields}"
(rms_norm / "variants.py").write_text(VARIANTS, encoding="utf-8")
(rms_norm / "exercise.py").write_text(varied, encoding="utf-8")
tagged = WRONG.replace("# The second term", "# [-sum] The second term")
(rms_norm / "wrong.py").write_text(tagged, encoding="utf-8")

run("python mine.py learn init annas --variant anna-7f3", slice(1))
run("python mine.py learn solution rms_norm --anyway --dir annas", slice(3))
annas = (folder / "annas" / "18_rms_norm.py").read_text(encoding="utf-8")
print(annas.partition("\nx_j")[0])

# %% [markdown]
# The second mistake is right here; its tag, `[-sum]`, keeps it where the option is not chosen. A second choice
# multiplies: two choices with two options each make eight variants. Each option must change what belongs in the gap;
# `tools/variant_pairs.py` of the repository tries each variant's solution in all the others, and
# `tests/learn/test_variants.py` holds each variant to its own rules. The rest is in the README of the exercises.
#
# ## A mistake of your own
#
# A mistake on an exercise's list is named in that exercise. Where the exercise is `like` an op, the catalogue of the op
# is searched too, the same one that `minattn check` uses. Frank subtracts the plain mean of $g$ in softmax. That is not
# in the catalogue. After two hints the check says all that it knows:

# %%
franks = find("softmax").fill("dx = p * (g - g.mean(axis=-1, keepdims=True))")
(folder / "frank").mkdir()
(folder / "frank" / find("softmax").file).write_text(franks, encoding="utf-8")
for _ in range(2):
    run("minattn learn hint softmax --dir frank", slice(0))
run("minattn learn check softmax --dir frank", slice(4, -2))

# %% [markdown]
# The check sees what the gradient looks like, not where it comes from. Enter the mistake into the catalogue, right in
# everything but one thing. Its kind is a word of the vocabulary, or a new one with what it means and what to look at:

# %%
SEEN = """
import numpy as np

from minattn.check.mistake_kinds import Kind, kinds
from minattn.check.catalogue import mistake

kinds["plain_mean"] = Kind(
    "All entries count the same in an average that has weights.",
    "every mean and every sum of an average: what is each entry weighted by?",
)


@mistake("Softmax", "plain_mean")
def softmax_plain_mean(g, x, axis=-1):
    '''The plain mean of g is subtracted; Σ g p belongs there.'''
    p = np.exp(x - x.max(axis=axis, keepdims=True))
    p = p / p.sum(axis=axis, keepdims=True)
    return p * (g - g.mean(axis=axis, keepdims=True))
"""
(folder / "mine.py").write_text(SEEN + OWN, encoding="utf-8")
run("python mine.py learn check softmax --dir frank", slice(4, -2))
run("python mine.py learn grade frank --only softmax --csv frank.csv --seed 0", slice(0))
with open(folder / "frank.csv", encoding="utf-8", newline="") as lines:
    print("kind:", next(r["kind"] for r in csv.DictReader(lines) if r["exercise"] == "softmax"))

# %% [markdown]
# In a checkout the mistake goes into the file of its op in `minattn/check/catalogue`; a new kind into the vocabulary in
# `minattn/check`, with an example in `tools/mistake_examples.py`. The tests hold both to being wrong and recognised.
#
# The answer to question 2 uses this:


# %%
def unseen(shape):
    """Which of the pieces of wrong.py give the right numbers with an x of this shape."""
    x, g = np.random.default_rng(0).normal(size=(2, *shape))
    r = np.sqrt((x * x).mean(axis=-1, keepdims=True))
    names = {"x": x, "g": g, "r": r, "y": x / r}
    right = (g - names["y"] * (g * names["y"]).mean(axis=-1, keepdims=True)) / r
    pieces = [piece.partition("\n") for piece in WRONG.split("\n\n")]
    for sentence, _, code in pieces:
        exec(code, names)
        if np.allclose(names["dx"], right):
            yield sentence.removeprefix("# ")


temporary.cleanup()

# %% [markdown]
# ## Questions
#
# 1. You set $y = x^2$ as an exercise, and the rule "measured slopes are not a derivative" fails. Why, and does it
#    matter?
#
# <details><summary>Answer</summary>
#
# $((x+h)^2 - (x-h)^2)/2h = 2x$ for every $h$. At $x = 0.7$, $h = 1$ it is {{(1.7**2 - 0.3**2) / 2:.4f}}, and
# $2x$ is {{2 * 0.7:.4f}}. No rounding gives it away. It matters little: the rule says what the grader can see, and the
# exercise is as good for those who do it.
#
# </details>
#
# 2. Suppose the only case of `rms_norm` were `normal([(3, 1)])`, rows of a single number. Which of the three mistakes
#    in `wrong.py` would pass, and why?
#
# <details><summary>Answer</summary>
#
# This one: "{{next(unseen((3, 1)))}}" With $D = 1$ a sum is a mean, and the code is right. A length of 1 hides mistakes
# as equal lengths do. With rows of two numbers {{len(list(unseen((3, 2))))}} of the three would pass.
#
# </details>
#
# ## The exercise
#
# Write an exercise about a mistake that you have seen this term, put it beside `e175_rms_norm`, and hold it to the
# rules. Then give it to a colleague without the hints. `minattn learn list` shows what is there already.
