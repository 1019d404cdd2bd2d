"""Training: the data, the loop, what is measured, and the run folder that remembers it."""

from .config import ModelConfig, Start, described, model_config, text_of, training_config, unfilled_model
from .data import Data, Source, choose_tokenizer, find_text, fingerprint, load_data, source
from .data_parallel import DataParallel
from .evaluation import HeldOut, Score
from .finetune import (
    find_pretrained,
    freeze,
    frozen_of,
    frozen_parts,
    open_pretrained,
    pretrained_config,
)
from .forked import ForkedDataParallel, sharing
from .limits import check_memory, check_trainable
from .model import Model
from .restore import Restoration, load_model, restore, restore_ids
from .run import Run, newest_run
from .settings import TrainingConfig, from_json
from .trainer import Trainer

__all__ = [
    "Data",
    "DataParallel",
    "ForkedDataParallel",
    "HeldOut",
    "Model",
    "ModelConfig",
    "Restoration",
    "Run",
    "Score",
    "Source",
    "Start",
    "Trainer",
    "TrainingConfig",
    "check_memory",
    "check_trainable",
    "choose_tokenizer",
    "described",
    "find_pretrained",
    "find_text",
    "fingerprint",
    "freeze",
    "from_json",
    "frozen_of",
    "frozen_parts",
    "load_data",
    "load_model",
    "model_config",
    "newest_run",
    "open_pretrained",
    "pretrained_config",
    "restore",
    "restore_ids",
    "sharing",
    "source",
    "text_of",
    "training_config",
    "unfilled_model",
]
