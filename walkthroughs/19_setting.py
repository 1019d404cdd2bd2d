# %% [markdown]
# # 19. Setting exercises
#
# *How do you set exercises as homework, and what do your learners get to see?*
#
# For teachers. `minattn learn` is a course of exercises, from a matrix product to a model that trains, and three models
# with a bug in them. After this page you can choose some of them as homework, hand them out, and say what your learners
# are told when they are wrong. [Page 20](20_grading.md) grades what comes back;
# [page 21](21_writing_exercises.md) adds exercises of your own.
#
# Everything below happens in an empty folder. `run` types a command there and shows what it prints.

# %%
import math
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from minattn.learn import course, find
from minattn.learn.checking import check_submission
from minattn.learn.submission import Submission

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
settings = os.environ | {"COLUMNS": "90", "NO_COLOR": "1"}


def said(line):
    """What a command prints in the folder, without times: its lines."""
    words = [sys.executable, "-m", *line.split()]
    done = subprocess.run(words, cwd=folder, env=settings, capture_output=True, text=True)
    return re.sub(r",? in [\d.]+ ?s\b", "", done.stdout + done.stderr).splitlines()


def run(line, lines=slice(None)):
    print(f"$ {line}", *said(line)[lines], sep="\n")


# %% [markdown]
# ## What there is to choose from
#
# Each exercise belongs to the page of the course that derives what it asks for. Which page have your learners read?
# In brackets stands how many lines the solution has:

# %%
for page in sorted({exercise.page for exercise in course()}):
    here = [exercise for exercise in course() if exercise.page == page]
    told = [f"{each.name} ({len(each.solution.splitlines())})" for each in here]
    print(f"{page:22}", ", ".join(told[:4]))
    for more in range(4, len(told), 4):
        print(" " * 22, ", ".join(told[more : more + 4]))

# %% [markdown]
# ## Handing out

# %%
run("minattn learn init course", slice(1))
run("minattn learn init course", slice(1))
print("\n" + find("softmax").text.partition("import numpy as np\n")[2].strip())

# %% [markdown]
# One exercise is one file: forward is given and explained, one gap is to be filled in plain NumPy. Learners work in an
# editor of their own. In a terminal `minattn learn` stands beside it and judges a file when it is saved; without one,
# `minattn learn check`, `hint`, `reset`, `list` and `solution` do the same.
#
# The last three files show what others ask for, and come once these are solved. Our homework is three files:

# %%
run("minattn learn init homework --only softmax,mask,attention --tell 2 --locked", slice(1))
print((folder / "homework" / "homework.txt").read_text(encoding="utf-8").rstrip())

# %% [markdown]
# `--tell` says how much a check tells at most (see below), and with `--locked` a solution is shown only to those who
# have passed. That keeps honest people honest: the folder is the learner's, and the solutions are files of the package.
#
# A later exercise imports the learner's own earlier files: `self_attention` begins with `from own import attention`.
# What is not solved has to be solved first, or is borrowed from us with `minattn learn check self_attention --borrow`,
# which the verdict, `list` and the table of grades say. When you grade, what a learner has not right, or what you did
# not set, is borrowed, so that one mistake costs once. At the end of the course `minattn learn run training_step`
# trains the model that these files make, until it restores a sentence.
#
# ### Another problem for each learner
#
# Most exercises have variants in which the mathematics differs: the scale, the axis, what a mask means, sum or mean,
# one more term. A key chooses one of each; any text will do, here a learner's name and a word of the homework:

# %%
run("minattn learn init annas --variant anna-7f3", slice(1))
for learner in ("anna", "ben"):
    for name in ("softmax", "mask", "attention"):
        says = f"{learner:5}{name:10} {find(name, f'{learner}-7f3').says}"
        print(textwrap.fill(says, 88, subsequent_indent=" " * 16))
counts = {exercise.name: len(exercise.variants) for exercise in course() if exercise.variants}
ways = counts["softmax"] * counts["mask"] * counts["attention"]
alike = round(100 * (1 - math.prod(1 - learners / ways for learners in range(30))))

# %% [markdown]
# Text, hints, named mistakes and solution are those of the variant. The folder remembers its key in `variant.txt`, so
# that `check` needs no option; `hint`, `solution` and `check` take `--variant`, too. The usual form, which the pages
# derive, is never drawn. The same key gives the same variants on every machine. There are two ways to hand keys out:
#
# - You make the folders, as above, and give each learner theirs.
# - You give each learner a key, and they make the folder. Who sees how keys are made can make those of others. Keys
#   from a list of yours (a table with the columns `folder` and `variant`) cannot be guessed.
#
# {{len(counts)}} exercises have between {{min(counts.values())}} and {{max(counts.values())}} variants. In a class of
# thirty some will share that of one exercise. That two share all three of this homework happens in {{alike}} %
# of classes.
#
# ## What a learner sees
#
# Ben tries one of them:

# %%
ben = folder / "ben"
ben.mkdir()
for name in ("softmax", "mask", "attention"):
    (ben / find(name).file).write_text(find(name).text, encoding="utf-8")
tried = find("softmax").fill("dx = p * g * (1 - p)")
(ben / find("softmax").file).write_text(tried, encoding="utf-8")

run("minattn learn check softmax --dir ben")
run("minattn learn hint softmax --dir ben", slice(4))
run("minattn learn check softmax --dir ben", slice(2, None))
print("\nben/progress.txt:")
print((ben / "progress.txt").read_text(encoding="utf-8").partition("\n")[2].rstrip())

# %% [markdown]
# A verdict comes from calling the learner's function on random inputs, several times, with lengths that differ. A
# backward pass is held to the gradients of the solution and to the gradient check, so that any right way passes:
# loops, einsum, other algebra.
#
# Feedback rises with the tries. The first wrong answer is told which gradient is wrong, where, and of which kind the
# mistake is; `--tell 1` ends there. The second is told the mistake, the first intermediate value that is wrong, if it
# has a name that the exercise suggests, and what to look at next; `--tell 2` ends there. The formula comes with the
# third. The same answer again is no other try; a hint counts as one.
#
# Tries and hints stand in `progress.txt`. It is the learner's, a text that may be read, edited and deleted. Do not
# grade by it.
#
# The answers below use this:


# %%
def judged(name, gap):
    """The verdict of check on a gap of ours, without a file and a process."""
    return check_submission(find(name), Submission(), "ours.py", find(name).fill(gap))


again = said("minattn learn init ben")[0]
untouched = (ben / find("softmax").file).read_text(encoding="utf-8") == tried
temporary.cleanup()

# %% [markdown]
# ## Questions
#
# 1. You upgrade minattn in the middle of the term, and tell your learners to call `init` again in the folders that they
#    have. What happens to Ben's?
#
# <details><summary>Answer</summary>
#
# It adds what is new and touches no file that is there. It prints: "{{again}}". Is his softmax as he left it?
# {{untouched}}. He now has the whole course, homework or not. If he wants the new text of an exercise that he has
# begun, he asks for it with `minattn learn reset softmax`, which keeps his file.
#
# </details>
#
# 2. How much of the answer can a learner get out of the tool?
#
# <details><summary>Answer</summary>
#
# All of it, unless you set the homework with `--tell` and `--locked`. `softmax` has {{len(find("softmax").hints)}}
# hints, and the last one says: "{{find("softmax").hints[-1]}}" `minattn learn solution softmax` refuses before the
# exercise is passed, but with `--anyway` it prints the solution and the other ways. And the solutions are files of the
# package. So homework is for those who want to know. Question 2 of [page 20](20_grading.md) is about the others.
#
# </details>
#
# 3. A learner fills the gap with a loop over rows, another with einsum. How do you know that both pass?
#
# <details><summary>Answer</summary>
#
# The tests of the repository hold the verdict to it: each exercise comes with at least two other right ways,
# {{sum(len(exercise.alternatives) for exercise in course())}} in all, and all must pass. Those of `softmax` are
# {{", ".join(f'"{way}"' for way in find("softmax").alternatives)}}. Filled in, the check says of them:
# {{", ".join(judged("softmax", gap).result for gap in find("softmax").alternatives.values())}}.
#
# </details>
#
# ## The exercise
#
# Choose an exercise that your learners will do, and get it wrong in three ways that you expect of them. Read what they
# would read. Would it help them? If one of the three is not named, [page 21](21_writing_exercises.md)
# says how to add it.
