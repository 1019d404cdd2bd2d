# %% [markdown]
# # 10. Cross-entropy
#
# *How wrong are the scores, and which way should each move?*
#
# The last layer gives every token of the vocabulary a score. How wrong are the scores, as one number? And which way
# should each of them move? This is where every gradient of the training starts.
#
# Three positions of a sentence, a vocabulary of four tokens, and the token that belongs at each position:

# %%
import textwrap

import numpy as np

from minattn import Tensor
from minattn import functional as F
from minattn.check import check_backward
from minattn.models import ReconstructionConfig, ReconstructionModel
from minattn.ops import CrossEntropy, Index, LinearCrossEntropy
from minattn.show.notebook import BLUE, GREEN, ORANGE, draw_matrix, figure, show

vocabulary = ["dog", "cat", "runs", "sleeps"]
logits = np.array(
    [[2.0, 1.0, 0.0, -1.0], [0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 3.0, -2.0]]
)  # (N, V)
targets = np.array([0, 1, 3])  # (N,): dog, cat, sleeps
N, V = logits.shape

# %% [markdown]
# ## The loss of one position
#
# The scores are called logits. Softmax turns them into probabilities $p$. The loss of a position is the surprise at the
# right token $y$: $l = -\ln p_y$.

# %%
p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
losses = -np.log(p[np.arange(N), targets])

for n in range(N):
    print(f"{vocabulary[targets[n]]:7} p = {p[n, targets[n]]:.4f}   loss = {losses[n]:.4f}")

engine = F.cross_entropy(Tensor(logits), targets, reduction="none")
print("the engine's:", engine.data.round(4))

# %% [markdown]
# The first position is nearly right and costs {{losses[0]:.2f}}. The third bets on the wrong token and costs
# {{losses[2]:.2f}}. The second knows nothing: its logits are all equal, so each token has $p = 1/4$, and the loss is
# $\ln 4 = {{np.log(4):.4f}}$. Read backwards, $e^l$ is the number of equally likely tokens that would be as surprising:
# {{np.exp(losses[1]):.0f}} here, {{np.exp(losses[2]):.0f}} at the third position.
#
# ## From the logits, or not at all
#
# The formula above fails in floating point. Give the wrong one of two tokens a lead of $d$; the loss is close to $d$.
# There are three ways to compute it in float32:

# %%
leads = np.linspace(0, 120, 241, dtype=np.float32)
two = np.stack([leads, np.zeros_like(leads)], axis=1)  # the right token is the second

with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
    exp = np.exp(two)
    p_right = exp[:, 1] / exp.sum(axis=1)
    from_p = -np.log(p_right)
    clipped = -np.log(p_right + np.float32(1e-12))

z = two - two.max(axis=1, keepdims=True)
from_logits = np.log(np.exp(z).sum(axis=1)) - z[:, 1]

print("lead   -ln p  -ln(p + 1e-12) from the logits")
for lead in (10, 40, 100):
    i = 2 * lead
    print(f"{lead:4} {from_p[i]:7.2f} {clipped[i]:14.2f} {from_logits[i]:16.2f}")
fails = leads[np.isinf(from_p)][0]
print("ln p is infinite from a lead of", fails)

# %% [markdown]
# `exp` of more than {{np.log(np.finfo(np.float32).max):.1f}} is infinite in float32: from a lead of {{fails:.0f}} on,
# $p_y$ is 0 and its logarithm $-\infty$.
#
# Adding a small number to $p$ stops the infinity, and does something worse. The loss stays at {{clipped[-1]:.1f}}
# however wrong the model is, and its slope falls to 0: the positions that are most wrong teach nothing.
#
# The third way never forms $p$:
#
# $$
# l = -\ln \frac{e^{x_y}}{\sum_i e^{x_i}} = \ln \sum_i e^{x_i} - x_y
# $$
#
# With the largest logit subtracted first, which cancels, no `exp` is above 1 and the sum is at least 1.

# %% tags=["folded"]
# The slope by the right token's logit, through each of the three ways.
slope = -(1 - p_right)
slopes = {
    "from the logits": np.exp(-from_logits) - 1,
    "ln p": np.where(p_right > 0, slope, np.nan),
    "ln(p + 1e-12)": slope * p_right / (p_right + 1e-12),
}
values = {"from the logits": from_logits, "ln p": from_p, "ln(p + 1e-12)": clipped}
styles = {"ln p": (GREEN, 6), "ln(p + 1e-12)": (ORANGE, 2), "from the logits": (BLUE, 2)}

drawing, (left, right) = figure(
    "Only the form from the logits survives a large lead of the wrong token", columns=2
)
for axis, curves in ((left, values), (right, slopes)):
    for name, (colour, width) in styles.items():
        finite = np.where(np.isfinite(curves[name]), curves[name], np.nan)
        axis.plot(
            leads,
            finite,
            color=colour,
            linewidth=width,
            alpha=0.4 if width > 2 else 1,
            label=name,
        )
    axis.set_xlabel("lead of the wrong token")
left.set(title="Loss", ylabel="nats", ylim=(-5, 160))
right.set(title="Slope by the right logit", ylabel="dl/dx", ylim=(-1.1, 0.1))
left.legend(frameon=False)
show(drawing)

# %% [markdown]
# ## The gradient is $p - y$
#
# Write the loss in two lines and differentiate each. $\delta_{jy}$ is 1 for the right token and 0 for the
# others: a row of them is the one-hot $y$.
#
# $$
# s = \ln \sum_i e^{x_i} \qquad \frac{\partial s}{\partial x_j} = \frac{e^{x_j}}{\sum_i e^{x_i}} = p_j
# $$
#
# $$
# l = s - x_y \qquad \frac{\partial l}{\partial x_j} = p_j - \delta_{jy}
# $$
#
# Each line as code, each held against measured slopes:

# %%
rows = np.arange(N)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def one_hot(y):
    return np.eye(V)[y]


def log_sum(x):  # (N, V) -> (N,)
    top = x.max(axis=1)
    return top + np.log(np.exp(x - top[:, None]).sum(axis=1))


def log_sum_backward(g, x):
    return g[:, None] * softmax(x)


def loss_each(x, y):  # (N, V), (N,) -> (N,)
    return log_sum(x) - x[rows, y]


def loss_each_backward(g, x, y):
    return g[:, None] * (softmax(x) - one_hot(y)), None


print("s =", check_backward(log_sum, log_sum_backward, [logits]).verdict)
print("l =", check_backward(loss_each, loss_each_backward, [logits, targets]).verdict)

# %% tags=["folded"]
drawing, axes = figure(
    "The gradient is what the model says minus what is so", columns=3, height=2.4, sharey=True
)
parts = {
    "p": softmax(logits),
    "y": one_hot(targets),
    "p − y": softmax(logits) - one_hot(targets),
}
for axis, (name, matrix) in zip(axes, parts.items(), strict=True):
    draw_matrix(axis, matrix, limit=1.0)
    axis.set(title=name, xlabel="token")
    axis.set_xticks(range(V), vocabulary)
axes[0].set_ylabel("position")
show(drawing)

# %% [markdown]
# Read the right panel row by row. The right token has a negative entry: its logit must rise, because a step goes
# against the gradient. All the others must fall, the most likely one most. The third position is surest and wrong, and
# has the largest entries; the first is nearly right and has small ones.

# %%
gradient = softmax(logits) - one_hot(targets)
print("sum of each row:  ", gradient.sum(axis=1).round(12) + 0.0)
print("size of each row: ", np.abs(gradient).sum(axis=1).round(4))
print("2 (1 - p_y):      ", (2 * (1 - p[rows, targets])).round(4))

# %% [markdown]
# Each row adds up to 0: what one logit gains the others lose. Its size, the sum of the absolute values, is
# $2 (1 - p_y)$: what is missing at the right token, and as much again at the others. It is never above 2, so this
# gradient cannot explode, whatever the logits are.
#
# There is a longer way to the same gradient, by way of the probabilities. The logarithm sends back $-1/p_y$, and
# softmax's Jacobian makes it $p - y$. Look at what is between:

# %%
dp = -one_hot(targets) / p
by_way_of_p = p * (dp - (dp * p).sum(axis=1, keepdims=True))
print("the same gradient:", np.allclose(by_way_of_p, gradient, rtol=0, atol=1e-14))

surely_wrong = np.array([[60.0, 0.0]])
tiny = softmax(surely_wrong)[0, 1]
print(f"lead 60: dl/dp = {-1 / tiny:.1e}, dl/dx = {tiny - 1:.4f}")

op = CrossEntropy(reduction="none")
op.forward(logits, targets)
print("the engine's op:", np.allclose(op.backward(np.ones(N))[0], gradient, rtol=0, atol=1e-14))

# %% [markdown]
# An intermediate of {{-1 / tiny:.0e}} for a result of {{tiny - 1:.0f}}. This is why the engine has one op for both,
# [`CrossEntropy`](../minattn/ops/cross_entropy.py), whose backward is the line above.
#
# ## A mean over the batch puts $1/N$ everywhere
#
# The loss of a batch is the mean of its positions, $L = \frac{1}{N} \sum_n l_n$. So each $l_n$ gets the gradient $1/N$,
# and each row is $(p - y)/N$:

# %%
x = Tensor(logits, requires_grad=True)
F.cross_entropy(x, targets).backward()
print(np.allclose(x.grad, gradient / N, rtol=0, atol=1e-14))


def loss(x, y):
    return loss_each(x, y).mean()


def forgetful(g, x, y):
    return g * (softmax(x) - one_hot(y)), None


report = check_backward(loss, forgetful, [logits, targets], like="cross_entropy")
print(report.findings[0].kind)
print(textwrap.fill(report.findings[0].told, 90))

# %% [markdown]
# Backward is linear: what comes in $N$ times smaller goes out $N$ times smaller. So this one factor reaches every
# parameter of a model. A whole model, untrained, one batch of 24 tokens, once with the mean, once with the sum:

# %%
config = ReconstructionConfig(
    vocab_size=50, width=16, layers=1, heads=2, hidden=32, dropout=0.0
)
model = ReconstructionModel(config, generator=np.random.default_rng(0))
ids = np.random.default_rng(1).integers(0, 50, (3, 8))


def loss_and_lengths(reduction, ids):
    """The loss, and the length of the gradient of each parameter."""
    model.zero_grad()
    value = F.cross_entropy(model(ids).reshape(-1, 50), ids.reshape(-1), reduction=reduction)
    value.backward()
    parameters = model.named_parameters()
    return value.item(), {
        name: np.linalg.norm(parameter.grad) for name, parameter in parameters
    }


value, mean = loss_and_lengths("mean", ids)
_, total = loss_and_lengths("sum", ids)
print(f"loss {value:.2f}, ln 50 = {np.log(50):.2f}")
for name in ("embedding.weight", "blocks.0.attention.value.weight", "de_embedding.weight"):
    print(f"{name:32} sum / mean = {total[name] / mean[name]:.3f}")

# %% [markdown]
# (The loss is close to $\ln 50$: an untrained model knows nothing. Where yours begins far above that, look for a bug.)
#
# That is what the mean is for: the size of a step does not depend on the size of the batch. Take the same sentences
# twice, four times, eight times. There is nothing new to learn; the mean's gradient stays, the sum's grows.

# %% tags=["folded"]
copies = np.array([1, 2, 4, 8, 16])
batches = [np.tile(ids, (count, 1)) for count in copies]
sizes = {
    kind: [
        np.sqrt(sum(length**2 for length in loss_and_lengths(kind, batch)[1].values()))
        for batch in batches
    ]
    for kind in ("sum", "mean")
}
drawing, axis = figure("A larger batch makes the gradient of a sum longer, not that of a mean")
for kind, colour in (("sum", ORANGE), ("mean", BLUE)):
    axis.loglog(copies * ids.size, sizes[kind], "o-", color=colour, linewidth=2, label=kind)
axis.set(xlabel="tokens in the batch, N", ylabel="length of the gradient", ylim=(1, 1000))
axis.set_xticks(copies * ids.size, [str(tokens) for tokens in copies * ids.size])
axis.minorticks_off()
axis.legend(frameon=False)
show(drawing)

# %% [markdown]
# What is $N$ where sentences differ in length? The short ones are padded, and padding has no right token. Its target is
# −100: no loss, no gradient, and it does not count.

# %%
padded = np.array([0, 1, -100])
x = Tensor(logits, requires_grad=True)
value = F.cross_entropy(x, padded)
value.backward()
print(f"loss {value.item():.4f} = ({losses[0]:.4f} + {losses[1]:.4f}) / 2")
print("gradient of the padding:", x.grad[2])

# %% [markdown]
# ## Back into the vectors
#
# In the model the logits are made of vectors $h$ (N, D) by the de-embedding of [page 9](09_deembedding.md),
# $x = h W^\top + b$. Its backward is that of any linear layer, and $dx = (p - y)/N$ is its upstream. A place that does
# not count need not be scored at all: pick the others, and put their gradients back into their places. In one piece:

# %%
rng = np.random.default_rng(2)
D = 5
h, W, b = rng.normal(size=(N, D)), rng.normal(size=(V, D)), rng.normal(size=V)
counts = padded != -100  # (N,)

picked, y = h[counts], padded[counts]  # (n, D), (n,)
dlogits = (softmax(picked @ W.T + b) - one_hot(y)) / len(y)  # (n, V)
dW, db = dlogits.T @ picked, dlogits.sum(axis=0)
dh = np.zeros_like(h)
dh[counts] = dlogits @ W  # the others stay 0

pick, score = Index(counts), LinearCrossEntropy()  # what the engine runs
score.forward(pick.forward(h), W, y, b)
dpicked, engine_dW, _, engine_db = score.backward(np.float64(1.0))
pairs = ((dh, pick.backward(dpicked)), (dW, engine_dW), (db, engine_db))
print("dh, dW, db as the engine's:", [np.allclose(a, e, rtol=0, atol=1e-14) for a, e in pairs])
print(dh.round(2))

# %% [markdown]
# This is the first gradient of a training step, and the upstream of everything before it.
#
# ## Questions
#
# 1. All logits of a position are equal and there are 8 tokens. What are its loss and its gradient?
#
# <details><summary>Answer</summary>
#
# The loss is $\ln 8 = {{np.log(8):.4f}}$. Each $p$ is $1/8$, so the gradient is {{1 / 8 - 1}} at the right token and
# {{1 / 8}} at the seven others.
#
# </details>
#
# 2. Add 5 to every logit of a position. What happens to the loss, and how can you see it in the gradient?
#
# <details><summary>Answer</summary>
#
# Nothing: the loss changes by {{abs(loss(logits + 5, targets) - loss(logits, targets)):.6f}}. When all logits of a row
# move together, the slope is the sum of the row's gradient, and that is 0.
#
# </details>
#
# 3. Two batches, of 4 and of 12 tokens, have mean losses of 2 and of 1. What is the mean loss of all 16 tokens? What
#    must two computers do that share a batch?
#
# <details><summary>Answer</summary>
#
# {{(4 * 2 + 12 * 1) / 16}}, not {{(2 + 1) / 2}}: the mean of means weighs the tokens of the small batch three times as
# much. Each must divide by the number of tokens of the whole batch; then the gradients add up to the right one.
#
# </details>
#
# ## The exercise
#
# `minattn learn check cross_entropy`: write the backward pass of the mean, upstream $g$ included.
# `log_softmax` is its first half.
#
# [The page of numbers](../docs/pages/cross_entropy.html) of this op opens in a browser (download it first, if you
# read this on the web): click any number of it, and see of which terms it is made, forward and backward. `minattn
# show cross_entropy` writes it.
