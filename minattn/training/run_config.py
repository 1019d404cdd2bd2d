"""What a run's config.json says, part by part, and the kinds of model that it may name; somebody may have edited it."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import InputError
from ..models import ReconstructionConfig, ReconstructionModel
from ..runs import Run, brief, from_json
from .data import TextFile
from .model import Model
from .settings import TrainingConfig


class ModelKind:
    """A kind of model that a run can hold: how it is read from config.json and made, before its weights are loaded.

    This one is the ReconstructionModel of this package; other kinds derive from it.

    config_class: the dataclass of its sizes, as JSON can hold them
    starts_from_seed: whether the first weights are drawn by the seed, and not those of a pretrained model
    """

    config_class: ClassVar[type[Any]] = ReconstructionConfig
    starts_from_seed: ClassVar[bool] = True

    def build(self, config: Any, seed: int, frozen: Collection[str] = ()) -> Model:
        """A model of these sizes, as the seed starts it or, where that is not how it starts, without its weights.

        frozen: parts whose parameters need no gradient
        """
        return ReconstructionModel(config, generator=np.random.default_rng(seed))

    def frozen_parts(self, run: Run, config: Any) -> frozenset[str]:
        """What --freeze named when a run was started. Raises InputError for a config.json that is damaged."""
        return frozenset()

    def save_model(self, model: Any, folder: Path) -> bool:
        """Write a trained model as other programs read it, and say whether there is such a form."""
        return False


RECONSTRUCTION = ModelKind()
MODEL_KINDS: dict[str, ModelKind] = {}
"""The other kinds by the model_type that config.json has for them; who brings one along enters it here."""


def model_kind(run: Run) -> ModelKind:
    """The kind of a run's model. Raises InputError if it is not one that is known."""
    settings = run.config.get("model")
    if not (isinstance(settings, dict) and "model_type" in settings):
        return RECONSTRUCTION
    model_type = settings["model_type"]
    if not isinstance(model_type, str) or model_type not in MODEL_KINDS:
        known = " and ".join(MODEL_KINDS) or "none; import minattn.pretrained first"
        raise InputError(f"{run.folder}/config.json: model: model_type is {brief(model_type)}; known are {known}")
    return MODEL_KINDS[model_type]


def model_config(run: Run) -> Any:
    """The sizes of a run's model, of its kind's config_class. Raises InputError if this version does not know them."""
    kind, settings = model_kind(run), run.config.get("model")
    if kind is not RECONSTRUCTION and isinstance(settings, dict):
        settings = {key: value for key, value in settings.items() if key != "model_type"}
    return from_json(kind.config_class, settings, f"{run.folder}/config.json: model")


def training_config(run: Run) -> TrainingConfig:
    """The training's part of a run's config.json. Raises InputError likewise."""
    return from_json(TrainingConfig, run.config.get("training"), f"{run.folder}/config.json: training")


def text_file(run: Run) -> TextFile:
    """The text's part of a run's config.json. Raises InputError likewise."""
    return from_json(TextFile, run.config.get("text"), f"{run.folder}/config.json: text")
