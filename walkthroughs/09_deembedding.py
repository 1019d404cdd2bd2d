# %% [markdown]
# # 9. De-embedding
#
# *How does a vector become a token again, and what does reconstruction prove?*
#
# [Page 4](04_embedding.md) turned tokens into vectors. At the end of the model there are vectors, and tokens are
# wanted: [[de-embedding]]. Which token is a vector? The nearest one. But near can mean three things, and that a token
# comes back proves less than one would think.
#
# Five tokens with rows of two numbers, so that all of it can be drawn, and a vector $x$ that is none of them:

# %%
import textwrap

import numpy as np

from minattn import Tensor, no_grad
from minattn.check import check_backward
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.nn import DeEmbedding, Embedding, Nearest, sinusoids
from minattn.optim import AdamW
from minattn.show.notebook import BLUE, GREEN, ORANGE, PURPLE, RED, figure, show
from minattn.text import Batches, WordPiece, read_pieces, shipped, split_pieces

tokens = ["dog", "cat", "runs", "sleeps", "the"]
W = np.array([[3.0, 1.0], [1.0, 1.0], [-1.0, 2.0], [-0.5, -1.5], [0.3, 0.2]])  # (V, D)
V, D = W.shape
x = np.array([0.5, 0.45])  # (D,)

# %% [markdown]
# ## Three ways to be near
#
# [[L2 distance|L2]] is the distance as a ruler measures it, smaller is better. Cosine compares directions. The dot
# product compares directions, and multiplies by the length of the row $e$:
#
# $$
# |x - e| \qquad \frac{x \cdot e}{|x|\,|e|} \qquad x \cdot e
# $$

# %%
lengths = np.linalg.norm(W, axis=1)  # (V,)
l2 = np.linalg.norm(x - W, axis=1)
cosine = W @ x / (lengths * np.linalg.norm(x))
dot = W @ x

print("token   length     L2  cosine    dot")
for v in range(V):
    print(f"{tokens[v]:7} {lengths[v]:6.2f} {l2[v]:6.2f} {cosine[v]:7.3f} {dot[v]:6.2f}")
best = {"l2": l2.argmin(), "cosine": cosine.argmax(), "dot": dot.argmax()}
print("nearest:", {kind: tokens[v] for kind, v in best.items()})
print("the engine's are the same:", Nearest(W)(x) == best)

# %% [markdown]
# Three answers. What sets them apart is the length of the rows. Take the square of the distance:
#
# $$
# |x - e|^2 = |x|^2 - 2 \left( x \cdot e - \tfrac{1}{2} |e|^2 \right)
# $$
#
# $|x|$ is the same for all tokens. So L2 ranks by $x \cdot e - |e|^2/2$: the dot product, less a price for length.
# Cosine ranks by $x \cdot e / |e|$. The dot product itself asks no price, and long rows win:

# %%
rng = np.random.default_rng(0)
X = rng.normal(0, 2, (10_000, D))  # vectors in all directions
for kind, winners in Nearest(W)(X).items():
    wins = np.bincount(winners, minlength=V) / len(X)
    print(f"{kind:7}", "  ".join(f"{tokens[v]} {wins[v]:4.0%}" for v in range(V)))

back = {kind: found == np.arange(V) for kind, found in Nearest(W)(W).items()}
print(
    "its own row gives the token back:", {kind: f"{b.sum()} of {V}" for kind, b in back.items()}
)

unit = W / lengths[:, None]
agree = Nearest(unit)(X)
print("with rows of length 1 all three agree:", (agree["l2"] == agree["dot"]).all())

# %% tags=["folded"]
drawing, axes = figure(
    "By dot product, rows between others win nowhere", columns=3, height=2.7, sharey=True
)
ends = (-2.2, 3.7, -2.4, 3.1)
across, up = np.linspace(*ends[:2], 160), np.linspace(*ends[2:], 150)
plane = np.stack(np.meshgrid(across, up), axis=-1)
GREY = "#555555"
colours = np.array(
    [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (BLUE, ORANGE, GREEN, PURPLE, GREY)]
)
for axis, (kind, winners) in zip(axes, Nearest(W)(plane).items(), strict=True):
    pale = (255 - (255 - colours[winners]) * 0.35).astype(np.uint8)
    axis.imshow(pale, extent=ends, origin="lower", aspect="auto", interpolation="nearest")
    axis.plot(*W.T, "ko", markersize=4)
    axis.plot(*x, "kx", markersize=7)
    for v, place in enumerate([(-10, 6), (-8, 6), (-9, 6), (-15, -13), (1, -12)]):
        axis.annotate(tokens[v], W[v], textcoords="offset points", xytext=place)
    axis.grid(False)
    axis.set(title=kind, xlabel="dimension 1")
axes[0].set_ylabel("dimension 2")
show(drawing)

# %% [markdown]
# Each vector of a coloured area becomes the token in it; $x$ is the cross. By cosine the areas are sectors. By dot
# product "cat" and "the" have none. They lie inside the triangle of the three others, so each is a mixture of those
# with weights $a_i \ge 0$ that add up to 1. Then $x \cdot e = \sum_i a_i \, x \cdot e_i$ is a mean, and a mean is never
# above the largest. No $x$ whatever gives "cat":

# %%
a = np.linalg.solve(np.vstack([W[[0, 2, 3]].T, np.ones(3)]), [*W[1], 1.0])
print("cat =", " + ".join(f"{a[i]:.3f} {tokens[v]}" for i, v in enumerate((0, 2, 3))))

# %% [markdown]
# ## Tied and own weights
#
# A model gives a score to every token, and softmax makes probabilities of them ([page 10](10_cross_entropy.md)). The
# scores are one matrix product and a bias, and there are two ways to have the matrix:
#
# - [[tied]]: the table itself, $x W^\top + b$. One table at both ends; nearest by dot product.
# - own: a second table $U$ of the same shape, $x U^\top + b$, random at first.
#
# The bias matters. With $b = -|e|^2/2$ a dot product ranks as L2 does, so training can set the price of length itself:

# %%
layer = Embedding(V, D, generator=rng)
layer.weight.set(W)
tied = DeEmbedding("tied", layer, generator=rng)
print("bias 0:      ", tokens[tied(Tensor(x)).data.argmax()])
tied.bias.set(-(lengths**2) / 2)
print("bias -|e|²/2:", tokens[tied(Tensor(x)).data.argmax()])

# %% [markdown]
# How many tokens of held-out sentences does a whole model give back before any training? Two layers of attention, the
# shipped vocabulary of 1,000 tokens:

# %% tags=["rough"]
tokenizer = WordPiece.load(shipped("en/tokenizer.json"))
training, held_out = (
    tokenizer.encode_batch(sentence for story in part for sentence in story.sentences)
    for part in split_pieces(read_pieces(shipped("reader.en.txt")))
)
held_out = Batches(held_out, tokenizer, 100, 0.15, seed=0, mask_only=True, shuffle=False).at(0)


def new_model(kind, std, **choices):
    size = tokenizer.vocab_size
    config = ReconstructionConfig(
        size, de_embedding=kind, embedding_std=std, dropout=0.0, **choices
    )
    return ReconstructionModel(config, generator=np.random.default_rng(0))


def shares(model):
    """The share of visible tokens that are copied, and of blanks that are filled."""
    with no_grad():
        found = model.de_embedding.nearest(model.encode(held_out.ids, held_out.attention_mask))
    right, blanked = found == held_out.targets, held_out.blanked
    return right[held_out.attention_mask & ~blanked].mean(), right[blanked].mean()


untrained = {
    (kind, std): shares(new_model(kind, std)) for kind, std in (("own", 1), ("tied", 1))
}
untrained["tied", 0.1] = shares(new_model("tied", 0.1))
for (kind, std), (copied, _) in untrained.items():
    print(f"{kind:4} rows of deviation {std:3}: {copied:7.2%} copied")

# %% [markdown] tags=["rough"]
# Own weights know nothing. Tied ones copy everything, if the random rows are large, and
# {{untrained["tied", 0.1][0]:.0%}} if they are ten times smaller. Nothing has been learned in either. Why does it work,
# and why does it fail?
#
# ## Random rows are nearly orthogonal
#
# Draw the numbers of all rows from a normal distribution with deviation 1 (the root of the variance). A row times
# itself is a sum of $D$ squares, about $D$. A row times another is a sum of $D$ products of random sign, which mostly
# cancel: about $\pm\sqrt D$. So the wider the rows, the further a row stands out among its products with the others:

# %%
V = 2000
print("   D   e·e     deviation of e·f    largest e·f of a row, / D")
for width in (4, 16, 64, 256, 1024):
    rows = rng.normal(size=(V, width))
    products = rows @ rows.T
    itself = products.diagonal().copy()
    np.fill_diagonal(products, -np.inf)
    largest = products.max(axis=1).mean()
    others = products[~np.eye(V, dtype=bool)].std()
    ratio = others / np.sqrt(width)
    print(
        f"{width:4} {itself.mean():6.1f} {others:8.1f} = √D × {ratio:.2f} {largest / width:10.2f}"
    )

# %% [markdown]
# The largest of $V$ such products is about $\sqrt{2 D \ln V}$ (a known result on normal numbers, used here without
# proof; the table bears it out). It stays below $D$ when
#
# $$
# D > 2 \ln V
# $$
#
# For 2,000 tokens that is {{2 * np.log(2000):.0f}}, for 30,000 it is {{2 * np.log(30_000):.0f}}. Room grows fast with
# the width: it takes no training to keep many tokens apart in it. (By L2 and cosine a row is nearest to itself at every
# width. The dot product needs the room.)
#
# Now a position $p$ is added, $x = e_i + p$. Token $i$ beats token $j$ by L2 when $|x - e_j|^2 - |x - e_i|^2$ is
# positive:
#
# $$
# |e_i - e_j|^2 + 2\, p \cdot (e_i - e_j) > 0
# $$
#
# Divide by $2 |e_i - e_j|$: the part of $p$ that points from $e_i$ to $e_j$ must be shorter than half of the way. Rows
# of deviation $\sigma$ are about $\sigma \sqrt{2D}$ apart. Sinusoids of size $s$ have the length $s \sqrt{D/2}$, of
# which typically $s/\sqrt 2$ points in a given direction, and $\sqrt{2 \ln V}$ times as much in the worst of $V$
# directions. So
#
# $$
# D > 2 \ln V \left( \frac{s}{\sigma} \right)^2
# $$
#
# Only the ratio of the two sizes counts:

# %% tags=["rough"]
widths = [8, 16, 32, 64, 128, 256, 512, 1024, 2048]
cases = ((1.0, 1.0), (0.1, 0.3), (0.1, 1.0), (0.02, 1.0))
comes_back = {}
print("σ     s     needed D   comes back at D =", *(f"{width:5}" for width in widths[::2]))
for sigma, s in cases:
    found = []
    for width in widths:
        rows = rng.normal(0, sigma, (V, width)).astype(np.float32)
        placed = (
            rows[::4] + (s * sinusoids(32, width)).astype(np.float32)[np.arange(V // 4) % 32]
        )
        ids = Nearest(rows, kinds=("l2",))(placed)["l2"]
        found.append((ids == np.arange(0, V, 4)).mean())
    comes_back[sigma, s] = found
    needed = 2 * np.log(V) * (s / sigma) ** 2
    shown = " ".join(f"{share:5.0%}" for share in found[::2])
    print(f"{sigma:<4}  {s:<3} {needed:9,.0f} {'':18} {shown}")

# %% tags=["folded"]
drawing, (left, right) = figure("Width keeps random rows apart, size protects them", columns=2)
for width, colour in ((8, ORANGE), (64, GREEN), (512, BLUE)):
    rows = rng.normal(size=(400, width))
    off = (rows @ rows.T)[~np.eye(400, dtype=bool)] / width
    counts, edges = np.histogram(off, 60, range=(-1.5, 1.5), density=True)
    left.plot((edges[1:] + edges[:-1]) / 2, counts, color=colour, label=f"D = {width}")
left.axvline(1, color="black", linewidth=1)
left.annotate("e · e", (1, 7), textcoords="offset points", xytext=(4, 0))
left.set(title="Products of random rows", xlabel="e · f / D", ylabel="density")
left.legend(frameon=False, loc="upper left")
for (sigma, s), colour in zip(cases, (BLUE, GREEN, ORANGE, RED), strict=True):
    label = f"σ {sigma:g}, s {s:g}"
    right.semilogx(widths, comes_back[sigma, s], "o-", color=colour, label=label, markersize=4)
    right.axvline(2 * np.log(V) * (s / sigma) ** 2, color=colour, linestyle=":", ymax=0.66)
right.plot([], [], "k:", label="D needed")
right.set(title="With positions", xlabel="width D", ylabel="share that comes back")
right.set(xlim=(7, 2500), ylim=(-0.03, 1.6), yticks=(0, 0.5, 1))
right.legend(frameon=False, ncols=2, loc="upper left", columnspacing=0.8, handlelength=1.2)
show(drawing)

# %% [markdown]
# The dotted lines are the widths that the formula asks for. Rows of deviation 0.02, a usual start, beside sinusoids of
# full size would need {{2 * np.log(2000) / 0.02**2:,.0f}} numbers each: the positions drown the tokens. So one of the
# two is scaled. The engine's defaults are $\sigma = 0.1$ and $s = 0.3$, the second line of the table.
#
# ## Through the layers
#
# How does the row get through two layers of random matrices? Ask after each stage for the nearest token:


# %% tags=["rough"]
def shares_by_stage(model):
    """The share of visible tokens that come back by L2 after each stage."""
    nearest, seen = Nearest(model.token_table(), kinds=("l2",)), held_out.attention_mask
    seen = seen & ~held_out.blanked
    states = [model.embedding(held_out.ids)]
    states.append(model.positions(states[-1]))
    for block in model.blocks:
        states.append(block(states[-1], held_out.attention_mask))
    states.append(model.norm(states[-1]))
    ids = [nearest(state.data)["l2"] for state in states]
    return [(found == held_out.ids)[seen].mean() for found in ids]


stages = ["table", "position", "layer 1", "layer 2", "norm"]
print(f"{'':22}", "".join(f"{stage:>10}" for stage in stages))
with no_grad():
    for std in (1.0, 0.3, 0.1):
        for residual in (True, False):
            name = f"σ {std}, {'' if residual else 'no '}residual"
            found = shares_by_stage(new_model("tied", std, residual=residual))
            print(f"{name:22}", "".join(f"{share:10.1%}" for share in found))

# %% [markdown]
# On the residual path every layer adds something to its input; a large row outlives what is added. Without that path a
# layer's output is all there is, and an untrained one says nothing of its token. So what comes back tells that the rows
# are far apart, compared with what was added to them. That is a statement about sizes.
#
# ## What reconstruction proves
#
# Own weights start at nothing, so that copying has to be learned. Is it then a proof that a model has learned a
# language? Train one on **random ids**: no sentence, no word, no order.

# %% tags=["rough"]
model = new_model("own", 0.1)
results = {"untrained": shares(model)}
optimizer = AdamW(model.named_parameters(), 3e-3)
for _ in range(150):
    ids = rng.integers(0, tokenizer.vocab_size, (32, 16))
    model.zero_grad()
    model.loss(ids, None, ids).backward()
    optimizer.step()
results["trained on random ids"] = shares(model)
model.attend(False)
results["the same, attention off"] = shares(model)

print(f"{'held-out sentences':26} copied  blanks filled")
for name, (copied, filled) in results.items():
    print(f"{name:26} {copied:6.1%} {filled:14.1%}")

# %% [markdown] tags=["rough"]
# It copies {{results["trained on random ids"][0]:.1%}} of the tokens of sentences that it has never seen the like of,
# and none needs another for that: the attention can be switched off. It has learned the inverse of a table.
#
# The right column is the test. At a blank the vector that enters is that of `[MASK]`, whatever word was there. Only the
# neighbours can tell, so only attention can bring it. A report on reconstruction should always show both columns, and
# beside them the untrained model, and the one with attention switched off. [Page 13](13_training.md) does, and
# [page 18](18_pretrained.md) asks real vectors.
#
# ## Two gradients into one table
#
# A tied table is used twice in a pass. Let $P$ stand for the positions, and leave the layers out:
#
# $$
# h = W_{id} + P \qquad s = h\, W^\top
# $$
#
# $g$ (T, V) is the gradient of the scores $s$. By the product rule each place where $W$ stands gives a gradient, with
# the other held fixed, and they add up:
#
# $$
# dW^{\text{out}} = g^\top h \qquad dh = g\, W \qquad dW^{\text{in}}_v = \sum_{t \,:\, id_t = v} dh_t \qquad
# dW = dW^{\text{out}} + dW^{\text{in}}
# $$
#
# $dW^{\text{in}}$ is the scatter-add of [page 4](04_embedding.md).

# %%
V, D, T = 5, 2, 4
ids, P = np.array([1, 4, 1, 2]), rng.normal(size=(T, D))


def scores(W, P):  # (V, D), (T, D) -> (T, V)
    return (W[ids] + P) @ W.T


def both_ways(g, W, P):
    dh = g @ W  # (T, D)
    dW = g.T @ (W[ids] + P)  # out: (V, D)
    np.add.at(dW, ids, dh)  # in
    return dW, dh


def one_way(g, W, P):
    return g.T @ (W[ids] + P), g @ W


print("both:", check_backward(scores, both_ways, [W, P]).verdict)
report = check_backward(scores, one_way, [W, P])
print(textwrap.fill(f"only out: {report.verdict}, {report.findings[0].told}", 90))

# %% [markdown]
# Which end teaches a row more? In the untrained model, take one batch, once with the table tied, once with own weights
# that hold the same numbers. Own weights keep the two gradients apart:

# %%
tied, own = new_model("tied", 0.1), new_model("own", 0.1)
own.load_state_dict(tied.state_dict(), strict=False)
own.de_embedding.weight.set(tied.embedding.weight.data)
batch = Batches(training, tokenizer, 32, 0.0, seed=0).at(0)
for model in (tied, own):
    targets = np.where(batch.attention_mask, batch.targets, -100)
    model.loss(batch.ids, batch.attention_mask, targets).backward()

into, out = own.embedding.weight.grad, own.de_embedding.weight.grad  # (V, D) each
difference = np.abs(tied.embedding.weight.grad - into - out).max() / np.abs(out).max()
print("the two add up to the tied table's:", difference < 1e-5)
counts = np.bincount(batch.ids[batch.attention_mask], minlength=tokenizer.vocab_size)
absent = counts == 0
length_in, length_out = (np.linalg.norm(part, axis=1) for part in (into, out))
print(f"{absent.sum()} of {tokenizer.vocab_size} tokens are not in the batch")
print(f"their gradient from the lookup: {length_in[absent].max():.0f}")
print("that from the scores is above 0 for all of them:", (length_out[absent] > 0).all())

# %% tags=["folded"]
drawing, axis = figure("Absent tokens learn too, from the output end")
shift = rng.uniform(-0.15, 0.15, counts.shape)
for lengths_of, colour, name in (
    (length_out, ORANGE, "from the scores"),
    (length_in, BLUE, "from the lookup"),
):
    axis.plot(
        counts + shift, lengths_of, ".", color=colour, markersize=4, label=name, rasterized=True
    )
axis.set(xlabel="times in the batch", ylabel="length of the row's gradient")
axis.set(xlim=(-0.5, 12.5), ylim=(-0.003, 0.16))
axis.legend(frameon=False)
show(drawing)

# %% [markdown]
# The lookup reaches only the tokens that are there. Through the scores every token is pushed at every step: those that
# are right at a position towards its vector, all others away from it, by their probability.
#
# ## Questions
#
# 1. A model scores by cosine, and softmax makes probabilities of the scores. The vocabulary has 1,000 tokens. How sure
#    can the model become?
#
# <details><summary>Answer</summary>
#
# Not very. The best case is a score of 1 for the right token and −1 for all others: $p = e / (e + 999\, e^{-1})$ is
# {{np.exp(1) / (np.exp(1) + 999 * np.exp(-1)):.2%}}, a loss of {{np.log(1 + 999 * np.exp(-2)):.2f}}. The other kinds
# can make their scores as large as they need. Cosines must be multiplied by a number first, say 20.
#
# </details>
#
# 2. Make all rows of a table ten times smaller, and $x$ stays. By which of the three can the nearest token change?
#
# <details><summary>Answer</summary>
#
# By L2 only. Cosine does not see lengths, and all dot products shrink tenfold. The price of length shrinks a
# hundredfold: the $x$ of this page, which was "{{tokens[best["l2"]]}}", becomes
# "{{tokens[Nearest(0.1 * W)(x)["l2"]]}}" for a table ten times smaller (and is
# "{{tokens[Nearest(10 * W)(x)["l2"]]}}" for one ten times as large), because then hardly
# any price is left and L2 ranks as the dot product does.
#
# </details>
#
# 3. Someone reports: "Our model restores 100 % of the tokens of held-out texts, so it understands them." Which two
#    numbers do you ask for?
#
# <details><summary>Answer</summary>
#
# The same share before training; and the share at blanks, beside that of the commonest token. Here the untrained model
# with a tied table of large rows has {{untrained["tied", 1][0]:.0%}} and {{untrained["tied", 1][1]:.0%}}.
#
# </details>
#
# ## The exercise
#
# `minattn learn check tied`: the two gradients of a tied table, with a $\tanh$ where the model stands.
