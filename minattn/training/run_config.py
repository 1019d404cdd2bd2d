"""What a run's config.json says, part by part; somebody may have edited it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from ..errors import InputError
from ..models import ReconstructionConfig, ReconstructionModel
from ..pretrained import BertForMaskedLM, DistilBertForMaskedLM, EncoderConfig
from ..pretrained.folder import Unfilled
from ..pretrained.masked_lm import MaskedLM
from ..runs import Run
from .data import Source
from .settings import TrainingConfig, from_json

ModelConfig: TypeAlias = ReconstructionConfig | EncoderConfig
MASKED_LM: dict[str, type[MaskedLM]] = {"bert": BertForMaskedLM, "distilbert": DistilBertForMaskedLM}


@dataclass(frozen=True)
class Start:
    """Where a fine-tuning began, as config.json remembers it: the folder, and what --freeze said."""

    folder: str
    freeze: str


def described(model: MaskedLM) -> dict[str, Any]:
    """A masked-LM model's part of a run's config.json; that of a ReconstructionModel has no model_type."""
    return {"model_type": model.model_type, **asdict(model.config)}


def model_config(run: Run) -> ModelConfig:
    """The model's part of a run's config.json. Raises InputError if it is not one that this version knows."""
    where, settings = f"{run.folder}/config.json: model", run.config.get("model")
    if not (isinstance(settings, dict) and "model_type" in settings):
        return from_json(ReconstructionConfig, settings, where)
    model_type = settings["model_type"]
    if not isinstance(model_type, str) or model_type not in MASKED_LM:
        raise InputError(f"{where}: model_type is {model_type!r}; known are {' and '.join(MASKED_LM)}")
    return from_json(EncoderConfig, {key: settings[key] for key in settings if key != "model_type"}, where)


def unfilled_model(run: Run) -> ReconstructionModel | MaskedLM:
    """The model of a run, whose weights say nothing until those of a checkpoint take their places."""
    config = model_config(run)
    if isinstance(config, EncoderConfig):
        return MASKED_LM[run.config["model"]["model_type"]](config, generator=Unfilled())
    return ReconstructionModel(config, generator=np.random.default_rng(0))


def training_config(run: Run) -> TrainingConfig:
    """The training's part of a run's config.json. Raises InputError if it is not one that this version knows."""
    return from_json(TrainingConfig, run.config.get("training"), f"{run.folder}/config.json: training")


def text_of(run: Run) -> Source:
    """The text's part of a run's config.json. Raises InputError likewise."""
    return from_json(Source, run.config.get("text"), f"{run.folder}/config.json: text")
