"""An example of every kind of mistake: a forward pass, a wrong backward pass, inputs, and what belongs there."""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    """A forward pass with a wrong and a right backward pass; of each, the lines, of which the last is returned.

    Args:
        parameters: of forward; backward gets them after g
        inputs: a list in Python, with normal(*shape) for random numbers
    """

    parameters: str
    forward: str
    backward: str
    inputs: str
    right: str

    def code(self, backward: str) -> str:
        """The two functions in Python, with this backward."""
        return f"{_function('forward', self.parameters, self.forward)}\n\n\n{self.code_of(backward)}"

    def code_of(self, backward: str) -> str:
        """This backward as a function in Python."""
        return _function("backward", f"g, {self.parameters}", backward)


def _function(name: str, parameters: str, body: str) -> str:
    *lines, last = body.split("\n")
    return "\n    ".join([f"def {name}({parameters}):", *lines, f"return {last}"])


X, PAIR, SQUARES = "[normal(3, 4)]", "[normal(3, 4), normal(3, 4)]", "[normal(3, 3), normal(3, 3)]"
SOFTMAX = "e = np.exp(x)\ne / e.sum(axis=-1, keepdims=True)"
SLOPE = "p = forward(x)\np * (g - (g * p).sum(axis=-1, keepdims=True))"

examples: dict[str, Example] = {
    "sign": Example("a, b", "a - b", "g.copy(), g.copy()", PAIR, "g.copy(), -g"),
    "constant_factor": Example(
        "x",
        "x.mean(axis=0)",
        "np.broadcast_to(g, x.shape).copy()",
        X,
        "np.broadcast_to(g / len(x), x.shape).copy()",
    ),
    "transposed": Example("x, w", "x @ w.T", "g @ w, x.T @ g", "[normal(2, 3), normal(4, 3)]", "g @ w, g.T @ x"),
    "missing_transpose": Example("x, w", "x @ w", "g @ w, x.T @ g", SQUARES, "g @ w.T, x.T @ g"),
    "broadcast_not_summed": Example(
        "x, b", "x + b", "g.copy(), g.copy()", "[normal(3, 4), normal(4)]", "g.copy(), g.sum(axis=0)"
    ),
    "wrong_axis": Example(
        "x",
        SOFTMAX,
        "p = forward(x)\np * (g - (g * p).sum(axis=0, keepdims=True))",
        X,
        SLOPE,
    ),
    "upstream_ignored": Example(
        "x, target",
        "((x - target) ** 2).sum()",
        "2 * (x - target), -2 * (x - target)",
        PAIR,
        "2 * g * (x - target), -2 * g * (x - target)",
    ),
    "missing_path": Example(
        "x, w",
        "x + np.tanh(x @ w)",
        "da = g * (1 - np.tanh(x @ w) ** 2)\nda @ w.T, x.T @ da",
        "[normal(3, 4), normal(4, 4)]",
        "da = g * (1 - np.tanh(x @ w) ** 2)\ng + da @ w.T, x.T @ da",
    ),
    "overwritten_not_accumulated": Example(
        "ids, table",
        "table[ids]",
        "dtable = np.zeros_like(table)\ndtable[ids] = g\nNone, dtable",
        "[np.array([1, 2, 1, 0]), normal(4, 3)]",
        "dtable = np.zeros_like(table)\nnp.add.at(dtable, ids, g)\nNone, dtable",
    ),
    "cross_terms_missing": Example("x", SOFTMAX, "p = forward(x)\ng * p * (1 - p)", X, SLOPE),
    "treated_as_constant": Example("x", SOFTMAX, "p = forward(x)\ng * p", X, SLOPE),
    "swapped_arguments": Example("a, b", "a * b", "g * a, g * b", PAIR, "g * b, g * a"),
    "wrong_place": Example(
        "x, gain",
        "gain * np.tanh(x)",
        "y = np.tanh(x)\ng * (1 - y**2), (g * y).sum(axis=0)",
        "[normal(3, 4), normal(4)]",
        "y = np.tanh(x)\ng * gain * (1 - y**2), (g * y).sum(axis=0)",
    ),
    "mask_leak": Example(
        "x, keep", "x * keep / 0.75", "g / 0.75, None", "[normal(3, 4), normal(3, 4) > -0.5]", "g * keep / 0.75, None"
    ),
    "zero_gradient": Example("x, w", "x @ w", "g @ w.T, np.zeros_like(w)", SQUARES, "g @ w.T, x.T @ g"),
    "not_finite": Example(
        "x", "np.sqrt((x**2).sum())", "g * x / np.sqrt((x - x) ** 2)", X, "g * x / np.sqrt((x**2).sum())"
    ),
    "shape": Example("x", "x.sum(axis=1)", "g.copy()", "[normal(3, 4)]", "np.repeat(g[:, None], x.shape[1], axis=1)"),
    "modified_input": Example("x", "np.exp(x)", "g *= np.exp(x)\ng", X, "g * np.exp(x)"),
    "nonlinear_in_upstream": Example("x", "np.maximum(x, 0)", "g * (g > 0)", X, "g * (x > 0)"),
    "elementwise_for_matmul": Example("x, w", "x @ w", "g * w, x.T @ g", SQUARES, "g @ w.T, x.T @ g"),
    "wrong_variable": Example("x", "np.tanh(x)", "g * (1 - x**2)", X, "g * (1 - np.tanh(x) ** 2)"),
    "missing_factor": Example("x", "np.sin(x**2)", "g * np.cos(x**2)", X, "g * np.cos(x**2) * 2 * x"),
    "wrong_index": Example(
        "x",
        "3 * x[1:]",
        "dx = np.zeros_like(x)\ndx[:-1] = 3 * g\ndx",
        "[normal(5)]",
        "dx = np.zeros_like(x)\ndx[1:] = 3 * g\ndx",
    ),
    "wrong": Example("x", "np.roll(x, 1)", "g - np.roll(g, 1)", "[normal(5)]", "np.roll(g, -1)"),
    "ties": Example(
        "x", "x.max()", "g * (x == x.max())", "[np.array([1.0, 2.0, 2.0])]", "g * (x == x.max()) / (x == x.max()).sum()"
    ),
    "no_gradient": Example("x", "np.exp(x)", "None", X, "g * np.exp(x)"),
    "wrong_count": Example("a, b", "a * b", "g * b", PAIR, "g * b, g * a"),
    "not_an_array": Example("x", "np.exp(x)", '"g * exp(x)"', X, "g * np.exp(x)"),
    "dtype": Example("x", "np.exp(x)", "(g * np.exp(x)).astype(np.float32)", X, "g * np.exp(x)"),
    "shares_memory": Example("a, b", "a + b", "g, g", PAIR, "g, g.copy()"),
    "not_repeatable": Example(
        "x",
        "np.exp(x)",
        'backward.total = getattr(backward, "total", 0) + g * np.exp(x)\nbackward.total.copy()',
        X,
        "g * np.exp(x)",
    ),
    "forward_changed": Example(
        "x",
        "forward.kept = np.exp(x)\nforward.kept",
        "np.clip(forward.kept, 0, 1, out=forward.kept)\ng * np.exp(x)",
        X,
        "g * np.exp(x)",
    ),
    "exception": Example("x, w", "x @ w", "g @ w, x.T @ g", "[normal(3, 4), normal(4, 5)]", "g @ w.T, x.T @ g"),
}
