# %% [markdown]
# # 11. Checking gradients
#
# *How do you know that a gradient is right?*
#
# You have written a backward pass. The loss falls, the shapes fit. How do you know that it is right? And when a check
# says that it is wrong, or that it is right, when may you believe it?
#
# The idea takes one line: move an input a little, see how much the output moves, compare. Everything else on this page
# is about what can go wrong with that line.

# %%
import textwrap

import numpy as np

from minattn.check import check_backward
from minattn.check.catalogue import catalogue
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.show.notebook import BLUE, GREEN, ORANGE, RED, figure, show

# %% [markdown]
# ## How small a step?
#
# The slope of $f$ at $x$ can be measured from one side, a [[one-sided difference]], or from both:
#
# $$
# \frac{f(x + h) - f(x)}{h} \qquad \frac{f(x + h) - f(x - h)}{2h}
# $$
#
# The second is the central difference of [page 0](00_one_weight.md). Take $f = \tanh$, whose slope is $1 - \tanh^2 x$,
# at $x = 1$:

# %% tags=["timed"]
true = 1 - np.tanh(1.0) ** 2
print(f"true slope {true:.6f}")
print("step h   one-sided   error    central    error")
for h in (1e-1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12):
    one = (np.tanh(1 + h) - np.tanh(1)) / h
    both = (np.tanh(1 + h) - np.tanh(1 - h)) / (2 * h)
    print(f"{h:.0e} {one:11.6f}   {abs(one - true):.0e}   {both:.6f}   {abs(both - true):.0e}")

# %% [markdown]
# Smaller is better only to a point. Two errors pull in opposite directions. The first is that a chord is not a tangent.
# Taylor's series, a sum of ever smaller terms that is known of many functions, says how far off it is (its proof is not
# needed here):
#
# $$
# \frac{f(x + h) - f(x)}{h} = f'(x) + \frac{h}{2} f''(x) + \dots \qquad
# \frac{f(x + h) - f(x - h)}{2h} = f'(x) + \frac{h^2}{6} f'''(x) + \dots
# $$
#
# From both sides the term with $f''$ cancels: ten times less $h$ is a hundred times less error. The second is rounding.
# A float64 holds $f$ to a relative $\varepsilon$ of {{np.finfo(np.float64).eps:.0e}}, a float32 to
# {{np.finfo(np.float32).eps:.0e}}. The difference of two nearly equal numbers keeps that error, and dividing by a small
# $h$ makes it large: $\varepsilon\,|f| / h$. Falling with $h$ and then rising again makes a V. The median error at 200
# points:


# %%
def errors(kind, dtype, steps, points=200):
    """The median error of the slope of tanh, for each step."""
    x = np.linspace(0.3, 1.5, points).astype(dtype)
    true = 1 - np.tanh(x.astype(np.float64)) ** 2
    found = []
    for h in steps.astype(dtype):
        left = x - h if kind == "central" else x
        slope = (np.tanh(x + h) - np.tanh(left)) / (2 * h if kind == "central" else h)
        found.append(np.median(np.abs(slope - true)))
    return np.array(found)


steps = 10.0 ** -np.arange(0, 13.5, 0.5)
curves = {
    (kind, dtype): errors(kind, dtype, steps[: 27 if dtype is np.float64 else 15])
    for kind in ("one-sided", "central")
    for dtype in (np.float64, np.float32)
}

# %% tags=["folded"]
drawing, axis = figure("The error of a measured slope is a V", height=3.6)
for (kind, dtype), found in curves.items():
    colour = BLUE if kind == "central" else ORANGE
    style = "o-" if dtype is np.float64 else "s--"
    label = f"{kind}, {dtype.__name__}"
    axis.loglog(steps[: len(found)], found, style, color=colour, markersize=4, label=label)
axis.set(xlabel="step h", ylabel="median error", ylim=(1e-13, 1e3))
axis.invert_xaxis()
axis.legend(frameon=False, ncols=2, loc="upper center", fontsize=9)
show(drawing)

# %% [markdown] tags=["rough"]
# The sides of the V are straight because both axes are logarithmic. The bottom lies where both errors are equal: at
# about $\sqrt\varepsilon$ from one side, at $\sqrt[3]\varepsilon$ from both.

# %% tags=["rough"]
print("                    best step  √ε or ∛ε   least error")
for (kind, dtype), found in curves.items():
    eps = np.finfo(dtype).eps
    expected = eps ** (1 / 3 if kind == "central" else 1 / 2)
    best = found.argmin()
    print(f"{kind:9} {dtype.__name__}   {steps[best]:.0e} {expected:10.0e} {found[best]:12.0e}")

# %% [markdown] tags=["rough"]
# So: central, float64, $h$ about $10^{-5}$ times the size of $x$. In float32 the best is a median error of
# {{curves["central", np.float32].min():.0e}}, and no step mends that. Training may run in float32; a check should not.
#
# **The [[complex step]].** Where $f$ takes complex numbers, there is a way without any difference:
# $f(x + ih) = f(x) + ih f'(x) - \dots$, so the slope is the imaginary part divided by $h$. Nothing is subtracted, and
# $h$ can be so small that the next terms vanish. But $f$ must be made of plain formulas: `abs` throws the imaginary
# part away and gives 0.

# %%
h = 1e-30
print(f"tanh: error below 1e-15: {abs(np.tanh(1 + 1j * h).imag / h - true) < 1e-15}")
print("abs:  slope", np.abs(1 + 1j * h).imag / h)

# %% [markdown]
# `minattn.check` takes the complex step where it agrees with differences, and else differences at three steps, from
# which it reckons what would come out at a step of 0.
#
# ## From a number to an array
#
# An op turns an array into an array. The upstream $g$, the gradient of some loss with respect to the output, makes one
# number of it: $L = \sum g\,f(x)$. Each entry of $x$ is moved in turn; what backward returns for $g$ must be those
# slopes.


# %%
def slopes(f, x, g, h=1e-5):
    """The gradient of Σ g f(x) with respect to each entry of x, measured."""
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        found[i] = (g * (f(up) - f(down))).sum() / (2 * h)
    return found


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(g, x):
    p = softmax(x)
    return p * (g - (g * p).sum(axis=-1, keepdims=True))


rng = np.random.default_rng(0)
x, g = rng.normal(size=(2, 3, 3))
error = np.abs(softmax_backward(g, x) - slopes(softmax, x, g)).max()
print(f"largest error below 1e-9: {error < 1e-9}")
model = ReconstructionModel(ReconstructionConfig(vocab_size=2000), generator=rng)
parameters = sum(parameter.data.size for parameter in model.parameters())

# %% [markdown]
# This is for small arrays. Two forward passes an entry would be {{2 * parameters:,}} for a small model. Instead one can
# move all entries at once, in a random direction, and compare a single number. The check does so with large arrays:

# %%
large = rng.normal(size=(100, 50))
report = check_backward(softmax, softmax_backward, [large])
print(f"{report.verdict}: {large.size:,} entries, {report.arguments[0].checked}")

# %% [markdown]
# ## What an upstream of ones hides
#
# Which $g$? The nearest choice is ones, that is, to check the sum of the outputs. Four wrong backward passes, with ones
# and with random numbers:


# %%
def layer_norm(x, gamma, beta):
    c = x - x.mean(axis=-1, keepdims=True)
    return gamma * c / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5) + beta


def normalise(x):
    return layer_norm(x, 1.0, 0.0)


w = rng.normal(size=(3, 3))
cases = {
    "softmax: zeros": (softmax, lambda g, x: 0 * x),
    "normalise: zeros": (normalise, lambda g, x: 0 * x),
    "tanh: g forgotten": (np.tanh, lambda g, x: 1 - np.tanh(x) ** 2),
    "x w: gᵀ for g": (lambda x: x @ w, lambda g, x: g.T @ w.T),
}
print("                   error with ones  error with random g  minattn.check")
for name, (forward, wrong) in cases.items():
    gap = [
        np.abs(wrong(u, x) - slopes(forward, x, u)).max().round(6) for u in (np.ones_like(g), g)
    ]
    finding = check_backward(forward, wrong, [x]).findings[0]
    print(f"{name:18} {gap[0]:15.2f} {gap[1]:20.2f}  {finding.kind}")

# %% [markdown]
# With ones all four pass. Softmax gives rows that add up to 1, whatever $x$ is; their sum has the slope 0, and a
# backward pass that returns zeros agrees with it. Normalised rows add up to 0. A forgotten $g$ does not show where $g$
# is 1, and ones are their own transpose.
#
# **Draw the upstream at random.** The same goes for inputs: square matrices hide transposes, equal tokens hide mixed-up
# rows, and a gain $\gamma$ that is still 1 hides that it was forgotten:


# %%
def layer_norm_backward(g, x, gamma, beta, sign=-1):
    c = x - x.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5)
    n, dn = c * r, g * gamma
    last = n * (dn * n).mean(axis=-1, keepdims=True)
    dx = r * (dn - dn.mean(axis=-1, keepdims=True) + sign * last)
    return dx, (g * n).sum(axis=0), g.sum(axis=0)


def gain_forgotten(g, x, gamma, beta):
    return layer_norm_backward(g, x, np.ones_like(gamma), beta)


x, g = rng.normal(size=(2, 5, 4))
for gamma in (np.ones(4), rng.normal(size=4)):
    measured = slopes(lambda x, gamma=gamma: layer_norm(x, gamma, 0), x, g)
    error = np.abs(gain_forgotten(g, x, gamma, 0)[0] - measured).max()
    print(f"γ = {gamma.round(1)}: error {error.round(6):.2f}")
print(check_backward(layer_norm, gain_forgotten, [x, np.ones(4), np.zeros(4)]).findings[0].kind)

# %% [markdown]
# The check was given the gain of ones, as it is before training. It looks at a second point of its own, where nothing
# has its initial value.
#
# ## Kinks
#
# ReLU, $\max(x, 0)$, has slope 0 on the left of 0 and 1 on the right. At 0 it has none, but a [[kink]]. A difference
# does not know that: where the step reaches over the kink it gives something in between, at 0 itself a half.


# %%
def relu(x):
    return np.maximum(x, 0)


at = np.array([-2e-5, -5e-6, 0.0, 5e-6, 2e-5])
print("x:       ", at)
print("measured:", slopes(relu, at, np.ones(5)).round(2), "with h = 1e-5")

x = np.array([-1.0, 0.0, 2.0])
for slope in (0.0, 0.5, 1.0, 2.0):
    report = check_backward(relu, lambda g, x, s=slope: g * np.where(x == 0, s, x > 0), [x])
    print(f"slope {slope} at 0: {report.verdict}")

# %% [markdown]
# A plain check accuses a ReLU that sends 0, or 1, at 0. Exact zeros are common: padding, fresh biases, what dropout has
# put out. Every slope between that on the left and that on the right is right there, and `minattn.check` takes it so.
#
# ## Dropout
#
# Dropout sets a random half of its input to 0 and doubles the rest. If each call draws a new mask, forward is not a
# function: two calls differ even with $h = 0$. The difference of two masks is divided by $2h$.

# %%
masks = np.random.default_rng(1)
drawn = {}


def dropout(x):
    drawn["mask"] = masks.random(x.shape) < 0.5
    return 2 * x * drawn["mask"]


def dropout_backward(g, x):
    return 2 * g * drawn["mask"]


def redrawn(g, x):
    return 2 * g * (masks.random(x.shape) < 0.5)


x, g = rng.normal(size=(2, 40))
steps = 10.0 ** -np.arange(1, 9)
dropout(x)
claimed = dropout_backward(g, x)
far = [np.median(np.abs(slopes(dropout, x, g, h) - claimed)) for h in steps]

print("the mask of forward:", check_backward(dropout, dropout_backward, [x]).verdict)
report = check_backward(dropout, redrawn, [x])
print("a new mask:         ", report.findings[0].kind)
print(textwrap.fill(report.findings[0].next, 90))

# %% tags=["folded"]
drawing, (left, right) = figure("What differences make of a kink, and of new masks", columns=2)
near = np.linspace(-3, 3, 121)
ramp = slopes(relu, near, np.ones(121), h=1.0)
left.plot(near, near > 0, color=GREEN, linewidth=5, alpha=0.4, label="slope of ReLU")
left.plot(near, ramp, color=BLUE, label="measured")
left.set(title="ReLU", xlabel="x, in steps h", ylabel="slope", ylim=(-0.1, 1.5))
left.legend(frameon=False, loc="upper left")
right.loglog(steps, far, "o-", color=RED)
right.set(title="Dropout, a new mask each call", xlabel="step h", ylabel="median error")
right.invert_xaxis()
show(drawing)

# %% [markdown]
# There is no V: the smaller the step, the worse. The remedy is common random numbers. Either the mask is drawn
# outside and is an input of the op, as in [the engine's](../minattn/ops/activations.py), or the generator is put back
# before each call, as the check does with every generator that it can find. And a backward pass must use the mask of
# forward; this mistake is found as well.
#
# ## How close is close enough?
#
# An error needs a unit. An absolute one says nothing: a mean over $N$ tokens makes all of the gradient $N$ times
# smaller. The size of each entry is none either: some are nearly 0, where a difference sees only rounding. What is
# left is the largest entry. How large a share of it may the error be? Here are the ways to get layer norm wrong that
# the check knows, and the right one in both precisions:

# %% tags=["folded"]
inputs = [rng.normal(size=(5, 4)), rng.normal(size=4), rng.normal(size=4)]
g = rng.normal(size=(5, 4))


def shares(backward, dtype=np.float64, h=1e-5):
    """The largest error over all inputs, as a share of that gradient's largest entry."""
    arrays, up, worst = [x.astype(dtype) for x in inputs], g.astype(dtype), 0.0
    for i, gradient in enumerate(backward(up, *arrays)):

        def of_one(x, i=i):
            return layer_norm(*arrays[:i], x, *arrays[i + 1 :])

        true = slopes(of_one, arrays[i], up, dtype(h))
        if gradient.shape != true.shape:
            return None  # no numbers are needed to see that
        worst = max(worst, np.abs(gradient - true).max() / np.abs(true).max())
    return worst


found = {"right": shares(layer_norm_backward)}
found["right, in float32"] = shares(layer_norm_backward, np.float32, 3e-3)
for mistake in catalogue["LayerNorm"]:
    if share := shares(mistake.backward):
        found[mistake.name.removeprefix("layer_norm_").replace("_", " ")] = share

ordered = sorted(found, key=found.get)
drawing, axis = figure("Right and wrong are far apart, in float64", height=4.8)
for row, name in enumerate(ordered):
    colour = GREEN if name.startswith("right") else RED
    axis.semilogx(found[name], row, "o", color=colour)
axis.axvline(1e-7, color="0.4", linestyle="--")
axis.set_yticks(range(len(ordered)), ordered)
axis.set(
    xlabel="largest error, as a share of the largest entry",
    ylabel="backward pass",
    xlim=(1e-12, 30),
)
show(drawing)

# %% [markdown] tags=["timed"]
# Between right and wrong lies empty space, in which a [[tolerance]] belongs: the dashed line. The smallest error of a
# wrong pass is {{found["eps forgotten"]:.0e}}, where backward forgets the $10^{-5}$ that forward adds to the variance.
# In float32 the slopes themselves are off by {{found["right, in float32"]:.0e}}, about as much: there is no room.
#
# ## A report, line by line
#
# A backward pass of layer norm in which one sign is wrong: the last term of `dx` belongs subtracted.


# %%
def one_sign_wrong(g, x, gamma, beta):
    return layer_norm_backward(g, x, gamma, beta, sign=+1)


report = check_backward(layer_norm, one_sign_wrong, inputs, like="layer_norm")
print(report)

# %% [markdown]
# From the top:
#
# - The verdict, and how many findings there are.
# - A row for each input. `error`: the largest, as a share of the largest true entry. `allowed`: the tolerance, from
#   what the measuring itself may be off. `checked`: every entry, at the inputs that were given and at a second point,
#   by complex step. $d\gamma$ and $d\beta$ are right, which narrows the search to one line.
# - A finding: the input, the kind of mistake ([what each means](kinds/README.md)), and how sure it is. `exactly` means:
#   the numbers that came are those that this mistake gives, to rounding, at each point. `probably`: merely what
#   looks like it.
# - What the code does and what belongs there. Then the worst entry, what came and what is right.
# - Where to look.
#
# Without `like` the check does not know that this is layer norm, and looks for what can be seen in the numbers alone:

# %%
for finding in check_backward(layer_norm, one_sign_wrong, inputs).findings:
    print(finding.argument, finding.kind, finding.sure)
    print(textwrap.fill(finding.told, 90))

# %% [markdown]
# The same mistake, found in the code instead of by its name: there a plus stands where a minus belongs.

# %% tags=["folded"]
drawing, axis = figure("A wrong gradient stays wrong, however small the step", height=3.2)
good = check_backward(layer_norm, layer_norm_backward, inputs)
for which, colour, label in ((report, RED, "one sign wrong"), (good, GREEN, "right")):
    curve = which.curve("x")
    axis.loglog(curve.steps, np.maximum(curve.errors, 1e-17), "o-", color=colour, label=label)
axis.set(xlabel="step, as a share of the entries", ylabel="error of dx", ylim=(1e-13, 30))
axis.invert_xaxis()
axis.legend(frameon=False)
show(drawing)

# %% [markdown]
# The curve (`report.curve("x")`; `minattn check FILE.py --curve` prints it) is the last word where a tolerance is in
# doubt. A right gradient has the V of the first figure. A wrong one is as far off with small steps as with large ones.
#
# ## Questions
#
# 1. `check_backward` says "right", and the model does not learn. What can be wrong nonetheless?
#
# <details><summary>Answer</summary>
#
# Forward. The check asks whether backward is the slope of *this* forward, not whether forward is what you meant. A
# softmax along the wrong axis, with a backward along the same axis:
# {{check_backward(lambda x: softmax(x.T).T, lambda g, x: softmax_backward(g.T, x.T).T, [inputs[0]]).verdict}}.
#
# </details>
#
# 2. $y = \max(a, b)$, and $a = b$. Backward gives $g$ to both. Each input by itself: is it right? And both together?
#
# <details><summary>Answer</summary>
#
# For $a$ alone any slope between 0 and 1 is right, so $g$ is; for $b$ as well. But move both by the same amount, and
# $y$ moves by that amount once, where the gradients say twice. The check's word for it:
# {{check_backward(np.maximum, lambda g, a, b: (g * (a >= b), g * (b >= a)), [inputs[0]] * 2).findings[0].kind}}.
#
# </details>
#
# 3. A loss is a sum over a million tokens, about 1e7, and you measure a slope of about 1. How many digits can a central
#    difference with $h = 10^{-5}$ have? What would you change, the step?
#
# <details><summary>Answer</summary>
#
# Rounding is $\varepsilon\,|f| / h$, about {{np.finfo(float).eps * 1e7 / 1e-5:.0e}}: three or four digits. A larger
# step helps until the chord's error takes over. Better is a smaller $|f|$: check a few tokens, or subtract token by
# token and sum afterwards, as `slopes` does with an output that is not summed yet.
#
# </details>
#
# ## The exercise
#
# `minattn learn check bug_1`: four backward passes, one of them wrong, in a network that learns all the same. The check
# finds it, if you give it inputs that hide nothing. `layer_norm` is the backward pass of this page, in
# the form with three terms of [page 8](08_block.md).
