# %% [markdown]
# # 0. One weight
#
# *What is a gradient, what is a step against it, and what does "upstream" mean?*
#
# Everything that follows is done to millions of numbers. Here it is done to one. Take a machine that multiplies what
# goes in by a number $w$, and find the $w$ with which 3 becomes 6. You know the answer. Pretend that you do not, and
# let the machine find it in a way that also works where nobody knows.
#
# (`minattn`, which is imported here and there, is the package that this course belongs to; its own computations are
# called the engine. What is derived by hand on a page is held against it. The course follows a section of a textbook,
# on training a model that restores text, which the pages call the source text.)

# %%
import numpy as np

from minattn.show.notebook import BLUE, GREEN, ORANGE, RED, draw_matrix, figure, show

x, wanted = 3.0, 6.0


def loss(w):
    y = w * x  # what comes out
    e = y - wanted  # how far that is off
    return e**2


for w in (0.0, 1.0, 2.0, 3.0):
    print(f"w = {w}: {x} becomes {w * x}, which should be {wanted}: loss {loss(w)}")

# %% [markdown]
# The [[loss]] says how wrong a result is, as one number: 0 for a perfect one, more for a worse one. $w$ is a
# [[parameter]]: a number of the machine that may be changed to make the loss small. (Parameters that something is
# multiplied by are called weights.) What is given, here 3 and 6, is not changed. A machine with parameters is called a
# [[model]], and finding good ones is [[training]] it.
#
# ## The slope
#
# Start at $w = 1$. Should $w$ grow or shrink? Try it: move $w$ a little, by $h$, to both sides, and see what the loss
# does. Its change for each unit of $w$ is the [[slope]], as school calculus defines it.


# %%
def measured_slope(f, at, h=1e-5):
    return (f(at + h) - f(at - h)) / (2 * h)


w = 1.0
print(f"measured: {measured_slope(loss, w):.4f}")
print(f"derived:  {2 * (w * x - wanted) * x:.4f}")

# %% [markdown]
# Measured like this, from both sides, it is a [[central difference]]. The second line is the derivative: with
# $L = (w x - 6)^2$ it is $2 (w x - 6)\, x$. Both say −{{abs(2 * (w * x - wanted) * x):.0f}}: where $w$ grows by 0.01,
# the loss falls by about 0.18. Measuring needs no derivation, so it can check one.
# But it runs the machine twice for each parameter. With a million parameters that is two million runs for one step.
# The derivation gives all slopes at once, as we shall see, and that is why anybody takes the trouble.
#
# ## A step
#
# To make the loss smaller, go against the slope. How far? The slope times a small number, the [[learning rate]]
# $\eta$:
#
# $$
# w \leftarrow w - \eta \frac{dL}{dw}
# $$
#
# This is [[gradient descent]]. It is all of the learning there is; everything else says how to get $dL/dw$, and what to
# do with it.


# %%
def descend(rate, steps=12, w=1.0):
    path = [w]
    for _ in range(steps):
        w = w - rate * 2 * (w * x - wanted) * x
        path.append(w)
    return np.array(path)


rates = (0.01, 0.05, 0.105, 0.115)
for rate in rates:
    path = descend(rate)
    told = ", ".join(f"{w:.2f}" for w in path[:5])
    print(f"rate {rate:5}: w = {told}, …, {path[-1]:8.2f}   loss {loss(path[-1]):9.4f}")

# %% tags=["folded"]
drawing, (left, right) = figure("The slope says which way, the rate how far", columns=2)
line = np.linspace(0, 4, 101)
left.plot(line, loss(line), color=BLUE, linewidth=2, label="loss")
left.plot(
    line[:60], loss(1) - 18 * (line[:60] - 1), "--", color=ORANGE, label="slope at 1: −18"
)
left.plot(1, loss(1), "o", color=ORANGE)
left.annotate("", (1.36, loss(1.36)), (1, 9), arrowprops={"arrowstyle": "-|>", "color": RED})
left.text(1.45, 7.5, "a step", color=RED)
left.set(title="Loss", xlabel="w", ylabel="loss", ylim=(-4, 48))
left.legend(frameon=False, loc="upper right")
for rate, colour, style in zip(
    rates, (BLUE, GREEN, ORANGE, RED), ("-", "-", "--", ":"), strict=True
):
    right.plot(
        descend(rate), style, marker="o", markersize=3, color=colour, label=f"rate {rate}"
    )
right.set(title="Twelve steps", xlabel="step", ylabel="w", ylim=(-3.2, 5))
right.legend(frameon=False, ncols=2, loc="lower left", fontsize=9)
show(drawing)

# %% [markdown]
# A small rate creeps, a good one is there in a few steps, a larger one jumps from side to side, and beyond
# $1/9$ every jump is longer than the last. ([Page 2](02_optimizer.md) says why $1/9$.) Each slope holds only nearby.
#
# ## The chain rule, on three lines
#
# The machine is three lines. Give each result a name:
#
# $$
# y = w x \qquad e = y - 6 \qquad L = e^2
# $$
#
# Each line has a slope of its own, which one sees without looking at the others: $L$ changes by $2e$ for each unit of
# $e$; $e$ by 1 for each unit of $y$; $y$ by $x$ for each unit of $w$. The [[chain rule]] multiplies them. Go through
# the lines **backward**, from the last to the first:
#
# $$
# \frac{dL}{de} = 2e \qquad \frac{dL}{dy} = \frac{dL}{de} \cdot 1 \qquad \frac{dL}{dw} = \frac{dL}{dy} \cdot x
# $$
#
# Look at what each line needs. It is **given** the slope of the loss by its own result, and from that it makes the
# slope of the loss by its input. What is given is called the [[upstream gradient]], or $g$ for short: it comes from
# behind, from all that happens to the result later, in one number. A line that knows its $g$ needs to know nothing else
# of the machine.


# %%
def forward(w, x):
    y = w * x
    e = y - wanted
    return y, e, e**2


def backward(w, x, e):
    de = 2 * e  # L = e²        the slope of L by e, and so on
    dy = de * 1  # e = y - 6    its upstream is de
    dw = dy * x  # y = w x      its upstream is dy
    dx = dy * w  # y = w x      the other input has a slope, too
    return dw, dx


y, e, L = forward(1.0, x)
dw, dx = backward(1.0, x, e)
print(f"forward:  y = {y}, e = {e}, L = {L}")
print(f"backward: dw = {dw}, measured {measured_slope(lambda w: forward(w, x)[2], 1.0):.4f}")
print(f"          dx = {dx}, measured {measured_slope(lambda x: forward(1.0, x)[2], 3.0):.4f}")

# %% [markdown]
# In code and in formulas we write `dw`, or $dw$, for $dL/dw$: the slope of the loss by $w$. Nobody wants to change $x$
# here. But if $x$ were the result of an earlier line, $dx$ would be that line's upstream gradient, and the way back
# would go on.
#
# ## Many numbers: shapes and axes
#
# Now four examples at once, of two inputs each, and two weights and a number that is added, the [[bias]] $b$. Numbers
# stand in arrays. An array has a [[shape]]: $X$ is (4, 2), four rows of two. Its [[axis|axes]] are counted from 0:
# along axis 0 one goes from example to example, along axis 1, which is also the last, −1, from input to input.
#
# $$
# y_n = \sum_i X_{ni}\, w_i + b \qquad e_n = y_n - t_n \qquad L = \frac{1}{N} \sum_n e_n^2
# $$
#
# $t$ are the four results that are wanted. The loss is the mean over the $N = 4$ examples, so that it does not depend
# on how many there are.

# %%
rng = np.random.default_rng(0)  # a seed: the same one gives the same random numbers
X = rng.normal(size=(4, 2)).round(1)  # (N, I): N examples, I inputs
t = X @ np.array([2.0, -1.0]) + 0.5  # (N,): made with weights that are to be found
w, b = np.zeros(2), 0.0
y = X @ w + b  # (N, I) (I,) -> (N,)
e = y - t
L = (e**2).mean()
print("shapes: X", X.shape, " w", w.shape, " y", y.shape, " e", e.shape, " L", L.shape)

# %% [markdown]
# `X @ w` is the sum over $i$. `+ b` adds one number to all four: NumPy repeats $b$ along the axis that it lacks, which
# is called [[broadcasting]]. Both make a number be used in several places. Backward, line by line:
#
# - $L = \frac{1}{N} \sum_n e_n^2$. Each $e_n$ has a slope of its own: $de_n = 2 e_n / N$.
# - $e = y - t$: $dy = de$.
# - $y_n = \sum_i X_{ni} w_i + b$. One weight, $w_i$, is used in **all** $y_n$, in each with the factor $X_{ni}$.
#   Move it a little, and all of them move; the changes of the loss add up:
#
# $$
# dw_i = \sum_n dy_n\, X_{ni} \qquad dw = X^\top dy \qquad db = \sum_n dy_n
# $$
#
# **What is used in several places gets a sum of as many slopes.** Remember this sentence; it is most of what goes wrong
# in backward passes.
#
# Where several results are made of the same inputs, $w$ becomes a matrix $W$ (I, O) with a column for each, and
# $Y = X W$ is (N, O). Each column is a sum like the one above, so $dW = X^\top dY$. And $X_{ni}$ is used in all O
# results of its row, with the factors $W_{io}$: $dX_{ni} = \sum_o dY_{no} W_{io}$, that is $dX = dY\, W^\top$.

# %%
de = 2 * e / len(e)  # (N,)
dy = de
dw, db = X.T @ dy, dy.sum()  # (I, N) (N,) -> (I,)


def loss_of(w, b):
    return ((X @ w + b - t) ** 2).mean()


for i in range(2):
    unit = np.eye(2)[i]  # moves weight i alone
    slope = measured_slope(lambda s, unit=unit: loss_of(w + s * unit, b), 0.0)
    print(f"dw[{i}] = {dw[i]:.4f}, measured {slope:.4f}")
print(f"db    = {db:.4f}, measured {measured_slope(lambda b: loss_of(w, b), 0.0):.4f}")

# %% [markdown]
# ($X^\top$, the transpose, is $X$ with rows and columns exchanged.) All slopes of a parameter together are its
# [[gradient]]. It has the shape of the parameter: a slope for each number. The slope by one number while all others
# stand still is also written with a round d, $\partial L / \partial w_i$.
# And each line of the program gave all of its slopes in one go, however many there are. That is the bargain: one pass
# forward, one backward, which costs about twice the forward one, and a slope for every parameter.
#
# Where there are many examples, one takes a few of them for each step, a [[batch]]. Its gradient is nearly that of all
# of them, and much cheaper. Once through all examples is an [[epoch]]. Here 120 examples, in batches of 8:

# %%
many = rng.normal(size=(120, 2))
results = many @ np.array([2.0, -1.0]) + 0.5 + rng.normal(0, 0.1, 120)  # and a little noise
w, b, losses = np.zeros(2), 0.0, []
for epoch in range(3):
    for batch in rng.permutation(120).reshape(15, 8):  # 15 batches of 8, in a random order
        e = many[batch] @ w + b - results[batch]
        de = 2 * e / len(e)
        w, b = w - 0.1 * many[batch].T @ de, b - 0.1 * de.sum()
        losses.append((e**2).mean())
    print(f"after epoch {epoch + 1}, {len(losses)} steps: w = {w.round(2)}, b = {b:.2f}")

# %% [markdown]
# To know whether a machine has learned the rule or its examples by heart, some examples are kept away from it, and the
# loss is measured on these. They are called [[held-out]].
#
# ## Choosing instead of computing
#
# A model of text must choose: which of some words stands here? It gives each of them a score, any number, which is
# called a [[logit]]. The more, the likelier. To make probabilities of the logits $z$, which are positive and add up to
# 1, take exponentials and divide by their sum. That is [[softmax]]:
#
# $$
# p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}
# $$
#
# And the loss? If the right word has the probability $p$, it is the [[surprise]] $-\ln p$: 0 where the model was sure
# of it, large where it thought it impossible. Its unit is the [[nat]], named after the natural logarithm. The mean of
# it over many places is called [[cross-entropy]].

# %%
words = ["dog", "cat", "runs"]
z = np.array([1.0, 2.0, -1.0])  # the logits
right = 0  # "dog" is right


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


def surprise(z):
    return -np.log(softmax(z)[right])


p = softmax(z)
slopes = [measured_slope(lambda s, i=i: surprise(z + s * np.eye(3)[i]), 0.0) for i in range(3)]
for i, word in enumerate(words):
    print(f"{word:5} logit {z[i]:4.1f}   p = {p[i]:.3f}   slope of the loss {slopes[i]:7.3f}")
print(f"loss {surprise(z):.3f}")

# %% [markdown]
# Compare the last two columns: at the wrong words the slope is $p$, at the right one it is $p - 1$. The logit of "dog"
# should rise, the others should fall, the more the likelier they were thought. [Page 10](10_cross_entropy.md) derives
# it; until then it is enough to have seen it measured.
#
# ## Leaving places out
#
# Sometimes a place must not count: a sentence is shorter than the array that holds it, or a word may not be looked at.
# A [[mask]] is an array of True and False that says which places count. In a mean, the others have no share in the sum,
# nor in the number that divides it, and so no slope:

# %%
each = np.array([0.2, 1.5, 0.7, 9.9])  # four losses; the last is of a place that does not exist
mask = np.array([True, True, True, False])
print(f"mean {each[mask].mean():.2f}; slope by each {(mask / mask.sum()).round(3)}")

# %% tags=["folded"]
drawing, (left, right) = figure(
    "Batches: a noisy way down; choosing: the right one up", columns=2
)
left.semilogy(losses, ".-", color=BLUE)
for end in (15, 30):
    left.axvline(end - 0.5, color="0.6", linestyle="--")
left.set(title="Three epochs of 15 batches", xlabel="step", ylabel="loss of the batch")
draw_matrix(right, np.array([p, np.eye(3)[0], p - np.eye(3)[0]]), limit=1.0)
right.set(title="p, what is so, and the slope", xlabel="word")
right.set_xticks(range(3), words)
right.set_yticks(range(3), ["p", "right", "slope"])
right.set_ylabel("row")
show(drawing)

# %% [markdown]
# What is left is to do the same for the pieces of a transformer, which is the kind of model that this course builds,
# one line at a time: each piece has some lines forward, and the same lines backward, from the last to the first.
#
# ## Questions
#
# 1. At some $w$ the slope of the loss is 0. What does a step do there, and is the loss as small as it can be?
#
# <details><summary>Answer</summary>
#
# Nothing: the step is the rate times 0. The loss need not be the smallest. It could be a valley that is not the
# deepest, or the top of a hill, or a plain. For $y = w x$ and a squared error there is only the one valley.
#
# </details>
#
# 2. The machine is $y = w \cdot w \cdot x$, with the same weight used twice. What is $dw$ at $w = 1$, $x = 3$, if 6 is
#    wanted?
#
# <details><summary>Answer</summary>
#
# $dy = 2 (3 - 6) = -6$. The first use of $w$ gets $dy \cdot w x$, the second too, and they add up:
# $-18 - 18 = {{measured_slope(lambda w: (w * w * 3.0 - 6.0) ** 2, 1.0):.0f}}$, as measured. It is also what
# $d(w^2)/dw = 2w$ says.
#
# </details>
#
# 3. Three logits are 1, 2 and −1. Add 10 to all of them. What happens to the probabilities, to the loss, and to the sum
#    of the three slopes?
#
# <details><summary>Answer</summary>
#
# To the first two nothing: $e^{10}$ is a factor of every exponential, and of their sum. The slopes are
# $p - 1$ at the right word and $p$ at the others, so they add up to {{abs(sum(slopes)):.0f}} before and after: to raise
# all logits together changes nothing.
#
# </details>
#
# ## The exercise
#
# `minattn learn init course && cd course` writes the exercises as files. `minattn learn check matmul` checks the one of
# this page: $y = X W$ with a matrix of weights, of which you write $dX$ and $dW$. Every word and letter that the course
# introduces stands in the [glossary](glossary.md).
