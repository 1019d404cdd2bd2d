# %% [markdown]
# # 5. Positions
#
# *Why is attention blind to order, and what does adding a position change?*
#
# The dog bites the man; the man bites the dog. The table of [page 4](04_embedding.md) gives both sentences the same
# vectors, and attention, as this page shows, treats them as a heap. What is missing is where each vector stands. It is
# added: to the vector of a token, the vector of its position. This is [[positional encoding]].

# %%
import numpy as np

from minattn import no_grad
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.nn import sinusoids
from minattn.optim import AdamW, clip_grad_norm_, learning_rate
from minattn.show.notebook import BLUE, GREEN, ORANGE, RED, draw_matrix, figure, show
from minattn.text import Batches, WordPiece, read_pieces, shipped, split_pieces

T, D = 64, 32

# %% [markdown]
# ## Clocks
#
# Position $t$ gets D numbers, in pairs. Pair $i$ is the hand of a clock that turns by its [[frequency]] $\omega_i$ from
# each position to the next; its sine and cosine are the two numbers:
#
# $$
# p_{t,2i} = \sin(\omega_i t) \qquad p_{t,2i+1} = \cos(\omega_i t) \qquad \omega_i = 10000^{-2i/D}
# $$
#
# $\omega_0 = 1$: the first hand turns once in $2\pi$, about 6 positions. The last hardly moves.

# %%
omega = 10000.0 ** (-np.arange(0, D, 2) / D)  # (D/2,)
angles = np.arange(T)[:, None] * omega  # (T, D/2)
P = np.empty((T, D))
P[:, 0::2], P[:, 1::2] = np.sin(angles), np.cos(angles)

print("the first two pairs:")
print(P[:4, :4].round(2))
print("the engine's table is the same:", np.allclose(P, sinusoids(T, D), rtol=0, atol=1e-12))
print(f"a turn takes {2 * np.pi / omega[0]:.1f} positions in the first pair,", end=" ")
print(f"{2 * np.pi / omega[-1]:,.0f} in the last")

# %% tags=["folded"]
drawing, (left, right) = figure("Every position has a pattern of its own", columns=2)
image = draw_matrix(left, P, "")
left.set(title="The table", xlabel="column", ylabel="position")
left.set_xticks(range(0, D, 8), range(0, D, 8))
left.set_yticks(range(0, T, 16), range(0, T, 16))
drawing.colorbar(image, ax=left)
for column, colour in ((0, BLUE), (6, ORANGE), (12, GREEN), (20, RED)):
    right.plot(P[:, column], color=colour, label=f"{column}")
right.set(title="Four of its columns", xlabel="position", ylabel="value", ylim=(-1.1, 2.1))
right.legend(frameon=False, ncols=2, loc="upper right", title="column")
show(drawing)

# %% [markdown]
# It is often said, and the source text says it too, that each position has a frequency of its own. Each **pair of
# dimensions** has one, and all positions share the {{len(omega)}} of them. What a position has of its own are the
# angles.
#
# ## Dot products know only the distance
#
# The layer that comes next, attention, compares vectors by their [[dot product]]: the sum of the products, number by
# number. For two positions $s$ and $t$, pair by pair:
#
# $$
# \sin(\omega s) \sin(\omega t) + \cos(\omega s) \cos(\omega t) = \cos(\omega (s - t))
# $$
#
# This is the subtraction rule of the cosine. Summed over the pairs:
#
# $$
# p_s \cdot p_t = \sum_i \cos(\omega_i (s - t))
# $$
#
# Only $s - t$ is left. And since cosine is even, $t - s$ gives the same: a neighbour on the left looks like one on the
# right.

# %%
dots = P @ P.T  # (T, T)
by_distance = np.cos(np.arange(T)[:, None] * omega).sum(axis=1)  # (T,)
distance = np.abs(np.arange(T)[:, None] - np.arange(T))  # (T, T)

rises = np.flatnonzero(np.diff(by_distance) > 0) + 1  # distances with more than the one before
rise = rises[0]

print("equal for all pairs:", np.allclose(dots, by_distance[distance], rtol=0, atol=1e-11))
print("p_s · p_s:", by_distance[0], "= D/2, so all rows have one length")
print("distance  ", *(f"{k:6}" for k in (0, 1, 2, 3, 4, 5, 6, 12)))
print("p_s · p_t ", *(f"{by_distance[k]:6.2f}" for k in (0, 1, 2, 3, 4, 5, 6, 12)))

# %% [markdown]
# One often reads: the nearer, the larger. At first it is so. But at a distance of {{rise}} the dot product is larger
# than at {{rise - 1}}: the fast hands have come round again.
#
# How can a model tell left from right then? A step of $k$ positions turns each hand by $\omega_i k$, wherever it was. A
# turn is a matrix, the same for all $t$: $p_{t+k} = R_k p_t$. Attention multiplies with learned matrices before it
# compares. One that holds a turn makes the position to the left the most alike:

# %%


def turn(k):  # (D, D): two rows and two columns for each hand
    R = np.zeros((D, D))
    for i, w in enumerate(omega):
        c, s = np.cos(w * k), np.sin(w * k)
        R[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[c, s], [-s, c]]
    return R


print("p_(t+3) = R_3 p_t:", np.allclose(P[3:], P[:-3] @ turn(3).T, rtol=0, atol=1e-12))
turned = (P @ turn(-1).T) @ P.T  # the left factor turned back by one, the right as it is
print("most alike to position 10, 20, 30:", turned[[10, 20, 30]].argmax(axis=1))
other = np.random.default_rng(0).normal(size=(2, D, D)) / D**0.5
random = (P @ other[0].T) @ (P @ other[1].T).T
print("with random matrices, positions one apart:", random.diagonal(1)[:5].round(1))

# %% tags=["folded"]
drawing, (left, right) = figure("Near positions have large dot products", columns=2)
image = draw_matrix(left, dots, "")
left.set(title="All pairs", xlabel="position t", ylabel="position s")
left.set_xticks(range(0, T, 16), range(0, T, 16))
left.set_yticks(range(0, T, 16), range(0, T, 16))
drawing.colorbar(image, ax=left)
right.plot(np.arange(-30, 34), dots[30], color=BLUE, linewidth=2, label="plain")
right.plot(np.arange(-30, 34), turned[30], color=ORANGE, label="turned by one")
right.set(
    title="By distance", xlabel="t − s", ylabel="dot product", xlim=(-14, 14), ylim=(8, 21)
)
right.legend(frameon=False)
show(drawing)

# %% [markdown]
# With random matrices, as at the start of a training, the score depends on the place too, or the last line printed
# above would show one number five times. That attention sees distances is something a model can learn. It is not given.
#
# ## The experiment: take the positions away
#
# Attention compares each vector with all others, makes weights of the dot products by a softmax, and takes the mean of
# the vectors with these weights. In this barest form it is $y = \mathrm{softmax}(x x^\top) \, x$, with the softmax
# taken row by row ([page 6](06_attention_forward.md) says why one would want that). Put the rows of $x$ (T, D) into
# another order; on paper, multiply by a [[permutation]] matrix $\Pi$, whose inverse is $\Pi^\top$:
#
# $$
# \mathrm{softmax}(\Pi x x^\top \Pi^\top) \, \Pi x = \Pi \, \mathrm{softmax}(x x^\top) \, \Pi^\top \Pi x = \Pi y
# $$
#
# The rows of $y$ come in the new order, and are otherwise the same. All else in our model treats each row by
# itself, as the pages to come show. So the whole model must do the same:


# %%
def attend(x):  # (T, D) -> (T, D)
    weights = np.exp(x @ x.T)
    return weights / weights.sum(axis=1, keepdims=True) @ x


x = np.random.default_rng(0).normal(size=(5, 3))
shuffled = [3, 0, 4, 1, 2]
print(
    "bare attention permutes:",
    np.allclose(attend(x[shuffled]), attend(x)[shuffled], rtol=1e-12),
)
for name, rows in (("without", x), ("with", x + P[:5, :3])):
    alone = [np.exp(row @ rows.T) / np.exp(row @ rows.T).sum() @ rows for row in rows]
    print(
        f"each row by itself, {name} positions:", np.allclose(attend(rows), alone, rtol=1e-12)
    )

tokenizer = WordPiece.load(shipped("en/tokenizer.json"))


def new_model(kind, seed=0, **choices):
    config = ReconstructionConfig(
        vocab_size=tokenizer.vocab_size, positions=kind, dropout=0.0, **choices
    )
    return ReconstructionModel(config, generator=np.random.default_rng(seed))


def logits_of(model, ids):
    with no_grad():
        return model(ids[None]).data[0]  # (T,) -> (T, V)


ids = np.array(
    tokenizer.encode("The old dog [MASK] the man and the cat [MASK] the red bird.", blanks=True)
)
blanks = np.flatnonzero(ids == tokenizer.mask_id)
order = np.random.default_rng(1).permutation(len(ids))
print(f"{len(ids)} tokens, blanks at {blanks[0]} and {blanks[1]}")
print("new order:", " ".join(tokenizer.pieces[i] for i in ids[order]))

scores = {}
for kind in ("none", "sinusoidal"):
    model = new_model(kind)
    scores[kind] = logits_of(model, ids)
    model.double()
    moved = np.abs(logits_of(model, ids[order]) - logits_of(model, ids)[order]).max()
    one, two = scores[kind][blanks]
    print(f"{kind:11} the output permutes: {moved < 1e-12!s:6}", end="")
    print(f"the two blanks are equal to 1e-5: {np.abs(one - two).max() < 1e-5}")

# %% tags=["folded"]
drawing, axes = figure(
    "Without positions, two blanks get the same scores", columns=2, sharey=True
)
for axis, (kind, logits) in zip(axes, scores.items(), strict=True):
    first, second = logits[blanks][:, ::4]  # every fourth token of the vocabulary
    axis.plot(first, second, ".", color=BLUE, markersize=4, rasterized=True)
    axis.set(title=f"positions: {kind}", xlabel="logit at the first blank")
axes[0].set_ylabel("logit at the second blank")
show(drawing)

# %% [markdown]
# The two lines "each row by itself" say what is often mixed up: that attention can be computed for all tokens at once
# is **not** owed to positional encoding. No row waits for another, with positions or without. The encoding gives back
# what is lost with the waiting, the order.
#
# The model is blind to order: a sentence is a bag of tokens to it, and the two blanks get one answer. No training
# helps, since this holds for any weights. With positions both are over.
#
# Are the two then equal bit for bit? On paper they are. In floating point it depends on how sums are added up.
# Here are sentences of nothing but blanks between their two ends, in the model without positions:

# %% tags=["timed"]
model = new_model("none")
for tokens in (13, 14, 15, 16):
    row = np.full(tokens, tokenizer.mask_id)
    row[[0, -1]] = tokenizer.cls_id, tokenizer.sep_id
    logits = logits_of(model, row)[1:-1]
    different, apart = len(np.unique(logits, axis=0)), np.abs(logits - logits[0]).max()
    print(f"{tokens} tokens: versions of the logits {different}, apart by at most {apart:.1e}")

# %% [markdown]
# Libraries take the rows of a product in groups, and what is left over in another way, which adds the same numbers in
# another order. So the last bits may differ, by no more than rounding; which do depends on the library and the machine.
#
# ## Learned against sinusoidal
#
# The table of positions can also be a parameter, as the table of tokens is: random and small at first, then learned.
# Row $t$ is added at place $t$ of every sentence, so its gradient is the sum over the batch of the upstream gradients
# there; a row beyond the longest sentence gets 0. Which is better? A small model, the shipped reader, a tenth of it
# held out. 15 % of the tokens are blanked out, and the loss is the mean cross-entropy at the blanks. Each kind is
# trained twice, with two seeds.

# %% tags=["rough"]
steps, highest = 300, 1e-2
training, held_out = (
    tokenizer.encode_batch(sentence for story in part for sentence in story.sentences)
    for part in split_pieces(read_pieces(shipped("reader.en.txt")))
)


def blank_loss(model, batch, low=0, high=T):
    """The mean loss over the blanks at positions low to high - 1."""
    places = np.arange(batch.ids.shape[1])
    counted = batch.blanked & (places >= low) & (places < high)
    return model.loss(
        batch.ids, batch.attention_mask, np.where(counted, batch.targets, -100)
    )  # -100: not counted


def train(kind, seed):
    model = new_model(kind, seed, width=D, layers=1, hidden=2 * D)
    optimizer = AdamW(model.named_parameters(), highest, betas=(0.9, 0.98))
    batches = Batches(training, tokenizer, batch_size=32, blanks=0.15, seed=seed)
    losses = []
    for step in range(steps):
        model.zero_grad()
        loss = blank_loss(model, batches.at(step))
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = learning_rate(
            step, steps, highest, warmup=steps // 10
        )
        optimizer.step()
        losses.append(loss.item())
    return model, losses


def held_out_loss(model, sentences, low=0, high=T):
    batches = Batches(
        sentences, tokenizer, len(sentences), 0.15, seed=0, mask_only=True, shuffle=False
    )
    with no_grad():
        return blank_loss(model, batches.at(0), low, high).item()


kinds = ("none", "sinusoidal", "learned")
trained = {kind: [train(kind, seed) for seed in (0, 1)] for kind in kinds}
short = {
    kind: [held_out_loss(model, held_out) for model, _ in pair]
    for kind, pair in trained.items()
}
print("loss at held-out blanks")
for kind, losses in short.items():
    print(f"{kind:11} {losses[0]:.2f} and {losses[1]:.2f}")

# %% [markdown]
# To know the order is worth something. Which of the two tables says it matters much less: the two are about as far
# apart as two seeds. ([Page 13](13_training.md) trains for longer.)
#
# What did the learned table learn? Compare its rows by their [[cosine]], the dot product divided by the two lengths (1
# for the same direction, 0 at a right angle), over the positions that sentences have:

# %% tags=["rough"]
longest = max(map(len, training))
table = trained["learned"][0][0].positions.weight.data  # (M, D)


def cosine_by_distance(rows, most=12):
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return [np.diagonal(rows @ rows.T, k).mean() for k in range(most)]


found = {"learned": cosine_by_distance(table[1:20]), "sinusoidal": cosine_by_distance(P[1:20])}
sizes = np.linalg.norm(table, axis=1)
used, rest = sizes[1:longest].mean(), sizes[longest:].mean()
print(f"mean length of rows 1 to {longest - 1}: {used:.1f}; of the rest: {rest:.1f}")

# %% tags=["folded"]
drawing, (left, right) = figure("Order helps; learned rows find out what is near", columns=2)
for kind, colour, style in zip(kinds, (RED, BLUE, GREEN), ("-", "-", "--"), strict=True):
    mean = np.mean([losses for _, losses in trained[kind]], axis=0)
    left.plot(
        np.arange(25, steps + 1, 25),
        mean[: steps // 25 * 25].reshape(-1, 25).mean(axis=1),
        style,
        color=colour,
        label=kind,
    )
left.set(title="Training", xlabel="step", ylabel="loss at the blanks", ylim=(5.2, 6.6))
left.legend(frameon=False)
for kind, colour in (("sinusoidal", BLUE), ("learned", GREEN)):
    right.plot(found[kind], "o-", color=colour, label=kind)
right.set_xticks(range(0, 12, 2))
right.set(title="Rows of the table", xlabel="distance", ylabel="mean cosine", ylim=(-0.6, 1.05))
right.legend(frameon=False)
show(drawing)

# %% [markdown]
# Nobody told it that position 7 lies beside position 8. It began with random rows, and near positions have become
# alike, because they are of like use.
#
# But rows beyond the longest sentence are as they were made, small and random. That is the usual argument for
# sinusoids: they have a row for every position. Is it enough to have a row? Held-out sentences, four joined to one, and
# the loss at the blanks by place. Training has seen positions 0 to {{longest - 1}}:

# %% tags=["rough"]
groups = [held_out[i : i + 4] for i in range(0, len(held_out), 4)]
joined = [[token for ids in group for token in ids[1:-1]][: T - 2] for group in groups]
joined = [[tokenizer.cls_id, *ids, tokenizer.sep_id] for ids in joined if len(ids) == T - 2]

places = ((1, longest), (longest, T))
beyond = {
    kind: [[held_out_loss(model, joined, *place) for place in places] for model, _ in pair]
    for kind, pair in trained.items()
}
print(f"positions     1 to {longest - 1}         {longest} to {T - 1}")
for kind, ((near, far), (near2, far2)) in beyond.items():
    print(f"{kind:11} {near:.2f} and {near2:.2f}  {far:.2f} and {far2:.2f}")

# %% [markdown]
# A row is not enough. At positions that training has never shown, the model with sinusoids does worse than the one that
# has no positions at all; how much worse depends on the seed. It has learned what to do with hands in certain places,
# and now they stand in others. The learned rows that were never used are nearly zero, so they do little: the model is
# left without positions there. And even at known positions the gain is gone: four sentences in a row are not what
# positions were learned on.
#
# This is a small model and a short training. But do not expect a longer text to work because a formula goes on.
#
# ## Questions
#
# 1. Shuffle the tokens of every sentence, in training and in the test, blanks and targets with them. What happens to
#    the loss of the model without positions? And can it learn to copy a sentence that has no blanks?
#
# <details><summary>Answer</summary>
#
# Nothing: each output moves with its token, and the mean over the places is the same. It can copy: a token that goes in
# at a place must come out at that place, and for this no token needs to know where it is. Copying is no test of
# positions; blanks are.
#
# </details>
#
# 2. What attention compares is not $p_s$ with $p_t$, but $x_s + p_s$ with $x_t + p_t$, where $x$ are the vectors of the
#    tokens. Take the plain dot product of the two. What of it depends on the distance alone?
#
# <details><summary>Answer</summary>
#
# There are four terms, $x_s \cdot x_t + x_s \cdot p_t + p_s \cdot x_t + p_s \cdot p_t$. Only the last depends on the
# distance alone; the two in the middle depend on a token and a place. That is one reason why many later models put the
# turn into the comparison itself, instead of adding a vector.
#
# </details>
#
# 3. With D = 2 there is one clock, the fast one. Which position looks nearly like position 0? Why is it no trouble with
#    D = {{D}}?
#
# <details><summary>Answer</summary>
#
# After 44 steps the hand has turned {{44 / (2 * np.pi):.3f}} times: the cosine between the two positions is
# {{np.cos(44):.4f}}. (After 6 steps it is {{np.cos(6):.2f}}.) With D = {{D}} the other hands stand elsewhere by then:
# {{by_distance[44] / by_distance[0]:.2f}}. The fast hands tell neighbours apart, the slow ones tell the turns apart, as
# the hands for minutes and hours do.
#
# </details>
#
# ## The exercise
#
# `minattn learn check positions`: write the table. `minattn learn check learned_positions`: the backward pass of a
# learned one, with the rows that no sentence was long enough to use.
