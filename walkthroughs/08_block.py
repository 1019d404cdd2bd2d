# %% [markdown]
# # 8. The rest of the block
#
# *What stands around attention, and how does the gradient pass through it?*
#
# Attention ([page 6](06_attention_forward.md)) only mixes: what a token gets is a mean of values. Around it stand four
# plain pieces that do the rest: products with matrices, a norm, a small network for each token by itself, and paths
# that lead past all of it. Together they are a block, and a model is a stack of blocks. This page derives each piece as
# page 7 did attention, and at the end goes backward through the whole block by hand.

# %%
import math

import numpy as np

from minattn import Tensor
from minattn.check import check_backward
from minattn.nn import EncoderBlock
from minattn.ops import GELU, Add, Dropout, LayerNorm, Linear, ReLU
from minattn.show.notebook import BLUE, GREEN, ORANGE, RED, draw_matrix, figure, show

rng = np.random.default_rng(0)
B, T, D, F = 2, 3, 4, 6  # sentences, tokens, width, width inside the feed-forward layer


def verdict(forward, backward, *inputs):
    """Compares a backward pass with measured slopes, for a random upstream gradient."""
    return check_backward(forward, backward, inputs).verdict


def same_as(op, inputs, g, *gradients):
    """Whether an op of the engine gives these gradients."""
    op.forward(*inputs)
    found = op.backward(g)
    found = found if isinstance(found, tuple) else (found,)
    return all(
        np.allclose(a, b, rtol=0, atol=1e-13) for a, b in zip(found, gradients, strict=False)
    )


# %% [markdown]
# ## Linear
#
# The [[linear layer]] multiplies each vector by a matrix and adds a bias. The matrix $W$ is (O, I): one row for each of
# the O numbers that come out, with the I factors for what goes in.
#
# $$
# y_{no} = \sum_i x_{ni} W_{oi} + b_o \qquad y = x W^\top + b
# $$
#
# $n$ counts all tokens of all sentences. Each number $x_{ni}$ goes into all $y_{no}$ of its own token; each weight
# $W_{oi}$ is used once by every token, and so is each bias. What is used in several places gets a sum:
#
# $$
# dx_{ni} = \sum_o g_{no} W_{oi} \qquad dW_{oi} = \sum_n g_{no}\, x_{ni} \qquad db_o = \sum_n g_{no}
# $$
#
# As products: $dx = g W$, $dW = g^\top x$. Shapes leave no other choice: (n, O) (O, I) and (O, n) (n, I).


# %%
def rows(x):  # (B, T, D) -> (B T, D): all tokens below each other
    return x.reshape(-1, x.shape[-1])


def linear(x, W, b):
    return x @ W.T + b


def linear_backward(g, x, W, b):
    return g @ W, rows(g).T @ rows(x), rows(g).sum(axis=0)


x, W, b = rng.normal(size=(B, T, D)), rng.normal(size=(F, D)), rng.normal(size=F)
g = rng.normal(size=(B, T, F))
print("linear:", verdict(linear, linear_backward, x, W, b))
print(
    "the engine's op, the same:", same_as(Linear(), (x, W, b), g, *linear_backward(g, x, W, b))
)

# %% [markdown]
# ## Layer norm
#
# Where many layers follow each other, numbers may grow or shrink from one to the next. The [[layer norm]] stops that:
# of each token's vector it takes the mean away and divides by the usual distance from the mean, so that it has mean 0
# and variance 1. Then a learned gain $\gamma$ and shift
# $\beta$, a number of each for each dimension, may undo some of it. Four lines, for one token:
#
# $$
# c = x - \tfrac{1}{D} \textstyle\sum_j x_j \qquad
# r = \Big( \tfrac{1}{D} \textstyle\sum_j c_j^2 + \varepsilon \Big)^{-1/2} \qquad n = c\, r \qquad y = \gamma n + \beta
# $$
#
# $\varepsilon = 10^{-5}$ keeps $r$ finite where all numbers of a token are equal. Now backward, from line 4 to line 1.
#
# **Line 4**, $y = \gamma n + \beta$. Each number by itself: $dn = g\,\gamma$. $\gamma$ and $\beta$ are used by every
# token, so $d\gamma = \sum g\, n$ and $d\beta = \sum g$ over all tokens.
#
# **Line 3**, $n_j = c_j r$. A product: $dc_j = dn_j\, r$. But $r$ is **one** number for all of the token, and used $D$
# times: $dr = \sum_j dn_j c_j$.
#
# **Line 2**. With $v = \frac{1}{D} \sum_j c_j^2 + \varepsilon$, $r = v^{-1/2}$ has the slope
# $-\frac{1}{2} v^{-3/2} = -\frac{1}{2} r^3$, and $v$ the slope $2 c_j / D$ by each $c_j$. So $c_j$ gets a second share:
#
# $$
# dc_j = dn_j\, r - dr\, r^3 c_j / D
# $$
#
# **Line 1**, $c_j = x_j - \frac{1}{D} \sum_i x_i$. Each $x_j$ goes into its own $c_j$, and with $-1/D$ into all of
# them:
#
# $$
# dx_j = dc_j - \tfrac{1}{D} \textstyle\sum_i dc_i
# $$
#
# Put one into the other, with $c = n / r$ and since the $c_j$ add up to 0, and all is in one line, three terms of like
# form:
#
# $$
# dx = r\, \big( dn - \mathrm{mean}(dn) - n\, \mathrm{mean}(dn\, n) \big)
# $$


# %%
def layer_norm(x, gamma, beta, eps=1e-5):
    c = x - x.mean(axis=-1, keepdims=True)  # 1
    r = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + eps)  # 2
    return gamma * (c * r) + beta  # 3, 4


def layer_norm_backward(g, x, gamma, beta, eps=1e-5):
    c = x - x.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + eps)
    n = c * r
    dgamma, dbeta = rows(g * n).sum(axis=0), rows(g).sum(axis=0)  # 4
    dn = g * gamma
    dc = dn * r  # 3
    dr = (dn * c).sum(axis=-1, keepdims=True)
    dc = dc - dr * r**3 * c / x.shape[-1]  # 2
    return dc - dc.mean(axis=-1, keepdims=True), dgamma, dbeta  # 1


x, gamma, beta = rng.normal(size=(B, T, D)), rng.normal(size=D), rng.normal(size=D)
g = rng.normal(size=(B, T, D))
print("layer norm:", verdict(layer_norm, layer_norm_backward, x, gamma, beta))
dx, *others = layer_norm_backward(g, x, gamma, beta)
print("the engine's op, the same:", same_as(LayerNorm(), (x, gamma, beta), g, dx, *others))
c = x - x.mean(axis=-1, keepdims=True)
r = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5)
n, dn = c * r, g * gamma
three = [dn, -dn.mean(axis=-1, keepdims=True), -n * (dn * n).mean(axis=-1, keepdims=True)]
print("the line with three terms:  ", np.allclose(dx, r * sum(three), rtol=0, atol=1e-12))
print("dx of each token: sum", abs(dx.sum(axis=-1)).max().round(12), end=", ")
along = abs((dx * (x - x.mean(axis=-1, keepdims=True))).sum(axis=-1)).max()
print(f"along its own vector: below 1e-4: {along < 1e-4}")

# %% [markdown]
# So $dx$ has three terms: what comes straight through, the mean that is taken away, and what comes by way of $r$. The
# last print says what the two extra terms do. To raise all numbers of a token together changes nothing of $y$: so the
# $dx$ of a token add up to 0. To make its vector longer changes (up to $\varepsilon$) nothing either: so $dx$ has no
# part along it. Whoever drops a term gets a gradient that asks for changes which do nothing:

# %% tags=["folded"]
one, up = np.array([1.0, 3.0, -2.0, 0.5]), np.array([1.0, 0.5, 0.2, -0.4])
full = layer_norm_backward(up, one, np.ones(4), np.zeros(4))[0]
centred = one - one.mean()
r = 1 / np.sqrt((centred**2).mean() + 1e-5)
straight = up * r
by_r = -(up * centred).sum() * r**3 * centred / 4
by_mean = full - straight - by_r
drawing, axis = figure("The three terms of layer norm's dx, and their sum", height=2.4)
draw_matrix(axis, np.array([straight, by_r, by_mean, full]), limit=1.0)
axis.set(xlabel="dimension of one token", ylabel="term")
axis.set_yticks(range(4), ["straight, dn r", "by way of r", "by way of the mean", "dx"])
show(drawing)

# %% [markdown]
# ## GELU and ReLU
#
# A linear layer after a linear layer is one linear layer: $(x W_1^\top) W_2^\top$ is $x$ times one matrix. Something
# bent must stand between. The simplest is [[ReLU]], $\max(x, 0)$: what is negative becomes 0. Its slope is 1 where
# $x > 0$ and 0 where $x < 0$, so backward is $dx = g$ or 0.
#
# [[GELU]] is softer. It weighs $x$ by $\Phi(x)$, the probability that a random number lies below $x$ if it is drawn
# from the normal distribution, whose curve is the bell $\varphi$ with mean 0 and variance 1. The area under the bell
# has no formula of its own; libraries give it as erf:
#
# $$
# y = x\, \Phi(x) \qquad \Phi(x) = \tfrac{1}{2} \big( 1 + \mathrm{erf}(x / \sqrt 2) \big) \qquad
# \Phi'(x) = \varphi(x) = e^{-x^2/2} / \sqrt{2 \pi}
# $$
#
# $x$ stands in it twice, and by the product rule each gives a term:
#
# $$
# dx = g\, \big( \Phi(x) + x\, \varphi(x) \big)
# $$
#
# Many models use a formula close to it that needs no erf, with $u = \sqrt{2/\pi}\, (x + 0.044715\, x^3)$ and
# $\Phi \approx (1 + \tanh u) / 2$. Its slope by $u$ is $(1 - \tanh^2 u)/2$, which is $2 \Phi (1 - \Phi)$, and
# $du/dx = \sqrt{2/\pi}\, (1 + 3 \cdot 0.044715\, x^2)$. `minattn train` takes ReLU, page 15 GELU.

# %%
erf = np.vectorize(math.erf, otypes=[float])


def Phi(x):
    return (1 + erf(x / np.sqrt(2))) / 2


def gelu(x):
    return x * Phi(x)


def gelu_backward(g, x):
    return g * (Phi(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi))


def tanh_gelu(x):
    return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


def tanh_gelu_backward(g, x):
    P = (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
    return g * (P + x * 2 * P * (1 - P) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2))


def relu(x):
    return np.maximum(x, 0)


def relu_backward(g, x):
    return g * (x > 0)


x, g = rng.normal(size=(2, 3, 5))
pairs = {
    "GELU": (gelu, gelu_backward, GELU()),
    "GELU by tanh": (tanh_gelu, tanh_gelu_backward, GELU("tanh")),
    "ReLU": (relu, relu_backward, ReLU()),
}
for name, (forward, backward, op) in pairs.items():
    same = same_as(op, (x,), g, backward(g, x))
    print(f"{name:13} {verdict(forward, backward, x)}, the engine's op the same: {same}")
far = np.linspace(-5, 5, 1001)
print(f"the two GELUs differ by at most {abs(gelu(far) - tanh_gelu(far)).max():.4f}")

# %% tags=["folded"]
drawing, (left, right) = figure("Bent, so that layers do not collapse into one", columns=2)
line = np.linspace(-3, 3, 241)
for name, (forward, backward), colour, style in (
    ("ReLU", (relu, relu_backward), ORANGE, "-"),
    ("GELU", (gelu, gelu_backward), BLUE, "-"),
    ("GELU by tanh", (tanh_gelu, tanh_gelu_backward), "black", ":"),
):
    left.plot(line, forward(line), style, color=colour, linewidth=2, label=name)
    right.plot(line, backward(np.ones_like(line), line), style, color=colour, linewidth=2)
left.set(title="y", xlabel="x", ylabel="y")
right.set(title="slope", xlabel="x", ylabel="dy/dx")
left.legend(frameon=False)
show(drawing)

# %% [markdown]
# GELU's slope is above 1 in places and below 0 in others. Where ReLU's $x$ is negative nothing comes back at all: such
# a number teaches nothing at this token. At exactly 0 ReLU has no slope; the engine takes 0.
#
# ## The feed-forward layer
#
# Attention takes means of values. To *do* something with what was gathered, each token goes by itself through two
# linear layers with something bent between, the [[feed-forward layer]]: wider, bent, and narrow again.
#
# $$
# h = x W_1^\top + b_1 \qquad a = \mathrm{GELU}(h) \qquad y = a W_2^\top + b_2
# $$
#
# Its backward is the chain of the three, last line first. No token meets another in it, so it is the same for all, and
# its weights get a sum over all.


# %%
def feed_forward(x, W1, b1, W2, b2):
    return linear(gelu(linear(x, W1, b1)), W2, b2)


def feed_forward_backward(g, x, W1, b1, W2, b2):
    h = linear(x, W1, b1)
    da, dW2, db2 = linear_backward(g, gelu(h), W2, b2)
    dh = gelu_backward(da, h)
    return *linear_backward(dh, x, W1, b1), dW2, db2


shapes = ((B, T, D), (F, D), (F,), (D, F), (D,))
inputs = [rng.normal(size=shape) for shape in shapes]
print("feed-forward:", verdict(feed_forward, feed_forward_backward, *inputs))

# %% [markdown]
# ## The residual path
#
# A layer that changes a vector a little need not make it anew. It makes the *change* $f(x)$, and the vector itself
# passes by, on the [[residual path]]:
#
# $$
# y = x + f(x) \qquad dx = g + (\text{what } f \text{'s backward makes of } g)
# $$
#
# $x$ is used twice, so the shares add up ([page 1](01_tape.md)). The first of them is $g$ itself, untouched: whatever
# happens in $f$, there is a way on which nothing is multiplied. How much that is worth shows in a deep stack. Twelve
# layers $f(x) = \mathrm{GELU}(x W^\top)$, with and without the path, with and without a layer norm before $f$, and the
# length of the gradient at each depth:

# %%
deep, width = 12, 32
stack = [rng.normal(0, width**-0.5, (width, width)) for _ in range(deep)]


ones, zeros = np.ones(width), np.zeros(width)
start, end = rng.normal(size=(2, 8, width))


def lengths_of(path, norm):
    """The length of dx before each layer, the first layer first; the upstream has length 1."""
    x, seen = start, []
    for W in stack:
        n = layer_norm(x, ones, zeros) if norm else x
        seen.append((x, n, W))
        x = path * x + gelu(n @ W.T)
    g, found = end / np.linalg.norm(end), []
    for x, n, W in reversed(seen):
        dn = gelu_backward(g, n @ W.T) @ W
        g = path * g + (layer_norm_backward(dn, x, ones, zeros)[0] if norm else dn)
        found.append(np.linalg.norm(g))
    return found[::-1]


kinds = {
    "f(x)": (0, False),
    "f(norm(x))": (0, True),
    "x + f(x)": (1, False),
    "x + f(norm(x))": (1, True),
}
lengths = {name: lengths_of(*kind) for name, kind in kinds.items()}
for name, found in lengths.items():
    print(f"{name:15} length of the gradient at the first of {deep} layers: {found[0]:9.5f}")

# %% tags=["folded"]
drawing, axis = figure("With path and norm it arrives within a factor of 3", height=2.8)
looks = ((RED, "s--"), (ORANGE, "D--"), (GREEN, "^-"), (BLUE, "o-"))
for (name, found), (colour, style) in zip(lengths.items(), looks, strict=True):
    axis.semilogy(range(1, deep + 1), found, style, color=colour, label=name)
axis.set(xlabel="layer, from the input", ylabel="length of dx before it", xticks=range(1, 13))
axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
show(drawing)

# %% [markdown]
# Layers alone take their share each: at the bottom {{1 / lengths["f(x)"][0]:,.0f}} times less arrives than left at the
# top. The path alone does too much: vectors and gradients grow from layer to layer, {{lengths["x + f(x)"][0]:.0f}}
# times. With a norm before each $f$ and a path past it, what arrives is {{lengths["x + f(norm(x))"][0]:.1f}} times what
# left, so that all layers of the stack get upstream gradients of about one size. A norm without a path
# keeps the gradient from fading too, but it grows more, and unevenly.
#
# ## Dropout
#
# A model with many parameters can learn its examples by heart. [[dropout|Dropout]] makes that harder: in training, each
# number of a vector is set to 0 with probability $P$, at random, anew in every step. What is kept is divided by
# $1 - P$, so that the expected value of each number stays what it was, and nothing has to be changed when dropout is
# switched off.
#
# $$
# y = x\, m / (1 - P) \qquad dx = g\, m / (1 - P) \qquad m = 1 \text{ where kept, else } 0
# $$
#
# Backward uses the **same** $m$ as forward: what was dropped had no share in the loss.


# %%
def dropout(x, keep, P=0.25):
    return np.where(keep, x / (1 - P), 0.0)


def dropout_backward(g, x, keep, P=0.25):
    return np.where(keep, g / (1 - P), 0.0), None


x, g = rng.normal(size=(2, 3, 5))
keep = rng.random(x.shape) >= 0.25
print("dropout:", verdict(dropout, dropout_backward, x, keep), end=", ")
print(
    "the engine's op the same:",
    same_as(Dropout(0.25), (x, keep), g, dropout_backward(g, x, keep)[0]),
)
many = np.mean([dropout(x, rng.random(x.shape) >= 0.25) for _ in range(20_000)], axis=0)
print(f"mean of 20,000 draws: at most {abs(many - x).max():.2f} from x")

# %% [markdown]
# ## The whole block
#
# Now put it together, in the order of most models of today, the norms **before** each part:
#
# $$
# y = x + A(\mathrm{norm}_1(x)) \qquad z = y + \mathrm{FF}(\mathrm{norm}_2(y))
# $$
#
# $A$ is the self-attention of [page 7](07_attention_backward.md), with its four linear layers, and $\mathrm{FF}$ the
# feed-forward layer. This is one [[block]], and its order is called [[pre-norm]]. In the first models it was
# $y = \mathrm{norm}_1(x + A(x))$, [[post-norm]], which `minattn train` uses too. (There the norm stands on the path,
# and rescales what passes by at every block: with few blocks that does no harm.) The pieces are the same, and so is the
# way back: each line undone, the last one first. For one head, by hand:


# %%
def attend(q, k, v):  # .mT swaps the last two axes
    s = q @ k.mT / np.sqrt(q.shape[-1])
    p = np.exp(s - s.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    return p @ v, p


def attend_backward(g, q, k, v, p):
    dv, dp = p.mT @ g, g @ v.mT
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, ds.mT @ q, dv


def block(P, x):
    """P: the parameters of each part by name -> z, and what backward needs."""
    n1 = layer_norm(x, *P["attention_norm"])  # 1
    q, k, v = (linear(n1, *P["attention." + name]) for name in ("query", "key", "value"))  # 2
    a, p = attend(q, k, v)  # 3
    y = x + linear(a, *P["attention.out"])  # 4
    n2 = layer_norm(y, *P["feed_forward_norm"])  # 5
    inner = [*P["feed_forward.widen"], *P["feed_forward.narrow"]]
    return y + feed_forward(n2, *inner), (n1, q, k, v, a, p, y, n2)  # 6


def block_backward(g, P, x, saved):
    n1, q, k, v, a, p, y, n2 = saved
    G = {}
    # 6  z = y + FF(n2): g goes both ways
    inner = [*P["feed_forward.widen"], *P["feed_forward.narrow"]]
    dn2, *dF = feed_forward_backward(g, n2, *inner)
    G["feed_forward.widen"], G["feed_forward.narrow"] = dF[:2], dF[2:]
    # 5  n2 = norm(y)
    by_norm, *G["feed_forward_norm"] = layer_norm_backward(dn2, y, *P["feed_forward_norm"])
    dy = g + by_norm
    # 4  y = x + out(a): dy goes both ways
    da, *G["attention.out"] = linear_backward(dy, a, *P["attention.out"])
    # 3  a = attention(q, k, v)
    parts = dict(zip(("query", "key", "value"), attend_backward(da, q, k, v, p), strict=True))
    # 2  q, k, v: n1 was used three times
    dn1 = np.zeros_like(x)
    for name, upstream in parts.items():
        share, *G["attention." + name] = linear_backward(upstream, n1, *P["attention." + name])
        dn1 += share
    # 1  n1 = norm(x)
    by_norm, *G["attention_norm"] = layer_norm_backward(dn1, x, *P["attention_norm"])
    return dy + by_norm, G


# %% [markdown]
# The engine's block, with the same parameters, and its gradients by the tape. All of them, of the input and of each
# parameter:

# %%
layer = EncoderBlock(D, 1, F, generator=np.random.default_rng(1)).double()
P = {}
for name, parameter in layer.named_parameters():  # "attention.query.weight", then "….bias"
    parameter.set(parameter.data + 0.3 * rng.normal(size=parameter.shape))
    P.setdefault(name.rpartition(".")[0], []).append(parameter.data)
x, g = rng.normal(size=(2, B, T, D))

z, saved = block(P, x)
dx, G = block_backward(g, P, x, saved)
t = Tensor(x, requires_grad=True)
out = layer(t)
out.backward(g)

print("forward the same:", np.allclose(out.data, z, rtol=0, atol=1e-12))
print("dx the same:     ", np.allclose(t.grad, dx, rtol=0, atol=1e-12))
theirs = {name: parameter.grad for name, parameter in layer.named_parameters()}
ours = [gradient for name in P for gradient in G[name]]
same = [
    np.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(theirs.values(), ours, strict=True)
]
print(f"gradients of parameters the same: {sum(same)} of {len(same)}")
print(
    "and as measured: ",
    verdict(
        lambda x: block(P, x)[0], lambda g, x: block_backward(g, P, x, block(P, x)[1])[0], x
    ),
)

plus = Add()  # the op behind "x + f(x)": it hands g to both
plus.forward(x, z)
print(
    "the sum hands on g, to both:",
    all(part is g or np.array_equal(part, g) for part in plus.backward(g)),
)

# %% [markdown]
# That is a whole block, forward and backward, without anything that differentiates by itself. (Several heads only cut
# $q$, $k$ and $v$ into pieces first, [page 6](06_attention_forward.md).) A model of many blocks repeats it, with other
# parameters: what one block returns as $dx$ is the $g$ of the one before.
#
# ## Questions
#
# 1. Take a layer norm and leave out the two extra terms, so that $dx = dn\, r$. For which upstream $g$ is that right
#    nonetheless (with $\gamma = 1$)?
#
# <details><summary>Answer</summary>
#
# Where both terms are 0: when $\sum_j g_j = 0$ and $\sum_j g_j n_j = 0$. Then moving the mean or the length of the
# token would not change the loss anyway. A random $g$ is not like that, and a check with one finds it.
#
# </details>
#
# 2. A linear layer is followed by a layer norm. Multiply its $W$ and $b$ by 10. What happens to the output of the norm,
#    and what to $dW$?
#
# <details><summary>Answer</summary>
#
# The output stays (up to $\varepsilon$): the norm divides by the length again. $r$ is ten times smaller, so ten times
# less gradient comes back through the norm, and $dW$ is ten times smaller. Large weights before a norm move slowly.
#
# </details>
#
# 3. Dropout with $P = 0.5$ stands on the change, $y = x + \mathrm{dropout}(f(x))$. Why not on $y$?
#
# <details><summary>Answer</summary>
#
# On $y$ half of the residual path would be cut in every block, and after 12 blocks almost every number would have met a
# 0 somewhere: {{0.5**12:.4f}} of the ways would be left whole. On the change, the path past the layers stays open.
#
# </details>
#
# ## The exercise
#
# `minattn learn check linear`, `layer_norm`, `gelu`, `feed_forward`, `residual` and `dropout`: each piece of this page.
# After them and `self_attention` you have written a whole block.
