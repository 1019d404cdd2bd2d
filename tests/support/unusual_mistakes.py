"""Backward passes with slips that are seldom, or stand at several expressions, and what is to be said of them."""

import numpy as np

from .learners_mistakes import LearnersMistake, normal, softmax

IDS = np.array([2, 0, 2, 1, 0, 2])
COLUMNS = np.array([1, 0, 2, 1, 0, 1])


def softmax_sum_outside(g, x):
    p = softmax(x)
    return p * (g - g.sum(axis=-1, keepdims=True) * p)


def chosen(x, ids):
    return x[np.arange(len(ids)), ids] * 1.0


def chosen_in_every_row(g, x, ids):
    dx = np.zeros_like(x)
    dx[:, ids] = g[:, None]
    return dx, None


def sorted_squares(x):
    return np.sort(x) ** 2


def sorted_not_laid_back(g, x):
    order = np.argsort(x)
    d = 2 * g * x[order]
    return d[order]


def corners(image, points):
    out = []
    for n in range(len(points)):
        i, j = int(points[n, 0]), int(points[n, 1])
        a, b = points[n, 0] - i, points[n, 1] - j
        out.append((1 - a) * b * image[i, j + 1] + a * (1 - b) * image[i + 1, j])
    return np.stack(out)


def corners_exchanged(g, image, points):
    d, e = np.zeros_like(image), np.zeros_like(points)
    for n in range(len(points)):
        i, j = int(points[n, 0]), int(points[n, 1])
        a, b = points[n, 0] - i, points[n, 1] - j
        d[i, j + 1] += g[n] * a * (1 - b)
        d[i + 1, j] += g[n] * (1 - a) * b
        e[n, 0] = g[n] * ((1 - b) * image[i + 1, j] - b * image[i, j + 1])
        e[n, 1] = g[n] * ((1 - a) * image[i, j + 1] - a * image[i + 1, j])
    return d, e


def padded(x):
    return np.pad(x, ((1, 1), (2, 1))) * 1.0


def padding_cut_beside(g, x):
    return g[1:-1, 1:-2]


def spread(x, w):
    y = np.zeros(2 * (len(x) - 1) + len(w))
    for i in range(len(x)):
        y[2 * i : 2 * i + len(w)] += x[i] * w
    return y


def spread_without_stride(g, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(x)):
        dx[i] = g[2 * i : 2 * i + len(w)] @ w
    for k in range(len(w)):
        dw[k] = (x * g[k : k + len(x)]).sum()
    return dx, dw


def pooled(x):
    return x.reshape(x.shape[0] // 2, 2, x.shape[1]).sum(axis=1) ** 2


def pooled_tiled(g, x):
    s = x.reshape(x.shape[0] // 2, 2, x.shape[1]).sum(axis=1)
    return np.tile(2 * g * s, (2, 1))


def picked(x, ids):
    return np.take_along_axis(x, ids[:, None], axis=1)[:, 0]


def picked_beside_ones(g, x, ids):
    dx = np.ones_like(x)
    np.put_along_axis(dx, ids[:, None], g[:, None], axis=1)
    return dx, None


def cholesky(a):
    return np.linalg.cholesky(a @ a.T + 3 * np.eye(len(a)))


def cholesky_whole_diagonal(g, a):
    c = np.linalg.cholesky(a @ a.T + 3 * np.eye(len(a)))
    inverse = np.linalg.inv(c)
    s = inverse.T @ np.tril(c.T @ np.tril(g)) @ inverse
    return (s + s.T) @ a


def normalised(x):
    m = x.mean(axis=(0, 2), keepdims=True)
    return (x - m) / np.sqrt(((x - m) ** 2).mean(axis=(0, 2), keepdims=True) + 0.1)


def normalised_by_another_count(g, x):
    n = x.shape[0]
    m = x.mean(axis=(0, 2), keepdims=True)
    s = np.sqrt(((x - m) ** 2).mean(axis=(0, 2), keepdims=True) + 0.1)
    h = (x - m) / s
    return (g - g.sum(axis=(0, 2), keepdims=True) / n - h * (g * h).sum(axis=(0, 2), keepdims=True) / n) / s


def scores(q, k, v):
    p = softmax(np.where(np.tri(len(q), len(k)) > 0, q @ k.T, -3.0))
    return p @ v


def scores_of_another_softmax(g, q, k, v):
    e = (q @ k.T) ** 2
    p = e / e.sum(axis=-1, keepdims=True)
    masked = softmax(np.where(np.tri(len(q), len(k)) > 0, q @ k.T, -3.0))
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) * np.tri(len(q), len(k))
    return ds @ k, ds.T @ q, masked.T @ g


def scaled_in_turn(x):
    for axis in (1, 0, 1):
        x = np.sin(x) / np.exp(x).sum(axis=axis, keepdims=True)
    return x


def scaled_tape_not_reversed(g, x):
    tape = []
    for axis in (1, 0, 1):
        tape.append((x, axis))
        x = np.sin(x) / np.exp(x).sum(axis=axis, keepdims=True)
    for y, axis in tape:
        s = np.exp(y).sum(axis=axis, keepdims=True)
        g = g * np.cos(y) / s - np.exp(y) * (g * np.sin(y)).sum(axis=axis, keepdims=True) / s**2
    return g


def running_product(x):
    return np.cumprod(x)


def running_product_one_late(g, x):
    y, s, dx = np.cumprod(x), 0.0, np.zeros_like(x)
    for i in range(len(x) - 1, -1, -1):
        dx[i] = s / x[i]
        s += g[i] * y[i]
    return dx


def means_of_groups(x, ids):
    out = np.zeros((3, x.shape[1]))
    np.add.at(out, ids, x)
    return out / np.bincount(ids, minlength=3)[:, None]


def means_of_groups_by_their_number(g, x, ids):
    n = np.bincount(ids, minlength=3)
    return g[ids] / len(n), None


UNUSUAL = {
    "a weighted sum": LearnersMistake(
        *(softmax, softmax_sum_outside, [normal(4, 5)], "s", "cross_terms_missing"),
        "stands where the sum along axis 1 of `g` times `p` belongs",
    ),
    "every row": LearnersMistake(
        *(chosen, chosen_in_every_row, [normal(6, 3), COLUMNS], "x", "wrong_index"),
        "in `dx[:, ids]`",
    ),
    "not laid back": LearnersMistake(
        *(sorted_squares, sorted_not_laid_back, [normal(7)], "x", "wrong_index"), "np.argsort of the index"
    ),
    "exchanged corners": LearnersMistake(
        *(corners, corners_exchanged, [normal(5, 5), np.abs(normal(6, 2))], "image", "wrong_index"),
        "and `d[i, j + 1]`",
    ),
    "a cut beside": LearnersMistake(
        *(padded, padding_cut_beside, [normal(4, 5)], "x", "wrong_index"), "start and stop + 1"
    ),
    "no stride": LearnersMistake(
        *(spread, spread_without_stride, [normal(5), normal(3)], "w", "wrong_index"),
        "every second of the places from there on",
    ),
    "tiled": LearnersMistake(
        *(pooled, pooled_tiled, [normal(6, 4)], "x", "wrong_variable"), "tile stands where repeat belongs"
    ),
    "beside ones": LearnersMistake(
        *(picked, picked_beside_ones, [normal(6, 3), COLUMNS], "x", "wrong_variable"), "zeros_like belongs"
    ),
    "a whole diagonal": LearnersMistake(
        *(cholesky, cholesky_whole_diagonal, [normal(4, 4)], "a", "constant_factor"),
        "on the diagonal is to be multiplied by 1/2",
    ),
    "another count": LearnersMistake(
        *(normalised, normalised_by_another_count, [normal(4, 3, 5)], "x", "constant_factor"),
        "`n` is another number wherever it is used",
    ),
    "another softmax": LearnersMistake(
        *(scores, scores_of_another_softmax, [normal(4, 3), normal(5, 3), normal(5, 2)], "q and k"),
        *("wrong_variable", "wherever `"),
    ),
    "a tape from its beginning": LearnersMistake(
        *(scaled_in_turn, scaled_tape_not_reversed, [normal(4, 5)], "x", "wrong_index"), "runs the wrong way"
    ),
    "one late": LearnersMistake(
        *(running_product, running_product_one_late, [1 + np.abs(normal(6))], "x", "wrong_variable"),
        "`s` stands where `s += g[i] * y[i]`",
    ),
    "the number of groups": LearnersMistake(
        *(means_of_groups, means_of_groups_by_their_number, [normal(6, 2), IDS], "x", "wrong_variable"),
        "divided by `n` at the places `ids` belongs",
    ),
}
