"""Does the check name for PyTorch and JAX what it names for NumPy? The same 60 mistakes, written for each.

    python benchmarks/other_libraries.py

Each function is written for a module `xp` that may be any of the three; a slip replaces a piece of its backward.
"""

import argparse
import linecache
import warnings
from types import ModuleType
from typing import Any

import numpy as np

from minattn.check import Report, check_autograd_function, check_backward, check_custom_vjp

# inputs with their shapes; forward and backward; and the slips, each a piece of backward and what stands there instead
FUNCTIONS = (
    (
        "x 3 4, w 4 4",
        "return xp.tanh(x @ w)",
        "t = xp.tanh(x @ w); ds = g * (1 - t**2); return ds @ w.T, x.T @ ds",
        ("t**2=t", "1 - t**2=1 + t**2", "w.T=w", "x.T @ ds=-x.T @ ds", "g * (=(", "tanh=sin"),
    ),
    (
        "x 4 5, gain 5",
        "m = x.mean(-1, keepdims=True); return gain * (x - m) / xp.sqrt(((x - m)**2).mean(-1, keepdims=True) + 0.1)",
        "c = x - x.mean(-1, keepdims=True); s = xp.sqrt((c**2).mean(-1, keepdims=True) + 0.1); h = c / s; "
        "d = g * gain; "
        "dx = (d - d.mean(-1, keepdims=True) - h * (d * h).mean(-1, keepdims=True)) / s; return dx, (g * h).sum(0)",
        ("d.mean=d.sum", "(d * h).mean=(d * h).sum", "d = g * gain=d = g * 1", ") / s; return=); return", "- h *=- c *",
         "(g * h)=(g * x)"),
    ),
    (
        "q 3 4, k 5 4, v 5 2",
        "e = xp.exp(q @ k.T / 2); return (e / e.sum(-1, keepdims=True)) @ v",
        "e = xp.exp(q @ k.T / 2); p = e / e.sum(-1, keepdims=True); dp = g @ v.T; "
        "ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / 2; return ds @ k, ds.T @ q, p.T @ g",
        ("keepdims=True)) / 2=keepdims=True))", "(dp * p).sum=dp.sum",
         "p * (dp - (dp * p).sum(-1, keepdims=True))=p * dp",
         "ds.T @ q=-ds.T @ q", "p.T @ g=e.T @ g", "ds @ k, =ds @ k / 2, "),
    ),
    (
        "x 4 3, w 3 5, b 5, u 5 2",
        "return xp.tanh(x @ w + b) @ u",
        "h = xp.tanh(x @ w + b); dh = g @ u.T; da = dh * (1 - h**2); return da @ w.T, x.T @ da, da.sum(0), h.T @ g",
        ("da.sum(0)=da.mean(0)", "da.sum(0)=dh.sum(0)", "x.T @ da=x.T @ dh", "h.T @ g=2 * h.T @ g",
         "dh * (1 - h**2)=dh",
         "h**2=h**3"),
    ),
    (
        "x 4 5, y 4 5",
        "return xp.log(xp.exp(x) + y**2)",
        "s = xp.exp(x) + y**2; return g * xp.exp(x) / s, g * 2 * y / s",
        ("2 * y=y", "xp.exp(x) / s=xp.exp(x)", "y / s=y / s**2", "s = xp.exp(x) + y=s = xp.exp(x) - y",
         "g * xp.exp=g * xp.sin",
         "g * 2 * y=2 * y"),
    ),
    (
        "x 3 4, a 3 1",
        "return x / (1 + a**2) + xp.sin(x * a)",
        "r = 1 / (1 + a**2); c = g * xp.cos(x * a); dx = g * r + c * a; "
        "da = (c * x - 2 * g * x * a * r**2).sum(1, keepdims=True); return dx, da",
        ("g * r + c=g * r - c", "r**2=r", "c * x - 2=c * x + 2", "xp.cos=xp.sin", "+ c * a=+ c", ".sum(1=.mean(1"),
    ),
    (
        "v 4 5",
        "return v / xp.sqrt((v**2).sum(1, keepdims=True))",
        "n = xp.sqrt((v**2).sum(1, keepdims=True)); u = v / n; return ((g - u * (g * u).sum(1, keepdims=True)) / n,)",
        ("- u *=- v *", "(g * u).sum=(g * v).sum", "/ n,)=,)", "g - u=g + u", "(g * u).sum=g.sum",
         "(g * u).sum=(g * u).mean"),
    ),
    (
        "x 4 6, t 4 6",
        "s = 1 / (1 + xp.exp(-x)); return (t * s + (1 - t) * (1 - s)).sum(1)",
        "s = 1 / (1 + xp.exp(-x)); d = g[:, None]; return d * (2 * t - 1) * s * (1 - s), d * (2 * s - 1)",
        ("2 * t - 1=2 * t", "s * (1 - s)=s", "s * (1 - s)=s * (1 - s**2)", "2 * s - 1=s - 1", "xp.exp(-x)=xp.exp(x)",
         "d * (2 * s=d * (4 * s"),
    ),
    (
        "a 3 4, b 4 5, c 3 5",
        "return (a @ b * c).mean(0)",
        "d = g[None, :] / 3; p = d * c; return p @ b.T, a.T @ p, d * (a @ b)",
        (" / 3;=;", "p = d * c=p = d", "a.T @ p=a.T @ d", "p @ b.T=-p @ b.T", "d * (a @ b)=d * c", "/ 3;=/ 9;"),
    ),
    (
        "x 4 4, h 4, w 4 4",
        "s = h\n    for i in range(4):\n        s = xp.tanh(x[i] + s @ w)\n    return s",
        "k = [h]\n    for i in range(4):\n        k.append(xp.tanh(x[i] + k[-1] @ w))\n    dx, dw = [], 0 * w\n"
        "    for i in (3, 2, 1, 0):\n        da = g * (1 - k[i + 1]**2)\n        dx.append(da)\n"
        "        dw = dw + k[i][:, None] * da[None, :]\n        g = w @ da\n    return xp.stack(dx[::-1]), g, dw",
        ("k[i + 1]**2=k[i + 1]", "k[i][:, None]=k[i + 1][:, None]", "g = w @ da=g = w @ g", "w @ da=da @ w",
         "dw = dw + k=dw = k", "1 - k[i + 1]**2=1 - k[i]**2"),
    ),
)  # fmt: skip


def made(xp: ModuleType, inputs: str, forward: str, backward: str) -> list[Any]:
    """The two functions, for a library."""
    names = ", ".join(part.split()[0] for part in inputs.split(", "))
    source = f"def forward({names}):\n    {forward}\ndef backward(g, {names}):\n    {backward}\n".replace(
        "; ", "\n    "
    )
    file = f"<{xp.__name__} {len(linecache.cache)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    scope: dict[str, Any] = {"xp": xp}
    exec(compile(source, file, "exec"), scope)
    return [scope["forward"], scope["backward"]]


def numpy_report(inputs: list[Any], names: list[str], *texts: str) -> Report:
    """What is said of it in NumPy."""
    return check_backward(*made(np, *texts), inputs, names=names)


def torch_report(inputs: list[Any], names: list[str], *texts: str) -> Report:
    """What is said of it in PyTorch."""
    import torch

    first, second = made(torch, *texts)

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *given: Any) -> Any:
            ctx.save_for_backward(*given)
            return first(*given)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return second(g, *ctx.saved_tensors)

    return check_autograd_function(Function, inputs, names)


def jax_report(inputs: list[Any], names: list[str], *texts: str) -> Report:
    """What is said of it in JAX."""
    import jax

    first, second = made(jax.numpy, *texts)
    function = jax.custom_vjp(first)
    function.defvjp(lambda *given: (first(*given), given), lambda kept, g: second(g, *kept))
    return check_custom_vjp(function, inputs, names)


def causes(report: Report) -> set[tuple[str | None, str]]:
    """What is said exactly."""
    return {(finding.argument, finding.kind) for finding in report.findings if finding.sure == "exactly"}


def main() -> None:
    """Print how many mistakes get a cause, and how many the same as in NumPy."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    warnings.simplefilter("ignore")
    same = {"PyTorch": 0, "JAX": 0}
    count = named = 0
    for shapes, forward, backward, slips in FUNCTIONS:
        sizes = [[int(n) for n in part.split()[1:]] for part in shapes.split(", ")]
        names = [part.split()[0] for part in shapes.split(", ")]
        inputs = [np.random.default_rng(i).uniform(0.3, 1.4, size=size) for i, size in enumerate(sizes)]
        for old, _, new in (_halves(slip, backward) for slip in slips):
            count += 1
            texts = (shapes, forward, backward.replace(old, new, 1))
            told = causes(numpy_report(inputs, names, *texts))
            named += bool(told)
            for library, report in (("PyTorch", torch_report), ("JAX", jax_report)):
                found = causes(report(inputs, names, *texts))
                same[library] += found == told
                if found != told:
                    print(f"{old} -> {new}: {library} {sorted(map(str, found))}, NumPy {sorted(map(str, told))}")
    others = ", ".join(f"the same in {library} {n}" for library, n in same.items())
    print(f"{count} mistakes: with an exact cause in NumPy {named}; {others}")


def _halves(slip: str, backward: str) -> tuple[str, str, str]:
    """What is replaced, and what by, where both may hold a =."""
    places = [i for i, sign in enumerate(slip) if sign == "=" and slip[:i] in backward]
    return slip[: places[-1]], "=", slip[places[-1] + 1 :]


if __name__ == "__main__":
    main()
