"""Matrix products: matmul, the linear layer's product, einsum."""

import numpy as np

from ..backend import Array, array_module
from .base import Op, Sample, Samples, as_rows, register, total, transposed


def matmul_samples(rng: np.random.Generator) -> Samples:
    """Matrices, vectors, batches that broadcast."""
    shapes = (
        *(((3, 4), (4, 5)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((4,), (2, 4, 5))),
        *(((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((1, 4), (4, 1)), ((3, 0), (0, 2))),
    )
    for a, b in shapes:
        yield Sample(f"{a} @ {b}", (rng.normal(size=a), rng.normal(size=b)))


def linear_samples(rng: np.random.Generator) -> Samples:
    """Batches, one vector, none; with a bias and without."""
    for shape in ((2, 3, 4), (3, 4), (4,), (0, 4)):
        x, weight, bias = rng.normal(size=shape), rng.normal(size=(5, 4)), rng.normal(size=5)
        yield Sample(f"x {shape}", (x, weight, bias))
        yield Sample(f"x {shape}, no bias", (x, weight))


def einsum_samples(rng: np.random.Generator) -> Samples:
    """Products, sums over letters of one operand, leading axes."""
    cases = (
        *(("ij,jk->ik", (2, 3), (3, 4)), ("bhtd,bhsd->bhts", (2, 3, 4, 5), (2, 3, 6, 5)), ("i,j->ij", (2,), (3,))),
        *(("ij,ij->", (2, 3), (2, 3)), ("ij,k->k", (2, 3), (4,)), ("...ij,jk", (2, 3, 4), (4, 5))),
        *(("ij,j->i", (3, 1), (4,)), ("...i,...i->...", (2, 3, 4), (3, 4))),
    )
    for equation, a, b in cases:
        yield Sample(equation, (rng.normal(size=a), rng.normal(size=b)), {"equation": equation})


@register(samples=matmul_samples)
class MatMul(Op):
    """Multiply matrices, with NumPy's rules for batches and vectors.

    a (…, N, K), b (…, K, M) -> y (…, N, M); leading axes broadcast. A vector a is a row (1, K), a vector b a column
    (K, 1), and the axis of length 1 is dropped from y again.

    forward    y_nm = Σ_k a_nk b_km
    backward   da_nk = Σ_m g_nm b_km      da = g bᵀ
               db_km = Σ_n a_nk g_nm      db = aᵀ g
    """

    broadcasts = True

    def forward(self, a: Array, b: Array) -> Array:
        self.a_is_vector, self.b_is_vector = a.ndim == 1, b.ndim == 1
        self.a = a[None, :] if self.a_is_vector else a
        self.b = b[:, None] if self.b_is_vector else b
        return a @ b

    def backward(self, g: Array) -> tuple[Array, Array]:
        if self.a_is_vector:
            g = g[..., None, :] if not self.b_is_vector else g[..., None]
        if self.b_is_vector:
            g = g[..., None]
        # y = a b
        da = g @ transposed(self.b)
        db = transposed(self.a) @ g
        return da[..., 0, :] if self.a_is_vector else da, db[..., 0] if self.b_is_vector else db


@register(samples=linear_samples)
class Linear(Op):
    """Multiply by a weight and add a bias: the same map for every token.

    x (…, I), weight (O, I), bias (O,) or none -> y (…, O)

    forward    1  y = x Wᵀ
               2  y = y + b
    backward   2  db = Σ g over all rows
               1  dx = g W
                  dW = gᵀ x, summed over all rows

    float32 runs the kernel in minattn/fast/layers.py.
    """

    def forward(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        self.x, self.weight, self.has_bias = x, weight, bias is not None
        # 1
        y = x @ weight.T
        # 2
        return y if bias is None else y + bias

    def backward(self, g: Array) -> tuple[Array, ...]:
        # 2  y = y + b
        db = total(as_rows(g), 0)
        # 1  y = x Wᵀ
        dx = g @ self.weight
        dweight = as_rows(g).T @ as_rows(self.x)
        return (dx, dweight, db) if self.has_bias else (dx, dweight)


@register(samples=einsum_samples)
class Einsum(Op):
    """A sum over products of arrays, written in index letters (Einstein's convention).

    x1, x2, … -> y; the equation names their axes, "…" stands for any leading axes

    forward    y_out = Σ x1_ab x2_bc … over the letters that are not in the output
    backward   dx1 is the einsum of g and the other inputs with x1's letters as the output; a letter that only x1 has
               was summed away, so that every element along it gets the same gradient. The others likewise.
    """

    broadcasts = True

    def __init__(self, equation: str) -> None:
        self.equation = equation

    def forward(self, *inputs: Array) -> Array:
        self.inputs = inputs
        *self.letters, self.out = explicit_letters(self.equation, [x.ndim for x in inputs])
        return array_module(inputs[0]).einsum(f"{','.join(self.letters)}->{self.out}", *inputs, optimize=True)

    def backward(self, g: Array) -> tuple[Array, ...]:
        return tuple(self.gradient_of(i, g) for i in range(len(self.inputs)))

    def gradient_of(self, i: int, g: Array) -> Array:
        """The gradient of input i, from the gradient g of the product and the other factors."""
        xp, x, letters = array_module(g), self.inputs[i], self.letters[i]
        others, names = list(self.inputs), [*self.letters]
        others[i], names[i] = g, self.out
        distinct = "".join(dict.fromkeys(letters))
        reachable = "".join(letter for letter in distinct if any(letter in name for name in names))
        dx = xp.einsum(f"{','.join(names)}->{reachable}", *others, optimize=True)
        # a letter that only x has, or along which the others have length 1: the same gradient for every element
        sizes = dict(zip(reachable, dx.shape, strict=True))
        lengths = dict(zip(letters, x.shape, strict=True))
        dx = dx.reshape([sizes.get(letter, 1) for letter in distinct])
        dx = xp.broadcast_to(dx, [max(sizes.get(letter, 1), lengths[letter]) for letter in distinct])
        if len(distinct) == len(letters):
            return dx.copy()
        whole = xp.zeros(x.shape, g.dtype)  # a letter that x has twice reads its diagonal
        xp.einsum(f"{letters}->{distinct}", whole)[...] = dx
        return whole


def explicit_letters(equation: str, dims: list[int]) -> list[str]:
    """The letters of every input, and last of the output, with "…" written out and the output supplied.

    Raises:
        ValueError: the equation does not fit as many inputs with as many axes.
    """
    terms, arrow, out = equation.replace(" ", "").replace("...", "…").partition("->")
    operands = terms.split(",")
    if len(operands) != len(dims):
        raise ValueError(f"the equation {equation!r} is for {len(operands)} operands, got {len(dims)}")
    spare = [letter for letter in map(chr, range(ord("a"), ord("z") + 1)) if letter not in equation]
    widths = [ndim - len(term.replace("…", "")) for term, ndim in zip(operands, dims, strict=True)]
    for term, ndim, width in zip(operands, dims, widths, strict=True):
        if width < 0 or (width > 0 and "…" not in term):
            raise ValueError(f"{term!r} in {equation!r} does not name the axes of an array with {ndim} axes")
    widest = max(width if "…" in term else 0 for term, width in zip(operands, widths, strict=True))
    dots = "".join(spare[:widest])
    if not arrow:
        free = terms.replace(",", "").replace("…", "")
        out = "…" * ("…" in terms) + "".join(sorted(letter for letter in set(free) if free.count(letter) == 1))
    named = [term.replace("…", dots[widest - n :] if n else "") for term, n in zip(operands, widths, strict=True)]
    return [*named, out.replace("…", dots)]
