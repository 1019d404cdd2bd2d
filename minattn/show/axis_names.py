"""A letter for each axis of each elementary step: B, T, D, H, V, F where they are known, from the inputs on."""

from collections.abc import Mapping, Sequence
from typing import Any

from .elementary import ELEMENTWISE, REDUCTIONS, Elementary

Letters = tuple[str, ...]
"""A letter for each axis, "" where none is known."""


def name_axes(steps: Sequence[Elementary], given: Mapping[int, Letters]) -> list[Letters]:
    """The letters of each step, from those of the inputs that are given by place."""
    found: list[Letters] = []
    for i, step in enumerate(steps):
        if i in given:
            found.append(given[i])
            continue
        operands = [(found[k], steps[k].value.shape) for k in step.operands]
        letters = _letters(step, operands)
        shape = step.value.shape
        found.append(letters if letters is not None and len(letters) == len(shape) else ("",) * len(shape))
    return found


def _letters(step: Elementary, operands: list[tuple[Letters, tuple[int, ...]]]) -> Letters | None:
    if not operands:
        return None
    (first, before), options, shape = operands[0], step.options, step.value.shape
    match step.function:
        case name if name in ELEMENTWISE:
            return _broadcast(operands, shape)
        case "broadcast_to":
            return _broadcast(operands, shape)
        case name if name in REDUCTIONS:
            axes = options["axes"]
            kept = len(shape) == len(before)
            letters = [("" if i in axes else letter) for i, letter in enumerate(first) if kept or i not in axes]
            return tuple(letters)
        case "matmul":
            second, after = operands[1]
            batch = _broadcast([(first[:-2], before[:-2]), (second[:-2], after[:-2])], shape[:-2]) if shape[:-2] else ()
            return (*batch, *first[-2:-1], *second[-1:]) if len(before) > 1 and len(after) > 1 else None
        case "transpose":
            return tuple(first[i] for i in options["axes"])
        case "reshape":
            return _reshaped(first, before, shape)
        case "setitem" | "add_at":
            return first
        case "getitem":
            return _picked(options["key"], operands)
        case "concatenate":
            return first
        case "einsum":
            terms, out = options["letters"].split("->")
            known = {
                name: letter
                for term, (letters, _) in zip(terms.split(","), operands, strict=True)
                for name, letter in zip(term, letters, strict=False)
            }
            return tuple(known.get(name, "") for name in out)
    return None


def _broadcast(operands: Sequence[tuple[Letters, tuple[int, ...]]], shape: tuple[int, ...]) -> Letters:
    letters = [""] * len(shape)
    for names, lengths in operands:
        for back in range(1, min(len(names), len(shape)) + 1):
            if lengths[-back] == shape[-back] and not letters[-back]:
                letters[-back] = names[-back]
    return tuple(letters)


def _reshaped(letters: Letters, before: tuple[int, ...], after: tuple[int, ...]) -> Letters:
    """Axes that stay keep their letters; a width that is cut into heads becomes H and d."""
    found: list[str] = []
    i = 0
    for k, length in enumerate(after):
        while i < len(before) and before[i] == 1 and length != 1:
            i += 1
        if i < len(before) and before[i] == length:
            found.append(letters[i])
            i += 1
        elif i < len(before) and before[i] > length > 1 and letters[i] == "D" and k + 1 < len(after):
            found.append("H")
        elif found and found[-1] == "H" and letters[i : i + 1] == ("D",):
            found.append("d")
            i += 1
        elif letters[i : i + 2] == ("H", "d") and before[i] * before[i + 1] == length:
            found.append("D")
            i += 2
        else:
            found.append("")
    return tuple(found)


def _picked(key: Sequence[Any], operands: Sequence[tuple[Letters, tuple[int, ...]]]) -> Letters | None:
    letters, shape = operands[0]
    axes = sum(len(operands[part["operand"]][1]) if _is_mask(part, operands, shape) else 1
               for part in key if part is not None and part != "...")  # fmt: skip
    found: list[str] = []
    axis, arrays = 0, 0
    for part in key:
        if part is None:
            found.append("")
        elif part == "...":
            rest = len(shape) - axes
            found += letters[axis : axis + rest]
            axis += rest
        elif isinstance(part, int):
            axis += 1
        elif isinstance(part, list):
            found.append(letters[axis] if part == [None, None, None] else "")
            axis += 1
        else:
            names, lengths = operands[part["operand"]]
            if _is_mask(part, operands, shape):
                found.append("N")
                axis += len(lengths)
            else:
                found += [] if arrays else names
                axis += 1
            arrays += 1
    return (*found, *letters[axis:])


def _is_mask(part: Any, operands: Sequence[tuple[Letters, tuple[int, ...]]], shape: tuple[int, ...]) -> bool:
    """Whether an array in a key is one of booleans over several axes."""
    return (
        isinstance(part, dict) and len(operands[part["operand"]][1]) > 1 and operands[part["operand"]][1] == shape[:2]
    )
