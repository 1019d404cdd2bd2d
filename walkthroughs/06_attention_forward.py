# %% [markdown]
# # 6. Self-attention forward
#
# *How do tokens look at each other?*
#
# So far the vector of a token knows its own word and its place, and nothing of the other words.
# [[self-attention|Self-attention]] is the layer in which tokens look at each other. Each gathers from all of them, and
# chooses by itself how much from which.
#
# Three tokens, each a vector of two numbers:

# %%
import numpy as np

from minattn import Tensor
from minattn import functional as F
from minattn.nn import MultiHeadSelfAttention, RelativePositions
from minattn.show.notebook import BLUE, GREEN, ORANGE, PURPLE, draw_matrix, figure, show

tokens = ["the", "dog", "sleeps"]
x = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])  # (T, D)
T, D = x.shape

wq = np.array([[1.0, 0.0, 1.0, 0.0], [1.0, 0.0, -1.0, 2.0]])  # (D, d)
wk = np.array([[1.0, 0.0, 1.0, -1.0], [1.0, 1.0, 0.0, 0.0]])  # (D, d)
wv = np.array([[0.0, 3.0], [2.0, 0.0]])  # (D, e)
d = wq.shape[1]

# %% [markdown]
# ## One head
#
# The vector of each token is multiplied by three matrices and gives three more:
#
# - a [[query]] $q$ of width $d$: what it looks for;
# - a [[key]] $k$ of width $d$: what it can be found by;
# - a [[value]] $v$ of width $e$: what it hands over to those that find it.
#
# The matrices are learned. Here they hold small numbers, so that all can be followed by eye.

# %%
q, k, v = x @ wq, x @ wk, x @ wv  # (T, d), (T, d), (T, e)
for i in range(T):
    print(f"{tokens[i]:7} q = {q[i]}   k = {k[i]}   v = {v[i]}")

# %% [markdown]
# Three lines make the output. $i$ is the token that looks, $j$ the one looked at.
#
# $$
# s_{ij} = \frac{1}{\sqrt d} \sum_c q_{ic}\, k_{jc} \qquad p_{ij} = \frac{e^{s_{ij}}}{\sum_m e^{s_{im}}}
# \qquad y_i = \sum_j p_{ij}\, v_j
# $$
#
# Follow the last token, "{{tokens[2]}}". Its query meets every key; the products, divided by
# $\sqrt{ {{d}} } = {{np.sqrt(d):.0f}}$, are its [[score|scores]]. Softmax makes [[attention weight|attention weights]]
# of them. The weights mix the values.

# %%
products = [q[2] @ k[j] for j in range(T)]
scores = [product / np.sqrt(d) for product in products]
exps = [np.exp(score) for score in scores]
weights = [exp / sum(exps) for exp in exps]

print("token    q·k  score     exp  weight  value")
for j in range(T):
    numbers = f"{products[j]:4.0f} {scores[j]:6.0f} {exps[j]:7.3f} {weights[j]:7.3f}"
    print(f"{tokens[j]:7} {numbers}  {v[j]}")
mixed = weights[0] * v[0] + weights[1] * v[1] + weights[2] * v[2]
print("mixed:", mixed.round(3))

# %% [markdown]
# "{{tokens[2]}}" finds "{{tokens[int(np.argmax(weights))]}}" most: {{100 * max(weights):.0f}} % of what it gets comes
# from there.
#
# All tokens at once are two matrix products with a softmax of each row between:


# %%
def softmax(s):
    exp = np.exp(s - s.max(axis=-1, keepdims=True))  # the shift cancels; exp cannot overflow
    return exp / exp.sum(axis=-1, keepdims=True)


s = q @ k.T / np.sqrt(d)  # (T, T)
p = softmax(s)  # (T, T)
y = p @ v  # (T, e)
print("s =", s.tolist())
print("p =", p.round(3).tolist())
print("y =", y.round(3).tolist())

# %% tags=["folded"]
drawing, (left, right) = figure(
    "An output is a mean of values: it lies between them", columns=2
)
draw_matrix(left, p, limit=1.2)
left.set(title="Weights p", xlabel="token looked at, j", ylabel="token that looks, i")
left.set_xticks(range(T), tokens)
left.set_yticks(range(T), tokens)

corners = np.vstack([v, v[:1]])
right.fill(v[:, 0], v[:, 1], color=BLUE, alpha=0.08)
right.plot(corners[:, 0], corners[:, 1], color=BLUE, alpha=0.4)
right.plot(v[:, 0], v[:, 1], "s", color=BLUE, markersize=8, label="value v")
right.plot(y[:, 0], y[:, 1], "o", color=ORANGE, markersize=8, label="output y")
for j, (sideways, up) in enumerate([(8, 6), (4, 8), (8, 6)]):
    place = {"textcoords": "offset points", "xytext": (sideways, up), "color": BLUE}
    right.annotate(tokens[j], v[j], **place)
for i, (sideways, up) in enumerate([(-28, -4), (-22, -14), (9, -2)]):
    place = {"textcoords": "offset points", "xytext": (sideways, up), "color": "black"}
    right.annotate(tokens[i], y[i], **place)
right.set(title="Values and outputs", xlabel="component 1", ylabel="component 2")
right.set(xlim=(-0.4, 5.2), ylim=(-0.5, 4.7))
right.legend(frameon=False, loc="upper right")
show(drawing)

# %% [markdown]
# Each row of $p$ adds up to 1. Row "{{tokens[0]}}" is the most even: its output lies inside of the triangle. Row
# "{{tokens[1]}}" is nearly sure of one token, and its output almost is that token's value.
#
# The engine does this in one op,
# [`ScaledDotProductAttention`](../minattn/ops/attention.py); from smaller ops it is one line:

# %%
fused = F.scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v))
composed = F.softmax(Tensor(q) @ Tensor(k).transpose(0, 1) / np.sqrt(d), -1) @ Tensor(v)
print("fused = by hand:   ", np.allclose(fused.data, y, rtol=0, atol=1e-14))
print("composed = by hand:", np.allclose(composed.data, y, rtol=0, atol=1e-14))

# %% [markdown]
# ## Why divide by $\sqrt d$
#
# A score is a sum of $d$ products. Draw the components of $q$ and $k$ independently, with mean 0 and [[variance]] 1
# (the mean of the squared distances from the mean). Each product has variance 1 too (the mean of $q^2 k^2$ is the
# product of the two means), and variances of independent numbers add up: the score has variance $d$, and its usual size
# is $\sqrt d$. Measured on many queries, each with keys of its own:

# %%
T_many = 16
widths = np.array([4, 8, 16, 32, 64, 128, 256])
rng = np.random.default_rng(0)


def draw(width, count=1000):
    """count queries (count, 1, d), each with its own keys (count, T, d), values (count, T, 1)."""
    queries = rng.normal(size=(count, 1, width))
    return queries, rng.normal(size=(count, T_many, width)), rng.normal(size=(count, T_many, 1))


def measure(width, scale):
    """Spread of the scores; tokens looked at; lengths of ds and of dq, one a query."""
    queries, keys, values = draw(width)
    scores = queries @ keys.swapaxes(-1, -2) * scale  # (count, 1, T)
    weights = F.softmax(Tensor(scores), -1).data
    entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=-1)

    a, b = Tensor(scores, requires_grad=True), Tensor(queries, requires_grad=True)
    (F.softmax(a, -1) @ Tensor(values)).sum().backward()  # what reaches the scores
    F.scaled_dot_product_attention(
        b, Tensor(keys), Tensor(values), scale=scale
    ).sum().backward()
    ds, dq = (np.linalg.norm(tensor.grad, axis=-1)[:, 0] for tensor in (a, b))
    return scores.std(), np.exp(entropy).mean(), ds, dq


with_scale = [measure(width, 1 / np.sqrt(width)) for width in widths]
without = [measure(width, 1.0) for width in widths]
print("          spread of scores    tokens looked at")
print("  d        with   without       with   without")
for i, width in enumerate(widths[::2]):
    (spread, many, *_), (wide, few, *_) = with_scale[2 * i], without[2 * i]
    print(f"{width:3} {spread:12.2f} {wide:9.2f} {many:10.2f} {few:9.2f}")

# %% [markdown]
# "Tokens looked at" is $e^H$, where $H = -\sum_j p_j \ln p_j$ is the [[entropy]] of the weights: the number of tokens
# that would be as undecided if all had the same weight. With the scale a query looks at about
# {{with_scale[-1][1]:.0f}} of {{T_many}}, whatever $d$ is. Without it, at $d = {{widths[-1]}}$, at
# {{without[-1][1]:.1f}}: one token wins, by chance, before anything is learned.
#
# And what comes back? Page 7 derives the gradients; here they are only measured. The upstream gradient of each output
# is 1. `ds` is what reaches the scores of a query, `dq` what reaches the query itself.

# %% tags=["folded"]
drawing, axes = figure(
    "Without the scale few queries get most of the gradient", columns=3, height=3.0
)
for rows, colour, name in ((with_scale, BLUE, "with 1/√d"), (without, ORANGE, "without")):
    axes[0].semilogx(widths, [row[1] for row in rows], "o-", color=colour, label=name)
    for axis, column in ((axes[1], 2), (axes[2], 3)):
        axis.loglog(widths, [np.median(row[column]) for row in rows], "o-", color=colour)
        axis.loglog(widths, [row[column].mean() for row in rows], "--", color=colour)
axes[0].set(title="Tokens looked at", ylabel="exp(entropy)", ylim=(0, T_many))
axes[0].legend(frameon=False)
for axis, name in ((axes[1], "ds"), (axes[2], "dq")):
    axis.set(title=f"Gradient {name}", ylabel="length", ylim=(1e-3, 5))
    axis.plot([], [], "o-", color="gray", label="median")
    axis.plot([], [], "--", color="gray", label="mean")
axes[1].legend(frameon=False, loc="lower left")
for axis in axes:
    axis.set_xlabel("width d")
    axis.set_xticks([4, 16, 64, 256], ["4", "16", "64", "256"])
    axis.minorticks_off()
show(drawing)

# %%
last_with, last_without = with_scale[-1], without[-1]
for name, column in (("ds", 2), ("dq", 3)):
    for kind, row in (("with", last_with), ("without", last_without)):
        median, mean = np.median(row[column]), row[column].mean()
        print(f"d = {widths[-1]}, {name} {kind:8} median {median:.4f}   mean {mean:.4f}")


def held_by_tenth(lengths):
    """The share of all the gradient that the tenth of the queries with most of it get."""
    return np.sort(lengths)[-len(lengths) // 10 :].sum() / lengths.sum()


few_with, few_without = held_by_tenth(last_with[3]), held_by_tenth(last_without[3])
starved = (last_without[3] < 0.1 * np.median(last_with[3])).mean()
print(f"dq held by a tenth of the queries: with {few_with:.2f}, without {few_without:.2f}")

# %% [markdown]
# "Without the scale the gradient vanishes" is often said, and is half of the truth. At the scores it is small for most
# queries: their softmax is sure, and moves no more. At the queries {{100 * starved:.0f}} % get less than a tenth of
# what is usual with the scale. But the mean of `dq` is larger without it: {{last_without[3].mean():.2f}} against
# {{last_with[3].mean():.2f}}. Where a query hesitates between two tokens its gradient is large, because the way back
# to $q$ lacks the factor $1/\sqrt d$ as well. A tenth of the queries get {{100 * few_without:.0f}} % of everything,
# where {{100 * few_with:.0f}} % is usual.
#
# ## Masks: who may be looked at
#
# A mask is a table of booleans, True where token $i$ may look at token $j$. Where it is False the score becomes
# $-\infty$. Its exponential is 0, and so is its weight. The remaining weights still add up to 1.
#
# Two masks are usual. **Padding**: the sentences of a batch are filled up to one length, and nobody may look at the
# filling. **[[causal mask|Causal]]**: a model that predicts the next token may not look at it. The three tokens from
# above, unmasked; with the last one as padding; causal:


# %%
def attention(q, k, v, mask=None):
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    if mask is not None:
        s = np.where(mask, s, -np.inf)
    p = softmax(s)
    return p @ v, p


nothing = np.ones((T, T), bool)
padding = np.array([True, True, False])[None, :] & nothing  # the same for every row
causal = np.tril(nothing)
masked = {"none": nothing, "padding": padding, "causal": causal}

for name, mask in masked.items():
    by_hand, rows = attention(q, k, v, mask)
    engine = F.scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v), mask)
    same = np.allclose(by_hand, engine.data, rtol=0, atol=1e-14)
    print(f"{name:8} rows add up to {rows.sum(axis=1).round(12)}   engine the same: {same}")

# %% tags=["folded"]
drawing, axes = figure(
    "A mask gives the weight of what is hidden to the rest", columns=3, height=2.4, sharey=True
)
for axis, (name, mask) in zip(axes, masked.items(), strict=True):
    draw_matrix(axis, attention(q, k, v, mask)[1], limit=1.2)
    for i, j in zip(*np.nonzero(~mask), strict=True):
        axis.fill_between([j - 0.5, j + 0.5], i - 0.5, i + 0.5, color="0.85", linewidth=0)
    axis.set(title=name, xlabel="token looked at")
    axis.set_xticks(range(T), ["the", "dog", "sleeps" if name != "padding" else "[PAD]"])
axes[0].set_ylabel("token that looks")
axes[0].set_yticks(range(T), tokens)
show(drawing)

# %% [markdown]
# Among those that may be looked at, the proportions stay. So one could also hide the weights after the softmax, but
# then one has to divide each row by what is left. Forgetting that is a common mistake:

# %%
hidden_late = p * causal
print("rows after hiding late:  ", hidden_late.sum(axis=1).round(3))
renormed = hidden_late / hidden_late.sum(axis=1, keepdims=True)
print(
    "divided, the same again: ",
    np.allclose(renormed, attention(q, k, v, causal)[1], atol=1e-14),
)

# %% [markdown]
# Does a mask keep its promise? Change what is hidden, and see what moves:

# %%
k_other, v_other = k.copy(), v.copy()
k_other[2], v_other[2] = 50.0, -70.0  # another last token

for name, mask in masked.items():
    before, after = attention(q, k, v, mask)[0], attention(q, k_other, v_other, mask)[0]
    moved = [tokens[i] for i in range(T) if not np.array_equal(before[i], after[i])]
    print(f"{name:8} outputs that move: {moved}")

# %% [markdown]
# With padding hidden no output feels the filling, bit for bit. (The row of the filling itself still looks at the real
# tokens, and gets an output. It means nothing; the loss leaves it out.) With the causal mask only the last token feels
# the last token.
#
# One case breaks the formula: a row that may look nowhere, as in a sentence of filling alone.

# %%
nowhere = np.zeros((T, T), bool)
with np.errstate(invalid="ignore"):
    print("-inf:  ", attention(q, k, v, nowhere)[0][0])
print("-1e9:  ", softmax(np.where(nowhere, s, -1e9))[0].round(3))
print(
    "engine:", F.scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v), nowhere).data[0]
)

# %% [markdown]
# $-\infty$ minus the largest score, $-\infty$, is not a number, and one NaN spoils all parameters in one step. A large
# negative number in place of $-\infty$ hides the trouble: the row looks at all the filling alike. The engine gives 0.
# Where the largest score is $-\infty$ it subtracts 0 in its place, and where the sum of a row is 0 it divides by 1.
#
# ## Several heads
#
# One head has one row of weights for each token, and mixes all components of the values with it. To look at two places
# for two reasons, take two [[head|heads]]. The width $D$ is cut into $H$ pieces of $d = D/H$; each piece is an
# attention of its own; the outputs are put side by side and multiplied by one more matrix.
#
# Cutting is two moves, `reshape` and `transpose`. Two tokens of width 4 and two heads show why both are needed:

# %%
B, H = 1, 2
numbers = np.arange(8).reshape(B, 2, 4)  # (B, T, D): token 0 is 0 1 2 3, token 1 is 4 5 6 7
split = numbers.reshape(B, 2, H, 2).transpose(0, 2, 1, 3)  # (B, T, H, d) -> (B, H, T, d)
forgotten = numbers.reshape(B, H, 2, 2)

print("head 0:", split[0, 0].tolist(), "  head 1:", split[0, 1].tolist())
print(
    "head 0:",
    forgotten[0, 0].tolist(),
    "  head 1:",
    forgotten[0, 1].tolist(),
    "  without transpose",
)

# %% [markdown]
# The first line is right: each head has one half of both tokens. Without the `transpose` head 0 has both halves of
# token 0, and takes them for two tokens. All shapes fit, nothing complains. (Backward, nothing is computed: the
# gradient of a number is moved back to where the number came from, the axes back first, then the shape.)
#
# The layer whole, by hand and as [`MultiHeadSelfAttention`](../minattn/nn/attention.py), at a larger size and with a
# padded sentence. `Linear` keeps its matrix as (out, in) and has a bias:

# %%
B, T_long, D_wide, H = 2, 6, 16, 4
layer = MultiHeadSelfAttention(D_wide, H, generator=np.random.default_rng(1))
batch = np.random.default_rng(2).normal(size=(B, T_long, D_wide)).astype(np.float32)
real = np.array([[True] * 6, [True] * 4 + [False] * 2])  # (B, T)


def linear(x, module):
    return x @ module.weight.data.T + module.bias.data


def split_heads(x):  # (B, T, D) -> (B, H, T, D/H)
    return x.reshape(B, T_long, H, D_wide // H).transpose(0, 2, 1, 3)


def merge_heads(x):  # (B, H, T, D/H) -> (B, T, D)
    return x.transpose(0, 2, 1, 3).reshape(B, T_long, D_wide)


heads = [split_heads(linear(batch, module)) for module in (layer.query, layer.key, layer.value)]
each, each_p = attention(*heads, real[:, None, None, :])  # (B, H, T, d), (B, H, T, T)
by_hand = linear(merge_heads(each), layer.out)

print("output", by_hand.shape, "weights", each_p.shape)
print(
    "engine the same:", np.allclose(layer(Tensor(batch), real).data, by_hand, rtol=0, atol=1e-5)
)

# %% [markdown]
# More heads cost no more multiplications: $H$ products of width $D/H$ are as much work as one of width $D$. (The
# softmaxes are $H$ times as many.) What they cost is width. A score is a product of only $d$ numbers, and with few
# numbers a query cannot ask for everything. The extreme is $d = 1$. Three keys 1, 2 and 3, and all queries from −4 to
# 4; beside it $d = 2$, three keys on a circle, and queries of length 4 in all directions:

# %%
line = np.linspace(-4, 4, 161)[:, None]  # (queries, 1)
keys_1 = np.array([[1.0], [2.0], [3.0]])
angles = np.linspace(0, 2 * np.pi, 181)
circle = 4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (queries, 2)
keys_2 = circle[[30, 90, 150]] / 4  # at 60, 180 and 300 degrees

on_line = attention(line, keys_1, keys_1)[1]
on_circle = attention(circle, keys_2, keys_2)[1]
print("d = 1: largest weights", on_line.max(axis=0).round(3))
print("d = 2: largest weights", on_circle.max(axis=0).round(3))

# %% tags=["folded"]
drawing, (left, right) = figure(
    "A head of width 1 can never look mostly at the key between two others", columns=2
)
for j, colour in enumerate((BLUE, ORANGE, GREEN)):
    left.plot(line[:, 0], on_line[:, j], color=colour, linewidth=2)
    place = ((-3.2, 1.02), (2.4, 0.2), (3.2, 1.02))[j]
    left.text(*place, f"key {j + 1}", ha="center", color=colour)
    right.plot(
        np.degrees(angles), on_circle[:, j], color=(BLUE, ORANGE, PURPLE)[j], linewidth=2
    )
    right.text(
        60 + 120 * j, 1.0, f"{60 + 120 * j}°", ha="center", color=(BLUE, ORANGE, PURPLE)[j]
    )
left.set(title="d = 1", xlabel="query", ylabel="weight", ylim=(0, 1.12))
right.set(
    title="d = 2", xlabel="direction of the query (degrees)", ylabel="weight", ylim=(0, 1.12)
)
right.set_xticks([0, 120, 240, 360])
show(drawing)

# %% [markdown]
# With $d = 1$ the scores rise along the keys or fall along them. The middle key never gets more than
# {{on_line[:, 1].max():.2f}}, its share when the query is 0. With one number more each of the three has its turn.
#
# ## Positions, put into the scores
#
# [Page 5](05_positions.md) adds the place of a token to its vector. There is a second way in: [[relative positions]].
# To each score a number is added that depends on the distance alone, and is learned, one for each distance and head
# (Raffel et al., 2020, section 2.1):
#
# $$
# s_{ij} = \frac{1}{\sqrt d} \sum_c q_{ic}\, k_{jc} + r_{j - i}
# $$
#
# What is farther away than some distance, here 2, counts as that far. It is what `minattn train` does, and each of its
# heads starts with an eye on one neighbour, where a 4 is added and elsewhere nothing. The three tokens again, with two
# heads that have the same q and k:

# %%
relative = RelativePositions(heads=2, farthest=2)
r = relative.weight.data  # (5, H): distances -2, -1, 0, 1, 2
print("r of each head:", r.T.tolist())
place = np.arange(T)
distance = np.clip(place - place[:, None], -2, 2)  # (T, T): j - i
for head in range(2):
    with_r = softmax(s + r[distance + 2, head])
    engine = F.scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v), relative(T)[head])
    same = np.allclose(engine.data, with_r @ v, rtol=0, atol=1e-6)
    print(f"head {head} looks {with_r.round(2).tolist()}   engine the same: {same}")

# %% [markdown]
# The first head leans to the left, the second to the right; what q and k say still counts, and decides where there is
# no neighbour on that side. Training may change all of it.
#
# ## Questions
#
# 1. All keys are the same vector. What is the output of a token, whatever its query is?
#
# <details><summary>Answer</summary>
#
# All scores of a row are equal, so all weights are $1/T$, and the output is the plain mean of the values:
# {{attention(q, np.ones_like(k), v)[0][0].round(3).tolist()}} for each token of the first example. Nothing is chosen.
#
# </details>
#
# 2. Could a network without the factor $1/\sqrt d$ compute the same functions? What is the factor for, then?
#
# <details><summary>Answer</summary>
#
# It could: with the query matrix divided by $\sqrt d$ the scores are the same (above they differ by
# {{np.abs(x @ (wq / np.sqrt(d)) @ k.T - s).max():.1f}}), and this matrix is learned. The factor is about where the
# training begins. With it, freshly drawn matrices give scores of size 1, at which a query looks at many tokens and
# nearly all queries learn.
#
# </details>
#
# 3. The filling of a padded sentence holds NaN by mistake, in keys and in values. It is masked. What comes out?
#
# <details><summary>Answer</summary>
#
# {{attention(q, *(np.where(np.arange(T)[:, None] == 2, np.nan, a) for a in (k, v)), padding)[0][0].tolist()}}. The
# scores are replaced by $-\infty$, so the keys do no harm. But $0 \cdot \mathrm{NaN}$ is NaN: a weight of 0 is not
# the same as not being there. With any finite number the output would be right.
#
# </details>
#
# ## The exercise
#
# `minattn learn check split_heads`: carry the gradient back through `reshape` and `transpose`. The backward passes of
# the rest are on [page 7](07_attention_backward.md).
