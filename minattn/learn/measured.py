"""Whether a gradient looks measured rather than derived: what the counts of a call that was followed come to."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from .course import Exercise, find
from .submission import Submission

MANY_CALLS = 6
"""Calls of forward at different points. A derivation needs one; where forward is a product, one for each gradient."""

MUCH = 2.5
"""How many times as much as the longest of our ways, which go row by row and entry by entry, is worth a look."""


def looks_measured(exercise: Exercise, seen: dict[str, Any]) -> str:
    """Say why a call looks as if it had measured slopes.

    Args:
        exercise: which it was
        seen: what `sandbox.following.Trail` counted; it comes from beside the learner's code, and may be anything

    Returns:
        Sentences without a full stop at the end, or "".
    """
    try:
        return "; ".join(dict.fromkeys(_signs(exercise, seen)))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return "what it computes could not be followed"


def _signs(exercise: Exercise, seen: dict[str, Any]) -> Iterator[str]:
    names, function = exercise.parameters, exercise.function
    if seen["lost"]:
        yield "what it computes could not be followed to the end"
    if seen["complex"]:
        yield f"{function} computes with complex numbers, of which a step gives a slope"
    if seen["long"]:
        yield f"{function} computes with more digits than came in"
    if seen["at_load"][0]:
        yield "forward is called while the file is loaded"
    if seen["at_load"][1] > 300:
        yield f"{seen['at_load'][1]} steps are computed while the file is loaded"
    if seen["calls"] >= MANY_CALLS:
        yield f"forward is computed at {seen['calls']} different points"
    if seen["batched"]:
        yield "forward is computed at many points at once"
    if seen["identity"]:
        yield "forward is fed unit vectors"
    if max(seen["moved"].values(), default=0) >= 1:
        yield "one function is computed at points that differ by a shift"
    for part in seen["inputs"]:
        name, most = names[part["argument"]], max(2, part["entries"] // 2)
        if exercise.is_backward and part["argument"] == 0:
            continue  # the upstream, in which backward is linear
        if part["single"] >= most:
            yield f"{name} appears with {part['single']} of its {part['entries']} entries changed one by one"
        elif part["patterns"] >= 2:
            yield f"{name} appears {part['patterns']} times with some of its entries shifted by the same amount"
        elif part["pairs"] or _is_both_sides(part["shifts"]):
            yield f"{name} appears shifted a little to both sides"
        elif part["beside"] >= max(6, most):
            yield f"{name} appears {part['beside']} times with small changes"
        elif any(abs(shift) <= 0.01 for shift in part["shifts"]):
            yield f"{name} appears shifted by {min(part['shifts'], key=abs):g}"
        if part["scalars"] >= most:
            yield f"{part['scalars']} entries of {name} appear shifted by the same amount, one by one"
        if part["units"] >= most:
            yield f"{part['units']} of the {part['entries']} unit vectors of {name} appear"


def _is_both_sides(shifts: list[float]) -> bool:
    return len(shifts) >= 3 or any(abs(a + b) <= 1e-2 * abs(a) for a in shifts for b in shifts)


def times_as_much(exercise: Exercise, seen: dict[str, Any], inputs: tuple[Any, ...]) -> str:
    """A sentence where a call computed many times as much as the solution and the ways that come with it; or ""."""
    most, computed = _most_computed(exercise, inputs), seen.get("evaluations", 0)
    if not isinstance(computed, int) or computed <= MUCH * most:
        return ""
    return f"computes {computed // most} times as much as the longest way that is known"


def _most_computed(exercise: Exercise, inputs: tuple[Any, ...]) -> int:
    """The most values that one of our ways computes on these inputs."""
    key = exercise.name, exercise.says
    if key not in _KNOWN:
        counts = [100]
        for gap in (exercise.solution, *exercise.alternatives.values()):
            ours = Submission()
            own = {name: find(name).earlier_file for name in exercise.needs}
            ours.load(exercise.file, exercise.fill(gap), exercise.text, own)
            counts.append(ours.call(exercise.function, deepcopy(inputs), follow=True).seen["evaluations"])
        _KNOWN[key] = max(counts)
    return _KNOWN[key]


_KNOWN: dict[tuple[str, str], int] = {}
