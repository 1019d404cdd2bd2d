# %% [markdown]
# # 13. Training
#
# *What does a trained model do that an untrained one does not?*
#
# And which of its pieces is to thank for it? Each piece had its page. Here they stand in a row: once through in both
# directions, with numbers; then many times. The text is a small reader in simple English, its words cut into pieces of
# a vocabulary of 1000.

# %%
import numpy as np
from threadpoolctl import threadpool_limits

from minattn import Tensor, no_grad
from minattn import functional as F
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.optim import AdamW, clip_grad_norm_, learning_rate
from minattn.show.notebook import BLUE, GREEN, ORANGE, PURPLE, SKY, figure, show
from minattn.text import Batches, WordPiece, shipped
from minattn.training import HeldOut, load_data
from minattn.training.counting import BothNeighbours

threadpool_limits(1)  # more threads would add in another order, and round differently

tokenizer = WordPiece.load(shipped("en/tokenizer.json"))
data = load_data(shipped("reader.en.txt"), tokenizer, max_tokens=32)
V = tokenizer.vocab_size
print(f"{len(data.training)} sentences to train on, {len(data.held_out)} held out; V = {V}")

batch = Batches(data.training, tokenizer, 32, blanks=0.3, seed=0).at(0)
ids, mask, targets = batch.ids, batch.attention_mask, batch.targets
B, T = ids.shape
print(f"a batch: B = {B} sentences of up to T = {T} tokens, for example")
for i, y in zip(ids[0, :10], targets[0, :10], strict=True):
    print(f"  sees {tokenizer.pieces[i]:8} must give back {tokenizer.pieces[y]}")

# %% [markdown]
# {{batch.blanked.sum() / batch.scored.sum():.0%}} of the tokens of this batch were chosen as blanks. Of those, four in
# five become `[MASK]`, one in ten some other token, and one in ten stays: no token can be trusted blindly. All of them
# must come back: the visible ones are to be **copied**, the blanks to be **filled**.
#
# ## The whole model
#
# This is our reading of the source text's Figure 7-19, since the text at hand holds no picture, and what each of its
# boxes is called here.

# %% tags=["folded"]
boxes = [
    ("token ids", "WordPiece, Batches", "(B, T)", ""),
    ("embedding", "nn.Embedding", "(B, T, D)", "table (V, D)"),
    ("+ positions", "nn.PositionalEncoding", "(B, T, D)", ""),
    ("self-attention", "nn.EncoderBlock", "(B, T, D)", "q, k, v, out, …"),
    ("norm", "nn.LayerNorm", "(B, T, D)", "gain, shift (D,)"),
    ("de-embedding", "nn.DeEmbedding", "(B, T, V)", "weight (V, D)"),
    ("cross-entropy", "F.cross_entropy", "one number", ""),
]
drawing, axis = figure("Text to vectors to text, and the gradient back", height=4.6)
axis.axis("off")
axis.set(xlim=(0, 10), ylim=(-len(boxes) + 0.5, 1.1))
columns = (1.6, 4.75, 7.0, 8.9)
frame = {"boxstyle": "round,pad=0.4", "facecolor": "#E8F1F8", "edgecolor": BLUE}
for x, head in zip(columns, ("Figure 7-19", "in minattn", "gives", "learns"), strict=True):
    axis.text(x, 0.8, head, ha="center", va="center", weight="bold")
for row, words in enumerate(boxes):
    for x, word in zip(columns, words, strict=True):
        box = frame if x == columns[0] else None
        axis.text(x, -row, word, ha="center", va="center", bbox=box)
ways = (("forward", 0.1, 0.3, -6.3, BLUE), ("backward", 3.15, -6.3, -0.7, ORANGE))
for name, x, start, end, colour in ways:
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 2.5}
    axis.annotate("", xy=(x, end), xytext=(x, start), arrowprops=arrow)
    axis.text(x + 0.12, -3, name, rotation=90, color=colour, va="center")
show(drawing)

# %% [markdown]
# The same as code. Every station takes what the one before it gave:

# %%
D, HEADS = 48, 4


def new_model(seed=0, **changes):
    sizes = {"width": D, "layers": 1, "heads": HEADS, "hidden": D, "max_tokens": 32}
    config = ReconstructionConfig(V, dropout=0.0, **(sizes | changes))
    return ReconstructionModel(config, generator=np.random.default_rng(seed))


def cross_entropy(logits):
    return F.cross_entropy(logits.reshape(-1, V), targets.reshape(-1))


model = new_model()
stations = {
    "embedding": model.embedding,
    "+ positions": model.positions,
    "self-attention": lambda x: model.blocks[0](x, mask),
    "norm": model.norm,
    "de-embedding": model.de_embedding,
    "cross-entropy": cross_entropy,
}
passed = [ids]  # what goes into each station; the last is the loss
for station in stations.values():
    passed.append(station(passed[-1]))
loss = passed[-1].item()

print(f"loss {loss:.3f}, ln V = {np.log(V):.3f}")
print("the model's own:", abs(model.loss(ids, mask, targets).item() - loss) < 1e-5)

x = passed[2]  # the block of self-attention has four pieces, and two residual paths x + …
block = model.blocks[0]
y = x + block.attention(block.attention_norm(x), mask)
y = y + block.feed_forward(block.feed_forward_norm(y))
print("the block by hand:", np.allclose(y.data, passed[3].data, atol=1e-5))

# %% [markdown]
# The untrained model knows nothing yet: its loss is close to that of guessing evenly among all {{V}} tokens.
#
# ## And back
#
# In reverse, each station gets the gradient of what it gave, and hands on the gradient of what it took. On the way it
# leaves in its parameters what concerns them.

# %%
model.zero_grad()
gradient, sizes, lengths = None, {}, {}
for (name, station), x in zip(reversed(stations.items()), reversed(passed[:-1]), strict=True):
    if name == "embedding":  # ids have no gradient; it ends in the table
        station(x).backward(gradient)
        break
    leaf = Tensor(x.data, requires_grad=True)
    station(leaf).backward(gradient)
    gradient = leaf.grad
    sizes[name], lengths[name] = np.sqrt((x.data**2).mean()), np.linalg.norm(gradient)

print("into              shape           root mean square   length of the gradient")
for (name, size), x in zip(reversed(sizes.items()), passed[1:], strict=False):
    print(f"{name:17} {x.shape!s:15} {size:16.3f} {lengths[name]:24.4f}")

by_hand = [parameter.grad for parameter in model.parameters()]
model.zero_grad()
model.loss(ids, mask, targets).backward()
at_once = [parameter.grad for parameter in model.parameters()]
pairs = zip(by_hand, at_once, strict=True)
same = sum(np.allclose(one, other, rtol=1e-3, atol=1e-6) for one, other in pairs)
print(f"the same as loss.backward(): the gradients of {same} of {len(at_once)} parameters")

# %% [markdown]
# Read the gradient from the bottom up. The norm makes its vectors {{sizes["de-embedding"] / sizes["norm"]:.1f}} times
# as large, so it makes the gradient larger, too: {{lengths["norm"] / lengths["de-embedding"]:.1f}} times. The block
# adds what comes through its attention to what passes by on the residual path. Adding positions changes the vectors,
# and not the gradient.
#
# ## One step
#
# The length of the gradient in each part, and what AdamW makes of it in its first step:

# %%
RATE, STEPS = 0.01, 600  # the highest rate, and the steps of the training below


def part(name):
    names = ("de_embedding", "embedding", "norm", "attention", "feed_forward")
    return next(word for word in names if word in name)


def first_step(rate, reduction="mean"):
    """The gradients of the first step, the changes it makes, and the loss after it."""
    model = new_model()
    optimizer = AdamW(model.named_parameters(), rate, betas=(0.9, 0.98), weight_decay=0.0)
    loss = model.loss(ids, mask, targets)
    (loss if reduction == "mean" else loss * (targets >= 0).sum()).backward()
    before = {name: p.data.copy() for name, p in model.named_parameters()}
    gradients = {name: p.grad for name, p in model.named_parameters()}
    optimizer.step()
    changes = {name: p.data - before[name] for name, p in model.named_parameters()}
    return gradients, changes, model.loss(ids, mask, targets).item()


gradients, changes, _ = first_step(RATE)
print(f"rate {RATE}")
print("part             numbers   |gradient|   largest entry   median change")
for word in ("embedding", "attention", "feed_forward", "norm", "de_embedding"):
    g = np.concatenate([g.ravel() for name, g in gradients.items() if part(name) == word])
    d = np.concatenate([d.ravel() for name, d in changes.items() if part(name) == word])
    length, largest, moved = np.linalg.norm(g), np.abs(g).max(), np.median(np.abs(d[g != 0]))
    print(f"{word:15} {g.size:8,} {length:12.4f} {largest:15.4f} {moved:15.4f}")

in_batch = len(np.unique(ids[mask]))
moved = np.count_nonzero(np.abs(changes["embedding.weight"]).max(axis=1))
print(f"rows of the embedding that moved: {moved} of {V}; tokens that were seen: {in_batch}")

# %% [markdown]
# The gradients differ in size; the changes do not. AdamW divides the running mean of the gradient by the root of the
# running mean of its square. At the first step both know one gradient, so this is $g/|g|$: every number moves by the
# rate, up or down. A row of the embedding whose token was not in the batch has no gradient, and stays.
#
# Did the step do what the gradient promised? To first order the loss changes by the sum over all numbers of gradient
# times change.

# %% tags=["rough"]
for rate in (1e-4, 1e-3, 1e-2, 1e-1, 1.0):
    gradients, changes, after = first_step(rate)
    promised = sum(np.vdot(gradients[name], changes[name]) for name in gradients)
    print(f"rate {rate:6.4f}   promised {promised:9.4f}   measured {after - loss:9.4f}")

# %% [markdown]
# For small steps the promise is kept. From {{RATE}} on the loss falls by much less than promised, and at {{rate}} it
# rises: the gradient holds only nearby. So a training begins with small steps. Ours rises to {{RATE}} over the first
# tenth, then falls along a cosine to 0.
#
# ## The training
#
# Now {{STEPS}} such steps, each on another batch. From time to time we look at the first 128 of the held-out sentences,
# at visible tokens and blanks apart.

# %%
LOOKS = (0, 20, 40, 60, 80, 100, 150, 200, 300, 400, 500, 600)
EARLY = (40, 60, 100)
unseen = Batches(
    data.held_out, tokenizer, 128, blanks=0.15, seed=0, mask_only=True, shuffle=False
).at(0)
visible = unseen.scored & ~unseen.blanked


def look(model):
    """Loss, and share of right tokens: for the visible ones, and for the blanks."""
    with no_grad():
        logits = model(unseen.ids, unseen.attention_mask)
        right = logits.data.argmax(axis=-1) == unseen.targets
        seen = []
        for these in (visible, unseen.blanked):
            wanted = np.where(these, unseen.targets, -100).reshape(-1)
            loss = F.cross_entropy(logits.reshape(-1, V), wanted)
            seen.append((loss.item(), right[these].mean()))
    return seen


def train(seed=0, attends=True, at=LOOKS, **changes):
    model = new_model(seed, **changes)
    model.attend(attends)
    batches = Batches(data.training, tokenizer, 32, blanks=0.3, seed=seed)
    optimizer = AdamW(model.named_parameters(), betas=(0.9, 0.98))
    looks = [look(model)] if 0 in at else []
    for step in range(STEPS):
        batch = batches.at(step)
        model.loss(batch.ids, batch.attention_mask, batch.targets).backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = learning_rate(step, STEPS, RATE, warmup=STEPS // 10)
        optimizer.step()
        optimizer.zero_grad()
        if step + 1 in at:
            looks.append(look(model))
    return model, np.array(looks)  # (looks, visible or blank, loss or share)


trained, looks = train()

# %% tags=["rough"]
counts = np.bincount(np.concatenate([ids[1:-1] for ids in data.training]), minlength=V) + 1
log_p = np.log(counts / counts.sum())
commonness = -log_p[unseen.targets[unseen.blanked]].mean()

print("step   loss of a visible token   right   loss of a blank")
for step, ((loss_visible, copied), (loss_blank, _)) in zip(LOOKS, looks, strict=True):
    print(f"{step:4} {loss_visible:25.2f} {copied:7.0%} {loss_blank:17.2f}")
print(f"loss at the blanks, knowing only how common each token is: {commonness:.2f}")

# %% tags=["folded"]
drawing, (left, right) = figure(
    "Copying is learned at once, filling slowly, in part", columns=2
)
for i, (name, colour) in enumerate((("visible tokens", GREEN), ("blanks", PURPLE))):
    left.plot(LOOKS, looks[:, i, 0], "o-", markersize=3, color=colour, label=name)
    right.plot(LOOKS, 100 * looks[:, i, 1], "o-", markersize=3, color=colour, label=name)
left.axhline(commonness, color="grey", linestyle="--")
left.text(STEPS, commonness + 0.25, "how common each token is", ha="right", color="dimgrey")
left.set(title="Loss", xlabel="step", ylabel="nats a token", ylim=(0, 8))
right.set(title="Right tokens", xlabel="step", ylabel="%", ylim=(-3, 103))
left.legend(frameon=False, loc="center right")
show(drawing)

# %% [markdown] tags=["rough"]
# Two things are learned, one after the other. After {{LOOKS[5]}} steps {{looks[5, 0, 1]:.0%}} of the visible tokens
# come back. The loss at the blanks first falls to about {{commonness:.1f}}, what a model pays that knows only how
# common each token is, and stays near it for a while. To get far below that it must look at the other tokens, and that
# is slow.
#
# ## What was learned, beside what costs nothing
#
# A share says little without others beside it. So all held-out sentences are given to six: once whole, to be copied,
# and several times with blanks, to be filled.

# %% tags=["rough"]
held_out = HeldOut(data.held_out, tokenizer, blanks=0.15)
scores = held_out.compare(trained, new_model(), data.training)
print(held_out.table(scores))

# %% [markdown] tags=["rough"]
# **Copying shows nothing about attention.** With the attention switched off after training, the same model still gives
# back {{scores["trained, attention switched off"].copied:.0%}} of the tokens: the residual path carries each past it.
# At the blanks there is nothing to carry. There the model fills {{scores["trained"].blanks_filled:.0%}}; the commonest
# token everywhere is right at {{scores["commonest token"].blanks_filled:.0%}}.
#
# But a table of pairs, which token most often follows which, needs no gradient and fills
# {{scores["left neighbour's commonest successor"].blanks_filled:.0%}}. {{STEPS}} steps do not reach it.
# (`minattn train` takes more of them, and prints this table at its end.)
#
# ## What counting knows, and what attention adds
#
# The hardest row learns nothing either. *Both neighbours, counted* notes in the training text which tokens follow two
# others, and which come before two others. At a blank it multiplies what the two sides say,
#
# $$
# P(w \mid \text{left})\; P(w \mid \text{right}) \;/\; P(w)^{0.8},
# $$
#
# (divided because both sides know how common $w$ is, and it should count once; 0.8 did best on other sentences)
#
# and adds what stood between these two neighbours before. Where two tokens were seen too seldom, it asks one
# ([[smoothed counts|Kneser-Ney smoothing]]: Chen and Goodman, 1999, "An empirical study of smoothing techniques for
# language modeling").

# %% tags=["rough"]
counted = BothNeighbours(data.training, V)


def likely(text):
    """The three likeliest tokens at the blank of a text, by counting."""
    tokens = tokenizer.encode(text, blanks=True)
    at = tokens.index(tokenizer.mask_id)
    p = counted.between(tokens[at - 2 : at], tokens[at + 2 : at : -1])
    return ", ".join(tokenizer.pieces[i] for i in p.argsort()[:-4:-1])


for line in (
    "it was [MASK] to eat.",
    "my mother [MASK] a green cloth.",
    "they went [MASK] the river.",
):
    print(f"{line:32} {likely(line)}")

# %% [markdown] tags=["rough"]
# It fills {{scores["both neighbours, counted"].blanks_filled:.0%}}. Counting is exact about what it has seen, and knows
# nothing else: of `cat` it learns nothing from `dog`. Vectors are shared: what is learned of a token is learned of all
# that lie near it. And attention sees the whole sentence, where a count of more than three tokens would hardly ever be
# above 0. So with enough steps and layers a model gets ahead, just so: `minattn train`, with three layers, needs some
# minutes for it, and starts each head with its eye on one neighbour (`RelativePositions`), where the counts are.
#
# ## Attention, before and after
#
# Above, one sentence and one head, row by row: what does a token look at? The brighter, the more weight. Below, the
# mean over many held-out blanks, for each of the {{HEADS}} heads: how much weight does a blank give to what stands at a
# distance from it?

# %% tags=["folded"]
text = "my mother [MASK] a green cloth at the market."
sentence = np.array([tokenizer.encode(text, blanks=True)])
words = [tokenizer.pieces[i] for i in sentence[0]]
DISTANCES = np.arange(-4, 5)
rows, places = np.nonzero(unseen.blanked)
far = (places >= 4) & (places < unseen.attention_mask.sum(axis=1)[rows] - 4)  # from both ends
rows, places = rows[far], places[far]


def by_distance(model):
    """Mean attention weight (H, distances) from a blank to the token at each distance."""
    weights = model.attention_maps(unseen.ids, unseen.attention_mask)[0]  # (B, H, T, T)
    means = [weights[rows, :, places, places + d].mean(axis=0) for d in DISTANCES]
    return np.stack(means, axis=1)


models = {"untrained": new_model(), "trained": trained}
profiles = {name: by_distance(model) for name, model in models.items()}
beside = {name: profile[:, [3, 5]].sum(axis=1) for name, profile in profiles.items()}
sharpest = beside["trained"].argmax()

drawing, axes = figure(
    "Untrained, all look everywhere; trained, one looks beside", 2, 2, height=3.1
)
for (above, below), (name, model) in zip(axes.T, models.items(), strict=True):
    weights = model.attention_maps(sentence)[0][0, sharpest]
    image = above.imshow(weights, cmap="viridis", vmin=0, vmax=0.6, aspect="auto")
    above.grid(False)
    above.set(title=f"{name}, one head", xlabel="looked at", ylabel="looks")
    above.set_xticks(range(len(words)), words, rotation=90)
    above.set_yticks(range(len(words)), words)
    colours = (BLUE, ORANGE, GREEN, PURPLE)
    for h, (profile, colour) in enumerate(zip(profiles[name], colours, strict=True), 1):
        below.plot(DISTANCES, profile, "o-", markersize=3, color=colour, label=f"head {h}")
    below.set(title=f"{name}, each head", xlabel="distance from the blank", ylim=(0, 0.32))
    below.set(xticks=DISTANCES, ylabel="mean weight")
drawing.colorbar(image, ax=axes[0, 1])
axes[1, 0].legend(frameon=False, ncols=2, fontsize=8, handlelength=1, loc="upper right")
show(drawing)

# %% tags=["rough"]
print("weight on the two neighbours of a blank, in the head that gives them most")
for name in models:
    print(f"  {name:10} {beside[name].max():.2f}")

# %% [markdown]
# Nobody told a head to look next door. The loss at the blanks did: the table of pairs shows how much a neighbour says.
#
# ## What each part is worth
#
# The same training, as long, from the same seed, with one thing taken away. And once the whole model from another seed:
# differences as small as between those two mean nothing.

# %%
VARIANTS = {
    "other seed": {"seed": 1},
    "one head": {"heads": 1},
    "no residual": {"residual": False},
    "no positions": {"positions": "none"},
    "no attention": {"attends": False},
}
runs = {"whole model": (trained, looks[[LOOKS.index(step) for step in EARLY]])}
runs |= {name: train(at=EARLY, **changes) for name, changes in VARIANTS.items()}
results = {name: held_out.score(model) for name, (model, _) in runs.items()}


def commonest_at_each_place(batch):
    return np.broadcast_to(standing.argmax(axis=1)[: batch.ids.shape[1]], batch.ids.shape)


standing = np.zeros((32, V))  # how often each token stands at each place
for sentence in data.training:
    np.add.at(standing, (range(1, len(sentence) - 1), sentence[1:-1]), 1)
by_place = held_out.score_without_model(commonest_at_each_place).blanks_filled

# %% tags=["rough"]
early = {name: curve[:, 0, 1] for name, (_, curve) in runs.items()}
print("              copied after 40, 60, 100 steps   at the end   blanks filled")
for name, score in results.items():
    shares = "".join(f"{share:8.0%}" for share in early[name])
    print(f"{name:14} {shares} {score.copied:18.1%} {score.blanks_filled:15.1%}")

whole, other = (results[name].blanks_filled for name in ("whole model", "other seed"))
least = min(shares[2] for name, shares in early.items() if name != "no residual")
print("two seeds of the whole model are less than a point apart:", abs(whole - other) < 0.01)
for name in ("no residual", "no positions", "no attention"):
    print(f"{name}: more than two points lost:", whole - results[name].blanks_filled > 0.02)

# %% tags=["folded"]
drawing, (left, right) = figure(
    "All copy in the end; filling blanks needs every part", columns=2, sharey=True
)
rows = np.arange(len(results))
left.barh(rows, [100 * score.copied for score in results.values()], color=SKY)
for i, marker in ((1, "o"), (2, "D")):
    left.plot([100 * shares[i] for shares in early.values()], rows, marker, color="black")
after = f"● after {EARLY[1]} steps, ◆ after {EARLY[2]}"
left.set(title="Copied", xlabel=f"% of the tokens\n({after})", ylabel="what was trained")
left.set(xlim=(0, 103), ylim=(5.5, -1.2), yticks=rows, yticklabels=results)
right.barh(rows, [100 * score.blanks_filled for score in results.values()], color=PURPLE)
marks = {"commonest token": "commonest", "left neighbour's commonest successor": "pairs"}
for name, word in marks.items():
    share = 100 * scores[name].blanks_filled
    right.axvline(share, color="dimgrey", linestyle="--")
    right.text(share, -0.85, f" {word}", va="center")
right.set(title="Blanks filled", xlabel="% of the blanks", xlim=(0, 21))
show(drawing)

# %% [markdown] tags=["rough"]
# All six copy. At the blanks they differ:
#
# - **No attention**: {{results["no attention"].blanks_filled:.1%}}. A blank sees its own place and nothing else. With
#   that one can do no better than the token that is commonest there; counted, it is right at {{by_place:.1%}}.
# - **No positions**: {{results["no positions"].blanks_filled:.1%}}. A blank sees which tokens are in the sentence, in
#   no order, and all blanks of a sentence get the same guess. "Next door" means nothing.
# - **No residual paths**: {{results["no residual"].blanks_filled:.1%}}. After {{EARLY[2]}} steps it copies
#   {{early["no residual"][2]:.0%}}; the others copy at least {{least:.0%}}.
# - **One head** of width {{D}} in place of {{HEADS}} of width {{D // HEADS}}, as many parameters
#   ({{sum(p.size for p in trained.parameters()):,}}): {{results["one head"].blanks_filled:.1%}}. A single head has one
#   pattern of looking for everything.
#
# What may one conclude? The first three gaps are several times as large as the last, and each has a reason that one can
# name. That of the single head is a point or so, and two seeds do not tell how far apart seeds can be: it is a hint,
# which more seeds would have to confirm. And all of it holds for {{STEPS}} steps of one small model. The dashed line on
# the right is the table of pairs, and no bar reaches it. What a part is worth after long training, a short run cannot
# show.
#
# ## Without a residual path, what carries the token?
#
# It copied {{results["no residual"].copied:.1%}} in the end. The likely guess: each token looks at itself. Test it.
# Keep all that was learned, and change only where the tokens look.


# %%
def copied(model, change):
    """The share of visible tokens copied when the attention weights (B, H, T, T) are changed."""
    block, attention = model.blocks[0], model.blocks[0].attention
    x = model.positions(model.embedding(unseen.ids))
    normed = block.attention_norm(x)
    weights = change(attention.weights(normed, unseen.attention_mask))
    values = attention.split(attention.value(normed))
    y = attention.out(attention.merge(Tensor(weights) @ values))
    x = x + y if block.residual else y
    y = block.feed_forward(block.feed_forward_norm(x))
    x = x + y if block.residual else y
    guess = model.de_embedding(model.norm(x)).data.argmax(axis=-1)
    return (guess == unseen.targets)[visible].mean()


def as_learned(weights):
    return weights


def not_at_itself(weights):
    others = weights * (1 - np.eye(weights.shape[-1], dtype=np.float32))
    return others / others.sum(axis=-1, keepdims=True)


def all_rows_alike(weights):
    return np.broadcast_to(weights.mean(axis=2, keepdims=True), weights.shape)


# %% tags=["rough"]
print("copied, with attention       whole model   no residual")
for change in (as_learned, not_at_itself, all_rows_alike):
    shares = [copied(runs[name][0], change) for name in ("whole model", "no residual")]
    told = [f"{share:.1%}" if share > 0.05 else "below 5%" for share in shares]
    print(f"{change.__name__.replace('_', ' '):22} {told[0]:>17} {told[1]:>13}")

# %% [markdown]
# The whole model does not care: its tokens go by the residual path. The other one need not look at itself to copy. But
# when all tokens look in the same way, it copies nothing.
#
# A token that may not look at itself takes in values of other tokens; only the weights are its own. So it is the
# weights that carry it: each token spreads them in a pattern of its own, and what comes after reads from the mixture
# who asked. A map of attention shows where a token looks, and not what passes.
#
# ## Questions
#
# 1. The loss of a model is 0.7 nats a token, on sentences with 15 % blanks, all tokens counted. Is it nearly perfect?
#
# <details><summary>Answer</summary>
#
# No. Visible tokens cost almost nothing, so nearly all of it is at the blanks. With 15 of 100 tokens blank, one blank
# costs {{0.7 / 0.15:.1f}} nats: the right token has a probability of 1 in {{np.exp(0.7 / 0.15):.0f}}. Knowing only how
# common each token is costs {{commonness:.1f}} nats. A mean over easy and hard parts hides the hard ones.
#
# </details>
#
# 2. Take the sum of the loss over all tokens in place of the mean. What does AdamW's first step do then, and what would
#    plain gradient descent do?
#
# <details><summary>Answer</summary>
#
# AdamW does the same: gradient over size of gradient has no scale. The loss after the step is
# {{first_step(RATE)[2]:.3f}} with the mean and {{first_step(RATE, "sum")[2]:.3f}} with the sum. Gradient descent would
# take a step {{(targets >= 0).sum()}} times as long.
#
# </details>
#
# 3. After {{EARLY[0]}} steps the models without positions and without attention copy more than the whole one. Why? And
#    what would you conclude if you tested copying alone?
#
# <details><summary>Answer</summary>
#
# To copy, a token needs its own vector alone. Look at the table of sizes: the embedding gives vectors of size
# {{sizes["+ positions"]:.2f}}, positions make that {{sizes["self-attention"]:.2f}}, and the block
# {{sizes["norm"]:.2f}}. The model must first learn to read past what was added. A test of copying alone would call both
# harmful. A part must be tested where it is needed.
#
# </details>
#
# ## The exercise
#
# `minattn learn check training_step`: one whole step by hand, forward, backward, clipped, updated, of your own files
# from the exercises before. `minattn learn run training_step` then trains with them, until a sentence is restored.
#
# [The page of numbers](../docs/pages/training_step.html) opens in a browser (download it first, if you read this on
# the web): one step of a model of width 4, from the ids to the changed embedding table, with a tour of twelve stops.
# Change any number of it, and the loss, the gradients and the update follow. `minattn show "The old [MASK] slept."`
# makes it of your own run.
