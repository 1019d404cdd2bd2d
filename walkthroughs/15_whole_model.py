# %% [markdown]
# # 15. The whole model on one page
#
# *What does it take to train the whole model with NumPy and nothing else?*
#
# Each part has had its page. Here they stand together in one file, [`whole.py`](whole.py): tokens, batches, embedding,
# attention, loss, the way back through all of it, the optimizer and the training. It uses nothing of minattn, and
# nothing in it differentiates by itself. `python walkthroughs/whole.py` trains it for about a minute, until it fills a
# blank.
#
# This page goes through the file from top to bottom. What is shown is read from the file, and what is claimed is run.

# %%
import ast
import inspect
import types

import numpy as np
from threadpoolctl import threadpool_limits

from minattn.check import check_backward
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.optim import AdamW, clip_grad_norm_, learning_rate
from minattn.show.notebook import BLUE, GREEN, ORANGE, PURPLE, SKY, figure, show
from minattn.text import WordPiece, read_pieces, shipped

threadpool_limits(1)  # more threads would add in another order, and round differently

FILE = shipped("reader.en.txt").parents[1] / "walkthroughs" / "whole.py"
SOURCE = FILE.read_text(encoding="utf-8")


def module_of(source):
    """The file, or a changed copy of it, as a module."""
    module = types.ModuleType("whole")
    module.__file__ = str(FILE)
    exec(compile(source, FILE, "exec"), module.__dict__)
    return module


def show_source(*functions):
    print("\n\n".join(inspect.getsource(function).rstrip() for function in functions))


whole = module_of(SOURCE)
nodes = list(ast.walk(ast.parse(SOURCE)))
imports = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
imports |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
print(len(SOURCE.splitlines()), "lines; imports", ", ".join(sorted(imports)))

# %% [markdown]
# All but NumPy comes with Python. Which page explains what:
#
# | in the file | forward | backward |
# | --- | --- | --- |
# | `split`, `encode`, `batch_of` | [page 3](03_tokens.md) | |
# | `E[ids]` and `np.add.at` | [page 4](04_embedding.md) | [page 4](04_embedding.md) |
# | `positions` | [page 5](05_positions.md) | |
# | `linear`, `layer_norm`, `gelu`, `x + …` | [page 8](08_block.md) | [page 8](08_block.md) |
# | `heads`, `attention` | [page 6](06_attention_forward.md) | [page 7](07_attention_backward.md) |
# | logits from the table $E$ | [page 9](09_deembedding.md) | [page 9](09_deembedding.md) |
# | `cross_entropy` | [page 10](10_cross_entropy.md) | [page 10](10_cross_entropy.md) |
# | `saved`, and where shares add up | | [page 1](01_tape.md) |
# | `clip`, `adamw_step`, `rate_at` | [page 2](02_optimizer.md) | |
#
# ## Text to ids
#
# The rule of page 3, longest piece first, calls itself for the rest of the word:

# %%
show_source(whole.split, whole.encode)

tokenizer = WordPiece.load(shipped("en/tokenizer.json"))
reader = [text for piece in read_pieces(shipped("reader.en.txt")) for text in piece.sentences]
same = [whole.encode(text) for text in reader] == tokenizer.encode_batch(reader)
print(f"\n{len(reader)} sentences, the ids of the engine's tokenizer: {same}")

# %% [markdown]
# A batch hides some of the tokens behind `[MASK]`. Wanted back are those, and a few of the seen ones, so that the model
# learns to copy too. The target of all others is −100, and cross-entropy leaves them out.

# %%
show_source(whole.batch_of)

rng = np.random.default_rng(1)
batch = whole.batch_of([whole.encode(text) for text in reader[:2]], rng, 2)
print("\nsentence 1, its ids and targets as pieces")
for name, row in zip(("ids", "mask", "targets"), (array[1] for array in batch), strict=True):
    words = [whole.PIECES[i] if i >= 0 else "-100" for i in row] if name != "mask" else row * 1
    print(f"{name:8}", *(f"{word:>6}" for word in words[:12]))

# %% [markdown]
# ## The pile
#
# A backward pass needs what forward had: `linear_backward` needs $x$ and $W$. Page 1 wrote down every op with its
# inputs, and a loop found the way back. Here there is no loop, so forward lays down what its partner will need on a
# pile, `saved`, and backward takes it from the top:

# %%
show_source(whole.linear, whole.linear_backward)

rng = np.random.default_rng(0)
x, W, b = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=5)
saved = []
y = whole.linear(saved, x, W, b)
print("\non the pile:", [array.shape for array in saved[-1]])
dx, dW, db = whole.linear_backward(saved, np.ones((3, 5)))
print("dx", dx.shape, "dW", dW.shape, "db", db.shape, "  left on the pile:", len(saved))

# %% [markdown]
# The order takes care of itself: what forward did last lies on top, and the chain rule wants it first. The four
# pairs of functions are of one form, so the check of page 11 can be put to each:


# %%
def pair(name, *more):
    """A function of whole.py and its partner, in the form that the check takes."""
    forward, partner = getattr(whole, name), getattr(whole, f"{name}_backward")

    def backward(g, *inputs):
        forward(saved := [], *inputs, *more)
        return partner(saved, g)

    return lambda *inputs: forward([], *inputs, *more), backward


mask = np.array([[True, True, True], [True, True, False]])  # (B, T)
inputs = {
    "linear": [x, W, b],
    "layer_norm": [x, rng.normal(size=4), rng.normal(size=4)],
    "gelu": [x],
    "attention": list(rng.normal(size=(3, 2, 4, 3, 5))),  # q, k, v (B, H, T, d)
}
for name, arrays in inputs.items():
    more = [mask] if name == "attention" else []
    print(f"{name:10}", check_backward(*pair(name, *more), arrays).verdict)

# %% [markdown]
# `layer_norm` and `gelu` stand in the file as on page 8. The heart of it is attention, in the letters of page 7:

# %%
show_source(whole.attention, whole.attention_backward)

# %% [markdown]
# ## One block, forward
#
# The parameters lie in a dict `P`: `P["query", 0]` is the list of the weight and the bias that make the queries of
# block 0. A star hands both over.

# %%
show_source(whole.block)

# %% [markdown]
# The line `x = x + …` stands twice, in 6 and 9: what attention and feed-forward give is added to what was there. And
# `n` of line 1 is used three times. Remember both; backward will come back to them.
#
# ## And back
#
# The same nine lines, read from the bottom. The star on the left takes what is left over: `dn, *G["query", i] = …` puts
# the first gradient, that of the input, into `dn`, and those of the parameters into `G`, as a list like that in `P`.

# %%
show_source(whole.block_backward)

# %% [markdown]
# Three times gradients meet and add up, as in every fan-in since page 1:
#
# - `dx = g + dx`: $x$ of line 6 went on along the residual path, and through lines 7 to 9.
# - `by_v + by_k + by_q`: $n$ was used by values, keys and queries.
# - `dx + by_n`: $x$ of line 1 went on along the residual path, and through lines 1 to 6.
#
# Each forgotten plus would be a gradient with a right shape and a wrong value ([page 12](12_forgotten_terms.md)).
#
# Before the blocks a table $E$ makes vectors of tokens, and behind them the same table, tied, makes logits of vectors.
# So its gradient has two shares, of line 4 and of line 1, and to the second each place in the batch adds its own.
# `cross_entropy` has no partner: nothing stands behind the loss, so it returns the loss and what goes back at once.

# %%
show_source(whole.forward, whole.cross_entropy, whole.loss_and_gradients)

# %% [markdown]
# To see the order, take a copy of the file, and let each function note its call, and how many numbers lie on the pile
# behind it:


# %%
def held(saved, P):
    """How many numbers a pile holds: each array once, the parameters not at all."""
    known = {id(p) for part in P.values() for p in part}
    return sum({id(a): a.size for entry in saved for a in entry if id(a) not in known}.values())


def watch(module, P):
    calls = []

    def watched(function):
        def watching(saved, *inputs):
            result = function(saved, *inputs)
            calls.append((function.__name__, held(saved, P)))
            return result

        return watching

    for name in inputs:
        for function in (name, f"{name}_backward"):
            setattr(module, function, watched(getattr(module, function)))
    return calls


P = whole.initial(np.random.default_rng(0), dtype=np.float64)
sentences = [whole.encode(text) for text in reader]
ids, mask, targets = whole.batch_of(sentences, np.random.default_rng(0))
watching = module_of(SOURCE)
calls = watch(watching, P)
watching.loss_and_gradients(P, ids, mask, targets)

names, numbers = zip(*calls, strict=True)
turn = len(names) // 2
undone = [name.removesuffix("_backward") for name in names[turn:]]
mirrored = undone == list(reversed(names[:turn]))
print(f"{turn} calls forward, {len(names) - turn} backward, the same in reverse: {mirrored}")
print("block 0:", *names[:10])
print(f"the parameters: {sum(p.size for part in P.values() for p in part):9,} numbers")
most = max(numbers) == numbers[turn - 1]
print(f"at the turn:    {numbers[turn - 1]:9,} on the pile, the most: {most}")
print(f"at the end:     {numbers[-1]:9}")

# %% tags=["folded"]
drawing, axis = figure("Forward builds the pile up, backward takes it down", height=3.2)
colours = {"linear": SKY, "layer_norm": GREEN, "attention": ORANGE, "gelu": PURPLE}
heights = np.array(numbers) / 1e3
for i, (name, height) in enumerate(zip(names, heights, strict=True), 1):
    colour = colours[name.removesuffix("_backward")]
    axis.bar(i, height, 0.85, color=colour, hatch="////" * (i > turn), edgecolor="white")
for name, colour in colours.items():
    axis.bar(0, 0, color=colour, label=name)
axis.axvline(turn + 0.5, color="0.3", linestyle="--")
top = heights.max()
axis.text(turn + 0.8, 1.25 * top, "cross-entropy: the way turns", va="center")
axis.text(turn + 0.2, 1.1 * top, "forward", ha="right", va="center")
axis.text(turn + 0.8, 1.1 * top, "backward, hatched", va="center")
axis.set(xlabel="call, in the order of time", ylabel="thousand numbers on the pile after it")
axis.set(xlim=(0, 2 * turn + 1), ylim=(0, 1.35 * top))
axis.legend(frameon=False, loc="upper left")
show(drawing)

# %% [markdown]
# Ten calls for each block, and the pile is highest where the way turns. There it holds
# {{numbers[turn - 1] / sum(p.size for part in P.values() for p in part):.0f}} numbers for each parameter: that is what
# training costs in memory with this batch. To fill a blank one never turns back and needs no pile; `restore` lets
# forward build one all the same, and throws it away.
#
# ## Is it right?
#
# Three checks, in float64. First, measured slopes of single parameters, one of each kind:

# %%
loss, G = whole.loss_and_gradients(P, ids, mask, targets)


def loss_of(P):
    return whole.loss_and_gradients(P, ids, mask, targets)[0]


def measured(name, index, place, h=1e-5):
    """The slope of the loss by one number of the parameters."""
    array, ends = P[name][index], []
    before = array[place]
    for array[place] in (before + h, before - h):
        ends.append(loss_of(P))
    array[place] = before
    return (ends[0] - ends[1]) / (2 * h)


the = whole.VOCABULARY["the"]
places = {
    "weight of a query": (("query", 0), 0, (3, 5)),
    "bias that widens": (("widen", 1), 1, (7,)),
    "gain of the last norm": ("norm", 0, (2,)),
    'vector of "the"': ("embedding", 0, (the, 4)),
}
print(f"{'':24} derived       measured")
for told, (name, index, place) in places.items():
    derived = G[name][index][place]
    print(f"{told:22} {derived:12.9f}  {measured(name, index, place):12.9f}")

# %% [markdown]
# Second, all at once. Move every parameter a little in some random direction; the loss must change by the sum of all
# gradients times their changes.

# %%
rng = np.random.default_rng(0)
direction = {name: [rng.normal(size=p.shape) for p in part] for name, part in P.items()}


def moved(h):
    pairs = {name: zip(P[name], direction[name], strict=True) for name in P}
    return {name: [p + h * d for p, d in pair] for name, pair in pairs.items()}


pairs = [(g, d) for name in P for g, d in zip(G[name], direction[name], strict=True)]
promised = sum(np.vdot(g, d) for g, d in pairs)
difference = loss_of(moved(1e-6)) - loss_of(moved(-1e-6))
print(f"promised {promised:.8f}, measured {difference / 2e-6:.8f}")

# %% [markdown]
# Third, against the engine. Its model draws the same numbers from the same seed and is given the same batches. From
# there on it goes by its own autograd and its own AdamW. Do the two stay together?

# %%
D, F = 32, 64
sizes = {"width": D, "hidden": F, "layers": whole.LAYERS, "heads": whole.HEADS}
config = ReconstructionConfig(tokenizer.vocab_size, de_embedding="tied", dropout=0.0, **sizes)
model = ReconstructionModel(config, generator=np.random.default_rng(5))
P = whole.initial(np.random.default_rng(5), D, F)

model = model.double()  # from the same float32 numbers on, both in float64
P = {name: [p.astype(np.float64) for p in part] for name, part in P.items()}
M, S = ({name: [np.zeros_like(p) for p in P[name]] for name in P} for _ in "MS")
groups = [
    {"params": [p for p in model.parameters() if p.ndim == 2], "weight_decay": whole.DECAY},
    {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
]
optimizer = AdamW(groups, betas=(whole.BETA1, whole.BETA2), eps=whole.EPS)
rng, steps, apart = np.random.default_rng(0), 21, []
print("step   loss of whole.py   loss of minattn")
for step in range(steps):
    batch = whole.batch_of(sentences, rng, 8)
    ours, G = whole.loss_and_gradients(P, *batch)
    whole.clip(G)
    whole.adamw_step(P, G, M, S, step + 1, whole.rate_at(step, steps))

    theirs = model.loss(*batch)
    theirs.backward()
    clip_grad_norm_(model.parameters(), whole.LONGEST)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step, steps, whole.RATE, round(whole.WARMUP * steps))
    optimizer.step()
    optimizer.zero_grad()
    apart.append(abs(ours - theirs.item()))
    if step % 5 == 0:
        print(f"{step:4} {ours:18.12f} {theirs.item():17.12f}")
print("never further apart than 1e-12:", max(apart) < 1e-12)

# %% [markdown]
# Not similar, but the same to the last digits. (A [test](../tests/test_whole_model.py) holds the file to a hundred such
# steps, and to the parameters at their end.)
#
# ## Training
#
# A step of the optimizer, as on page 2. Matrices shrink a little each time; biases and gains do not.

# %%
show_source(whole.clip, whole.rate_at, whole.adamw_step)

# %% [markdown]
# A minute is too long for a page. In a few seconds a small model can learn twenty sentences by heart. As many
# others, which it never sees, stand beside them; now and then both are given to it with blanks.

# %%
learned, others = sentences[:20], sentences[2000:2020]
tests = [whole.batch_of(these, np.random.default_rng(9), 20) for these in (learned, others)]


def restored(P, ids, mask, targets):
    """Which share of the wanted tokens comes back: seen ones, and hidden ones."""
    wanted = targets != -100
    right = whole.forward([], P, ids, mask, wanted).argmax(axis=-1) == targets[wanted]
    hidden = (ids == whole.MASK)[wanted]
    return right[~hidden].mean(), right[hidden].mean()


rng, steps = np.random.default_rng(0), 200
P = whole.initial(rng, D, F, np.float64)
M, S = ({name: [np.zeros_like(p) for p in P[name]] for name in P} for _ in "MS")
losses, looks = [], {}
for step in range(steps):
    loss, G = whole.loss_and_gradients(P, *whole.batch_of(learned, rng, 10))
    whole.clip(G)
    whole.adamw_step(P, G, M, S, step + 1, whole.rate_at(step, steps))
    losses.append(loss)
    if step % 20 == 0 or step == steps - 1:
        looks[step] = np.array([restored(P, *test) for test in tests])

print("step   loss   learned: seen, hidden   others: seen, hidden")
for step in (0, 60, 120, steps - 1):
    (a, b), (c, d) = looks[step]
    print(f"{step:4} {losses[step]:6.2f} {a:14.0%} {b:7.0%} {c:15.0%} {d:7.0%}")

# %% tags=["folded"]
drawing, (left, right) = figure(
    "It restores what it learned by heart, and little else", columns=2, height=3.3
)
left.plot(losses, color=BLUE, linewidth=1.5)
left.set(title="Loss of the batch", xlabel="step", ylabel="nats", ylim=(0, 7.2))
for i, (name, colour) in enumerate((("learned", PURPLE), ("others", ORANGE))):
    for j, (kind, style) in enumerate((("seen", "o--"), ("hidden", "o-"))):
        values = [100 * look[i, j] for look in looks.values()]
        label = f"{name}, {kind}"
        right.plot(list(looks), values, style, color=colour, markersize=3, label=label)
right.set(title="Tokens restored", xlabel="step", ylabel="%", ylim=(-3, 103))
right.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
show(drawing)

# %%
for text in (
    "One evening in October the house [MASK] cold.",
    "The pot stands on the [MASK] for most of the morning.",
    "Nobody has to be [MASK] to the table on soup days.",
    "He opened the [MASK] and looked out.",
):
    print(text, "\n   ", whole.restore(P, text))

ids, mask, targets = tests[1]
wanted = (targets != -100) & (ids != whole.MASK)
right = whole.forward([], P, ids, mask, wanted).argmax(axis=-1) == targets[wanted]
known = np.isin(targets[wanted], np.concatenate(learned))
print("others, seen, copied:")
print(f"    of the tokens that occur in what it learned {right[known].mean():.0%}")
print(f"    of those that do not {right[~known].mean():.0%}")

# %% [markdown]
# A blank in a sentence that it learned is filled from memory. In the last, which it has not seen, not even what stands
# there comes back: what was never wanted, it has not learned to copy. To see it fill this blank, let it have all
# {{len(sentences):,}} sentences, `python walkthroughs/whole.py`. How much a model fills that it cannot know by heart is
# measured on [page 13](13_training.md).
#
# ## What the pile notices, and what not
#
# Two mistakes in a copy of `block_backward`: one forgets `gelu_backward`, the other undoes the key before the value.

# %%
P = whole.initial(np.random.default_rng(0), D, F, np.float64)
batch = whole.batch_of(sentences, np.random.default_rng(0))
_, right = whole.loss_and_gradients(P, *batch)


def with_change(old, new):
    """The gradients of a copy of the file in which some lines are others."""
    assert SOURCE.count(old) == 1
    return module_of(SOURCE.replace(old, new)).loss_and_gradients(P, *batch)[1]


try:
    with_change(
        "linear_backward(saved, gelu_backward(saved, dh))", "linear_backward(saved, dh)"
    )
except ValueError:
    print("without gelu_backward: a ValueError, the shapes do not fit")

by_logits = with_change("    np.add.at(dE, ids, dx)\n", "")["embedding"][0]
tables = by_logits, right["embedding"][0] - by_logits  # for the second question

value = '    by_v, *G["value", i] = linear_backward(saved, merge(dv))\n'
key = '    by_k, *G["key", i] = linear_backward(saved, merge(dk))\n'
wrong = with_change(value + key, key + value)
differ = [
    name for name in P if not np.allclose(right[name][0], wrong[name][0], rtol=1e-9, atol=1e-14)
]
one, other = (np.concatenate([g.ravel() for n in P for g in G[n]]) for G in (right, wrong))
cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
print(f"key before value: no complaint; wrong are {len(differ)} of the {len(P)} parts,")
print("    of the last block", *(name for name in differ if name[1] == whole.LAYERS - 1))
print(f"cosine of the right gradient and the wrong one: {cosine:.2f}")

# %% [markdown]
# The first is loud: on top lies what GELU left, and it is no weight. The second is silent. Both lines find the same $n$
# on the pile, so the gradients of the weights, $dk^\top n$ and $dv^\top n$, come out right. Only the weights themselves
# are exchanged, in $dk\,W_k + dv\,W_v$. So the last block has one wrong gradient, that of its first norm, and
# everything below it is wrong. With a cosine of {{cosine:.2f}} a small step against it still leads down, so a falling
# loss would not tell ([page 12](12_forgotten_terms.md)). Measured slopes would.
#
# ## Questions
#
# 1. How many entries lie on the pile at the turn if the model has 24 blocks? What must change in the file?
#
# <details><summary>Answer</summary>
#
# Ten for each block, and two for the last norm and the logits: {{24 * 10 + 2}}. Only `LAYERS` changes. Depth costs
# nothing in the text of a model, and everything in its memory and time.
#
# </details>
#
# 2. The table's gradient has two shares. How many rows of each are not 0? What would a training do without the first?
#
# <details><summary>Answer</summary>
#
# That of the logits has all {{(np.abs(tables[0]).max(axis=1) > 0).sum():,}}: every piece has a probability, so its
# vector is pushed away from $n$, or drawn to it where it is the right one. That of the tokens has
# {{(np.abs(tables[1]).max(axis=1) > 0).sum()}}; so many different ones stand in the batch,
# {{len(np.unique(batch[0][batch[1]]))}}. Without the first, vectors would be changed by what they do as input alone,
# and nothing would make them good at being found again. [Page 9](09_deembedding.md) tells the two shares apart.
#
# </details>
#
# 3. The file takes `sqrt` from `math`, though NumPy has one too. With NumPy's the results would be as right. What would
#    be worse?
#
# <details><summary>Answer</summary>
#
# `math.sqrt(2)` is a plain number and takes on the type of the array. `np.sqrt(2)` is a number of type float64 and
# keeps it: a float32 array divided by it is of type {{(np.ones(2, np.float32) / np.sqrt(2)).dtype}}. From the first
# attention on, all of the model would be computed in float64: twice the memory, and slower.
#
# </details>
#
# ## The exercise
#
# Now write your own. `minattn learn check training_step` asks for one whole step of a smaller model: forward, backward,
# clipping, AdamW. `bug_1`, `bug_2` and `bug_3` are small models with one bug each; you find it by asking the check
# about their pieces.
#
# Or close this page, open an empty file, and write `whole.py` again, one pair of functions after the other. Hold each
# pair against `check_backward` as soon as it stands, and the whole against the engine, as above.
