# %% [markdown]
# # 7. Self-attention backward
#
# *Where do dq, dk and dv come from?*
#
# Attention is three lines ([page 6](06_attention_forward.md)). Its backward pass undoes them, from the last to
# the first. This page derives each line, and holds each against measured slopes.
#
# Two tokens look, three are looked at: $T$ queries and $S$ keys of $d$ numbers each, and $S$ values of $e$ numbers.
# $T$ and $S$ differ here on purpose: where they are equal a forgotten transpose fits, and nobody notices.

# %%
import inspect
import textwrap

import numpy as np

from minattn import Tensor
from minattn import functional as F
from minattn.check import check_backward
from minattn.ops.attention import ScaledDotProductAttention
from minattn.show.notebook import draw_matrix, figure, show

q = np.array([[1.0, 0.0, 1.0, 0.0], [2.0, 0.0, 0.0, 2.0]])  # (T, d): "the", "sleeps"
k = np.array([[1.0, 0.0, 1.0, -1.0], [2.0, 2.0, 0.0, 0.0], [2.0, 1.0, 1.0, -1.0]])  # (S, d)
v = np.array([[0.0, 3.0], [4.0, 0.0], [2.0, 3.0]])  # (S, e): "the", "dog", "sleeps"
T, S, d = len(q), len(k), q.shape[1]


def softmax(s):
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


s = q @ k.T / np.sqrt(d)  # 1   (T, S)   every query meets every key
p = softmax(s)  #           2   (T, S)   row by row: what each query looks at
y = p @ v  #                3   (T, e)   and takes from there
print("s =", s.tolist())
print("p =", p.round(3).tolist())
print("y =", y.round(3).tolist())

# %% [markdown]
# Somewhere behind $y$ there is a loss $L$. The layers between have already sent back $g$, the slope of $L$ by each
# number of $y$: if $y_{ic}$, component $c$ of what query $i$ gets, grows by a little $h$, the loss grows by $g_{ic} h$.
# So $g$ has the shape of $y$. Likewise $dq$ is the slope of $L$ by each number of $q$, and has the shape of $q$; so for
# $dk$, $dv$, $dp$ and $ds$.
#
# To measure slopes nothing needs to be derived. Move one number up and down, and see what the loss does. As the loss
# take $\sum_{ic} g_{ic}\, y_{ic}$ with $g$ held fixed: its slope by $y$ is $g$. One line alone is checked in the same
# way: its **upstream**, which is what arrives at its output from behind, takes the place of $g$.

# %%
g = np.array([[1.0, -1.0], [2.0, 1.0]])  # (T, e)


def slopes(loss, x, h=1e-5):
    """The slope of loss by each number of x, measured: a step up, a step down."""
    result = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += h
        down[place] -= h
        result[place] = (loss(up) - loss(down)) / (2 * h)
    return result


def compare(name, derived, measured):
    close = np.abs(derived - measured).max() < 1e-7
    print(f"{name} {derived.shape}", "as measured" if close else "WRONG")


# %% [markdown]
# ## Line 3: $y = p\,v$
#
# Written out, $y_{ic} = \sum_j p_{ij}\, v_{jc}$. Take one number, $v_{jc}$. It goes into $y_{ic}$ for every query $i$,
# with the factor $p_{ij}$. A change of it is felt at all these places, so the slopes add up:
#
# $$
# dv_{jc} = \sum_i p_{ij}\, g_{ic} \qquad dv = p^\top g \qquad (S, T)\,(T, e) \to (S, e)
# $$
#
# Take $p_{ij}$. It goes into all components $c$ of the one output $y_i$, with the factors $v_{jc}$:
#
# $$
# dp_{ij} = \sum_c g_{ic}\, v_{jc} = g_i \cdot v_j \qquad dp = g\, v^\top \qquad (T, e)\,(e, S) \to (T, S)
# $$


# %%
def weighted_sum_backward(g, p, v):
    return g @ v.T, p.T @ g  # dp, dv


dp, dv = weighted_sum_backward(g, p, v)
compare("dp", dp, slopes(lambda p: (g * (p @ v)).sum(), p))
compare("dv", dv, slopes(lambda v: (g * (p @ v)).sum(), v))
print("dp =", dp.tolist())
print("dv =", dv.round(3).tolist())

# %% [markdown]
# $dv_j$ is a sum of the $g_i$, each with the weight that query $i$ gave to $j$: who was not looked at learns nothing.
# $dp_{ij}$ asks how well the value of $j$ fits what $g_i$ says: {{dp[0, 0]:.0f}} for the first pair, because
# {{g[0, 0]:.0f}} · {{v[0, 0]:.0f}} + ({{g[0, 1]:.0f}}) · {{v[0, 1]:.0f}} = {{dp[0, 0]:.0f}}.
#
# ## Line 2: softmax
#
# Softmax works row by row, so look at one row and leave its index out: scores $s_1 \dots s_S$, weights
# $p_i = e^{s_i} / t$ with the total $t = \sum_m e^{s_m}$. All weights share it, so each score moves every weight. The
# quotient rule, with $\partial t / \partial s_j = e^{s_j}$, has two cases:
#
# $$
# i = j: \quad \frac{\partial p_i}{\partial s_i} = \frac{e^{s_i} t - e^{s_i} e^{s_i}}{t^2}
# = p_i - p_i\, p_i = p_i\,(1 - p_i)
# $$
#
# $$
# i \ne j: \quad \frac{\partial p_i}{\partial s_j} = \frac{0 \cdot t - e^{s_i} e^{s_j}}{t^2} = -p_i\, p_j
# $$
#
# The table of all of them is the [[Jacobian]], $J_{ij} = \partial p_i / \partial s_j$. It has $p$ on the diagonal,
# minus the product of each two:


# %%
def jacobian(p):  # (S,) -> (S, S)
    return np.diag(p) - np.outer(p, p)


measured = np.stack([slopes(lambda s, i=i: softmax(s)[i], s[1]) for i in range(S)])
compare("J", jacobian(p[1]), measured)
print("J of the second row:", jacobian(p[1]).round(3).tolist())

# %% tags=["folded"]
rows = {
    "even": softmax(np.zeros(3)),
    '"sleeps"': p[1],
    "sure": softmax(np.array([0.0, 6.0, 0.0])),
}
title = "Softmax's Jacobian: one weight rises, the others fall; a sure row hardly moves"
drawing, axes = figure(title, columns=3, height=2.5, sharey=True)
for axis, (name, row) in zip(axes, rows.items(), strict=True):
    draw_matrix(axis, jacobian(row), numbers=".3f", limit=0.3)
    axis.set(title=f"{name}, p =\n" + ", ".join(f"{weight:.3f}" for weight in row))
    axis.set(xlabel="score j that is raised")
    axis.set_xticks(range(S), range(1, S + 1))
    axis.set_yticks(range(S), range(1, S + 1))
axes[0].set_ylabel("weight i")
show(drawing)

# %% [markdown]
# Each column adds up to 0: what one weight gains, the others lose. No number is above $1/4$, and in a sure row all are
# nearly 0: softmax lets hardly any gradient through there.
#
# A score collects from all weights of its row, each with its $dp_i$:
#
# $$
# ds_j = \sum_i dp_i\, \frac{\partial p_i}{\partial s_j} = dp_j\, p_j\,(1 - p_j) - \sum_{i \ne j} dp_i\, p_i\, p_j
# $$
#
# The diagonal's $-dp_j\, p_j\, p_j$ is just the term that the second sum lacks. Put it there, and take out $p_j$. On
# the right stands the same with the row's index $i$, so that the sum runs over $m$:
#
# $$
# ds_j = p_j \Big( dp_j - \sum_i dp_i\, p_i \Big) \qquad ds_{ij} = p_{ij} \Big( dp_{ij} - \sum_m dp_{im}\, p_{im} \Big)
# $$
#
# The sum is one number a row, the mean of $dp$ under the weights $p$. A $dp_j$ above this mean gives a positive $ds_j$,
# one below it a negative. The table $J$ need not be made.


# %%
def softmax_backward(dp, p):
    mean = (dp * p).sum(axis=-1, keepdims=True)  # (T, 1)
    return p * (dp - mean)


ds = softmax_backward(dp, p)
compare("ds", ds, slopes(lambda s: (dp * softmax(s)).sum(), s))
by_way_of_j = [jacobian(p[i]).T @ dp[i] for i in range(T)]
print("by way of J: ", np.allclose(ds, by_way_of_j, atol=1e-14))
print("mean of dp:  ", (dp * p).sum(axis=-1).round(3))
print("ds =", ds.round(3).tolist())

# %% tags=["folded"]
title = "ds is positive where dp is above its mean in the row, else negative"
drawing, axes = figure(title, columns=3, height=2.2, sharey=True)
panels = {"p": (p, 1), "dp": (dp, 8), "ds": (ds, 2)}  # and the value of the deepest colour
for axis, (name, (matrix, limit)) in zip(axes, panels.items(), strict=True):
    draw_matrix(axis, matrix, limit=limit)
    axis.set(title=f"{name}, colours to ±{limit}", xlabel="token looked at, j")
    axis.set_xticks(range(S), ["the", "dog", "sleeps"])
axes[0].set_ylabel("token that looks, i")
axes[0].set_yticks(range(T), ["the", "sleeps"])
show(drawing)

# %% [markdown]
# Second row: all three $dp$ are positive, so more of any weight, taken alone, would raise the loss. But the weights
# share a 1. What counts is the distance from their mean, {{(dp * p).sum(axis=-1)[1]:.2f}}, and only "dog" is above it.
#
# ## Line 1: $s = q\,k^\top / \sqrt d$
#
# Written out, $s_{ij} = \frac{1}{\sqrt d} \sum_c q_{ic}\, k_{jc}$. The number $q_{ic}$ goes into the scores of query
# $i$ with every key $j$, with the factor $k_{jc} / \sqrt d$. The number $k_{jc}$ goes into the scores of every query
# with key $j$:
#
# $$
# dq_{ic} = \frac{1}{\sqrt d} \sum_j ds_{ij}\, k_{jc} \qquad dq = \frac{ds}{\sqrt d}\, k
# \qquad (T, S)\,(S, d) \to (T, d)
# $$
#
# $$
# dk_{jc} = \frac{1}{\sqrt d} \sum_i ds_{ij}\, q_{ic} \qquad dk = \frac{ds^\top}{\sqrt d}\, q
# \qquad (S, T)\,(T, d) \to (S, d)
# $$


# %%
def scores_backward(ds, q, k):
    scaled = ds / np.sqrt(q.shape[-1])  # what arrives at q kᵀ
    return scaled @ k, scaled.T @ q  # dq, dk


dq, dk = scores_backward(ds, q, k)
compare("dq", dq, slopes(lambda q: (ds * (q @ k.T / np.sqrt(d))).sum(), q))
compare("dk", dk, slopes(lambda k: (ds * (q @ k.T / np.sqrt(d))).sum(), k))
print("dq =", dq.round(3).tolist())
print("dk =", (dk.round(3) + 0.0).tolist())

# %% [markdown]
# A query is pulled along a mixture of keys, a key along a mixture of queries, both mixed by $ds$.
#
# ## The whole
#
# Each line took for its upstream what the line behind it had handed back. That is the chain rule; nothing else is
# needed. $g$ gives $dp$ and $dv$, $dp$ gives $ds$, $ds$ gives $dq$ and $dk$.
#
# `check_backward` is the engine's own comparison of a backward pass with measured slopes, for an upstream that it draws
# at random. Its verdict is all that is needed of it here; [page 11](11_checking_gradients.md) takes it apart.


# %%
def weights(q, k):
    return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))  # for a matrix, k.T


def attention(q, k, v):
    return weights(q, k) @ v


def assemble(line_3=weighted_sum_backward, line_2=softmax_backward, line_1=scores_backward):
    """A backward pass of attention made of that of its lines."""

    def backward(g, q, k, v):
        p = weights(q, k)
        dp, dv = line_3(g, p, v)
        return *line_1(line_2(dp, p), q, k), dv

    return backward


compare("dq", dq, slopes(lambda q: (g * attention(q, k, v)).sum(), q))
compare("dk", dk, slopes(lambda k: (g * attention(q, k, v)).sum(), k))
compare("dv", dv, slopes(lambda v: (g * attention(q, k, v)).sum(), v))
print("check:", check_backward(attention, assemble(), [q, k, v]).verdict)

tensors = [Tensor(array, requires_grad=True) for array in (q, k, v)]
F.scaled_dot_product_attention(*tensors).backward(g)
pairs = zip(tensors, (dq, dk, dv), strict=True)
print("the engine's op, the same:", all(np.allclose(t.grad, by, atol=1e-13) for t, by in pairs))

print(textwrap.dedent(inspect.getsource(ScaledDotProductAttention.backward)))

# %% [markdown]
# With $B$ sentences and $H$ heads in front, $q$ is $(B, H, T, d)$ and $p$ is $(B, H, T, S)$. The derivation stays, for
# each head by itself. In code, `.T` would turn round all axes; `.swapaxes(-1, -2)` swaps the last two:


# %%
def attention_backward(g, q, k, v):
    p = weights(q, k)
    dp, dv = g @ v.swapaxes(-1, -2), p.swapaxes(-1, -2) @ g
    scaled = softmax_backward(dp, p) / np.sqrt(q.shape[-1])
    return scaled @ k, scaled.swapaxes(-1, -2) @ q, dv


rng = np.random.default_rng(0)
heads = [rng.normal(size=(2, 3, *array.shape)) for array in (q, k, v)]
print("q", heads[0].shape, check_backward(attention, attention_backward, heads).verdict)

# %% [markdown]
# **A mask** changes nothing in these lines. Where the score is $-\infty$ the weight is 0, and each $ds_{ij}$ and each
# term of $dv$ has a factor $p_{ij}$. But where a row may look nowhere, its largest score is $-\infty$ too, and
# $-\infty - (-\infty)$ is NaN. Shift such a row by 0, and divide its total, which is 0, by 1:


# %%
def masked_softmax(s, mask):
    s = np.where(mask, s, -np.inf)
    largest = s.max(axis=-1, keepdims=True)
    exp = np.exp(s - np.where(largest == -np.inf, 0, largest))
    total = exp.sum(axis=-1, keepdims=True)
    return exp / np.where(total == 0, 1, total)


mask = np.array([[True, True, False], [False, False, False]])
with np.errstate(invalid="ignore"):  # NumPy would warn of -inf - -inf
    print("softmax:", softmax(np.where(mask, s, -np.inf)).tolist())
masked_p = masked_softmax(s, mask)
masked_dp, masked_dv = weighted_sum_backward(g, masked_p, v)
print("p  =", masked_p.tolist())
print("dp =", masked_dp.tolist())
print("ds =", (softmax_backward(masked_dp, masked_p).round(3) + 0.0).tolist())
print("dv =", (masked_dv.round(3) + 0.0).tolist())

# %% [markdown]
# The third token is hidden from both: its $dp$ are not 0, yet its $ds$ and $dv$ are. The second row may look nowhere:
# its $p$ is 0, so its $ds$ and its share of $dv$ are 0 by themselves.
#
# **Relative positions** ([page 6](06_attention_forward.md)) add a number $r_{j-i}$ to each score. What is added gets
# the gradient of the sum, unchanged: $ds_{ij}$. And one number is added at all places with the same distance, so it
# gets the sum of theirs, the scatter-add of [page 4](04_embedding.md) with distances in the place of tokens:
#
# $$
# dr_m = \sum_{i,j \,:\, j - i = m} ds_{ij}
# $$

# %%
r = np.array([0.5, -1.0, 0.0, 2.0])  # of the distances -1, 0, 1, 2
row = np.arange(S) - np.arange(T)[:, None] + 1  # (T, S): which entry of r is added

moved_p = softmax(s + r[row])
moved_ds = softmax_backward(g @ v.T, moved_p)
dr = np.zeros_like(r)
np.add.at(dr, row, moved_ds)
compare("dr", dr, slopes(lambda r: (g * (softmax(s + r[row]) @ v)).sum(), r))

added = Tensor(r[row], requires_grad=True)  # the engine's op takes it as a mask of numbers
F.scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v), added).backward(g)
print("the engine's gradient of what is added:", np.allclose(added.grad, moved_ds, atol=1e-14))

# %% [markdown]
# ## A shortcut: $\sum_j dp_{ij}\, p_{ij} = g_i \cdot y_i$
#
# The mean that softmax's backward subtracts can be had without $dp$ and $p$. Put in $dp_{ij} = g_i \cdot v_j$:
#
# $$
# \sum_j dp_{ij}\, p_{ij} = \sum_j (g_i \cdot v_j)\, p_{ij} = g_i \cdot \sum_j p_{ij}\, v_j = g_i \cdot y_i
# $$
#
# It saves little work, since $dp$ is needed anyway. What counts: no whole row is needed. The engine's
# [blocked attention](../minattn/fast/blocked_attention.py) goes through the keys block by block, to save memory, and
# never has all of $p$ at once. Its forward keeps $y$ and the logarithm of each row's total, $\ln t$. Its backward
# makes each block of $p$ again, as $e^{s - \ln t}$:

# %%
print("Σ dp p:", (dp * p).sum(axis=-1).round(12))
print("g · y: ", (g * y).sum(axis=-1).round(12))

log_total = np.log(np.exp(s).sum(axis=-1, keepdims=True))  # (T, 1)
for block in (slice(0, 2), slice(2, 3)):
    block_p = np.exp(q @ k[block].T / np.sqrt(d) - log_total)
    block_ds = block_p * (g @ v[block].T - (g * y).sum(axis=-1, keepdims=True))
    print("ds of a block of keys, the same:", np.allclose(block_ds, ds[:, block]))

# %% [markdown]
# ## Self-attention: one input, used three times
#
# Queries, keys and values are all made of one $x$, $(T, D)$, a row of $D$ numbers for each token: $q = x W_q$,
# $k = x W_k$, $v = x W_v$. What line 3 gave holds for any product $y = a\,b$: $da = dy\,b^\top$ and $db = a^\top dy$.
# Put in $(x, W_q)$, $(x, W_k)$ and $(x, W_v)$. A change of $x$ reaches the output along three paths, so the three $da$
# add up; each weight matrix has a path of its own:
#
# $$
# dx = dq\, W_q^\top + dk\, W_k^\top + dv\, W_v^\top \qquad dW_q = x^\top dq, \quad dW_k = x^\top dk,
# \quad dW_v = x^\top dv
# $$
#
# $B$ sentences all use the same weights, so over them the gradients of the weights add up. Lay all tokens below each
# other, $(B\,T, D)$, and the product does the sum:

# %%
x = rng.normal(size=(2, 5, 3))  # (B, T, D)
wq, wk, wv = rng.normal(size=(3, 3, 4))  # (D, d) each


def self_attention(x, wq, wk, wv):
    q = x @ wq
    k = x @ wk
    v = x @ wv
    return attention(q, k, v)


def self_attention_backward(g, x, wq, wk, wv):
    dq, dk, dv = attention_backward(g, x @ wq, x @ wk, x @ wv)
    dx = dq @ wq.T + dk @ wk.T + dv @ wv.T
    rows = x.reshape(-1, x.shape[-1])  # (B T, D)
    return dx, *(rows.T @ by.reshape(len(rows), -1) for by in (dq, dk, dv))


print(check_backward(self_attention, self_attention_backward, [x, wq, wk, wv]).verdict)

# %% [markdown]
# Each of these passes is easily written with one term too few, and then it runs all the same.
# [Page 12](12_forgotten_terms.md) does so on purpose.
#
# ## Questions
#
# 1. A query is quite sure: its weight of one token is 1, the others are 0. Which of $dq$, $dk$ and $dv$ still get
#    something from it? What does that mean for a head that is sure of the wrong token?
#
# <details><summary>Answer</summary>
#
# Only $dv$, and only that one token's value. The Jacobian of a sure row is 0, so $ds = 0$: this query gets nothing
# through its scores that would make it look elsewhere. This is why scores must not be large at the beginning.
#
# </details>
#
# 2. All values $v_j$ are the same vector. What are $dq$, $dk$ and $dv$?
#
# <details><summary>Answer</summary>
#
# All $dp_{ij}$ of a row are equal, so each is the mean, and $ds = dq = dk = 0$: it does not matter where one looks when
# one finds the same everywhere. The largest of `slopes(lambda q: (g * attention(q, k, np.ones_like(v))).sum(), q)` is
# {{abs(slopes(lambda q: (g * attention(q, k, np.ones_like(v))).sum(), q)).max():.4f}}. $dv = p^\top g$ is not 0: values
# may learn to differ.
#
# </details>
#
# 3. The layer that makes the keys has a bias $b$, so that $k_j = x_j W_k + b$. What is its gradient?
#
# <details><summary>Answer</summary>
#
# It is 0: $b$ goes into all keys, so $db$ is the sum of their gradients,
#
# $$
# db_c = \sum_j dk_{jc} = \frac{1}{\sqrt d} \sum_i q_{ic} \sum_j ds_{ij} \qquad
# \sum_j ds_{ij} = \sum_j p_{ij}\, dp_{ij} - \sum_j p_{ij} \sum_m dp_{im}\, p_{im} = 0
# $$
#
# because $\sum_j p_{ij} = 1$. Above, `dk.sum(axis=0).round(12)` is {{(dk.sum(axis=0).round(12) + 0.0).tolist()}}.
# Forward says why: $b$ adds the same $q_i \cdot b / \sqrt d$ to all scores of a row, and softmax does not feel that.
# This bias learns nothing, and the model does not miss it.
#
# </details>
#
# ## The exercise
#
# `minattn learn init course && cd course` writes the files, `minattn learn check scores` checks the first of these. In
# each, `g` is what arrives at the output of what is to be undone:
#
# | exercise | its `g`, here | asks for |
# | --- | --- | --- |
# | `scores` | $ds$ | $dq$, $dk$ |
# | `softmax` | $dp$ | $ds$, there `dx`: its `x` is $s$ |
# | `mask` | $dp$ | $p$, $ds$ |
# | `weighted_sum` | $g$ | $dp$, $dv$ |
# | `attention` | $g$ | $dq$, $dk$, $dv$ |
# | `self_attention` | $g$ | $dx$, $dW_q$, $dW_k$, $dW_v$ |
#
# [The page of numbers](../docs/pages/attention.html) of this op opens in a browser (download it first, if you read
# this on the web): click any number of it, and see of which terms it is made, forward and backward. `minattn show
# attention` writes it.
