# %% [markdown]
# # 1. The tape
#
# *How does backward find its way, and why does order matter?*
#
# A model's loss is made by many small computations, called [[op|ops]]. Each knows its own slope, and nothing of the
# others. How
# does the gradient find its way back through all of them? And why must it go in a certain order?
#
# We build what does it, an [[autograd]], in some sixty lines. The example that stays is one number through five ops:
#
# $$
# s = x^2 \qquad c = 5s \qquad a = s^2 \qquad b = -a \qquad y = c + b
# $$
#
# So $y = 5x^2 - x^4$, its slope is $10x - 4x^3$, and at $x = 2$ that is {{10 * 2 - 4 * 2**3}}. From here on nobody
# knows this formula; each op knows its own line only.

# %%
import itertools
from collections import Counter

import numpy as np

from minattn import Tensor
from minattn import functional as F
from minattn.show.notebook import BLUE, RED, draw_matrix, figure, show

# %% [markdown]
# ## Each op: forward, and backward
#
# Forward, an op makes $y$ of its inputs. Backward, it is given $g$, the gradient of the loss with respect to its $y$,
# and must return the gradient of each input. One line for each op. `matmul` is $Y = X W$ of [page 0](00_one_weight.md).
# `tanh` is an S between −1 and 1, $(e^x - e^{-x}) / (e^x + e^{-x})$, whose slope is $1 - \tanh^2 x$. `sum` is along the
# last axis, which stays with length 1.

# %%
OPS = {  # name: forward(*inputs) -> y; backward(g, y, *inputs) -> a gradient for each input
    "add": (lambda a, b: a + b, lambda g, y, a, b: (g, g)),
    "multiply": (lambda a, b: a * b, lambda g, y, a, b: (g * b, g * a)),
    "negate": (lambda a: -a, lambda g, y, a: (-g,)),
    "matmul": (lambda a, b: a @ b, lambda g, y, a, b: (g @ b.T, a.T @ g)),
    "tanh": (np.tanh, lambda g, y, a: (g * (1 - y * y),)),
    "exp": (np.exp, lambda g, y, a: (g * y,)),
    "log": (np.log, lambda g, y, a: (g / a,)),
    "sum": (lambda a: a.sum(axis=-1, keepdims=True), lambda g, y, a: (g + np.zeros_like(a),)),
}

# %% [markdown]
# ## Forward: write down what was done
#
# A `Value` is an array that knows which op made it, and of which values. It also gets a number: the first value that
# is made has 1, the next 2. A value that no op made is a [[leaf]]: an input, a parameter, a constant.


# %%
class Value:
    made = 0

    def __init__(self, data, op=None, inputs=()):
        self.data, self.op, self.inputs = np.asarray(data, float), op, inputs
        self.grad = 0.0
        Value.made += 1
        self.number = Value.made

    def __add__(self, other):
        return run("add", self, other)

    def __mul__(self, other):
        return run("multiply", self, other)

    def __matmul__(self, other):
        return run("matmul", self, other)

    def __neg__(self):
        return run("negate", self)


def run(op, *inputs):
    """Run an op forward; its result remembers where it came from."""
    inputs = tuple(x if isinstance(x, Value) else Value(x) for x in inputs)
    forward, _ = OPS[op]
    return Value(forward(*(x.data for x in inputs)), op, inputs)


def diamond(start):
    """The example: its values by name."""
    x = Value(start)
    s = x * x
    c = s * 5.0
    a = s * s
    b = -a
    y = c + b
    return {"x": x, "s": s, "c": c, "a": a, "b": b, "y": y}


values = diamond(2.0)
names = {value: name for name, value in values.items()}
print("number  value  made by")
for name, value in values.items():
    inputs = ", ".join(names.get(x, f"{x.data:.0f}") for x in value.inputs)
    print(f"{value.number:6}  {name} = {value.data:3.0f}  {value.op or 'leaf'} {inputs}")

# %% [markdown]
# Such a list of what was done, in the order in which it was done, is called a [[tape]]. (Number
# {{values["s"].number + 1}} is the constant 5.) Drawn, it is a graph with two arms, a diamond:

# %% tags=["folded"]
PLACES = {"x": (0, 1), "s": (1, 1), "c": (2.5, 2), "a": (2, 0), "b": (3, 0), "y": (4, 1)}
SLOPES = {  # arrow: where its slope is written, and what
    "xs": (0.5, 1.25, "2x = 4"),
    "sc": (1.65, 1.75, "5"),
    "sa": (1.8, 0.65, "2s = 8"),
    "ab": (2.5, 0.25, "−1"),
    "cy": (3.35, 1.75, "1"),
    "by": (3.4, 0.7, "1"),
}


def draw_graph(axis, words, wrong=(), slopes=False, arrow="-|>"):
    """The diamond; words: what stands in each box; wrong: the boxes that are drawn red."""
    boxes = {}
    for name, place in PLACES.items():
        colour = RED if name in wrong else "0.2"
        box = {"boxstyle": "round,pad=0.35", "fc": "white", "ec": colour, "lw": 1.5}
        text = axis.text(*place, words[name], ha="center", va="center", color=colour, bbox=box)
        boxes[name] = text.get_bbox_patch()
    for (start, end), place in SLOPES.items():
        between = {"patchA": boxes[start], "patchB": boxes[end], "shrinkA": 1, "shrinkB": 1}
        style = {"arrowstyle": arrow, "color": "0.4"}
        axis.annotate("", PLACES[end], PLACES[start], arrowprops=style | between)
        if slopes:
            axis.text(*place, ha="center", va="center", color=BLUE, fontsize=11)
    axis.set(xlim=(-0.4, 4.4), ylim=(-0.4, 2.4))
    axis.axis("off")


drawing, axis = figure("Values in the boxes, slopes on the arrows", height=2.3)
words = {name: f"{name} = {value.data:.0f}" for name, value in values.items()}
draw_graph(axis, words, slopes=True)
show(drawing)

# %% [markdown]
# $x$ moves $y$ along two paths. Along a path slopes multiply; at $s$ the two paths meet, and add up:
#
# $$
# \frac{dy}{ds} = 1 \cdot 5 + 1 \cdot (-1) \cdot 8 = {{5 - 8}} \qquad
# \frac{dy}{dx} = {{5 - 8}} \cdot 4 = {{(5 - 8) * 4}}
# $$
#
# ## Backward: read it from the end
#
# Every value collects what its users send it. When its turn comes, it hands on: it asks its op for the gradients of
# its inputs. `pull` asks, `backward` walks. (`fit` undoes broadcasting: a bias that was added to eight rows was used
# eight times, so it gets a sum.)


# %%
def fit(g, shape):
    """Sum over the axes along which an input was repeated."""
    g = g.sum(
        axis=tuple(range(g.ndim - len(shape)))
    )  # those in front that it lacks; maybe none
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def pull(value, g):
    """The gradients of a value's inputs, given its own."""
    if value.op is None:
        return ()
    _, backward_of_op = OPS[value.op]
    parts = backward_of_op(g, value.data, *(x.data for x in value.inputs))
    return [fit(part, x.data.shape) for x, part in zip(value.inputs, parts, strict=True)]


def newest_first(y):
    """All values that y depends on."""
    found, todo = {y}, [y]
    while todo:
        new = set(todo.pop().inputs) - found
        found |= new
        todo += new
    return sorted(found, key=lambda value: value.number, reverse=True)


def backward(y, g=1.0, order=newest_first):
    """Add to the .grad of every leaf. Returns what each value had when its turn came."""
    waiting, handed = {y: g + np.zeros_like(y.data)}, {}
    for value in order(y):
        g = handed[value] = waiting.pop(value, np.zeros_like(value.data))
        if value.op is None:
            value.grad = value.grad + g
        for x, part in zip(value.inputs, pull(value, g), strict=True):
            waiting[x] = waiting.get(x, 0.0) + part
    return handed


handed = backward(values["y"])
for value, g in handed.items():
    if value in names:
        print(f"turn of number {value.number}: {names[value]} has {g:3.0f}")
print("ours:    ", values["x"].grad)

t = Tensor(2.0, requires_grad=True)
s = t * t
(s * 5.0 + -(s * s)).backward()
print("minattn's:", t.grad)

# %% [markdown]
# That is the whole of it. The engine's [`walk`](../minattn/graph.py) is this loop; what it has besides is care with
# memory, threads and messages.
#
# ## Why order matters
#
# A value may hand on only when all of its users have handed to it. What comes later is too late. Here is a walk that
# looks just as good: from $y$ on, first come, first served, each value once.


# %%
def first_come(y):
    order, todo = [], [y]
    while todo:
        value = todo.pop(0)
        if value not in order:
            order.append(value)
            todo += value.inputs
    return order


walks = {}
for order in (newest_first, first_come):
    values = diamond(2.0)
    names = {value: name for name, value in values.items()}
    handed = backward(values["y"], order=order)
    walks[order.__name__] = {names[value]: g for value, g in handed.items() if value in names}
    steps = ", ".join(f"{name} {g:.0f}" for name, g in walks[order.__name__].items())
    print(f"{order.__name__:12} {steps}")

# %% tags=["folded"]
drawing, axes = figure("Who has its turn too early hands on too little", rows=2, height=2.1)
titles = "Newest first: right", "First come, first served: s has its turn before a"
for axis, title, found in zip(axes, titles, walks.values(), strict=True):
    wrong = [name for name in found if found[name] != walks["newest_first"][name]]
    words = {n: f"{turn}.  d{n} = {found[n]:.0f}" for turn, n in enumerate(found, 1)}
    draw_graph(axis, words, wrong, arrow="<|-")
    axis.set_title(title, loc="left")
show(drawing)

# %% [markdown]
# In the lower panel $s$ has its turn before $a$. The share of that arm,
# {{walks["newest_first"]["s"] - walks["first_come"]["s"]:.0f}}, arrives when $s$ has handed on, and is lost. The result
# is {{walks["first_come"]["x"]:.0f}} where {{walks["newest_first"]["x"]:.0f}} is right: even the sign is wrong. A step
# against it would climb.
#
# Worse, such a walk is not always wrong. Write the last line as $y = b + c$, which is the same function:


# %%
def swapped(start):
    values = diamond(start)
    return values | {"y": values["b"] + values["c"]}


print("walk          y = c + b  y = b + c")
for order in (newest_first, first_come):
    slope = []
    for build in (diamond, swapped):
        values = build(2.0)
        backward(values["y"], order=order)
        slope.append(values["x"].grad)
    print(f"{order.__name__:12} {slope[0]:10.0f} {slope[1]:10.0f}")

# %% [markdown]
# First come, first served is right for one way to write a sum, by luck. So what do the right orders have in common?
# The five values that ops made can be put into {{len(list(itertools.permutations(range(5))))}} orders. Try them all:

# %%
values = diamond(2.0)
x, y = values["x"], values["y"]
ops = [value for value in newest_first(y) if value.op]
leaves = [value for value in newest_first(y) if not value.op]


def comes_after_its_users(order):
    return all(order.index(x) > order.index(v) for v in order for x in v.inputs if x.op)


results, agree = Counter(), True
for order in itertools.permutations(ops):
    x.grad = 0.0
    backward(y, order=lambda y, order=order: [*order, *leaves])
    results[float(x.grad)] += 1
    agree &= (x.grad == -12) == comes_after_its_users(order)

for slope, count in sorted(results.items()):
    print(f"{slope:4.0f} comes out of {count:3} orders")
print("right exactly where every value comes after its users:", agree)

# %% [markdown]
# Only {{results[-12.0]}} of {{results.total()}} are right, and those are the orders in which every value comes after
# all of its users. This is a [[topological order]], here from the end to the beginning. (0 comes out where nothing
# has reached $s$ before its turn.)
#
# **The order of creation is one.** An op can only be run when its inputs are there. So an input always has a smaller
# number than what is made of it, and from the highest number to the lowest nobody comes before a user. No search, no
# counting. Where the nodes have no such numbers one must count for each how many users have not reported; that is the
# exercise `topological_order`.
#
# ## No turns at all: once for every path
#
# Could a value not hand on whatever arrives, each time something arrives? It could. Beside the example a row of
# diamonds, each $y + y$:


# %%
def every_path(value, g):
    """Add g to value.grad, and hand it on. Returns the number of calls."""
    value.grad = value.grad + g
    inputs = zip(value.inputs, pull(value, g), strict=True)
    return 1 + sum(every_path(x, part) for x, part in inputs)


values = diamond(2.0)
calls = every_path(values["y"], np.array(1.0))
turns = len(newest_first(values["y"]))
print(f"the example: {values['x'].grad:.0f}, in {calls} calls; turns: {turns}")

for count in (1, 4, 8, 12):
    y = Value(1.0)
    for _ in range(count):
        y = y + y
    turns = len(newest_first(y))
    print(f"{count:2} times y + y: {every_path(y, np.array(1.0)):5,} calls; turns: {turns:2}")

# %% [markdown]
# The gradient is right. But each value gets a call for every path that leads to it, and paths multiply: with 30
# diamonds it would be {{2**31 - 1:,}} calls. Who waits for all users needs one turn.
#
# ## Used twice: shares add up
#
# Those diamonds are the smallest case of [[fan-in]]: one value, used twice by the same op. `y = y + y` makes a new
# value and gives it the old name; the old value stays in the graph. Beside it a walk that overwrites where it should
# add:


# %%
def overwriting(y):
    waiting = {y: np.array(1.0)}
    for value in newest_first(y):
        g = waiting[value]
        for x, part in zip(value.inputs, pull(value, g), strict=True):
            waiting[x] = part
    return g


x, t = Value(3.0), Tensor(3.0, requires_grad=True)
y, z = x, t
for _ in range(3):
    y = y + y
    z = z + z
print("overwriting:", overwriting(y))
backward(y)
z.backward()
print("ours:", x.grad, " minattn's:", t.grad)

# %% [markdown]
# $y = 8x$, so {{x.grad:.0f}} is right. Overwriting loses one of two shares at every step. In a model fan-in is
# everywhere: each weight is used for all examples of a batch, and many a vector goes to several ops.
#
# ## Twice backward, twice the gradient
#
# Leaves add to what they have. So a second call adds the same again; between two steps of training `.grad` must be
# cleared. Only leaves may keep what they collected: `waiting` is new in each call. A value in between that kept its
# share would hand it on once more.

# %%
values = diamond(2.0)
t = Tensor(2.0, requires_grad=True)
s = t * t
y = s * 5.0 + -(s * s)
for _ in range(2):
    backward(values["y"])
    y.backward()
    print("ours:", values["x"].grad, " minattn's:", t.grad)

# %% [markdown]
# ## Train with it
#
# Eight words, three numbers in the middle, and one task: give back what was put in. A row of $X$ is a word as a
# [[one-hot]] vector: eight numbers, all 0 but for a 1 at the place of the word. So $X$ is the identity, $(8, 8)$. What
# comes out are eight logits $z$ for each row, and the loss is the surprise at the right word $y$, as on
# [page 0](00_one_weight.md): $-\ln p_y = -\ln (e^{z_y} / \sum_i e^{z_i}) = \ln \sum_i e^{z_i} - z_y$. The mean over the
# rows is the upstream $1/8$.

# %%
N, D = 8, 3
X = np.eye(N)
rng = np.random.default_rng(0)
start = {
    "w1": rng.normal(size=(N, D)),
    "b1": np.zeros(D),
    "w2": rng.normal(size=(D, N)),
    "b2": np.zeros(N),
}


def hidden(p, words):
    return run("tanh", Value(words) @ p["w1"] + p["b1"])  # (n, 3)


def losses_of(p, words=X):
    """The loss of each of n words, (n, 1)."""
    z = hidden(p, words) @ p["w2"] + p["b2"]  # (n, 8)
    log_sum = run("log", run("sum", run("exp", z)))
    return log_sum + -run("sum", z * words)


ours = {name: Value(array) for name, array in start.items()}
losses = losses_of(ours)
backward(losses, 1 / N)

theirs = {name: Tensor(array, requires_grad=True) for name, array in start.items()}
z = (X @ theirs["w1"] + theirs["b1"]).tanh() @ theirs["w2"] + theirs["b2"]
F.cross_entropy(z, np.arange(N)).backward()

for name in start:
    same = np.allclose(ours[name].grad, theirs[name].grad, rtol=0, atol=1e-14)
    print(f"{name} {ours[name].grad.shape!s:7} the same gradient as minattn's: {same}")
inputs_first = all(x.number < v.number for v in newest_first(losses) for x in v.inputs)
print(f"{len(newest_first(losses))} values, every input made before its user: {inputs_first}")

# %% [markdown]
# (The engine's graph is smaller: its cross-entropy is one op.) That leaves add up is of use here: a batch that is too
# large for the memory can be done in parts.

# %%
halves = {name: Value(array) for name, array in start.items()}
for part in (X[:4], X[4:]):
    backward(losses_of(halves, part), 1 / N)
print(all(np.allclose(halves[n].grad, ours[n].grad, rtol=0, atol=1e-14) for n in start))

# %% [markdown]
# Now go downhill:


# %% tags=["rough"]
def train(clear=True, steps=400, rate=2.0):
    """The losses on the way, and the parameters at the end."""
    p = {name: Value(array) for name, array in start.items()}
    means = []
    for _ in range(steps):
        losses = losses_of(p)
        means.append(losses.data.mean())
        backward(losses, 1 / N)
        for value in p.values():
            value.data = value.data - rate * value.grad
            if clear:
                value.grad = 0.0
    return means, p


means, p = train()
code = hidden(p, X).data
restored = (code @ p["w2"].data + p["b2"].data).argmax(axis=1)
print(f"loss {means[0]:.3f} at first, {means[-1]:.3f} after {len(means)} steps")
print(f"words restored: {(restored == np.arange(N)).sum()} of {N}")
print("different patterns of signs:", len({tuple(row) for row in np.sign(code).astype(int)}))

# %% tags=["folded", "rough"]
drawing, (left, right) = figure("Eight words through three numbers, and back", columns=2)
left.semilogy(means, color=BLUE, linewidth=2)
left.set(title="Training", xlabel="step", ylabel="loss, nats")
draw_matrix(right, code, limit=1.0, numbers=".1f")
right.set(title="What stands for each word", xlabel="number in the middle", ylabel="word")
right.set_yticks(range(N), range(N))
right.set_xticks(range(D), range(1, D + 1))
show(drawing)

# %% [markdown] tags=["rough"]
# Read the signs in the right panel row by row: no two rows are alike. It is a code of three bits, and nobody asked
# for one.
#
# ## Questions
#
# 1. A test of the walk `first_come` on $y = c + b$ passes. At which $x$ was it tried?
#
# <details><summary>Answer</summary>
#
# At $x = 0$. The walk loses the lower arm and gives $10x$; right is $10x - 4x^3$. They agree only where the lost arm
# has the slope 0. Random inputs do not fall on such places.
#
# </details>
#
# 2. A network has 100 lines $h = h + f(h)$, each $f$ one op. How many paths lead from the loss back to the
#    input? How many turns does backward take?
#
# <details><summary>Answer</summary>
#
# Two ways through every line: $2^{100}$, a number with {{len(str(2**100))}} digits. Two ops for each, so {{2 * 100}}
# turns of ops, and that of the input. The sum over all those paths is still what comes out: a value hands on once what
# all paths behind it have brought.
#
# </details>
#
# 3. Somebody forgets to clear `.grad` between the steps. What does each step go by then, and does training fail?
#
# <details><summary>Answer</summary>
#
# By the sum of all gradients so far: a ball that rolls without friction. With a rate of 0.1 it even gets there sooner.
# The loss after 100 steps is {{train(False, 100, 0.1)[0][-1]:.3f}}, and {{train(True, 100, 0.1)[0][-1]:.3f}} where
# `.grad` is cleared. But it never comes to rest. With the rate from above it reaches {{min(train(False)[0]):.2f}} and
# rolls on, until the loss is {{"above 10" if max(train(False)[0][100:]) > 10 else "still below 10"}}. A bug that helps
# at first is still one.
#
# </details>
#
# ## The exercise
#
# `minattn learn check tape`: this page as a list of ops, of which you write the walk. `topological_order` is the
# walk for nodes without numbers, `broadcast` is `fit`.
