# %% [markdown]
# # 14. Why vectors
#
# *Why does every token get a row of numbers, and why so few of them?*
#
# An id names a token, and so does a one-hot vector. On [page 4](04_embedding.md) every token got a row of $D$ numbers
# all the same, and training moved the rows. What for? Such rows are [[dense]]: all of their numbers are in use. They
# are [[continuous]]: there is something between two of them. And they are [[low-dimensional]]: a row has far fewer
# numbers than there are tokens. Each of the three buys something, and this page measures what.
#
# Nothing is trained here. The model lies in the folder `models/en`: one layer of width 128, which
# `minattn train --layers 1 --parts 1` made of the reader: longer, and in more detail fitted to blanks, than on
# [page 13](13_training.md). Beside it stands the same model as it was before its first step.

# %%
from dataclasses import replace
from pathlib import Path

import numpy as np

from minattn import Tensor, no_grad, open_run
from minattn import functional as F
from minattn.models import ReconstructionModel
from minattn.show.notebook import BLUE, GREEN, ORANGE, PURPLE, RED, figure, show
from minattn.text import Batches, shipped
from minattn.training import load_data

start = Path(__file__).parent if "__file__" in globals() else Path.cwd()
folders = [
    p / name for p in (start, *start.parents) for name in ("models", "walkthroughs/models")
]
run = open_run(next(folder / "en" for folder in folders if (folder / "en").is_dir()))

tokenizer, trained = run.tokenizer, run.model.double()
untrained = ReconstructionModel(trained.config, generator=np.random.default_rng(0)).double()
tables = {"untrained": untrained.token_table(), "trained": trained.token_table()}  # (V, D)
E = tables["trained"]
V, D = E.shape
pieces = np.array(tokenizer.pieces)  # (V,)
ids = {piece: i for i, piece in enumerate(tokenizer.pieces)}
print(f"{run.step:,} steps; V = {V:,} tokens, D = {D} numbers for each")

# %% [markdown]
# ## What one-hot vectors cannot do
#
# The other way to make a vector of a token: $V$ numbers, one of them 1. How far apart are two tokens then? Over all
# pairs of different tokens, the least and the greatest distance and cosine:

# %%
kinds = {"one-hot": np.eye(V)} | tables
others = ~np.eye(V, dtype=bool)


def unit(table):
    return table / np.linalg.norm(table, axis=1, keepdims=True)


cosines = {name: unit(table) @ unit(table).T for name, table in kinds.items()}  # (V, V) each

print("               distance          cosine")
for name, table in kinds.items():
    squares = (table**2).sum(axis=1)
    distance = np.sqrt((squares[:, None] + squares - 2 * table @ table.T)[others])
    cosine = cosines[name][others]
    print(f"{name:10} {distance.min():6.2f} to {distance.max():.2f}", end="   ")
    print(f"{cosine.min():6.2f} to {cosine.max():.2f}")

# %% [markdown]
# One-hot vectors are all $\sqrt 2$ apart, and all at right angles. `dog` is as far from `cat` as from a comma.
#
# Why that matters shows in the simplest thing that can be learned of a token: a matrix $M$ that makes outputs of its
# vector, $y = x M$. Take one step of gradient descent for the token `cat`, whose row is $c$. If $g$ is the gradient at
# its output, that of the matrix is $c^\top g$. What does the step do to the output of another token, whose row is $x$?
#
# $$
# x \, (M - \eta \, c^\top g) = x M - \eta \, (x \cdot c) \, g
# $$
#
# At `cat` itself the change is $-\eta \, (c \cdot c) \, g$. So of what is learned of `cat`, the token $x$ gets the
# share $(x \cdot c) / (c \cdot c)$. For rows of one length this is their cosine.

# %%
rng = np.random.default_rng(0)
cat = ids["cat"]
words = ("cat", "dog", "boy", "house", "under", "said", "the")
print(f"{'':10}", *(f"{word:>6}" for word in words))
derived = {}
for name, table in kinds.items():
    M, g = rng.normal(size=(table.shape[1], 3)), rng.normal(size=3)
    change = table @ (M - 0.1 * np.outer(table[cat], g)) - table @ M  # (V, 3)
    share = change[:, 0] / change[cat, 0]
    derived[name] = np.allclose(share, table @ table[cat] / (table[cat] @ table[cat]))
    print(f"{name:10}", *(f"{share[ids[word]]:6.2f}" for word in words))
print("measured as derived:", all(derived.values()))

# %% [markdown]
# With one-hot vectors nobody else gets anything: nothing that is learned of `cat` says anything of `dog`. A table of
# counts learns in that way, too. With untrained rows everybody gets a little, by chance, and often with the wrong sign.
# With the trained rows `dog` and `boy` get much and `said` next to nothing. `the`, which is used quite otherwise, gets
# some of the opposite.
#
# ## Dense: few numbers, all in use
#
# First the cost. Let the model work with one-hot vectors all the way, so that its width is $V$:

# %%
print("     V   vectors   numbers: a token      a matrix   table and layer")
for tokens in (V, 30_000):
    for name, width in (("one-hot", tokens), ("dense", D)):
        config = replace(trained.config, vocab_size=tokens, width=width, hidden=2 * width)
        table = tokens * width if name == "dense" else 0
        total = table + config.matrices()["layer"]
        print(f"{tokens:6,}   {name:9} {width:14,} {width**2:13,} {total:17,}")
print(f"zeros in the trained table: {(E == 0).sum()} of {E.size:,} numbers")
print(f"spread of its {D} columns: {E.std(axis=0).min():.2f} to {E.std(axis=0).max():.2f}")

# %% [markdown]
# A matrix costs as many multiplications for each token as it has numbers. (The lookup of page 4 avoids them for the
# first matrix only: behind it nothing is one-hot any more.) And of the numbers of a one-hot vector one in $V$ is not 0.
# In the table all are in use, and no column much more than another.
#
# Do they perhaps all say the same? If all rows lay along one line, one number each would do. Scale the rows to length 1
# and ask `svd` for the axes of the cloud: the first points where the rows reach furthest, the next is at right angles
# to it, and so on. The squares of its $s_k$ say how much of the cloud lies along each axis, and add up to $V$. The
# (Two facts of linear algebra are used here without proof: there always are such axes, and turning the coordinates to
# them changes no length.) The [[effective dimension]] is the number of axes that would be as many if all were equal:
#
# $$
# N = \frac{\big(\sum_k s_k^2\big)^2}{\sum_k s_k^4}
# $$
#
# It is also a statement about pairs. The table of all cosines is $U U^\top$, with $U$ (V, D) for the rows of length 1.
# Turned to the axes of `svd` it is diagonal, with the $s_k^2$ on the diagonal. Turning leaves the sum of the squares of
# all its numbers as it is, so $\sum_k s_k^4 = \sum_{ij} \cos_{ij}^2$, and
#
# $$
# N = \frac{V^2}{\sum_{ij} \cos_{ij}^2} = \frac{1}{\text{mean of } \cos^2 \text{ over all pairs}}
# $$

# %%
effective = {}
for name, table in kinds.items():
    s = np.linalg.svd(unit(table), compute_uv=False)
    effective[name] = (s**2).sum() ** 2 / (s**4).sum()
    same = np.isclose(effective[name], 1 / (cosines[name] ** 2).mean())
    print(f"{name:10} effective dimension {effective[name]:6.1f}   by pairs the same: {same}")

# %% [markdown]
# Random rows use the {{D}} axes nearly alike. The trained ones spread as if along {{effective["trained"]:.0f}}: all
# their numbers are in use, but training has given up room. Rows have moved together. Which ones? We shall see below.
#
# ## Continuous: a small step has a small effect
#
# Learning by gradients needs something that can be moved a little. Take the row of `mother`, and held-out sentences
# with that token and some blanks. On the left the row moves along its gradient. On the right the *id* moves: in place
# of {{ids["mother"]}} a number beside it.

# %%
data = load_data(shipped("reader.en.txt"), tokenizer, trained.config.max_tokens)
mother = ids["mother"]
some = [line for line in data.held_out if mother in line]
batch = Batches(some, tokenizer, len(some), 0.3, 3, mask_only=True, shuffle=False).at(0)
wanted = np.where(batch.blanked, batch.targets, -100)


def loss(row=E[mother], token=mother):
    """The loss at the blanks, with another row for `mother`, or another token in its place."""
    before = E[mother].copy()
    E[mother] = row
    changed = np.where(batch.ids == mother, token, batch.ids)
    with no_grad():
        found = trained.loss(changed, batch.attention_mask, wanted).item()
    E[mother] = before
    return found


trained.loss(batch.ids, batch.attention_mask, wanted).backward()
gradient = trained.embedding.weight.grad[mother]  # (D,)
along = gradient / np.linalg.norm(gradient)
steps, near = np.linspace(-1.5, 1.5, 31), np.arange(mother - 8, mother + 9)
row_moved = [loss(row=E[mother] + step * along) for step in steps]
id_moved = [loss(token=i) for i in near]

slope = (loss(row=E[mother] + 1e-4 * along) - loss(row=E[mother] - 1e-4 * along)) / 2e-4
print(f"{len(some)} sentences, {batch.blanked.sum()} blanks, loss {loss():.4f}")
print(f"slope along the gradient: measured {slope:.4f}, |g| = {np.linalg.norm(gradient):.4f}")
print("ids beside it:", ", ".join(pieces[i] for i in near[5:12]))

# %% tags=["folded"]
title = "A row can take a small step, an id cannot"
drawing, (left, right) = figure(title, columns=2, sharey=True)
left.plot(steps, row_moved, color=BLUE, linewidth=2, label="loss")
left.plot(steps, loss() + slope * steps, "--", color=ORANGE, label="what the gradient says")
left.set(title="The row moved", xlabel="step of the row along its gradient", ylim=(2.7, 4.9))
left.set_ylabel("loss at the blanks, nats")
left.legend(frameon=False, loc="upper left")
right.plot(near - mother, id_moved, "o", color=BLUE)
right.plot(0, loss(), "D", color=RED)
for word, place in (("mother", (6, -4)), ("father", (-38, -4))):
    at = ids[word] - mother, id_moved[ids[word] - near[0]]
    right.annotate(word, at, xytext=place, textcoords="offset points")
right.set(title="The id moved", xlabel="change of the id")
show(drawing)

# %% [markdown]
# A small step of the row has a small effect, and the gradient says which way is down. Among the ids one good guess lies
# {{mother - ids["father"]}} places away, and the id between does not tell. To find it one must try them all.
#
# Between two ids there is nothing; between two rows there is a way. Go from the row of `they` to that of `he`, and put
# what is there into a sentence, as its first word. (This model has [relative positions](06_attention_forward.md), so
# nothing is added to a row before the block.)

# %%
they, he = ids["they"], ids["he"]
sentence = np.array([tokenizer.encode("They [MASK] very tired.", blanks=True)])
ways = np.linspace(0, 1, 21)
x = np.repeat(trained.embedding(sentence).data, len(ways), axis=0)  # (ways, T, D)
x[:, 1] = np.outer(1 - ways, E[they]) + np.outer(ways, E[he])
with no_grad():
    p = F.softmax(trained.de_embedding(trained.blocks[0](Tensor(x))), -1).data  # (ways, T, V)
own, filled = p[:, 1], p[:, 2]
for i in range(0, len(ways), 4):
    best = [f"{pieces[w]} {filled[i, w]:.0%}" for w in filled[i].argsort()[:-4:-1]]
    first = pieces[own[i].argmax()]
    print(f"{ways[i]:.1f} of the way: first word {first:5} blank {', '.join(best)}")

# %% tags=["folded"]
title = "Between two rows the answers change without a jump"
drawing, (left, right) = figure(title, columns=2, sharey=True)
styles = ((BLUE, "-"), (ORANGE, "--"), (PURPLE, "-."), (GREEN, ":"))
for axis, shown, words in ((left, own, "they he"), (right, filled, "were was had are")):
    for word, (colour, style) in zip(words.split(), styles, strict=False):
        axis.plot(ways, shown[:, ids[word]], style, color=colour, linewidth=2, label=word)
    axis.set(xlabel="share of the way from they to he", ylim=(-0.03, 1.03))
left.set(title="At the first word", ylabel="probability")
left.legend(frameon=False, loc="center left")
right.set(title="At the blank behind it")
right.legend(frameon=False, loc="upper right")
show(drawing)

# %% [markdown]
# At its own place the vector is read as the one token or the other; the change is quick, but it is no jump. At the
# blank, *were* turns into *was* over the whole way. No sentence of the training text had such a word. The model answers
# all the same, because vectors that are near give answers that are near.
#
# ## Low-dimensional: no room to stand apart
#
# Now why so *few* numbers? One-hot vectors, with $V$ numbers each, all stand apart. In $D < V$ dimensions that is
# impossible. `svd` finds at most $D$ axes, so the effective dimension is at most $D$. (The square of a mean is never
# above the mean of the squares.) By the second formula for $N$ the mean of $\cos^2$ over all pairs is then at least
# $1/D$. The $V$ pairs of a row with itself have 1. What is left for the others?

# %%
least = (V / D - 1) / (V - 1)
print(f"the mean of cos² over pairs of different tokens is at least {least:.4f}")
for name, matrix in cosines.items():
    print(f"{name:10} {(matrix[others] ** 2).mean():.4f}")

# %% [markdown]
# So no row can be at right angles to all others, and what is learned of one reaches the rest. Untrained rows come close
# to the least there can be; there it is chance who gets how much, and a step for `cat` disturbs everybody a little.
# Training cannot do away with this. It can choose who is near whom: where what is right for the one is right for the
# other, too, nearness helps. The trained rows go much further than they must.
#
# Do they choose well? The [[nearest neighbour|nearest neighbours]] of a row are the rows with the largest cosine:

# %%
# the other tokens by their nearness to each, the nearest first and itself last, (V, V)
order = {name: np.argsort(3 * np.eye(V) - cosines[name], axis=1) for name in tables}

print(f"{'':10}{'untrained':28}trained")
for line in (
    "mother dog river morning red two went said was under",
    "on and the he very not ? . ##ing ##s",
):
    for word in line.split():
        three = [" ".join(pieces[order[name][ids[word], :3]]) for name in tables]
        print(f"{word:10}{three[0]:28}{three[1]}")

# %% [markdown]
# Picked examples prove little. So count, in the training text, which tokens stand directly to the left and to the right
# of each token. Two tokens are *used alike* if these counts are alike: as a number, the cosine of the square roots of
# the counts. (The roots keep the few commonest neighbours from deciding alone.) Now take all pairs of tokens that are
# about as common, and ask for the correlation between the cosine of their rows and the likeness of their use: 1 if they
# rise together along a line, 0 if the one says nothing of the other. And is a token's nearest row among the ten tokens
# that are used most like it? (By chance it would be so for one in a hundred.)

# %%
counts = np.bincount(np.concatenate(data.training), minlength=V)
beside = np.zeros((2, V, V))  # how often what stands to the left of a token, and to the right
for line in data.training:
    np.add.at(beside[0], (line[1:], line[:-1]), 1)
    np.add.at(beside[1], (line[:-1], line[1:]), 1)
met = np.flatnonzero((counts > 0) & (np.arange(V) > tokenizer.mask_id))  # no special ones
use = unit(np.sqrt(np.hstack([*beside])[met]))
alike = (use @ use.T).round(12) - 3 * np.eye(len(met))
ten = np.argsort(-alike, axis=1, kind="stable")[:, :10]


def correlation(name, these):
    """Between the cosines of rows and the likeness of use, over all pairs of these."""
    pairs = np.triu_indices(len(these), 1)
    rows, used = cosines[name][np.ix_(met[these], met[these])], alike[np.ix_(these, these)]
    return np.corrcoef(rows[pairs], used[pairs])[0, 1]


print("                            correlation        nearest is of the ten")
print("times in text   tokens   untrained  trained    untrained  trained")
for low, high in ((1, 4), (5, 19), (20, 49), (50, 199), (200, 9999)):
    these = np.flatnonzero((counts[met] >= low) & (counts[met] <= high))
    hits = [(met[ten[these]] == order[name][met[these], :1]).any(axis=1) for name in tables]
    print(f"{low:5} to {high:<5} {len(these):8}", end="")
    print("".join(f"{correlation(name, these):11.2f}" for name in tables), end="  ")
    print("".join(f"{hit.mean():10.0%}" for hit in hits))
words = np.flatnonzero((counts[met] >= 20) & ~np.char.startswith(pieces[met], "##"))
print(f"trained, {len(words)} tokens without ##: {correlation('trained', words):.2f}")

# %% [markdown]
# Before training the rows know nothing of use. After it, near rows are those of tokens that are used alike, and the
# more so, the more often a token was met. (The last line shows that the rows do not only tell words from parts of
# words.) For the rare ones it hardly holds: four places are too few to learn from, however often they are read.
#
# A map shows some of it. Its axes are the first two of `svd`, after the mean row has been taken away.

# %% tags=["folded"]
often = met[counts[met] >= 20]
groups = {
    "places": ("kitchen door house garden boat window road bridge", ORANGE, "o"),
    "took, gave, …": ("asked took gave found held kept turned felt", BLUE, "s"),
    "begin a word": ("tr st co sm sh ri su fo", GREEN, "^"),
    "end a word": ("##s ##ed ##ing ##es ##ves ##ets ##ch ##ars", PURPLE, "v"),
    "times": ("night evening morning winter summer sunday supper now", RED, "D"),
}
drawing, axes = figure(
    "Tokens used alike have moved together", columns=2, height=3.6, sharey=True
)
LABELS = {  # where the name of each group's first token stands
    "untrained": ((0.48, -0.1), (0.42, 0.35), (0.2, -0.5), (-0.42, 0.4), (0.5, -0.4)),
    "trained": ((0.47, 0.17), (-0.45, 0.17), (-0.3, 0.5), (-0.33, -0.5), (0.3, -0.45)),
}
held = {}
for axis, (name, table) in zip(axes, tables.items(), strict=True):
    cloud = unit(table[often]) - unit(table[often]).mean(axis=0)
    _, s, turned = np.linalg.svd(cloud, full_matrices=False)
    held[name] = (s[:2] ** 2).sum() / (s**2).sum()
    at = cloud @ turned[:2].T
    at *= np.sign(at[np.abs(at).argmax(axis=0), [0, 1]])  # an axis has no direction of its own
    axis.plot(*at.T, ".", color="0.8", markersize=3, rasterized=True)
    at = dict(zip(often, at, strict=True))
    for (group, drawn), place in zip(groups.items(), LABELS[name], strict=True):
        members, colour, marker = drawn
        points = np.array([at[ids[word]] for word in members.split()])
        axis.plot(*points.T, marker, color=colour, markersize=5, label=group)
        line = {"arrowprops": {"arrowstyle": "-", "color": "0.3", "shrinkB": 2}, "ha": "center"}
        axis.annotate(members.split()[0], points[0], place, va="center", **line)
    axis.set(title=name, xlabel="first axis", xlim=(-0.62, 0.62), ylim=(-0.62, 0.62))
axes[0].set_ylabel("second axis")
marks = axes[0].get_legend_handles_labels()
drawing.legend(*marks, loc="outside lower center", ncols=5, frameon=False, handletextpad=0)
show(drawing)

# %% [markdown]
# On the left the groups are scattered. On the right the first axis has places at one end and verbs such as `took` at
# the other; the second has beginnings and ends of words. Nobody gave the axes these meanings. But the map shows little:
# {{held["trained"]:.0%}} of the spread lies along its two axes ({{held["untrained"]:.0%}} before).
#
# ## What nearness is worth
#
# **First test.** Suppose nothing had been counted of what stands behind `dog`. What could others tell? Take the counts
# of its ten nearest rows, add them up and make probabilities of them, with a fifth of what is common everywhere mixed
# in. Here is the mean surprise at what really stands behind a token in held-out text, over all
# {{len(often)}} tokens that were met at least 20 times:

# %%
truly = np.zeros((V, V))
for line in data.held_out:
    np.add.at(truly, (line[:-1], line[1:]), 1)
common = beside[1].sum(axis=0) / beside[1].sum()


def surprise(p):
    """The mean surprise at what follows those tokens, p (tokens, V) or (V,)."""
    return -(truly[often] * np.log(np.maximum(p, 1e-5))).sum() / truly[often].sum()


def told_by(who):
    """What the counts of others say, who (tokens, k) -> (tokens, V)."""
    told = beside[1][who].sum(axis=1)
    return 0.2 * common + 0.8 * told / told.sum(axis=1, keepdims=True)


itself = 3 * np.eye(len(often))
closeness = {"ten others at random": rng.random(itself.shape)}
for name in tables:
    closeness[f"its ten nearest rows, {name}"] = cosines[name][np.ix_(often, often)]
told = {"how common each token is": surprise(common)}
for name, matrix in closeness.items():
    told[name] = surprise(told_by(often[np.argsort(itself - matrix, axis=1)[:, :10]]))
told["its own counts"] = surprise(told_by(often[:, None]))
for name, nats in told.items():
    print(f"{name:32} {nats:.2f} nats")
gained = told["how common each token is"] - told["its ten nearest rows, trained"]
possible = told["how common each token is"] - told["its own counts"]

# %% [markdown]
# Others taken at random, or by the untrained rows, mislead. The ten nearest trained rows bring the surprise down by
# {{gained:.1f}} nats, where the token's own counts would bring {{possible:.1f}}: a share of {{gained / possible:.0%}}
# of what counting can tell of a token, without having counted it.
#
# **Second test**, in the model itself. In held-out sentences take a blank and give the token to its left another row:
# the nearest to its own, the second nearest, and so on; that of `[MASK]`, as if it were hidden, too; or any. How well
# is the blank filled then?

# %%
lines = data.held_out[::2]
batch = Batches(lines, tokenizer, len(lines), 0.15, 0, mask_only=True, shuffle=False).at(0)
rows, at = np.nonzero(batch.blanked[:, 1:] & (batch.ids[:, :-1] > tokenizer.mask_id))
rows, first = np.unique(rows, return_index=True)  # one blank of a sentence
at = at[first]  # where the token to its left stands
blanks = np.zeros_like(batch.blanked)
blanks[rows, at + 1] = True
now = batch.ids[rows, at]


def loss_beside(tokens):
    """The loss at the blanks when these stand to the left."""
    changed = batch.ids.copy()
    changed[rows, at] = tokens
    with no_grad():
        logits = trained.logits(changed, batch.attention_mask, blanks)
    return F.cross_entropy(logits, batch.targets[blanks]).item()


tokens = {"its own row": now}
tokens |= {f"nearest row, number {k}": order["trained"][now, k - 1] for k in (1, 2, 10, 50)}
tokens |= {"[MASK]": tokenizer.mask_id, "nearest, untrained": order["untrained"][now, 0]}
tokens |= {"any row": rng.choice(often, len(now))}
left = {name: loss_beside(who) for name, who in tokens.items()}
print(f"{len(now)} blanks, and what stands to their left")
for name, nats in left.items():
    print(f"{name:24} {nats:.2f} nats")
worse = {name: nats - left["its own row"] for name, nats in left.items()}

# %% [markdown]
# The farther the row, the worse: {{worse["nearest row, number 1"]:.1f}} nats more with the nearest,
# {{worse["any row"]:.1f}} with any. But look at `[MASK]`. To hide the token costs
# {{worse["[MASK]"]:.1f}} nats. So a near token is better than a strange one by far, and hardly better than none. It
# cannot stand in for the one that was there.
#
# ## What vectors do not do
#
# **Calculate.** It is often shown that *king* − *man* + *woman* comes out near *queen*. This vocabulary has no `king`.
# With pairs that it has, go from one word of a pair to the other, and take the same way from the first word of another
# pair. Is the row nearest to where one arrives that of its second word?

# %%
pairs_of = {
    "he, she": "man woman boy girl father mother grandfather grandmother uncle aunt he she",
    "was, is": "was is went goes said says had has came comes were are",
}
U, columns = unit(E), ("right", "right, the three left out", "nearest to the third alone")
print(f"{'':18}", *columns, sep="   ")
for name, words in pairs_of.items():
    pairs = np.array([ids[word] for word in words.split()]).reshape(-1, 2)
    right = []
    for a, b in pairs:
        for c, d in pairs[pairs[:, 0] != a]:
            arrived, third = U @ (U[c] - U[a] + U[b]), U @ U[c]
            first = arrived.argmax() == d
            arrived[[a, b, c]] = third[[a, b, c]] = -3
            right.append((first, arrived.argmax() == d, third.argmax() == d))
    told = zip(np.sum(right, axis=0), columns, strict=True)
    print(f"{name}, {len(right)} times", *(f"{n:{len(c)}}" for n, c in told), sep="   ")

# %% [markdown]
# Right: never. Where one arrives, one of the given words is still the nearest. Demonstrations leave the three given
# words out of the search, mostly without saying so. Then many answers are right; but more are right without any
# calculation, by the row nearest to the third word. Larger models on more text may do better. It should still be shown
# beside what costs nothing.

# %%
never = np.flatnonzero((counts == 0) & (np.arange(V) != tokenizer.mask_id))
mine = [cosines["trained"][i, np.delete(never, k)].mean() for k, i in enumerate(never)]
between = cosines["trained"][np.ix_(never, often)].mean()
u, _, _ = np.linalg.svd(U, full_matrices=False)
commonness = np.corrcoef(u[:, 0], np.log(counts + 1))[0, 1]
print(f"cosine of opened and closed: {cosines['trained'][ids['opened'], ids['closed']]:.2f}")
print(f"never in the training text: {len(never)} tokens, such as {pieces[never[-1]]}")
print(f"mean cosine of two of them {np.mean(mine):.2f}, with those met often {between:.2f}")
print(f"first axis and logarithm of the count: correlation {abs(commonness):.2f}")
rotation, _ = np.linalg.qr(rng.normal(size=(D, D)))  # for question 1
turned = unit(E @ rotation) @ unit(E @ rotation).T
print("all rows turned alike, the cosines stay:", np.allclose(turned, cosines["trained"]))

# %% [markdown]
# **Mean.** Near is what is used alike. `opened` and `closed` are, and say the opposite.
#
# **Tell why they are near.** The table is tied ([page 9](09_deembedding.md)), so the scores move every row at every
# step. A token that never occurs is never right, and is pushed away from all that comes: such rows go one way together.
# They are near each other for want of any use; the cosine of 1.00 at the top of this page is that of `[PAD]` and
# `[UNK]`. And the first axis of the table, before a mean is taken away, says little more than how common a token is.
# `?` was met {{counts[ids["?"]]}} times; after `!` the nearest to it is `z`, which does not occur at all.
#
# ## Questions
#
# 1. Which of the {{D}} numbers of a row says that a token is a place?
#
# <details><summary>Answer</summary>
#
# None need do so. Turn all rows by the same rotation: all numbers change, and no cosine does, as the last line above
# shows. What is learned are directions, and one that means something is in general a mixture of all numbers, as the
# axes of the map are. (The matrices behind would have to be turned along. The layer norm could not: it works on the
# single numbers. So they are not wholly without a meaning of their own.)
#
# </details>
#
# 2. A lookup is the product of a one-hot vector with the table ([page 4](04_embedding.md)). So the model begins with
#    one-hot vectors, after all, and a step for `cat` moves the row of `cat` only. Where does the sharing begin?
#
# <details><summary>Answer</summary>
#
# Behind the table. All rows go through the same matrices, and there the formula of this page holds: a step for one row
# changes what is made of the others, by their dot products. The table decides who is near whom; the matrices share
# accordingly. (With tied weights the scores move the other rows as well.)
#
# </details>
#
# 3. A vocabulary has 30,000 tokens. How large is the root mean square of the cosines between different tokens at least,
#    with {{D}} numbers for each, and with 16?
#
# <details><summary>Answer</summary>
#
# The root of $(V/D - 1)/(V - 1)$: {{np.sqrt((30_000 / D - 1) / 29_999):.3f}} and
# {{np.sqrt((30_000 / 16 - 1) / 29_999):.3f}}. It hardly depends on $V$: the bound is about $1/\sqrt D$. Width is what
# keeps tokens apart, and thirty times as many tokens need hardly more of it.
#
# </details>
#
# ## The exercise
#
# None of the graded exercises belongs to this page; here is a task for your own run. Train one with `minattn train`, or
# take the Chinese one in `models/zh`. Choose ten tokens, and write down for each which three you expect to be nearest.
# Then open it with `minattn.open_run(folder)`; `model.token_table()` has the rows. For each surprise find the reason
# with the counts of this page: used alike, rare, or by chance? How the whole model uses these rows for one sentence is
# on [page 16](16_restoring.md).
