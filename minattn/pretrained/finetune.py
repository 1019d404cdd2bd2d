"""Fine-tuning: opening a pretrained model to go on with it, and freezing parts of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..runs import FORMAT, MODEL, STATE, Run, read_json, write_atomically
from ..text import WordPiece
from ..training.model import Model
from ..training.run_config import MASKED_LM, Start, model_config
from ..training.settings import from_json
from . import BertModel, DistilBertModel, EncoderConfig, load_pretrained
from .config import read_config
from .folder import CONFIG, Unfilled, settings_of
from .masked_lm import MaskedLM, MaskedLMHead
from .weights import WEIGHTS

FINE_TUNING = {"lr": 5e-5, "save_every": 200}
"""Settings of a fine-tuning unless others are asked for: the largest learning rate that Devlin et al. (2019, appendix
A.3) try, with their batch of 32; and checkpoints after a minute or two, for the steps are slower."""

NEW_HEAD_LR = 5e-4
"""The same rate where the head is new: at 5e-5 it takes several times as long to learn."""

EPOCHS = 3
"""How often a fine-tuning goes through the text unless a number of steps is asked for; they try 2, 3 and 4."""


def find_pretrained(folder: str) -> Path:
    """The folder that a user means: one with a model, or a run, which has one in `model`.

    Raises InputError for a run that has none, or none yet, and for a checkpoint of one.
    """
    place, inside = Path(folder), Path(folder) / MODEL
    if (place / STATE).is_file() and not (place / CONFIG).exists():
        raise InputError(f"{place} is a checkpoint of a run; give the run, {os.path.normpath(place / '../..')}")
    settings = read_json(place / CONFIG) if (place / CONFIG).is_file() else {}
    if settings.get("format") != FORMAT:
        return inside if (inside / CONFIG).is_file() else place
    config = settings.get("config")
    if not isinstance(config, dict) or "from" not in config:
        raise InputError(f"{place} is a run of a model of its own, no BERT; use it with minattn reconstruct")
    if not ((inside / CONFIG).is_file() and (inside / WEIGHTS).exists()):
        raise InputError(
            f"{place} has no model yet: a fine-tuning writes it at its end; minattn train --resume {place} goes on"
        )
    return inside


def pretrained_config(folder: Path) -> EncoderConfig:
    """The sizes of the model in a folder. Raises InputError where there is none."""
    return read_config(settings_of(folder), str(folder / CONFIG))[1]


class Opened(NamedTuple):
    """What a folder holds, and whether the model's head had to be made."""

    model: MaskedLM
    tokenizer: WordPiece
    head_is_new: bool


def open_pretrained(folder: Path, report: Callable[[str], None]) -> Opened:
    """The masked-LM model in a folder and its tokenizer; an encoder gets a new head.

    report: is told what was not used of the folder, and of the head
    Raises InputError where the folder cannot be used.
    """
    tokenizer = WordPiece.from_pretrained(folder)
    size = pretrained_config(folder).vocab_size
    if tokenizer.vocab_size != size:
        raise InputError(f"{folder}: the tokenizer has {tokenizer.vocab_size:,} pieces, but the model has {size:,}")
    model = load_pretrained(folder, report=report)
    if isinstance(model, MaskedLM):
        return Opened(model, tokenizer, False)
    report(
        f"{folder} holds an encoder without a masked-LM head: a new head starts as the identity, "
        "with the word embedding as its table" + (", and the pooler is left out" if model.pooler else "")
    )
    return Opened(with_new_head(model), tokenizer, True)


def with_new_head(encoder: BertModel | DistilBertModel) -> MaskedLM:
    """An encoder with a masked-LM head that scores each token by its word embedding; nothing in it is random.

    The linear layer starts as the identity, so that the start is a de-embedding by the nearest token, which training
    improves; random weights would have to find first what the table knows.
    """
    config = replace(encoder.config, tied=True)
    model = MASKED_LM[encoder.model_type](replace(config, layers=0), generator=Unfilled())
    encoder.pooler = None
    model.config = encoder.config = config
    model.encoder = encoder
    model.head = MaskedLMHead(config, encoder.embeddings.word_embeddings, generator=Unfilled())
    model.head.dense.weight.set(np.eye(config.width, dtype=np.float32))
    return model.train(encoder.training)


def prepare_model_folder(run: Run, folder: Path, tokenizer: WordPiece) -> None:
    """Write what a run's model folder takes over from the folder it came from; the weights follow at the end."""
    tokenizer.save_pretrained(run.folder / MODEL)
    write_atomically(run.folder / MODEL / CONFIG, json.dumps(settings_of(folder), indent=1) + "\n")


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
            raise InputError(f"--freeze: {name!r} is no part of this model, which has embeddings, {blocks}head")
        frozen.update(found)
    if len(frozen) == layers + 2:
        raise InputError(f"--freeze {names} leaves nothing to train; leave a part out")
    return frozenset(frozen)


def freeze(model: Model, frozen: Iterable[str]) -> None:
    """Let the parameters of some parts need no gradient: they stay as they are, and no backward pass goes below them.

    A word embedding that the head shares counts among the embeddings.
    """
    prefixes = tuple(_prefix(part) for part in frozen)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith(prefixes)


def frozen_of(run: Run) -> frozenset[str]:
    """The parts of a run's pretrained model that are frozen; none in a run of a new model.

    Raises InputError for a config.json that is not one that this version knows.
    """
    config = model_config(run)
    if not isinstance(config, EncoderConfig):
        return frozenset()
    start = from_json(Start, run.config.get("from"), f"{run.folder}/config.json: from")
    return frozen_parts(start.freeze, config.layers)


def _prefix(part: str) -> str:
    """How the names of a part's parameters begin."""
    return "head." if part == "head" else f"encoder.{part.replace('layer', 'blocks')}."
