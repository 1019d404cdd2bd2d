"""The page of numbers: one HTML file in which every number of a training step can be clicked and changed."""

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..check.catalogue import find_op
from ..errors import InputError
from ..ops import registry
from ..runs import write_atomically
from ..training import Model
from .axis_names import Letters
from .page_data import as_data
from .recording import record_op, record_step

_FOLDER = Path(__file__).parent / "page"
_SCRIPTS = ("arrays", "functions", "replay", "words", "grid", "explain", "marks", "top", "tour", "view")
LANGUAGES = ("en", "zh")
Note = tuple[str, ...]
"""A sentence on the page: its key, and what is filled in."""

MOST_NUMBERS = 1_000_000
"""The most numbers in the parameters of a model that a page can hold: some 5 MB."""


@dataclass(frozen=True)
class NumberPage:
    """A page that opens anywhere, without network, server or installation.

    >>> import minattn
    >>> page = minattn.show.op_page("softmax")
    >>> page.html.startswith("<!doctype html>")
    True
    """

    html: str

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page into a file, whole or not at all; returns its path."""
        file = Path(path)
        write_atomically(file, self.html.encode())
        return file

    def _repr_html_(self) -> str:
        """For a notebook: the page in a frame."""
        return f'<iframe srcdoc="{html.escape(self.html, quote=True)}" width="100%" height="700"></iframe>'

    def __repr__(self) -> str:
        return f"NumberPage({len(self.html):,} characters; .save(path) writes it)"


def page(
    model: Model,
    batch: Any,
    *,
    pieces: Sequence[str] | None = None,
    lr: float = 1e-2,
    weight_decay: float = 0.0,
    max_norm: float = 1.0,
    title: str = "A training step, number by number",
    notes: Sequence[Note] = (),
    language: str = "en",
) -> NumberPage:
    """The page of one training step of a model on a batch: every number, forward, backward and in AdamW's update.

    The step runs in float64 as the textbook writes it, without dropout; the model is not changed.

    Args:
        model: one that `minattn.training` can train
        batch: has ids (B, T) integers, attention_mask (B, T) boolean or None, and targets (B, T), -100 where none is
            wanted, as a `minattn.text.Batch` has
        pieces: what each id stands for, to name tokens
        lr, weight_decay, max_norm: of the update
        title: what stands on top
        notes: sentences below it, each a key of show/page/words.json and what is filled in
        language: "en" or "zh"; the page has a switch
    Raises:
        InputError: the model is too large, or the language unknown
    """
    numbers = sum(p.size for p in model.parameters())
    if numbers > MOST_NUMBERS:
        raise InputError(
            f"the model has {numbers:,} numbers, and a page holds {MOST_NUMBERS:,}; keep fewer "
            "--layers, or a part of the vocabulary with --top 50"
        )
    recording = record_step(model, batch, lr=lr, weight_decay=weight_decay, max_norm=max_norm, title=title)
    labels: dict[str, list[str]] = {}
    if pieces is not None:
        labels["V"] = list(pieces)
        tokens = [pieces[i] for i in batch.ids.reshape(-1)]
        if len(batch.ids) == 1:
            labels |= {"T": tokens, "N": [t for t, y in zip(tokens, batch.targets[0], strict=True) if y != -100]}
    return built([as_data(recording, _letters_of(model, batch), labels)], title, notes, language)


def op_page(name: str, *, language: str = "en") -> NumberPage:
    """The page of an op, on the samples that it is registered with.

    Args:
        name: of a registered op, as "softmax" or "layer_norm"
    Raises:
        InputError: no op is called so
    """
    op_name = find_op(name)
    entry = registry[op_name]
    samples = list(entry.samples(np.random.default_rng(0)))
    recordings = [as_data(record_op(entry.op, sample)) for sample in samples]
    return built(recordings, f"{op_name}, number by number", (), language)


def _letters_of(model: Model, batch: Any) -> dict[str, Letters]:
    """The letters of the axes of all inputs, by the lengths that the configuration gives."""
    config: Any = model.config
    lengths = {config.vocab_size: "V", config.width: "D"}
    if hidden := getattr(config, "hidden", None):
        lengths.setdefault(hidden, "F")
    letters: dict[str, Letters] = dict.fromkeys(("ids", "targets", "attention_mask"), ("B", "T"))
    for name, p in model.named_parameters():
        axes = tuple(lengths.get(n, "") for n in p.shape)
        for prefix in ("", "m of ", "v of "):
            letters[prefix + name] = axes
    letters |= {"positions.weight": ("", "D"), "positions.table": ("", "D")}
    return letters


@cache
def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def built(
    recordings: list[dict[str, Any]],
    title: str,
    notes: Sequence[Note],
    language: str,
    more: Mapping[str, Any] | None = None,
) -> NumberPage:
    """The file: template, style, scripts and data, with a policy that lets nothing else run or be fetched."""
    if language not in LANGUAGES:
        raise InputError(f"language must be one of {', '.join(LANGUAGES)}, got {language[:20]!r}")
    script = "".join(_file(f"{name}.js") for name in _SCRIPTS)
    script = f'"use strict";\n{script}start();\n'
    style = _file("page.css")
    words = json.loads(_file("words.json"))
    data = {
        "title": title,
        "notes": [list(note) for note in notes],
        "language": language,
        "words": words,
        "recordings": recordings,
        **(more or {}),
    }
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'"
    filled = {
        "language": language,
        "policy": policy,
        "title": html.escape(title),
        "style": style,
        "data": as_text(data),
        "script": script,
    }
    parts = re.split(r"\{(\w+)\}", _file("page.html"))
    text = "".join(filled[part] if i % 2 else part for i, part in enumerate(parts))
    return NumberPage(text)


def as_text(data: Any) -> str:
    """JSON that cannot end the element that it stands in: no "<", and nothing that HTML reads otherwise."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names what may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
