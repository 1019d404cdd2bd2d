"""The whole model in one file: a sentence goes in, and comes out again with its blank filled.

    text -> ids -> vectors + positions -> blocks of attention -> norm -> logits -> loss
    and the gradient back the same way, from the loss to the table of vectors

Nothing here differentiates by itself. A function on that way has a partner, …_backward, which
undoes its lines from the last to the first. Forward lays on a pile, `saved`, what its partner
will need; backward takes it from the top. What comes in, g, is the slope of the loss by each
number of the function's output; what it returns, dx, is the same for the input x.

B sentences of T tokens, N of them wanted back; V pieces in the vocabulary; D numbers for each
token; H heads of d = D / H numbers; F numbers inside the feed-forward network. P are the
parameters, G their gradients.

Run it: python walkthroughs/whole.py [steps]
"""

import json
import re
import sys
from math import cos, erf, pi, sqrt
from pathlib import Path

import numpy as np

LAYERS, HEADS, WIDTH, HIDDEN = 2, 4, 64, 128  # blocks, H, D, F
STEPS, BATCH, BLANKS, SEEN = 1000, 32, 0.3, 0.1  # B; shares hidden, and wanted though seen
RATE, WARMUP, LONGEST = 0.01, 0.1, 1.0  # peak, share of the steps up to it, longest gradient
BETA1, BETA2, EPS, DECAY = 0.9, 0.98, 1e-8, 0.1  # AdamW
SENTENCE = "He opened the [MASK] and looked out."

# ------------------------------------------------------------------------ text to ids, and back
FOLDER = Path(__file__).resolve().parents[1] / "vocab"
VOCABULARY = json.loads((FOLDER / "en/tokenizer.json").read_text("utf-8"))["model"]["vocab"]
PIECES = sorted(VOCABULARY, key=VOCABULARY.get)
PAD, UNK, CLS, SEP, MASK = range(5)  # the vocabulary begins with these


def split(word, before=""):
    """The ids of a word: the longest piece that it begins with, then the same for the rest"""
    for end in range(len(word), 0, -1):
        if (piece := before + word[:end]) in VOCABULARY:
            rest = split(word[end:], "##")
            return [UNK] if UNK in rest else [VOCABULARY[piece], *rest]
    return [UNK] if word else []


def encode(text):
    words = re.findall(r"\[MASK\]|\w+|[^\w\s]", text.lower().replace("[mask]", "[MASK]"))
    return [CLS, *(i for word in words for i in split(word)), SEP]


def decode(ids):
    return " ".join(PIECES[i] for i in ids if i not in (PAD, CLS, SEP)).replace(" ##", "")


def batch_of(sentences, rng, size=BATCH):
    """ids with blanks, mask True at tokens, targets -100 where nothing is wanted: (B, T) each"""
    chosen = [sentences[i] for i in rng.choice(len(sentences), size, replace=False)]
    longest = max(map(len, chosen))
    full = np.array([ids + [PAD] * (longest - len(ids)) for ids in chosen])
    mask = full != PAD
    hidden = (full > MASK) & (rng.random(full.shape) < BLANKS)
    wanted = hidden | (mask & (rng.random(full.shape) < SEEN))
    return np.where(hidden, MASK, full), mask, np.where(wanted, full, -100)


# ------------------------------------------------------------- functions, each with its backward
def rows(x):  # (…, D) -> (N, D), all vectors below each other
    return x.reshape(-1, x.shape[-1])


def linear(saved, x, W, b):
    """x (…, I), W (O, I), b (O,) -> y (…, O)"""
    saved.append((x, W))
    return x @ W.T + b


def linear_backward(saved, g):
    x, W = saved.pop()
    # y = x Wᵀ + b
    return g @ W, rows(g).T @ rows(x), rows(g).sum(axis=0)


def layer_norm(saved, x, gamma, beta):
    """x (…, D), gamma (D,), beta (D,) -> y (…, D)"""
    c = x - x.mean(axis=-1, keepdims=True)  # 1
    r = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5)  # 2
    n = c * r  # 3
    saved.append((c, r, n, gamma))
    return gamma * n + beta  # 4


def layer_norm_backward(saved, g):
    c, r, n, gamma = saved.pop()
    # 4  y = γ n + β
    dgamma, dbeta = rows(g * n).sum(axis=0), rows(g).sum(axis=0)
    dn = g * gamma
    # 3  n = c r
    dc = dn * r
    dr = (dn * c).sum(axis=-1, keepdims=True)
    # 2  r = 1 / √(mean(c²) + ε)
    dc = dc - dr * r**3 * c / c.shape[-1]
    # 1  c = x - mean(x)
    return dc - dc.mean(axis=-1, keepdims=True), dgamma, dbeta


def softmax(s):
    exp = np.exp(s - s.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def attention(saved, q, k, v, mask):
    """q, k, v (B, H, T, d), mask (B, T): nobody looks where it is False -> y (B, H, T, d)"""
    s = q @ k.mT / sqrt(q.shape[-1])  # 1   (B, H, T, T)
    p = softmax(np.where(mask[:, None, None, :], s, -np.inf))  # 2
    saved.append((q, k, v, p))
    return p @ v  # 3


def attention_backward(saved, g):
    q, k, v, p = saved.pop()
    # 3  y = p v
    dv = p.mT @ g
    dp = g @ v.mT
    # 2  p = softmax(s)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    # 1  s = q kᵀ / √d
    ds = ds / sqrt(q.shape[-1])
    return ds @ k, ds.mT @ q, dv


def gelu(saved, x):
    """x -> y, same shape"""
    phi = (1 + np.fromiter(map(erf, (x / sqrt(2)).flat), x.dtype).reshape(x.shape)) / 2  # 1
    saved.append((x, phi))
    return x * phi  # 2


def gelu_backward(saved, g):
    x, phi = saved.pop()
    # 2  y = x Φ
    dx, dphi = g * phi, g * x
    # 1  Φ = (1 + erf(x / √2)) / 2, whose slope is the bell curve
    return dx + dphi * np.exp(-x * x / 2) / sqrt(2 * pi)


def cross_entropy(logits, targets):
    """logits (N, V), targets (N,) -> the mean surprise at the right pieces, and dlogits"""
    z = logits - logits.max(axis=-1, keepdims=True)  # 1
    losses = np.log(np.exp(z).sum(axis=-1)) - z[np.arange(len(z)), targets]  # 2
    # 3  loss = mean(losses). Here the way turns: 1 / N for each place,
    # 2, 1  times p - y, where y is 1 at the right piece and 0 elsewhere
    y = np.arange(logits.shape[1]) == targets[:, None]
    return losses.mean(), (softmax(logits) - y) / len(targets)


# ------------------------------------------------------------------------------------ the model
def heads(x):  # (B, T, D) -> (B, H, T, d)
    return x.reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)


def merge(y):  # (B, H, T, d) -> (B, T, D); each of these two is the other's backward
    return y.swapaxes(1, 2).reshape(len(y), y.shape[2], -1)


def block(saved, P, i, x, mask):
    """x (B, T, D) -> (B, T, D): tokens look at each other, then each is worked on by itself"""
    n = layer_norm(saved, x, *P["attention_norm", i])  # 1
    q = heads(linear(saved, n, *P["query", i]))  # 2
    k = heads(linear(saved, n, *P["key", i]))  # 3
    v = heads(linear(saved, n, *P["value", i]))  # 4
    y = attention(saved, q, k, v, mask)  # 5
    x = x + linear(saved, merge(y), *P["out", i])  # 6
    n = layer_norm(saved, x, *P["feed_forward_norm", i])  # 7
    h = gelu(saved, linear(saved, n, *P["widen", i]))  # 8
    return x + linear(saved, h, *P["narrow", i])  # 9


def block_backward(saved, G, i, g):
    # 9  x + narrow(h): g goes both ways
    dh, *G["narrow", i] = linear_backward(saved, g)
    # 8  h = gelu(widen(n))
    dn, *G["widen", i] = linear_backward(saved, gelu_backward(saved, dh))
    # 7  n = norm(x)
    dx, *G["feed_forward_norm", i] = layer_norm_backward(saved, dn)
    dx = g + dx
    # 6  x = x + out(y): dx goes both ways
    dy, *G["out", i] = linear_backward(saved, dx)
    # 5  y = attention(q, k, v)
    dq, dk, dv = attention_backward(saved, heads(dy))
    # 4  v = value(n), 3  k = key(n), 2  q = query(n): n was used three times
    by_v, *G["value", i] = linear_backward(saved, merge(dv))
    by_k, *G["key", i] = linear_backward(saved, merge(dk))
    by_q, *G["query", i] = linear_backward(saved, merge(dq))
    # 1  n = norm(x)
    by_n, *G["attention_norm", i] = layer_norm_backward(saved, by_v + by_k + by_q)
    return dx + by_n


def positions(tokens, width):
    """A row for each place, (T, D): sines and cosines that turn ever more slowly; not learned"""
    angles = np.arange(tokens)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(tokens, width)
    return (0.3 * waves).astype(np.float32)


def forward(saved, P, ids, mask, wanted):
    """ids, mask, wanted (B, T) -> logits (N, V) for the N places where wanted is True"""
    (E,) = P["embedding"]
    x = E[ids] + positions(ids.shape[1], E.shape[1])  # 1
    for i in range(LAYERS):
        x = block(saved, P, i, x, mask)  # 2
    n = layer_norm(saved, x[wanted], *P["norm"])  # 3
    return linear(saved, n, E, *P["bias"])  # 4


def loss_and_gradients(P, ids, mask, targets):
    """The loss of a batch, and its gradient by each parameter, under the same names"""
    saved, wanted, G = [], targets != -100, {}
    logits = forward(saved, P, ids, mask, wanted)
    loss, dlogits = cross_entropy(logits, targets[wanted])
    # 4  logits = n Eᵀ + b
    dn, dE, *G["bias"] = linear_backward(saved, dlogits)
    # 3  n = norm(x[wanted]): where nothing is wanted, nothing comes back
    dx = np.zeros((*ids.shape, dn.shape[1]), dn.dtype)
    dx[wanted], *G["norm"] = layer_norm_backward(saved, dn)
    # 2  x = block(x)
    for i in reversed(range(LAYERS)):
        dx = block_backward(saved, G, i, dx)
    # 1  x = E[ids] + positions: to what E got in 4, each token adds its own
    np.add.at(dE, ids, dx)
    return loss, G | {"embedding": [dE]}


# ------------------------------------------------------------------------------------- training
def initial(rng, D=WIDTH, F=HIDDEN, dtype=np.float32):
    """The parameters by name, those of block i by (name, i): each a list, [weight, bias]"""
    norm = np.ones(D), np.zeros(D)
    P = {"embedding": [rng.normal(0, 0.1, (len(PIECES), D))], "norm": norm}
    sizes = dict.fromkeys(("query", "key", "value", "out"), (D, D))  # from, to
    sizes |= {"widen": (D, F), "narrow": (F, D)}
    for i in range(LAYERS):
        for name, (n, m) in sizes.items():
            bound = 1 / sqrt(n)
            P[name, i] = [rng.uniform(-bound, bound, shape) for shape in ((m, n), m)]
        P["attention_norm", i] = P["feed_forward_norm", i] = norm
    P["bias"] = [np.zeros(len(PIECES))]
    return {name: [p.astype(dtype) for p in part] for name, part in P.items()}


def clip(G):
    """Make all gradients shorter together, where they are longer than LONGEST"""
    arrays = [g for part in G.values() for g in part]
    length = sqrt(sum(np.vdot(g, g) for g in arrays))
    for g in arrays if length > LONGEST else ():
        g *= LONGEST / (length + 1e-6)


def rate_at(step, steps):
    """A straight rise to RATE, then half a cosine down to 0"""
    warmup = round(WARMUP * steps)
    fall = (1 + cos(pi * (step - warmup) / (steps - warmup))) / 2
    return RATE * ((step + 1) / warmup if step < warmup else fall)


def adamw_step(P, G, M, S, t, rate):
    """Step t = 1, 2, …, in place. M, S: running means of g and g², like P, at first 0"""
    for name in P:
        for p, g, m, s in zip(P[name], G[name], M[name], S[name], strict=True):
            p -= rate * DECAY * (p.ndim == 2) * p  # biases and gains do not shrink
            m[...] = BETA1 * m + (1 - BETA1) * g
            s[...] = BETA2 * s + (1 - BETA2) * g**2
            p -= rate * (m / (1 - BETA1**t)) / (np.sqrt(s / (1 - BETA2**t)) + EPS)


def restore(P, text):
    """The text with the likeliest piece at every place"""
    ids = np.array([encode(text)])
    return decode(forward([], P, ids, ids != PAD, ids != PAD).argmax(axis=-1))


def train(steps):
    rng = np.random.default_rng(0)
    lines = (FOLDER / "reader.en.txt").read_text("utf-8").splitlines()
    sentences = [encode(line) for line in lines if line and line[0] != "#"]  # no titles
    P = initial(rng)
    M, S = ({name: [np.zeros_like(p) for p in P[name]] for name in P} for _ in "MS")
    for step in range(steps):
        loss, G = loss_and_gradients(P, *batch_of(sentences, rng))
        clip(G)
        adamw_step(P, G, M, S, step + 1, rate_at(step, steps))
        if step % 50 == 0 or step == steps - 1:
            print(f"{step:5}   loss {loss:4.2f}   {restore(P, SENTENCE)}")
    return P


if __name__ == "__main__":
    print(SENTENCE)
    train(int(sys.argv[1]) if len(sys.argv) > 1 else STEPS)
