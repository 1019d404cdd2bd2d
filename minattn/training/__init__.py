"""Training: the data, the loop, and what is measured."""

from .data import Data, Source, choose_tokenizer, find_text, fingerprint, load_data, source
from .evaluation import HeldOut, Score
from .limits import check_memory, check_trainable
from .model import Model
from .restore import Restoration, load_model, restore, restore_ids
from .run_config import ModelConfig, Start, described, model_config, text_of, training_config, unfilled_model
from .settings import TrainingConfig, from_json
from .trainer import Trainer

__all__ = [
    "Data",
    "HeldOut",
    "Model",
    "ModelConfig",
    "Restoration",
    "Score",
    "Source",
    "Start",
    "Trainer",
    "TrainingConfig",
    "check_memory",
    "check_trainable",
    "choose_tokenizer",
    "described",
    "find_text",
    "fingerprint",
    "from_json",
    "load_data",
    "load_model",
    "model_config",
    "restore",
    "restore_ids",
    "source",
    "text_of",
    "training_config",
    "unfilled_model",
]
