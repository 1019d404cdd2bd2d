# %% [markdown]
# # 12. When a term is forgotten
#
# *Would you notice a wrong gradient, if the loss were all that you look at?*
#
# A backward pass with a mistake seldom crashes. It returns arrays of the right shape, the training takes its steps, and
# the loss falls. This page forgets one term at a time, trains all the same, and asks three things. Does one see it in
# the loss? Why does the loss fall at all? And what can one look at that tells more?
#
# The op is attention, with the backward pass of [page 7](07_attention_backward.md), put together from its three lines
# so that each can be exchanged. `.mT` swaps the last two axes, so all of it works for a batch too:

# %%
import textwrap

import numpy as np

from minattn.check import check_backward
from minattn.show.notebook import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    draw_matrix,
    figure,
    show,
)


def softmax(s):
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def weights(q, k):
    return softmax(q @ k.mT / np.sqrt(q.shape[-1]))


def attention(q, k, v):
    return weights(q, k) @ v


def weighted_sum_backward(g, p, v):  # of y = p v
    return g @ v.mT, p.mT @ g  # dp, dv


def softmax_backward(dp, p):  # of p = softmax(s)
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))  # ds


def scores_backward(ds, q, k):  # of s = q kᵀ / √d
    scaled = ds / np.sqrt(q.shape[-1])
    return scaled @ k, scaled.mT @ q  # dq, dk


def assemble(line_3=weighted_sum_backward, line_2=softmax_backward, line_1=scores_backward):
    """A backward pass of attention made of that of its lines."""

    def backward(g, q, k, v):
        p = weights(q, k)
        dp, dv = line_3(g, p, v)
        return *line_1(line_2(dp, p), q, k), dv

    return backward


# %% [markdown]
# ## Six passes with one mistake each
#
# | | right | what it does |
# | --- | --- | --- |
# | no sum | $ds = p\,(dp - \sum dp\, p)$ | $ds = p\, dp$ |
# | diagonal only | the same | $ds = p\,(1 - p)\, dp$, the Jacobian's diagonal |
# | no softmax | the same | $ds = dp$ |
# | no 1/√d | $dq = ds\, k / \sqrt d$, $dk = ds^\top q / \sqrt d$ | $dq = ds\, k$, $dk = ds^\top q$ |
# | ds for dsᵀ | $dk = ds^\top q / \sqrt d$ | $dk = ds\, q / \sqrt d$ |
# | p for pᵀ | $dv = p^\top g$ | $dv = p\, g$ |
#
# They run without complaint, and every shape fits: in the last two because in self-attention there are as many keys as
# queries, $T = S$. The check is told which op they are `like`, so that it can search the known mistakes of that op:

# %%
rng = np.random.default_rng(0)
T = 6
q, k, v = (rng.normal(size=(T, width)) for width in (4, 4, 3))


def not_transposed(ds, q, k):
    scaled = ds / np.sqrt(q.shape[-1])
    return scaled @ k, scaled @ q


wrong = {
    "no sum": assemble(line_2=lambda dp, p: p * dp),
    "diagonal only": assemble(line_2=lambda dp, p: p * (1 - p) * dp),
    "no softmax": assemble(line_2=lambda dp, p: dp),
    "no 1/√d": assemble(line_1=lambda ds, q, k: (ds @ k, ds.mT @ q)),
    "ds for dsᵀ": assemble(line_1=not_transposed),
    "p for pᵀ": assemble(line_3=lambda g, p, v: (g @ v.mT, p @ g)),
}
reports = {
    name: check_backward(attention, backward, [q, k, v], like="scaled_dot_product_attention")
    for name, backward in wrong.items()
}
for name, report in reports.items():
    finding = report.findings[0]
    print(f"{name}: {finding.kind}, {finding.sure}")
    print(textwrap.indent(textwrap.fill(finding.told, 92), "    "))

# %% [markdown]
# The check names {{sum(r.findings[0].sure == "exactly" for r in reports.values())}} of the six with the word
# `exactly`. It took no training, and no eye for curves.
#
# ## Training with them
#
# Would one have noticed without a check? Let $q$, $k$ and $v$ themselves be learned, by plain gradient descent, to give
# an output that was drawn at random. The loss is half the squared error, so that the upstream gradient is the error
# itself. Twenty such tasks lie side by side as a batch, and are the same for each pass:

# %% tags=["rough"]
TASKS, STEPS, RATE = 20, 150, 0.01
*start, wanted = (rng.normal(size=(TASKS, T, width)) for width in (4, 4, 3, 3))


def loss(arrays):
    """Half the squared error, a number for each task."""
    return ((attention(*arrays) - wanted) ** 2).sum(axis=(-1, -2)) / 2


def train(backward, rate=RATE):
    """The loss before each step, (STEPS, TASKS)."""
    arrays, losses = start, []
    for _ in range(STEPS):
        losses.append(loss(arrays))
        gradients = backward(attention(*arrays) - wanted, *arrays)
        arrays = [x - rate * dx for x, dx in zip(arrays, gradients, strict=True)]
    return np.array(losses)


def rising(losses):
    """In how many tasks the loss rises on the way."""
    return (np.diff(losses, axis=0) > 0).any(axis=0).sum()


passes = {"right": assemble()} | wrong
curves = {name: train(backward) for name, backward in passes.items()}
lower = {name: (c[-1] < c[0]).sum() for name, c in curves.items()}
better = {name: (c[-1] < curves["right"][-1]).sum() for name, c in curves.items()}
rises = {name: rising(c) for name, c in curves.items()}

print(f"{'':15}  loss, median   in how many of {TASKS} tasks the loss")
print(f"{'':15}  first   last    ends lower   ends below the right   rises on the way")
for name, losses in curves.items():
    first, last = np.median(losses[[0, -1]], axis=1)
    counts = f"{lower[name]:13} {better[name]:22} {rises[name]:18}"
    print(f"{name:15} {first:6.2f} {last:6.2f} {counts}")

# %% tags=["folded", "rough"]
colours = dict(zip(passes, ("black", ORANGE, SKY, BLUE, GREEN, PURPLE, RED), strict=True))
drawing, axis = figure("The loss falls with a wrong gradient too", height=3.2)
for name, losses in curves.items():
    style = {"linestyle": "-." if name == "p for pᵀ" else "-"}
    if name == "right":
        style = {"linestyle": "--", "linewidth": 3, "zorder": 3}
    axis.semilogy(np.median(losses, axis=1), color=colours[name], label=name, **style)
axis.set(xlabel="step", ylabel="loss, median of the tasks", xlim=(0, STEPS), ylim=(0.9, 15))
axis.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
axis.minorticks_off()
axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
show(drawing)

# %% [markdown] tags=["rough"]
# Each of the six brings the loss down, in {{min(lower.values())}} of {{TASKS}} tasks. Three even end below the right
# one in most tasks: "no 1/√d" in {{better["no 1/√d"]}}, "no sum" in {{better["no sum"]}}, "no softmax" in
# {{better["no softmax"]}}. The last is the easiest to notice: it falls fast, and rises on the way in
# {{rises["no softmax"]}} tasks. The five others rise in
# {{sum(rises[name] for name in wrong if name != "no softmax")}} of their {{TASKS * 5}} trainings together. And in life
# there is no dashed line to compare with: one sees a single curve, and it falls.
#
# ## Why the loss falls all the same
#
# Put all numbers of $q$, $k$ and $v$ into one long vector $x$. Let $a$ be the right gradient there, and $b$ what a
# backward pass returns. A step with a small learning rate $\eta$ changes the loss by its slope times the way that is
# gone:
#
# $$
# L(x - \eta\, b) \approx L(x) - \eta\, (a \cdot b)
# $$
#
# So the loss falls as long as $a \cdot b > 0$. The way against such a $b$ is called a [[descent direction]]. $b$ need
# not be the gradient; the angle between the two must be less than 90°, its cosine positive. Half of all directions are
# like that. At the start, for each pass, and for its three parts apart:


# %%
def dot(a, b):
    """Over all numbers of all arrays, for each task."""
    return sum((x * y).sum(axis=(-1, -2)) for x, y in zip(a, b, strict=True))


def cosine(a, b):
    return dot(a, b) / np.sqrt(dot(a, a) * dot(b, b))


error = attention(*start) - wanted
returned = {name: backward(error, *start) for name, backward in passes.items()}
right = returned["right"]
cosines = {
    name: [cosine(right[i : i + 1], b[i : i + 1]) for i in range(3)] + [cosine(right, b)]
    for name, b in returned.items()
    if name != "right"
}  # dq, dk, dv, all: an array (TASKS,) each
smallest = {name: parts[-1].min() for name, parts in cosines.items()}

# %% tags=["folded"]
title = "A step with any of these wrong gradients goes downhill"
drawing, axes = figure(title, columns=2, height=3.2, sharey=True)
panels = {"cosine, median of tasks": np.median, "cosine, smallest of tasks": np.min}
for axis, (name, pick) in zip(axes, panels.items(), strict=True):
    draw_matrix(axis, [[pick(part) for part in parts] for parts in cosines.values()], limit=1)
    axis.set(title=name, xlabel="part of the gradient")
    axis.set_xticks(range(4), ["dq", "dk", "dv", "all"])
axes[0].set_ylabel("backward pass")
axes[0].set_yticks(range(len(cosines)), list(cosines))
show(drawing)

# %% [markdown]
# One part alone may well lead uphill: without the transpose, $dk$ does so in
# {{(cosines["ds for dsᵀ"][1] < 0).sum()}} of {{TASKS}} tasks. But a mistake sits in one line, and the parts that do not
# come through that line are right. A part that is right has a cosine of 1 and pulls the whole over. The whole is never
# below {{min(smallest.values()):.2f}}.
#
# How far does that carry? Take it to the extreme. Let $dq$ and $dk$ be 0, so that attention learns nothing about where
# to look:

# %% tags=["rough"]
nothing = assemble(line_1=lambda ds, q, k: (np.zeros_like(q), np.zeros_like(k)))
passes["dv only"] = nothing
curves["dv only"] = train(nothing)
returned["dv only"] = nothing(error, *start)
first, last = np.median(curves["dv only"][[0, -1]], axis=1)
print(f"dv only: loss {first:.2f} to {last:.2f}, rises in {rising(curves['dv only'])} tasks")

# %% [markdown]
# It falls too, and smoothly. The loss tells that *something* is learned.
#
# ## What tells more: the fall that was promised
#
# If $b$ is the gradient, then $a \cdot b$ is $b \cdot b$, which can be computed without knowing $a$. The loss before
# the step and after it can be measured. So hold one against the other:
#
# $$
# \frac{L(x) - L(x - \eta\, b)}{\eta\, (b \cdot b)} \approx \frac{a \cdot b}{b \cdot b} \qquad
# \text{for } b = a: \quad 1
# $$


# %%
def kept(b, rate=1e-4):
    """The share of the promised fall that comes, for each task."""
    after = [x - rate * dx for x, dx in zip(start, b, strict=True)]
    return (loss(start) - loss(after)) / (rate * dot(b, b))


shares = {name: kept(b) for name, b in returned.items()}
for name, share in shares.items():
    print(f"{name:14} {share.min():.2f} to {share.max():.2f}")

# %% tags=["folded"]
drawing, axis = figure("A step with the right gradient keeps its promise", height=3.0)
for row, (name, share) in enumerate(shares.items()):
    colour = colours.get(name, "0.5")
    axis.plot(share, np.full(TASKS, row), "o", color=colour, alpha=0.6, markersize=6)
axis.axvline(1, color="0.4", linestyle="--", zorder=0)
axis.set(xlabel="fall of the loss / fall that was promised, a dot for each task", xlim=(0, 1.2))
axis.set(ylabel="backward pass", ylim=(len(shares) - 0.5, -0.5))
axis.set_yticks(range(len(shares)), list(shares))
show(drawing)

# %% [markdown]
# The right pass has all its dots on the line. "no 1/√d", which ended below it in {{better["no 1/√d"]}} tasks, keeps
# about {{np.median(shares["no 1/√d"]):.1f}} of what it promises, "no softmax"
# {{np.median(shares["no softmax"]):.1f}}. Here one does see it, from two losses, in the middle of a training. Three
# things must hold. Both losses are of the same batch. What is drawn at random, as in dropout, is the same for both. And
# the rate is small enough: with half of it the ratio stays.
#
# This is a measured slope as on [page 11](11_checking_gradients.md), but in one direction only, that of $b$ itself.
# Dots of wrong passes may lie near the line by chance: those of "diagonal only" go from
# {{shares["diagonal only"].min():.2f}} to {{shares["diagonal only"].max():.2f}}. And "dv only" has all of its dots on
# the line (question 3). The check measures every entry.
#
# ## A path forgotten
#
# Another kind of term is a path. In self-attention $q$, $k$ and $v$ are made of one $x$, which gets
# $dx = dq\, W_q^\top + dk\, W_k^\top + dv\, W_v^\top$ ([page 7](07_attention_backward.md)). Forget the middle one:


# %%
def self_attention(x, wq, wk, wv):
    return attention(x @ wq, x @ wk, x @ wv)


def one_path_forgotten(g, x, wq, wk, wv):
    dq, dk, dv = assemble()(g, x @ wq, x @ wk, x @ wv)
    dx = dq @ wq.mT + dv @ wv.mT
    return dx, *((x.mT @ by).sum(axis=0) for by in (dq, dk, dv))


x = rng.normal(size=(2, 5, 3))  # (B, T, D)
matrices = rng.normal(size=(3, 3, 4))  # Wq, Wk, Wv: (D, d) each
report = check_backward(self_attention, one_path_forgotten, [x, *matrices])
for argument in report.arguments:
    print(f"d{argument.name}: {'right' if argument.ok else 'wrong'}")
finding = report.findings[0]
print(f"{finding.kind}, {finding.sure}")
print(textwrap.indent(textwrap.fill(finding.told, 92), "    "))

# %% [markdown]
# (The line that the check names is one of the [script](12_forgotten_terms.py).)
#
# The gradients of the layer's own weights are right. If one trains this layer alone, nothing is wrong at all. Only what
# lies before it, the embedding and the blocks below, gets a $dx$ that lacks a part. So a mistake need not show where it
# is made, and a layer that learns well by itself is not thereby right.
#
# The answers below use two more functions:


# %%
def train_with_adam(backward, rate=0.01, eps=1e-8):
    """As train, with the steps of page 2."""
    arrays, losses = start, []
    means = squares = [0.0] * 3
    for step in range(1, STEPS + 1):
        losses.append(loss(arrays))
        b = backward(attention(*arrays) - wanted, *arrays)
        means = [0.9 * m + 0.1 * dx for m, dx in zip(means, b, strict=True)]
        squares = [0.999 * s + 0.001 * dx**2 for s, dx in zip(squares, b, strict=True)]
        fast, slow = 1 - 0.9**step, 1 - 0.999**step
        arrays = [
            x - rate * (m / fast) / (np.sqrt(s / slow) + eps)
            for x, m, s in zip(arrays, means, squares, strict=True)
        ]
    return np.array(losses)


def measured_along(u, h=1e-5):
    """The slope of the loss in a direction u, for each task."""
    up, down = ([x + way * by for x, by in zip(start, u, strict=True)] for way in (h, -h))
    return (loss(up) - loss(down)) / (2 * h)


u = [rng.normal(size=array.shape) for array in start]
slope = measured_along(u)
agree = {
    name: np.isclose(dot(b, u), slope, rtol=1e-6, atol=0).sum() for name, b in returned.items()
}
with_adam = {name: train_with_adam(passes[name]) for name in ("right", "no 1/√d")}
longer = np.median(np.sqrt(dot(returned["no sum"], returned["no sum"]) / dot(right, right)))
p, dp = weights(*start[:2]), error @ start[2].mT
uphill = ((softmax_backward(dp, p) * p * dp).sum(axis=-1) < 0).sum()

# %% [markdown] tags=["rough"]
# ## Questions
#
# 1. Why does "no sum" train at all? And does it really beat the right gradient?
#
# <details><summary>Answer</summary>
#
# What it adds to $ds_{ij}$ is $p_{ij}$ times the mean of $dp$ in the row. $dv$ does not come through that line and is
# right. And $p\, dp$ is mostly downhill by itself: with even weights, $p = 1/S$, its product with the right $ds$ is
# $\sum_j (dp_j - \overline{dp})^2 / S^2$, which is never negative ($\overline{dp}$ is the mean). With uneven weights it
# can be: $p = (0.9, 0.1)$ and $dp = (1, 2)$ give −{{0.9 * 0.1 * 0.9 * 1 - 0.1 * 0.9 * 0.1 * 2:.3f}}. At the
# start {{uphill}} of the {{TASKS * T}} rows are so.
#
# It does not beat the right one; its steps are longer. At the start its gradient is {{longer:.2f}} times as long
# (median). Give the right one a rate that is larger by that: its loss ends at
# {{np.median(train(passes["right"], RATE * longer)[-1]):.2f}}, and that of "no sum" was
# {{np.median(curves["no sum"][-1]):.2f}}. With five times the rate for both, the right one ends at
# {{np.median(train(passes["right"], 5 * RATE)[-1]):.2f}}, "no sum" at
# {{np.median(train(passes["no sum"], 5 * RATE)[-1]):.2f}}. A race at a rate that is too small says who takes long
# steps, not who knows the way.
#
# </details>
#
# 2. "no 1/√d" makes $dq$ and $dk$ twice as long, $d$ being 4. Why does that do so little harm? When does it harm, and
#    when does it make no difference at all?
#
# <details><summary>Answer</summary>
#
# $a \cdot b$ has the same terms as $a \cdot a$, some of them doubled. None can become negative, so it is always
# downhill, and $b$ is 0 only where $a$ is. It is as if $q$ and $k$ had a rate of their own, twice that of $v$. Harm
# comes when that rate is too large: at ten times the rate the loss rises on the way in
# {{rising(train(passes["no 1/√d"], 10 * RATE))}} tasks, with the right gradient in
# {{rising(train(passes["right"], 10 * RATE))}}.
#
# Adam ([page 2](02_optimizer.md)) divides each entry by the root of its mean square, and a constant factor is in both.
# There its curve is that of the right gradient: they end at {{np.median(with_adam["no 1/√d"][-1]):.4f}} and
# {{np.median(with_adam["right"][-1]):.4f}}. What is left of the factor is its share in $\epsilon$. (Clipping the length
# of the whole gradient would let it in again: $v$ then gets less.)
#
# </details>
#
# 3. A model's loss falls by just what $\eta\,(b \cdot b)$ promises. Which mistakes can its backward pass have all the
#    same? How would you find them, with two more forward passes?
#
# <details><summary>Answer</summary>
#
# All for which $a \cdot b = b \cdot b$, that is, $(a - b) \cdot b = 0$: what is missing stands at a right angle to what
# is there. It is so where one part of the gradient is 0 and the rest is right. That is "dv only", whose ratio is
# {{shares["dv only"].min():.3f}} to {{shares["dv only"].max():.3f}}.
#
# Go in a direction $u$ that is drawn at random, and not in that of $b$. Is $(L(x + h u) - L(x - h u)) / 2h$ equal to
# $b \cdot u$? With the right pass it is, to a millionth, in {{agree["right"]}} of {{TASKS}} tasks, with "dv only" in
# {{agree["dv only"]}}, with the six in {{sum(agree[name] for name in wrong)}} of {{len(wrong) * TASKS}}. A random $u$
# has a share of everything, so a wrong entry can hide only by chance. So does the check with arrays that are too
# large for an entry at a time.
#
# </details>
#
# ## The exercise
#
# Two models, each with one wrong backward pass. `minattn learn check bug_2`: it never learns where to look.
# `minattn learn check bug_3`: every op is right, and the whole is wrong. Run each file and look at its losses first.
# Would you have noticed? Then ask the check.
