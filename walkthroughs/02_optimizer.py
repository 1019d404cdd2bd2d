# %% [markdown]
# # 2. The optimizer
#
# *How far should a step go, and what should it remember of the steps before?*
#
# The tape gives each weight its gradient. What turns gradients into changes of the weights is called the
# [[optimizer]]. The gradient says which way is downhill here, but not how far that holds. Each method of this page is
# an answer to that, in a few lines of NumPy, and each is held against the engine's.
#
# A method is a function here. It gets the weights $w$, their gradient $g$, the number of the step $t = 1, 2, …$ and
# what it has kept so far. It returns the new weights, and what it keeps.

# %%
import itertools

import numpy as np

from minattn import Tensor, optim
from minattn import functional as F
from minattn.show.notebook import BLUE, GREEN, ORANGE, RED, figure, show
from minattn.training import TrainingConfig


def same_bits(rule, slots, engine, **options):
    """Whether a rule and a class of the engine give the same weights after each of 50 steps."""
    rng = np.random.default_rng(0)
    w, state = rng.normal(size=(4, 3)), [np.zeros((4, 3))] * slots
    parameter, same = Tensor(w.copy(), requires_grad=True), True
    optimizer = engine([parameter], lr=0.01, **options)
    for t in range(1, 51):
        parameter.grad = g = rng.normal(size=w.shape)
        w, *state = rule(w, g, t, *state, rate=0.01)
        optimizer.step()
        same &= np.array_equal(w, parameter.data)
    return f"bit for bit the same in 50 steps: {same}"


# %% [markdown]
# ## SGD, and when it diverges
#
# Page 0's step, $w \leftarrow w - \eta g$. Where $g$ is that of a batch that was drawn at random, it is called
# stochastic gradient descent, [[SGD]].


# %%
def sgd(w, g, t, rate):
    return (w - rate * g,)


print("the engine's SGD:", same_bits(sgd, 0, optim.SGD))

# %% [markdown]
# Near its lowest point a smooth loss is nearly a bowl, $L = \frac{1}{2} c\, w^2$, with $w$ counted from that point. The
# slope is $c\,w$. How fast it changes, the second derivative, is the [[curvature]] $c$: large in a narrow bowl, small
# in a wide one. A step is
#
# $$
# w \leftarrow w - \eta\, c\, w = (1 - \eta c)\, w
# $$
#
# So each step multiplies $w$ by the same factor. Where that is between 0 and 1, $w$ creeps down; at 0 one step is
# enough; between −1 and 0, $w$ jumps to the other side, but comes closer; below −1 each jump is longer than the last,
# and it diverges. So $\eta$ **must be below** $2/c$.

# %%
c = 18.0  # page 0: L = (3 w - 6)², whose second derivative is 2 · 3²
print("rate      factor    w after 10 steps   factor¹⁰")
for rate in (0.5 / c, 1.5 / c, 2 / c, 2.1 / c):
    w = 1.0
    for t in range(1, 11):
        (w,) = sgd(w, c * w, t, rate)
    print(f"{rate:.4f} {1 - rate * c:9.2f} {w:18.4f} {(1 - rate * c) ** 10:10.4f}")

# %% [markdown]
# There is the $1/9$ of page 0: {{2 / c:.4f}} is $2/18$.
#
# Now two weights, with the curvatures 1 and 100: a valley, wide along the first, narrow across it. Each weight has a
# factor of its own, $1 - \eta$ and $1 - 100 \eta$, but there is one rate for both. The narrow direction limits it to
# $2/100$. Even with that, the wide one needs {{np.log(10) / -np.log(0.98):.0f}} steps to come ten times closer. The
# best rate makes both factors equally large, $1 - \eta = -(1 - 100 \eta)$, so $\eta = 2/101$; they are then
# ±{{99 / 101:.3f}}. What counts is the ratio of the curvatures. No rate makes it harmless.
#
# ## Momentum: a running sum
#
# In the valley, the gradient along the floor says the same at each step. The one across changes its sign each time. Add
# up gradients, and let older ones fade: what agrees grows, what wavers cancels. This is [[momentum]] (Polyak, 1964;
# Sutskever et al., 2013). $v$ is the running sum, and $\mu$ is usually 0.9:
#
# $$
# v \leftarrow \mu v + g \qquad w \leftarrow w - \eta v
# $$


# %%
def momentum(w, g, t, v, rate, mu=0.9):
    v = mu * v + g
    return w - rate * v, v


print("the engine's SGD, momentum:", same_bits(momentum, 1, optim.SGD, momentum=0.9))

for name, sign in (("always 1", 1), ("1, −1, 1, …", -1)):
    w, v = 0.0, 0.0
    for t in range(100):
        w, v = momentum(w, sign**t, t, v, rate=0.01)
    print(f"gradient {name:12} running sum ±{abs(v):.3f}")

# %% [markdown]
# Both sums are geometric series. A gradient that stays gives $g\,(1 + \mu + \mu^2 + …) = g / (1 - \mu)$: the steps
# become {{1 / (1 - 0.9):.0f}} times as long, as if the rate were $\eta / (1 - \mu)$. One that alternates gives
# $g\,(1 - \mu + \mu^2 - …) = g / (1 + \mu)$: the steps become shorter, {{1 / 1.9:.3f}} times. So the limit of the rate
# is higher, too. At the limit $w$ jumps to and fro, each step is $\eta c / (1 + \mu)$ times $w$, and may be $2 w$ long,
# the way from $w$ to $-w$:
# $\eta < 2\,(1 + \mu) / c$, here {{2 * 1.9 / 100:.3f}}. In the valley, from $(-10, 1)$:

# %%
STRAIGHT = np.eye(2)


def walk(rule, slots, rate, steps, axes=STRAIGHT):
    """The places on the way down a valley, (steps + 1, 2). axes: along it, across it."""
    curvatures = axes @ np.diag([1.0, 100.0]) @ axes.T
    w, state = axes @ np.array([-10.0, 1.0]), [np.zeros(2)] * slots
    path = [w]
    for t in range(1, steps + 1):
        w, *state = rule(w, curvatures @ w, t, *state, rate=rate)
        path.append(w)
    return np.array(path)


print("after 100 steps             along     across")
for name, rule, slots, rates in (
    ("SGD", sgd, 0, (0.005, 2 / 101, 0.0202)),
    ("momentum", momentum, 1, (0.005, 0.0379, 0.0381)),
):
    for rate in rates:
        along, across = walk(rule, slots, rate, 100)[-1]
        print(f"{name:8} rate {rate:.4f} {along:13.3f} {across:10.3f}")

# %% tags=["folded"]
title = "Sixty steps in a valley: SGD crawls or zigzags, momentum rolls"
drawing, axes = figure(title, rows=2, columns=2, height=1.9, sharex=True, sharey=True)
panels = (
    ("SGD, rate 0.005: crawls", BLUE, sgd, 0, 0.005),
    ("SGD, rate 0.019: zigzags", ORANGE, sgd, 0, 0.019),
    ("SGD, rate 0.0202: diverges", RED, sgd, 0, 0.0202),
    ("momentum, rate 0.005: rolls", GREEN, momentum, 1, 0.005),
)
across, along = np.meshgrid(np.linspace(-2.2, 2.2, 60), np.linspace(-12, 6, 60), indexing="ij")
loss, levels = along**2 / 2 + 50 * across**2, (2, 8, 18, 32, 50, 100, 200)
for axis, (name, colour, *how) in zip(axes.flat, panels, strict=True):
    axis.contour(along, across, loss, levels, colors="0.8", linewidths=0.8)
    axis.plot(*walk(*how, 60).T, ".-", color=colour, linewidth=1, markersize=4)
    axis.plot(0, 0, "+", color="black", markersize=11, markeredgewidth=2)
    axis.plot(-10, 1, "o", markerfacecolor="white", color="black")
    axis.set(title=name, xlim=(-12, 6), ylim=(-2.2, 2.2))
    axis.grid(False)
drawing.supxlabel("w along the valley, curvature 1    (○ start, + lowest point)", fontsize=10)
drawing.supylabel("w across, curvature 100", fontsize=10)
show(drawing)

# %% [markdown]
# With the rate at which SGD crawls, momentum is there. (The papers put $\eta$ inside: $v \leftarrow \mu v - \eta g$,
# $w \leftarrow w + v$. That is the same as long as $\eta$ stays; where it changes, here all of the sum feels it.)
#
# ## Adam: a rate for each number
#
# Momentum still has one rate for all. [[Adam]] (Kingma and Ba, 2015) measures how large the gradients of each number
# usually are, and divides by it. It keeps two running means: of the gradient, $m$, and of its square, $v$ (which is not
# the $v$ above). A running mean keeps the share $\beta$ of what it was, and takes $1 - \beta$ of what is new. It looks
# back about $1 / (1 - \beta)$ steps: 10 for $\beta_1 = 0.9$, 1000 for $\beta_2 = 0.999$.
#
# $$
# m \leftarrow \beta_1 m + (1 - \beta_1)\, g \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2
# $$
#
# $$
# \hat m = \frac{m}{1 - \beta_1^t} \qquad \hat v = \frac{v}{1 - \beta_2^t} \qquad
# w \leftarrow w - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}
# $$
#
# The hats are the [[bias correction]]. Both means start at 0, so at first they are too small. By how much? Written out,
# $m_t = (1 - \beta_1) \sum_{i=1}^{t} \beta_1^{t-i} g_i$. If all gradients are drawn alike, each has the same mean
# $E[g]$ over many draws, and the powers are a geometric series:
#
# $$
# E[m_t] = E[g]\, (1 - \beta_1) \sum_{i=1}^{t} \beta_1^{t-i} = E[g]\, (1 - \beta_1^t)
# $$
#
# Dividing by $1 - \beta_1^t$ makes it right on average, and likewise for $v$.


# %%
def adam(w, g, t, m, v, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return w - rate * m_hat / (np.sqrt(v_hat) + eps), m, v


print("the engine's Adam:", same_bits(adam, 2, optim.Adam))

rng = np.random.default_rng(0)
m = np.zeros(20_000)  # as many running means, each of its own random gradients of mean 1
print("  t   mean of m   1 - β₁ᵗ   m / √v without the hats, gradient always 1")
for t in range(1, 101):
    m = 0.9 * m + 0.1 * rng.normal(1, 1, m.size)
    if t in (1, 3, 10, 100):
        bare = (1 - 0.9**t) / np.sqrt(1 - 0.999**t)
        print(f"{t:3} {m.mean():11.3f} {1 - 0.9**t:9.3f} {bare:11.2f}")

# %% [markdown]
# The last column is what the correction is for. Without it the quotient is not too small, but too large: the root of
# $v$ is further behind than $m$. The first steps would be three to six and a half times too long.
#
# **With it, the first step is the rate.** At $t = 1$, $\hat m = g$ and $\hat v = g^2$, so the quotient is $g / |g|$: +1
# or −1, whatever the scale of the loss. $\epsilon = 10^{-8}$ keeps $0/0$ away, and is felt only by gradients that are
# about as small as itself:

# %%
for g in (1000.0, 1.0, 0.001, 1e-8, 0.0):
    moved = 0.0 - adam(0.0, g, 1, 0.0, 0.0, rate=0.01)[0]
    print(f"gradient {g:<8g} first step of Adam {moved:.6f}, of SGD {0.01 * g:g}")

# %% [markdown]
# And later? The quotient is a mean over the root of a mean square: near ±1 where the gradients agree, small where they
# waver. Three kinds of gradient, 500 numbers of each, and the usual size of the quotient (its root mean square: the
# root of the mean of the squares):

# %%
steps, state = [], [np.zeros((3, 500))] * 2
for t in range(1, 1001):
    noise = rng.normal(size=500)
    g = np.stack([(-1.0) ** t * np.ones(500), 1 + noise, noise])
    moved, *state = adam(0.0, g, t, *state, rate=1.0)
    steps.append(np.sqrt((moved**2).mean(axis=1)))
print("step / rate                  t = 1      3     10    100   1000")
for i, name in enumerate(("1, −1, 1, …", "noise of mean 1, spread 1", "noise of mean 0")):
    print(f"{name:26}", "".join(f"{steps[t - 1][i]:7.2f}" for t in (1, 3, 10, 100, 1000)))

# %% [markdown]
# In the end a number whose gradient is only noise moves by about {{np.sqrt(0.1 / 1.9):.2f}} of the rate
# ($\sqrt{(1 - \beta_1) / (1 + \beta_1)}$: a running mean of noise has that share of its size). But at $t = 1$ every
# number moves by all of it. With one gradient known, nothing tells a direction from noise. We shall come back to this.
#
# ## AdamW: decay beside the gradient
#
# [[weight decay|Weight decay]] shrinks each weight a little in each step, so that those fade away that the loss does
# not hold on to. The old way adds $\lambda w$ to the gradient, the slope of $\frac{\lambda}{2} w^2$. For SGD that is a
# shrinking by the factor $1 - \eta\lambda$. But Adam divides all that stands in its gradient by $\sqrt{\hat v}$, also
# the decay: a weight with large gradients hardly decays. [[AdamW]] (Loshchilov and Hutter, 2019) takes the decay out of
# the gradient, and shrinks the weight itself:
#
# $$
# w \leftarrow w - \eta\lambda w - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}
# $$


# %%
def adam_l2(w, g, t, m, v, rate, decay=0.1):
    return adam(w, g + decay * w, t, m, v, rate)


def adamw(w, g, t, m, v, rate, decay=0.1):
    shrunk = w - rate * (decay * w)  # g is that of the w before
    return adam(shrunk, g, t, m, v, rate)


print("the engine's Adam, decay: ", same_bits(adam_l2, 2, optim.Adam, weight_decay=0.1))
print("the engine's AdamW:       ", same_bits(adamw, 2, optim.AdamW, weight_decay=0.1))

sizes = np.array([0.1, 1.0, 10.0])  # of gradients that are noise: only decay pulls
faded = {}
for name, rule in (("inside the gradient", adam_l2), ("decoupled", adamw)):
    rng = np.random.default_rng(0)
    w, state = np.ones((1000, 3)), [np.zeros((1000, 3))] * 2  # 1000 weights of each size
    for t in range(1, 1001):
        w, *state = rule(w, sizes * rng.normal(size=(1000, 1)), t, *state, rate=0.01)
    faded[name] = w.mean(axis=0)
    print(f"decay {name:19}: mean of the weights {faded[name].round(2) + 0.0}")
print(f"(1 - ηλ)¹⁰⁰⁰ = {(1 - 0.01 * 0.1) ** 1000:.2f}")

trainers = TrainingConfig().weight_decay

# %% [markdown]
# All weights began at 1, and the columns are gradients of sizes 0.1, 1 and 10. Decoupled, all have shrunk alike, by
# nearly the factor that one expects (the noise is left). Inside the gradient, those with small gradients are gone, and
# those with large ones have kept {{faded["inside the gradient"][2]:.0%}}.
#
# Which parameters decay is for the user to say, in groups. [The engine's trainer](../minattn/training/trainer.py) makes
# two. What has more than one axis, the matrices, decays, by default with $\lambda = {{trainers}}$. What has one, such
# as a bias, does not.
#
# ## Where the gradient is 0
#
# A weight that a batch does not use has the gradient 0. Does it stay? Here 20 steps with gradient 1, then 30 with 0, at
# the rate 0.01; beside it a weight that begins at 1 and never had another gradient than 0:

# %%
rules = {"SGD": (sgd, 0), "momentum": (momentum, 1), "Adam": (adam, 2), "AdamW": (adamw, 2)}
print("           moved while its gradient was 0   always had 0")
for name, (rule, slots) in rules.items():
    w, state, places = np.ones(2), [np.zeros(2)] * slots, []
    for t in range(1, 51):
        w, *state = rule(w, np.array([t <= 20, 0.0]), t, *state, rate=0.01)
        places.append(w)
    print(f"{name:10} {places[49][0] - places[19][0]:30.4f} {places[49][1]:14.4f}")

# %% [markdown]
# SGD leaves it. Momentum and Adam go on by what they remember. AdamW shrinks it, too, even if it never moved.
# ([Page 4](04_embedding.md) shows this for the rows of a table.)
#
# ## Clipping: one bad batch
#
# [[clipping|Clipping]] (Pascanu et al., 2013) limits the length of the gradient, of all parameters together as one long
# vector. Where it is above a limit, all gradients are multiplied by one number: the step keeps its direction, and gets
# shorter.


# %%
def clip(gradients, max_norm):
    norm = np.sqrt(sum((g * g).sum() for g in gradients))
    scale = max_norm / (norm + 1e-6) if norm > max_norm else 1.0  # the paper: max_norm / norm
    return norm, [scale * g for g in gradients]


def as_vector(arrays):
    return np.concatenate([array.ravel() for array in arrays])


gradients = [rng.normal(size=(8, 3)), 0.1 * rng.normal(size=3)]
norm, clipped = clip(gradients, max_norm=1.0)
theirs = [Tensor(g, requires_grad=True) for g in gradients]
for tensor, g in zip(theirs, gradients, strict=True):
    tensor.grad = g.copy()
far = abs(optim.clip_grad_norm_(theirs, 1.0) - norm)
far = max(far, abs(as_vector([t.grad for t in theirs]) - as_vector(clipped)).max())
print("the engine's clip_grad_norm_, to 1e-12:", far < 1e-12)

for name, arrays in (
    ("all together", clipped),
    ("each array by itself", [clip([g], 1.0)[1][0] for g in gradients]),
    ("each number by itself", [np.clip(g, -1.0, 1.0) for g in gradients]),
):
    length = np.linalg.norm(as_vector(arrays))
    cosine = as_vector(gradients) @ as_vector(arrays) / (norm * length)
    print(f"{name:21} length {norm:.3f} -> {length:.3f}, same direction: {cosine > 0.9999}")

# %% [markdown]
# Together, the direction is kept. The other two turn the step.
#
# Now a bad batch. From here on the problem is page 1's: eight one-hot rows through three numbers and back, with tanh.
# At step 60 somebody's script gives all rows the wrong answers, each that of the next row, and multiplies the
# loss by 1000. The function below does all trainings of this page, so it can do more than that: several rates
# and networks side by side.


# %% tags=["rough"]
def losses_and_gradients(weights, rows, answers):
    """weights: in turns W and b -> the mean loss of each network, the gradients."""
    tensors = [Tensor(array, requires_grad=True) for array in weights]
    y = np.eye(8)[rows]
    for i in range(0, len(tensors), 2):
        y = (y.tanh() if i else y) @ tensors[i] + tensors[i + 1]
    answers = np.broadcast_to(answers, y.shape[:-1])
    losses = F.cross_entropy(y.reshape(-1, 8), answers.reshape(-1), reduction="none")
    losses.sum().backward()  # networks side by side do not touch each other's gradients
    return losses.data.reshape(answers.shape).mean(axis=-1), [p.grad / 8 for p in tensors]


def train(
    method, rates, looks, nets=1, share=None, warmup=0, max_norm=np.inf, bad=0, sizes=(8, 3, 8)
):
    """The loss on all eight rows after the steps in looks, (looks, rates, nets).

    share: how often each row is drawn for a batch of eight; None: each batch is all eight rows
    """
    rule, slots = method
    rng, every_row, weights, losses = np.random.default_rng(0), np.arange(8), [], []
    for rows, columns in itertools.pairwise(sizes):
        fresh = rng.normal(0, 1 if len(sizes) == 3 else 0.5, (nets, rows, columns))
        weights.append(np.tile(fresh, (len(rates), 1, 1, 1)))
        weights.append(np.zeros((len(rates), nets, 1, columns)))
    states = [[np.zeros_like(w)] * slots for w in weights]
    rate = np.array(rates).reshape(-1, 1, 1, 1)
    for t in range(1, max(looks) + 2):
        if t - 1 in looks:
            losses.append(losses_and_gradients(weights, every_row, every_row)[0])
        batch = every_row if share is None else rng.choice(8, (nets, 8), p=share)
        _, gradients = losses_and_gradients(weights, batch, (batch + (t == bad)) % 8)
        _, gradients = clip([g * 1000 if t == bad else g for g in gradients], max_norm)
        now = rate * min(1, t / warmup) if warmup else rate
        for i, g in enumerate(gradients):
            weights[i], *states[i] = rule(weights[i], g, t, *states[i], rate=now)
    return np.array(losses)


print("loss after step      59       60       69       99      159")
for name, rate in (("SGD", 2.0), ("Adam", 0.125)):
    for words, max_norm in (("", np.inf), (", clipped", 1.0)):
        looks = (59, 60, 69, 99, 159)
        losses = train(rules[name], [rate], looks, bad=60, max_norm=max_norm)
        print(f"{name + words:15}", "".join(f"{loss:9.3f}" for loss in losses.ravel()))

# %% [markdown]
# SGD is thrown far away; clipped, it loses some steps. Adam is not thrown that far, for the large gradient is in its
# divisor, too. But its $m$ goes on in the wrong direction for some ten steps, and its $v$ keeps the large square for a
# thousand: divided by its root, all that comes later is next to nothing, and Adam crawls. So clipping helps it, too.
#
# ## A schedule for the rate
#
# A [[schedule]] changes the rate from step to step. Usual are a straight rise at the beginning, the [[warm-up]], and
# then the [[cosine schedule]] (Loshchilov and Hutter, 2017): half a cosine from the peak down to 0.
#
# $$
# \eta_t = \eta_{\text{peak}} \cdot \frac{t + 1}{\text{warmup}} \quad (t < \text{warmup}) \qquad
# \eta_t = \eta_{\text{peak}} \cdot \frac{1 + \cos(\pi\, \text{done})}{2}, \quad
# \text{done} = \frac{t - \text{warmup}}{\text{steps} - \text{warmup}}
# $$
#
# Here $t$ counts from 0. So the first step has a rate already, and the last has one still.


# %%
def learning_rate(step, steps, peak, warmup):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / (steps - warmup)
    return peak * (0.5 * (1 + np.cos(np.pi * done)))


ways = [(step, 100, 0.002, warmup) for warmup in (0, 10) for step in range(100)]
far = max(abs(learning_rate(*way) - optim.learning_rate(*way)) for way in ways)
print(f"the engine's learning_rate, to 1e-12, {len(ways)} rates: {far < 1e-12}")

for name, falls in (("constant 0.2", False), ("cosine from 0.2", True)):
    w = np.full(5000, 5.0)  # 5000 bowls of curvature 1, each slope with noise of spread 1
    for t in range(200):
        rate = learning_rate(t, 200, 0.2, 0) if falls else 0.2
        (w,) = sgd(w, w + rng.normal(size=w.shape), t, rate)
    print(f"{name:15} distance from the bottom, root mean square: {np.sqrt((w**2).mean()):.3f}")

# %% [markdown]
# **Why the fall?** The slope of a batch is that of all examples plus noise, so with a constant rate $w$ never comes to
# rest. In a bowl, each step multiplies the mean square of $w$ by $(1 - \eta c)^2$ and adds $\eta^2 \sigma^2$, with
# $\sigma$ the spread of the noise. It stays where both are in balance, at $\eta \sigma^2 / (c\,(2 - \eta c))$: here its
# root is {{np.sqrt(0.2 / 1.8):.3f}}. A smaller rate comes closer, but is slow at first. A falling one is first fast,
# then close.
#
# **Why the rise?** Look again at Adam's table. At first $\hat v$ rests on few gradients, in the first step on one, and
# every number moves by the whole rate. Later those whose gradient is mostly noise move by much less. (Liu et al., 2020,
# say more.) Does it matter? Take a deeper network, seven layers of eight numbers, and batches of eight draws from the
# rows. The loss after 50 steps, the median of 32 networks, without warm-up and with 20 steps of it, is in the figure:

# %% tags=["rough"]
even = np.full(8, 1 / 8)
deep_rates, deep = [1 / 64, 1 / 32, 1 / 16, 1 / 8], {}
for warmup in (0, 20):
    kind = {"looks": [50], "warmup": warmup, "sizes": (8,) * 8}
    losses = train(rules["Adam"], deep_rates, nets=32, share=even, **kind)
    deep[warmup] = np.median(losses[0], axis=1)
    high = train(rules["Adam"], [1 / 8], nets=40, **kind) > 0.1
    print(f"{warmup:2} steps of warm-up, all eight rows in each batch, rate 1/8:", end=" ")
    print(f"loss above 0.1 in {high.sum()} of {high.size} networks")

# %% tags=["folded", "rough"]
drawing, (left, right) = figure("A schedule, and what the warm-up is good for", columns=2)
decays = (("cosine", "-", BLUE), ("linear", "--", GREEN), ("constant", ":", ORANGE))
for decay, style, colour in decays:
    line = [optim.learning_rate(step, 100, 1.0, 10, decay) for step in range(100)]
    left.plot(line, style, color=colour, linewidth=2, label=decay)
left.axvline(10, color="0.7", linewidth=1)
left.text(12, 0.05, "end of the warm-up", color="0.3")
left.set(title="optim.learning_rate", xlabel="step", ylabel="rate / peak", ylim=(0, 1.35))
left.legend(frameon=False, loc="upper center", ncols=3, fontsize=8, columnspacing=1)
for warmup, colour, style in ((0, RED, "s--"), (20, BLUE, "o-")):
    label = f"{warmup} steps of warm-up"
    right.loglog(deep_rates, deep[warmup], style, color=colour, label=label)
right.set_xticks(deep_rates, [f"1/{1 / rate:.0f}" for rate in deep_rates])
right.set_yticks([0.1, 0.3, 1], ["0.1", "0.3", "1"])
right.minorticks_off()
right.set(title="Adam, seven layers", xlabel="rate", ylim=(0.05, 4))
right.set_ylabel("median loss after 50 steps")
right.legend(frameon=False, loc="upper center")
show(drawing)

# %% [markdown] tags=["rough"]
# At the small rates the warm-up is only lost time. At 1/16 it leaves {{deep[20][2]:.2f}} where there was
# {{deep[0][2]:.2f}}, less than any rate without it. At 1/8 it does not suffice. So it makes a higher rate possible;
# that is all, and often worth it. Nor is the noise the whole reason: in the two lines printed above there is none, and
# warm-up still helps. Full steps of all weights at once can also be too long where the loss is steep.
#
# ## Which is best?
#
# That depends on the problem, and on when one looks. Two problems, page 1's network for both. In one, batches are drawn
# evenly from the eight rows. In the other each row is only 0.6 times as frequent as the one before, as some words are
# rare; the loss is still measured on all rows alike. For each method, ten networks choose the rate of the grid with
# the lowest loss after 160 steps. Shown are the medians of ten others. (AdamW is left out: decay keeps weights small,
# which helps on examples that were not seen, and eight rows have none.)

# %% tags=["rough"]
uneven = 0.6 ** np.arange(8)
problems = {"even": even, "uneven": uneven / uneven.sum()}
grids = {
    "SGD": (1, 2, 4, 8),
    "momentum": (1 / 8, 1 / 4, 1 / 2, 1),
    "Adam": (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1),
}
looks, curves, best = range(0, 161, 20), {}, {}
print("rows   method    best rate   after 20 steps   60      160")
for (rows, share), (name, rates) in itertools.product(problems.items(), grids.items()):
    losses = train(rules[name], rates, looks, nets=20, share=share)
    chosen = np.median(losses[-1, :, :10], axis=1).argmin()
    best[rows, name] = rates[chosen]
    curves[rows, name] = curve = np.median(losses[:, chosen, 10:], axis=1)
    told = "".join(f"{curve[i]:9.3f}" for i in (1, 3, 8))
    print(f"{rows:6} {name:9} {rates[chosen]:9g} {told}")
gain = curves["uneven", "SGD"][-1] / curves["uneven", "Adam"][-1]
ratio = best["uneven", "SGD"] / best["uneven", "Adam"]

# %% tags=["folded", "rough"]
title = "Each method at its own best rate: the order depends on the problem and the step"
drawing, axes = figure(title, columns=2, sharey=True)
styles = {"SGD": (BLUE, "s-"), "momentum": (ORANGE, "^-"), "Adam": (GREEN, "o-")}
for axis, rows in zip(axes, problems, strict=True):
    for name, (colour, style) in styles.items():
        line = curves[rows, name]
        axis.semilogy(looks, line, style, color=colour, markersize=4, label=name)
    axis.set(title=f"{rows} rows", xlabel="step")
axes[0].set_ylabel("loss, median of 10, nats")
axes[0].set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
axes[0].minorticks_off()
axes[1].legend(frameon=False, loc="lower left")
show(drawing)

# %% [markdown] tags=["rough"]
# After 160 steps Adam has the lowest loss in both panels. On uneven rows SGD's is {{gain:.1f}} times as high. A likely
# reason: a row that seldom comes gives its weights small gradients on average, and Adam divides by their size. But
# after 20 steps SGD was ahead on these rows. And each rate is good for its own method only: SGD's best on uneven rows
# is {{ratio:.0f}} times Adam's.
#
# Do not read more into it. With another grid, other steps or another seed the order can be another, and eight rows are
# no language.
#
# ## Questions
#
# 1. Turn the valley by 45°, so that its floor runs between the two weights. What does that change for SGD, and what for
#    Adam?

# %%
turned = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
ends = {
    name: [np.linalg.norm(walk(*how, 100, axes)[-1]) for axes in (STRAIGHT, turned)]
    for name, how in (("SGD", (sgd, 0, 2 / 101)), ("Adam", (adam, 2, 0.2)))
}

# %% [markdown]
# <details><summary>Answer</summary>
#
# For SGD nothing: the gradient turns with the valley, and the step is a multiple of it. After 100 steps at the rate
# 2/101 it is {{ends["SGD"][0]:.2f}} from the bottom in the straight valley, {{ends["SGD"][1]:.2f}} in the turned one.
# Adam, at the rate 0.2: {{ends["Adam"][0]:.2f}} and {{ends["Adam"][1]:.2f}}. It divides number by number. In the turned
# valley each number has a share in both directions, so both have gradients of about the same size, and there is nothing
# to tell apart.
#
# </details>
#
# 2. Set $\beta_1 = \beta_2 = 0$. What is left of Adam, and does it come to rest in a bowl?
#
# <details><summary>Answer</summary>
#
# $\hat m = g$ and $\hat v = g^2$ at every step, so each step is the rate, with the sign of $g$. It does not come to
# rest: once it is nearer than one rate, it jumps across the bottom and back, with steps of the same length for ever.
#
# </details>
#
# 3. Somebody takes the sum of a loss over 1000 examples in place of its mean. What does that do to SGD, to Adam, to
#    Adam with decay inside the gradient, to AdamW, and to SGD with clipping?
#
# <details><summary>Answer</summary>
#
# All gradients are 1000 times as large. SGD needs a rate 1000 times smaller. Adam takes the same steps, up to
# $\epsilon$. Inside the gradient, the decay is then 1000 times weaker against the rest; AdamW's is not touched. SGD
# with a limit that was fitted to the mean is now clipped at nearly every step: only the direction of the gradient is
# left, and each step has the same length, however near the bottom is.
#
# </details>
#
# ## The exercise
#
# `minattn learn check adamw`: the update of AdamW, line by line; what is $w$ here is `p` there. `clipping`: the length
# of all gradients, and the factor (without the 1e-6). `schedule`: the rate at a step.
