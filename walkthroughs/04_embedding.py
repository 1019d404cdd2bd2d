# %% [markdown]
# # 4. Tokens to vectors
#
# *Why is a lookup the same as a product with one-hot rows, and what does backward do?*
#
# An id is a name. Nothing can be computed with it: token 5 is not more than token 2. So every token of the vocabulary
# gets a row of numbers, a vector, in a table $W$ of shape (V, D): V tokens, D numbers for each; D is the [[width]]. The
# rows are random at first and are learned. To look them up is the [[embedding]]: a sentence of T tokens becomes T
# vectors, $y$ of shape (T, D).

# %%
import textwrap
import time

import numpy as np

from minattn import Tensor
from minattn import functional as F
from minattn.check import check_backward
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.ops import Embedding
from minattn.optim import SGD, Adam, AdamW
from minattn.show.notebook import BLUE, GREEN, ORANGE, RED, draw_matrix, figure, show
from minattn.text import Batches, WordPiece, read_pieces, shipped

rng = np.random.default_rng(0)
V, D = 6, 3
W = rng.normal(size=(V, D)).round(1)  # (V, D)
ids = np.array([2, 0, 2, 5])  # (T,): token 2 occurs twice
T = len(ids)

# %% [markdown]
# ## Two ways to the same vectors
#
# On paper, a token is a one-hot vector: V numbers, all 0, with a 1 at the place of the token. The T one-hot vectors are
# the rows of a matrix $O$ (T, V), and the vectors are the product with the table:
#
# $$
# y = O W \qquad y_{td} = \sum_v O_{tv} W_{vd}
# $$
#
# Of the V products in this sum, all but one are with 0. What is left is row $id_t$ of the table, and
# that can be looked up:

# %%
one_hot = np.zeros((T, V))
one_hot[np.arange(T), ids] = 1  # (T, V)
y = one_hot @ W  # (T, D)

print(y)
print("lookup:      ", np.array_equal(W[ids], y))
print("F.embedding: ", np.array_equal(F.embedding(ids, Tensor(W)).data, y))
print("product:     ", np.array_equal((Tensor(np.eye(len(W))[ids]) @ Tensor(W)).data, y))

# %% tags=["folded"]
drawing, axes = figure("A one-hot matrix picks rows of the table", columns=3, height=2.7)
for axis, matrix, name, numbers in zip(
    axes,
    (one_hot, W, y),
    ("O (T, V)", "W (V, D)", "y = O W (T, D)"),
    (".0f", ".1f", ".1f"),
    strict=True,
):
    draw_matrix(axis, matrix, numbers, limit=2.0)
    axis.set_title(name)
axes[0].set(xlabel="token", ylabel="position")
axes[1].set(xlabel="dimension", ylabel="token")
axes[2].set(xlabel="dimension", ylabel="position")
show(drawing)

# %% [markdown]
# Rows 0 and 2 of $y$ are equal: the same token, the same vector. Where it stands, and beside what, the table cannot
# say. That comes with [positions](05_positions.md) and attention.
#
# `F.embedding` is the lookup, and is what runs. The product is there to be compared with.
#
# ## The gradient of the table
#
# From behind comes $g$ (T, D): how much the loss rises for each number of $y$. How much for each number of $W$? Start
# from the product, where it is plain calculus:
#
# $$
# \frac{\partial L}{\partial W_{vd}} = \sum_t g_{td} \frac{\partial y_{td}}{\partial W_{vd}} = \sum_t O_{tv} g_{td}
# \qquad \text{that is} \qquad dW = O^\top g
# $$
#
# $O_{tv}$ is 1 where position $t$ has token $v$, else 0. So the sum runs over the places of the token:
#
# $$
# dW_v = \sum_{t \,:\, id_t = v} g_t
# $$
#
# Read as a loop: begin with zeros, and for every position add $g_t$ to row $id_t$. This is a [[scatter-add]].

# %%
g = rng.normal(size=(T, D)).round(1)  # (T, D)

product = one_hot.T @ g  # (V, T) (T, D) -> (V, D)

loop = np.zeros((V, D))
for t in range(T):
    loop[ids[t]] += g[t]

scattered = np.zeros((V, D))
np.add.at(scattered, ids, g)  # the loop in one call

op = Embedding()
op.forward(ids, W)
_, engine = op.backward(g)  # ids are whole numbers: they have no gradient

# Measured: L = Σ g y, each number of the table moved by h to both sides.
slopes, h = np.zeros((V, D)), 1e-6
for v, d in np.ndindex(V, D):
    up, down = W.copy(), W.copy()
    up[v, d] += h
    down[v, d] -= h
    slopes[v, d] = ((g * up[ids]).sum() - (g * down[ids]).sum()) / (2 * h)

for name, dW in (
    ("product", product),
    ("scatter", scattered),
    ("engine", engine),
    ("slopes", slopes),
):
    print(f"{name:8} equal to the loop: {np.allclose(dW, loop, rtol=0, atol=1e-8)}")

# %% tags=["folded"]
drawing, axes = figure("Backward: the rows of g are added up by token", columns=3, height=2.7)
for axis, matrix, name, numbers in zip(
    axes,
    (one_hot.T, g, loop),
    ("Oᵀ (V, T)", "g (T, D)", "dW = Oᵀ g (V, D)"),
    (".0f", ".1f", ".1f"),
    strict=True,
):
    draw_matrix(axis, matrix, numbers, limit=2.0)
    axis.set_title(name)
axes[0].set(xlabel="position", ylabel="token")
axes[1].set(xlabel="dimension", ylabel="position")
axes[2].set(xlabel="dimension", ylabel="token")
show(drawing)

# %% [markdown]
# Three rows of $dW$ are zero: their tokens are not in the sentence, and to change them changes nothing. Row 2 is the
# sum of rows 0 and 2 of $g$: {{g[0, 0]:.1f}} + {{g[2, 0]:.1f}} = {{loop[2, 0]:.1f}} in the first column.
#
# ## Why repeated tokens must add up
#
# Row 2 of the table was used twice. Move it a little, and two rows of $y$ move, so the loss changes for two reasons.
# The slope is the sum of both. NumPy has two ways to get this wrong, and neither raises an error:


# %%
def forward(ids, W):
    return W[ids]


def assigned(g, ids, W):
    dW = np.zeros_like(W)
    dW[ids] = g
    return None, dW


def added_at_once(g, ids, W):
    dW = np.zeros_like(W)
    dW[ids] += g  # reads the rows, adds, then writes them: of equal ids the last one wins
    return None, dW


for backward in (assigned, added_at_once):
    print(
        f"{backward.__name__:14} row 2: {backward(g, ids, W)[1][2]}   right: {loop[2].round(1)}"
    )
report = check_backward(forward, added_at_once, [ids, W], like="embedding")
print(f"{report.verdict}: {report.findings[0].kind}")
print(textwrap.fill(report.findings[0].told, 92))

# %% [markdown]
# `check_backward` compares a backward pass with measured slopes, and names the mistake ([page
# 11](11_checking_gradients.md)). It needs the right input, though. Where no token occurs twice, the wrong pass is
# right:

# %%
print(
    check_backward(
        forward, added_at_once, [np.array([2, 0, 4, 5]), W], like="embedding"
    ).verdict
)

# %% [markdown]
# A test on one short sentence may pass for ever. In training it is otherwise. The shipped reader, a batch of 32
# sentences, a whole model behind the table. (The pages to come open it. Here it only sends a gradient back.)

# %%
tokenizer = WordPiece.load(shipped("en/tokenizer.json"))
sentences = [
    sentence for story in read_pieces(shipped("reader.en.txt")) for sentence in story.sentences
]
batches = Batches(
    tokenizer.encode_batch(sentences), tokenizer, batch_size=32, blanks=0.15, seed=0
)


def new_model(de_embedding="own"):
    config = ReconstructionConfig(
        vocab_size=tokenizer.vocab_size,
        width=32,
        layers=1,
        hidden=64,
        dropout=0.0,  # page 8
        de_embedding=de_embedding,
    )
    return ReconstructionModel(config, generator=np.random.default_rng(0))


model = new_model()
batch = batches.at(0)
model.loss(batch.ids, batch.attention_mask, batch.targets).backward()
right = model.embedding.weight.grad  # (V, D)

# The same again, by hand from the vectors on, to have the g that reaches them.
x = Tensor(model.embedding.weight.data[batch.ids], requires_grad=True)  # (B, T, D)
z = model.norm(model.blocks[0](model.positions(x), batch.attention_mask))
model.de_embedding.loss(z, batch.targets).backward()
upstream = x.grad  # (B, T, D)

used, times = np.unique(batch.ids[batch.attention_mask], return_counts=True)
repeated = times[times > 1].sum() / times.sum()
print(f"{times.sum()} tokens, {len(used)} different; {repeated:.0%} occur more than once")

summed = np.zeros_like(right)
np.add.at(summed, batch.ids, upstream)
print("by hand the same gradient:", np.allclose(summed, right, rtol=0, atol=1e-7))

_, wrong = added_at_once(upstream, batch.ids, model.embedding.weight.data)
length = np.linalg.norm
print(
    f"the wrong gradient is {length(wrong) / length(right):.2f} times as long as the right one"
)
print(f"cosine between the two: {(wrong * right).sum() / length(wrong) / length(right):.2f}")

rows = length(right, axis=1)
ratio = rows[used[times.argmax()]] / np.median(rows[used[times == 1]])  # for question 1

# %% [markdown]
# Such a model would still learn something, which makes this mistake hard to see in a loss curve.
#
# ## What each way costs
#
# Same numbers, same gradient; the product moves far more of them. A product takes $T V D$ multiplications each way and
# a matrix $O$ of $T V$ numbers. The lookup copies $T D$ numbers. Measured in float32, 512 tokens, D = 64, best of five:

# %% tags=["timed"]
sizes = (500, 1000, 2000, 4000, 8000, 16000, 32000)
tokens, width = 512, 64
upstream = rng.normal(size=(tokens, width)).astype(np.float32)


def milliseconds(function):
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return 1000 * min(seconds)


cost = {
    "product forward": [],
    "product backward": [],
    "lookup forward": [],
    "lookup backward": [],
}
for size in sizes:
    table = rng.normal(size=(size, width)).astype(np.float32)
    some = rng.integers(0, size, tokens)
    hot = np.zeros((tokens, size), np.float32)
    hot[np.arange(tokens), some] = 1
    lookup = Embedding()
    cost["product forward"].append(milliseconds(lambda hot=hot, table=table: hot @ table))
    cost["product backward"].append(milliseconds(lambda hot=hot: hot.T @ upstream))
    cost["lookup forward"].append(
        milliseconds(lambda op=lookup, some=some, table=table: op.forward(some, table))
    )
    cost["lookup backward"].append(milliseconds(lambda op=lookup: op.backward(upstream)))

print("V                 ", *(f"{size:8}" for size in sizes))
for name, column in cost.items():
    print(f"{name:17}", *(f"{ms:8.3f}" for ms in column), "ms")
print("O                ", *(f"{tokens * size * 4 / 2**20:8.1f}" for size in sizes), "MiB")

# %% tags=["folded"]
drawing, axis = figure("The product grows with the vocabulary, the lookup hardly")
for (name, column), colour, style in zip(
    cost.items(), (RED, ORANGE, BLUE, GREEN), ("o-", "o--", "o-", "o--"), strict=True
):
    axis.loglog(sizes, column, style, color=colour, label=name)
axis.set(xlabel="tokens in the vocabulary, V", ylabel="milliseconds")
axis.set_xticks(sizes[::2], [str(size) for size in sizes[::2]])
axis.minorticks_off()
axis.legend(frameon=False)
show(drawing)

# %% [markdown]
# The product grows with V, both ways. The lookup forward does not. The lookup backward grows too, late and little: the
# gradient has the shape of the table, and V rows of zeros must be written before {{tokens}} rows are added. That is the
# price of one rule for all parameters: a gradient has its parameter's shape.
#
# ## Which rows move in a step
#
# A batch holds few of all tokens; the rows of the others have gradient zero. Do they stay where they are? It depends
# on the optimizer. Eight steps, counting the rows that changed:


# %%
def rows_moved(optimizer_of, steps=8, **choices):
    model = new_model(**choices)
    optimizer = optimizer_of(model.named_parameters())
    moved, met, seen = [], [], set()
    for step in range(steps):
        batch = batches.at(step)
        before = model.embedding.weight.data.copy()
        model.zero_grad()
        model.loss(batch.ids, batch.attention_mask, batch.targets).backward()
        optimizer.step()
        moved.append(int((model.embedding.weight.data != before).any(axis=1).sum()))
        seen |= set(batch.ids[batch.attention_mask])
        met.append((len(set(batch.ids[batch.attention_mask])), len(seen)))
    return moved, met


steps = {
    "SGD": rows_moved(lambda named: SGD(named, lr=0.1)),
    "Adam": rows_moved(lambda named: Adam(named, lr=1e-3)),
    "AdamW": rows_moved(lambda named: AdamW(named, lr=1e-3, weight_decay=0.01)),
    "SGD, tied": rows_moved(lambda named: SGD(named, lr=0.1), de_embedding="tied"),
}
in_batch, so_far = zip(*steps["SGD"][1], strict=True)
print("tokens in the batch  ", *(f"{count:5}" for count in in_batch))
print("in all batches so far", *(f"{count:5}" for count in so_far))
for name, (moved, _) in steps.items():
    print(f"rows moved, {name:9}", *(f"{count:5}" for count in moved))

# %% tags=["folded"]
drawing, axis = figure("Of the three, only SGD leaves absent tokens alone")
number = range(1, len(in_batch) + 1)
for name, colour in (("AdamW", GREEN), ("Adam", ORANGE), ("SGD", BLUE)):
    axis.plot(number, steps[name][0], "o-", color=colour, label=name)
axis.plot(number, so_far, "x", color="black", label="tokens met so far")
axis.set(xlabel="step", ylabel="rows that moved", ylim=(0, 1150))
axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 0.86))
show(drawing)

# %% [markdown]
# - **SGD** moves the rows of the batch and no other.
# - **Adam** keeps a running mean of each gradient. A row that was met once goes on moving, after its token has long
#   left. So the rows that move are those of all batches so far.
# - **AdamW** also shrinks every weight a little in each step: all rows move, met or not.
# - **Tied**: where the model's [output](09_deembedding.md) uses the same table, every row is compared with every
#   vector. Then each row has a gradient from there.
#
# Some tokens are never met. `[PAD]` is in every batch, but attention does not look at it and the loss does not
# count it:

# %%
model = new_model()
batch = batches.at(0)
model.loss(batch.ids, batch.attention_mask, batch.targets).backward()
pad = model.embedding.weight.grad[tokenizer.pad_id]
padded = (~batch.attention_mask).sum()
print(f"[PAD] stands in {padded} places of the batch; its gradient is 0: {not pad.any()}")

# %% [markdown]
# ## Questions
#
# 1. In the batch above the commonest token occurs {{times.max()}} times. Is its row's gradient {{times.max()}} times as
#    long as that of a token that occurs once?
#
# <details><summary>Answer</summary>
#
# It would be, if all its places sent back the same vector. Vectors of independent directions partly cancel; the length
# of their sum grows only as a square root, to {{times.max() ** 0.5:.0f}}. Here it is {{ratio:.0f}} times as long as the
# median of the tokens met once: the places agree in part.
#
# </details>
#
# 2. `y = W[ids]` and $y = O W$ have the same gradient in $W$. In the second, $O$ is an array of numbers too.
#    What is its gradient, and why does the first not have it?
#
# <details><summary>Answer</summary>
#
# $dO = g W^\top$, of shape (T, V): how the loss would change if position $t$ held a little of token $v$ as well. Its
# largest entry here is {{(g @ W.T).max():.2f}}. Nobody can take a small step from one token towards another, so the
# lookup, which has whole numbers as input, has no such gradient. (The direction is real, and is used to search for
# words that change a model's answer.)
#
# </details>
#
# 3. Sort the tokens of a batch before the scatter-add, so that equal ids stand together. Does the gradient change? And
#    if the rows are assigned instead of added?
#
# <details><summary>Answer</summary>
#
# Added: no, a sum does not depend on the order (in floating point its last bits may). Assigned: yes, another occurrence
# comes last and wins. A gradient that depends on the order of things whose order does not matter is wrong; this is a
# check that needs no right answer.
#
# </details>
#
# ## The exercise
#
# `minattn learn check embedding`: write the scatter-add. `minattn learn check one_hot`: the same as a product.
#
# [The page of numbers](../docs/pages/embedding.html) of this op opens in a browser (download it first, if you read
# this on the web): click any number of it, and see of which terms it is made, forward and backward. `minattn show
# embedding` writes it.
