"""Freezing parts of a masked-LM model: what can be named, and which parameters it means."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import InputError
from ..runs import brief
from .masked_lm import MaskedLM

LAYERS = re.compile(r"layer\.([0-9]{1,9})(?:-([0-9]{1,9}))?")


def frozen_parts(names: str, layers: int) -> frozenset[str]:
    """What --freeze names, part by part.

    names: "embeddings", "layer.N", "layer.A-B" and "head", with commas between; "" for nothing
    Raises InputError for what a model with so many layers does not have, and where nothing is left to train.

    >>> sorted(frozen_parts("embeddings,layer.0-2", 6))
    ['embeddings', 'layer.0', 'layer.1', 'layer.2']
    """
    frozen: set[str] = set()
    for name in names.split(",") if names else []:
        if match := LAYERS.fullmatch(name):
            first, last = int(match[1]), int(match[2] or match[1])
            found = [f"layer.{i}" for i in range(first, last + 1)] if last < layers else []
        else:
            found = [name] if name in ("embeddings", "head") else []
        if not found:
            blocks = ("", "layer.0, ")[layers] if layers < 2 else f"layer.0 to layer.{layers - 1}, "
            raise InputError(f"--freeze: {brief(name)} is no part of this model, which has embeddings, {blocks}head")
        frozen.update(found)
    if len(frozen) == layers + 2:
        raise InputError(f"--freeze {names} leaves nothing to train; leave a part out")
    return frozenset(frozen)


def freeze(model: MaskedLM, frozen: Iterable[str]) -> None:
    """Let the parameters of some parts need no gradient: they stay as they are, and no backward pass goes below them.

    A word embedding that the head shares counts among the embeddings.
    """
    prefixes = tuple(_prefix(part) for part in frozen)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith(prefixes)


def _prefix(part: str) -> str:
    """How the names of a part's parameters begin."""
    return "head." if part == "head" else f"encoder.{part.replace('layer', 'blocks')}."
