"""Random wrong backward passes of piecewise functions: is each called wrong, and does nothing crash?

    python tools/wrong_passes.py                     20,000 of them, seed 0
    python tools/wrong_passes.py --count 500 --seed 3

Each forward is a chain of one to four steps (where, masks, boolean indices, masked assignment, clip, abs, sort,
maximum, argmax, cumulative sums, steps in place), each with its right rule; one rule of the chain is spoiled. Passes
that come out right by chance are drawn again. Errors of the diagnosis itself are let through.
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from minattn.check import check_backward
from minattn.terminal import Count

Array = np.ndarray


class Step(NamedTuple):
    """y = forward(x); dx = backward(g, x)."""

    name: str
    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]


def _masked(x: Array) -> Array:
    y = x.copy()
    y[x < 0] = np.expm1(x[x < 0])
    return y


def _in_place(x: Array) -> Array:
    y = x * 1.0
    y += np.sin(x)
    y *= 0.5
    return y


def _sorted_back(g: Array, x: Array) -> Array:
    dx = np.zeros_like(x)
    np.put_along_axis(dx, np.argsort(x, axis=-1), g, axis=-1)
    return dx


def _largest(g: Array, x: Array) -> Array:
    at = np.argmax(x, axis=-1)[..., None]
    dx = g.copy()
    np.put_along_axis(dx, at, np.take_along_axis(g, at, axis=-1) * 3, axis=-1)
    return dx


def _triple_largest(x: Array) -> Array:
    y, at = x.copy(), np.argmax(x, axis=-1)[..., None]
    np.put_along_axis(y, at, np.take_along_axis(x, at, axis=-1) * 3, axis=-1)
    return y


STEPS = (
    Step("where", lambda x: np.where(x > 0.2, x * x, 0.3 * x), lambda g, x: g * np.where(x > 0.2, 2 * x, 0.3)),
    Step("mask", lambda x: x * (x > -0.4) + np.cos(x), lambda g, x: g * ((x > -0.4) - np.sin(x))),
    Step("masked assignment", _masked, lambda g, x: g * np.where(x < 0, np.exp(x), 1.0)),
    Step("clip", lambda x: np.clip(x, -0.8, 0.9) + 0.1 * x, lambda g, x: g * ((x > -0.8) & (x < 0.9)) + 0.1 * g),
    Step("abs", lambda x: np.abs(x) + 0.5 * x, lambda g, x: g * np.sign(x) + 0.5 * g),
    Step("sort", lambda x: np.sort(x, axis=-1), _sorted_back),
    Step("maximum", lambda x: np.maximum(x, 0.5 * x - 0.1), lambda g, x: g * np.where(x > -0.2, 1.0, 0.5)),
    Step("argmax", _triple_largest, _largest),
    Step("cumsum", lambda x: np.cumsum(x, axis=-1), lambda g, x: np.flip(np.cumsum(np.flip(g, -1), axis=-1), -1)),
    Step("in place", _in_place, lambda g, x: 0.5 * (g + g * np.cos(x))),
    Step("boolean index", lambda x: x + (x[x > 0] ** 2).sum(), lambda g, x: g + g.sum() * 2 * x * (x > 0)),
)
SLIPS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "left out": lambda dx, g, x: g,
    "negated": lambda dx, g, x: -dx,
    "doubled": lambda dx, g, x: 2 * dx,
    "other mask": lambda dx, g, x: dx * (x > 0),
    "inverted mask": lambda dx, g, x: np.where(x > 0, g, dx),
    "reversed": lambda dx, g, x: dx[..., ::-1],
    "shifted": lambda dx, g, x: np.roll(dx, 1, axis=-1),
    "times the value": lambda dx, g, x: dx * x,
    "assigned": lambda dx, g, x: np.where(np.arange(x.shape[-1]) == 0, 0.0, dx),
    "summed": lambda dx, g, x: np.broadcast_to(dx.sum(axis=-1, keepdims=True), dx.shape).copy(),
    "upstream forgotten": lambda dx, g, x: dx / np.where(g == 0, 1.0, g),
}


def passes(
    chain: list[Step], spoiled: int, slip: str
) -> tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]:
    """forward, and a backward with one rule spoiled; none for -1."""

    def forward(x: Array) -> Array:
        for step in chain:
            x = step.forward(x)
        return x

    def backward(g: Array, x: Array) -> Array:
        inputs = [x]
        for step in chain[:-1]:
            inputs.append(step.forward(inputs[-1]))
        for k in range(len(chain) - 1, -1, -1):
            right = chain[k].backward(g, inputs[k])
            g = SLIPS[slip](right, g, inputs[k]) if k == spoiled else right
        return g

    return forward, backward


def wrong_passes(
    count: int, seed: int
) -> Iterator[tuple[str, Callable[[Array], Array], Callable[[Array, Array], Array], Array]]:
    """Name, forward, backward and input of each."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        chain = [STEPS[i] for i in rng.integers(len(STEPS), size=rng.integers(1, 5))]
        spoiled, slip = int(rng.integers(len(chain))), list(SLIPS)[rng.integers(len(SLIPS))]
        x = rng.normal(size=(int(rng.integers(1, 4)), int(rng.integers(2, 6))))
        forward, backward = passes(chain, spoiled, slip)
        g = rng.normal(size=forward(x).shape)
        right = passes(chain, -1, slip)[1](g, x)
        if not np.abs(backward(g, x) - right).max() > 1e-3 * np.abs(right).max():
            continue
        made += 1
        yield f"{' > '.join(step.name for step in chain)}, {chain[spoiled].name} {slip}", forward, backward, x


def main() -> int:
    """Print what went wrong, and a last line with the counts; 1 where anything did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    crashes = called_right = named = 0
    with Count(options.count, "wrong passes", sys.stderr) as count:
        for k, (name, forward, backward, x) in enumerate(wrong_passes(options.count, options.seed)):
            count.show(k + 1)
            try:
                report = check_backward(forward, backward, [x])
            except Exception as error:
                crashes += 1
                print(f"crash: {name}: {type(error).__name__}: {error}", flush=True)
                continue
            named += any(finding.sure == "exactly" for finding in report.findings)
            if report.ok is not False:
                called_right += 1
                print(f"called {report.verdict}: {name}", flush=True)
    print(f"{options.count:,} wrong passes: {crashes} crashes, {called_right} called right, {named:,} with a cause")
    return int(crashes + called_right > 0)


if __name__ == "__main__":
    sys.exit(main())
