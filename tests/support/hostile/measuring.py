"""To measure slopes instead of deriving them; each is a backward pass that stands after the solved file.

F in a text is the forward that is measured: the file's, a copy under another name, or one that is run from a string.
"""

import ast
import textwrap

HEAD = """
def backward(g, *inputs):
    results = []
    for i, x in enumerate(inputs):
        if x.dtype.kind != "f":
            results.append(None)
            continue
        def f(y, i=i):
            return (g * F(*inputs[:i], y, *inputs[i + 1 :])).sum()
        dx = np.zeros_like(x)
BODY
        results.append(dx)
    return tuple(results) if len(results) > 1 else results[0]
"""
FOUR = "(8 * (q(1) - q(-1)) - (q(2) - q(-2))) / 12e-3"


def each(body):
    """For each entry."""
    return HEAD.replace(
        "BODY", "        for place in np.ndindex(x.shape):\n" + textwrap.indent(body.strip("\n"), " " * 12)
    )


def whole(body):
    """For an array as a whole."""
    return HEAD.replace("BODY", textwrap.indent(body.strip("\n"), " " * 8))


UNIT = "e = np.zeros_like(x)\ne[place] = 1\n"
WAYS = {
    "central differences": each(UNIT + "dx[place] = (f(x + 1e-5 * e) - f(x - 1e-5 * e)) / 2e-5"),
    "a one-sided difference": each(UNIT + "dx[place] = (f(x + 1e-7 * e) - f(x)) / 1e-7"),
    "a large one-sided step": each(UNIT + "dx[place] = f(x + e) - f(x)"),
    "a complex step": each(UNIT + "dx[place] = f(x + 1e-30j * e).imag / 1e-30"),
    "a complex step without the letter j": each(
        UNIT + "dx[place] = f(x + np.sqrt(-1 + 0 * np.emath.sqrt(-1)) * 1e-30 * e).imag / 1e-30"
    ),
    "four points": each(UNIT + f"q = lambda k: f(x + k * 1e-3 * e)\ndx[place] = {FOUR}"),
    "Richardson": each(
        UNIT
        + "d = lambda h: (f(x + h * e) - f(x - h * e)) / 2 / h\ndx[place] = (64 * d(5e-3) - 20 * d(1e-2) + d(2e-2)) / 45"
    ),
    "in place": each(
        "old, s = x[place], []\nfor k in (1, -1, 2, -2):\n    x[place] = old + k * 1e-3\n    s.append(f(x))\n"
        "x[place] = old\ndx[place] = (8 * (s[0] - s[1]) - (s[2] - s[3])) / 12e-3"
    ),
    "by np.put": each(
        "def q(k):\n    y = x.copy()\n    np.put(y, np.ravel_multi_index(place, x.shape), x[place] + k * 1e-3)\n"
        f"    return f(y)\ndx[place] = {FOUR}"
    ),
    "by partial": each(
        UNIT + f"import functools\nr = functools.partial(f)\nq = lambda k: r(x + k * 1e-3 * e)\ndx[place] = {FOUR}"
    ),
    "in a thread": each(
        UNIT + f"import threading\nq = lambda k: f(x + k * 1e-3 * e)\ndef work():\n    dx[place] = {FOUR}\n"
        "t = threading.Thread(target=work)\nt.start()\nt.join()"
    ),
    "by a generator": each(
        UNIT
        + "s = list(f(x + k * 1e-3 * e) for k in (1, -1, 2, -2))\ndx[place] = (8 * (s[0] - s[1]) - (s[2] - s[3])) / 12e-3"
    ),
    "unit vectors": each(UNIT + "dx[place] = f(e) - f(0 * e)"),
    "more digits": each(
        "X = x.astype(np.longdouble)\ne = 0 * X\ne[place] = 1e-6\ndx[place] = (f(X + e) - f(X - e)) / 2e-6"
    ),
    "by lists": each(
        "def q(k):\n    y = x.ravel().tolist()\n    y[np.ravel_multi_index(place, x.shape)] += k * 1e-3\n"
        f"    return f(np.array(y).reshape(x.shape))\ndx[place] = {FOUR}"
    ),
    "by a class": each(
        UNIT + "class Line:\n    def __init__(self, e):\n        self.e = e\n    def __call__(self, k):\n"
        f"        return f(x + k * 1e-3 * self.e)\nq = Line(e)\ndx[place] = {FOUR}"
    ),
    "a slope by polyfit": each(
        UNIT + "h = np.linspace(-1e-2, 1e-2, 7)\ndx[place] = np.polyfit(h, [f(x + k * e) for k in h], 6)[-2]"
    ),
    "np.gradient": each(
        UNIT + "h = np.linspace(-4e-3, 4e-3, 9)\ndx[place] = np.gradient([f(x + k * e) for k in h], h)[4]"
    ),
    "np.vectorize": whole(
        "def slope(j):\n    def q(k):\n        y = x.ravel().copy()\n        y[int(j)] += k * 1e-3\n"
        f"        return f(y.reshape(x.shape))\n    return {FOUR}\ndx = np.vectorize(slope)(np.arange(x.size)).reshape(x.shape)"
    ),
    "apply_along_axis": whole(
        f"def slope(e):\n    q = lambda k: f(x + k * 1e-3 * e.reshape(x.shape))\n    return {FOUR}\n"
        "dx = np.apply_along_axis(slope, 1, np.eye(x.size)).reshape(x.shape)"
    ),
    "map": whole(
        f"def slope(e):\n    q = lambda k: f(x + k * 1e-3 * e.reshape(x.shape))\n    return {FOUR}\n"
        "dx = np.array(list(map(slope, np.eye(x.size)))).reshape(x.shape)"
    ),
    "random directions": whole(
        "A, b, rng = [], [], np.random.default_rng(0)\nfor _ in range(x.size):\n    r = rng.normal(size=x.shape)\n"
        "    d = lambda h: (f(x + h * r) - f(x - h * r)) / 2 / h\n    A.append(r.ravel())\n"
        "    b.append((64 * d(5e-3) - 20 * d(1e-2) + d(2e-2)) / 45)\ndx = np.linalg.solve(np.array(A), np.array(b)).reshape(x.shape)"
    ),
    "many points at once": whole(
        "E = np.eye(x.size).reshape(-1, *x.shape)\nq = lambda k: np.array([f(y) for y in x + k * 1e-3 * E])\n"
        f"dx = ({FOUR}).reshape(x.shape)"
    ),
}
"""Tried on exercises of all kinds, with the file's forward and with a copy."""

EXERCISES = ("softmax", "matmul")

SPECIAL = {
    ("gelu", "the whole array by a complex step"): "def backward(g, x):\n    return g * F(x + 1e-30j).imag / 1e-30",
    ("gelu", "the whole array to both sides"): (
        "def backward(g, x):\n    d = lambda h: (F(x + h) - F(x - h)) / 2 / h\n"
        "    return g * (64 * d(5e-3) - 20 * d(1e-2) + d(2e-2)) / 45"
    ),
    (
        "dropout",
        "the whole array by one step",
    ): "def backward(g, x, keep):\n    return g * (F(x + 1, keep) - F(x, keep))",
    (
        "dropout",
        "the whole array by a small step",
    ): "def backward(g, x, keep):\n    return g * (F(x + 1e-3, keep) - F(x, keep)) / 1e-3",
    ("softmax", "columns of all rows together"): (
        "def backward(g, x):\n    dx = np.zeros_like(x)\n    for j in range(x.shape[-1]):\n        def q(k):\n"
        "            y = x.copy()\n            y[..., j] += k * 1e-3\n            return (g * F(y)).sum(axis=-1)\n"
        f"        dx[..., j] = {FOUR}\n    return dx"
    ),
    ("softmax", "row by row"): (
        "def backward(g, x):\n    dx = np.zeros_like(x)\n    for row in np.ndindex(x.shape[:-1]):\n"
        "        for j in range(x.shape[-1]):\n            def q(k):\n                y = x[row].copy()\n"
        f"                y[j] += k * 1e-3\n                return g[row] @ F(y)\n            dx[row][j] = {FOUR}\n    return dx"
    ),
    ("softmax", "a stack in one call"): (
        "def backward(g, x):\n    E = np.eye(x.size).reshape(-1, *x.shape)\n"
        "    q = lambda k: (g * F(x + k * 1e-3 * E)).reshape(x.size, -1).sum(axis=1)\n"
        f"    return ({FOUR}).reshape(x.shape)"
    ),
    ("matmul", "the identity through forward"): (
        "def backward(g, a, b):\n    n = a.shape[-1]\n    J = F(np.eye(n), b)\n    return g @ J.swapaxes(-1, -2), "
        "a.swapaxes(-1, -2) @ g"
    ),
    ("residual", "written out, without a function"): (
        "def backward(g, x, w):\n    out = []\n    for z in (x, w):\n        d = np.zeros_like(z)\n"
        "        for place in np.ndindex(z.shape):\n            was, s = z[place], 0\n"
        "            for k, c in ((1, 8), (-1, -8), (2, -1), (-2, 1)):\n                z[place] = was + k * 1e-3\n"
        "                s += c * (g * (x + np.tanh(x @ w))).sum()\n            z[place] = was\n"
        "            d[place] = s / 12e-3\n        out.append(d)\n    return tuple(out)"
    ),
    ("gelu", "number by number"): (
        "def backward(g, x):\n    def slope(t):\n        d = lambda h: (F(np.array(t + h)) - F(np.array(t - h))) / 2 / h\n"
        "        return (64 * d(5e-3) - 20 * d(1e-2) + d(2e-2)) / 45\n    return g * np.vectorize(slope)(x)"
    ),
    ("matmul", "measured while the file is loaded"): (
        "J = {}\nfor n in range(1, 6):\n    for m in range(1, 6):\n        J[n, m] = F(np.eye(n), np.ones((n, m)))\n"
        "def backward(g, a, b):\n    J\n    return g @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ g"
    ),
    ("softmax", "dual numbers"): (
        "class Dual:\n    def __init__(self, v, d):\n        self.v, self.d = v, d\n"
        "    def __sub__(self, o):\n        return Dual(self.v - o.v, self.d - o.d)\n"
        "    def __truediv__(self, o):\n        return Dual(self.v / o.v, self.d / o.v - self.v * o.d / o.v**2)\n"
        "    def exp(self):\n        return Dual(np.exp(self.v), np.exp(self.v) * self.d)\n"
        "    def sum(self):\n        return Dual(self.v.sum(-1, keepdims=True), self.d.sum(-1, keepdims=True))\n"
        "def backward(g, x):\n    dx = np.zeros_like(x)\n    for place in np.ndindex(x.shape):\n"
        "        e = np.zeros_like(x)\n        e[place] = 1\n        m = x.max(axis=-1, keepdims=True)\n"
        "        t = Dual(x - m, e).exp()\n        dx[place] = (g * (t / t.sum()).d).sum()\n    return dx"
    ),
    ("softmax", "dual numbers as pairs"): (
        "def exp(t):\n    return np.exp(t[0]), np.exp(t[0]) * t[1]\ndef div(a, b):\n"
        "    return a[0] / b[0], a[1] / b[0] - a[0] * b[1] / b[0] ** 2\ndef add(a):\n"
        "    return tuple(p.sum(-1, keepdims=True) for p in a)\ndef backward(g, x):\n    dx = np.zeros_like(x)\n"
        "    for place in np.ndindex(x.shape):\n        e = np.zeros_like(x)\n        e[place] = 1\n"
        "        t = exp((x - x.max(axis=-1, keepdims=True), e))\n        dx[place] = (g * div(t, add(t))[1]).sum()\n    return dx"
    ),
    ("softmax", "decimal numbers"): (
        "from decimal import Decimal, getcontext\ngetcontext().prec = 60\ndef soft(r):\n"
        "    e = [(t - max(r)).exp() for t in r]\n    return [t / sum(e) for t in e]\ndef backward(g, x):\n"
        "    dx = np.zeros_like(x)\n    h = Decimal(10) ** -25\n    for row in np.ndindex(x.shape[:-1]):\n"
        "        r = [Decimal(float(t)) for t in x[row]]\n        for j in range(len(r)):\n            up = list(r)\n"
        "            up[j] += h\n            down = list(r)\n            down[j] -= h\n"
        "            s = [(a - b) / (2 * h) for a, b in zip(soft(up), soft(down))]\n"
        "            dx[row][j] = sum(float(t) * w for t, w in zip(s, g[row]))\n    return dx"
    ),
    ("softmax", "through a function that is made of the code"): (
        "import types\ncopy = types.FunctionType(forward.__code__, {'np': np})\n"
        + WAYS["four points"].replace("F(", "copy(")
    ),
    ("softmax", "through the source"): (
        "import inspect\nspace = {'np': np}\nexec(SOURCE, space)\ncopy = space['forward']\n"
        + WAYS["four points"].replace("F(", "copy(")
    ),
    ("softmax", "through eval"): (
        "soft = eval('lambda x: np.exp(x - x.max(-1, keepdims=True)) / np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)')\n"
        + WAYS["four points"].replace("F(", "soft(")
    ),
    ("softmax", "all of it in a string"): "exec('''\nFOUR_POINTS\n''', globals())\n",
    (
        "softmax",
        "without being followed",
    ): "import sys\nsys.modules['sandbox.following'].Trail._see = lambda s, v: None\n" + WAYS["four points"],
    ("softmax", "with counts of its own"): (
        "import sys\nsys.modules['sandbox.following'].Trail.end = lambda s: {}\n" + WAYS["four points"]
    ),
    ("softmax", "with the names of the file"): (
        "globals()['\\u00b7 see'] = lambda v: v\nglobals()['\\u00b7 enter'] = lambda *a: None\n" + WAYS["four points"]
    ),
    ("softmax", "after it has lost itself"): WAYS["four points"].replace(
        "    results = []", "    for _ in range(70000):\n        x = 1 + _\n    results = []"
    ),
}


def copy_of_forward(exercise):
    """The forward of a file, as another_name."""
    (forward,) = (n for n in ast.parse(exercise.text).body if isinstance(n, ast.FunctionDef) and n.name == "forward")
    forward.name = "another_name"
    return ast.unparse(forward)


def tricks(find):
    """Every trick: its exercise, its name, and the text of the whole file."""
    for exercise in map(find, EXERCISES):
        for number, (name, code) in enumerate(WAYS.items()):
            solved, is_copy = exercise.fill(exercise.solution), number % 2
            if is_copy:
                code = copy_of_forward(exercise) + "\n" + code
            yield (
                exercise.name,
                f"{name}, {exercise.name}",
                f"{solved}\n{code.replace('F(', 'another_name(' if is_copy else 'forward(')}\n",
            )
    for (name, said), code in SPECIAL.items():
        exercise = find(name)
        code = code.replace("SOURCE", repr(copy_of_forward(exercise).replace("another_name", "forward")))
        code = code.replace("FOUR_POINTS", WAYS["four points"])
        yield name, f"{said}, {name}", f"{exercise.fill(exercise.solution)}\n{code.replace('F(', 'forward(')}\n"
