"""Opening a folder without saying what is in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .config import read_config
from .encoder import BertModel, DistilBertModel
from .folder import CONFIG, settings_of
from .masked_lm import BertForMaskedLM, DistilBertForMaskedLM
from .tensor_names import HEADS
from .weights import find_tensors

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
        has_head = HEADS[model_type]["head.dense.weight"] in find_tensors(folder)
    return CLASSES[model_type, has_head].from_pretrained(folder, dtype=dtype, report=report)
