"""Training: the data, the loop, what is measured, and the run folder that remembers it."""

from .data import Data, choose_tokenizer, find_text, fingerprint, load_data
from .evaluation import HeldOut, Score
from .restore import Restoration, load_model, model_config, restore
from .run import Run, newest_run
from .settings import TrainingConfig
from .trainer import Trainer, reconstruction_loss

__all__ = [
    "Data",
    "HeldOut",
    "Restoration",
    "Run",
    "Score",
    "Trainer",
    "TrainingConfig",
    "choose_tokenizer",
    "find_text",
    "fingerprint",
    "load_data",
    "load_model",
    "model_config",
    "newest_run",
    "reconstruction_loss",
    "restore",
]
