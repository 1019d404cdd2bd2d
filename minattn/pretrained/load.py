"""Opening what a user names: a folder of any of these models, or a run that has such a folder inside."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..errors import InputError
from ..runs import FORMAT, MODEL, STATE, read_json, reading
from .config import read_config
from .encoder import BertModel, DistilBertModel
from .folder import CONFIG, settings_of, tensors_of
from .masked_lm import BertForMaskedLM, DistilBertForMaskedLM
from .tensor_names import HEADS
from .weights import WEIGHTS

AnyPretrained: TypeAlias = BertModel | DistilBertModel | BertForMaskedLM | DistilBertForMaskedLM

CLASSES: dict[tuple[str, bool], type[AnyPretrained]] = {  # model type, whether with a masked-LM head
    ("bert", False): BertModel,
    ("bert", True): BertForMaskedLM,
    ("distilbert", False): DistilBertModel,
    ("distilbert", True): DistilBertForMaskedLM,
}


def load_pretrained(
    folder: str | os.PathLike[str], *, dtype: Any = np.float32, report: Callable[[str], None] = print
) -> AnyPretrained:
    """Open a folder as what its config.json says; see `Pretrained.from_pretrained` for the arguments and errors.

    Where it names no architecture, the tensors decide whether it is a masked-LM model.
    """
    folder = Path(folder)
    settings = settings_of(folder)
    model_type, _ = read_config(settings, str(folder / CONFIG))
    architectures = settings.get("architectures")
    if isinstance(architectures, list) and architectures:
        has_head = str(architectures[0]).endswith(("ForMaskedLM", "ForPreTraining"))
    else:
        has_head = HEADS[model_type]["head.dense.weight"] in tensors_of(folder, model_type)
    return CLASSES[model_type, has_head].from_pretrained(folder, dtype=dtype, report=report)


def find_pretrained(folder: str) -> Path:
    """The folder that a user means: one with a model, or a run, which has one in `model`.

    Raises InputError for a run that has none, or none yet, and for a checkpoint of one.
    """
    place, inside = Path(folder), Path(folder) / MODEL
    with reading(place):
        place.exists()  # or the system says why it cannot be, such as a name that is too long
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
